//! How long a login lives, and that nothing of it is left.

use super::{Lab, SHELLS, counters, monitor_of, on_each_shell};
use crate::support::monitor::BINARY;
use crate::support::parent::{Kind, Parent};
use crate::support::responder::Rule;
use crate::support::wait::{self, LIMIT};
use rustix::process::Signal;
use serde_json::{Value, json};

const TARGET: &str = "198.18.0.1";
const DEAD: &str = "198.18.0.9";
const ONE: [&str; 4] = ["--count", "1", "--timeout", "500ms"];

#[test]
fn ten_polls_are_one_login_and_a_stop_leaves_no_process() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        for round in 0..10 {
            let answer = lab.poll(TARGET, &["--count", "1", "--timeout", "200ms"]);
            assert_eq!(counters(&answer), (1, 1, 0), "{shell:?}: {answer}");
            assert_eq!(answer["session"], if round == 0 { "opened" } else { "reused" }, "{answer}");
        }
        assert_eq!(lab.router.logins(), (1, 0), "{shell:?}");
        assert!(lab.processes() > 0, "{shell:?}");
        let stopped = lab.monitor.run(&["stop", "--all"]).json();
        assert_eq!(stopped["stopped"][0]["how"], "logged out", "{stopped}");
        wait::until("the session's end", || (lab.router.sshd.sessions() + lab.processes() == 0).then_some(()));
        // The platform's own way out, not a connection that broke.
        lab.router.sshd.wait_for("Disconnected from user", 1);
    });
}

#[test]
fn a_stop_in_mid_ping_leaves_no_process_either() {
    on_each_shell("", |lab| {
        lab.router.responder.rule(DEAD, Rule::silent());
        let at = lab.router.address().to_string();
        let poll = lab.monitor.start_poll(&at, lab.platform, DEAD, &["--count", "9"]);
        wait::until("a packet", || (lab.router.responder.count(DEAD).seen > 0).then_some(()));
        lab.monitor.run(&["stop", "--all"]);
        let answer = poll.wait().json();
        assert!(answer["state"].as_u64().is_some(), "{answer}");
        lab.monitor.run(&["stop", "--all"]);
        wait::until("the session's end", || (lab.router.sshd.sessions() + lab.processes() == 0).then_some(()));
    });
}

#[test]
fn a_session_killed_on_the_router_while_idle_costs_a_login_and_no_poll() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        assert_eq!(counters(&lab.poll(TARGET, &ONE)), (1, 1, 0), "{shell:?}");
        for round in 2..4 {
            lab.router.sshd.signal_sessions(Signal::KILL);
            let answer = lab.poll(TARGET, &ONE);
            assert_eq!(counters(&answer), (1, 1, 0), "{shell:?}: {answer}");
            assert_eq!(answer["session"], "opened", "{shell:?}: {answer}");
            assert_eq!(lab.router.logins(), (round, 0), "{shell:?}");
        }
    });
}

#[test]
fn a_session_killed_in_mid_ping_is_tried_once_more_within_the_deadline() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        lab.poll(TARGET, &ONE);
        lab.router.responder.rule(DEAD, Rule::silent());
        let at = lab.router.address().to_string();
        let poll = lab.monitor.start_poll(&at, lab.platform, DEAD, &["--count", "3", "--timeout", "1s"]);
        wait::until("a packet", || (lab.router.responder.count(DEAD).seen > 0).then_some(()));
        lab.router.sshd.signal_sessions(Signal::KILL);
        let answer = poll.wait().json();
        assert_eq!(
            (answer["ping"]["up"].as_u64(), &answer["ping"]["loss"]),
            (Some(0), &json!(100.0)),
            "{shell:?}: {answer}"
        );
        assert_eq!(answer["ping"]["sent"], 3, "{shell:?}: {answer}");
        assert_eq!(lab.router.logins(), (2, 0), "{shell:?}");
    });
}

