//! The table of faults, with real masters and simulated routers behind a real Zabbix: each raises exactly the problem that a
//! person has to see, and is back to none when it is mended.

use crate::support::inventory::Inventory;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait;
use crate::support::zabbix::{Host, Part, Zabbix, versions};
use std::net::TcpListener;

const TARGET: &str = "192.0.2.1";
const GOOD: &str = "192.0.2.2";

/// A fault of a line or its router: what is broken, which problem it is, how it is mended.
struct Fault {
    name: &'static str,
    /// What the name of the problem has in it.
    problem: &'static str,
    breaks: fn(SimRouter) -> SimRouter,
    mends: fn(&mut Sim, &str),
    /// It is the router's, of all of its lines.
    of_router: bool,
}

const NOT_REACHABLE: &str = "not reachable";
const REFUSED: &str = "refuses the login";

const FAULTS: [Fault; 8] = [
    Fault {
        name: "dead",
        problem: "is down",
        breaks: |router| router.with("dead", vec![TARGET]),
        mends: |sim, router| sim.change(router, "dead", Vec::<String>::new()),
        of_router: false,
    },
    Fault {
        name: "lossy",
        problem: "packet loss 40 %",
        breaks: |router| router.with("lose", vec![2, 4]),
        mends: |sim, router| sim.change(router, "lose", Vec::<i64>::new()),
        of_router: false,
    },
    Fault {
        name: "slow",
        problem: "round trip",
        breaks: |router| router.with("rtt", vec!["300ms"]),
        mends: |sim, router| sim.change(router, "rtt", vec!["3ms"]),
        of_router: false,
    },
    Fault {
        name: "silent",
        problem: NOT_REACHABLE,
        breaks: |router| router.with("silence", "connect"),
        mends: |sim, router| sim.change(router, "silence", "never"),
        of_router: true,
    },
    Fault {
        name: "no-prompt",
        problem: NOT_REACHABLE,
        breaks: |router| router.with("silence", "shell"),
        mends: |sim, router| sim.change(router, "silence", "never"),
        of_router: true,
    },
    Fault {
        name: "busy",
        problem: NOT_REACHABLE,
        breaks: |router| router.with("vty_limit", 0),
        mends: |sim, router| sim.change(router, "vty_limit", 5),
        of_router: true,
    },
    Fault {
        name: "wrong-password",
        problem: REFUSED,
        breaks: |router| router.with("refuse_logins", true),
        mends: |sim, router| sim.change(router, "refuse_logins", false),
        of_router: true,
    },
    Fault {
        name: "not-understood",
        problem: "cannot be measured",
        breaks: |router| router.with("wrong_header", "always"),
        mends: |sim, router| sim.change(router, "wrong_header", "once"),
        of_router: false,
    },
];

/// A host of a line, polled every two seconds.
fn line<'a>(zabbix: &'a Zabbix, name: &str, router: &str) -> Host<'a> {
    let macros = [
        ("{$LINE_ID}", name),
        ("{$LINE_TARGET}", TARGET),
        ("{$LINE_ROUTER_IP}", router),
        ("{$LINE_ROUTER_PLATFORM}", "linux"),
        ("{$LINE_ROUTER_PASSWORD}", "secret:good"),
        ("{$LINE_CHECK_INTERVAL}", "2s"),
    ];
    let host = zabbix.host(name).template("Leased Line by SSH");
    macros.into_iter().fold(host, |host, (name, value)| host.user_macro(name, value)).create()
}

/// Waits until exactly one problem is open, whose name has this part.
fn one_problem(host: &Host<'_>, part: &str) {
    problems(host, &[part]);
}

