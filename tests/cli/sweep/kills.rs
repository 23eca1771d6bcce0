//! kill -9 at any moment: the books balance, and what was measured arrives.

use super::{monitor, sim};
use crate::support::inventory::Inventory;
use crate::support::process;
use crate::support::trapper::{Fault, Taken, Trapper};
use crate::support::wait;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A value, whatever became of the connection that it came by.
fn same(value: &Taken) -> Taken {
    Taken { answered: false, ..value.clone() }
}

#[test]
fn sweeps_and_masters_that_are_killed_at_any_moment_lose_nothing_that_was_measured() {
    let (sim, trapper) = (sim(), Trapper::start());
    let monitor = monitor(&trapper, "zabbix.sender_batch = 20");
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    inventory.lines(30, "edge-1", "count = 1\ninterval = \"1s\"").import(&monitor);
    let faults = [vec![Fault::Hangup], vec![Fault::Unanswered], vec![], vec![]];
    for round in 0..process::rounds(20, 200) {
        trapper.fail(faults[round % faults.len()].clone());
        let mut sweep = monitor.start(&["sweep"]);
        // Another moment in each round, from the first millisecond to after its end.
        wait::moment(Duration::from_millis((round as u64 * 137) % 900));
        if round % 3 == 2 {
            monitor.pids().into_iter().for_each(process::kill);
        }
        sweep.child.kill().expect("a child");
        sweep.child.wait().expect("its end");
    }
    let end = wait::until("an empty spool", || {
        let summary = monitor.run(&["sweep"]).json();
        (summary["spooled"] == 0 && summary["measured"] != 0).then_some(summary)
    });
    let taken = trapper.taken();
    let mut distinct: HashMap<Taken, usize> = HashMap::new();
    for value in &taken {
        *distinct.entry(same(value)).or_default() += 1;
    }
    // measured = sent + dropped, and nothing is left.
    let books = &monitor.run(&["status"]).json()["sweep"]["servers"][0];
    let count = |name: &str| books[name].as_u64().expect("a number");
    assert_eq!((count("spooled"), count("dropped"), count("refused")), (0, 0, 0), "{books} {end}");
    assert_eq!(count("sent"), distinct.len() as u64, "{books}: each value was settled once, however often it came");
    // In order by item, if each counts when it came first.
    let mut last: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    let mut first = std::collections::HashSet::new();
    for value in taken.iter().filter(|value| first.insert(same(value))) {
        let time = last.entry((&value.host, &value.key)).or_default();
        assert!(*time < value.time, "{value:?}");
        *time = value.time;
    }
    // Each value that is in the books is one that the routers were asked for: states, and pings that gave them.
    let measured = distinct.keys().filter(|value| value.key == "line.up").count();
    let pings = sim.commands().iter().filter(|line| line.contains("ping")).count();
    assert!(measured <= pings, "{measured} of {pings}");
}
