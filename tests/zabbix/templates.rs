//! The project's templates in a real Zabbix.

use crate::support::sim::SimRouter;
use crate::support::zabbix::{Zabbix, templates, versions};

#[test]
fn a_template_that_was_imported_changes_nothing_when_it_is_imported_again() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let texts = templates(version);
        let names: Vec<&str> =
            texts.iter().filter_map(|yaml| yaml.split_once("\n      template: ")?.1.lines().next()).collect();
        assert_eq!(names.len(), 6, "{names:?}");
        let before = zabbix.export(&names);
        zabbix.import_templates();
        assert!(zabbix.export(&names) == before, "{version}: the second import changed something");
    }
}

#[test]
fn a_line_that_dies_is_a_problem_until_it_is_back() {
    for version in versions() {
        let mut sim = SimRouter::new("cisco_iosxe").start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let host = zabbix
            .host("192.0.2.1")
            .shown_as("Line L-1")
            .tag("TempType", "LINE")
            .template("Leased Line by SSH")
            .user_macro("{$LINE_ID}", "L-1")
            .user_macro("{$LINE_ROUTER_IP}", &sim.address("r1").to_string())
            .user_macro("{$LINE_ROUTER_PLATFORM}", "cisco_iosxe")
            .user_macro("{$LINE_ROUTER_PASSWORD}", "secret:good")
            .user_macro("{$LINE_CHECK_INTERVAL}", "1s")
            .create();
        assert!(host.keys().contains(&"line.rtt.avg".to_owned()), "{:?}", host.keys());
        host.wait_for("line.up", "1", |value| value.text == "1");
        assert_eq!(host.problems(), [""; 0]);
        sim.change("r1", "dead", vec!["192.0.2.1"]);
        host.wait_for_problems(&["Leased line L-1 to 192.0.2.1 is down"]);
        sim.change("r1", "dead", Vec::<String>::new());
        host.wait_for_problems(&[]);
    }
}
