//! Zabbix' daemons restart while masters live: they start at once, because nothing of theirs was inherited, and the next value
//! comes over the login that was there.

use super::{AGENTS, line};
use crate::support::parent::descriptors;
use crate::support::process;
use crate::support::sim::SimRouter;
use crate::support::wait;
use crate::support::zabbix::{Part, Zabbix, versions};

#[test]
fn each_daemon_restarts_while_its_master_lives() {
    for version in versions() {
        let sim = SimRouter::new("cisco_iosxe").start();
        let router = sim.address("r1").to_string();
        let zabbix = Zabbix::start(version);
        zabbix.configure_agents(AGENTS);
        let lines = Part::ALL.map(|part| (part, line(&zabbix, part, &router, "192.0.2.1")));
        for (_, (host, key)) in &lines {
            host.wait_for(key, "a measurement", |value| value.json()["state"] == 0);
        }
        for (part, (host, key)) in &lines {
            let masters = zabbix.masters(*part);
            assert_eq!(masters.len(), 1, "{version} {part:?}");
            let daemon = zabbix.pid(part.name());
            let theirs: Vec<String> = family(daemon).into_iter().flat_map(open).collect();
            assert!(theirs.iter().any(|link| link.starts_with("socket:")), "{theirs:?}");
            let inherited: Vec<String> = open(masters[0]).into_iter().filter(|link| theirs.contains(link)).collect();
            assert!(inherited.is_empty(), "{version} {part:?}: the master holds {inherited:?}");

            let last = host.values(key).pop().expect("values");
            zabbix.restart(&[part.name()]);
            assert!(!process::is_alive(daemon), "{version} {part:?} did not end");
            let next = host.next(key, &last);
            assert_eq!(zabbix.masters(*part), masters, "{version} {part:?}");
            assert_eq!(next.json()["session"], "reused", "{version} {part:?}: {}", next.text);
            let log = zabbix.log(*part);
            assert!(!log.contains("already running") && !log.contains("Address already in use"), "{log}");
        }
        assert_eq!(sim.count("login"), 4, "{version}: one login for each daemon's master, however often it restarts");
        for part in Part::ALL {
            until_ended_are_gone(zabbix.pid(part.name()));
        }
    }
}

/// Sockets and pipes that a process has open.
fn open(pid: u32) -> Vec<String> {
    descriptors(pid)
        .into_iter()
        .map(|(_, link)| link)
        .filter(|link| link.starts_with("socket:") || link.starts_with("pipe:"))
        .collect()
}

/// A process and all below it.
fn family(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        found.extend(pids.filter(|pid| process::stat(*pid).is_some_and(|stat| stat[1] == parent.to_string())));
        at += 1;
    }
    found
}

/// Waits until every process below this one that has ended by now is waited for; panics when one stays a zombie.
fn until_ended_are_gone(daemon: u32) {
    let ended: Vec<u32> = family(daemon).into_iter().filter(|pid| !process::is_alive(*pid)).collect();
    wait::until(&format!("zombies {ended:?} below {daemon} to be waited for"), || {
        ended.iter().all(|pid| process::stat(*pid).is_none()).then_some(())
    });
}
