//! The agent variants of the templates, through agentd and agent 2 with the project's own file of user parameters, and the
//! template that is fed by the sender.

use crate::support::inventory::Inventory;
use crate::support::sim::SimRouter;
use crate::support::wait;
use crate::support::zabbix::{Part, Zabbix, versions};
use std::process::Command;

const AGENTS: [Part; 2] = [Part::Agentd, Part::Agent2];

#[test]
fn lines_and_routers_are_measured_through_agentd_and_agent_2() {
    for version in versions() {
        let sim = SimRouter::new("cisco_iosxe").with("dead", vec!["192.0.2.9"]).start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let inventory = Inventory::new()
            .router("edge-1", &sim.address("r1").to_string(), "cisco_iosxe", "")
            .line("L-1001/b Bern", "edge-1", "192.0.2.1", "")
            .line("dead", "edge-1", "192.0.2.9", "count = 1\ntimeout = \"1s\"");
        for part in AGENTS {
            let file = zabbix.folder(part).join("inventory.toml");
            std::fs::write(&file, inventory.text()).expect("an inventory");
            zabbix.monitor(part, &["inventory", "import", file.to_str().expect("a path")]);
        }
        let line = |part: Part| {
            let host =
                zabbix.host(&format!("line by {}", part.name())).by(part).template("Leased Line by SSH via agent");
            host.user_macro("{$LINE_ID}", "L-1001/b Bern").user_macro("{$LINE_CHECK_INTERVAL}", "2s").create()
        };
        let router = |part: Part| {
            let host = zabbix.host(&format!("router by {}", part.name())).by(part);
            let host =
                host.template("Edge Router Leased Lines by SSH via agent").user_macro("{$LINE_ROUTER_NAME}", "edge-1");
            host.user_macro("{$LINE_CHECK_INTERVAL}", "2s").user_macro("{$LINE_DISCOVERY_INTERVAL}", "2s").create()
        };
        let (lines, routers) = (AGENTS.map(line), AGENTS.map(router));
        for (part, host) in AGENTS.into_iter().zip(&lines) {
            let up = host.wait_for("line.up", "1", |value| value.text == "1");
            assert_eq!(host.first("line.loss").text, "0", "{version} {part:?} {up:?}");
        }
        for (part, host) in AGENTS.into_iter().zip(&routers) {
            host.wait_for("line.up[L-1001/b Bern]", "1", |value| value.text == "1");
            host.wait_for("line.up[dead]", "0", |value| value.text == "0");
            host.wait_for_problems(&["Line dead to 192.0.2.9 is down"]);
            assert_eq!(host.first("router.state").text, "0", "{version} {part:?}");
            assert_eq!(zabbix.masters(part).len(), 1, "{version} {part:?}: one for line and router");
        }
        assert!(sim.count("login") <= 4, "{version}: two lanes on each of two agents");
    }
}

#[test]
fn the_trapper_template_takes_what_the_sender_brings_and_the_earlier_tools_keys() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let host =
            zabbix.host("192.0.2.1").template("Leased Line by SSH trapper").user_macro("{$LINE_ID}", "L-1").create();
        let port = zabbix.server().port().to_string();
        let send = |key: &str, value: &str| {
            wait::patiently(&format!("{key} to be taken"), || {
                let sent = Command::new("zabbix_sender")
                    .args(["-z", "127.0.0.1", "-p", &port, "-s", "192.0.2.1", "-k", key, "-o", value])
                    .output()
                    .expect("zabbix_sender runs");
                let said = String::from_utf8_lossy(&sent.stdout).into_owned();
                if said.contains("processed: 1; failed: 0") { Ok(()) } else { Err(said) }
            });
        };
        for (key, value) in [
            ("line.state", "0"),
            ("line.up", "1"),
            ("line.loss", "20"),
            ("line.sent", "5"),
            ("line.received", "4"),
            ("line.rtt.min", "0.001"),
            ("line.rtt.avg", "0.002"),
            ("line.rtt.max", "0.004"),
            ("line.age", "0"),
            ("line.elapsed", "0.2"),
            ("line.message", "4 of 5 came back"),
            ("dedicatedLinePing", "20"),
            ("dedicatedLineErrorDetail", "none"),
        ] {
            send(key, value);
            assert_eq!(host.first(key).text, value, "{version} {key}");
        }
        for _ in 0..2 {
            send("line.up", "0");
        }
        host.wait_for_problems(&["Leased line L-1"]);
        for _ in 0..2 {
            send("line.up", "1");
        }
        host.wait_for_problems(&[]);
    }
}
