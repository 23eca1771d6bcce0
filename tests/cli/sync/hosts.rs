//! What of a host makes a line: macros of host, templates and Zabbix itself, secrets, credentials by rule, and what strangers write
//! into them.

use super::{ids, lines, monitor, skipped, synced};
use crate::support::zabbix_api::{Fault, Host, Template, World, ZabbixApi, secret_macro, text_macro};
use serde_json::{Value, json};

fn router(monitor: &crate::support::monitor::Monitor) -> Value {
    monitor.run(&["inventory", "show"]).json()["routers"][0].clone()
}

#[test]
fn a_secret_password_needs_a_rule_and_the_message_says_so() {
    let secret = |id: u64, router: &str, group: &str| {
        let mut host = Host::line(id, &format!("10.1.1.{id}"), router).with(secret_macro("{$LINE_ROUTER_PASSWORD}"));
        host.group = group.to_owned();
        host
    };
    let hosts = vec![secret(1, "192.0.2.1", "A"), secret(2, "192.0.2.2", "A/B"), secret(3, "192.0.2.3", "C")];
    let api = ZabbixApi::start("6.0", World { hosts, ..World::default() });
    let document = synced_empty(&monitor(&api, ""));
    for (_, reason) in skipped(&document) {
        assert_eq!(
            reason,
            "{$LINE_ROUTER_PASSWORD} is secret text, which the API does not tell; set sync.credential, \
             sync.group_credentials or sync.router_credentials"
        );
    }
    for (rules, right) in [
        ("sync.credential = \"secret:good\"", vec!["L-1", "L-2", "L-3"]),
        ("sync.group_credentials = \"A=secret:good\"", vec!["L-1", "L-2"]),
        ("sync.router_credentials = \"192.0.2.3=secret:other; 192.0.2.9=secret:good\"", vec!["L-3"]),
    ] {
        let monitor = monitor(&api, rules);
        monitor.run(&["sync"]);
        assert_eq!(ids(&monitor), right, "{rules}");
    }
    let both = monitor(&api, "sync.credential = \"secret:good\"\nsync.router_credentials = \"192.0.2.1=secret:other\"");
    synced(&both);
    assert_eq!(router(&both)["password"], "secret:other");
}

/// A sync whose hosts are all skipped: nothing is taken, and the document still says why.
#[track_caller]
fn synced_empty(monitor: &crate::support::monitor::Monitor) -> Value {
    let ran = monitor.run(&["sync", "--accept-shrink"]);
    assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
    ran.json()
}

#[test]
fn macros_of_a_vault_and_other_secrets_are_told_apart() {
    let vault = json!({"macro": "{$LINE_ROUTER_PASSWORD}", "value": "path:key", "type": "2"});
    let hosts = vec![
        Host::line(1, "10.1.1.1", "192.0.2.1").with(vault),
        Host::line(2, "10.1.1.2", "192.0.2.2").with(secret_macro("{$LINE_ROUTER_IP}")),
        // The login that is stored has the user, too.
        Host::line(3, "10.1.1.3", "192.0.2.3").with(secret_macro("{$LINE_ROUTER_USERNAME}")),
        Host::line(4, "10.1.1.4", "192.0.2.4")
            .with(text_macro("{$LINE_ROUTER_PASSWORD}", "env:PW"))
            .with(secret_macro("{$LINE_ROUTER_USERNAME}")),
    ];
    let api = ZabbixApi::start("6.0", World { hosts, ..World::default() });
    let monitor = monitor(&api, "");
    let reasons = skipped(&synced(&monitor));
    assert!(reasons[0].1.starts_with("{$LINE_ROUTER_PASSWORD} is in a vault, which is not read"), "{reasons:?}");
    assert!(reasons[1].1.starts_with("{$LINE_ROUTER_IP} is a secret, which the API does not tell"), "{reasons:?}");
    assert!(reasons[2].1.starts_with("{$LINE_ROUTER_USERNAME} is a secret"), "{reasons:?}");
    assert_eq!(ids(&monitor), ["L-3"]);
}

