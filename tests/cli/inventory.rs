//! `inventory import` and `show`, and the commands that take a line or a router from the inventory, as a person runs them.

use crate::support::monitor::{BINARY, Monitor, Ran};
use crate::support::sim::{Sim, SimRouter};
use ddl_monitor::inventory::compiled::{self, Source};
use ddl_monitor::platform;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

const UP: &str = "192.0.2.10";

const GOOD: &str = r#"
[[router]]
name = "edge-1"
address = "192.0.2.1"
platform = "cisco_iosxe"
password = "secret:good"

[[line]]
id = "L-1"
name = "Bern - Köln"
target = "10.1.1.2"
router = "edge-1"
interval = 60
count = 3
timeout = 1.5
vrf = "CUST"
source = "Loopback0"
carrier = "ACME"
circuit = 4711
tags = { site = "Bern" }

[[line]]
id = 1002
target = "2001:DB8::1"
router = "edge-1"

[[router]]
name = "edge 2"
address = "192.0.2.2"
port = 2222
platform = "linux"
user = "ddl"
key = "/etc/key"
proxy_command = "sshpass -p canary ssh %h"
lanes = 1
crypto = "legacy"
"#;

fn write(monitor: &Monitor, name: &str, text: impl AsRef<[u8]>) -> String {
    fs::write(monitor.path(name), text).expect("a file");
    monitor.path(name).to_str().expect("UTF-8").to_owned()
}

/// Imports one file of this text.
fn import(monitor: &Monitor, name: &str, text: impl AsRef<[u8]>, more: &[&str]) -> Ran {
    let file = write(monitor, name, text);
    monitor.run(&[&["inventory", "import", &file], more].concat())
}

/// What stderr says, the folder left out.
fn said(monitor: &Monitor, ran: &Ran) -> Vec<String> {
    let folder = format!("{}/", monitor.path("").display()).replace("//", "/");
    ran.stderr.replace(&folder, "").lines().map(str::to_owned).collect()
}

#[track_caller]
fn refused(monitor: &Monitor, ran: &Ran) -> Vec<String> {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    said(monitor, ran)
}

#[test]
fn an_import_says_what_changed_and_counts_generations() {
    let monitor = Monitor::new();
    let none = json!({"lines": 0, "routers": 0});
    let first = import(&monitor, "a.toml", GOOD, &[]).json();
    assert_eq!((&first["generation"], &first["lines"], &first["routers"]), (&json!(1), &json!(2), &json!(2)));
    assert_eq!(first["added"], json!({"lines": 2, "routers": 2}));
    let again = import(&monitor, "a.toml", GOOD, &[]).json();
    assert_eq!((&again["generation"], &again["added"], &again["changed"]), (&json!(1), &none, &none));
    let fewer = GOOD.replace("interval = 60", "interval = 90").replace("port = 2222", "port = 2223");
    let dry = import(&monitor, "a.toml", &fewer, &["--dry-run"]).json();
    assert_eq!((&dry["generation"], &dry["dry_run"]), (&json!(2), &json!(true)));
    let second = import(&monitor, "a.toml", &fewer, &[]).json();
    assert_eq!((&second["generation"], &second["changed"]), (&json!(2), &json!({"lines": 1, "routers": 1})));
    let text = import(&monitor, "a.toml", &fewer, &["--format", "text"]);
    assert_eq!(text.stdout, "nothing changed: generation 2, 2 lines, 2 routers\n");
    let text = import(&monitor, "a.toml", GOOD, &["--format", "text"]);
    assert_eq!(text.stdout, "generation 3: 2 lines, 2 routers\n  changed: 1 line, 1 router\n");
    let file = monitor.state().join("inventory/current");
    assert_eq!(fs::metadata(file).expect("a file").mode() & 0o777, 0o600);
    // The one that counts and those before it, nothing else.
    assert_eq!(fs::read_dir(monitor.state().join("inventory")).expect("a folder").count(), 3);
}

