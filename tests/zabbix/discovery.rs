//! Low-level discovery in a real Zabbix: what is wrong is shown at the rule, and costs no line.

use crate::support::inventory::Inventory;
use crate::support::sim::SimRouter;
use crate::support::wait;
use crate::support::zabbix::{Host, Part, Zabbix, versions};

const RULE: &str = "ddl-monitor[discover,lines,--router,\"{$LINE_ROUTER_NAME}\",--router,\"{HOST.HOST}\"]";

/// Waits until the rule's error has this part; an empty part is no error.
fn until_error(host: &Host<'_>, part: &str) {
    wait::patiently(&format!("an error of the rule with {part:?}"), || {
        let error = host.discovery_error(RULE);
        if error.contains(part) && (part.is_empty() == error.is_empty()) { Ok(()) } else { Err(error) }
    });
}

#[test]
fn a_broken_inventory_is_shown_at_the_rule_and_the_lines_stay() {
    for version in versions() {
        let sim = SimRouter::new("linux").start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let folder = zabbix.folder(Part::Server);
        let import = |inventory: &Inventory| {
            let file = folder.join("inventory.toml");
            std::fs::write(&file, inventory.text()).expect("an inventory");
            zabbix.monitor(Part::Server, &["inventory", "import", file.to_str().expect("a path")]);
        };
        // Ids with everything that Zabbix could take for something else.
        let address = sim.address("r1").to_string();
        let whole = || {
            Inventory::new()
                .router("edge-1", &address, "linux", "")
                .line("L 1:a/b", "edge-1", "192.0.2.1", "carrier = \"ACME\"")
                .line("L-2.c+d=e%f^g_h", "edge-1", "192.0.2.2", "")
        };
        let host = zabbix.host("edge-1").template("Edge Router Leased Lines by SSH");
        let host =
            host.user_macro("{$LINE_CHECK_INTERVAL}", "2s").user_macro("{$LINE_DISCOVERY_INTERVAL}", "2s").create();
        // The rule comes before any inventory: it says what to do.
        until_error(&host, "inventory import");
        import(&whole());
        until_error(&host, "");
        for id in ["L 1:a/b", "L-2.c+d=e%f^g_h"] {
            assert_eq!(host.first(&format!("line.up[{id}]")).text, "1", "{version} {id}");
        }
        let lines = || host.keys().into_iter().filter(|key| key.starts_with("line.")).collect::<Vec<_>>();
        let found = lines();

        let current = folder.join("state/inventory/current");
        std::fs::write(&current, "rubbish").expect("a broken inventory");
        until_error(&host, "inventory");
        assert_eq!(lines(), found, "{version}");
        let state = host.wait_for("router.state", "a failure", |value| value.text != "0");
        assert_eq!(state.text, "1", "the batch says that it is the settings' fault");
        host.wait_for("line.status[L 1:a/b]", "unknown", |value| value.text == "2");
        assert_eq!(host.values("line.up[L 1:a/b]").iter().filter(|value| value.text == "0").count(), 0);

        std::fs::remove_file(&current).expect("the broken inventory");
        import(&Inventory::new().router("edge-2", &address, "linux", "").line("other", "edge-2", "192.0.2.3", ""));
        until_error(&host, "edge-1");
        assert_eq!(lines(), found, "{version}");

        zabbix.monitor(Part::Server, &["stop", "--all"]);
        import(&whole());
        until_error(&host, "");
        let last = host.values("line.up[L 1:a/b]").pop().expect("values");
        assert_eq!(host.next("line.up[L 1:a/b]", &last).text, "1", "{version}");
        host.wait_for_problems(&[]);
    }
}
