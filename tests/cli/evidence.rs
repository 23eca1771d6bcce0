//! Evidence against simulated routers: a traceroute once per way down, after the answer, delivered with the next one, and
//! never at the cost of a poll.

use crate::support::inventory::Inventory;
use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use crate::support::trapper::Trapper;
use crate::support::wait;
use serde_json::{Value, json};

const LINE: &str = "192.0.2.66";
const OTHER: &str = "192.0.2.10";

fn poll(monitor: &Monitor, sim: &Sim, target: &str, more: &[&str]) -> Value {
    let count = ["--count", "1", "--timeout", "1s"];
    monitor.poll(&sim.address("r1").to_string(), "linux", target, &[&count[..], more].concat()).json()
}

fn traceroutes(sim: &Sim) -> usize {
    sim.commands().iter().filter(|line| line.starts_with("traceroute")).count()
}

/// Waits until so many traceroutes were begun.
fn begun(sim: &Sim, count: usize) {
    sim.wait_for(&format!("{count} × traceroute"), |events| {
        let lines = events.iter().filter_map(|event| event["line"].as_str());
        lines.filter(|line| line.starts_with("traceroute")).count() >= count
    });
}

/// Waits until so many were run. A poll in between would stop one.
fn run(monitor: &Monitor, sim: &Sim, count: usize) {
    begun(sim, count);
    wait::until("an idle lane", || (monitor.status()[0]["lanes"][0]["state"] == "idle").then_some(()));
}

#[test]
fn a_line_that_goes_down_brings_one_traceroute_with_a_later_poll_and_one_more_only_after_it_was_up() {
    let mut sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    for times in 1..=2 {
        sim.change("r1", "dead", Vec::<String>::new());
        let up = poll(&monitor, &sim, LINE, &["--evidence"]);
        assert_eq!((&up["ping"]["up"], up.get("traceroute")), (&json!(1), None), "{up}");
        sim.change("r1", "dead", vec![LINE]);
        let down = poll(&monitor, &sim, LINE, &["--evidence"]);
        assert_eq!((&down["ping"]["up"], down.get("traceroute")), (&json!(0), None), "{down}");
        run(&monitor, &sim, times);
        let brings = poll(&monitor, &sim, LINE, &["--evidence"]);
        let found = &brings["traceroute"];
        assert_eq!((&found["reached"], &found["complete"]), (&json!(0), &json!(true)), "{brings}");
        assert_eq!(found["hops"][0], json!({ "hop": 1, "address": "10.255.0.1", "rtt": 0.001125 }), "{found}");
        assert_eq!(found["hops"][2], json!({ "hop": 3 }), "{found}");
        assert!(found["text"].as_str().is_some_and(|text| text.contains("10.255.0.1")), "{found}");
        assert!(found["time"].as_f64() >= down["time"].as_f64(), "{found} {down}");
        let again = poll(&monitor, &sim, LINE, &["--evidence"]);
        assert_eq!(again.get("traceroute"), None, "told once: {again}");
        assert_eq!(traceroutes(&sim), times);
    }
    assert_eq!(sim.count("login"), 1);
}

#[test]
fn who_does_not_ask_for_evidence_gets_none() {
    let sim = SimRouter::new("linux").with("dead", vec![LINE]).start();
    let monitor = Monitor::new();
    for more in [&[][..], &["--evidence", ""], &["--evidence", "no"]] {
        assert_eq!(poll(&monitor, &sim, LINE, more).get("traceroute"), None);
    }
    let refused = poll(&monitor, &sim, LINE, &["--evidence", "often"]);
    assert_eq!(refused["failure"]["kind"], "settings", "{refused}");
    let message = refused["failure"]["message"].as_str().expect("a message");
    assert!(message.contains("{$LINE_EVIDENCE}") && message.contains("edge"), "{message}");
    assert_eq!(traceroutes(&sim), 0);
}

#[test]
fn on_demand_it_is_run_for_a_line_that_is_up_too() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let first = poll(&monitor, &sim, LINE, &["--evidence", "now"]);
    assert_eq!((&first["ping"]["up"], first.get("traceroute")), (&json!(1), None), "{first}");
    run(&monitor, &sim, 1);
    let brings = poll(&monitor, &sim, LINE, &["--evidence", "now"]);
    let found = &brings["traceroute"];
    assert_eq!((&found["reached"], &found["hops"][2]["address"]), (&json!(1), &json!(LINE)), "{brings}");
    run(&monitor, &sim, 2);
}

#[test]
fn a_poll_that_comes_meanwhile_stops_the_traceroute_and_costs_no_login() {
    let sim = SimRouter::new("linux").with("dead", vec![LINE]).with("traceroute_pace", "60s").start();
    let monitor = Monitor::new();
    assert_eq!(poll(&monitor, &sim, LINE, &["--evidence"])["ping"]["up"], 0);
    // It is begun three times.
    for times in 1..=3 {
        begun(&sim, times);
        let other = poll(&monitor, &sim, OTHER, &[]);
        assert_eq!((&other["ping"]["up"], &other["session"]), (&json!(1), &json!("reused")), "{other}");
    }
    run(&monitor, &sim, 3);
    let brings = poll(&monitor, &sim, LINE, &["--evidence"]);
    assert!(brings["traceroute"]["failure"]["message"].is_string(), "{brings}");
    assert_eq!((traceroutes(&sim), sim.count("login")), (3, 1));
}