#[test]
fn what_was_imported_is_shown_and_no_secret_is() {
    let monitor = Monitor::new();
    let text = GOOD.replace("key = \"/etc/key\"", "password = 'canary'\nenable_password = \"exec:/bin/cat canary\"");
    let imported = import(&monitor, "a.toml", text, &[]);
    assert_eq!(imported.json()["remarks"].as_array().map(Vec::len), Some(1), "{}", imported.stdout);
    assert!(!imported.stdout.contains("canary") && imported.stdout.contains("password is in the clear"));
    let shown = monitor.run(&["inventory", "show"]);
    let document = shown.json();
    assert_eq!((&document["generation"], &document["source"]["kind"]), (&json!(1), &json!("file")));
    assert_eq!(
        document["lines"][0],
        json!({"id": "L-1", "name": "Bern - Köln", "target": "10.1.1.2", "router": "edge-1", "interval": "60", "count": "3",
               "timeout": "1.5", "vrf": "CUST", "source": "Loopback0", "carrier": "ACME", "circuit": "4711",
               "tags": {"site": "Bern"}})
    );
    assert_eq!(document["lines"][1], json!({"id": "1002", "target": "2001:db8::1", "router": "edge-1"}));
    assert_eq!(document["routers"][0]["password"], "secret:good");
    assert_eq!(
        document["routers"][1],
        json!({"name": "edge 2", "address": "192.0.2.2:2222", "platform": "linux", "user": "ddl", "password": "(hidden)",
               "enable_password": "exec:/bin/cat …", "proxy_command": "(hidden)", "lanes": 1, "crypto": "legacy"})
    );
    let one = monitor.run(&["inventory", "show", "--line", "1002", "--format", "text"]);
    assert!(one.stdout.contains("\n1002  1002  2001:db8::1  edge-1  180 "), "{}", one.stdout);
    let text = monitor.run(&["inventory", "show", "--router", "edge 2", "--format", "text"]);
    assert!(text.stdout.contains("edge 2  192.0.2.2:2222  linux     ddl   (hidden)  0\n"), "{}", text.stdout);
    for ran in [&shown, &one, &text] {
        assert!(!ran.stdout.contains("canary") && ran.stderr.is_empty(), "{}", ran.stdout);
    }
    let unknown = refused(&monitor, &monitor.run(&["inventory", "show", "--router", "edge2"]));
    assert!(unknown[0].contains("router \"edge2\" is not in the inventory, did you mean \"edge 2\"?"), "{unknown:?}");
}

