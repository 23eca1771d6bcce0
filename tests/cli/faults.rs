//! Routers that go wrong: each poll answers in time, with the right number or the right kind of failure, and the next one is
//! as good as if nothing had been.

use crate::support::monitor::{Monitor, Started};
use crate::support::process;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use serde_json::{Value, json};

const UP: &str = "192.0.2.10";

fn at(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

/// Loses one packet of five: a number that nobody makes up.
fn lossy(persona: &str) -> SimRouter {
    SimRouter::new(persona).with("lose", vec![2])
}

const LOSSY: &[&str] = &["--timeout", "1s"];

/// For what is never answered: long enough to come to it on a machine that is busy.
const SHORT: &[&str] = &["--deadline", "5s"];

#[track_caller]
fn is_measured(answer: &Value, session: &str) {
    assert_eq!(
        (&answer["state"], &answer["ping"]["loss"], &answer["session"]),
        (&json!(0), &json!(20.0), &json!(session)),
        "{answer}"
    );
}

#[test]
fn a_session_that_the_router_closes_between_polls_is_no_failure() {
    let mut sim = lossy("cisco_iosxe").start();
    let monitor = Monitor::new();
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    let pids = monitor.pids();
    sim.cut("r1");
    sim.wait_for_count("closed", 1);
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    sim.change("r1", "exec_timeout", "200ms");
    sim.cut("r1");
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    sim.wait_for("an exec-timeout", |events| {
        events.iter().any(|event| event["event"] == "logout" && event["reason"] == "idle")
    });
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    assert_eq!((monitor.pids(), sim.count("login")), (pids, 4));
    assert_eq!(monitor.status()[0]["last_failure"], Value::Null);
}

#[test]
fn a_session_cut_in_mid_answer_is_opened_once_more_and_the_number_is_right() {
    let mut sim = lossy("cisco_iosxe").start();
    let monitor = Monitor::new();
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    for bytes in [0, 40, 110] {
        sim.change("r1", "drop", "once");
        sim.change("r1", "drop_after", bytes);
        is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    }
    assert_eq!(sim.count("login"), 4);
    // Behind the counters: what is known is the answer.
    sim.change("r1", "drop_after", 150);
    let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json();
    is_measured(&answer, "reused");
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
}

#[test]
fn a_router_that_always_cuts_the_answer_is_kind_shell_and_costs_no_login_beyond_the_budget() {
    let sim = lossy("cisco_iosxe").with("drop_after", 40).start();
    let monitor = Monitor::with("login.per_router = \"burst 5, every 1h\"");
    let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).json();
    assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(6), &json!("shell")), "{answer}");
    assert_eq!(answer.get("ping"), None);
    let kinds: Vec<String> = (0..6).map(|_| monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).kind()).collect();
    assert!(kinds.iter().all(|kind| ["shell", "login_limit"].contains(&kind.as_str())), "{kinds:?}");
    assert_eq!(kinds.last().map(String::as_str), Some("login_limit"), "{kinds:?}");
    assert!(sim.count("login") <= 5, "{}", sim.count("login"));
}

#[test]
fn a_router_that_falls_silent_is_kind_deadline_and_its_session_is_dropped() {
    let mut sim = lossy("cisco_iosxe").start();
    let monitor = Monitor::new();
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    sim.change("r1", "stop_after", 1);
    let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, SHORT).json();
    assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("deadline"), None), "{answer}");
    sim.change("r1", "stop_after", 10_000);
    // The silent session is given a moment to find its prompt; a poll meanwhile gets another lane.
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    sim.wait_for_count("closed", 1);
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "reused");
    assert_eq!(sim.count("login"), 2);
}

#[test]
fn fifty_megabytes_of_rubbish_cost_neither_the_deadline_nor_the_memory() {
    let mut sim = lossy("cisco_iosxe").start();
    let monitor = Monitor::new();
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    sim.change("r1", "flood", 50_000_000);
    let ran = monitor.poll(&at(&sim), "cisco_iosxe", UP, &["--timeout", "1s", "--deadline", "5s"]);
    assert!(["deadline", "reply", "measured"].contains(&ran.kind().as_str()), "{}", ran.stdout);
    sim.change("r1", "flood", 0);
    let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json();
    assert_eq!((&answer["state"], &answer["ping"]["loss"]), (&json!(0), &json!(20.0)), "{answer}");
    let pid = monitor.pids()[0];
    let peak = process::status(pid, "VmHWM");
    assert!(peak < 64 << 10, "{peak} kB");
}