#[test]
fn a_ping_killed_on_the_router_is_no_loss_and_asked_again() {
    for shell in [SHELLS[1], SHELLS[2]] {
        let lab = Lab::new(shell, "");
        lab.poll(TARGET, &ONE);
        let (at, target) = (lab.router.address().to_string(), "198.18.0.5");
        let poll = lab.monitor.start_poll(&at, lab.platform, target, &["--count", "5"]);
        wait::until("a packet", || (lab.router.responder.count(target).seen > 0).then_some(()));
        let before = lab.router.responder.count(target).seen;
        let user = lab.user.as_ref().expect("a shell user");
        std::process::Command::new("pkill").args(["-KILL", "-u", &user.name, "-x", "ping"]).status().expect("pkill");
        let answer = poll.wait().json();
        assert_eq!(counters(&answer), (5, 5, 0), "{shell:?}: {answer}");
        // Those of the killed run are in no result.
        assert!(lab.router.responder.count(target).seen >= 5 + before, "{shell:?}");
        assert_eq!(counters(&lab.poll(TARGET, &ONE)), (1, 1, 0), "{shell:?}");
        assert_eq!(lab.router.logins(), (1, 0), "{shell:?}");
    }
}

#[test]
fn from_zabbix_a_cold_poll_is_answered_and_its_master_holds_nothing_of_the_parent() {
    for kind in [Kind::Agent, Kind::Agent2] {
        let lab = Lab::new(SHELLS[0], "");
        let parent = Parent::new(kind, LIMIT);
        let (at, settings) = (lab.router.address().to_string(), lab.monitor.path("ddl-monitor.toml"));
        let environment = [("DDL_MONITOR_CONFIG", settings.to_str().expect("UTF-8"))];
        let arguments = |target| {
            [
                "poll",
                "--router",
                &at,
                "--platform",
                "frr",
                "--target",
                target,
                "--password",
                "secret:good",
                "--count",
                "2",
                "--timeout",
                "500ms",
            ]
            .map(str::to_owned)
        };
        let poll = |target| {
            let arguments = arguments(target);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let outcome = parent.run(BINARY, &arguments, &environment);
            assert!(!outcome.timed_out && !outcome.hung && outcome.holders().is_empty(), "{}", outcome.output);
            assert_eq!(outcome.status.and_then(|status| status.code()), Some(0), "{}", outcome.output);
            assert_eq!(outcome.output.matches('\n').count(), 1, "{}", outcome.output);
            serde_json::from_str::<Value>(&outcome.output).expect("JSON")
        };
        let cold = poll(TARGET);
        assert_eq!((counters(&cold), &cold["session"]), ((2, 2, 0), &json!("opened")), "{cold}");
        let pids = lab.monitor.pids();
        lab.router.responder.rule(DEAD, Rule::silent());
        let dead = poll(DEAD);
        assert_eq!((&dead["ping"]["loss"], &dead["session"]), (&json!(100.0), &json!("reused")), "{dead}");
        assert_eq!((lab.monitor.pids(), pids.len()), (pids, 1));
        assert_eq!(lab.router.logins(), (1, 0));
    }
}

#[test]
fn two_lanes_are_two_connections_where_a_connection_takes_one_session() {
    let lab = Lab::new(SHELLS[1], "");
    let at = lab.router.address().to_string();
    lab.poll(TARGET, &ONE);
    lab.router.responder.rule(DEAD, Rule::silent());
    let targets = ["198.18.0.9", "198.18.0.11", "198.18.0.12", "198.18.0.13"];
    let polls = targets.map(|target| lab.monitor.start_poll(&at, "linux", target, &[]));
    for (poll, target) in polls.into_iter().zip(targets) {
        let answer = poll.wait().json();
        let received = if target == DEAD { 0 } else { 5 };
        assert_eq!(counters(&answer), (5, received, 0), "{answer}");
    }
    assert_eq!(lab.router.logins(), (2, 0));
    assert_eq!(lab.monitor.status()[0]["lanes"].as_array().map(Vec::len), Some(2));
}

#[test]
fn two_users_of_one_router_have_a_session_each() {
    let lab = Lab::new(SHELLS[0], "");
    let (at, bash) = (lab.router.address().to_string(), lab.router.shell_user("/bin/bash"));
    let other = monitor_of(&bash, "");
    assert_eq!(counters(&lab.poll(TARGET, &ONE)), (1, 1, 0));
    assert_eq!(counters(&other.poll(&at, "linux", TARGET, &ONE).json()), (1, 1, 0));
    assert_eq!(lab.router.logins(), (2, 0));
}
