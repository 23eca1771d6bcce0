//! `sync` with the real Zabbix: macros as its server resolves them, rights that are missing, proxies, hosts that come, change and
//! go, and twenty thousand lines.

use crate::support::monitor::Monitor;
use crate::support::wait;
use crate::support::zabbix::{Part, Zabbix, versions};
use serde_json::{Value as Json, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

/// Settings to sync with it as its administrator.
fn monitor(zabbix: &Zabbix, more: &str) -> Monitor {
    let monitor = Monitor::with(&format!("zabbix.url = {:?}\nzabbix.password = \"secret:api\"\n{more}", zabbix.url()));
    as_user(&monitor, "Admin", "zabbix");
    monitor
}

fn as_user(monitor: &Monitor, user: &str, password: &str) {
    monitor.write_credentials(&format!(
        "[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[api]\nuser = {user:?}\npassword = {password:?}\n"
    ));
}

#[track_caller]
fn synced(monitor: &Monitor) -> Json {
    let ran = monitor.run(&["sync"]);
    assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
    ran.json()
}

/// A template with text macros; its id.
fn template(zabbix: &Zabbix, name: &str, macros: &[(&str, &str)], parents: &[&str], tags: Json) -> String {
    let macros: Vec<Json> = macros.iter().map(|(name, value)| json!({"macro": name, "value": value})).collect();
    let parents: Vec<Json> = parents.iter().map(|id| json!({"templateid": id})).collect();
    let request = json!({
        "host": name, "groups": [{"groupid": template_group(zabbix, "Lab templates")}], "macros": macros,
        "templates": parents, "tags": tags,
    });
    id(&zabbix.call("template.create", request)["templateids"][0])
}

fn template_group(zabbix: &Zabbix, name: &str) -> Json {
    let kind = if zabbix.version() == "6.0" { "hostgroup" } else { "templategroup" };
    let _ = zabbix.try_call(&format!("{kind}.create"), json!({"name": name}));
    zabbix.call(&format!("{kind}.get"), json!({"filter": {"name": name}}))[0]["groupid"].clone()
}

fn id(value: &Json) -> String {
    value.as_str().expect("an id").to_owned()
}

const LINE: [(&str, &str); 3] = [
    ("{$LINE_ROUTER_IP}", "192.0.2.1"),
    ("{$LINE_ROUTER_PLATFORM}", "linux"),
    ("{$LINE_ROUTER_PASSWORD}", "secret:good"),
];

/// What the tests ask of each host, and the macros that tell it.
const ASKED: [(&str, &str); 5] = [
    ("carrier", "{$T.BASE}"),
    ("circuit", "{$T.CONTEXT:\"line 1\"}"),
    ("vrf", "{$T.LEVEL}"),
    ("source", "{$T.GLOBAL:other}"),
    ("interval", "{$T.NEST}"),
];

#[test]
fn macros_are_those_that_the_server_itself_puts_in() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        let script = zabbix.scripts(Part::Server).join("echo-macros");
        fs::write(&script, "#!/bin/sh\nprintf '%s|' \"$@\"\n").expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its mode");
        for (name, value) in [
            ("{$T.GLOBAL}", "global0"),
            ("{$T.GLOBAL:other}", "global1"),
            ("{$T.BASE}", "never"),
            ("{$T.CONTEXT:regex:\"^line\"}", "global regex"),
            ("{$T.NEST}", "10m"),
        ] {
            zabbix.call("usermacro.createglobal", json!({"macro": name, "value": value}));
        }
        let none = || json!([]);
        let tag = json!([{"tag": "TempType", "value": "LINE"}]);
        // Grandparents: the one that was made first belongs to the parent that was made last.
        let old = template(&zabbix, "old", &[("{$T.LEVEL}", "old"), ("{$T.NEST}", "4m")], &[], none());
        let new = template(&zabbix, "new", &[("{$T.LEVEL}", "new"), ("{$T.NEST}", "5m")], &[], tag);
        let base = [("{$T.BASE}", "first"), ("{$T.CONTEXT:\"line 1\"}", "exact"), ("{$T.CONTEXT}", "plain")];
        let first = template(&zabbix, "first", &base, &[&new], none());
        let second = template(
            &zabbix,
            "second",
            &[("{$T.BASE}", "second"), ("{$T.CONTEXT:regex:\"1$\"}", "regex")],
            &[&old],
            none(),
        );
        let _ = (first, second);
        let key =
            format!("echo-macros[{}]", ASKED.map(|(_, name)| format!("\"{}\"", name.replace('"', "\\\""))).join(","));
        let of = |name: &str, templates: &[&str], macros: &[(&str, &str)]| {
            let mut host = zabbix.host(name);
            for template in templates {
                host = host.template(template);
            }
            for (name, value) in LINE.iter().chain(macros) {
                host = host.user_macro(name, value);
            }
            let host = host.tag("TempType", "LINE").create();
            host.text_item(&key, "1s");
            host
        };
        let hosts = [
            of("10.1.1.1", &["first", "second"], &[]),
            of("10.1.1.2", &["second", "first"], &[("{$T.CONTEXT}", "own plain"), ("{$T.BASE}", "own")]),
            of("10.1.1.3", &["second"], &[("{$T.NEST}", "30s")]),
            of("10.1.1.4", &["first"], &[("{$T.CONTEXT:regex:\"^l.*1$\"}", "own regex"), ("{$T.GLOBAL}", "own0")]),
            of("10.1.1.5", &["old"], &[]),
            of("10.1.1.6", &[], &[("{$T.BASE}", "b"), ("{$T.LEVEL}", "own"), ("{$T.CONTEXT:\"line 1\"}", "own exact")]),
            of("10.1.1.7", &["first", "old"], &[("{$T.GLOBAL:regex:\"^o\"}", "own-regex")]),
        ];
        let names = ASKED.map(|(field, name)| format!("{field}={}", name.replace('"', ""))).join("; ");
        let monitor = monitor(&zabbix, &format!("sync.macros = {names:?}"));
        // A source is an address or an interface's name.
        let document = synced(&monitor);
        let shown = monitor.run(&["inventory", "show"]).json();
        for (host, line) in hosts.iter().zip(1..) {
            let echoed = host.first(&key).text;
            let target = format!("10.1.1.{line}");
            let line = shown["lines"].as_array().expect("lines").iter().find(|one| one["target"] == *target);
            let line = line.unwrap_or_else(|| panic!("{version}: no line to {target}: {document}"));
            let ours = ASKED.map(|(field, name)| match &line[field] {
                // What Zabbix cannot resolve arrives as it is.
                Json::Null => name.to_owned(),
                value => value.as_str().expect("text").to_owned(),
            });
            assert_eq!(format!("{}|", ours.join("|")), echoed, "{version} {target}");
        }
    }
}