#[test]
fn a_lane_that_gets_no_line_on_the_router_leaves_the_first_one_working() {
    for how in ["text", "channel", "tcp"] {
        let slow = vec![format!("{UP}=300ms")];
        let sim = lossy("linux").with("vty_limit", 1).with("vty_full", how).with("slow", slow).start();
        let monitor = Monitor::new();
        let more = ["--timeout", "500ms"];
        is_measured(&monitor.poll(&at(&sim), "linux", UP, &more).json(), "opened");
        let targets = [UP, "192.0.2.11", "192.0.2.12", "192.0.2.13"];
        let polls: Vec<Started> =
            targets.iter().map(|target| monitor.start_poll(&at(&sim), "linux", target, &more)).collect();
        for poll in polls {
            is_measured(&poll.wait().json(), "reused");
        }
        // One attempt for a further lane, and none for a while.
        assert_eq!(sim.count("busy"), 1, "{how}");
        is_measured(&monitor.poll(&at(&sim), "linux", UP, &more).json(), "reused");
    }
}

#[test]
fn a_router_without_a_free_line_is_busy_and_held_down_briefly() {
    for (how, kinds) in [("text", &["busy"][..]), ("channel", &["busy"]), ("tcp", &["connect", "busy"])] {
        let sim = lossy("cisco_iosxe").with("vty_limit", 0).with("vty_full", how).start();
        let monitor = Monitor::new();
        let first = monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).json();
        assert!(kinds.contains(&first["failure"]["kind"].as_str().unwrap_or_default()), "{how}: {first}");
        let again = monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).json();
        assert_eq!(again["failure"]["kind"], first["failure"]["kind"], "{again}");
        assert!(again["failure"]["retry_in"].as_f64().is_some_and(|s| s > 0.0 && s <= 10.0), "{again}");
        assert_eq!(sim.count("connect"), 1, "{how}");
    }
}

#[test]
fn a_host_key_that_changed_is_refused_before_any_password_is_sent() {
    let mut sim = lossy("cisco_iosxe").start();
    let monitor = Monitor::new();
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    sim.change("r1", "host_key", "random");
    sim.cut("r1");
    sim.wait_for_count("closed", 1);
    let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).json();
    assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(4), &json!("host_key")), "{answer}");
    assert_eq!((sim.count("login"), sim.count("refused")), (1, 0));
}

#[test]
fn a_login_slower_than_the_deadline_is_done_for_the_next_poll() {
    for (option, stages) in
        [("auth_delay", &["login"][..]), ("banner_delay", &["connect", "key_exchange"]), ("login_delay", &["prompt"])]
    {
        let sim = lossy("linux").with(option, "8s").start();
        let monitor = Monitor::new();
        let answer = monitor.poll(&at(&sim), "linux", UP, SHORT).json();
        assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(8), &json!("deadline")), "{answer}");
        assert!(stages.contains(&answer["failure"]["stage"].as_str().unwrap_or_default()), "{option}: {answer}");
        let missing = match answer["failure"]["stage"].as_str() {
            Some("connect") => "no SSH version line yet",
            Some("key_exchange") => "key exchange not finished yet",
            Some("login") => "user not accepted yet",
            _ => "logged in, but no prompt yet",
        };
        assert!(answer["failure"]["message"].as_str().is_some_and(|text| text.contains(missing)), "{answer}");
        wait::until("the login", || (monitor.status()[0]["state"] == "up").then_some(()));
        is_measured(&monitor.poll(&at(&sim), "linux", UP, &["--timeout", "100ms"]).json(), "reused");
        assert_eq!((sim.count("connect"), sim.count("login")), (1, 1), "{option}");
    }
}

#[test]
fn a_login_that_never_ends_is_kind_deadline_then_held_down_as_kind_shell() {
    let sim = lossy("linux").with("silence", "shell").start();
    let monitor = Monitor::with("login.timeout = \"8s\"");
    let answer = monitor.poll(&at(&sim), "linux", UP, SHORT).json();
    assert_eq!(
        (&answer["failure"]["kind"], &answer["failure"]["stage"]),
        (&json!("deadline"), &json!("prompt")),
        "{answer}"
    );
    wait::until("the end of the login", || (monitor.status()[0]["state"] == "down").then_some(()));
    assert_eq!(monitor.status()[0]["last_failure"]["kind"], "shell");
    let answer = monitor.poll(&at(&sim), "linux", UP, SHORT).json();
    assert_eq!(answer["failure"]["kind"], "shell", "{answer}");
    assert!(answer["failure"]["retry_in"].as_f64().is_some(), "{answer}");
    sim.wait_for_count("closed", 1);
    assert_eq!(sim.count("connect"), 1);
}

