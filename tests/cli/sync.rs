//! `sync` against a Zabbix API of every version (tests/support/zabbix_api.rs), and what becomes of the inventory. The real Zabbix
//! is asked in tests/zabbix/sync.rs.

mod background;
mod changes;
mod hosts;
mod masters;
mod outage;
mod transport;
mod versions;

use crate::support::monitor::{Monitor, Ran};
use crate::support::zabbix_api::{Host, PASSWORD, TOKEN, USER, World, ZabbixApi};
use serde_json::Value;

/// ddl-monitor that syncs with this API, by user and password; more lines of the settings file follow.
fn monitor(api: &ZabbixApi, more: &str) -> Monitor {
    with_settings(&format!("{}\n{more}", api.settings()))
}

fn with_settings(settings: &str) -> Monitor {
    let monitor = Monitor::with(settings);
    monitor.write_credentials(&format!(
        "[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[other]\nuser = \"ddl2\"\npassword = \"ddl2\"\n\
         [api]\nuser = {USER:?}\npassword = {PASSWORD:?}\n[token]\npassword = {TOKEN:?}\n"
    ));
    monitor
}

/// So many lines, ten on each router.
fn lines(count: u64) -> World {
    let target = |n: u64| format!("10.1.{}.{}", n / 250, n % 250 + 1);
    let hosts = (1..=count).map(|n| Host::line(1000 + n, &target(n), &format!("192.0.2.{}", n / 10 + 1))).collect();
    World { hosts, ..World::default() }
}

#[track_caller]
fn synced(monitor: &Monitor) -> Value {
    let ran = monitor.run(&["sync"]);
    assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
    let document = ran.json();
    assert_eq!(document["state"], 0, "{document}");
    document
}

/// Of a sync that was none: kind and message; the inventory is what it was.
#[track_caller]
fn refused(monitor: &Monitor) -> (String, String) {
    let before = monitor.run(&["inventory", "show"]).stdout;
    let ran = monitor.run(&["sync"]);
    assert_eq!(ran.code, Some(1), "{} {}", ran.stdout, ran.stderr);
    assert_eq!(monitor.run(&["inventory", "show"]).stdout, before);
    failure(&ran)
}

#[track_caller]
fn failure(ran: &Ran) -> (String, String) {
    let document = ran.json();
    let of = |name: &str| document["failure"][name].as_str().unwrap_or_else(|| panic!("{document}")).to_owned();
    (of("kind"), of("message"))
}

/// The reasons of skipped hosts, by host.
fn skipped(document: &Value) -> Vec<(String, String)> {
    let problems = document["problems"].as_array().expect("problems").iter();
    let text = |one: &Value, name: &str| one[name].as_str().expect("text").to_owned();
    problems.map(|one| (text(one, "host"), text(one, "reason"))).collect()
}

fn ids(monitor: &Monitor) -> Vec<String> {
    let shown = monitor.run(&["inventory", "show"]).json();
    let mut ids: Vec<String> = shown["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| line["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    ids
}
