//! `discover`: what a low-level-discovery rule takes, and that nothing wrong ever reads as an empty list.

use crate::support::monitor::{Monitor, Ran};
use serde_json::json;
use std::fs;

const INVENTORY: &str = r#"
[[router]]
name = "edge-1"
address = "192.0.2.1:2222"
platform = "cisco_iosxe"
user = "user-canary"
password = "secret:good"
enable_password = "secret-canary"

[[router]]
name = "idle"
address = "192.0.2.2"
platform = "linux"
password = "secret:good"

[[line]]
id = "L-1"
name = "Bern - Köln"
target = "10.1.1.2"
router = "edge-1"
interval = "1m"
vrf = "CUST"
source = "Loopback0"
carrier = "ACME"
circuit = "C-4711"

[[line]]
id = "L-2"
target = "10.1.1.6"
router = "edge-1"
"#;

fn monitor() -> Monitor {
    let monitor = Monitor::new();
    let file = monitor.path("a.toml");
    fs::write(&file, INVENTORY).expect("a file");
    let ran = monitor.run(&["inventory", "import", file.to_str().expect("UTF-8")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    monitor
}

/// The one line that Zabbix shows at the rule.
#[track_caller]
fn refusal(ran: &Ran) -> String {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches('\n').count(), 1, "{:?}", ran.stdout);
    assert!(!ran.stdout.starts_with(['[', '{']), "{}", ran.stdout);
    ran.stdout.trim_end().to_owned()
}

#[test]
fn lines_and_routers_are_bare_arrays_of_text_without_users_and_secrets() {
    let monitor = monitor();
    let ran = monitor.run(&["discover", "lines"]);
    let router =
        json!({"{#ROUTER.NAME}": "edge-1", "{#ROUTER.ADDRESS}": "192.0.2.1:2222", "{#ROUTER.PLATFORM}": "cisco_iosxe"});
    let mut first = json!({
        "{#LINE.ID}": "L-1", "{#LINE.NAME}": "Bern - Köln", "{#LINE.TARGET}": "10.1.1.2", "{#LINE.VRF}": "CUST",
        "{#LINE.SOURCE}": "Loopback0", "{#LINE.CARRIER}": "ACME", "{#LINE.CIRCUIT}": "C-4711", "{#LINE.INTERVAL}": "1m",
    });
    let mut second = json!({
        "{#LINE.ID}": "L-2", "{#LINE.NAME}": "L-2", "{#LINE.TARGET}": "10.1.1.6", "{#LINE.VRF}": "", "{#LINE.SOURCE}": "",
        "{#LINE.CARRIER}": "", "{#LINE.CIRCUIT}": "", "{#LINE.INTERVAL}": "180",
    });
    for row in [&mut first, &mut second] {
        row.as_object_mut().expect("an object").extend(router.as_object().expect("an object").clone());
    }
    assert_eq!(ran.json(), json!([first, second]));
    assert_eq!(
        monitor.run(&["discover", "lines", "--router", "", "--router", "edge-1"]).json(),
        json!([first, second])
    );
    let routers = monitor.run(&["discover", "routers"]);
    let idle = json!({"{#ROUTER.NAME}": "idle", "{#ROUTER.ADDRESS}": "192.0.2.2", "{#ROUTER.PLATFORM}": "linux"});
    assert_eq!(routers.json(), json!([router, idle]));
    assert_eq!(monitor.run(&["discover", "routers", "--router", "idle"]).json(), json!([idle]));
    assert!(!ran.stdout.contains("canary") && !routers.stdout.contains("canary"));
    let text = monitor.run(&["discover", "lines", "--format", "text"]).stdout;
    assert!(text.starts_with("LINE.ID  ") && text.contains("\nL-2 ") && !text.contains("canary"), "{text}");
}

#[test]
fn a_known_router_without_lines_has_none_and_an_unknown_one_is_a_mistake() {
    let monitor = monitor();
    assert_eq!(monitor.run(&["discover", "lines", "--router", "idle"]).stdout, "[]\n");
    let unknown = refusal(&monitor.run(&["discover", "lines", "--router", "edge-2"]));
    assert!(unknown.starts_with("ddl-monitor: router \"edge-2\" is not in the inventory, did you mean"), "{unknown}");
    for (given, what) in [
        (&["--router", "{HOST.HOST}"][..], "macro {HOST.HOST} has no value"),
        (&["--router", "{$LINE_ROUTER_NAME}", "--router", "edge-1"], "macro {$LINE_ROUTER_NAME} has no value"),
        (&["--router", ""], "--router ({$LINE_ROUTER_NAME}) is empty"),
        (&["--router", "a\nb"], "--router ({$LINE_ROUTER_NAME}) \"a\\nb\": allowed is "),
    ] {
        for what_for in ["lines", "routers"] {
            let said = refusal(&monitor.run(&[&["discover", what_for], given].concat()));
            assert!(said.contains(what), "{given:?}: {said}");
        }
    }
}

#[test]
fn nothing_that_is_wrong_reads_as_an_empty_list() {
    let fresh = Monitor::new();
    let absent = refusal(&fresh.run(&["discover", "lines"]));
    assert!(absent.contains("no inventory: `ddl-monitor inventory import FILE`"), "{absent}");

    let monitor = monitor();
    let file = monitor.state().join("inventory/current");
    let whole = fs::read(&file).expect("the inventory");
    let mut changed = whole.clone();
    let at = whole.len() / 2;
    changed[at] ^= 1;
    for bytes in [&b""[..], b"[]\n", &whole[..whole.len() - 1], &whole[..40], &changed] {
        fs::write(&file, bytes).expect("written");
        let said = refusal(&monitor.run(&["discover", "lines"]));
        assert!(said.contains("inventory/current: "), "{said}");
        assert!(said.ends_with("`ddl-monitor inventory import FILE` or `ddl-monitor sync` makes a new one"), "{said}");
    }
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("a folder");
    assert!(refusal(&monitor.run(&["discover", "routers"])).contains("inventory/current: not a file"));

    fs::write(monitor.path("ddl-monitor.toml"), "nonsense = 1\n").expect("settings");
    let settings = refusal(&monitor.run(&["discover", "lines"]));
    assert!(settings.contains("ddl-monitor.toml:1: "), "{settings}");
    let macro_left = refusal(&monitor.run(&["discover", "lines", "--state-dir", "{$STATE}"]));
    assert!(macro_left.contains("macro {$STATE} has no value"), "{macro_left}");
}
