//! Many lines on one server: every value at its time, one login per router and lane, and what it costs. With `--long` 500
//! lines on 20 routers for five minutes; run it with `--nocapture` for the figures.

use crate::support::process;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use crate::support::zabbix::{Part, Zabbix, versions};
use serde_json::{Value, json};
use std::collections::HashMap;

struct Size {
    routers: usize,
    lines: usize,
    interval: u64,
    values: usize,
}

const LONG: Size = Size { routers: 20, lines: 500, interval: 30, values: 10 };
const SHORT: Size = Size { routers: 4, lines: 40, interval: 5, values: 4 };

#[test]
#[expect(clippy::print_stdout, reason = "figures for people who ask for them")]
fn many_lines_are_all_measured_at_their_time_with_one_login_per_router_and_lane() {
    let size = if process::rounds(0, 1) == 1 { LONG } else { SHORT };
    for version in versions() {
        let names: Vec<String> = (0..size.routers).map(|n| format!("edge-{n}")).collect();
        let sim = Sim::start(names.iter().map(|name| SimRouter::new("cisco_iosxe").name(name)));
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let hosts = create(&zabbix, &sim, &names, &size);
        let before = (cpu(&zabbix.masters(Part::Server)), pollers(&zabbix));
        let items = items(&zabbix, "line.state");
        assert_eq!(items.len(), size.lines);

        for count in 1..=size.values {
            wait::patiently(&format!("value {count} of {}", size.values), || {
                let short = history(&zabbix, &items).values().filter(|values| values.len() < count).count();
                let none = size.lines - history(&zabbix, &items).len();
                if short + none == 0 { Ok(()) } else { Err(format!("{} lines are behind", short + none)) }
            });
        }
        let masters = zabbix.masters(Part::Server);
        let cost = (cpu(&masters) - before.0, pollers(&zabbix) - before.1);

        for (item, values) in history(&zabbix, &items) {
            assert!(values.iter().all(|(_, state)| state == "0"), "{version} {item}: {values:?}");
            let gaps: Vec<u64> = values.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
            assert!(gaps.iter().all(|gap| *gap <= size.interval + 2), "{version} {item} was late: {gaps:?}");
        }
        let unsupported =
            zabbix.call("item.get", json!({"hostids": hosts, "filter": {"state": 1}, "countOutput": true}));
        assert_eq!(unsupported, "0", "{version}");
        assert_eq!(masters.len(), size.routers);
        let lanes = sim.count("login");
        assert!((size.routers..=2 * size.routers).contains(&lanes), "{lanes} logins");
        let memory: u64 = masters.iter().map(|pid| private_memory(*pid)).sum();
        println!(
            "{version}: {} lines on {} routers every {} s, {} values each: {lanes} logins; masters {:.2} s of CPU, {} KiB \
             of memory of their own in all; Zabbix' pollers with the polls they start {:.2} s of CPU",
            size.lines, size.routers, size.interval, size.values, cost.0, memory, cost.1
        );
    }
}

/// Hosts of lines, spread over the routers; their ids.
fn create(zabbix: &Zabbix, sim: &Sim, names: &[String], size: &Size) -> Vec<String> {
    let template =
        zabbix.call("template.get", json!({"filter": {"host": "Leased Line by SSH"}}))[0]["templateid"].clone();
    let group = zabbix.call("hostgroup.create", json!({"name": "Many"}))["groupids"][0].clone();
    let host = |n: usize| {
        let router = sim.address(&names[n % names.len()]).to_string();
        let target = std::net::Ipv4Addr::from(0x0A_00_00_01 + u32::try_from(n).expect("few")).to_string();
        let macros = [
            ("{$LINE_ID}", format!("L-{n}")),
            ("{$LINE_ROUTER_IP}", router),
            ("{$LINE_ROUTER_PLATFORM}", "cisco_iosxe".into()),
            ("{$LINE_ROUTER_PASSWORD}", "secret:good".into()),
            ("{$LINE_CHECK_INTERVAL}", size.interval.to_string()),
        ];
        let macros: Vec<Value> = macros.iter().map(|(name, value)| json!({"macro": name, "value": value})).collect();
        // The technical name is the far end, as the earlier tool had it.
        let mut host = json!({"host": target, "groups": [{"groupid": group}], "templates": [{"templateid": template}], "macros": macros});
        if zabbix.version() == "6.0" {
            host["interfaces"] =
                json!([{"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "10050"}]);
        }
        host
    };
    let hosts: Vec<Value> = (0..size.lines).map(host).collect();
    let made = zabbix.call("host.create", hosts.into());
    zabbix.reload();
    made["hostids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
}

/// Ids of the items with this key.
fn items(zabbix: &Zabbix, key: &str) -> Vec<Value> {
    let found = zabbix.call("item.get", json!({"filter": {"key_": key}, "output": ["itemid"], "monitored": true}));
    found.as_array().expect("a list").iter().map(|item| item["itemid"].clone()).collect()
}

/// Times and values by item, oldest first.
fn history(zabbix: &Zabbix, items: &[Value]) -> HashMap<String, Vec<(u64, String)>> {
    let query = json!({"itemids": items, "history": 3, "output": "extend", "sortfield": "clock"});
    let mut found: HashMap<String, Vec<(u64, String)>> = HashMap::new();
    for row in zabbix.call("history.get", query).as_array().expect("a list") {
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        found.entry(text("itemid")).or_default().push((text("clock").parse().expect("a time"), text("value")));
    }
    found
}

/// Seconds of CPU that these processes used.
fn cpu(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| ticks(*pid, 11..13)).sum()
}

/// Seconds of CPU of the server's pollers and of all that they started and waited for.
fn pollers(zabbix: &Zabbix) -> f64 {
    let server = zabbix.pid("server").to_string();
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_server = |pid: &u32| process::stat(*pid).is_some_and(|stat| stat[1] == server);
    let is_poller = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(": poller "))
    };
    pids.filter(of_server).filter(is_poller).map(|pid| ticks(pid, 11..15)).sum()
}

/// The sum of these fields of `/proc/PID/stat`, counted from the state (see proc_pid_stat(5)), at 100 a second.
fn ticks(pid: u32, fields: std::ops::Range<usize>) -> f64 {
    let stat = process::stat(pid).unwrap_or_default();
    let sum: f64 = stat.get(fields).into_iter().flatten().filter_map(|field| field.parse::<f64>().ok()).sum();
    sum / 100.0
}

/// KiB that only this process holds.
fn private_memory(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let private = text.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}