#[test]
fn an_abort_key_that_does_nothing_costs_the_session_and_never_the_answer_of_another_line() {
    let sim = lossy("cisco_iosxe").with("dead", vec!["192.0.2.66"]).with("ignore_abort", true).start();
    let monitor = Monitor::new();
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    let answer = monitor.poll(&at(&sim), "cisco_iosxe", "192.0.2.66", &["--count", "20", "--deadline", "5s"]).json();
    assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("deadline"), None), "{answer}");
    for _ in 0..3 {
        let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json();
        assert_eq!((&answer["target"], &answer["ping"]["loss"]), (&json!(UP), &json!(20.0)), "{answer}");
    }
}

/// What an aborted ping still has to say must not meet the next command; where it has said it, the session is kept.
#[test]
fn an_abort_that_brings_no_counters_costs_the_session() {
    for (silent, logins) in [(true, 2), (false, 1)] {
        let sim = lossy("cisco_iosxe").with("dead", vec!["192.0.2.66"]).with("silent_abort", silent).start();
        let monitor = Monitor::with("master.lanes = 1");
        is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
        let long = ["--count", "20", "--timeout", "9s", "--deadline", "1s"];
        let answer = monitor.poll(&at(&sim), "cisco_iosxe", "192.0.2.66", &long).json();
        assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("deadline"), None), "{answer}");
        let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json();
        assert_eq!((&answer["target"], &answer["ping"]["loss"]), (&json!(UP), &json!(20.0)), "{answer}");
        assert_eq!(sim.count("login"), logins, "silent: {silent}");
    }
}

#[test]
fn a_client_that_goes_away_is_noticed_in_the_middle_of_a_flood() {
    let sim = lossy("cisco_iosxe").with("flood", 4_000_000_000_u32).start();
    let monitor = Monitor::new();
    let mut poll = monitor.start_poll(&at(&sim), "cisco_iosxe", UP, &["--deadline", "5m"]);
    wait::until("the ping", || sim.commands().iter().any(|line| line.contains("ping")).then_some(()));
    poll.child.kill().expect("a child");
    poll.child.wait().expect("its end");
    // A router that cannot be stopped loses its session.
    sim.wait_for_count("closed", 1);
}

/// A platform of the user's: the built-in one, changed.
fn change_platform(monitor: &Monitor, name: &str, from: &str, to: &str) {
    let text = ddl_monitor::platform::find(name, None).expect("built in").text;
    assert!(text.contains(from), "{text}");
    std::fs::create_dir_all(monitor.path("platforms.d")).expect("a folder");
    std::fs::write(monitor.path(&format!("platforms.d/{name}.toml")), text.replacen(from, to, 1)).expect("a file");
}

#[test]
fn a_preparing_command_that_takes_all_the_time_is_kind_deadline() {
    let sim = lossy("linux").with("dead", vec!["192.0.2.66"]).start();
    let monitor = Monitor::new();
    change_platform(&monitor, "linux", "[probe.ping]", "[probe.ping]\nbefore = [\"ping -n -c 100 192.0.2.66\"]");
    // The first may be too late for a login.
    monitor.poll(&at(&sim), "linux", UP, SHORT);
    let answer = monitor.poll(&at(&sim), "linux", UP, SHORT).json();
    assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("deadline"), None), "{answer}");
    assert!(sim.commands().iter().all(|line| !line.contains(UP)), "{:?}", sim.commands());
}

#[test]
fn a_refused_set_up_command_does_no_harm_and_is_logged() {
    let sim = lossy("cisco_iosxe").start();
    let monitor = Monitor::new();
    change_platform(&monitor, "cisco_iosxe", "set_up = [", "set_up = [\"terminal speed\", ");
    is_measured(&monitor.poll(&at(&sim), "cisco_iosxe", UP, LOSSY).json(), "opened");
    let log = std::fs::read_to_string(monitor.state().join("ddl-monitor.log")).expect("a log");
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("set-up command refused")).collect();
    assert!(
        matches!(refused[..], [line] if line.contains("terminal speed") && line.contains("Invalid input")),
        "{log}"
    );
}
