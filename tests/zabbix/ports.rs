//! Our own port beside the line, behind a real Zabbix: of a line that is dead exactly one problem says whether it is our port,
//! somebody who shut it, or the carrier; a line without an interface is as it was.

use crate::support::inventory::Inventory;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use crate::support::zabbix::{Host, Part, Zabbix, versions};
use serde_json::json;

const TARGET: &str = "192.0.2.1";
const PORT: &str = "GigabitEthernet0/0/1";
const NONE: [&str; 0] = [];

const STATES: [&str; 3] = ["line.port.status", "line.port.oper", "line.port.admin"];
const NUMBERS: [&str; 7] = [
    "line.port.in.errors",
    "line.port.out.errors",
    "line.port.crc",
    "line.port.in.rate",
    "line.port.out.rate",
    "line.port.bandwidth",
    "line.port.last.change",
];
const TEXTS: [&str; 2] = ["line.port.name", "line.port.message"];

/// A host of a line on the simulated router of its name, polled every two seconds.
fn line<'a>(zabbix: &'a Zabbix, sim: &Sim, name: &str, interface: &str) -> Host<'a> {
    let router = sim.address(name).to_string();
    let macros = [
        ("{$LINE_ID}", name),
        ("{$LINE_TARGET}", TARGET),
        ("{$LINE_ROUTER_IP}", &router),
        ("{$LINE_ROUTER_PLATFORM}", "cisco_iosxe"),
        ("{$LINE_ROUTER_PASSWORD}", "secret:good"),
        ("{$LINE_CHECK_INTERVAL}", "2s"),
        ("{$LINE_PING_COUNT}", "1"),
        ("{$LINE_PING_TIMEOUT}", "1s"),
        ("{$LINE_INTERFACE}", interface),
    ];
    let host = zabbix.host(name).template("Leased Line by SSH");
    macros.into_iter().fold(host, |host, (name, value)| host.user_macro(name, value)).create()
}

/// Names of all problems that ever were, oldest first.
fn history(zabbix: &Zabbix, host: &Host<'_>) -> Vec<String> {
    let found = zabbix.call(
        "event.get",
        json!({"hostids": host.id, "source": 0, "object": 0, "value": 1, "sortfield": "eventid", "output": ["name"]}),
    );
    let events = found.as_array().expect("a list").iter();
    events.map(|event| event["name"].as_str().expect("a name").to_owned()).collect()
}

/// Two polls more, of what is there now.
fn two_polls_more(host: &Host<'_>, key: &str) {
    let mut last = host.values(key).pop().expect("a value");
    for _ in 0..2 {
        last = host.next(key, &last);
    }
}

