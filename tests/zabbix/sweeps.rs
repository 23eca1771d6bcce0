//! Sweeps into a real Zabbix: what its history has, and what the books say of it, when everything works and when servers go away.

use crate::support::inventory::Inventory;
use crate::support::process;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use crate::support::zabbix::{Host, Part, Zabbix, versions};
use ddl_monitor::deadline::Deadline;
use ddl_monitor::sweep::spool::Spool;
use ddl_monitor::zabbix::sender::Value;
use rustix::process::Signal;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const TEMPLATE: &str = "Leased Line by SSH trapper";

/// The part's ddl-monitor reports to these.
fn report_to(zabbix: &Zabbix, servers: &[SocketAddr]) {
    let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    let path = zabbix.folder(Part::Server).join("ddl-monitor.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(&path, format!("{text}\n[zabbix]\nsender = \"{}\"\n", servers.join(","))).expect("settings");
}

/// Lines `L-n` to 10.0.0.n of a router, as in [`Inventory::lines`].
fn import(zabbix: &Zabbix, sim: &Sim, count: u32, interval: &str) {
    let inventory = Inventory::new().router("edge-1", &sim.address("r1").to_string(), "linux", "");
    let more = format!("interval = {interval:?}\ncount = 1\ninterface = \"wan1\"");
    let inventory = inventory.lines(count, "edge-1", &more);
    let file = zabbix.folder(Part::Server).join("inventory.toml");
    std::fs::write(&file, inventory.text()).expect("an inventory");
    zabbix.monitor(Part::Server, &["inventory", "import", file.to_str().expect("a path")]);
}

fn hosts<'a>(zabbix: &'a Zabbix, by: Part, lines: std::ops::RangeInclusive<u32>) -> Vec<Host<'a>> {
    let name = |n| std::net::Ipv4Addr::from(0x0A_00_00_00 + n).to_string();
    lines.map(|n| zabbix.host(&name(n)).by(by).template(TEMPLATE).create()).collect()
}

fn sweep(zabbix: &Zabbix) -> Json {
    serde_json::from_str(&zabbix.monitor(Part::Server, &["sweep", "--format", "json"])).expect("JSON")
}

fn books(zabbix: &Zabbix) -> Json {
    let status = zabbix.monitor(Part::Server, &["status", "--format", "json"]);
    serde_json::from_str::<Json>(&status).expect("JSON")["sweep"]["servers"].clone()
}

fn count(json: &Json) -> u64 {
    json.as_u64().expect("a number")
}