#[test]
fn every_mistake_of_a_toml_file_is_told_with_its_line() {
    let monitor = Monitor::new();
    let text = r#"title = "x"
[[router]]
nme = "edge-1"
address = "192.0.2.1:0"
port = 70000
platform = "cisco_ios"
password = "a\u0001canary"
key = "rel"
lanes = 40
crypto = "old"

[[router]]
name = "edge-2"
address = "192.0.2.2:830"
port = 22
platform = "linux"
user = "a b"
password = "file:x"

[[router]]
name = "edge-2"
address = "192.0.2.2"
platform = "frr"
password = "secret:goood"
passphrase = "{$SECRET}"

[[routers]]
name = "x"

[[line]]
id = "L-1"
target = "10.1.1"
router = "edge2"
interval = 0
count = 99999
size = 70000
vrf = "a b"
source = "::1"
timeout = true

[[line]]
id = "L-1"
target = "{$LINE_TARGET}"
router = "edge-2"
interval = "1.5m"
tag = 4
tags = 5

[[line]]
[line.tags]
x = "\u0000"

[[line]]
id = "-4"
target = "10.1.1.2"
router = "edge-2"
name = "a\nb"
address = "10.1.1.2"
"#;
    let ran = import(&monitor, "bad.toml", text, &[]);
    assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
    let name = "1 to 64 letters, digits, blanks or . _ - : / + = % ^, not - or a blank first, no blank last";
    let interval = "a whole number of seconds, or one with s, m, h or d, from 1s to 1d";
    let platforms: Vec<String> = platform::list(None).into_iter().map(|listed| listed.name).collect();
    let platforms = platforms.join(", ");
    let expected = format!(
        r#"bad.toml:1: nothing is called "title" here; there are [[router]] and [[line]]
bad.toml:2: the router has no name
bad.toml:2: the router has no user, and no password secret:NAME whose login has one
bad.toml:3: a router has no key "nme", did you mean name?
bad.toml:4: address "192.0.2.1:0": allowed is an address or a host name, with a port from 1 to 65535 if not 22: ADDR, ADDR:PORT, [V6]:PORT; a link-local IPv6 address may have a zone: fe80::1%eth0
bad.toml:5: port "70000": allowed is a whole number from 1 to 65535
bad.toml:6: platform cisco_ios is unknown, did you mean cisco_iosxe? known are {platforms}; the setting platforms.dir names a folder for files of your own
bad.toml:7: password (hidden): the secret has control characters in it: allowed is secret:NAME, file:PATH, env:NAME, exec:COMMAND or the secret itself
bad.toml:8: key "rel": allowed is an absolute path
bad.toml:9: lanes "40": allowed is a whole number from 1 to 16
bad.toml:10: crypto "old": allowed is modern or legacy
bad.toml:15: port 22 and the port 830 of the address differ
bad.toml:17: user "a b": allowed is 1 to 128 letters, digits or . _ - @ \ / + % # : = , and not - first
bad.toml:18: password "file:x": allowed is an absolute path
bad.toml:21: router "edge-2" is given twice, first in bad.toml:13
bad.toml:24: password secret:goood: credentials file credentials.toml has no [goood]; did you mean secret:good
bad.toml:25: passphrase "{{$SECRET}}" is a macro of Zabbix: write its value here
bad.toml:27: nothing is called "routers" here, did you mean [[router]]?
bad.toml:32: target "10.1.1": allowed is one IPv4 or IPv6 address: no name, no zone, no multicast, no broadcast
bad.toml:33: no router is called "edge2", did you mean "edge-2"?
bad.toml:34: interval "0": allowed is {interval}
bad.toml:35: count "99999": allowed is a whole number from 1 to 10000
bad.toml:36: size "70000": allowed is ICMP data bytes from 0 to 65507
bad.toml:37: vrf "a b": allowed is 1 to 63 letters, digits or . _ : / @ -, a letter or digit first
bad.toml:38: source "::1": allowed is an IPv4 address of the router, or an interface's name: 1 to 63 letters, digits or . _ : / @ -, a letter or digit first
bad.toml:39: timeout is a boolean: allowed is text in quotes, or a number
bad.toml:42: line "L-1" is given twice, first in bad.toml:31
bad.toml:43: target "{{$LINE_TARGET}}" is a macro of Zabbix: write its value here
bad.toml:45: interval "1.5m": allowed is {interval}
bad.toml:46: a line has no key "tag", did you mean tags?
bad.toml:47: tags are written as tags = {{ site = "Bern", customer = "ACME" }}
bad.toml:49: the line has no id
bad.toml:49: the line has no target
bad.toml:49: the line has no router
bad.toml:51: tag x "\0": allowed is 1 to 255 printable characters
bad.toml:54: id "-4": allowed is {name}
bad.toml:57: name "a\nb": allowed is 1 to 255 printable characters
bad.toml:58: a line has no key "address", a router has
ddl-monitor: 38 mistakes, nothing was imported"#
    );
    let found = refused(&monitor, &ran);
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(found, expected);
    assert!(!monitor.state().join("inventory").exists(), "nothing was made");
}

