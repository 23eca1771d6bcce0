//! The state directory when it is deleted, replaced, open to others or too deep: a clear refusal, nothing half done, and polls
//! that need nothing of it go on. When it is full, read-only or another user's: tests/system.

use crate::support::monitor::{Monitor, refusal};
use crate::support::process::{is_alive, kill, until_gone};
use crate::support::sim::{Sim, SimRouter};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

const UP: &str = "192.0.2.10";

fn at(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

fn poll(monitor: &Monitor, sim: &Sim) -> Value {
    let ran = monitor.poll(&at(sim), "linux", UP, &["--count", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    ran.json()
}

#[test]
fn leftovers_of_dead_masters_do_no_harm_and_status_clears_them() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    kill(monitor.pids()[0]);
    let state = monitor.state();
    let name = "0123456789abcdef";
    // Leftovers of masters that are never asked again: one that died at once, one whose socket was removed, rubbish.
    for (name, file) in [(name, "sock"), (name, "lock"), (name, "start"), (name, "new"), ("0123456789abcde0", "json")] {
        fs::write(state.join(format!("{name}.{file}")), "").expect("a leftover");
    }
    // One that died while it replaced a file; above the kernel's largest process id.
    fs::write(state.join("0123456789abcde2.json.99999999-ThreadId1.new"), "").expect("a leftover");
    // And a record whose process id is somebody else's by now.
    let record =
        json!({"pid": std::process::id(), "started": 1, "router": "192.0.2.1:22", "user": "x", "platform": "linux"});
    fs::write(state.join("0123456789abcde1.json"), record.to_string()).expect("a record");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let pids = monitor.pids();
    assert_eq!(pids.len(), 1);
    let left = monitor.kept_names();
    assert!(left.iter().all(|name| !name.starts_with("0123456789abcde")), "{left:?}");
    assert_eq!(left.iter().filter(|name| name.ends_with(".sock")).count(), 1, "{left:?}");
    assert_eq!(monitor.run(&["stop", "--all"]).json()["stopped"].as_array().map(Vec::len), Some(1));
    assert!(is_alive(std::process::id()));
}

#[test]
fn a_master_whose_state_directory_was_deleted_leaves_and_polls_are_answered_meanwhile() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::with("master.keepalive = \"1s\"");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let old = monitor.pids()[0];
    fs::remove_dir_all(monitor.state()).expect("deleted");
    let answer = poll(&monitor, &sim);
    assert_eq!((&answer["state"], &answer["session"]), (&json!(0), &json!("opened")), "{answer}");
    until_gone(old);
    sim.wait_for("a clean logout", |events| {
        events.iter().any(|event| event["event"] == "logout" && event["reason"] == "left")
    });
    assert_eq!(monitor.pids().len(), 1);
    assert_eq!(poll(&monitor, &sim)["session"], "reused");
}

#[test]
fn a_state_directory_that_is_a_symbolic_link_or_a_file_is_refused() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let real = monitor.path("real");
    fs::create_dir(&real).expect("a folder");
    symlink(&real, monitor.state()).expect("a link");
    let message = refusal(&poll(&monitor, &sim));
    assert!(message.contains("symbolic link") && message.contains("state.dir"), "{message}");
    fs::remove_file(monitor.state()).expect("the link");
    fs::write(monitor.state(), "").expect("a file");
    assert!(refusal(&poll(&monitor, &sim)).contains("not a directory"));
    assert_eq!(sim.count("connect"), 0);
}

#[test]
fn a_state_directory_open_to_others_is_tightened_and_that_is_logged() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    fs::create_dir(monitor.state()).expect("a folder");
    fs::set_permissions(monitor.state(), Permissions::from_mode(0o777)).expect("its mode");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    assert_eq!(fs::metadata(monitor.state()).expect("it is there").mode() & 0o7777, 0o700);
    let log = fs::read_to_string(monitor.state().join("ddl-monitor.log")).expect("a log");
    assert!(log.contains("open to others"), "{log}");
    for name in monitor.kept_names() {
        let mode = fs::metadata(monitor.state().join(&name)).expect("it is there").mode() & 0o777;
        assert_eq!(mode, 0o600, "{name} {mode:o}");
    }
}

#[test]
fn a_state_directory_too_deep_for_a_socket_is_refused_with_both_lengths() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let deep = monitor.path(&"d".repeat(100));
    let more = ["--state-dir", deep.to_str().expect("text")];
    let message = refusal(&monitor.poll(&at(&sim), "linux", UP, &more).json());
    assert!(message.contains("107") && message.contains("state.dir"), "{message}");
}
