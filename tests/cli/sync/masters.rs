//! What masters do when their routers are gone or log in otherwise: finish what runs, then leave. The others stay.

use super::{monitor, synced};
use crate::support::inventory::Inventory;
use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use crate::support::zabbix_api::{Host, World, ZabbixApi, text_macro};

/// Process ids of masters by router.
fn masters(monitor: &Monitor) -> Vec<(String, u64)> {
    let status = monitor.status();
    let text = |one: &serde_json::Value| {
        (one["router"].as_str().expect("text").to_owned(), one["pid"].as_u64().expect("a pid"))
    };
    status.as_array().expect("masters").iter().map(text).collect()
}

fn line(id: u64, router: &str) -> Host {
    Host::line(id, "192.0.2.1", router).with(text_macro("{$LINE_ROUTER_NAME}", &format!("r{id}")))
}

#[test]
fn masters_of_routers_that_are_gone_or_log_in_otherwise_leave_and_the_others_stay() {
    let sim = Sim::start((1..=4).map(|n| SimRouter::new("cisco_iosxe").name(&format!("r{n}"))));
    let address = |n: usize| sim.address(&format!("r{n}")).to_string();
    let hosts: Vec<Host> = (1..=4).map(|n| line(n as u64, &address(n))).collect();
    let api = ZabbixApi::start("6.0", World { hosts, ..World::default() });
    let monitor = monitor(&api, "");
    synced(&monitor);
    for n in 1..=4 {
        let ran = monitor.run(&["poll", "--line", &format!("L-{n}")]);
        assert_eq!(ran.json()["state"], 0, "{}", ran.stdout);
    }
    let before = masters(&monitor);
    assert_eq!(before.len(), 4);
    api.change(|world| {
        // 1 goes, 2 gets another login, 3 only another name, 4 only another line.
        world.hosts[1] = world.hosts[1].clone().with(text_macro("{$LINE_ROUTER_PASSWORD}", "secret:other"));
        world.hosts[2] = world.hosts[2].clone().with(text_macro("{$LINE_ROUTER_NAME}", "renamed"));
        world.hosts[3] = world.hosts[3].clone().with(text_macro("{$LINE_ID}", "L-5"));
        world.hosts.remove(0);
    });
    synced(&monitor);
    let stay: Vec<(String, u64)> =
        before.iter().filter(|(router, _)| *router == address(3) || *router == address(4)).cloned().collect();
    wait::until("two masters to leave", || (masters(&monitor) == stay).then_some(()));
    // Their names go first, so that nobody meets them any more.
    wait::until("both to log out", || (sim.count("logout") == 2).then_some(()));
    let again = monitor.run(&["poll", "--line", "L-5"]).json();
    assert_eq!((&again["state"], &again["session"]), (&0.into(), &"reused".into()), "{again}");
}

#[test]
fn masters_follow_files_as_they_follow_zabbix() {
    let sim = Sim::start((1..=3).map(|n| SimRouter::new("cisco_iosxe").name(&format!("r{n}"))));
    let address = |n: usize| sim.address(&format!("r{n}")).to_string();
    let of = |n: usize, inventory: Inventory, more: &str| {
        let (router, line) = (format!("r{n}"), format!("L-{n}"));
        inventory.router(&router, &address(n), "cisco_iosxe", more).line(&line, &router, "192.0.2.1", "")
    };
    let monitor = Monitor::new();
    monitor.write_credentials(
        "[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[other]\nuser = \"ddl2\"\npassword = \"ddl2\"\n",
    );
    (1..=3).fold(Inventory::new(), |inventory, n| of(n, inventory, "")).import(&monitor);
    for n in 1..=3 {
        assert_eq!(monitor.run(&["poll", "--line", &format!("L-{n}")]).json()["state"], 0);
    }
    let before = masters(&monitor);
    let changed = of(3, of(2, Inventory::new(), "password = \"secret:other\""), "");
    let file = monitor.path("changed.toml");
    std::fs::write(&file, changed.text()).expect("a file");
    let file = file.to_str().expect("a path");
    assert_eq!(monitor.run(&["inventory", "import", "--dry-run", file]).code, Some(0));
    assert_eq!(masters(&monitor), before, "nothing happens where it is only asked");
    assert_eq!(monitor.run(&["inventory", "import", file]).code, Some(0));
    let stay: Vec<(String, u64)> = before.into_iter().filter(|(router, _)| *router == address(3)).collect();
    wait::until("two masters to leave", || (masters(&monitor) == stay).then_some(()));
    wait::until("both to log out", || (sim.count("logout") == 2).then_some(()));
}

#[test]
fn what_runs_is_finished_first() {
    let sim = SimRouter::new("cisco_iosxe").with("dead", vec!["192.0.2.9"]).start();
    let router = sim.address("r1").to_string();
    let mut dead = line(1, &router).with(text_macro("{$LINE_PING_COUNT}", "2"));
    dead.host = "192.0.2.9".into();
    let api = ZabbixApi::start("6.0", World { hosts: vec![dead], ..World::default() });
    let monitor = monitor(&api, "");
    synced(&monitor);
    assert_eq!(monitor.poll(&router, "cisco_iosxe", "192.0.2.1", &[]).json()["state"], 0);
    let pid = monitor.pids();
    let running = monitor.start(&["poll", "--line", "L-1", "--deadline", "20s"]);
    wait::until("the ping to run", || (monitor.status()[0]["lanes"][0]["state"] == "busy").then_some(()));
    api.change(|world| {
        world.hosts[0] = world.hosts[0].clone().with(text_macro("{$LINE_ROUTER_PASSWORD}", "secret:other"));
    });
    synced(&monitor);
    let ran = running.wait();
    let document = ran.json();
    assert_eq!((&document["state"], &document["ping"]["complete"]), (&0.into(), &true.into()), "{document}");
    wait::until("the master to leave", || (!crate::support::process::is_alive(pid[0])).then_some(()));
}
