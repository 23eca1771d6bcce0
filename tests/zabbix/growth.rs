//! More than one machine: a host that moves to a proxy takes its lines along; the master it leaves behind logs out by itself.

use crate::support::sim::SimRouter;
use crate::support::wait;
use crate::support::zabbix::{Part, Zabbix, versions};
use std::io::Write;

#[test]
fn a_host_that_moves_to_a_proxy_is_measured_there_and_the_master_it_leaves_logs_out() {
    for version in versions() {
        let sim = SimRouter::new("cisco_iosxe").start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let settings = zabbix.folder(Part::Server).join("ddl-monitor.toml");
        let mut settings = std::fs::OpenOptions::new().append(true).open(settings).expect("settings");
        writeln!(settings, "[master]\nidle_exit = \"10s\"").expect("a setting written");
        let macros = [
            ("{$LINE_TARGET}", "192.0.2.1"),
            ("{$LINE_ROUTER_IP}", &sim.address("r1").to_string()),
            ("{$LINE_ROUTER_PLATFORM}", "cisco_iosxe"),
            ("{$LINE_ROUTER_PASSWORD}", "secret:good"),
            ("{$LINE_CHECK_INTERVAL}", "1s"),
        ];
        let host = zabbix.host("moving").template("Leased Line by SSH");
        let host = macros.into_iter().fold(host, |host, (name, value)| host.user_macro(name, value)).create();
        let first = host.first("line.up");
        assert_eq!((first.text.as_str(), zabbix.masters(Part::Server).len()), ("1", 1));
        assert_eq!(zabbix.masters(Part::Proxy).len(), 0);

        host.move_to(Part::Proxy);
        wait::patiently("a master of the proxy", || match zabbix.masters(Part::Proxy).len() {
            1 => Ok(()),
            n => Err(format!("{n}")),
        });
        let last = host.values("line.up").pop().expect("values");
        assert_eq!(host.next("line.up", &last).text, "1");
        // Nobody has to tell the old one: nobody asks it any more.
        wait::patiently("the server's master to leave", || match zabbix.masters(Part::Server).len() {
            0 => Ok(()),
            n => Err(format!("{n}")),
        });
        assert_eq!(sim.count("login"), 2, "{version}: one on each machine");
        assert_eq!(host.problems(), Vec::<String>::new());
        assert!(host.values("line.up").iter().all(|value| value.text == "1"), "no value was lost to the move");
    }
}