#[test]
fn a_platforms_own_ranges_are_checked_before_any_login() {
    let monitor = Monitor::new();
    let text = "[[router]]\nname = 'r'\naddress = 'r'\nplatform = 'cisco_nxos'\npassword = 'secret:good'\n[[line]]\nid = 'a'\n\
                target = '10.1.1.2'\nrouter = 'r'\nsize = 65507\ntimeout = '90s'\n[[line]]\nid = 'b'\nrouter = 'r'\n\
                target = '2001:db8::1'\nsource = '10.0.0.1'\n";
    let found = refused(&monitor, &import(&monitor, "a.toml", text, &[]));
    assert!(found[0].starts_with("a.toml:10: size 65507: cisco_nxos takes "), "{found:?}");
    assert!(found[1].starts_with("a.toml:11: timeout 90s: cisco_nxos takes "), "{found:?}");
    assert!(found[2].starts_with("a.toml:16: source \"10.0.0.1\": allowed is an IPv6 address"), "{found:?}");
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn a_number_beyond_all_bounds_is_called_so() {
    let monitor = Monitor::new();
    let text = format!(
        "{GOOD}\n[[line]]\nid = 'big'\ntarget = '10.1.1.9'\nrouter = 'edge-1'\ninterval = 99999999999999999999\n"
    );
    let found = refused(&monitor, &import(&monitor, "a.toml", text, &[]));
    assert!(found[0].ends_with(": interval is a number that is too large"), "{found:?}");
}

#[test]
fn a_password_in_the_clear_is_refused_where_the_settings_forbid_it() {
    let monitor = Monitor::with("secrets.allow_plain_password = false");
    let text = GOOD.replace("key = \"/etc/key\"", "password = 'canary'");
    let found = refused(&monitor, &import(&monitor, "a.toml", text, &[]));
    let why = "a plain password is forbidden by secrets.allow_plain_password = false";
    assert_eq!(
        found[0],
        format!("a.toml:33: password (hidden): {why}: allowed is secret:NAME, file:PATH, env:NAME or exec:COMMAND")
    );
}

#[test]
fn tables_of_a_spreadsheet_are_one_inventory_and_their_mistakes_have_lines() {
    let monitor = Monitor::new();
    let routers = write(
        &monitor,
        "routers.csv",
        "\u{feff}Name;Address;Platform;User;Password;Lanes;;\r\nedge-1;192.0.2.1;linux;;secret:good;2;;\r\n;;;;;;;\r\n",
    );
    let lines = write(&monitor, "lines.csv", "id,target,router,tag:site\nL-1, 10.1.1.2 ,edge-1,\"Bern, CH\"\n");
    let ran = monitor.run(&["inventory", "import", &routers, &lines]);
    assert_eq!(ran.json()["added"], json!({"lines": 1, "routers": 1}), "{}", ran.stderr);
    assert_eq!(monitor.run(&["inventory", "show"]).json()["lines"][0]["tags"]["site"], "Bern, CH");

    let bad =
        "id;target;router;timeout;colour\nL-1;10.1.1.2;edge-1;1,5;x\n\nL-1;10.1.1.300;edge-3;;\n;;;;\nL-4;;;;;z\n";
    let bad = write(&monitor, "bad.csv", bad);
    let found = refused(&monitor, &monitor.run(&["inventory", "import", &routers, &bad]));
    let starts = [
        "bad.csv:1: a line has no column \"colour\"; it has id, name, target, router,",
        "bad.csv:2: timeout \"1,5\": allowed is a time from 1ms to 1h",
        "bad.csv:4: line \"L-1\" is given twice, first in bad.csv:2",
        "bad.csv:4: target \"10.1.1.300\": allowed is one IPv4 or IPv6 address",
        "bad.csv:4: no router is called \"edge-3\", did you mean \"edge-1\"?",
        "bad.csv:6: the row has more cells than the first one has columns",
        "bad.csv:6: the line has no target",
        "bad.csv:6: the line has no router",
        "ddl-monitor: 8 mistakes, nothing was imported",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found}\n{start}");
    }
    let latin = write(&monitor, "latin.csv", b"id;target;router;name\nL-1;10.1.1.2;edge-1;K\xf6ln\n");
    let found = refused(&monitor, &monitor.run(&["inventory", "import", &routers, &latin]));
    assert_eq!(found[0], "latin.csv:2: not valid UTF-8, perhaps Latin-1; save the table as \"CSV UTF-8\"");
    let alone = refused(&monitor, &monitor.run(&["inventory", "import", &lines]));
    assert_eq!(alone[0], "lines.csv:2: lines, but no router is given; name the file of the routers, too");
    // All of it left the inventory as it was.
    assert_eq!(monitor.run(&["inventory", "show"]).json()["generation"], 1);
}

