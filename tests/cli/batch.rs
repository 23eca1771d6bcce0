//! A router's lines in one document: what is measured, what goes on, what a router's own failure looks like, and that
//! nothing is measured, logged in or brought twice.

use crate::support::inventory::Inventory;
use crate::support::monitor::{Monitor, Ran};
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use serde_json::{Value, json};

const DEAD: &str = "192.0.2.66";
const UP: [&str; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];

fn at(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

fn batch(monitor: &Monitor, more: &[&str]) -> Ran {
    monitor.run(&[&["batch", "--router", "edge-1"], more].concat())
}

fn names(value: &Value) -> Vec<String> {
    value.as_object().expect("an object").keys().cloned().collect()
}

fn pings(sim: &Sim) -> usize {
    sim.commands().iter().filter(|line| line.contains("ping")).count()
}

/// Three lines that are up, as `more` says.
fn three(sim: &Sim, platform: &str, more: &str) -> Monitor {
    let monitor = Monitor::with("log.level = \"debug\"");
    let inventory = Inventory::new().router("edge-1", &at(sim), platform, more);
    let lines =
        UP.iter().zip(1..).fold(inventory, |lines, (target, n)| lines.line(&format!("L-{n}"), "edge-1", target, ""));
    lines.import(&monitor);
    monitor
}

fn idle(monitor: &Monitor) {
    wait::until("a master with nothing to do", || {
        let row = monitor.status()[0].clone();
        let lanes = row["lanes"].as_array()?.clone();
        (row["queued"] == 0 && lanes.iter().all(|lane| lane["state"] == "idle")).then_some(())
    });
}

#[test]
fn all_lines_of_a_router_are_in_one_document_with_what_they_share_said_once() {
    let sim = SimRouter::new("cisco_iosxe").start();
    let monitor = three(&sim, "cisco_iosxe", "lanes = 1");
    let answer = batch(&monitor, &["--deadline", "60s"]).json();
    let members = ["address", "elapsed", "lanes", "lines", "platform", "router", "session_age", "state", "time"];
    assert_eq!(names(&answer), members, "{answer}");
    assert_eq!((&answer["router"], &answer["address"]), (&json!("edge-1"), &json!(at(&sim))));
    assert_eq!((&answer["state"], &answer["platform"]), (&json!(0), &json!("cisco_iosxe")));
    assert_eq!(answer["lanes"], 1, "{answer}");
    assert_eq!(names(&answer["lines"]), ["L-1", "L-2", "L-3"]);
    for (n, target) in (1..).zip(UP) {
        let line = &answer["lines"][format!("L-{n}")];
        assert_eq!(names(line), ["age", "elapsed", "ping", "session", "state", "target", "time"], "{line}");
        assert_eq!((&line["target"], &line["state"], &line["age"]), (&json!(target), &json!(0), &json!(0.0)), "{line}");
        assert_eq!((&line["ping"]["sent"], &line["ping"]["received"]), (&json!(5), &json!(5)), "{line}");
    }
    assert_eq!(batch(&monitor, &["--deadline", "60s"]).json()["lines"]["L-2"]["session"], "reused");
    assert_eq!(pings(&sim), 6);
    assert_eq!(sim.count("login"), 1);
}

#[test]
fn lines_may_be_named_with_or_without_their_router() {
    let sim = SimRouter::new("linux").start();
    let monitor = three(&sim, "linux", "");
    for arguments in [
        vec!["batch", "--line", "L-3", "--line", "L-1"],
        vec!["batch", "--router", "", "--router", "edge-1", "--line", "L-1", "--line", "L-3", "--line", "L-1"],
    ] {
        let answer = monitor.run(&arguments).json();
        assert_eq!(
            (&answer["router"], names(&answer["lines"])),
            (&json!("edge-1"), vec!["L-1".to_owned(), "L-3".to_owned()])
        );
    }
    assert_eq!(pings(&sim), 4);
}

#[test]
fn a_line_that_is_not_done_goes_on_and_comes_once_as_new_and_then_as_cached() {
    let sim = SimRouter::new("linux").with("dead", vec![DEAD]).start();
    let monitor = Monitor::new();
    Inventory::new()
        .router("edge-1", &at(&sim), "linux", "lanes = 1")
        .line("up", "edge-1", UP[0], "")
        .line("dead", "edge-1", DEAD, "count = 1\ntimeout = \"10s\"")
        .import(&monitor);
    let first = batch(&monitor, &["--deadline", "5s"]).json();
    assert_eq!((&first["state"], &first["lines"]["up"]["ping"]["up"]), (&json!(0), &json!(1)), "{first}");
    let dead = &first["lines"]["dead"];
    assert_eq!((&dead["state"], &dead["failure"]["kind"]), (&json!(8), &json!("deadline")), "{first}");
    assert!(dead["ping"].is_null());
    idle(&monitor);
    assert_eq!(pings(&sim), 2, "nothing was asked anew");
    // It is measured again; until that is done its last result counts, for the first time.
    let second = batch(&monitor, &["--deadline", "5s"]).json();
    let dead = &second["lines"]["dead"];
    assert_eq!((&dead["ping"]["up"], &dead["ping"]["loss"]), (&json!(0), &json!(100.0)), "{second}");
    assert_eq!((&dead["session"], &dead["ping"]["complete"]), (&json!("opened"), &json!(true)), "{second}");
    assert!(dead["age"].as_f64().unwrap() >= 10.0, "{second}");
    let third = batch(&monitor, &["--deadline", "1s"]).json();
    assert_eq!(
        (&third["lines"]["dead"]["session"], &third["lines"]["dead"]["state"]),
        (&json!("cached"), &json!(0)),
        "{third}"
    );
    idle(&monitor);
    // In each round the dead line once, whoever asked meanwhile.
    let to_dead = sim.commands().iter().filter(|line| line.contains(DEAD)).count();
    assert_eq!(to_dead, 2, "{:?}", sim.commands());
}

#[test]
fn the_jobs_of_a_batch_whose_client_is_killed_are_there_for_the_next() {
    let sim = SimRouter::new("linux").with("slow", UP.map(|target| format!("{target}=1s")).to_vec()).start();
    let monitor = three(&sim, "linux", "lanes = 1");
    let mut killed = monitor.start(&["batch", "--router", "edge-1", "--deadline", "60s"]);
    sim.wait_for("a ping", |events| events.iter().any(|event| event["line"].to_string().contains("ping")));
    killed.child.kill().expect("a child");
    killed.child.wait().expect("its end");
    let answer = batch(&monitor, &["--deadline", "60s"]).json();
    for line in ["L-1", "L-2", "L-3"] {
        assert_eq!(answer["lines"][line]["ping"]["received"], 5, "{answer}");
    }
    assert_eq!(pings(&sim), 3, "each line once, for both");
}

#[test]
fn a_poll_goes_before_the_jobs_of_batches() {
    let sim = SimRouter::new("linux").with("slow", vec![format!("{DEAD}=1ms")]).with("rtt", vec!["300ms"]).start();
    let monitor = Monitor::new();
    let inventory = Inventory::new().router("edge-1", &at(&sim), "linux", "lanes = 1").lines(20, "edge-1", "count = 1");
    inventory.import(&monitor);
    let batch = monitor.start(&["batch", "--router", "edge-1", "--deadline", "60s"]);
    sim.wait_for("a ping", |events| events.iter().any(|event| event["line"].to_string().contains("ping")));
    let poll = monitor.poll(&at(&sim), "linux", DEAD, &["--count", "1"]);
    // The master's name holds its settings of login, not of lanes: it is the same one.
    assert_eq!(monitor.pids().len(), 1);
    assert_eq!(poll.kind(), "measured", "{}", poll.stdout);
    let measured_before = sim.commands().iter().position(|line| line.contains(DEAD)).expect("the poll's ping");
    assert!(measured_before < 15, "{measured_before}");
    assert_eq!(batch.wait().json()["lines"].as_object().unwrap().len(), 20);
}

#[test]
fn a_router_that_cannot_be_asked_says_so_once_and_of_its_lines_nothing() {
    let sim = SimRouter::new("cisco_iosxe").with("refuse_logins", true).start();
    let monitor = three(&sim, "cisco_iosxe", "");
    for _ in 0..2 {
        let answer = batch(&monitor, &["--deadline", "60s"]).json();
        assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(3), &json!("auth")), "{answer}");
        assert_eq!((&answer["lanes"], &answer["session_age"]), (&json!(0), &Value::Null), "{answer}");
        assert_eq!(answer["lines"]["L-2"], json!({ "target": UP[1], "state": 3 }), "{answer}");
    }
    assert_eq!(sim.count("refused"), 1, "three lines, two batches, one attempt");
}

