//! Syncs that nobody waits for: `discover --sync` and `sync --background` answer at once, one sync runs at a time, and the age
//! of the inventory is told.

use super::{failure, ids, lines, monitor, synced};
use crate::support::monitor::Monitor;
use crate::support::wait;
use crate::support::zabbix_api::{Fault, ZabbixApi};

/// Waits until a background sync has left this many lines.
fn until_lines(monitor: &Monitor, count: usize) {
    wait::until("a background sync to be done", || {
        let shown = monitor.run(&["inventory", "show"]);
        (shown.code == Some(0) && ids(monitor).len() == count).then_some(())
    });
}

#[test]
fn the_first_discover_starts_a_sync_and_says_so_and_the_next_has_the_lines() {
    let api = ZabbixApi::start("6.0", lines(3));
    let monitor = monitor(&api, "");
    let first = monitor.run(&["discover", "lines", "--sync"]);
    assert_eq!(first.code, Some(1));
    assert_eq!(
        first.stdout,
        "ddl-monitor: no inventory yet; the first sync was started in the background, ask again\n"
    );
    until_lines(&monitor, 3);
    let rows = monitor.run(&["discover", "lines", "--sync"]).json();
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    // The last one is young.
    assert_eq!(api.calls("user.login"), 1);
}

#[test]
fn it_answers_while_the_api_is_slow_and_many_start_one_sync() {
    let api = ZabbixApi::start("6.0", lines(3));
    let monitor = monitor(&api, "sync.ttl = \"5m\"");
    synced(&monitor);
    forget_when(&monitor);
    let before = api.calls("apiinfo.version");
    api.change(|world| world.hosts.truncate(2));
    api.fault("apiinfo.version", Fault::Held);
    let running: Vec<_> = (0..8).map(|_| monitor.start(&["discover", "lines", "--sync"])).collect();
    for one in running {
        let ran = one.wait();
        assert_eq!(ran.json().as_array().map(Vec::len), Some(3), "the inventory that was there");
    }
    api.release();
    until_lines(&monitor, 2);
    assert_eq!(api.calls("apiinfo.version") - before, 1, "one sync for all of them");
}

/// As if the last sync had been long ago.
fn forget_when(monitor: &Monitor) {
    let path = monitor.state().join("inventory/sync.json");
    let mut outcome: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("an outcome")).expect("JSON");
    outcome["time"] = 1.0.into();
    outcome["synced"] = (outcome["synced"].as_f64().expect("a time") - 1000.0).into();
    std::fs::write(&path, outcome.to_string()).expect("an outcome");
}

#[test]
fn sync_in_the_background_tells_the_last_outcome_for_an_item() {
    let api = ZabbixApi::start("7.0", lines(3));
    let monitor = monitor(&api, "");
    let first = monitor.run(&["sync", "--background"]);
    assert_eq!((first.code, failure(&first).0.as_str()), (Some(1), "settings"));
    until_lines(&monitor, 3);
    let document = monitor.run(&["sync", "--background"]).json();
    assert_eq!((&document["state"], &document["lines"], &document["skipped"]), (&0.into(), &3.into(), &0.into()));
    assert_eq!(document["changes"]["added"]["lines"], 3);
    assert!(document["age"].as_f64().is_some_and(|age| age < 60.0), "{document}");
    let text = monitor.run(&["--format", "text", "sync", "--background"]).stdout;
    assert!(text.starts_with("synced ") && text.contains("generation 1, 3 lines, 1 router, 0 hosts skipped"), "{text}");
}

#[test]
fn the_age_is_told_by_status_and_makes_discover_fail_where_it_is_told_to() {
    let api = ZabbixApi::start("7.0", lines(3));
    let monitor = monitor(&api, "");
    synced(&monitor);
    forget_when(&monitor);
    let young = monitor.run(&["discover", "routers", "--max-inventory-age", "1h"]);
    assert_eq!(young.code, Some(0), "{}", young.stdout);
    let old = monitor.run(&["discover", "routers", "--max-inventory-age", "10m"]);
    assert_eq!(old.code, Some(1));
    assert!(
        old.stdout.contains("the last good sync was 16m") && old.stdout.contains("sync.max_inventory_age 10m"),
        "{}",
        old.stdout
    );
    api.fault("user.login", Fault::Error("Invalid params.", "Incorrect user name or password."));
    monitor.run(&["sync"]);
    let status = monitor.run(&["status"]).json();
    let known = &status["inventory"];
    assert_eq!(
        (&known["generation"], &known["lines"], &known["failure"]["kind"]),
        (&1.into(), &3.into(), &"auth".into())
    );
    assert!(known["age"].as_f64().is_some_and(|age| (1000.0..1100.0).contains(&age)), "{status}");
    let text = monitor.run(&["--format", "text", "status"]).stdout;
    assert!(
        text.contains("inventory: generation 1, 3 lines, synced 16m") && text.contains("the last sync failed: auth"),
        "{text}"
    );
    let old = monitor.run(&["discover", "lines", "--max-inventory-age", "10m"]).stdout;
    assert!(old.contains("the last sync failed: Zabbix API"), "{old}");
    let wrong = monitor.run(&["discover", "lines", "--max-inventory-age", "soon"]);
    assert!(wrong.code == Some(1) && wrong.stdout.contains("allowed is a time from 10s to 4w"), "{}", wrong.stdout);
}