/// Waits until exactly so many problems are open, with these parts in their sorted names.
fn problems(host: &Host<'_>, parts: &[&str]) {
    wait::patiently(&format!("the problems {parts:?}"), || {
        let found = host.problems();
        let right = found.len() == parts.len() && found.iter().zip(parts).all(|(name, part)| name.contains(part));
        if right { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

#[test]
fn each_fault_of_a_line_or_its_router_is_one_problem_of_the_line_and_ends_when_it_is_mended() {
    for version in versions() {
        let router = |fault: &Fault| (fault.breaks)(SimRouter::new("linux").name(fault.name));
        let mut sim = Sim::start(FAULTS.iter().map(router));
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let hosts: Vec<Host<'_>> =
            FAULTS.iter().map(|fault| line(&zabbix, fault.name, &sim.address(fault.name).to_string())).collect();
        let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        let refused = line(&zabbix, "refused", &closed.to_string());

        for (fault, host) in FAULTS.iter().zip(&hosts) {
            one_problem(host, fault.problem);
        }
        one_problem(&refused, NOT_REACHABLE);
        // Nothing else comes with a few polls more.
        for (fault, host) in FAULTS.iter().zip(&hosts) {
            let last = host.values("line.state").pop().expect("a state");
            host.next("line.state", &last);
            one_problem(host, fault.problem);
            let never = host.values("line.up").iter().any(|value| value.text == "0");
            assert_eq!(never, fault.name == "dead", "{version} {}: only a line that was asked is down", fault.name);
        }

        for fault in &FAULTS {
            (fault.mends)(&mut sim, fault.name);
        }
        let _mended = SimRouter::new("linux").with("listen", closed.to_string()).start();
        // What a person does who has mended a router, and the end of what the holds would last.
        zabbix.monitor(Part::Server, &["stop", "--all", "--forget"]);
        for host in hosts.iter().chain([&refused]) {
            host.wait_for_problems(&[]);
        }
    }
}

/// A host of a router, whose lines are found and measured every two seconds.
fn router<'a>(zabbix: &'a Zabbix, name: &str) -> Host<'a> {
    let macros = [("{$LINE_CHECK_INTERVAL}", "2s"), ("{$LINE_DISCOVERY_INTERVAL}", "5s")];
    let host = zabbix.host(name).template("Edge Router Leased Lines by SSH");
    macros.into_iter().fold(host, |host, (name, value)| host.user_macro(name, value)).create()
}

/// Imports two lines for each of these routers: `NAME good` and `NAME bad`.
fn import(zabbix: &Zabbix, routers: &[(&str, String)]) {
    let inventory = routers.iter().fold(Inventory::new(), |inventory, (name, address)| {
        let lines = inventory.router(name, address, "linux", "");
        lines.line(&format!("{name} bad"), name, TARGET, "").line(&format!("{name} good"), name, GOOD, "")
    });
    let file = zabbix.folder(Part::Server).join("inventory.toml");
    std::fs::write(&file, inventory.text()).expect("an inventory");
    zabbix.monitor(Part::Server, &["inventory", "import", file.to_str().expect("a path")]);
}

#[test]
fn a_fault_of_a_router_is_one_problem_of_it_and_none_of_its_lines_and_a_line_s_own_is_the_line_s() {
    for version in versions() {
        let broken = |fault: &Fault| (fault.breaks)(SimRouter::new("linux").name(fault.name));
        let mut sim = Sim::start(FAULTS.iter().map(broken));
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        let mut routers: Vec<(&str, String)> =
            FAULTS.iter().map(|fault| (fault.name, sim.address(fault.name).to_string())).collect();
        routers.push(("refused", closed.to_string()));
        import(&zabbix, &routers);
        let hosts: Vec<Host<'_>> = FAULTS.iter().map(|fault| router(&zabbix, fault.name)).collect();
        let refused = router(&zabbix, "refused");

        // Of the line's own faults the dead target is one line's; the others are seen on both lines of the router.
        let expected = |fault: &Fault| match fault.name {
            "dead" => vec!["dead bad to 192.0.2.1 is down"],
            _ if fault.of_router => vec![fault.problem],
            _ => vec![fault.problem; 2],
        };
        for (fault, host) in FAULTS.iter().zip(&hosts) {
            problems(host, &expected(fault));
        }
        one_problem(&refused, NOT_REACHABLE);
        // Nothing else comes with a few polls more.
        for (fault, host) in FAULTS.iter().zip(&hosts) {
            let last = host.values("router.state").pop().expect("a state");
            host.next("router.state", &last);
            problems(host, &expected(fault));
        }

        for fault in &FAULTS {
            (fault.mends)(&mut sim, fault.name);
        }
        let _mended = SimRouter::new("linux").with("listen", closed.to_string()).start();
        zabbix.monitor(Part::Server, &["stop", "--all", "--forget"]);
        for host in hosts.iter().chain([&refused]) {
            host.wait_for_problems(&[]);
        }
        // Discovered lines are measured, each in items of its own.
        for name in ["line.up[busy good]", "line.up[busy bad]", "line.loss[busy bad]"] {
            hosts[5].first(name);
        }
    }
}

#[test]
fn a_changed_host_key_is_a_problem_until_the_old_one_is_removed_from_the_record() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        zabbix.import_templates();
        let sim = SimRouter::new("linux").with("host_key", "random").start();
        let address = sim.address("r1").to_string();
        let host = line(&zabbix, "moved", &address);
        host.wait_for("line.up", "a measurement", |value| value.text == "1");
        drop(sim);
        let _other = SimRouter::new("linux").with("host_key", "random").with("listen", address.clone()).start();
        one_problem(&host, REFUSED);
        let record = zabbix.folder(Part::Server).join("state/known_hosts");
        let kept = std::fs::read_to_string(&record).expect("the record of host keys");
        let port = address.rsplit(':').next().expect("a port");
        let others: String = kept.lines().filter(|line| !line.contains(port)).map(|line| format!("{line}\n")).collect();
        assert_ne!(kept, others);
        std::fs::write(&record, others).expect("the record of host keys");
        zabbix.monitor(Part::Server, &["stop", "--all", "--forget"]);
        host.wait_for_problems(&[]);
    }
}