#[test]
fn a_user_without_rights_on_templates_gets_no_wrong_line() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        let tag = json!([{"tag": "TempType", "value": "LINE"}]);
        template(&zabbix, "tag and macro", &[("{$LINE_VRF}", "hidden")], &[], tag.clone());
        let items = template(&zabbix, "items and macro", &[("{$LINE_VRF}", "hidden")], &[], json!([]));
        zabbix.call(
            "item.create",
            json!({"hostid": items, "name": "x", "key_": "x", "type": 2, "value_type": 3, "history": "1d"}),
        );
        let rules = template(&zabbix, "rule and macro", &[("{$LINE_VRF}", "hidden")], &[], json!([]));
        zabbix.call("discoveryrule.create", json!({"hostid": rules, "name": "x", "key_": "x", "type": 2}));
        // Itself to be seen, its parent not.
        let visible = json!({
            "host": "visible", "groups": [{"groupid": template_group(&zabbix, "Visible templates")}],
            "templates": [{"templateid": items}],
        });
        zabbix.call("template.create", visible);
        let of = |name: &str, template: Option<&str>| {
            let host = template.into_iter().fold(zabbix.host(name), |host, template| host.template(template));
            let host = LINE.iter().fold(host, |host, (name, value)| host.user_macro(name, value));
            host.tag("TempType", "LINE").create()
        };
        let hosts = [
            of("10.1.1.1", Some("tag and macro")),
            of("10.1.1.2", Some("items and macro")),
            of("10.1.1.3", Some("visible")),
            of("10.1.1.4", Some("rule and macro")),
            of("10.1.1.5", None),
        ];
        let group = zabbix.call("hostgroup.get", json!({"filter": {"name": "Lab"}}))[0]["groupid"].clone();
        let seen = template_group(&zabbix, "Visible templates");
        let read = |id: &Json| json!({"id": id, "permission": 2});
        let mut rights = json!({"name": "Sync"});
        if version == "6.0" {
            rights["rights"] = json!([read(&group), read(&seen)]);
        } else {
            rights["hostgroup_rights"] = json!([read(&group)]);
            rights["templategroup_rights"] = json!([read(&seen)]);
        }
        let group = zabbix.call("usergroup.create", rights)["usrgrpids"][0].clone();
        let role = zabbix.call("role.get", json!({"filter": {"name": "User role"}}))[0]["roleid"].clone();
        let user =
            json!({"username": "reader", "passwd": "Canary-7-word", "roleid": role, "usrgrps": [{"usrgrpid": group}]});
        zabbix.call("user.create", user);
        let monitor = monitor(&zabbix, "");
        assert_eq!(synced(&monitor)["lines"], 5);
        as_user(&monitor, "reader", "Canary-7-word");
        let document = monitor.run(&["sync", "--accept-shrink"]).json();
        assert_eq!((&document["lines"], &document["skipped"]), (&1.into(), &4.into()), "{version}: {document}");
        for problem in document["problems"].as_array().expect("problems") {
            let reason = problem["reason"].as_str().expect("text");
            assert!(reason.starts_with("it has a template that the user of the API may not read"), "{reason}");
        }
        drop(hosts);
    }
}