#[test]
fn what_is_no_inventory_file_is_refused_as_a_whole() {
    let monitor = Monitor::new();
    for (name, text, what) in [
        ("a.txt", "", "a.txt: its name must end in .toml, .csv or .tsv"),
        ("a.toml", "", "a.toml: no router and no line in it; an empty inventory would delete all lines in Zabbix"),
        ("b.toml", "[[router]]\nname = 'x\n", "b.toml:2: invalid"),
        ("c.toml", "[router]\nname = 'x'\n", "c.toml:1: write [[router]] and the router's keys below it"),
        ("d.toml", "router = 5\n", "d.toml:1: write [[router]] and the router's keys below it"),
    ] {
        let found = refused(&monitor, &import(&monitor, name, text, &[]));
        assert!(found[0].starts_with(what), "{found:?}");
    }
    // The parser goes on behind a broken line, and only it speaks of that line.
    let torn = "[[router]]\nname = 'r\naddress = 'x y'\nport = x\n[[line]]\nid = 'a'\ntarget = 'b'\nrouter = 'c'\n";
    let found = refused(&monitor, &import(&monitor, "torn.toml", torn, &[]));
    let starts =
        ["torn.toml:2: ", "torn.toml:3: address \"x y\": allowed", "torn.toml:4: ", "torn.toml:7: target \"b\""];
    assert_eq!(found.len(), starts.len() + 1, "{found:#?}");
    assert!(found.iter().zip(starts).all(|(found, start)| found.starts_with(start)), "{found:#?}");
    let missing = monitor.path("missing.toml").to_str().expect("UTF-8").to_owned();
    assert_eq!(refused(&monitor, &monitor.run(&["inventory", "import", &missing]))[0], "missing.toml: not found");
    let open = write(&monitor, "open.toml", GOOD);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).expect("its mode");
    let found = refused(&monitor, &monitor.run(&["inventory", "import", &open]));
    assert_eq!(found[0], "open.toml: writable by everybody; chmod o-w");
    // A file that cannot be read may hold the routers and lines that seem to be missing.
    let lines = write(&monitor, "lines.csv", "id,target,router\nL-1,10.1.1.2,edge-1\n");
    let found = refused(&monitor, &monitor.run(&["inventory", "import", &lines, &missing]));
    assert_eq!(found, ["missing.toml: not found", "ddl-monitor: 1 mistake, nothing was imported"]);
}

#[test]
fn an_inventory_does_not_lose_all_its_lines_by_a_forgotten_file() {
    let monitor = Monitor::new();
    import(&monitor, "a.toml", GOOD, &[]);
    let (routers, _) = GOOD.split_once("[[line]]").expect("a line");
    let found = refused(&monitor, &import(&monitor, "a.toml", routers, &[]));
    assert!(found[0].contains("no line in it, and the inventory in ") && found[0].contains(" has 2: "), "{found:?}");
    let replaced = import(&monitor, "a.toml", routers, &["--replace"]).json();
    assert_eq!(replaced["removed"], json!({"lines": 2, "routers": 1}));
}

#[test]
fn a_state_directory_has_one_source() {
    let monitor = Monitor::new();
    import(&monitor, "a.toml", GOOD, &[]);
    let source = Source::Api { url: "https://zabbix.example/api_jsonrpc.php".into() };
    let bytes = compiled::encode(7, 1000.0, source, &[]).expect("bytes");
    fs::write(monitor.state().join("inventory/current"), &**bytes).expect("written");
    let found = refused(&monitor, &import(&monitor, "a.toml", GOOD, &[]));
    assert!(found[0].contains("comes from the Zabbix API (https://zabbix.example/"), "{found:?}");
    assert!(found[0].ends_with("a state directory has one source; --replace takes its place"), "{found:?}");
    assert_eq!(import(&monitor, "a.toml", GOOD, &["--replace"]).json()["generation"], 8);
    assert_eq!(monitor.run(&["inventory", "show"]).json()["source"]["kind"], "file");
}

