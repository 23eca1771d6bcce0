//! Simulated routers that send a packet when the one before is settled, on lines that lose packets at random: no answer calls a
//! line down from which a packet came back, and all losses together are what was dropped.

use crate::support::lossy::{LossyLine, TrueRun, assert_delivered, lossy_lines, poll_all, settings};
use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use serde_json::Value;

/// Lines per router, each with a session of its own.
const LANES: usize = 8;

fn router_of(number: usize) -> String {
    format!("r{}", number / LANES)
}

fn target_of(number: usize) -> String {
    format!("10.0.0.{number}")
}

fn start(platform: &str, lines: &[LossyLine]) -> Sim {
    let lossy = |(number, line): (usize, &LossyLine)| format!("{}={}", target_of(number), f64::from(line.loss) / 10.0);
    let lossy: Vec<String> = lines.iter().enumerate().map(lossy).collect();
    let routers = (0..lines.len()).step_by(LANES);
    Sim::start(routers.map(|first| SimRouter::new(platform).name(&router_of(first)).with("lose_random", lossy.clone())))
}

fn runs_of(events: &[Value], number: usize) -> Vec<TrueRun> {
    let is_of_line = |event: &&Value| event["event"] == "ping" && event["target"] == target_of(number);
    let mut runs: Vec<TrueRun> = events.iter().filter(is_of_line).map(true_run).collect();
    runs.sort_by(|one, other| one.begun.total_cmp(&other.begun));
    runs
}

fn true_run(event: &Value) -> TrueRun {
    let sent = event["sent"].as_u64().expect("a number");
    let lost = event["lost"].as_array().expect("packets");
    let time = |name: &str| event[name].as_f64().expect("a time");
    TrueRun {
        begun: time("begun"),
        duration: time("time") - time("begun"),
        delay: 0.0,
        came_back: (1..=sent).map(|packet| !lost.iter().any(|lost| *lost == packet)).collect(),
        is_whole: event["ending"] == "complete",
    }
}

fn losses_are_what_was_dropped(platform: &str, lines: &[LossyLine]) {
    let sim = start(platform, lines);
    let monitor = Monitor::with(&settings(LANES));
    let answers = poll_all(lines, |number, arguments| {
        let router = sim.address(&router_of(number)).to_string();
        monitor.poll(&router, platform, &target_of(number), arguments).json()
    });
    drop(monitor);
    sim.wait_for_end_of_sessions();
    let events = sim.events();
    let lines = lines.iter().zip(answers).enumerate();
    let lines = lines.map(|(number, (line, answers))| (*line, answers, runs_of(&events, number)));
    assert_delivered(platform, &lines.collect::<Vec<_>>());
}

#[test]
fn ios_losses_are_what_was_dropped() {
    losses_are_what_was_dropped("cisco_iosxe", &lossy_lines(1000, 6));
}

#[test]
fn vrp_losses_are_what_was_dropped() {
    losses_are_what_was_dropped("huawei_vrp", &lossy_lines(500, 3));
}
