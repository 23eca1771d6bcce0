use super::*;
use crate::failure::{Kind, Stage};
use crate::probe::Answer;
use crate::wire::Session;

const FORM: Form = Form { items: Items::Template, heartbeat: Duration::from_secs(3600) };
const OLD: Form = Form { items: Items::DedicatedLine, ..FORM };

fn never(_: &str) -> bool {
    false
}

fn answers(up: u8, time: f64) -> Answers {
    let rtt = Some(0.0125).filter(|_| up == 1);
    let ping = PingResult {
        up,
        sent: Some(5),
        received: Some(5 * u32::from(up)),
        loss: Some(if up == 1 { 0.0 } else { 100.0 }),
        rtt_min: rtt,
        rtt_avg: rtt,
        rtt_max: rtt,
        complete: true,
        ..PingResult::default()
    };
    let answers = vec![Answer { kind: ProbeKind::Ping, outcome: Ok(Measurement::Ping(ping)) }];
    Answers { answers, time, age: 0.0, elapsed: 0.2504, session: Session::Reused, conversation: Vec::new() }
}

fn said(values: &[Value]) -> Vec<String> {
    values.iter().map(|value| format!("{}={}", value.key, value.value)).collect()
}

#[test]
fn a_measurement_becomes_the_template_s_items_with_its_own_time() {
    let mut reported = Reported::default();
    let found = values("10.1.1.2", Outcome::Answered(&answers(1, 1_764_000_000.25)), FORM, &never, &mut reported);
    let expected = [
        "line.state=0",
        "line.up=1",
        "line.complete=1",
        "line.sent=5",
        "line.received=5",
        "line.loss=0",
        "line.rtt.min=0.0125",
        "line.rtt.avg=0.0125",
        "line.rtt.max=0.0125",
        "line.age=0.000",
        "line.elapsed=0.250",
        "line.message=the far end answers",
    ];
    assert_eq!(said(&found), expected);
    assert!(found.iter().all(|v| (v.host.as_str(), v.clock, v.ns) == ("10.1.1.2", 1_764_000_000, 250_000_000)));
    // The same measurement again is nothing new.
    assert_eq!(values("10.1.1.2", Outcome::Answered(&answers(1, 1_764_000_000.25)), FORM, &never, &mut reported), []);
}

#[test]
fn text_is_said_when_it_changes_and_once_per_heartbeat_and_numbers_always() {
    let mut reported = Reported::default();
    let mut texts = |up: u8, time: f64| -> Vec<String> {
        let found = values("h", Outcome::Answered(&answers(up, time)), FORM, &never, &mut reported);
        assert!(found.len() >= 8);
        found.into_iter().filter(|value| value.key == "line.message").map(|value| value.value).collect()
    };
    assert_eq!(texts(1, 1000.0), ["the far end answers"]);
    assert_eq!(texts(1, 1180.0), [""; 0]);
    assert_eq!(texts(0, 1360.0), ["no packet came back"]);
    assert_eq!(texts(1, 1540.0), ["the far end answers"]);
    assert_eq!(texts(1, 1540.0 + 3599.0), [""; 0]);
    assert_eq!(texts(1, 1540.0 + 3600.0), ["the far end answers"]);
    assert_eq!(texts(1, 10.0), ["the far end answers"], "the clock was set back");
}

#[test]
fn text_that_may_not_have_arrived_is_said_again_until_it_has() {
    let mut reported = Reported::default();
    let mut texts = |doubted: bool, time: f64| -> usize {
        let again = |key: &str| doubted && key == "line.message";
        let found = values("h", Outcome::Answered(&answers(1, time)), FORM, &again, &mut reported);
        found.iter().filter(|value| is_text(&value.key)).count()
    };
    assert_eq!([texts(false, 1000.0), texts(true, 1060.0), texts(true, 1120.0), texts(false, 1180.0)], [1, 1, 1, 0]);
}

#[test]
fn the_port_and_the_packets_are_said_where_the_router_prints_them() {
    let port = InterfaceResult {
        name: "Gi0/0/1".into(),
        admin: Some(1),
        oper: Some(1),
        description: Some("to Ghent".into()),
        in_errors: Some(7),
        in_rate: Some(64_000),
        out_rate: Some(0),
        last_change: Some(3600),
        ..InterfaceResult::default()
    };
    let with = |port: Result<InterfaceResult, Failure>, time: f64| {
        let mut answers = answers(1, time);
        let outcome = port.map(Measurement::Interface);
        answers.answers.insert(0, Answer { kind: ProbeKind::Interface, outcome });
        if let Ok(Measurement::Ping(ping)) = &mut answers.answers[1].outcome {
            (ping.rtt_p95, ping.jitter, ping.loss_burst) = (Some(0.5), Some(0.25), Some(2));
        }
        answers
    };
    let mut reported = Reported::default();
    let mut port_of = |port: Result<InterfaceResult, Failure>, time: f64| {
        let mut found = said(&values("h", Outcome::Answered(&with(port, time)), FORM, &never, &mut reported));
        found.retain(|value| {
            value.contains("port") || value.contains("p95") || value.contains("j") || value.contains("burst")
        });
        found
    };
    let expected = [
        "line.loss.burst=2",
        "line.rtt.p95=0.5",
        "line.jitter=0.25",
        "line.port.status=1",
        "line.port.oper=1",
        "line.port.admin=1",
        "line.port.in.errors=7",
        "line.port.in.rate=64000",
        "line.port.out.rate=0",
        "line.port.last.change=3600",
        "line.port.message=Gi0/0/1 is up",
        "line.port.name=Gi0/0/1 (to Ghent)",
    ];
    assert_eq!(port_of(Ok(port.clone()), 1.0), expected);
    assert_eq!(port_of(Ok(port.clone()), 2.0), expected[..10], "texts only when they change");
    let shut = InterfaceResult { admin: Some(0), oper: Some(0), ..port };
    let shut = port_of(Ok(shut), 3.0);
    assert!(
        shut.contains(&"line.port.status=2".into()) && shut.contains(&"line.port.message=Gi0/0/1 is shut down".into())
    );
    assert!(!shut.iter().any(|value| value.contains("rate")), "{shut:?}");
    let failure = Failure::new(Kind::Rejected, Stage::Probe, "no such interface");
    let failed = port_of(Err(failure), 4.0);
    assert_eq!(failed[3..], ["line.port.message=no such interface"], "{failed:?}");
}

#[test]
fn a_failure_is_a_number_and_a_text_and_never_a_line_that_is_down() {
    let failure = Failure::new(Kind::Auth, Stage::Login, "router 192.0.2.1 refused user ddl");
    let found = values("h", Outcome::Unasked(&failure, 5.0), FORM, &never, &mut Reported::default());
    assert_eq!(said(&found), ["line.state=3", "line.message=router 192.0.2.1 refused user ddl"]);
}

#[test]
fn the_earlier_tool_s_two_items_are_loss_and_error() {
    let mut reported = Reported::default();
    let found = values("h", Outcome::Answered(&answers(0, 5.0)), OLD, &never, &mut reported);
    assert_eq!(said(&found), ["dedicatedLinePing=100", "dedicatedLineErrorDetail="]);
    let failure = Failure::new(Kind::Connect, Stage::Connect, "no answer");
    let found = values("h", Outcome::Unasked(&failure, 6.0), OLD, &never, &mut reported);
    assert_eq!(said(&found), ["dedicatedLineErrorDetail=no answer"]);
}
