use super::*;
use crate::probe::{PingResult, Traceroute, TracerouteResult};
use crate::wire::Session;

fn line(last: u8, when: When) -> Probes {
    let target = [192, 0, 2, last].into();
    Arc::new([
        Probe::Interface { name: "wan0".to_owned().try_into().unwrap() },
        Probe::Traceroute(Traceroute { target, vrf: None, source: None, when }),
    ])
}

fn ping(up: u8) -> Answers {
    let ping: PingResult = serde_json::from_value(serde_json::json!({ "up": up, "complete": true })).unwrap();
    let answers = vec![Answer { kind: ProbeKind::Ping, outcome: Ok(Measurement::Ping(ping)) }];
    Answers { answers, time: 0.0, age: 0.0, elapsed: 0.0, session: Session::Reused, conversation: Vec::new() }
}

fn unknown() -> Answers {
    let failure = Failure::new(Kind::Connect, Stage::Connect, "refused");
    let answers = vec![Answer { kind: ProbeKind::Ping, outcome: Err(failure) }];
    Answers { answers, ..ping(1) }
}

fn found(hops: usize) -> Answer {
    let text = "*\n".repeat(hops);
    let result = TracerouteResult { reached: 0, hops: Vec::new(), time: None, complete: false, text };
    Answer { kind: ProbeKind::Traceroute, outcome: Ok(Measurement::Traceroute(result)) }
}

/// How often it is run over these measurements.
fn runs(probes: &Probes, measurements: &[Answers]) -> Vec<usize> {
    let mut evidence = Evidence::default();
    let run = |answers| {
        evidence.measured(probes, answers);
        let mut runs = 0;
        while let Some((line, _)) = evidence.next() {
            evidence.found(&line, found(1), false);
            runs += 1;
        }
        runs
    };
    measurements.iter().map(run).collect()
}

#[test]
fn it_is_run_once_when_the_line_goes_down_and_again_only_after_it_was_up() {
    let (up, down) = (ping(1), ping(0));
    let measured = [up.clone(), down.clone(), down.clone(), up.clone(), up, down.clone(), down];
    assert_eq!(runs(&line(1, When::Edge), &measured), [0, 1, 0, 0, 0, 1, 0]);
}

#[test]
fn a_line_that_was_never_seen_up_may_have_gone_down_just_now() {
    assert_eq!(runs(&line(1, When::Edge), &[ping(0), ping(0)]), [1, 0]);
}

#[test]
fn a_router_out_of_reach_is_no_edge() {
    assert_eq!(runs(&line(1, When::Edge), &[ping(0), unknown(), ping(0)]), [1, 0, 0]);
    assert_eq!(runs(&line(1, When::Edge), &[ping(1), unknown(), ping(1)]), [0, 0, 0]);
}

#[test]
fn on_demand_it_is_run_with_every_poll() {
    assert_eq!(runs(&line(1, When::Now), &[ping(1), ping(0), ping(0)]), [1, 1, 1]);
}

#[test]
fn who_does_not_ask_for_it_gets_none() {
    let probes: Probes = Arc::new([]);
    assert_eq!(runs(&probes, &[ping(1), ping(0)]), [0, 0]);
}

#[test]
fn one_that_was_cut_short_is_run_again_and_the_last_try_counts() {
    let probes = line(1, When::Edge);
    let mut evidence = Evidence::default();
    evidence.measured(&probes, &ping(0));
    for hops in 1..=3 {
        assert!(evidence.take(&probes).is_none());
        let (line, _) = evidence.next().unwrap();
        evidence.found(&line, found(hops), true);
    }
    assert_eq!(evidence.take(&probes), Some(found(3)));
    assert!(evidence.next().is_none());
    assert!(evidence.take(&probes).is_none(), "told twice");
}

#[test]
fn a_line_that_is_back_needs_none_any_more() {
    let probes = line(1, When::Edge);
    let mut evidence = Evidence::default();
    evidence.measured(&probes, &ping(0));
    evidence.measured(&probes, &ping(1));
    assert!(evidence.next().is_none());
}

#[test]
fn what_nobody_took_is_there_for_the_next() {
    let probes = line(1, When::Edge);
    let mut evidence = Evidence::default();
    evidence.measured(&probes, &ping(0));
    let (line, _) = evidence.next().unwrap();
    evidence.found(&line, found(1), false);
    let taken = evidence.take(&probes).unwrap();
    evidence.put_back(&probes, taken);
    assert!(evidence.take(&probes).is_some());
}

#[test]
fn when_everything_is_down_the_first_few_lines_tell_it_and_the_others_say_so() {
    let mut evidence = Evidence::default();
    let lines: Vec<Probes> = (0..40).map(|last| line(last, When::Edge)).collect();
    lines.iter().for_each(|probes| evidence.measured(probes, &ping(0)));
    let told = lines.iter().filter(|probes| evidence.take(probes).is_some_and(|told| told.outcome.is_err())).count();
    assert_eq!(told, 40 - WAITING);
    assert_eq!(std::iter::from_fn(|| evidence.next()).count(), WAITING);
}

#[test]
fn after_one_that_cost_the_session_none_is_run_and_every_line_says_so() {
    let (first, second) = (line(1, When::Edge), line(2, When::Edge));
    let mut evidence = Evidence::default();
    evidence.measured(&first, &ping(0));
    evidence.pause();
    evidence.measured(&second, &ping(0));
    assert!(evidence.next().is_none());
    for probes in [&first, &second] {
        let told = evidence.take(probes).unwrap().outcome.unwrap_err();
        assert!(told.message.contains("cost the session"), "{told}");
    }
}

#[test]
fn it_is_run_when_no_poll_came_for_a_moment_but_waits_for_that_no_longer_than_so_long() {
    let probes = line(1, When::Edge);
    let mut evidence = Evidence::default();
    let before = Instant::now();
    assert_eq!(evidence.due(before), None);
    evidence.measured(&probes, &ping(0));
    assert_eq!(evidence.due(before), Some(before + QUIET));
    let busy = before + PATIENCE * 2;
    let due = evidence.due(busy).unwrap();
    assert!(before + PATIENCE <= due && due < busy, "{:?}", due - before);
}

#[test]
fn more_lines_than_the_limit_push_out_the_oldest() {
    let mut evidence = Evidence::default();
    for n in 0..u32::try_from(LIMIT).unwrap() + 10 {
        let target = std::net::Ipv4Addr::from(n + 1).into();
        let line: Probes =
            Arc::new([Probe::Traceroute(Traceroute { target, vrf: None, source: None, when: When::Edge })]);
        evidence.measured(&line, &ping(1));
    }
    assert_eq!(evidence.lines.len(), LIMIT);
}