#[test]
fn hosts_that_come_change_and_go_are_followed_by_login_and_by_token() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        let of = |name: &str, part: Part| {
            let host = LINE.iter().fold(zabbix.host(name), |host, (name, value)| host.user_macro(name, value));
            host.tag("TempType", "LINE").by(part).create()
        };
        let mut hosts: Vec<_> = (1..=4).map(|n| of(&format!("10.1.1.{n}"), Part::Server)).collect();
        hosts.push(of("10.1.1.5", Part::Proxy));
        let by_login = monitor(&zabbix, "sync.proxy = \"none\"");
        assert_eq!(synced(&by_login)["lines"], 4);
        let of_proxy = monitor(&zabbix, "sync.proxy = \"lab-proxy\"");
        assert_eq!(synced(&of_proxy)["lines"], 1);
        let secret =
            json!({"hostid": hosts[3].id, "macro": "{$LINE_ROUTER_USERNAME}", "value": "canary-77", "type": 1});
        zabbix.call("usermacro.create", secret);
        // The one of the proxy has its password as secret text, then in a vault: by rule only.
        let password = json!({"hostids": hosts[4].id, "filter": {"macro": "{$LINE_ROUTER_PASSWORD}"}});
        let password = zabbix.call("usermacro.get", password)[0]["hostmacroid"].clone();
        for (kind, value, said) in [(1, "canary-78", "is secret text"), (2, "path/canary:key", "is in a vault")] {
            zabbix.call("usermacro.update", json!({"hostmacroid": password, "value": value, "type": kind}));
            let said = format!("{{$LINE_ROUTER_PASSWORD}} {said}");
            let text = of_proxy.run(&["sync", "--accept-shrink", "--format", "text"]).stdout;
            assert!(text.contains(&said), "{version}: {text}");
            let ruled = monitor(&zabbix, "sync.proxy = \"lab-proxy\"\nsync.group_credentials = \"Lab=secret:good\"");
            assert_eq!(synced(&ruled)["lines"], 1, "{version}");
            assert_eq!(ruled.run(&["inventory", "show"]).json()["routers"][0]["password"], "secret:good");
        }
        zabbix.call("usermacro.update", json!({"hostmacroid": password, "value": "secret:good", "type": 0}));
        hosts[4].move_to(Part::Server);
        assert_eq!(of_proxy.run(&["sync", "--accept-shrink"]).json()["lines"], 0, "{version}");
        assert_eq!(synced(&by_login)["changes"]["added"]["lines"], 1, "{version}");
        if version != "6.0" {
            by_group(&zabbix, &hosts[4].id);
        }
        hosts[4].move_to(Part::Proxy);
        zabbix.call("host.update", json!({"hostid": hosts[0].id, "status": 1}));
        zabbix.call("host.update", json!({"hostid": hosts[1].id, "host": "10.1.1.22", "name": "renamed"}));
        drop(hosts.remove(2));
        let text = by_login.run(&["sync", "--diff"]).stdout;
        for said in
            ["- line 10.1.1.1:", "- line 10.1.1.2:", "- line 10.1.1.3:", "+ line 10.1.1.22: 10.1.1.22 by 192.0.2.1"]
        {
            assert!(text.contains(said), "{version}: {text}");
        }
        // The stored login has the user; nothing of the secret is known.
        assert_eq!(synced(&by_login)["lines"], 2, "{version}");
        assert!(by_login.kept().iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains("canary-77")));

        let made = zabbix.call("token.create", json!({"name": "sync", "userid": "1"}));
        let token = zabbix.call("token.generate", json!([made["tokenids"][0]]))[0]["token"].clone();
        let by_token = Monitor::with(&format!("zabbix.url = {:?}\nzabbix.token = \"secret:token\"", zabbix.url()));
        by_token
            .write_credentials(&format!("[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[token]\npassword = {token}\n"));
        assert_eq!(synced(&by_token)["lines"], 3, "{version}");
        zabbix.call("token.update", json!({"tokenid": made["tokenids"][0], "expires_at": 1_600_000_000}));
        let expired = by_token.run(&["sync"]).json();
        assert_eq!(expired["failure"]["kind"], "auth", "{version}: {expired}");
        assert_eq!(expired["lines"], 3);
    }
}