#[test]
fn macros_come_from_host_template_and_zabbix_and_may_be_called_otherwise() {
    let bare =
        |id: u64, macros: Vec<Value>| Host { macros, parents: vec![1], ..Host::line(id, &format!("10.1.1.{id}"), "") };
    let world = World {
        hosts: vec![
            bare(1, vec![text_macro("{$EDGE_IP}", "192.0.2.1")]),
            bare(2, vec![text_macro("{$LINE_VRF}", "red")]),
        ],
        templates: vec![Template {
            id: 1,
            macros: vec![
                text_macro("{$EDGE_IP}", "192.0.2.2"),
                text_macro("{$LINE_ROUTER_PLATFORM}", "cisco_iosxe"),
                text_macro("{$PW:\"router\"}", "secret:good"),
                text_macro("{$PW}", "secret:nobody"),
            ],
            ..Template::default()
        }],
        global: vec![text_macro("{$LINE_PING_COUNT}", "3"), text_macro("{$LINE_VRF}", "blue")],
        ..World::default()
    };
    let api = ZabbixApi::start("7.0", world);
    let monitor = monitor(&api, "sync.macros = \"router={$EDGE_IP}; password={$PW:router}\"");
    let document = synced(&monitor);
    assert_eq!(document["lines"], 2, "{document}");
    let shown = monitor.run(&["inventory", "show"]).json();
    let of = |at: usize, name: &str| shown["lines"][at][name].as_str().unwrap_or_default().to_owned();
    assert_eq!([of(0, "router"), of(0, "vrf"), of(0, "count")], ["192.0.2.1", "blue", "3"]);
    assert_eq!([of(1, "router"), of(1, "vrf"), of(1, "count")], ["192.0.2.2", "red", "3"]);
    // No id of its own: the target, which is the technical name.
    assert_eq!([of(0, "id"), of(0, "name"), of(0, "host")], ["10.1.1.1", "Line to 10.1.1.1", "10.1.1.1"]);
}

#[test]
fn the_earlier_tools_words_for_ssh_are_ssh_and_others_are_named() {
    let with = |id: u64, word: &str| {
        Host::line(id, &format!("10.1.1.{id}"), "192.0.2.1").with(text_macro("{$LINE_ROUTER_PROTOCOL}", word))
    };
    let hosts =
        vec![with(1, "ssh"), with(2, "scrapli"), with(3, "scrapli-channel"), with(4, "SSH"), with(5, "netconf")];
    let api = ZabbixApi::start("6.0", World { hosts, ..World::default() });
    let monitor = monitor(&api, "");
    let reasons = skipped(&synced(&monitor));
    assert_eq!(
        reasons,
        [("10.1.1.5".to_owned(), "{$LINE_ROUTER_PROTOCOL} \"netconf\" is not supported: allowed is ssh".to_owned())]
    );
}

