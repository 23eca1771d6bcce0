//! The state directory on a disk that is full or read-only: a clear refusal, nothing half done, and what needs nothing of it goes
//! on.

use crate::support::disk::Disk;
use crate::support::inventory::Inventory;
use crate::support::monitor::{Monitor, refusal};
use crate::support::process::kill;
use crate::support::sim::{Sim, SimRouter};
use crate::support::trapper::Trapper;
use crate::support::wait;
use serde_json::Value;
use std::fs;

fn poll(monitor: &Monitor, sim: &Sim) -> Value {
    let router = sim.address("r1").to_string();
    let ran = monitor.poll(&router, "linux", "192.0.2.10", &["--count", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    ran.json()
}

#[test]
fn a_full_state_directory_refuses_cold_polls_clearly_and_serves_warm_ones() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let small = Disk::small(&monitor.state(), 256);
    let filler = small.fill();
    // Not even the key fits.
    let message = refusal(&poll(&monitor, &sim));
    assert!(message.contains("key") && message.contains("No space left"), "{message}");
    assert!(!message.contains("remove it"), "{message}");
    let names = monitor.kept_names();
    assert!(names.iter().all(|name| ["filler", "ddl-monitor.log"].contains(&name.as_str())), "{names:?}");
    fs::remove_file(&filler).expect("the filler");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let filler = small.fill();
    assert_eq!(poll(&monitor, &sim)["session"], "reused");
    kill(monitor.pids()[0]);
    let answer = poll(&monitor, &sim);
    assert_eq!(answer.get("ping"), None, "{answer}");
    let message = answer["failure"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("No space left") && message.contains("state"), "{answer}");
    let names = monitor.kept_names();
    assert!(names.iter().all(|name| !name.ends_with(".new") && !name.ends_with(".start")), "{names:?}");
    assert_eq!((sim.count("login"), monitor.pids()), (1, vec![]));
    fs::remove_file(&filler).expect("the filler");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    monitor.run(&["stop", "--all"]).json();
}

#[test]
fn a_read_only_state_directory_refuses_cold_polls_clearly_and_serves_warm_ones() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let pid = monitor.pids()[0];
    let mount = Disk::read_only(&monitor.state());
    assert_eq!(poll(&monitor, &sim)["session"], "reused");
    kill(pid);
    let message = refusal(&poll(&monitor, &sim));
    assert!(message.contains("state") && message.contains("Read-only"), "{message}");
    drop(mount);
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    monitor.run(&["stop", "--all"]).json();
}

#[test]
fn a_full_disk_costs_the_oldest_values_and_a_server_that_answers_costs_none() {
    let (sim, trapper) = (SimRouter::new("linux").start(), Trapper::start());
    let address = trapper.address();
    let monitor = Monitor::with(&format!("zabbix.sender = \"{address}\""));
    let disk = Disk::small(&monitor.state(), 400);
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    inventory.lines(30, "edge-1", "count = 1\ninterval = \"1s\"").import(&monitor);
    let first = monitor.run(&["sweep"]).json();
    assert_eq!(
        (&first["measured"], &first["spooled"], &first["dropped"]),
        (&30.into(), &0.into(), &0.into()),
        "{first}"
    );
    disk.fill();
    let mut sent = first["sent"].as_u64().expect("a number");
    let full = wait::until("a pass that measured", || {
        let summary = monitor.run(&["sweep"]).json();
        sent += summary["sent"].as_u64()?;
        (summary["measured"] != 0).then_some(summary)
    });
    assert_eq!((&full["dropped"], &full["spooled"]), (&0.into(), &0.into()), "{full}");
    let books = |monitor: &Monitor| -> Value { monitor.run(&["status"]).json()["sweep"]["servers"][0].clone() };
    assert_eq!(books(&monitor)["sent"], sent, "also what no disk took: {full}");
    drop(trapper);
    for _ in 0..4 {
        let summary = monitor.run(&["sweep"]).json();
        let (measured, due) = (&summary["measured"], &summary["due"]);
        assert_eq!(measured, due, "measured all the same: {summary}");
    }
    let during = books(&monitor);
    let trapper = Trapper::at(address);
    // A pass may find nothing due yet, and has nothing to send then when the disk kept nothing.
    let back = wait::until("a pass that the server took values of", || {
        let summary = monitor.run(&["sweep"]).json();
        (!trapper.taken().is_empty()).then_some(summary)
    });
    assert_eq!(back["spooled"], 0, "{back} {during}");
}
