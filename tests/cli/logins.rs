//! Logins are few: a refused password is held down for everybody it concerns, whatever becomes of masters and files, and
//! budgets hold.

use crate::support::monitor::Monitor;
use crate::support::process::kill;
use crate::support::sim::{Sim, SimRouter};
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