#[test]
fn a_login_that_lasts_too_long_is_a_deadline_of_the_router_and_the_next_batch_is_warm() {
    let sim = SimRouter::new("linux").with("auth_delay", "10s").start();
    let monitor = three(&sim, "linux", "");
    let answer = batch(&monitor, &["--deadline", "5s"]).json();
    assert_eq!((&answer["state"], &answer["failure"]["stage"]), (&json!(8), &json!("login")), "{answer}");
    assert_eq!(answer["lines"]["L-1"], json!({ "target": UP[0], "state": 8 }), "{answer}");
    idle(&monitor);
    let answer = batch(&monitor, &["--deadline", "60s"]).json();
    assert_eq!((&answer["state"], &answer["lines"]["L-1"]["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
}

#[test]
fn a_router_that_falls_silent_takes_the_old_numbers_of_its_lines_with_it() {
    let mut sim = SimRouter::new("linux").start();
    let monitor = three(&sim, "linux", "");
    assert_eq!(batch(&monitor, &["--deadline", "60s"]).json()["lines"]["L-1"]["ping"]["up"], 1);
    sim.change("r1", "silence", "connect");
    sim.cut("r1");
    for _ in 0..2 {
        let answer = batch(&monitor, &["--deadline", "5s"]).json();
        assert_eq!((&answer["state"], &answer["failure"]["stage"]), (&json!(8), &json!("connect")), "{answer}");
        // It is the name of a problem that lasts: it may not promise that the next poll is better.
        assert!(answer["failure"]["message"].as_str().unwrap().ends_with("it goes on in the background"), "{answer}");
        assert_eq!(answer["lines"]["L-1"], json!({ "target": UP[0], "state": 8 }), "{answer}");
    }
}

#[test]
fn a_line_that_the_router_or_the_platform_refuses_has_a_failure_of_its_own() {
    let sim = SimRouter::new("cisco_iosxe").with("vrf", vec!["GOOD"]).start();
    let monitor = Monitor::new();
    Inventory::new()
        .router("edge-1", &at(&sim), "cisco_iosxe", "")
        .line("good", "edge-1", UP[0], "vrf = \"GOOD\"")
        .line("bad", "edge-1", UP[1], "vrf = \"NOPE\"")
        .import(&monitor);
    let answer = batch(&monitor, &["--deadline", "60s"]).json();
    let lines = &answer["lines"];
    assert_eq!((&answer["state"], &lines["good"]["state"]), (&json!(0), &json!(0)), "{answer}");
    assert_eq!((&lines["bad"]["state"], &lines["bad"]["failure"]["kind"]), (&json!(7), &json!("rejected")), "{answer}");
    assert!(lines["bad"]["failure"]["message"].as_str().unwrap().contains("NOPE"), "{answer}");
}

#[test]
fn a_session_that_is_cut_in_the_middle_costs_no_line() {
    let sim = SimRouter::new("linux").with("drop_after", 40).with("drop", "once").start();
    let monitor = three(&sim, "linux", "lanes = 1");
    let answer = batch(&monitor, &["--deadline", "60s"]).json();
    for line in ["L-1", "L-2", "L-3"] {
        assert_eq!(answer["lines"][line]["ping"]["received"], 5, "{answer}");
    }
    assert_eq!(sim.count("login"), 2);
}

#[test]
fn two_lines_with_the_same_probes_share_one_ping() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let inventory = Inventory::new().router("edge-1", &at(&sim), "linux", "");
    inventory.line("a", "edge-1", UP[0], "").line("b", "edge-1", UP[0], "").import(&monitor);
    let answer = batch(&monitor, &["--deadline", "60s"]).json();
    assert_eq!(answer["lines"]["a"], answer["lines"]["b"]);
    assert_eq!((&answer["lines"]["a"]["ping"]["up"], pings(&sim)), (&json!(1), 1));
}

#[test]
fn two_hundred_lines_are_measured_on_two_lanes_and_a_thousand_fit_a_value() {
    let sim = SimRouter::new("linux").with("rtt", vec!["1ms"]).start();
    let monitor = Monitor::new();
    Inventory::new().router("edge-1", &at(&sim), "linux", "").lines(1000, "edge-1", "count = 1").import(&monitor);
    let mut measured = 0;
    // The default deadline: each batch brings what it reaches, and loses nothing of what it does not.
    let value = wait::until("a value for every line", || {
        let ran = batch(&monitor, &["--deadline", "60s"]);
        let answer = ran.json();
        assert_eq!(answer["state"], 0, "{answer}");
        let lines = answer["lines"].as_object().unwrap().clone();
        assert_eq!(lines.len(), 1000);
        measured = lines.values().filter(|line| line["ping"]["up"] == 1).count();
        (measured == 1000).then_some(ran.stdout)
    });
    assert!(value.len() < 500_000, "{}", value.len());
    assert!(sim.count("login") <= 2);
}

#[test]
fn a_stopped_master_in_the_middle_of_a_batch_is_replaced() {
    let sim = SimRouter::new("linux").with("slow", vec![format!("{}=700ms", UP[0])]).start();
    let monitor = three(&sim, "linux", "lanes = 1");
    let waiting = monitor.start(&["batch", "--router", "edge-1", "--deadline", "60s"]);
    sim.wait_for("a ping", |events| events.iter().any(|event| event["line"].to_string().contains("ping")));
    monitor.run(&["stop", "--all"]);
    let answer = waiting.wait().json();
    assert_eq!((&answer["state"], &answer["lines"]["L-3"]["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
}

#[test]
fn what_is_not_in_the_inventory_is_named_in_a_document_with_state_1() {
    let monitor = Monitor::new();
    let failure = |arguments: &[&str]| {
        let ran = monitor.run(arguments);
        let answer = ran.json();
        assert_eq!((ran.code, &answer["state"], &answer["failure"]["kind"]), (Some(0), &json!(1), &json!("settings")));
        assert_eq!(answer["lines"], json!({}));
        answer["failure"]["message"].as_str().unwrap().to_owned()
    };
    let text = failure(&["batch", "--router", "edge-1"]);
    assert!(text.contains("inventory import"), "{text}");
    Inventory::new()
        .router("edge-1", "192.0.2.1", "linux", "")
        .router("edge-2", "192.0.2.2", "linux", "")
        .line("a", "edge-1", UP[0], "")
        .line("b", "edge-2", UP[1], "")
        .import(&monitor);
    for (arguments, parts) in [
        (vec!["batch", "--router", "edge-9"], vec!["edge-9"]),
        (vec!["batch", "--line", "c"], vec!["\"c\""]),
        (vec!["batch", "--line", "a", "--line", "b"], vec!["line b", "router edge-2", "edge-1"]),
        (vec!["batch", "--router", "edge-1", "--line", "b"], vec!["line b", "router edge-2", "edge-1"]),
        (vec!["batch", "--router", "{$LINE_ROUTER_NAME}"], vec!["--router ({$LINE_ROUTER_NAME})", "has no value"]),
        (vec!["batch", "--router", "", "--router", ""], vec!["--router ({$LINE_ROUTER_NAME})", "not given"]),
        (vec!["batch"], vec!["--router ({$LINE_ROUTER_NAME})", "not given"]),
        (vec!["batch", "--router", "edge-1", "--deadline", "soon"], vec!["--deadline ({$LINE_DEADLINE})", "soon"]),
    ] {
        let text = failure(&arguments);
        assert!(parts.iter().all(|part| text.contains(part)), "{arguments:?}: {text}");
    }
    let ran = monitor.run(&["--format", "text", "batch", "--router", "edge-9"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.matches('\n').count()), (Some(1), "", 1), "{}", ran.stderr);
}

#[test]
fn a_router_without_lines_has_none_and_is_not_logged_in_to() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    Inventory::new().router("edge-1", &at(&sim), "linux", "").import(&monitor);
    let answer = batch(&monitor, &["--deadline", "60s"]).json();
    assert_eq!((&answer["state"], &answer["lines"]), (&json!(0), &json!({})), "{answer}");
    assert_eq!(sim.count("connect"), 0);
}

#[test]
fn people_see_a_table() {
    let sim = SimRouter::new("linux").with("dead", vec![UP[1]]).start();
    let monitor = Monitor::new();
    Inventory::new()
        .router("edge-1", &at(&sim), "linux", "")
        .line("L-1", "edge-1", UP[0], "")
        .line("L-2", "edge-1", UP[1], "count = 1\ntimeout = \"1s\"")
        .import(&monitor);
    let ran = monitor.run(&["--format", "text", "batch", "--router", "edge-1", "--deadline", "8s"]);
    let words: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(words.iter().any(|row| row.starts_with(&["L-1", UP[0], "up", "0", "%"])), "{}", ran.stdout);
    assert!(words.iter().any(|row| row.starts_with(&["L-2", UP[1], "down", "100", "%"])), "{}", ran.stdout);
}
