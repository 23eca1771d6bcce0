use super::*;
use crate::failure::Stage;
use crate::probe::{Answer, PingResult, ProbeKind};
use crate::wire::Session;

fn ping(up: u8) -> Answers {
    let trip = Some(0.123_456);
    let result = PingResult {
        up,
        sent: Some(5),
        received: Some(5 * u32::from(up)),
        loss: Some(if up == 1 { 0.0 } else { 100.0 }),
        rtt_min: trip,
        rtt_avg: trip,
        rtt_max: trip,
        complete: true,
        ..PingResult::default()
    };
    let outcome = Ok(Measurement::Ping(result));
    let answers = vec![Answer { kind: ProbeKind::Ping, outcome }];
    Answers {
        answers,
        time: 1_764_000_000.123,
        age: 0.0,
        elapsed: 0.2,
        session: Session::Reused,
        conversation: Vec::new(),
    }
}

fn failed(kind: Kind) -> Answers {
    let answer = Answer { kind: ProbeKind::Ping, outcome: Err(Failure::new(kind, Stage::Probe, "no")) };
    Answers { answers: vec![answer], ..ping(1) }
}

fn cached(answers: Answers) -> Answers {
    Answers { session: Session::Cached, age: 30.0, ..answers }
}

fn batch(lines: Vec<Option<Answers>>, failure: Option<Kind>) -> Batch {
    let failure = failure.map(|kind| Failure::new(kind, Stage::Connect, "the router"));
    Batch { lines, failure, lanes: 1, session_age: Some(1.0) }
}

fn state(lines: Vec<Option<Answers>>, failure: Option<Kind>) -> u8 {
    router_failure(&batch(lines, failure)).map_or(0, |failure| failure.kind.number())
}

#[test]
fn a_router_that_answered_for_one_line_was_asked() {
    assert_eq!(state(vec![Some(ping(0)), None], None), 0);
    assert_eq!(state(vec![Some(failed(Kind::Rejected)), None], None), 0);
    assert_eq!(state(vec![Some(ping(1)), None], Some(Kind::Connect)), 0);
    assert_eq!(state(vec![None, None], None), 0, "logged in, the pings still run");
}

#[test]
fn a_router_that_answered_for_none_was_not() {
    assert_eq!(state(vec![None], Some(Kind::Auth)), 3);
    assert_eq!(state(vec![Some(failed(Kind::Shell)), None], None), 6);
    assert_eq!(state(vec![Some(failed(Kind::Deadline))], None), 8);
    assert_eq!(state(vec![Some(cached(ping(1)))], Some(Kind::Connect)), 2, "an old answer says nothing of now");
    let left = Answers { age: 30.0, ..ping(0) };
    assert_eq!(state(vec![Some(left.clone())], Some(Kind::Connect)), 2, "nor does one that the batch before left");
    assert_eq!(state(vec![Some(left)], None), 0, "a line that is dead comes with the next batch");
}

#[test]
fn a_thousand_lines_fit_a_value_of_zabbix_also_when_each_has_a_long_message() {
    let long = "ä".repeat(5000);
    let refused = Failure::new(Kind::Rejected, Stage::Probe, long);
    let mut worst = failed(Kind::Rejected);
    worst.answers[0].outcome = Err(refused);
    let asked = |n: u32| Asked { id: format!("LINE-WITH-A-LONG-NAME-{n}"), target: "2001:db8:1111:2222::1".into() };
    for answers in [ping(1), worst] {
        let (failure, lines) = rows((0..1000).map(asked).collect(), batch(vec![Some(answers); 1000], None), 0.0);
        let document = BatchDocument {
            router: Some("r".into()),
            address: None,
            platform: None,
            failure,
            time: 0.0,
            elapsed: 0.0,
            lanes: 2,
            session_age: None,
            lines,
        };
        let length = serde_json::to_string(&document).unwrap().len();
        assert!((100_000..500_000).contains(&length), "{length}");
    }
}

#[test]
fn old_numbers_of_a_router_that_cannot_be_asked_are_not_shown_and_new_ones_are() {
    let asked = |n: u32| Asked { id: format!("L-{n}"), target: "192.0.2.1".into() };
    let left = Answers { age: 30.0, ..ping(0) };
    let lines = || vec![Some(cached(ping(1))), Some(left.clone()), None];
    let shown = |failure| {
        let (_, lines) = rows((1..=3).map(asked).collect(), batch(lines(), failure), 0.0);
        lines.iter().map(|row| matches!(row.answer, RowAnswer::Line(_))).collect::<Vec<_>>()
    };
    assert_eq!(shown(Some(Kind::Deadline)), [false, true, false]);
    assert_eq!(shown(None), [true; 3]);
}

#[test]
fn lines_of_a_router_that_was_not_asked_have_its_state_and_no_numbers() {
    let asked = vec![Asked { id: "L 1".into(), target: "192.0.2.1".into() }];
    let (failure, lines) = rows(asked, batch(Vec::new(), Some(Kind::Busy)), 0.0);
    assert_eq!(failure.unwrap().kind, Kind::Busy);
    assert_eq!(serde_json::to_string(&Rows(&lines)).unwrap(), r#"{"L 1":{"target":"192.0.2.1","state":5}}"#);
}
