//! `sweep` as it is used: real masters, simulated routers, a trapper that plays Zabbix. Real servers: `zabbix/sweeps.rs`.

mod ends;
mod kills;
mod service;

use crate::support::inventory::Inventory;
use crate::support::monitor::{BINARY, Monitor};
use crate::support::parent::{Kind, Parent};
use crate::support::sim::{Sim, SimRouter};
use crate::support::trapper::{Fault, Taken, Trapper};
use crate::support::wait::{self, LIMIT};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;

const DEAD: &str = "10.9.9.9";

/// A router with a dead far end.
fn sim() -> Sim {
    SimRouter::new("linux").with("dead", vec![DEAD]).start()
}

/// A monitor that reports to this trapper.
fn monitor(trapper: &Trapper, more: &str) -> Monitor {
    Monitor::with(&format!("zabbix.sender = \"{}\"\n{more}", trapper.address()))
}

/// Three lines of a router: two that answer, one that does not.
fn three(sim: &Sim, interval: &str) -> Inventory {
    let every = format!("interval = \"{interval}\"\ncount = 1\ntimeout = \"300ms\"");
    Inventory::new()
        .router("edge-1", &sim.address("r1").to_string(), "linux", "")
        .line("L-1", "edge-1", "10.1.1.1", &every)
        .line("L-2", "edge-1", "10.1.1.2", &every)
        .line("L-3", "edge-1", DEAD, &every)
}

/// Values of one host by key, the last ones.
fn of_host(taken: &[Taken], host: &str) -> BTreeMap<String, String> {
    taken.iter().filter(|value| value.host == host).map(|value| (value.key.clone(), value.value.clone())).collect()
}

fn pick(summary: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| summary[*name].clone()).collect()
}

#[test]
fn a_pass_measures_what_is_due_and_reports_it() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "1d").import(&monitor);
    let summary = monitor.run(&["sweep"]).json();
    assert_eq!(
        pick(&summary, &["state", "lines", "due", "measured", "missed", "spooled"]),
        json!([0, 3, 3, 3, 0, 0]),
        "{summary}"
    );
    let taken = trapper.taken();
    assert_eq!(summary["sent"], taken.len(), "{summary}");
    let up = of_host(&taken, "10.1.1.1");
    let (one, text) = ("1".to_owned(), "the far end answers".to_owned());
    assert_eq!((&up["line.up"], &up["line.state"], &up["line.message"]), (&one, &"0".to_owned(), &text), "{up:?}");
    let down = of_host(&taken, DEAD);
    assert_eq!((down["line.up"].as_str(), down["line.loss"].as_str()), ("0", "100"), "{down:?}");
    assert!(!down.contains_key("line.rtt.avg") && up.contains_key("line.rtt.avg"));
    // Nothing is due again, and nothing is said again.
    let again = monitor.run(&["sweep"]).json();
    assert_eq!(pick(&again, &["lines", "due", "sent"]), json!([3, 0, 0]), "{again}");
    assert_eq!(trapper.taken().len(), taken.len());
    let status = monitor.run(&["status"]).json();
    let books = &status["sweep"]["servers"][0];
    assert_eq!(pick(books, &["server", "sent", "spooled"]), json!([trapper.address().to_string(), taken.len(), 0]));
}

#[test]
fn a_router_that_cannot_be_asked_is_a_state_of_its_lines_and_never_a_line_that_is_down() {
    let (sim, trapper) = (sim(), Trapper::start());
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let monitor = monitor(&trapper, "");
    let lines = three(&sim, "1h").router("edge-2", &closed.to_string(), "linux", "");
    lines.line("L-4", "edge-2", "10.2.2.2", "").import(&monitor);
    let summary = monitor.run(&["sweep"]).json();
    assert_eq!(pick(&summary, &["due", "measured", "failed"]), json!([4, 3, {"connect": 1}]), "{summary}");
    let failed = of_host(&trapper.taken(), "10.2.2.2");
    assert_eq!(failed.keys().collect::<Vec<_>>().len(), failed.len());
    assert_eq!(failed["line.state"], "2", "{failed:?}");
    let named = format!("{} port {}", closed.ip(), closed.port());
    assert!(failed["line.message"].contains(&named) && !failed.contains_key("line.up"), "{failed:?}");
}

