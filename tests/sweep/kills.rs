//! kill -9 at any moment, and a disk that is full: the books balance, and what was measured arrives.

use super::{monitor, sim};
use crate::support::inventory::Inventory;
use crate::support::process;
use crate::support::trapper::{Fault, Taken, Trapper};
use crate::support::wait;
use serde_json::Value;
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

#[test]
fn a_full_disk_costs_the_oldest_values_and_a_server_that_answers_costs_none() {
    let (sim, trapper) = (sim(), Trapper::start());
    let address = trapper.address();
    let monitor = monitor(&trapper, "");
    let disk = SmallDisk::mount(&monitor.state(), 400);
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    inventory.lines(30, "edge-1", "count = 1\ninterval = \"1s\"").import(&monitor);
    let first = monitor.run(&["sweep"]).json();
    assert_eq!(
        (&first["measured"], &first["spooled"], &first["dropped"]),
        (&30.into(), &0.into(), &0.into()),
        "{first}"
    );
    disk.fill(&monitor.state());
    let mut sent = first["sent"].as_u64().expect("a number");
    let full = wait::until("a pass that measured", || {
        let summary = monitor.run(&["sweep"]).json();
        sent += summary["sent"].as_u64()?;
        (summary["measured"] != 0).then_some(summary)
    });
    assert_eq!((&full["dropped"], &full["spooled"]), (&0.into(), &0.into()), "{full}");
    let books = |monitor: &crate::support::monitor::Monitor| -> Value {
        monitor.run(&["status"]).json()["sweep"]["servers"][0].clone()
    };
    assert_eq!(books(&monitor)["sent"], sent, "also what no disk took: {full}");
    drop(trapper);
    for _ in 0..4 {
        let summary = monitor.run(&["sweep"]).json();
        let (measured, due) = (&summary["measured"], &summary["due"]);
        assert_eq!(measured, due, "measured all the same: {summary}");
    }
    let during = books(&monitor);
    let trapper = Trapper::at(address);
    // A pass may find nothing due yet, and has nothing to send then when the disk kept nothing.
    let back = wait::until("a pass that the server took values of", || {
        let summary = monitor.run(&["sweep"]).json();
        (!trapper.taken().is_empty()).then_some(summary)
    });
    assert_eq!(back["spooled"], 0, "{back} {during}");
}

/// A file system of some KiB, in which the state directory is.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path, kib: u32) -> Self {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().mode(0o700).create(at).expect("a folder");
        let options = std::ffi::CString::new(format!("size={kib}k,mode=0700")).expect("options");
        rustix::mount::mount("tmpfs", at, "tmpfs", rustix::mount::MountFlags::empty(), Some(options.as_c_str()))
            .expect("mounting needs root");
        Self(at.to_owned())
    }

    /// To the last byte.
    fn fill(&self, folder: &std::path::Path) {
        use std::io::Write;
        let mut file = std::fs::File::create(folder.join("filler")).expect("a file");
        for size in [4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}
