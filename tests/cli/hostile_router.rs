//! Routers that echo secrets, and routers that send unasked text and packets.

use crate::support::monitor::Monitor;
use crate::support::process;
use crate::support::sim::SimRouter;
use std::fs;
use std::path::Path;

const UP: &str = "192.0.2.10";
const SECRET: &str = "sesame-7431";

/// All files below a folder, as text.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
        }
    }
    found
}

#[test]
fn echo_of_the_enable_secret_is_shown_and_kept_nowhere() {
    let sim = SimRouter::new("cisco_iosxe").with("enable_secret", SECRET).with("echo_secret", true).start();
    let monitor = Monitor::with("login.timeout = \"2s\"");
    monitor.write_credentials(&format!("[good]\nuser = \"ddl\"\npassword = \"ddl\"\nenable_password = \"{SECRET}\"\n"));
    let router = sim.address("r1").to_string();
    let answer = monitor.poll(&router, "cisco_iosxe", UP, &["--deadline", "20s", "-vvv"]);
    let message = answer.json()["failure"]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("the last it said: <secret>"), "{message}");
    let held = monitor.poll(&router, "cisco_iosxe", UP, &["--deadline", "20s"]);
    let record = monitor.run(&[
        "record",
        "--case",
        "echo",
        "--dir",
        monitor.path("").to_str().unwrap(),
        "--redact",
        "--router",
        &router,
        "--platform",
        "cisco_iosxe",
        "--target",
        UP,
        "--password",
        "secret:good",
        "--deadline",
        "20s",
    ]);
    let status = monitor.run(&["status"]);
    for ran in [&answer, &held, &record, &status] {
        assert!(![&ran.stdout, &ran.stderr].iter().any(|text| text.contains(SECRET)), "{} {}", ran.stdout, ran.stderr);
    }
    fs::remove_file(monitor.path("credentials.toml")).unwrap();
    for (path, text) in texts(&monitor.path("")) {
        assert!(!text.contains(SECRET), "{path}: {text}");
    }
    let log = fs::read_to_string(monitor.state().join("ddl-monitor.log")).unwrap();
    assert!(log.contains("<secret>"), "{log}");
}

#[test]
fn packets_without_text_hold_up_neither_lane_nor_master() {
    let sim = SimRouter::new("linux").with("no_text", true).start();
    let monitor = Monitor::new();
    let router = sim.address("r1").to_string();
    let answer = monitor.poll(&router, "linux", UP, &["--count", "1"]);
    assert!(["shell", "deadline"].contains(&answer.kind().as_str()), "{}", answer.json());
    assert_eq!(monitor.status()[0]["router"], router);
    let peak = process::status(monitor.pids()[0], "VmHWM");
    assert!(peak < 64 << 10, "{peak} kB");
}