#[test]
fn a_broken_inventory_is_named_and_the_next_import_makes_a_new_one() {
    let monitor = Monitor::new();
    import(&monitor, "a.toml", GOOD, &[]);
    fs::write(monitor.state().join("inventory/current"), "what\n").expect("written");
    let found = refused(&monitor, &monitor.run(&["inventory", "show"]));
    assert!(found[0].contains("inventory/current: not an inventory; `ddl-monitor inventory import FILE`"), "{found:?}");
    let polled = monitor.run(&["poll", "--line", "L-1"]);
    assert_eq!((polled.code, polled.kind().as_str()), (Some(0), "settings"));
    let made = import(&monitor, "a.toml", GOOD, &[]).json();
    assert_eq!(made["added"], json!({"lines": 2, "routers": 2}));
    assert!(made["remarks"][0].as_str().is_some_and(|remark| remark.contains("could not be read")), "{made}");
    assert_eq!(monitor.run(&["inventory", "show"]).json()["lines"].as_array().map(Vec::len), Some(2));
}

#[test]
fn nothing_is_kept_where_nothing_lasts() {
    let monitor = Monitor::new();
    let file = write(&monitor, "a.toml", GOOD);
    let tmp = monitor.path("tmp");
    fs::create_dir(&tmp).expect("a folder");
    let output = Command::new(BINARY)
        .args(["inventory", "import", &file])
        .env_clear()
        .env("HOME", "/proc/nowhere")
        .env("TMPDIR", &tmp)
        .env("DDL_MONITOR_CONFIG", "/dev/null")
        .output()
        .expect("ddl-monitor runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("lies in the temporary directory, where nothing lasts; set state.dir"), "{errors}");
}

/// An inventory of one simulated router and a line behind it.
fn simulated(sim: &Sim, more: &str) -> String {
    format!(
        "[[router]]\nname = 'edge-1'\naddress = '{}'\nplatform = 'linux'\npassword = 'secret:good'\n{more}\n[[line]]\n\
         id = 'L-1'\ntarget = '{UP}'\nrouter = 'edge-1'\ncount = 2\ntimeout = 1\n",
        sim.address("r1")
    )
}

#[test]
fn a_line_is_polled_by_its_id_alone_and_flags_beside_it_win() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    import(&monitor, "a.toml", simulated(&sim, ""), &[]);
    let answer = monitor.run(&["poll", "--line", "L-1"]).json();
    assert_eq!(
        (&answer["line"], &answer["target"], &answer["state"]),
        (&json!("L-1"), &json!(UP), &json!(0)),
        "{answer}"
    );
    assert_eq!((&answer["ping"]["sent"], &answer["session"]), (&json!(2), &json!("opened")), "{answer}");
    assert_eq!(answer["router"], sim.address("r1").to_string());
    let more = monitor.run(&["poll", "--line", "L-1", "--count", "3", "--target", "", "--router", ""]).json();
    assert_eq!((&more["ping"]["sent"], &more["session"]), (&json!(3), &json!("reused")), "{more}");
    // The same router by arguments has the same master.
    let at = sim.address("r1").to_string();
    let given = monitor.poll(&at, "linux", UP, &["--line", "L-1", "--count", "1", "--timeout", "1"]).json();
    assert_eq!((&given["ping"]["sent"], &given["session"]), (&json!(1), &json!("reused")), "{given}");
    let other = monitor.run(&["poll", "--line", "L-1", "--password", "secret:bad"]);
    assert_eq!(other.kind(), "auth");
    assert_eq!(monitor.run(&["poll", "--line", "L-1", "--item", "ping.loss"]).stdout, "0.0\n");
}

