//! The lab itself (`scripts/zabbix-lab`): side by side with another, asked and changed as the tests need it, gone with its owner.

use super::line;
use crate::support::process;
use crate::support::sim::SimRouter;
use crate::support::zabbix::{Part, Zabbix};
use rustix::process::Signal;
use serde_json::json;
use std::net::TcpStream;

#[test]
fn two_labs_run_side_by_side_and_each_is_gone_when_its_owner_is() {
    let (one, two) = (Zabbix::start("6.0"), Zabbix::start("6.0"));
    assert_ne!((one.url(), one.server(), one.proxy()), (two.url(), two.server(), two.proxy()));
    assert_ne!(one.folder(Part::Server), two.folder(Part::Server));
    let (pids, folder, server) = (PARTS.map(|part| one.pid(part)), one.folder(Part::Server), one.server());
    drop(one);
    for pid in pids {
        assert!(!process::is_alive(pid));
    }
    assert!(!folder.exists());
    assert!(TcpStream::connect(server).is_err());
    // The other one does not notice.
    assert_eq!(two.call("proxy.get", json!({"output": ["host"]}))[0]["host"], "lab-proxy");
}

#[test]
fn a_lab_whose_script_was_killed_is_ended_by_the_next() {
    let zabbix = Zabbix::start("6.0");
    let (server, orphaned) = (zabbix.pid("server"), zabbix.abandon());
    assert!(process::is_alive(server));
    drop(Zabbix::start("6.0"));
    assert!(!process::is_alive(server));
    assert!(!orphaned.exists());
}

const PARTS: [&str; 6] = ["postgres", "frontend", "server", "proxy", "agentd", "agent2"];

#[test]
fn a_part_that_was_killed_is_started_again() {
    let sim = SimRouter::new("cisco_iosxe").start();
    let zabbix = Zabbix::start("6.0");
    let (host, key) = line(&zabbix, Part::Server, &sim.address("r1").to_string(), "192.0.2.1");
    let last = host.first(&key);
    // Its children hold the ports; they go first.
    process::signal(zabbix.pid("server"), Signal::KILL);
    zabbix.restart(&["server"]);
    host.next(&key, &last);
}

#[test]
fn what_is_asked_of_the_api_is_answered_and_a_mistake_is_named() {
    let zabbix = Zabbix::start("6.0");
    let error = zabbix.try_call("host.create", json!({"host": "without a group"})).expect_err("no group");
    assert!(error.contains("cannot be without host group"), "{error}");
    let host = zabbix.host("of macros").user_macro("{$A}", "1").create();
    host.set_macro("{$A}", "2");
    host.set_macro("{$B}", "3");
    let found =
        zabbix.call("usermacro.get", json!({"hostids": host.id, "output": ["macro", "value"], "sortfield": "macro"}));
    let values: Vec<_> = found.as_array().expect("a list").iter().map(|one| &one["value"]).collect();
    assert_eq!(values, ["2", "3"]);
    host.text_item("ddl-monitor[no such command]", "1h");
    let said = host.check_now("ddl-monitor[no such command]", None);
    assert!(said.text.contains("no such command"), "{said:?}");
    host.check_now("ddl-monitor[no such command]", Some(&said));
    host.text_item("no-such-program[]", "1s");
    assert!(host.error("no-such-program[]").contains("no-such-program"), "{}", host.error("no-such-program[]"));
}