/// Hosts that a group of proxies has, which needs none of them for that.
fn by_group(zabbix: &Zabbix, host: &str) {
    let group = json!({"name": "sync group", "failover_delay": "10s", "min_online": "1"});
    let group = id(&zabbix.call("proxygroup.create", group)["proxy_groupids"][0]);
    zabbix.call("host.update", json!({"hostid": host, "monitored_by": 2, "proxy_groupid": group}));
    for (setting, lines) in [
        ("sync.proxy_group = \"sync group\"".to_owned(), 1),
        (format!("sync.proxy_group = {group:?}"), 1),
        // It has none that is online and could have been given it.
        ("sync.proxy = \"lab-proxy\"".to_owned(), 0),
    ] {
        let ran = monitor(zabbix, &setting).run(&["sync", "--accept-shrink"]);
        assert_eq!(ran.json()["lines"], lines, "{setting}: {}", ran.stdout);
    }
    zabbix.call("host.update", json!({"hostid": host, "monitored_by": 0}));
    zabbix.call("proxygroup.delete", json!([group]));
}

#[test]
fn discovery_syncs_in_the_background_and_an_item_tells_of_it() {
    for version in versions() {
        background(version);
    }
}

fn background(version: &'static str) {
    let zabbix = Zabbix::start(version);
    let line = LINE.iter().fold(zabbix.host("10.1.1.1"), |host, (name, value)| host.user_macro(name, value));
    let _line = line.tag("TempType", "LINE").create();
    let settings = zabbix.folder(Part::Server).join("ddl-monitor.toml");
    let text = fs::read_to_string(&settings).expect("settings");
    let more = format!("\n[zabbix]\nurl = {:?}\npassword = \"secret:api\"\n[sync]\nttl = \"10s\"\n", zabbix.url());
    fs::write(&settings, text + &more).expect("settings");
    zabbix.write_credentials(
        Part::Server,
        "[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[api]\nuser = \"Admin\"\npassword = \"zabbix\"\n",
    );
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/zabbix-templates/inventory/leased-lines-inventory-by-zabbix-api.yaml");
    zabbix.import(&fs::read_to_string(folder).expect("the template"));
    let host = zabbix
        .host("ddl-monitor on the server")
        .template("Leased Lines Inventory by Zabbix API")
        .user_macro("{$LINE.SYNC.INTERVAL}", "1s")
        .create();
    let key = "ddl-monitor[sync,--background]";
    let good = host.wait_for(key, "a good sync", |value| value.json()["state"] == 0).json();
    assert_eq!((&good["lines"], &good["skipped"], &good["generation"]), (&1.into(), &0.into(), &1.into()), "{good}");
    let first = host.values(key).remove(0).json();
    assert_eq!(first["state"], 1, "{version}: the first one is started: {first}");
    for (item, value) in
        [("lines", "1"), ("routers", "1"), ("generation", "1"), ("changes", "2"), ("skipped", "0"), ("state", "0")]
    {
        host.wait_for(&format!("inventory.{item}"), value, |found| found.text == value);
    }
    host.wait_for("inventory.age", "an age", |found| found.text.parse::<f64>().is_ok_and(|age| age < 60.0));
    host.wait_for("inventory.message", "good", |found| found.text == "good");
    let wrong = zabbix.host("no address").tag("TempType", "LINE").create();
    host.wait_for_problems(&["1 hosts are no valid lines and are not measured"]);
    drop(wrong);
    host.wait_for_problems(&[]);
    wait::patiently("no sync to be left running", || {
        let pid = zabbix.pid("server");
        let log = zabbix.log(Part::Server);
        if log.contains("Timeout while executing") { Err(format!("{pid}: {log}")) } else { Ok(()) }
    });
}