#[test]
fn a_router_is_meant_by_its_name_where_nothing_else_describes_it() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    import(&monitor, "a.toml", simulated(&sim, ""), &[]);
    let ran = monitor.run(&["exec", "--router", "edge-1", "--format", "text", "uname -a"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let unknown = refused(&monitor, &monitor.run(&["exec", "--router", "edge-2", "uname -a"]));
    assert!(unknown[0].contains("router \"edge-2\" is not in the inventory, did you mean \"edge-1\"?"), "{unknown:?}");
    let stopped = monitor.run(&["stop", "--router", "edge-1"]).json();
    assert_eq!(stopped["stopped"].as_array().map(Vec::len), Some(1), "{stopped}");
    // Its master has left: it could have had one.
    for known in ["edge-1", &sim.address("r1").to_string()] {
        assert_eq!(monitor.run(&["stop", "--router", known]).code, Some(0), "{known}");
    }
    let unknown = refused(&monitor, &monitor.run(&["stop", "--router", "edge-2", "--forget"]));
    assert!(unknown[0].contains("no master of router \"edge-2\"") && unknown[0].contains("did you mean \"edge-1\"?"));
    let alone = Monitor::new();
    let unknown = refused(&alone, &alone.run(&["stop", "--router", "192.0.2.1"]));
    assert!(unknown[0].contains("no master of router \"192.0.2.1\" in "), "{unknown:?}");
}

#[test]
fn a_routers_own_settings_count_for_it_and_a_flag_goes_before_them() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::with("ssh.proxy_command = \"/bin/false\"");
    let relay = r#"proxy_command = "bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & exec cat >&3'""#;
    import(&monitor, "a.toml", simulated(&sim, &format!("{relay}\nlanes = 1")), &[]);
    let answer = monitor.run(&["poll", "--line", "L-1"]).json();
    assert_eq!(answer["state"], 0, "{answer}");
    let flagged = monitor.run(&["poll", "--line", "L-1", "--proxy-command", "/bin/false"]);
    assert_eq!(flagged.kind(), "connect");
}

#[test]
fn what_a_poll_can_not_find_is_named_with_state_one() {
    let monitor = Monitor::new();
    let message = |arguments: &[&str]| -> String {
        let ran = monitor.run(arguments);
        let answer: Value = ran.json();
        assert_eq!((ran.code, &answer["state"], answer.get("ping")), (Some(0), &json!(1), None), "{answer}");
        answer["failure"]["message"].as_str().expect("a message").to_owned()
    };
    let absent = message(&["poll", "--line", "L-1"]);
    assert!(absent.contains("no inventory") && absent.contains("`ddl-monitor inventory import FILE`"), "{absent}");
    import(&monitor, "a.toml", GOOD, &[]);
    let unknown = message(&["poll", "--line", "L-2"]);
    assert!(unknown.starts_with("line \"L-2\" is not in the inventory, did you mean \"L-1\"?"), "{unknown}");
    let unresolved = message(&["poll", "--line", "{$LINE_ID}"]);
    assert!(unresolved.contains("macro {$LINE_ID} has no value"), "{unresolved}");
    assert!(
        message(&["poll", "--line", ""])
            .starts_with("neither --line ({$LINE_ID}) nor --target ({$LINE_TARGET}) is given")
    );
    assert!(message(&["poll", "--line", "a\nb"]).starts_with("--line ({$LINE_ID}) \"a\\nb\": allowed is 1 to 64 "));
    monitor.write_credentials("[other]\npassword = \"x\"\n");
    let login = message(&["poll", "--line", "L-1"]);
    assert!(login.starts_with("line L-1 of the inventory: password secret:good: credentials file "), "{login}");
    let item = monitor.run(&["poll", "--line", "L-2", "--item", "ping.loss"]);
    assert_eq!((item.code, item.stdout.lines().count()), (Some(1), 1));
    assert!(item.stdout.starts_with("settings: line \"L-2\" is not in the inventory"), "{}", item.stdout);
    // A line that its arguments describe needs no inventory.
    monitor.write_credentials("[good]\nuser = \"ddl\"\npassword = \"ddl\"\n");
    fs::write(monitor.state().join("inventory/current"), "what\n").expect("written");
    let given = monitor.poll("127.0.0.1:1", "linux", UP, &["--line", "L-2"]);
    assert_eq!(given.kind(), "connect");
}
