//! `sweep --loop`: a service that goes on, tells systemd, follows the inventory, and ends cleanly.

use super::{monitor, sim, three};
use crate::support::inventory::Inventory;
use crate::support::monitor::{Monitor, Started};
use crate::support::process;
use crate::support::sim::SimRouter;
use crate::support::trapper::Trapper;
use crate::support::wait::{self, LIMIT};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;

fn start(monitor: &Monitor, environment: &[(&str, &str)]) -> Started {
    let mut command = monitor.command(&["sweep", "--loop"]);
    command.envs(environment.iter().copied());
    Started::of(command)
}

#[test]
fn systemd_hears_of_readiness_life_and_end() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "1s").import(&monitor);
    let path = monitor.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let path = path.to_str().expect("UTF-8");
    let service = start(&monitor, &[("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "3000000")]);
    let mut heard = Vec::new();
    let mut hear = |what: &str| {
        while !heard.iter().any(|message: &String| message.starts_with(what)) {
            let mut buffer = [0; 512];
            let length = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{what}: {e}: {heard:?}"));
            heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        heard.clear();
    };
    hear("READY=1");
    hear("WATCHDOG=1");
    hear("STATUS=3 lines");
    hear("WATCHDOG=1");
    process::signal(service.child.id(), Signal::TERM);
    hear("STOPPING=1");
    let ran = service.wait();
    let summary = ran.json();
    assert_eq!((ran.code, &summary["spooled"]), (Some(0), &0.into()), "{summary}");
    assert_eq!(summary["sent"], trapper.taken().len(), "{summary}");
}

#[test]
fn each_line_is_measured_at_its_own_interval_and_its_own_time() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "2s").line("slow", "edge-1", "10.1.1.4", "count = 1\ninterval = \"6s\"").import(&monitor);
    let service = start(&monitor, &[]);
    let times = |host: &str| -> Vec<f64> {
        let taken = trapper.taken();
        let states = taken.iter().filter(|value| value.host == host && value.key == "line.state");
        states.map(|value| value.time.0 as f64 + value.time.1 as f64 / 1e9).collect()
    };
    // Each check belongs one interval after the one before, by the tick that finds it: on a machine that is busy some come later or
    // not at all, but such that drift never fit.
    let on_time = |host: &str, interval: f64, checks: usize| {
        times(host).windows(checks).any(|some| {
            let late = |(k, time): (usize, &f64)| time - some[0] - interval * k as f64;
            some.iter().enumerate().map(late).all(|late| late.abs() < 0.9)
        })
    };
    wait::patiently("checks at their times", || {
        let right = on_time("10.1.1.1", 2.0, 6) && on_time("10.1.1.2", 2.0, 6) && on_time("10.1.1.4", 6.0, 3);
        if right { Ok(()) } else { Err(format!("{:?} {:?}", times("10.1.1.1"), times("10.1.1.4"))) }
    });
    process::signal(service.child.id(), Signal::INT);
    let summary = service.wait().json();
    let count = |name: &str| summary[name].as_u64().expect("a number");
    assert_eq!(count("due"), count("measured") + count("given_up"), "{summary}");
}

#[test]
fn a_line_that_is_added_is_measured_and_one_that_is_removed_is_not() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "1s").import(&monitor);
    let service = start(&monitor, &[]);
    let count = |host: &str| trapper.taken().iter().filter(|v| v.host == host && v.key == "line.state").count();
    wait::until("the first", || (count("10.1.1.1") > 1).then_some(()));
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    inventory.line("L-9", "edge-1", "10.1.1.9", "interval = \"1s\"\ncount = 1").import(&monitor);
    wait::until("the new one", || (count("10.1.1.9") > 2).then_some(()));
    let before = count("10.1.1.1");
    wait::until("more of the new one", || (count("10.1.1.9") > 5).then_some(()));
    assert!(count("10.1.1.1") <= before + 1, "{before} {}", count("10.1.1.1"));
    process::signal(service.child.id(), Signal::TERM);
    assert_eq!(service.wait().code, Some(0));
}

