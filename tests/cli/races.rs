//! Many polls at once, and masters that are killed or stopped at every moment of their life: each poll answers in time, with
//! its own line's numbers, and no session stays behind on the router.

use crate::support::monitor::{Monitor, Started};
use crate::support::process::{self, kill, masters_of, rounds};
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

const UP: &str = "192.0.2.10";
/// Kills cost logins; the budget is not what is tested here.
const MANY_LOGINS: &str = "login.per_router = \"burst 9000, every 1ms\"\nlogin.all_routers = \"burst 9000, every 1ms\"";

fn at(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

fn is_measured(answer: &Value) {
    assert_eq!((&answer["state"], &answer["ping"]["loss"]), (&json!(0), &json!(20.0)), "{answer}");
}

/// Loses one packet of five: a number that nobody makes up.
fn lossy() -> SimRouter {
    SimRouter::new("linux").with("lose", vec![2])
}

const LOSSY: &[&str] = &["--count", "5", "--timeout", "100ms"];

/// For what is never answered: long enough to come to it on a machine that is busy.
const SHORT: &[&str] = &["--deadline", "5s"];

/// A master the moment it is seen: just being executed.
fn first_seen(sim: &Sim) -> u32 {
    wait::closely("a master", || masters_of(&at(sim)).pop())
}

/// Every session that the router ever had is closed.
fn no_session_is_left(sim: &Sim) {
    let named = |events: &[Value], name: &str| events.iter().filter(|event| event["event"] == name).count();
    sim.wait_for("the end of every session", |events| named(events, "connect") == named(events, "closed"));
}

#[test]
fn a_hundred_cold_polls_of_one_line_are_one_master_and_at_most_two_logins() {
    let sim = lossy().start();
    let monitor = Monitor::new();
    let polls: Vec<Started> = (0..100).map(|_| monitor.start_poll(&at(&sim), "linux", UP, LOSSY)).collect();
    for poll in polls {
        is_measured(&poll.wait().json());
    }
    assert_eq!(monitor.pids().len(), 1);
    assert!((1..=2).contains(&sim.count("login")), "{}", sim.count("login"));
    let runs = sim.commands().iter().filter(|line| line.contains("ping")).count();
    assert!(runs <= 100, "{runs}");
}

#[test]
fn a_hundred_cold_polls_of_different_lines_get_the_numbers_of_their_own_line() {
    let target = |i: u64| format!("192.0.2.{}", i + 100);
    let rtt = |i: u64| 2 * i + 3;
    let slow: Vec<String> = (0..50).map(|i| format!("{}={}ms", target(i), rtt(i))).collect();
    let sim = SimRouter::new("linux").with("slow", slow).start();
    let monitor = Monitor::new();
    let polls: Vec<(u64, Started)> = (0..100)
        .map(|i| i % 50)
        .map(|i| (i, monitor.start_poll(&at(&sim), "linux", &target(i), &["--count", "1"])))
        .collect();
    for (i, poll) in polls {
        let answer = poll.wait().json();
        assert_eq!((&answer["target"], &answer["ping"]["received"]), (&json!(target(i)), &json!(1)), "{answer}");
        let rtt = rtt(i) as f64 / 1000.0;
        assert!(answer["ping"]["rtt_avg"].as_f64().is_some_and(|s| (s - rtt).abs() < 0.000_9), "{rtt} {answer}");
    }
    assert_eq!(monitor.pids().len(), 1);
    assert!((1..=2).contains(&sim.count("login")), "{}", sim.count("login"));
}

#[test]
fn a_master_killed_between_polls_is_replaced_by_the_next_poll() {
    let sim = lossy().start();
    let monitor = Monitor::with(MANY_LOGINS);
    for _ in 0..rounds(3, 100) {
        is_measured(&monitor.poll(&at(&sim), "linux", UP, LOSSY).json());
        kill(monitor.pids()[0]);
        let answer = monitor.poll(&at(&sim), "linux", UP, LOSSY).json();
        is_measured(&answer);
        assert_eq!(answer["session"], "opened");
        assert_eq!(monitor.pids().len(), 1);
    }
    monitor.run(&["stop", "--all"]).json();
    no_session_is_left(&sim);
}

#[test]
fn a_master_killed_while_a_poll_waits_for_the_login_costs_that_poll_one_more_login() {
    let mut sim = lossy().with("login_delay", "30s").start();
    let monitor = Monitor::with(MANY_LOGINS);
    let poll = monitor.start_poll(&at(&sim), "linux", UP, LOSSY);
    sim.wait_for_count("login", 1);
    sim.change("r1", "login_delay", "0s");
    kill(monitor.pids()[0]);
    is_measured(&poll.wait().json());
    assert_eq!(sim.count("login"), 2);
    monitor.run(&["stop", "--all"]).json();
    no_session_is_left(&sim);
}

#[test]
fn a_master_killed_in_the_middle_of_a_ping_costs_that_poll_one_more_run() {
    let mut sim = lossy().with("answer_delay", "30s").start();
    sim.change("r1", "answer_delay", "0s");
    let monitor = Monitor::with(MANY_LOGINS);
    is_measured(&monitor.poll(&at(&sim), "linux", UP, LOSSY).json());
    sim.change("r1", "answer_delay", "30s");
    let pings = |sim: &Sim| sim.commands().iter().filter(|line| line.contains("ping")).count();
    let poll = monitor.start_poll(&at(&sim), "linux", UP, LOSSY);
    wait::until("the ping on the router", || (pings(&sim) == 2).then_some(()));
    sim.change("r1", "answer_delay", "0s");
    kill(monitor.pids()[0]);
    let ran = poll.wait();
    is_measured(&ran.json());
    assert_eq!(pings(&sim), 3);
    monitor.run(&["stop", "--all"]).json();
    no_session_is_left(&sim);
}

#[test]
fn a_master_killed_before_it_was_ready_is_started_once_more() {
    let sim = lossy().start();
    let monitor = Monitor::with(MANY_LOGINS);
    for round in 0..rounds(5, 200) {
        let poll = monitor.start_poll(&at(&sim), "linux", UP, LOSSY);
        kill(first_seen(&sim));
        is_measured(&poll.wait().json());
        assert_eq!(monitor.pids().len(), 1, "round {round}");
        monitor.run(&["stop", "--all"]).json();
    }
    no_session_is_left(&sim);
}

#[test]
fn a_master_killed_right_after_it_was_ready_is_started_once_more() {
    let sim = lossy().start();
    let monitor = Monitor::with(MANY_LOGINS);
    for _ in 0..rounds(5, 200) {
        let poll = monitor.start_poll(&at(&sim), "linux", UP, LOSSY);
        wait::closely("a master's socket", || (!monitor.sockets().is_empty()).then_some(()));
        masters_of(&at(&sim)).into_iter().for_each(kill);
        is_measured(&poll.wait().json());
        monitor.run(&["stop", "--all"]).json();
    }
    no_session_is_left(&sim);
}

#[test]
fn a_master_killed_at_any_moment_costs_no_poll_its_answer() {
    let sim = lossy().with("login_delay", "20ms").with("rtt", vec!["5ms"]).start();
    let monitor = Monitor::with(MANY_LOGINS);
    for round in 0..rounds(15, 300) {
        let poll = monitor.start_poll(&at(&sim), "linux", UP, LOSSY);
        // A run takes a bit more than a second here: every second time its first 200 ms, every second time all of it.
        wait::moment(Duration::from_millis(round as u64 * 37 % if round % 2 == 0 { 211 } else { 1201 }));
        masters_of(&at(&sim)).into_iter().for_each(kill);
        let ran = poll.wait();
        let answer = ran.json();
        assert_eq!(answer["state"], 0, "round {round}: {answer}");
        is_measured(&answer);
    }
    assert_eq!(monitor.run(&["stop", "--all"]).code, Some(0));
    no_session_is_left(&sim);
    let left = monitor.kept_names();
    assert!(left.iter().all(|name| !name.contains(".sock") && !name.contains(".start")), "{left:?}");
}

#[test]
fn a_stopped_master_costs_every_poll_its_deadline_and_no_more() {
    let sim = lossy().start();
    let monitor = Monitor::new();
    is_measured(&monitor.poll(&at(&sim), "linux", UP, LOSSY).json());
    let pid = monitor.pids()[0];
    process::stop(pid);
    let polls: Vec<Started> = (0..20).map(|_| monitor.start_poll(&at(&sim), "linux", UP, SHORT)).collect();
    for poll in polls {
        let ran = poll.wait();
        let answer = ran.json();
        assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(11), &json!("master")), "{answer}");
        assert!(answer["failure"]["message"].as_str().is_some_and(|text| text.contains("stop --router")), "{answer}");
    }
    assert_eq!(monitor.status()[0]["state"], "no answer");
    process::signal(pid, Signal::CONT);
    let answer = monitor.poll(&at(&sim), "linux", UP, LOSSY).json();
    is_measured(&answer);
    assert_eq!((&answer["session"], monitor.pids()), (&json!("reused"), vec![pid]));
}