#[test]
fn an_inventory_of_files_has_no_age_and_no_background_sync() {
    let api = ZabbixApi::start("7.0", lines(3));
    let monitor = monitor(&api, "");
    crate::support::inventory::Inventory::new().router("r", "192.0.2.1", "linux", "").import(&monitor);
    assert_eq!(monitor.run(&["discover", "routers", "--max-inventory-age", "10s"]).code, Some(0));
    let ran = monitor.run(&["discover", "routers", "--sync"]);
    assert!(ran.code == Some(1) && ran.stdout.contains("has one source"), "{}", ran.stdout);
    assert_eq!(monitor.run(&["status"]).json()["inventory"]["age"], serde_json::Value::Null);
    assert_eq!(api.calls("apiinfo.version"), 0);
}

#[test]
fn what_runs_in_the_background_holds_nothing_of_its_starter() {
    let api = ZabbixApi::start("7.0", lines(1));
    let monitor = monitor(&api, "");
    api.fault("apiinfo.version", Fault::Held);
    // As Zabbix does, this reads until the pipe's last writer is gone: a sync that is one would have to fail first.
    monitor.run(&["discover", "lines", "--sync"]);
    api.release();
    until_lines(&monitor, 1);
}

#[test]
fn config_check_online_tells_version_rights_lines_and_what_would_be_skipped() {
    let api = ZabbixApi::start("7.0", lines(3));
    api.change(|world| {
        world.hosts[2].macros.clear();
        world.templates =
            vec![crate::support::zabbix_api::Template { id: 1, hidden: true, items: vec![11], ..Default::default() }];
        world.hosts[1].parents = vec![1];
    });
    let monitor = monitor(&api, "");
    let document = monitor.run(&["config", "check", "--online"]).json();
    let zabbix = &document["zabbix"];
    assert_eq!((&zabbix["version"], &zabbix["lines"], &zabbix["unreadable"]), (&"7.0.7".into(), &1.into(), &1.into()));
    assert_eq!(zabbix["skipped"].as_array().map(Vec::len), Some(2));
    let ran = monitor.run(&["--format", "text", "config", "check", "--online"]);
    for said in [
        "Zabbix 7.0.7 at http://127.0.0.1:",
        "1 line, 1 router; 1 host have",
        "skipped: 2 hosts",
        "it has no {$LINE_ROUTER_IP}",
    ] {
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
    }
    assert!(!monitor.state().join("inventory").exists(), "nothing is changed");
    assert_eq!(api.sessions(), 0);
    api.fault("user.login", Fault::Error("Invalid params.", "Incorrect user name or password."));
    let wrong = monitor.run(&["--format", "text", "config", "check", "--online"]);
    assert!(wrong.code == Some(1) && wrong.stdout.starts_with("auth: Zabbix API"), "{}", wrong.stdout);
}

#[test]
fn config_init_writes_a_file_that_sets_nothing_and_never_over_another() {
    let monitor = Monitor::new();
    let file = monitor.path("new.toml");
    let name = file.to_str().expect("a path");
    assert_eq!(monitor.run(&["config", "init", name]).stdout, format!("wrote {name}\n"));
    let shown = monitor.run(&["--config", name, "config", "show"]).json();
    let sources = shown["settings"].as_array().expect("settings").iter();
    assert!(sources.clone().count() > 30 && sources.clone().all(|one| one["source"] == "default"), "{shown}");
    assert_eq!(monitor.run(&["--config", name, "config", "check"]).code, Some(0));
    let again = monitor.run(&["config", "init", name]);
    assert!(again.code == Some(1) && again.stderr.contains("File exists"), "{}", again.stderr);
    assert_eq!(monitor.run(&["config", "init", "-"]).stdout, std::fs::read_to_string(&file).expect("a file"));
}