/// Items that are unsupported and triggers whose state is unknown.
#[track_caller]
fn nothing_is_broken(zabbix: &Zabbix, hosts: &[&Host<'_>]) {
    let ids: Vec<&String> = hosts.iter().map(|host| &host.id).collect();
    for method in ["item.get", "trigger.get"] {
        let found = zabbix.call(method, json!({"hostids": ids, "filter": {"state": 1}, "output": "extend"}));
        assert_eq!(found, json!([]), "{method}");
    }
}

#[test]
fn a_dead_line_is_one_problem_that_says_whether_it_is_our_port_or_the_carrier() {
    for version in versions() {
        let names = ["ours", "shut", "carrier", "plain", "unknown"];
        let router = |name: &str| match name {
            "unknown" => SimRouter::new("cisco_iosxe").name(name).with("interface_unknown", vec![PORT]),
            _ => SimRouter::new("cisco_iosxe").name(name),
        };
        let mut sim = Sim::start(names.map(router));
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let hosts = names.map(|name| line(&zabbix, &sim, name, if name == "plain" { "" } else { PORT }));
        let [ours, shut, carrier, plain, unknown] = &hosts;

        for host in &hosts {
            host.wait_for("line.up", "1", |value| value.text == "1");
        }
        for (key, text) in [
            ("line.port.status", "1"),
            ("line.port.oper", "1"),
            ("line.port.admin", "1"),
            ("line.port.in.rate", "96000"),
            ("line.port.out.rate", "111000"),
            ("line.port.bandwidth", "50000000"),
            ("line.port.in.errors", "0"),
            ("line.port.crc", "0"),
            ("line.port.name", "GigabitEthernet0/0/1 (GigabitEthernet0/0/1 to the carrier, line protocol is down)"),
            ("line.port.message", "GigabitEthernet0/0/1 is up"),
        ] {
            assert_eq!(ours.first(key).text, text, "{version} {key}");
        }
        for host in &hosts {
            two_polls_more(host, "line.up");
            assert_eq!(host.problems(), NONE, "{version}");
        }

        // The line before the port: the poll between the two must not make two problems of it.
        for name in ["ours", "shut", "carrier", "plain"] {
            sim.change(name, "dead", vec![TARGET]);
        }
        sim.change("ours", "interface_down", vec![PORT]);
        sim.change("shut", "interface_shut", vec![PORT]);
        let port = "our port GigabitEthernet0/0/1 (GigabitEthernet0/0/1 to the carrier, line protocol is down) is";
        let expected = [
            format!("Leased line ours to ours: {port} down. Carrier"),
            format!("Leased line shut to shut: {port} shut down by configuration"),
            "Leased line carrier to carrier is down: no packet came back".to_owned(),
            "Leased line plain to plain is down: no packet came back".to_owned(),
        ];
        for (host, problem) in hosts.iter().zip(&expected) {
            host.wait_for_problems(&[problem]);
        }
        for (host, problem) in hosts.iter().zip(&expected) {
            two_polls_more(host, "line.up");
            host.wait_for_problems(&[problem]);
        }
        // The carrier's line breaks off behind the last router that answers.
        let path = carrier.first("line.traceroute").text;
        assert!(path.contains("10.255.0.2"), "{version}: {path}");
        assert_eq!(ours.values("line.port.message").pop().expect("a message").text, "GigabitEthernet0/0/1 is down");
        // A rate is none while the port is not up, though the router still prints one.
        let down = ours.wait_for("line.port.oper", "0", |value| value.text == "0");
        assert!(ours.values("line.port.in.rate").iter().all(|value| value.time < down.time), "{version}");
        nothing_is_broken(&zabbix, &[ours, shut, carrier, plain, unknown]);

        for name in ["ours", "shut", "carrier", "plain"] {
            sim.change(name, "dead", Vec::<String>::new());
        }
        sim.change("ours", "interface_down", Vec::<String>::new());
        sim.change("shut", "interface_shut", Vec::<String>::new());
        for (host, problem) in hosts.iter().zip(&expected) {
            host.wait_for_problems(&[]);
            two_polls_more(host, "line.up");
            let all = history(&zabbix, host);
            assert!(all.len() == 1 && all[0].starts_with(problem), "{version}: {all:?}");
        }

        for key in STATES.iter().chain(&NUMBERS).chain(&TEXTS) {
            assert_eq!(plain.values(key), [], "{version} {key}: of a line without an interface");
        }
        for key in STATES.iter().chain(&NUMBERS) {
            assert_eq!(unknown.values(key), [], "{version} {key}: of a port that the router does not know");
        }
        let message = unknown.first("line.port.message").text;
        assert!(message.contains("the router has no interface of this name"), "{message}");
        assert_eq!(history(&zabbix, unknown), NONE);
        nothing_is_broken(&zabbix, &[ours, shut, carrier, plain, unknown]);
    }
}

#[test]
fn crc_errors_are_a_problem_while_they_come_and_a_cleared_counter_is_none() {
    for version in versions() {
        let mut sim = SimRouter::new("cisco_iosxe").name("noisy").with("interface_errors", 17).start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let host = line(&zabbix, &sim, "noisy", PORT);
        // Those of the past are none of now.
        host.first("line.port.crc");
        two_polls_more(&host, "line.port.crc");
        assert_eq!(host.problems(), NONE);
        let mut errors = 17;
        wait::patiently("a problem of the port", || {
            errors += 100;
            sim.change("noisy", "interface_errors", errors);
            match &host.problems()[..] {
                [one] if one.contains("errors/s with a wrong CRC on our port GigabitEthernet0/0/1") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        sim.change("noisy", "interface_errors", 5);
        host.wait_for_problems(&[]);
        for key in ["line.port.crc", "line.port.in.errors"] {
            let values = host.values(key);
            let rates: Vec<f64> = values.iter().map(|value| value.text.parse().expect("a number")).collect();
            assert!(rates.iter().all(|rate| *rate >= 0.0) && rates.iter().any(|rate| *rate > 1.0), "{key}: {rates:?}");
        }
        nothing_is_broken(&zabbix, &[&host]);
    }
}

#[test]
fn a_port_that_is_no_longer_looked_at_silences_its_line_only_for_a_while() {
    for version in versions() {
        let mut sim = SimRouter::new("cisco_iosxe").name("forgotten").start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let host = line(&zabbix, &sim, "forgotten", PORT);
        host.set_macro("{$LINE.NODATA}", "30s");
        host.wait_for("line.port.oper", "1", |value| value.text == "1");
        sim.change("forgotten", "dead", vec![TARGET]);
        sim.change("forgotten", "interface_down", vec![PORT]);
        host.wait_for_problems(&["Leased line forgotten to forgotten: our port"]);
        host.set_macro("{$LINE_INTERFACE}", "");
        host.wait_for_problems(&["Leased line forgotten to forgotten is down"]);
        two_polls_more(&host, "line.up");
        host.wait_for_problems(&["Leased line forgotten to forgotten is down"]);
        sim.change("forgotten", "dead", Vec::<String>::new());
        host.wait_for_problems(&[]);
    }
}

#[test]
fn on_the_router_s_template_each_line_says_whether_it_is_our_port_or_the_carrier() {
    for version in versions() {
        let mut sim = SimRouter::new("linux").name("edge").start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let address = sim.address("edge").to_string();
        let quick = "count = 1\ntimeout = \"500ms\"\n";
        let inventory = Inventory::new()
            .router("edge", &address, "linux", "")
            .line("ours", "edge", "192.0.2.1", &format!("{quick}interface = \"wan1\""))
            .line("carrier", "edge", "192.0.2.2", &format!("{quick}interface = \"wan2\""))
            .line("shut", "edge", "192.0.2.3", &format!("{quick}interface = \"wan3\""))
            .line("plain", "edge", "192.0.2.4", quick);
        let file = zabbix.folder(Part::Server).join("inventory.toml");
        std::fs::write(&file, inventory.text()).expect("an inventory");
        zabbix.monitor(Part::Server, &["inventory", "import", file.to_str().expect("a path")]);
        let host = zabbix.host("edge").template("Edge Router Leased Lines by SSH");
        let macros = [("{$LINE_CHECK_INTERVAL}", "3s"), ("{$LINE_DISCOVERY_INTERVAL}", "10s")];
        let host = macros.into_iter().fold(host, |host, (name, value)| host.user_macro(name, value)).create();

        let lines = ["ours", "carrier", "shut", "plain"];
        for line in lines {
            host.wait_for(&format!("line.up[{line}]"), "1", |value| value.text == "1");
        }
        for line in &lines[..3] {
            host.wait_for(&format!("line.port.oper[{line}]"), "1", |value| value.text == "1");
        }
        assert_eq!(host.problems(), NONE);

        sim.change("edge", "dead", vec!["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
        sim.change("edge", "interface_down", vec!["wan1"]);
        sim.change("edge", "interface_shut", vec!["wan3"]);
        let expected = [
            "Line carrier to 192.0.2.2 is down: no packet came back",
            "Line ours to 192.0.2.1: our port wan1 (wan1 to the carrier, line protocol is down) is down",
            "Line plain to 192.0.2.4 is down: no packet came back",
            "Line shut to 192.0.2.3: our port wan3 (wan3 to the carrier, line protocol is down) is shut down",
        ];
        host.wait_for_problems(&expected);
        for line in lines {
            two_polls_more(&host, &format!("line.up[{line}]"));
        }
        host.wait_for_problems(&expected);
        nothing_is_broken(&zabbix, &[&host]);

        sim.change("edge", "dead", Vec::<String>::new());
        sim.change("edge", "interface_down", Vec::<String>::new());
        sim.change("edge", "interface_shut", Vec::<String>::new());
        host.wait_for_problems(&[]);
        assert_eq!(history(&zabbix, &host).len(), expected.len());
        for key in STATES.iter().chain(&NUMBERS).chain(&TEXTS) {
            assert_eq!(host.values(&format!("{key}[plain]")), [], "{version} {key}: of a line without an interface");
        }
        // What this platform does not print.
        for key in ["line.port.in.rate", "line.port.bandwidth"] {
            assert_eq!(host.values(&format!("{key}[ours]")), [], "{version} {key}");
        }
        nothing_is_broken(&zabbix, &[&host]);
    }
}