#[test]
fn values_that_nobody_takes_are_kept_and_sent_first_when_the_server_is_back() {
    let (sim, trapper) = (sim(), Trapper::start());
    let address = trapper.address();
    let monitor = monitor(&trapper, "");
    three(&sim, "1d").import(&monitor);
    drop(trapper);
    let first = monitor.run(&["sweep"]).json();
    assert_eq!(pick(&first, &["measured", "sent"]), json!([3, 0]), "{first}");
    let spooled = first["spooled"].as_u64().expect("a number");
    assert!(
        spooled > 20 && first["servers"][0]["failure"].as_str().is_some_and(|why| why.contains("refused")),
        "{first}"
    );
    let trapper = Trapper::at(address);
    trapper.fail([Fault::Unanswered]);
    // A line that is new is due at once, so that there is something newer.
    three(&sim, "1d").line("L-4", "edge-1", "10.1.1.4", "count = 1").import(&monitor);
    let second = wait::until("an empty spool", || {
        let summary = monitor.run(&["sweep"]).json();
        (summary["spooled"] == 0).then_some(summary)
    });
    let taken = trapper.taken();
    let answered: Vec<&Taken> = taken.iter().filter(|value| value.answered).collect();
    let books = &monitor.run(&["status"]).json()["sweep"]["servers"][0];
    assert_eq!(books["sent"], answered.len(), "{books} {second}");
    assert!(answered.len() as u64 > spooled, "{second}");
    let newer = answered.iter().position(|value| value.host == "10.1.1.4").expect("the new line");
    assert!(newer as u64 >= spooled, "what was kept is sent first: {newer} {spooled}");
    // What came twice came with the same time.
    let unanswered: Vec<&Taken> = taken.iter().filter(|value| !value.answered).collect();
    assert!(!unanswered.is_empty());
    for value in unanswered {
        assert!(taken.contains(&Taken { answered: true, ..value.clone() }), "{value:?}");
    }
}

#[test]
fn a_line_that_is_removed_is_not_measured_its_values_are_still_sent_and_it_comes_back_as_a_new_one() {
    let (sim, trapper) = (sim(), Trapper::start());
    let address = trapper.address();
    let monitor = monitor(&trapper, "");
    three(&sim, "1s").import(&monitor);
    drop(trapper);
    let first = monitor.run(&["sweep"]).json();
    assert_eq!(pick(&first, &["measured", "sent"]), json!([3, 0]), "{first}");
    let router = || Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    let line = |id: &str, target: &str, interval: &str| {
        router().line(id, "edge-1", target, &format!("interval = {interval:?}\ncount = 1"))
    };
    line("L-2", "10.1.1.2", "1s").import(&monitor);
    let trapper = Trapper::at(address);
    let states = |host: &str| trapper.taken().iter().filter(|v| v.host == host && v.key == "line.state").count();
    wait::until("three checks of the one that stays", || {
        let summary = monitor.run(&["sweep"]).json();
        assert!(summary["due"].as_u64() <= Some(1), "{summary}");
        (states("10.1.1.2") > 3).then_some(())
    });
    assert_eq!((states("10.1.1.1"), states(DEAD)), (1, 1), "what was measured of them before");
    line("L-1", "10.1.1.1", "1h").import(&monitor);
    let summary = monitor.run(&["sweep"]).json();
    assert_eq!(pick(&summary, &["due", "measured", "missed", "late"]), json!([1, 1, 0, 0]), "{summary}");
    assert_eq!(states("10.1.1.1"), 2);
}

#[test]
fn refused_items_are_found_named_once_and_shown_by_status() {
    let (sim, trapper) = (sim(), Trapper::start());
    for key in ["line.rtt.min", "line.age"] {
        trapper.refuse("10.1.1.2", key);
    }
    let monitor = monitor(&trapper, "");
    three(&sim, "1s").import(&monitor);
    let found = wait::until("both items", || {
        monitor.run(&["sweep"]);
        let books = monitor.run(&["status"]).json()["sweep"]["servers"][0].clone();
        (books["refused_items"].as_array()?.len() == 2).then_some(books)
    });
    let items: Vec<&str> =
        found["refused_items"].as_array().expect("items").iter().filter_map(|i| i["key"].as_str()).collect();
    assert_eq!(items, ["line.age", "line.rtt.min"], "{found}");
    monitor.run(&["sweep"]);
    let log = std::fs::read_to_string(monitor.state().join("ddl-monitor.log")).expect("a log");
    let named: Vec<&str> = log.lines().filter(|line| line.contains("does not take values")).collect();
    assert!((1..=2).contains(&named.len()), "{named:?}");
    for item in items {
        assert_eq!(named.iter().filter(|line| line.contains(item)).count(), 1, "{named:?}");
    }
    // No answered value came twice.
    let mut taken = trapper.taken();
    let all = taken.len();
    taken.sort_by(|a, b| (&a.host, &a.key, a.time).cmp(&(&b.host, &b.key, b.time)));
    taken.dedup();
    assert_eq!(taken.len(), all);
}