/// KiB; 0 of one that has just ended.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Time and memory are bounded by the issue: 30 s and 300 MB.
#[test]
fn twenty_thousand_lines_are_read_in_time_and_memory() {
    let count: u32 = if std::env::var_os("DDL_TEST_LONG").is_some() { 20_000 } else { 1_500 };
    let zabbix = Zabbix::start("6.0");
    template(
        &zabbix,
        "leased line",
        &[("{$LINE_ROUTER_PLATFORM}", "cisco_iosxe"), ("{$LINE_ROUTER_PASSWORD}", "secret:good")],
        &[],
        json!([{"tag": "TempType", "value": "LINE"}]),
    );
    let parent = zabbix.call("template.get", json!({"filter": {"host": "leased line"}}))[0]["templateid"].clone();
    for item in 0..7 {
        let item =
            json!({"hostid": parent, "name": item.to_string(), "key_": format!("x{item}"), "type": 2, "value_type": 3});
        zabbix.call("item.create", item);
    }
    let _ = zabbix.try_call("hostgroup.create", json!({"name": "Lab"}));
    let group = zabbix.call("hostgroup.get", json!({"filter": {"name": "Lab"}}))[0]["groupid"].clone();
    let host = |n: u32| {
        let text = |name: &str, value: String| json!({"macro": name, "value": value});
        json!({
            "host": std::net::Ipv4Addr::from(0x0A00_0000 + n).to_string(), "groups": [{"groupid": group}],
            "templates": [{"templateid": parent}],
            "macros": [
                text("{$LINE_ID}", format!("L-{n}")),
                text("{$LINE_ROUTER_IP}", std::net::Ipv4Addr::from(0xC633_6400 + n / 10).to_string()),
                text("{$LINE_VRF}", "customers".to_owned()),
                text("{$LINE_CIRCUIT}", format!("CH-{n}-WAN")),
            ],
        })
    };
    let all: Vec<u32> = (1..=count).collect();
    for some in all.chunks(500) {
        zabbix.call("host.create", some.iter().map(|n| host(*n)).collect());
    }
    let monitor = monitor(&zabbix, "");
    let begun = Instant::now();
    let mut child = monitor.start(&["sync"]);
    let mut peak = 0;
    // The kernel forgets what a process had when it ends.
    while child.child.try_wait().expect("a process").is_none() {
        peak = peak.max(most_memory(child.child.id()));
        wait::moment(std::time::Duration::from_millis(20));
    }
    let ran = child.wait();
    let first = begun.elapsed();
    assert_eq!(ran.json()["lines"], count, "{}", ran.stdout);
    let begun = Instant::now();
    monitor.run(&["sync"]);
    let next = begun.elapsed();
    #[expect(clippy::print_stdout, reason = "figures of a run, shown by --nocapture")]
    {
        println!("{count} lines: first sync {first:?}, next {next:?}, {peak} KiB at most");
    }
    assert!(peak < 300 << 10, "{count} lines took {peak} KiB");
}
