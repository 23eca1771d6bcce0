//! The ways a value takes into Zabbix: external check of the server and of a proxy, user parameter of agent and agent 2.

use super::{AGENTS, line};
use crate::support::sim::SimRouter;
use crate::support::zabbix::{Part, Zabbix, versions};

#[test]
fn a_poll_arrives_by_server_proxy_agent_and_agent_2() {
    for version in versions() {
        let sim = SimRouter::new("cisco_iosxe").with("dead", vec!["192.0.2.9"]).start();
        let router = sim.address("r1").to_string();
        let zabbix = Zabbix::start(version);
        zabbix.configure_agents(AGENTS);
        let lines = Part::ALL.map(|part| (part, line(&zabbix, part, &router, "192.0.2.1")));
        for (part, (host, key)) in &lines {
            let first = host.wait_for(key, "a measurement", |value| value.json()["state"] == 0);
            let document = first.json();
            assert_eq!(document["ping"]["up"], 1, "{version} {part:?}: {document}");
            let warm = host.next(key, &first).json();
            assert_eq!((&warm["session"], &warm["ping"]["loss"]), (&"reused".into(), &0.0.into()), "{part:?}: {warm}");
        }
        // Each has a state directory, and so a master and a login, of its own.
        for part in Part::ALL {
            assert_eq!(zabbix.masters(part).len(), 1, "{version} {part:?}");
        }
        assert_eq!(sim.count("login"), 4);
        drop(lines);
        // The default time-out of 3 s holds a dead line, too.
        let (host, key) = line(&zabbix, Part::Server, &router, "192.0.2.9");
        let dead = host.wait_for(&key, "a measurement", |value| value.json()["state"] == 0).json();
        assert_eq!((&dead["ping"]["up"], &dead["ping"]["received"]), (&0.into(), &0.into()), "{dead}");
    }
}

#[test]
fn a_failure_is_a_value_and_what_is_no_number_makes_a_numeric_item_unsupported() {
    let zabbix = Zabbix::start("6.0");
    let host = zabbix.host("nothing behind it").create();
    let key =
        "ddl-monitor[poll,--router,\"{$NOPE}\",--platform,cisco_iosxe,--target,192.0.2.1,--password,\"secret:good\"]";
    host.text_item(key, "1s");
    let failed = host.first(key).json();
    assert_eq!((&failed["state"], &failed["failure"]["kind"]), (&1.into(), &"settings".into()), "{failed}");
    assert!(failed["failure"]["message"].as_str().is_some_and(|text| text.contains("{$NOPE}")), "{failed}");
    assert_eq!(host.item(key).expect("an item")["state"], "0");
}