/// A router that does not stop a traceroute, and a poll of another line that comes while it runs.
fn unstoppable(lanes: u8) -> (Sim, Monitor) {
    let sim = SimRouter::new("linux")
        .with("dead", vec![LINE])
        .with("traceroute_pace", "60s")
        .with("ignore_abort", true)
        .start();
    let monitor = Monitor::with(&format!("master.lanes = {lanes}"));
    assert_eq!(poll(&monitor, &sim, LINE, &["--evidence"])["ping"]["up"], 0);
    begun(&sim, 1);
    let other = poll(&monitor, &sim, OTHER, &[]);
    assert_eq!((&other["state"], &other["ping"]["up"]), (&json!(0), &json!(1)), "{other}");
    (sim, monitor)
}

#[test]
fn a_router_that_does_not_stop_its_traceroute_is_asked_on_another_lane_and_for_no_further_one() {
    let (mut sim, monitor) = unstoppable(2);
    let brings = wait::until("the end of the traceroute", || {
        let answer = poll(&monitor, &sim, LINE, &["--evidence"]);
        answer.get("traceroute").cloned()
    });
    assert_eq!(brings["failure"]["kind"], "deadline", "{brings}");
    // Down once more.
    sim.change("r1", "dead", Vec::<String>::new());
    assert_eq!(poll(&monitor, &sim, LINE, &["--evidence"])["ping"]["up"], 1);
    sim.change("r1", "dead", vec![LINE]);
    assert_eq!(poll(&monitor, &sim, LINE, &["--evidence"])["ping"]["up"], 0);
    let told = poll(&monitor, &sim, LINE, &["--evidence"]);
    assert!(told["traceroute"]["failure"]["message"].to_string().contains("not run"), "{told}");
    assert_eq!((traceroutes(&sim), sim.count("login")), (1, 2));
}

#[test]
fn where_there_is_one_lane_a_traceroute_that_does_not_stop_costs_the_session_and_not_the_poll() {
    let (sim, _monitor) = unstoppable(1);
    assert_eq!((traceroutes(&sim), sim.count("login")), (1, 2));
}

#[test]
fn a_master_that_is_told_to_leave_does_not_wait_for_a_traceroute() {
    let sim = SimRouter::new("linux").with("dead", vec![LINE]).with("traceroute_pace", "60s").start();
    let monitor = Monitor::new();
    assert_eq!(poll(&monitor, &sim, LINE, &["--evidence"])["ping"]["up"], 0);
    begun(&sim, 1);
    let status = monitor.status();
    assert_eq!((&status[0]["state"], &status[0]["lanes"][0]["state"]), (&json!("up"), &json!("evidence")), "{status}");
    assert_eq!(monitor.run(&["stop", "--all"]).code, Some(0));
    // By its own words: not cut off.
    sim.wait_for_count("closed", 1);
    assert!(sim.commands().iter().any(|line| line == "exit"), "{:?}", sim.commands());
}

#[test]
fn a_line_of_the_inventory_says_when_and_a_batch_brings_none() {
    let sim = SimRouter::new("linux").with("dead", vec![LINE]).start();
    let monitor = Monitor::new();
    let router = sim.address("r1").to_string();
    Inventory::new()
        .router("edge-1", &router, "linux", "")
        .line("L-1", "edge-1", LINE, "count = 1\ntimeout = \"1s\"\nevidence = \"edge\"")
        .import(&monitor);
    for _ in 0..2 {
        let batch = monitor.run(&["batch", "--router", "edge-1"]).json();
        assert_eq!((&batch["lines"]["L-1"]["ping"]["up"], batch["lines"]["L-1"].get("traceroute")), (&json!(0), None));
    }
    assert_eq!(traceroutes(&sim), 0);
    let poll = || monitor.run(&["poll", "--line", "L-1"]).json();
    assert_eq!(poll().get("traceroute"), None);
    run(&monitor, &sim, 1);
    let brings = poll();
    assert_eq!(brings["traceroute"]["reached"], 0, "{brings}");
}

#[test]
fn a_sweep_reports_the_traceroute_of_a_line_that_went_down() {
    let (sim, trapper) = (SimRouter::new("linux").with("dead", vec![LINE]).start(), Trapper::start());
    let monitor = Monitor::with(&format!("zabbix.sender = \"{}\"", trapper.address()));
    Inventory::new()
        .router("edge-1", &sim.address("r1").to_string(), "linux", "")
        .line("L-1", "edge-1", LINE, "count = 1\ntimeout = \"1s\"\ninterval = \"1s\"\nevidence = \"edge\"")
        .import(&monitor);
    let told = || trapper.taken().into_iter().filter(|value| value.key == "line.traceroute").collect::<Vec<_>>();
    wait::until("a pass that measured", || (monitor.run(&["sweep"]).json()["measured"] != 0).then_some(()));
    run(&monitor, &sim, 1);
    assert_eq!(told(), []);
    let found = wait::until("a pass that brings the traceroute", || {
        monitor.run(&["sweep"]);
        told().pop()
    });
    assert!(found.host == LINE && found.value.contains("10.255.0.2"), "{found:?}");
    monitor.run(&["sweep"]);
    assert_eq!((told().len(), traceroutes(&sim)), (1, 1));
}
