//! When the API is away, slow, or talks rubbish: the last good inventory serves, its age is told, nothing panics.

use super::{failure, lines, monitor, refused, synced};
use crate::support::monitor::Monitor;
use crate::support::zabbix_api::{Fault, PASSWORD, ZabbixApi};
use serde_json::json;

/// Faults that are gone at the third attempt, and those that no attempt mends.
#[test]
fn what_fails_twice_is_tried_a_third_time_and_then_refused() {
    let api = ZabbixApi::start("7.0", lines(3));
    let monitor = monitor(&api, "");
    synced(&monitor);
    for fault in [Fault::Status(500, ""), Fault::Status(503, ""), Fault::Status(429, "Retry-After: 0"), Fault::Cut] {
        let before = api.calls("template.get") + api.calls("usermacro.get");
        api.fault("usermacro.get", fault.clone());
        api.fault("usermacro.get", fault.clone());
        synced(&monitor);
        assert_eq!(api.calls("usermacro.get") - before, 3, "{fault:?}");
        for _ in 0..3 {
            api.fault("usermacro.get", fault.clone());
        }
        let (kind, message) = refused(&monitor);
        assert_eq!(kind, "connect", "{fault:?}: {message}");
        assert!(message.starts_with("Zabbix API http://127.0.0.1:"), "{message}");
    }
    assert_eq!(api.sessions(), 0);
}

#[test]
fn refused_logins_are_not_repeated_and_their_secret_is_nowhere() {
    let api = ZabbixApi::start("6.0", lines(1));
    let monitor = monitor(&api, "log.level = \"trace\"");
    synced(&monitor);
    monitor.write_credentials("[api]\nuser = \"sync\"\npassword = \"wrong-canary\"\n");
    let before = api.calls("user.login");
    let (kind, message) = refused(&monitor);
    assert_eq!((kind.as_str(), api.calls("user.login") - before), ("auth", 1), "{message}");
    assert!(message.ends_with("temporarily blocked; check zabbix.user and zabbix.password"), "{message}");
    for (path, bytes) in monitor.kept() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("wrong-canary") && !text.contains(PASSWORD), "{}", path.display());
        assert!(!text.contains("session"), "{}: {text}", path.display());
    }
}

#[test]
fn a_session_or_token_that_ends_in_the_middle_is_an_auth_failure() {
    for (message, data, hint) in [
        (
            "Invalid params.",
            "Session terminated, re-login, please.",
            "; the session ended, the next sync logs in again",
        ),
        ("Not authorized.", "API token expired.", "; the session ended"),
        ("Invalid params.", "Not authorised.", "; the session ended"),
        // As 6.0 and 7.0 say it.
        ("Invalid params.", "No permissions to call \"host.get\".", "; allow it in the role of the API's user"),
    ] {
        let api = ZabbixApi::start("7.0", lines(1));
        let monitor = monitor(&api, "");
        synced(&monitor);
        api.fault("host.get", Fault::Error(message, data));
        let (kind, said) = refused(&monitor);
        assert!(kind == "auth" && said.contains(hint), "{said}");
    }
}

#[test]
fn rubbish_is_a_reply_failure_and_never_an_empty_inventory() {
    let api = ZabbixApi::start("7.0", lines(3));
    let monitor = monitor(&api, "");
    synced(&monitor);
    for method in ["apiinfo.version", "user.login", "host.get", "usermacro.get", "item.get"] {
        for fault in [
            Fault::Text("<!doctype html><title>Log in</title>"),
            Fault::Text(""),
            Fault::Text("{\"jsonrpc\":\"2.0\"}"),
            Fault::Text("[]"),
            Fault::Result(json!({"a": 1})),
            Fault::Result(json!(7)),
            Fault::Result(json!(null)),
        ] {
            api.fault(method, fault.clone());
            let (kind, message) = refused(&monitor);
            assert_eq!(kind, "reply", "{method} {fault:?}: {message}");
        }
    }
    for strange in [json!([1, 2]), json!([{"hostid": []}]), json!([{}]), json!([null])] {
        api.fault("host.get", Fault::Result(strange.clone()));
        assert_eq!(refused(&monitor).0, "reply", "{strange}");
    }
    api.fault("host.get", Fault::Error("Application error.", "SQL statement execution has failed."));
    assert_eq!(refused(&monitor).0, "rejected");
}

#[test]
fn a_compressed_answer_is_read() {
    let api = ZabbixApi::start("7.0", lines(3));
    for method in ["apiinfo.version", "user.login", "host.get", "usermacro.get", "item.get"] {
        api.fault(method, Fault::Compressed);
    }
    assert_eq!(synced(&monitor(&api, ""))["lines"], 3);
    assert!(api.takes_gzip(), "the client did not say that it takes it");
}