#[test]
fn an_inventory_that_cannot_be_read_at_first_is_followed_once_it_can() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "1s").import(&monitor);
    // Of somebody else, to have its bytes.
    let other = Monitor::with("zabbix.sender = \"127.0.0.1\"");
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    inventory.line("L-9", "edge-1", "10.1.1.9", "interval = \"1s\"\ncount = 1").import(&other);
    let good = std::fs::read(other.state().join("inventory/current")).expect("an inventory");
    let service = start(&monitor, &[]);
    let count = |host: &str| trapper.taken().iter().filter(|v| v.host == host && v.key == "line.state").count();
    wait::until("the first", || (count("10.1.1.1") > 0).then_some(()));
    // The same file, the same time: nothing but what is in it.
    let (current, new) = (monitor.state().join("inventory/current"), monitor.path("new"));
    std::fs::write(&new, vec![b'x'; good.len()]).expect("written");
    let changed = std::fs::metadata(&new).and_then(|meta| meta.modified()).expect("a time");
    std::fs::rename(&new, &current).expect("renamed");
    let complaints = || {
        let log = std::fs::read_to_string(monitor.state().join("ddl-monitor.log")).expect("a log");
        log.lines().filter(|line| line.contains("has changed and cannot be read")).count()
    };
    wait::until("a complaint", || (complaints() > 0).then_some(()));
    let before = count("10.1.1.1");
    wait::until("the lines of before", || (count("10.1.1.1") > before).then_some(()));
    assert_eq!(complaints(), 1);
    let mut file = std::fs::OpenOptions::new().write(true).open(&current).expect("opened");
    std::io::Write::write_all(&mut file, &good).expect("written");
    file.set_modified(changed).expect("a time");
    wait::until("the new one", || (count("10.1.1.9") > 0).then_some(()));
    process::signal(service.child.id(), Signal::TERM);
    assert_eq!(service.wait().code, Some(0));
}

#[test]
fn a_dead_router_and_a_slow_one_delay_nobody_and_an_end_does_not_wait_for_them() {
    let trapper = Trapper::start();
    let sim = crate::support::sim::Sim::start([
        SimRouter::new("linux").name("good"),
        SimRouter::new("linux").name("silent").with("silence", "connect"),
        SimRouter::new("linux").name("slow").with("slow", vec!["10.3.3.3=90s"]),
    ]);
    let monitor = monitor(&trapper, "");
    let mut inventory = Inventory::new();
    for (router, target) in [("good", "10.1.1.1"), ("silent", "10.2.2.2"), ("slow", "10.3.3.3")] {
        inventory = inventory.router(router, &sim.address(router).to_string(), "linux", "");
        inventory = inventory.line(router, router, target, "interval = \"1s\"\ncount = 1\ntimeout = \"80s\"");
    }
    inventory.import(&monitor);
    let service = start(&monitor, &[]);
    let mut by_host: BTreeMap<String, usize> = BTreeMap::new();
    wait::until("the good one", || {
        by_host.clear();
        for value in trapper.taken().iter().filter(|value| value.key == "line.up") {
            *by_host.entry(value.host.clone()).or_default() += 1;
        }
        (by_host.get("10.1.1.1").is_some_and(|count| *count >= 6)).then_some(())
    });
    assert!(!by_host.contains_key("10.2.2.2") && !by_host.contains_key("10.3.3.3"), "{by_host:?}");
    process::signal(service.child.id(), Signal::TERM);
    let summary = service.wait().json();
    assert!(summary["given_up"].as_u64().is_some_and(|count| count >= 1), "{summary}");
    // What ran on the slow router is aborted: its ping would have gone on for more than a minute.
    wait::until("the abort key", || sim.bytes().contains("\\x03").then_some(()));
    let lanes_are_idle = |master: &serde_json::Value| {
        master["lanes"].as_array().is_some_and(|lanes| lanes.iter().all(|lane| lane["state"] == "idle"))
    };
    let slow = sim.address("slow").to_string();
    wait::until("an idle lane", || {
        let masters = monitor.status();
        let of_slow = masters.as_array()?.iter().find(|master| master["router"] == slow.as_str())?.clone();
        (lanes_are_idle(&of_slow) && of_slow["queued"] == 0).then_some(())
    });
}

#[test]
fn the_unit_of_the_service_is_one_that_systemd_takes() {
    let unit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/ddl-monitor-sweep.service"));
    let unit = unit.expect("the unit");
    // Checked with a program that is there, as it is once it is installed.
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ddl-monitor-sweep.service");
    assert!(unit.contains("ExecStart=/usr/local/bin/ddl-monitor sweep --loop\n"));
    let here = crate::support::monitor::BINARY;
    std::fs::write(&path, unit.replace("/usr/local/bin/ddl-monitor", here)).expect("a unit");
    let verify = std::process::Command::new("systemd-analyze").arg("verify").arg(&path).output();
    let verify = verify.expect("systemd-analyze of the package systemd");
    let said = String::from_utf8_lossy(&verify.stderr).into_owned();
    assert!(verify.status.success() && said.is_empty(), "{said}");
}