#[test]
fn every_host_that_is_no_line_is_named_and_the_others_go_on() {
    let line = |id: u64| Host::line(id, &format!("10.1.1.{id}"), "192.0.2.1");
    let mut nameless = line(1);
    nameless.host = "not an address".into();
    let strange: Vec<(Host, &str)> = vec![
        (nameless, "{$LINE_TARGET} \"not an address\": allowed is one IPv4 or IPv6 address"),
        (
            line(2).with(text_macro("{$LINE_ROUTER_IP}", "192.0.2.1;reload")),
            "{$LINE_ROUTER_IP} \"192.0.2.1;reload\": allowed is",
        ),
        (
            line(3).with(text_macro("{$LINE_ROUTER_IP}", "")),
            "it has no {$LINE_ROUTER_IP}; set it on the host or its template",
        ),
        (line(4).with(text_macro("{$LINE_ROUTER_PLATFORM}", "ios")), "platform"),
        (line(5).with(text_macro("{$LINE_ID}", "a\u{1b}[2Jb")), "{$LINE_ID} \"a\\u{1b}[2Jb\": allowed is"),
        (line(6).with(text_macro("{$LINE_CHECK_INTERVAL}", "soon")), "{$LINE_CHECK_INTERVAL} \"soon\": allowed is"),
        (line(7).with(text_macro("{$LINE_PING_COUNT}", "-1")), "{$LINE_PING_COUNT} \"-1\": allowed is"),
        (line(8).with(text_macro("{$LINE_VRF}", "red\nreload")), "{$LINE_VRF} \"red\\nreload\": allowed is"),
        (
            line(9).with(text_macro("{$LINE_ROUTER_PASSWORD}", "{$CORE}")),
            "{$LINE_ROUTER_PASSWORD}: macro {$CORE} has no value",
        ),
        (
            line(10).with(text_macro("{$LINE_SOURCE}", "{$NOPE}")),
            "{$LINE_SOURCE} is \"{$NOPE}\": a macro within a macro's value",
        ),
        (line(11).with(text_macro("{$LINE_ROUTER_PASSWORD}", "secret:gold")), "did you mean secret:good"),
        (line(12).with(text_macro("{$LINE_ROUTER_NAME}", "x*y")), "router name \"x*y\": allowed is"),
        (line(13).with(text_macro("{$LINE_ID}", "L-99")), "line \"L-99\" is also host \"10.1.1.99\""),
        (line(14).with(json!({"macro": 7, "value": "x", "type": "0"})), "its macros could not be understood"),
        (line(15).with(text_macro("{$LINE_VRF}", &"x".repeat(100_000))), "{$LINE_VRF} has a value that is no text, or"),
        (
            line(16).with(json!({"macro": "{$LINE_VRF}", "value": [], "type": "0"})),
            "{$LINE_VRF} has a value that is no",
        ),
        (
            line(17).with(text_macro("{$LINE_TARGET}", "10.9.9.9;reload")),
            "{$LINE_TARGET} \"10.9.9.9;reload\": allowed is",
        ),
        (
            line(18).with(text_macro("{$LINE_ROUTER_PASSWORD}", "")).with(text_macro("{$LINE_ROUTER_KEY}", "k")),
            "{$LINE_ROUTER_KEY} \"k\": allowed is an absolute path",
        ),
    ];
    let mut hosts = vec![Host::line(99, "10.1.1.99", "192.0.2.1")];
    // It is older than its copy.
    hosts[0].id = 0;
    hosts[0] = hosts[0].clone().with(text_macro("{$LINE_ID}", "L-99"));
    // A name each, so that none speaks for the router of another.
    hosts.extend(strange.iter().enumerate().map(|(at, (host, _))| {
        let name = host.macros.iter().any(|one| one["macro"] == "{$LINE_ROUTER_NAME}");
        if name { host.clone() } else { host.clone().with(text_macro("{$LINE_ROUTER_NAME}", &format!("r{at}"))) }
    }));
    let api = ZabbixApi::start("7.0", World { hosts, ..World::default() });
    let monitor = monitor(&api, "");
    let document = synced(&monitor);
    assert_eq!(ids(&monitor), ["L-99"], "{document}");
    let reasons = skipped(&document);
    assert_eq!(reasons.len(), strange.len(), "{reasons:?}");
    for ((_, reason), (_, expected)) in reasons.iter().zip(&strange) {
        assert!(reason.contains(expected), "{reason:?} does not say {expected:?}");
        assert!(!reason.chars().any(char::is_control), "{reason:?}");
    }
    let text = monitor.run(&["--format", "text", "sync"]).stdout;
    assert!(text.contains("skipped: 18 hosts\n"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
}

#[test]
fn macros_that_are_not_asked_for_harm_no_line_whatever_they_are() {
    // The longest that Zabbix takes, longer ones, and none at all.
    let strange = ["汉".repeat(2048).into(), "x".repeat(100_000).into(), json!([])]
        .map(|value| json!({"value": value, "type": "0"}));
    let named = strange.iter().enumerate().map(|(at, one)| {
        let mut one = one.clone();
        one["macro"] = format!("{{$OTHER{at}}}").into();
        one
    });
    let global: Vec<_> = named.collect();
    let host = global.iter().fold(Host::line(1, "10.1.1.1", "192.0.2.1"), |host, one| host.with(one.clone()));
    let api = ZabbixApi::start("6.0", World { hosts: vec![host], global, ..World::default() });
    assert_eq!(synced(&monitor(&api, ""))["lines"], 1);
}

#[test]
fn what_zabbix_says_is_never_a_command_to_be_run() {
    let file = tempfile::tempdir().expect("a folder");
    let file = file.path().join("made");
    let command = format!("exec:/usr/bin/touch {}", file.display());
    let line = |id: u64, name: &str| {
        let host = Host::line(id, &format!("10.1.1.{id}"), &format!("192.0.2.{id}"));
        host.with(text_macro("{$LINE_ROUTER_USERNAME}", "ddl")).with(text_macro(name, &command))
    };
    let names = ["{$LINE_ROUTER_PASSWORD}", "{$LINE_ROUTER_ENABLE_PASSWORD}", "{$LINE_ROUTER_PASSPHRASE}"];
    let mut hosts: Vec<Host> = names.iter().zip(1..).map(|(name, id)| line(id, name)).collect();
    let user = text_macro("{$LINE_ROUTER_USERNAME}", "ddl");
    hosts.push(Host::line(4, "10.1.1.4", "192.0.2.4").with(secret_macro("{$LINE_ROUTER_PASSWORD}")).with(user));
    let api = ZabbixApi::start("6.0", World { hosts, ..World::default() });
    // Here it was set by whom the machine obeys.
    let monitor = monitor(&api, "sync.router_credentials = \"192.0.2.4=exec:/bin/echo ddl\"");
    let document = synced(&monitor);
    for ((_, reason), name) in skipped(&document).iter().zip(names) {
        assert!(reason.starts_with(&format!("{name} is a command (exec:)")), "{reason}");
    }
    assert_eq!((&document["skipped"], &document["lines"]), (&3.into(), &1.into()), "{document}");
    for id in 1..=3 {
        monitor.run(&["poll", "--line", &format!("L-{id}")]);
    }
    assert!(!file.exists());
}

#[test]
fn hosts_of_wrong_types_are_named() {
    let api = ZabbixApi::start("7.0", lines(3));
    let monitor = monitor(&api, "");
    synced(&monitor);
    for (key, value, what) in [
        ("host", json!(7), "its name could not be understood"),
        ("tags", json!("x"), "its tags could not be understood"),
        ("tags", json!([{"tag": 1, "value": "x"}]), "its tags could not be understood"),
        ("parentTemplates", json!({"a": 1}), "its templates could not be understood"),
        ("macros", json!(true), "its macros could not be understood"),
        ("hostgroups", json!("x"), "its host groups could not be understood"),
    ] {
        let host = |id: u64, bad: bool| {
            let mut host = json!({
                "hostid": id.to_string(), "status": "0", "host": format!("10.1.0.{}", id - 999), "name": "n", "macros": [],
                "tags": [{"tag": "TempType", "value": "LINE"}], "parentTemplates": [], "hostgroups": [],
            });
            if bad {
                host[key] = value.clone();
            }
            host
        };
        let whole = json!([host(1001, true), host(1002, false), host(1003, false)]);
        // The list of ids, then all about them.
        api.fault("host.get", Fault::Result(whole.clone()));
        api.fault("host.get", Fault::Result(whole));
        let document = monitor.run(&["sync", "--dry-run", "--accept-shrink"]).json();
        let reasons = skipped(&document);
        assert!(reasons[0].1.contains(what), "{key}: {reasons:?}");
    }
}

#[test]
fn a_password_in_the_clear_is_remarked_or_forbidden_and_never_shown() {
    let host = Host::line(1, "10.1.1.1", "192.0.2.1")
        .with(text_macro("{$LINE_ROUTER_PASSWORD}", "canary-plain"))
        .with(text_macro("{$LINE_ROUTER_USERNAME}", "ddl"));
    let api = ZabbixApi::start("6.0", World { hosts: vec![host], ..World::default() });
    let allowed = monitor(&api, "");
    let ran = allowed.run(&["sync"]);
    assert!(ran.json()["remarks"][0].as_str().is_some_and(|text| text.contains("in the clear")), "{}", ran.stdout);
    let shown = allowed.run(&["inventory", "show"]).stdout;
    assert!(!ran.stdout.contains("canary-plain") && !shown.contains("canary-plain"));
    api.change(|world| world.hosts[0] = world.hosts[0].clone().with(text_macro("{$LINE_ROUTER_PASSWORD}", "canary-2")));
    let text = allowed.run(&["sync", "--diff"]).stdout;
    assert!(text.contains("~ router 192.0.2.1: password (hidden) → (hidden)") && !text.contains("canary"), "{text}");
    let forbidden = monitor(&api, "secrets.allow_plain_password = false");
    let reasons = skipped(&synced_empty(&forbidden));
    assert!(reasons[0].1.contains("allow_plain_password = false") && !reasons[0].1.contains("canary"), "{reasons:?}");
}

#[test]
fn routers_of_ipv6_and_other_ports_have_names_that_are_names() {
    let hosts = ["192.0.2.1:2222", "2001:db8::1", "[2001:db8::1]:2222", "Edge.example.net"];
    let hosts = hosts.iter().zip(1..).map(|(router, id)| Host::line(id, &format!("10.1.1.{id}"), router)).collect();
    let api = ZabbixApi::start("6.0", World { hosts, ..World::default() });
    let monitor = monitor(&api, "");
    synced(&monitor);
    let shown = monitor.run(&["inventory", "show"]).json();
    let of = |name: &str| -> Vec<&str> {
        shown["routers"].as_array().expect("routers").iter().map(|one| one[name].as_str().expect("text")).collect()
    };
    assert_eq!(of("name"), ["192.0.2.1:2222", "2001:db8::1", "2001:db8::1_2222", "edge.example.net"]);
    assert_eq!(of("address"), ["192.0.2.1:2222", "2001:db8::1", "[2001:db8::1]:2222", "edge.example.net"]);
}