/// Sweeps until the server takes values of all these hosts: its configuration takes a moment to arrive.
fn until_taken(zabbix: &Zabbix, hosts: &[Host<'_>]) {
    wait::patiently("values of all hosts, and none refused any more", || {
        let summary = sweep(zabbix);
        let missing = hosts.iter().filter(|host| host.values("line.up").is_empty()).count();
        if missing == 0 && summary["refused"] == 0 { Ok(()) } else { Err(format!("{missing} without: {summary}")) }
    });
}

#[test]
fn values_of_a_server_that_is_killed_and_comes_back_are_in_its_history_once_with_their_times() {
    for version in versions() {
        let sim = SimRouter::new("linux").start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        report_to(&zabbix, &[zabbix.server()]);
        import(&zabbix, &sim, 4, "1s");
        let hosts = hosts(&zabbix, Part::Server, 1..=4);
        until_taken(&zabbix, &hosts);
        let before = count(&books(&zabbix)[0]["refused"]);
        // What a server has taken and not written yet is lost with it; of these only the next change would tell.
        for host in &hosts {
            let port = ["line.port.status", "line.port.oper", "line.port.name"].map(|key| host.first(key).text);
            assert_eq!((port[0].as_str(), port[1].as_str(), port[2].starts_with("wan1")), ("1", "1", true), "{port:?}");
        }
        // In the middle of it the server dies, and some sweeps find nobody.
        let server = zabbix.pid("server");
        let family = [process::children(server), vec![server]].concat();
        family.iter().for_each(|pid| process::signal(*pid, Signal::KILL));
        family.into_iter().for_each(process::until_gone);
        let mut states = 0;
        for _ in 0..5 {
            let summary = sweep(&zabbix);
            states += count(&summary["measured"]);
            assert_eq!(summary["sent"], 0, "{summary}");
        }
        assert!(count(&books(&zabbix)[0]["spooled"]) >= states * 9, "{}", books(&zabbix));
        zabbix.restart(&["server"]);
        wait::patiently("an empty spool", || {
            let summary = sweep(&zabbix);
            if summary["spooled"] == 0 { Ok(()) } else { Err(summary) }
        });
        let books = books(&zabbix);
        assert_eq!((count(&books[0]["refused"]), &books[0]["dropped"]), (before, &0.into()), "{books}");
        // Each ping that the routers answered is in the history, once, in the order of its time.
        let asked = sim.commands().iter().filter(|line| line.contains("ping")).count();
        wait::patiently("all of it in the history", || {
            let stored: usize = hosts.iter().map(|host| host.values("line.state").len()).sum();
            // Some of the first were refused, before the server knew the hosts.
            if stored + 4 * 60 >= asked && stored >= usize::try_from(states).expect("few") {
                Ok(())
            } else {
                Err(format!("{stored} of {asked}"))
            }
        });
        for host in &hosts {
            let mut times: Vec<_> = host.values("line.up").iter().map(|value| value.time).collect();
            let all = times.len();
            times.dedup();
            assert_eq!(times.len(), all, "{version}: none twice");
            assert!(host.values("line.up").iter().all(|value| value.text == "1"));
            // A rate needs two of them that the server of now has seen.
            wait::patiently("a rate", || {
                let summary = sweep(&zabbix);
                if host.values("line.port.in.errors").is_empty() { Err(summary) } else { Ok(()) }
            });
            host.first("line.rtt.p95");
        }
        // One item of Zabbix drives it all, and shows it.
        let sweeper = zabbix
            .host("sweeper")
            .template("Leased Lines Sweep by ddl-monitor")
            .user_macro("{$LINE.SWEEP.INTERVAL}", "1s")
            .create();
        sweeper.wait_for("sweep.lines", "4", |value| value.text == "4");
        sweeper.wait_for("sweep.measured", "some", |value| value.text != "0");
        sweeper.wait_for("sweep.sent", "some", |value| value.text != "0");
        let first = |key: &str| sweeper.first(key).text.clone();
        assert_eq!([first("sweep.failed"), first("sweep.failed[connect]")], ["0", "0"], "{version}");
        assert_eq!([first("sweep.state"), first("sweep.message"), first("sweep.spooled")], ["0", "good", "0"]);
        for item in sweeper.keys() {
            assert_eq!(sweeper.item(&item).expect("an item")["state"], "0", "{version}: {item} is supported");
        }
        let last = hosts[0].values("line.up").pop().expect("a value");
        hosts[0].next("line.up", &last);
    }
}

#[test]
fn server_and_proxy_get_all_values_and_refused_ones_are_found_by_their_counts() {
    for version in versions() {
        let sim = SimRouter::new("linux").start();
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        report_to(&zabbix, &[zabbix.server(), zabbix.proxy()]);
        import(&zabbix, &sim, 4, "1s");
        let _of_server = hosts(&zabbix, Part::Server, 1..=2);
        let of_proxy = hosts(&zabbix, Part::Proxy, 3..=4);
        // Each takes the values of its own hosts, and refuses those of the other's.
        wait::patiently("the items that each refuses", || {
            sweep(&zabbix);
            let books = books(&zabbix);
            let hosts = |at: usize| -> std::collections::BTreeSet<String> {
                let items = books[at]["refused_items"].as_array().expect("items").iter();
                items
                    .filter(|item| item["key"] == "line.up")
                    .map(|item| item["host"].as_str().expect("text").to_owned())
                    .collect()
            };
            let named = |names: [&str; 2]| names.map(str::to_owned).into_iter().collect();
            if hosts(0) == named(["10.0.0.3", "10.0.0.4"]) && hosts(1) == named(["10.0.0.1", "10.0.0.2"]) {
                Ok(())
            } else {
                Err(books)
            }
        });
        of_proxy[0].first("line.up");
        // The proxy is restarted while values come.
        zabbix.restart(&["proxy"]);
        wait::patiently("nothing left for the proxy", || {
            let summary = sweep(&zabbix);
            if summary["spooled"] == 0 { Ok(()) } else { Err(summary) }
        });
        let last = of_proxy[0].values("line.up").pop().expect("a value");
        wait::patiently("a newer value", || {
            sweep(&zabbix);
            let newest = of_proxy[0].values("line.up").pop().expect("a value");
            if newest.time > last.time { Ok(()) } else { Err(format!("{newest:?}")) }
        });
    }
}

#[test]
fn values_of_hosts_of_a_proxy_group_go_to_the_proxy_that_each_is_assigned_to() {
    // Groups came with 7.0.
    let Some(version) = versions().into_iter().find(|version| *version != "6.0") else { return };
    let sim = SimRouter::new("linux").start();
    let zabbix = Zabbix::start_with_two_proxies(version);
    zabbix.import_templates();
    let group = json!({"name": "lab group", "failover_delay": "10s", "min_online": "1"});
    let group = zabbix.call("proxygroup.create", group)["proxy_groupids"][0].clone();
    let (name, second) = zabbix.second_proxy();
    let member = |at: SocketAddr| json!({"proxy_groupid": group, "local_address": "127.0.0.1", "local_port": at.port().to_string()});
    let with = |mut json: Json, more: Json| {
        json.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json
    };
    let first = zabbix.call("proxy.get", json!({"filter": {"name": "lab-proxy"}}))[0]["proxyid"].clone();
    zabbix.call("proxy.update", with(json!({"proxyid": first}), member(zabbix.proxy())));
    zabbix.call("proxy.create", with(json!({"name": name, "operating_mode": 0}), member(second)));
    let names: Vec<String> = (1..=8).map(|n| format!("10.0.0.{n}")).collect();
    let hosts: Vec<Host<'_>> =
        names.iter().map(|name| zabbix.host(name).of_group(&group).template(TEMPLATE).create()).collect();
    wait::patiently("hosts at both proxies", || {
        let found = zabbix.call("host.get", json!({"filter": {"host": names}, "output": ["assigned_proxyid"]}));
        let at: std::collections::BTreeSet<&str> =
            found.as_array().expect("a list").iter().filter_map(|host| host["assigned_proxyid"].as_str()).collect();
        if at.len() == 2 && !at.contains("0") { Ok(()) } else { Err(found) }
    });
    // Only one of them is named.
    report_to(&zabbix, &[zabbix.proxy()]);
    import(&zabbix, &sim, 8, "1s");
    until_taken(&zabbix, &hosts);
    let refused = books(&zabbix)[0]["refused"].clone();
    let sweep_all = || {
        wait::patiently("an empty spool", || {
            let summary = sweep(&zabbix);
            if summary["spooled"] == 0 && summary["measured"] != 0 { Ok(()) } else { Err(summary) }
        });
        assert_eq!(books(&zabbix)[0]["refused"], refused, "{}", books(&zabbix));
    };
    (0..3).for_each(|_| sweep_all());
    if process::rounds(0, 1) == 1 {
        let pid = zabbix.pid("proxy2");
        let family = [process::children(pid), vec![pid]].concat();
        family.iter().for_each(|pid| process::signal(*pid, Signal::KILL));
        sweep_all();
        let last: Vec<_> = hosts.iter().map(|host| host.values("line.up").pop().expect("a value")).collect();
        sweep_all();
        hosts.iter().zip(last).for_each(|(host, last)| {
            wait::patiently("a newer value", || {
                sweep(&zabbix);
                let newest = host.values("line.up").pop().expect("a value");
                if newest.time > last.time { Ok(()) } else { Err(format!("{newest:?}")) }
            });
        });
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "figures")]
fn a_long_queue_is_delivered_soon_after_the_outage_and_is_in_the_history_each_value_once() {
    let count = u32::try_from(process::rounds(10_000, 100_000)).expect("a few");
    let zabbix = Zabbix::start("6.0");
    let host = zabbix.host("10.0.0.1").create();
    super::trappers::item(&zabbix, &host, "line.loss", 0);
    zabbix.reload();
    report_to(&zabbix, &[zabbix.server()]);
    let sim = SimRouter::new("linux").start();
    import(&zabbix, &sim, 1, "1s");
    // What sweeps of many hours would have left, put into the spool as they do it.
    let folder = zabbix.folder(Part::Server).join("state/spool");
    wait::patiently("a server that knows the host", || {
        zabbix.monitor(Part::Server, &["sweep"]);
        if host.values("line.loss").is_empty() { Err("none") } else { Ok(()) }
    });
    // From now on nothing is due: what is sent is what was left.
    import(&zabbix, &sim, 1, "1d");
    let spool = Spool::new(folder, 256 << 20);
    let now = host.values("line.loss")[0].time.0 - 50_000;
    let value = |n: u32| Value {
        host: "10.0.0.1".into(),
        key: "line.loss".into(),
        value: (n % 100).to_string(),
        clock: now + u64::from(n) / 10,
        ns: n % 10,
    };
    let values: Vec<Value> = (0..count).map(value).collect();
    let soon = || Deadline::after(Duration::from_secs(20));
    for chunk in values.chunks(1000) {
        spool.append(chunk, soon()).expect("spooled");
    }
    let begun = Instant::now();
    let summary = sweep(&zabbix);
    let sent = begun.elapsed();
    assert_eq!((&summary["sent"], &summary["spooled"]), (&count.into(), &0.into()), "{summary}");
    let item = host.item("line.loss").expect("the item")["itemid"].clone();
    let stored = || -> u32 {
        let query = json!({"itemids": item, "history": 0, "countOutput": true, "time_till": now + 50_000 - 1});
        zabbix.call("history.get", query).as_str().expect("a number").parse().expect("a number")
    };
    wait::patiently("all of it in the history", || match stored() {
        all if all == count => Ok(()),
        some => Err(some),
    });
    println!(
        "{count} values: sent in {:.1} s, in the history after {:.1} s",
        sent.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    // How fast it then writes its history is Zabbix' own affair.
    assert!(sent < Duration::from_secs(30), "{sent:?}");
}
