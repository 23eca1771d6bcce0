//! Logins are few: a refused password is held down for everybody it concerns, whatever becomes of masters and files, and
//! budgets hold.

use crate::support::monitor::Monitor;
use crate::support::process::kill;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use serde_json::{Value, json};

const UP: &str = "192.0.2.10";

fn at(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

#[track_caller]
fn is_auth(answer: &Value) {
    assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(3), &json!("auth")), "{answer}");
}

#[test]
fn a_credential_that_three_routers_refused_is_tried_on_no_other_until_it_is_forgotten() {
    let router = |name: &str| SimRouter::new("linux").name(name).with("refuse_logins", true);
    let sim = Sim::start([router("a"), router("b"), router("c"), SimRouter::new("linux").name("good")]);
    let monitor = Monitor::new();
    let poll = |router: &str| monitor.poll(&sim.address(router).to_string(), "linux", UP, &["--count", "1"]).json();
    for router in ["a", "b", "c"] {
        is_auth(&poll(router));
    }
    let held = poll("good");
    is_auth(&held);
    assert!(held["failure"]["message"].as_str().is_some_and(|text| text.contains("3 routers refused")), "{held}");
    assert!(held["failure"]["retry_in"].as_f64().is_some_and(|s| s > 200.0), "{held}");
    assert_eq!((sim.count("refused"), sim.count("login")), (3, 0));
    let good = sim.address("good").to_string();
    let ran = monitor.run(&["stop", "--router", &good, "--forget"]);
    assert_eq!((ran.code, &ran.json()["forgotten"]), (Some(0), &json!([good])));
    assert_eq!(poll("good")["state"], 0);
}

#[test]
fn a_hold_down_outlives_masters_that_stop_or_die() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let bad = || monitor.poll(&at(&sim), "linux", UP, &["--password", "secret:bad"]).json();
    is_auth(&bad());
    assert_eq!(monitor.run(&["stop", "--all"]).code, Some(0));
    is_auth(&bad());
    monitor.pids().into_iter().for_each(kill);
    let held = bad();
    is_auth(&held);
    assert!(held["failure"]["retry_in"].as_f64().is_some_and(|s| s > 200.0), "{held}");
    assert_eq!(sim.count("refused"), 1);
}

#[test]
fn the_budget_of_logins_is_kept_over_all_masters_of_a_router() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::with("login.per_router = \"burst 2, every 1h\"");
    for _ in 0..2 {
        assert_eq!(monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).kind(), "measured");
        monitor.run(&["stop", "--all"]).json();
    }
    let answer = monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).json();
    assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(10), &json!("login_limit")), "{answer}");
    assert!(answer["failure"]["retry_in"].as_f64().is_some_and(|s| s > 3000.0), "{answer}");
    assert_eq!(sim.count("connect"), 2);
}

#[test]
fn a_book_of_logins_that_is_rubbish_is_begun_anew() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    assert_eq!(monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).kind(), "measured");
    for rubbish in ["", "{", "[1,2]", "{\"routers\":{\"x\":1}}", "\0\0\0\0"] {
        monitor.run(&["stop", "--all"]).json();
        std::fs::write(monitor.state().join("logins.json"), rubbish).expect("rubbish written");
        assert_eq!(monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).kind(), "measured", "{rubbish:?}");
    }
}

#[test]
fn without_a_book_of_logins_no_login_is_tried() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    assert_eq!(monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).kind(), "measured");
    monitor.run(&["stop", "--all"]).json();
    let book = monitor.state().join("logins.json");
    std::fs::remove_file(&book).expect("a book");
    std::fs::create_dir(&book).expect("a folder in its place");
    let answer = monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).json();
    assert_eq!((&answer["state"], answer.get("ping")), (&json!(1), None), "{answer}");
    assert!(answer["failure"]["message"].as_str().is_some_and(|text| text.contains("logins.json")), "{answer}");
    assert_eq!(sim.count("connect"), 1);
    std::fs::remove_dir(&book).expect("the folder");
    assert_eq!(monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).kind(), "measured");
}

#[test]
fn wrong_proxy_command_of_one_line_does_not_hold_another() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let poll = |more: &[&str]| monitor.poll(&at(&sim), "linux", UP, &[&["--count", "1"], more].concat()).json();
    let wrong = ["--proxy-command", "sh -c 'echo no such jump host >&2; exit 255'"];
    for _ in 0..2 {
        let failed = poll(&wrong);
        assert_eq!(failed["failure"]["kind"], "connect", "{failed}");
        let direct = poll(&[]);
        assert_eq!(direct["state"], 0, "{direct}");
    }
    // Only the login that failed is held.
    let held = poll(&wrong);
    assert!(held["failure"]["message"].as_str().is_some_and(|text| text.contains("; held down for 10s")), "{held}");
}

#[test]
fn removed_host_key_line_ends_the_hold_down() {
    let mut sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let poll = |sim: &Sim| monitor.poll(&at(sim), "linux", UP, &["--count", "1"]).json();
    assert_eq!(poll(&sim)["state"], 0);
    assert_eq!(monitor.run(&["stop", "--all"]).code, Some(0));
    sim.change("r1", "host_key", "random");
    for _ in 0..2 {
        assert_eq!(poll(&sim)["failure"]["kind"], "host_key");
    }
    let held = poll(&sim);
    assert!(held["failure"]["retry_in"].as_f64().is_some(), "{held}");
    let connections = sim.count("connect");
    std::fs::write(monitor.state().join("known_hosts"), "").expect("an empty known_hosts");
    let answer = poll(&sim);
    assert_eq!((&answer["state"], sim.count("connect")), (&json!(0), connections + 1), "{answer}");
}

/// Short hold-downs, and a budget that does not end a test.
const SHORT: &str = "[login]\nhold_down = \"1s\"\nhold_down_max = \"1s\"\nper_router = \"burst 100, every 1s\"\n";

#[test]
fn outage_of_the_login_server_ends_by_itself() {
    let mut sim = SimRouter::new("linux").with("refuse_logins", true).start();
    let monitor = Monitor::with(SHORT);
    let poll = |sim: &Sim| monitor.poll(&at(sim), "linux", UP, &["--count", "1"]).json();
    wait::until("a fifth refusal", || {
        is_auth(&poll(&sim));
        (sim.count("refused") >= 5).then_some(())
    });
    sim.change("r1", "refuse_logins", false);
    wait::until("a measurement", || (poll(&sim)["state"] == 0).then_some(()));
}

#[test]
fn one_router_tries_a_credential_that_is_held_everywhere() {
    let router = |name: &str| SimRouter::new("linux").name(name).with("refuse_logins", true);
    let mut sim = Sim::start([router("a"), router("b"), router("c"), SimRouter::new("linux").name("good")]);
    let monitor = Monitor::with(SHORT);
    let poll =
        |sim: &Sim, router: &str| monitor.poll(&sim.address(router).to_string(), "linux", UP, &["--count", "1"]).json();
    for router in ["a", "b", "c"] {
        is_auth(&poll(&sim, router));
    }
    let held = poll(&sim, "good");
    assert!(held["failure"]["message"].as_str().is_some_and(|text| text.contains("3 routers refused")), "{held}");
    sim.change("*", "refuse_logins", false);
    wait::until("the trial", || (poll(&sim, "good")["state"] == 0).then_some(()));
    // Its success frees all, at once.
    for router in ["a", "b", "c"] {
        let answer = poll(&sim, router);
        assert_eq!(answer["state"], 0, "{router}: {answer}");
    }
    assert_eq!((sim.count("refused"), sim.count("login")), (3, 4));
}