#[test]
fn text_that_was_refused_is_said_again_until_it_is_taken_and_then_no_more() {
    let (sim, trapper) = (sim(), Trapper::start());
    let item = ("10.1.1.2", "line.message");
    trapper.refuse(item.0, item.1);
    let monitor = monitor(&trapper, "");
    three(&sim, "1s").import(&monitor);
    let count = |key: &str| {
        trapper.taken().iter().filter(|value| (value.host.as_str(), value.key.as_str()) == (item.0, key)).count()
    };
    let sweep_until = |what: &str, enough: &dyn Fn() -> bool| {
        wait::until(what, || {
            monitor.run(&["sweep"]);
            enough().then_some(())
        });
    };
    sweep_until("it is tried again and again", &|| count(item.1) >= 3);
    trapper.accept(item.0, item.1);
    // Until it is sure that it is taken, and not longer.
    wait::until("checks without it", || {
        let (texts, checks) = (count(item.1), count("line.state"));
        (0..2).for_each(|_| drop(monitor.run(&["sweep"])));
        (count(item.1) == texts && count("line.state") > checks).then_some(())
    });
    assert_eq!(monitor.run(&["status"]).json()["sweep"]["servers"][0]["refused_items"], json!([]));
}

#[test]
fn every_server_gets_all_values_and_one_that_is_dead_delays_no_other() {
    let (sim, one, other) = (sim(), Trapper::start(), Trapper::start());
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let settings = format!("zabbix.sender = \"{},{closed};{},{closed}\"", one.address(), other.address());
    let monitor = Monitor::with(&settings);
    three(&sim, "1h").import(&monitor);
    let summary = monitor.run(&["sweep"]).json();
    let sent = one.taken().len();
    assert!(sent > 20);
    assert_eq!(other.taken().len(), sent, "{summary}");
    let servers: Vec<Value> =
        summary["servers"].as_array().expect("servers").iter().map(|s| pick(s, &["sent", "spooled"])).collect();
    assert_eq!(servers, [json!([sent, 0]), json!([sent, 0]), json!([0, sent])], "{summary}");
}

#[test]
fn many_sweeps_at_once_measure_each_line_once() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    inventory.lines(40, "edge-1", "count = 1\ninterval = \"1d\"").import(&monitor);
    let sweeps: Vec<_> = (0..6).map(|_| monitor.start(&["sweep"])).collect();
    let summaries: Vec<Value> = sweeps.into_iter().map(|sweep| sweep.wait().json()).collect();
    let sum = |name: &str| summaries.iter().filter_map(|summary| summary[name].as_u64()).sum::<u64>();
    // Once a day the time of one of them may come in between; six sweeps on their own would have made 240 checks.
    let due = sum("due");
    assert!((40..45).contains(&due), "{summaries:?}");
    let states = trapper.taken().iter().filter(|value| value.key == "line.state").count() as u64;
    let pings = sim.commands().iter().filter(|line| line.contains("ping")).count() as u64;
    assert_eq!((sum("measured"), states, pings), (due, due, due), "{summaries:?}");
    assert_eq!(sum("sent"), trapper.taken().len() as u64);
}

