//! `record`: what was said becomes a case that `parse` reads as it was read live, and tells nothing that it must not.

use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const TARGET: &str = "10.20.30.40";

fn record(monitor: &Monitor, sim: &Sim, platform: &str, more: &[&str]) -> PathBuf {
    let router = sim.address("r1").to_string();
    let dir = monitor.path("cases");
    let fixed =
        ["record", "--case", "odd", "--dir", dir.to_str().unwrap(), "--router", &router, "--platform", platform];
    let ran = monitor.run(&[&fixed[..], &["--target", TARGET, "--password", "secret:good"], more].concat());
    assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
    dir.join("odd")
}

fn expected(case: &Path) -> Value {
    serde_json::from_slice(&fs::read(case.join("expected.json")).expect("expected.json")).expect("JSON")
}

/// What `parse` makes of the recorded answer.
fn parsed(monitor: &Monitor, case: &Path, platform: &str, more: &[&str]) -> Value {
    let answer = case.join("answer.txt");
    let mut printed =
        monitor.run(&[&["parse", "--platform", platform], more, &[answer.to_str().unwrap()]].concat()).json();
    let members = printed.as_object_mut().expect("an object");
    members.remove("platform");
    members.remove("failure");
    printed
}

#[test]
fn a_recorded_answer_reads_as_it_was_read_live_on_every_kind_of_router() {
    for platform in ["cisco_iosxe", "huawei_vrp", "linux", "juniper_junos", "mikrotik_routeros"] {
        let sim = SimRouter::new(platform).with("lose", vec![2]).start();
        let monitor = Monitor::new();
        let case = record(&monitor, &sim, platform, &["--count", "4", "--timeout", "1s"]);
        let mut expected = expected(&case);
        assert_eq!(expected.as_object_mut().unwrap().remove("target"), Some(json!(TARGET)));
        assert_eq!((&expected["ping"]["sent"], &expected["ping"]["received"]), (&json!(4), &json!(3)), "{platform}");
        assert_eq!(parsed(&monitor, &case, platform, &["--target", TARGET]), expected, "{platform}");
        let said = fs::read_to_string(case.join("conversation.txt")).unwrap();
        assert!(said.contains(&format!("> ping {TARGET}")) || said.contains(TARGET), "{said}");
    }
}

#[test]
fn an_answer_that_the_abort_key_ended_is_recorded_to_its_end() {
    let sim = SimRouter::new("frr").start();
    let monitor = Monitor::new();
    let case = record(&monitor, &sim, "frr", &["--count", "2", "--timeout", "1s"]);
    let expected = expected(&case);
    assert_eq!((&expected["state"], &expected["ping"]["up"]), (&json!(0), &json!(1)), "{expected}");
}

#[test]
fn control_characters_are_recorded_as_the_router_sent_them() {
    let sim = SimRouter::new("h3c_comware").with("newline", "nul").start();
    let monitor = Monitor::new();
    let case = record(&monitor, &sim, "h3c_comware", &["--interface", "GigabitEthernet0/0/1"]);
    let port = case.with_file_name("odd_interface");
    assert!(fs::read(port.join("answer.txt")).unwrap().contains(&0));
    let expected = expected(&port);
    assert_eq!((&expected["state"], &expected["interface"]["oper"]), (&json!(0), &json!(1)), "{expected}");
}

#[test]
fn redacted_it_names_neither_address_nor_user_nor_router_and_reads_the_same() {
    let sim = SimRouter::new("cisco_iosxe")
        .with("hostname", "ber-core-7-10.20.30.2")
        .with("motd", "This is ber-core-7-10.20.30.2, 10.20.30.1-10.20.30.9\\n")
        .start();
    let monitor = Monitor::new();
    // The user comes out of the credentials file.
    let more = ["--redact", "--interface", "GigabitEthernet0/0/1"];
    let case = record(&monitor, &sim, "cisco_iosxe", &more);
    let files =
        ["conversation.txt", "answer.txt", "expected.json"].map(|name| fs::read_to_string(case.join(name)).unwrap());
    for text in &files {
        assert!(["10.20.30", "ber-core-7", "ddl"].iter().all(|word| !text.contains(word)), "{text}");
    }
    assert!(files[0].contains("This is router, 192.0.2."), "{}", files[0]);
    let mut expected = expected(&case);
    let target = expected.as_object_mut().unwrap().remove("target").unwrap();
    assert!(target.as_str().unwrap().starts_with("192.0.2."), "{target}");
    assert_eq!(expected["ping"]["up"], 1);
    assert_eq!(parsed(&monitor, &case, "cisco_iosxe", &["--target", target.as_str().unwrap()]), expected);
    let of_port = case.with_file_name("odd_interface");
    let port: Value = serde_json::from_slice(&fs::read(of_port.join("expected.json")).unwrap()).unwrap();
    assert_eq!((&port["probe"], &port["state"]), (&json!("interface"), &json!(0)), "{port}");
}

#[test]
fn an_answer_that_was_not_understood_is_recorded_and_so_is_a_login_that_failed() {
    let sim = SimRouter::new("linux").with("wrong_header", "always").start();
    let monitor = Monitor::new();
    let case = record(&monitor, &sim, "linux", &[]);
    assert_eq!(expected(&case)["state"], 9);

    let sim = SimRouter::new("linux").with("silence", "shell").start();
    let monitor = Monitor::new();
    fs::write(
        monitor.path("ddl-monitor.toml"),
        format!(
            "state.dir = {:?}\nsecrets.file = {:?}\nlogin.timeout = \"5s\"\n",
            monitor.state(),
            monitor.path("credentials.toml")
        ),
    )
    .unwrap();
    let router = sim.address("r1").to_string();
    let ran = monitor.run(&[
        "record",
        "--case",
        "mute",
        "--dir",
        monitor.path("").to_str().unwrap(),
        "--router",
        &router,
        "--platform",
        "linux",
        "--target",
        TARGET,
        "--password",
        "secret:good",
        "--deadline",
        "60s",
    ]);
    assert!(
        ran.code == Some(0) && ran.stdout.contains("not measured") || ran.stderr.contains("prompt"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn nothing_is_overwritten_and_a_case_is_a_plain_name() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let case = record(&monitor, &sim, "linux", &[]);
    let kept = fs::read(case.join("answer.txt")).unwrap();
    let router = sim.address("r1").to_string();
    let again = |name: &str| {
        let dir = monitor.path("cases");
        monitor.run(&[
            "record",
            "--case",
            name,
            "--dir",
            dir.to_str().unwrap(),
            "--router",
            &router,
            "--platform",
            "linux",
            "--target",
            TARGET,
            "--password",
            "secret:good",
        ])
    };
    for (name, part) in [("odd", "is there already"), ("../odd", "--case"), ("", "--case")] {
        let ran = again(name);
        assert_eq!(ran.code, Some(1), "{name}");
        assert!(ran.stderr.contains(part), "{name}: {}", ran.stderr);
    }
    assert_eq!(fs::read(case.join("answer.txt")).unwrap(), kept);
}