#[test]
fn half_an_answer_is_noticed_and_a_deleted_host_is_not() {
    let api = ZabbixApi::start("7.0", lines(20));
    let monitor = monitor(&api, "");
    synced(&monitor);
    // The list of ids is whole, all about them is not.
    api.fault("host.get", Fault::Nothing);
    api.fault("host.get", Fault::Half);
    let (kind, message) = refused(&monitor);
    assert_eq!(kind, "reply");
    assert!(message.contains("host.get left out 10 of 20 hosts that are there"), "{message}");
    api.change(|world| world.hosts.truncate(19));
    assert_eq!(synced(&monitor)["lines"], 19);
}

#[test]
fn a_slow_one_is_given_up_in_time() {
    let api = ZabbixApi::start("7.0", lines(1));
    let monitor = monitor(&api, "zabbix.timeout = \"3s\"\nsync.deadline = \"10s\"");
    synced(&monitor);
    for _ in 0..3 {
        api.fault("usermacro.get", Fault::Held);
    }
    let ran = monitor.run(&["sync"]);
    assert_eq!(failure(&ran).0, "deadline");
}

#[test]
fn one_that_is_away_leaves_the_inventory_and_tells_its_age() {
    let api = ZabbixApi::start("6.0", lines(7));
    let monitor = monitor(&api, "");
    synced(&monitor);
    drop(api);
    let document = monitor.run(&["sync"]).json();
    assert_eq!((&document["state"], &document["failure"]["kind"]), (&2.into(), &"connect".into()), "{document}");
    assert_eq!((&document["lines"], &document["generation"]), (&7.into(), &1.into()));
    assert!(document["age"].as_f64().is_some_and(|age| (0.0..60.0).contains(&age)), "{document}");
    let told = monitor.run(&["sync", "--format", "text"]);
    assert_eq!((told.stdout.as_str(), told.code), ("", Some(1)));
    assert!(told.stderr.contains("stays in force: generation 1, 7 lines"), "{}", told.stderr);
    assert_eq!(told.stderr.lines().count(), 1);
}

#[test]
fn what_is_not_set_is_said_before_anybody_is_asked() {
    let api = ZabbixApi::start("6.0", lines(1));
    let url = format!("zabbix.url = {:?}", api.url());
    for (settings, what) in [
        ("", "zabbix.url is not set"),
        (url.as_str(), "neither zabbix.token nor zabbix.password"),
        (&format!("{url}\nzabbix.password = \"secret:none\""), "no [none] in it"),
        (&format!("{url}\nzabbix.password = \"env:NONE\""), "zabbix.user is not set"),
        (&format!("{url}\nzabbix.password = \"secret:api\"\nzabbix.token = \"secret:token\""), "are both set"),
        (&format!("{url}\nzabbix.password = \"secret:api\"\nsync.macros = \"ruoter={{$X}}\""), "did you mean router?"),
    ] {
        let (kind, message) = failure(&super::with_settings(settings).run(&["sync"]));
        assert!(kind == "settings" && message.contains(what), "{message}");
    }
    assert_eq!(api.calls("host.get") + api.calls("user.login"), 0);
}

#[test]
fn an_address_that_is_none_of_the_api_is_told() {
    let api = ZabbixApi::start("6.0", lines(1));
    let wrong = format!("zabbix.url = \"{}elsewhere\"\nzabbix.password = \"secret:api\"", api.url());
    let (kind, message) = failure(&super::with_settings(&wrong).run(&["sync"]));
    assert!(kind == "settings" && message.contains("HTTP 404 Not Found; is zabbix.url right?"), "{message}");
    api.fault("apiinfo.version", Fault::Status(301, "Location: https://zabbix.example.net/"));
    let (kind, message) = failure(&monitor(&api, "").run(&["sync"]));
    assert!(kind == "settings" && message.contains("it has moved to \"https://zabbix.example.net/\""), "{message}");
}

#[test]
fn the_temporary_directory_and_an_inventory_of_files_are_left_alone() {
    let api = ZabbixApi::start("6.0", lines(2));
    let monitor = monitor(&api, "");
    crate::support::inventory::Inventory::new()
        .router("r", "192.0.2.1", "linux", "")
        .line("a", "r", "10.1.1.1", "")
        .import(&monitor);
    let (kind, message) = refused(&monitor);
    assert!(kind == "settings" && message.contains("has one source; --replace takes its place"), "{message}");
    assert_eq!(api.calls("apiinfo.version"), 0);
    assert_eq!(monitor.run(&["sync", "--replace"]).json()["lines"], 2);
    // And back.
    let file = monitor.path("inventory.toml");
    let file = file.to_str().expect("a path");
    assert_eq!(monitor.run(&["inventory", "import", file]).code, Some(1));
    assert_eq!(monitor.run(&["inventory", "import", "--replace", file]).code, Some(0));

    let homeless = Monitor::new();
    let settings = homeless.path("none.toml");
    std::fs::write(&settings, api.settings()).expect("a settings file");
    let mut command = homeless.command(&["sync"]);
    command.env("DDL_MONITOR_CONFIG", settings).env("HOME", "/proc/nowhere").env("TMPDIR", homeless.path("."));
    let output = command.output().expect("ddl-monitor runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("lies in the temporary directory") && output.status.code() == Some(1), "{text}");
}
