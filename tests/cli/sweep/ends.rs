//! The end of a sweep: its deadline, a signal, a terminal that is closed. Servers that say nothing hold up none of them.

use super::{monitor, pick, sim, three};
use crate::support::monitor::{BINARY, Started};
use crate::support::process;
use crate::support::trapper::{Fault, Trapper};
use crate::support::wait::{self, LIMIT};
use ddl_monitor::deadline::Deadline;
use ddl_monitor::state::Lock;
use rustix::process::Signal;
use serde_json::json;
use std::process::{Command, Stdio};

/// Longer than a test waits for anything: a sweep that waits for the server does not end in time.
const TIMEOUT: &str = "zabbix.sender_timeout = \"10m\"";

#[test]
fn a_server_that_says_nothing_holds_up_no_end_and_has_all_values_once_it_answers() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, TIMEOUT);
    three(&sim, "1s").import(&monitor);
    trapper.fail([Fault::Hangup, Fault::Hangup]);
    let first = monitor.run(&["sweep"]).json();
    assert_eq!(pick(&first, &["measured", "sent"]), json!([3, 0]), "{first}");
    let spooled = first["spooled"].as_u64().expect("a number");
    trapper.recover();
    trapper.fail(vec![Fault::Silence; 1000]);
    // What it left is tried before anything is measured.
    let second = monitor.run(&["sweep", "--deadline", "5s"]).json();
    assert!(second["spooled"].as_u64() >= Some(spooled) && second["servers"][0]["failure"].is_string(), "{second}");
    let before = trapper.taken().len();
    let service = monitor.start(&["sweep", "--loop"]);
    wait::until("a connection", || (trapper.taken().len() > before).then_some(()));
    process::signal(service.child.id(), Signal::TERM);
    let ran = service.wait();
    assert_eq!((ran.code, &ran.json()["sent"]), (Some(0), &0.into()), "{}", ran.stdout);
    trapper.recover();
    let end = wait::until("an empty spool", || {
        let summary = monitor.run(&["sweep"]).json();
        (summary["spooled"] == 0).then_some(summary)
    });
    assert!(end["sent"].as_u64() >= Some(spooled), "{end}");
    let books = &monitor.run(&["status"]).json()["sweep"]["servers"][0];
    let answered = trapper.taken().iter().filter(|value| value.answered).count();
    assert_eq!(pick(books, &["sent", "dropped", "spooled"]), json!([answered, 0, 0]));
}

#[test]
fn the_end_of_a_terminal_ends_a_sweep_cleanly_unless_it_is_to_outlive_it() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "1s").import(&monitor);
    let more = |what: &str| {
        let before = trapper.taken().len();
        wait::until(what, || (trapper.taken().len() > before).then_some(()));
    };
    let service = monitor.start(&["sweep", "--loop"]);
    more("its first values");
    process::signal(service.child.id(), Signal::HUP);
    let ran = service.wait();
    assert_eq!((ran.code, &ran.json()["spooled"]), (Some(0), &0.into()), "{}", ran.stdout);
    // As nohup(1) does it.
    let like = monitor.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" sweep --loop", BINARY]).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let service = Started::of(command);
    more("its first values");
    process::signal(service.child.id(), Signal::HUP);
    (0..2).for_each(|_| more("values after the signal"));
    process::signal(service.child.id(), Signal::TERM);
    assert_eq!(service.wait().code, Some(0));
}

#[test]
fn a_pass_that_ends_while_values_are_sent_sends_them_all_and_complains_of_nothing() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "zabbix.sender_batch = 1");
    three(&sim, "1d").import(&monitor);
    let summary = monitor.run(&["sweep"]).json();
    assert_eq!(pick(&summary, &["sent", "spooled"]), json!([trapper.taken().len(), 0]), "{summary}");
    let log = std::fs::read_to_string(monitor.state().join("ddl-monitor.log")).expect("a log");
    assert!(!log.contains("stay in the spool"), "{log}");
}

#[test]
fn values_are_sent_and_counted_though_somebody_holds_the_spool_to_the_end() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "1d").import(&monitor);
    let nobody = monitor.run(&["sweep"]).json();
    // Another line, whose values find the spool locked.
    three(&sim, "1d").line("L-4", "edge-1", "10.1.1.4", "count = 1").import(&monitor);
    let lock = Lock::acquire(&monitor.state().join("spool/lock"), Deadline::after(LIMIT)).expect("the lock");
    let summary = monitor.run(&["sweep", "--deadline", "8s"]).json();
    drop(lock);
    let count = |summary: &serde_json::Value, name: &str| summary[name].as_u64().expect("a number");
    assert_eq!(count(&summary, "spooled"), 0, "{summary}");
    let of_it = trapper.taken().iter().filter(|value| value.host == "10.1.1.4").count() as u64;
    let (sent, dropped) = (count(&summary, "sent"), count(&summary, "dropped"));
    assert!(sent == of_it && (count(&summary, "measured") == 0 || sent + dropped > 8), "{summary}");
    let books = &monitor.run(&["status"]).json()["sweep"]["servers"][0];
    assert_eq!(count(books, "sent"), count(&nobody, "sent") + sent, "{books}");
}