#[test]
fn polls_that_find_the_backlog_of_a_wedged_master_full_answer_in_time_too() {
    let sim = lossy().start();
    let monitor = Monitor::new();
    monitor.poll(&at(&sim), "linux", UP, LOSSY).json();
    let socket = monitor.sockets().remove(0);
    kill(monitor.pids()[0]);
    // The kernel's own limit is in the thousands: a socket in the master's place holds two.
    std::fs::remove_file(&socket).expect("its socket");
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket as make};
    let wedged = make(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
    bind(&wedged, &SocketAddrUnix::new(&socket).expect("an address")).expect("bound");
    listen(&wedged, 1).expect("listening");
    let polls: Vec<Started> = (0..40).map(|_| monitor.start_poll(&at(&sim), "linux", UP, SHORT)).collect();
    for poll in polls {
        let ran = poll.wait();
        assert_eq!(ran.kind(), "master");
    }
    drop(wedged);
    is_measured(&monitor.poll(&at(&sim), "linux", UP, LOSSY).json());
}

#[test]
fn stop_ends_a_master_that_does_not_answer() {
    let sim = lossy().start();
    let monitor = Monitor::new();
    monitor.poll(&at(&sim), "linux", UP, LOSSY).json();
    let pid = monitor.pids()[0];
    process::stop(pid);
    let ran = monitor.run(&["stop", "--router", &at(&sim)]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert_eq!(ran.json()["stopped"][0]["how"], "killed");
    assert!(!process::is_alive(pid));
    no_session_is_left(&sim);
    is_measured(&monitor.poll(&at(&sim), "linux", UP, LOSSY).json());
}

#[test]
fn a_master_stopped_before_it_was_ready_costs_every_poll_its_deadline_and_no_more() {
    let sim = lossy().start();
    let monitor = Monitor::new();
    let first = monitor.start_poll(&at(&sim), "linux", UP, SHORT);
    let pid = first_seen(&sim);
    process::stop(pid);
    let second = monitor.start_poll(&at(&sim), "linux", UP, SHORT);
    for poll in [first, second] {
        let ran = poll.wait();
        // Stopped before it had taken its place, it is in nobody's way: the second poll may be served by another one.
        assert!(["master", "measured", "deadline"].contains(&ran.kind().as_str()), "{}", ran.stdout);
    }
    process::signal(pid, Signal::CONT);
    is_measured(&monitor.poll(&at(&sim), "linux", UP, LOSSY).json());
    wait::until("one master", || (masters_of(&at(&sim)).len() == 1).then_some(()));
}

#[test]
fn a_poll_whose_master_makes_way_for_one_that_was_slow_to_come_up_is_served_by_that() {
    let sim = lossy().start();
    let monitor = Monitor::with(MANY_LOGINS);
    let poll = || monitor.start_poll(&at(&sim), "linux", UP, LOSSY);
    for round in 0..rounds(5, 100) {
        let mut first = poll();
        let slow = first_seen(&sim);
        wait::moment(Duration::from_millis(round as u64 % 10));
        process::stop(slow);
        first.child.kill().expect("a child");
        first.child.wait().expect("its end");
        let second = poll();
        wait::until("another master, or that one asked", || {
            (masters_of(&at(&sim)).len() == 2 || !monitor.sockets().is_empty()).then_some(())
        });
        process::signal(slow, Signal::CONT);
        is_measured(&second.wait().json());
        // One that is still coming up is not known to the first `stop`.
        wait::until("no master", || {
            monitor.run(&["stop", "--all"]).json();
            masters_of(&at(&sim)).is_empty().then_some(())
        });
    }
    no_session_is_left(&sim);
}