#[test]
fn a_pass_in_the_background_is_started_at_once_and_the_next_shows_what_it_did() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "");
    three(&sim, "1h").import(&monitor);
    let first = monitor.run(&["sweep", "--detach"]).json();
    assert_eq!(pick(&first, &["state", "lines", "time"]), json!([0, 0, 0.0]), "none has ended yet");
    wait::until("its values", || (trapper.taken().len() > 20).then_some(()));
    let second = wait::until("its summary", || {
        let summary = monitor.run(&["sweep", "--detach"]).json();
        (summary["lines"] == 3).then_some(summary)
    });
    assert!(second["sent"].as_u64().is_some(), "{second}");
    // What stops a pass in the background is told by the next one.
    let books = std::fs::read_dir(monitor.state().join("spool")).expect("a spool").flatten();
    let books = books.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "books"));
    let books = books.expect("books");
    std::fs::remove_file(&books).expect("removed");
    std::fs::create_dir(&books).expect("something else");
    wait::until("why there was none", || {
        let told = monitor.run(&["sweep", "--detach"]).json();
        (told["failure"]["message"].as_str()?.contains(books.to_str()?) && told["state"] == 1).then_some(())
    });
    assert_eq!(monitor.run(&["status"]).json()["sweep"]["failure"]["kind"], "settings");
    std::fs::remove_dir(&books).expect("removed");
    wait::until("a summary again", || (monitor.run(&["sweep", "--detach"]).json()["state"] == 0).then_some(()));
}

#[test]
fn the_earlier_tool_s_items_and_other_host_names_are_settings() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "zabbix.compat = \"dedicatedLine\"\nzabbix.sender_host = \"id\"");
    three(&sim, "1h").import(&monitor);
    monitor.run(&["sweep"]);
    let found = of_host(&trapper.taken(), "L-3");
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [("dedicatedLineErrorDetail".to_owned(), String::new()), ("dedicatedLinePing".to_owned(), "100".to_owned())]
    );
    assert_eq!(of_host(&trapper.taken(), "L-1")["dedicatedLinePing"], "0");
}

#[test]
fn what_a_sweep_cannot_do_without_is_said() {
    let monitor = Monitor::new();
    let said = |arguments: &[&str]| monitor.run(arguments).json()["failure"]["message"].to_string();
    assert!(said(&["sweep"]).contains("zabbix.sender is not set"), "{}", said(&["sweep"]));
    let monitor = Monitor::with("zabbix.sender = \"a b\"");
    let ran = monitor.run(&["sweep"]);
    assert_eq!((ran.kind().as_str(), ran.code), ("settings", Some(0)));
    let trapper = Trapper::start();
    let monitor = self::monitor(&trapper, "");
    assert!(monitor.run(&["sweep", "--detach"]).stdout.contains("no inventory"));
    let text = monitor.run(&["sweep", "--format", "text"]);
    assert!(text.code == Some(1) && text.stderr.contains("no inventory"), "{}", text.stderr);
    let looped = monitor.run(&["sweep", "--loop"]);
    assert!(looped.code == Some(1) && looped.stderr.contains("no inventory"), "{}", looped.stderr);
    // Nobody's home, and no state.dir: what is kept there would not last.
    let mut homeless = monitor.command(&["sweep"]);
    homeless
        .env("DDL_MONITOR_CONFIG", "/dev/null")
        .env("DDL_MONITOR_ZABBIX_SENDER", "127.0.0.1")
        .env("HOME", "/proc/nowhere");
    homeless.env("TMPDIR", monitor.path(""));
    let output = homeless.output().expect("ddl-monitor runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("nothing lasts"), "{said}");
}

#[test]
fn an_item_of_zabbix_gets_its_answer_at_once_and_the_pass_behind_it_holds_nothing_of_zabbix() {
    let sim = SimRouter::new("linux").with("slow", vec!["10.3.3.3=20s"]).start();
    let trapper = Trapper::start();
    let monitor = monitor(&trapper, "");
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    inventory.line("slow", "edge-1", "10.3.3.3", "count = 1\ntimeout = \"40s\"").import(&monitor);
    let config = monitor.path("ddl-monitor.toml");
    let environment = [("DDL_MONITOR_CONFIG", config.to_str().expect("UTF-8"))];
    let has_value = || trapper.taken().iter().any(|value| value.key == "line.up");
    for kind in [Kind::Agent, Kind::Agent2] {
        let parent = Parent::new(kind, LIMIT);
        let outcome = parent.run(BINARY, &["sweep", "--detach"], &environment);
        assert!(!outcome.timed_out && !outcome.hung, "{}", outcome.output);
        assert!(!has_value(), "it waited for the pass");
        let summary: Value = serde_json::from_str(&outcome.output).expect("a summary");
        assert_eq!(summary["state"], 0, "{summary}");
        // Neither the pass nor the master that it starts.
        sim.wait_for("a ping", |events| events.iter().any(|event| event["line"].to_string().contains("ping")));
        assert_eq!(outcome.holders(), [0_u32; 0]);
    }
    wait::until("its value", || has_value().then_some(()));
}
