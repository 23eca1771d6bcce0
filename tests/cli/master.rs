//! A master's life: what it shares, what it drops, what it holds of its parent, and how it leaves.

use crate::support::monitor::{BINARY, Monitor, Started};
use crate::support::parent::{Kind, Parent, descriptors};
use crate::support::process::{self, rounds, signal, stat, until_gone};
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait::{self, DEADLINE, LIMIT};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

const UP: &str = "192.0.2.10";
const OTHER: &str = "192.0.2.11";
const DEAD: &str = "192.0.2.66";
/// For tests that log in often; the budget is not what they are about.
const MANY_LOGINS: &str = "login.per_router = \"burst 9000, every 1ms\"\nlogin.all_routers = \"burst 9000, every 1ms\"";
/// What outlives all masters.
const KEPT: [&str; 6] = ["ddl-monitor.log", "key", "known_hosts", "known_hosts.lock", "logins.json", "logins.lock"];

fn at(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

fn pings(sim: &Sim) -> Vec<String> {
    sim.commands().into_iter().filter(|line| line.contains("ping")).collect()
}

fn queued(monitor: &Monitor, count: u64) {
    wait::until("jobs in the queue", || (monitor.status()[0]["queued"] == count).then_some(()));
}

/// Waits until the master of this socket holds `count` connections of clients.
fn clients(socket: &std::path::Path, count: usize) {
    // The name under which it was bound.
    let bound = socket.with_extension("new").display().to_string();
    wait::until("the clients of a master", || {
        let sockets = std::fs::read_to_string("/proc/net/unix").expect("the sockets of the machine");
        // The listening one has the name, too.
        (sockets.lines().filter(|line| line.ends_with(&bound)).count() > count).then_some(())
    });
}

#[test]
fn identical_probes_that_wait_share_one_run_and_different_ones_do_not() {
    let sim = SimRouter::new("linux").with("login_delay", "10s").start();
    let monitor = Monitor::with("master.lanes = 1");
    let poll = |more: &[&str]| monitor.start_poll(&at(&sim), "linux", UP, more);
    let mut polls = vec![poll(&["--deadline", "50s", "--count", "2"])];
    queued(&monitor, 1);
    // A later deadline joins, an earlier one would come too late and does not.
    polls.extend((0..9).map(|_| poll(&["--deadline", "60s", "--count", "2"])));
    polls.push(poll(&["--deadline", "40s", "--count", "2"]));
    polls.push(poll(&["--deadline", "50s", "--count", "3"]));
    clients(&monitor.sockets()[0], polls.len());
    queued(&monitor, 3);
    for poll in polls {
        let answer = poll.wait().json();
        assert_eq!((&answer["state"], &answer["session"]), (&json!(0), &json!("opened")), "{answer}");
    }
    assert_eq!(pings(&sim).len(), 3, "{:?}", pings(&sim));
}

#[test]
fn a_client_that_is_killed_while_it_waits_takes_its_job_with_it() {
    let mut sim = SimRouter::new("linux").with("slow", vec![format!("{UP}=8s")]).start();
    let monitor = Monitor::with("master.lanes = 1");
    let first = monitor.start_poll(&at(&sim), "linux", UP, &["--count", "1", "--timeout", "10s"]);
    wait::until("the first ping", || (pings(&sim).len() == 1).then_some(()));
    sim.change("r1", "slow", Vec::<String>::new());
    let mut second = monitor.start_poll(&at(&sim), "linux", OTHER, &[]);
    queued(&monitor, 1);
    second.child.kill().expect("a child");
    second.child.wait().expect("its end");
    assert_eq!(first.wait().kind(), "measured");
    assert_eq!(monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).kind(), "measured");
    assert!(pings(&sim).iter().all(|line| !line.contains(OTHER)), "{:?}", pings(&sim));
}

#[test]
fn a_client_that_is_killed_in_mid_ping_has_it_aborted_and_the_session_is_as_good_as_before() {
    let sim = SimRouter::new("cisco_iosxe").with("dead", vec![DEAD]).start();
    let monitor = Monitor::new();
    let mut poll = monitor.start_poll(&at(&sim), "cisco_iosxe", DEAD, &["--count", "100", "--deadline", "5m"]);
    wait::until("the ping", || (pings(&sim).len() == 1).then_some(()));
    poll.child.kill().expect("a child");
    poll.child.wait().expect("its end");
    // Ctrl-^, as the simulator writes it down.
    wait::until("the abort key", || sim.bytes().contains("\\x1e").then_some(()));
    let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).json();
    assert_eq!((&answer["state"], &answer["session"]), (&json!(0), &json!("reused")), "{answer}");
    assert_eq!((&answer["ping"]["sent"], sim.count("login")), (&json!(5), 1), "{answer}");
}

#[test]
fn status_has_the_shape_that_is_documented_also_while_a_login_lasts() {
    let sim = SimRouter::new("linux").with("auth_delay", "10s").start();
    let monitor = Monitor::new();
    let poll = monitor.start_poll(&at(&sim), "linux", UP, &[]);
    queued(&monitor, 1);
    let names = |value: &Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    let row = monitor.status()[0].clone();
    let expected = ["lanes", "last_failure", "pid", "platform", "queued", "router", "since", "state", "user"];
    assert_eq!(names(&row), expected);
    assert_eq!((&row["state"], &row["router"], &row["user"]), (&json!("login"), &json!(at(&sim)), &json!("ddl")));
    assert_eq!((&row["platform"], &row["last_failure"]), (&json!("linux"), &Value::Null));
    assert_eq!(names(&row["lanes"][0]), ["jobs", "since", "state"]);
    assert_eq!((&row["lanes"][0]["state"], &row["lanes"][0]["jobs"]), (&json!("login"), &json!(0)));
    assert_eq!(poll.wait().kind(), "measured");
    let row = wait::until("an idle lane", || {
        Some(monitor.status()[0].clone()).filter(|row| row["lanes"][0]["state"] == "idle")
    });
    assert_eq!((&row["state"], &row["queued"], &row["lanes"][0]["jobs"]), (&json!("up"), &json!(0), &json!(1)));
}

#[test]
fn stop_logs_out_cleanly_and_leaves_nothing_behind() {
    let sim = Sim::start([SimRouter::new("cisco_iosxe").name("r1"), SimRouter::new("linux").name("r2")]);
    let monitor = Monitor::new();
    let (r1, r2) = (sim.address("r1").to_string(), sim.address("r2").to_string());
    monitor.poll(&r1, "cisco_iosxe", UP, &[]).json();
    monitor.poll(&r2, "linux", UP, &["--count", "1"]).json();
    let pids = monitor.pids();
    let ran = monitor.run(&["stop", "--router", &r1]);
    assert_eq!((ran.code, &ran.json()["stopped"][0]["how"]), (Some(0), &json!("logged out")));
    assert!(sim.commands().contains(&"exit".to_owned()), "{:?}", sim.commands());
    assert_eq!(monitor.status().as_array().map(Vec::len), Some(1));
    assert_eq!(monitor.status()[0]["router"], json!(r2));
    assert_eq!(monitor.run(&["stop", "--all"]).code, Some(0));
    sim.wait_for_count("closed", 2);
    let events = sim.events();
    let left: Vec<&Value> = events.iter().filter(|event| event["event"] == "logout").collect();
    assert!(left.len() == 2 && left.iter().all(|event| event["reason"] == "left"), "{left:?}");
    pids.into_iter().for_each(until_gone);
    let kept = monitor.kept_names();
    assert_eq!(kept, KEPT);
    // Nobody is there to be stopped: that is no failure.
    let ran = monitor.run(&["stop", "--all", "--format", "text"]);
    assert_eq!((ran.code, ran.stdout), (Some(0), format!("no masters in {}\n", monitor.state().display())));
}

#[test]
fn a_proxy_command_of_a_login_that_hangs_ends_with_its_master() {
    let monitor = Monitor::new();
    let pid_file = monitor.path("proxy.pid");
    let proxy = format!("sh -c 'echo $$ > {}; exec sleep 600'", pid_file.display());
    let answer = monitor.poll("192.0.2.1", "linux", UP, &["--deadline", "5s", "--proxy-command", &proxy]).json();
    assert_eq!(answer["state"], 8, "{answer}");
    let proxy = wait::until("the proxy", || std::fs::read_to_string(&pid_file).ok()?.trim().parse().ok());
    assert!(process::is_alive(proxy));
    assert_eq!(monitor.run(&["stop", "--all"]).json()["stopped"][0]["how"], "logged out");
    until_gone(proxy);
}

#[test]
fn stop_aborts_a_ping_that_would_last_and_its_poll_gets_the_counters_so_far() {
    let sim = SimRouter::new("cisco_iosxe").with("dead", vec![DEAD]).start();
    let monitor = Monitor::new();
    let more = ["--count", "100", "--timeout", "1s", "--deadline", "5m"];
    let poll = monitor.start_poll(&at(&sim), "cisco_iosxe", DEAD, &more);
    wait::until("the ping", || (pings(&sim).len() == 1).then_some(()));
    // Until three packets have had their full time-out, nothing is known of the line.
    wait::until("some seconds of pinging", || {
        let since = monitor.status()[0]["lanes"][0]["since"].as_f64()?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64();
        (now - since > 5.0).then_some(())
    });
    let ran = monitor.run(&["stop", "--all"]);
    assert_eq!((ran.code, &ran.json()["stopped"][0]["how"]), (Some(0), &json!("logged out")));
    let answer = poll.wait().json();
    assert_eq!((&answer["state"], &answer["ping"]["complete"]), (&json!(0), &json!(false)), "{answer}");
    assert_eq!((&answer["ping"]["up"], &answer["ping"]["loss"]), (&json!(0), &json!(100.0)), "{answer}");
    sim.wait_for("a clean logout", |events| {
        events.iter().any(|event| event["event"] == "logout" && event["reason"] == "left")
    });
    assert_eq!(pings(&sim).len(), 1);
}

#[test]
fn a_master_without_jobs_logs_out_and_leaves_nothing_behind() {
    let sim = SimRouter::new("cisco_iosxe").start();
    let monitor = Monitor::with("master.idle_exit = \"300ms\"");
    monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).json();
    let pids = process::masters_of(&at(&sim));
    sim.wait_for("a clean logout", |events| {
        events.iter().any(|event| event["event"] == "logout" && event["reason"] == "left")
    });
    pids.into_iter().for_each(until_gone);
    let kept = monitor.kept_names();
    assert_eq!(kept, KEPT);
}

#[test]
fn a_poll_that_comes_just_when_the_master_leaves_is_served() {
    let sim = SimRouter::new("linux").with("lose", vec![1]).start();
    let monitor = Monitor::with(&format!("master.idle_exit = \"1s\"\n{MANY_LOGINS}"));
    for round in 0..rounds(15, 400) {
        let poll = ["--count", "2", "--timeout", "50ms"];
        let answer = monitor.poll(&at(&sim), "linux", UP, &poll).json();
        assert_eq!((&answer["state"], &answer["ping"]["loss"]), (&json!(0), &json!(50.0)), "round {round}: {answer}");
        // The client's own start takes some of the second.
        wait::moment(Duration::from_millis(950 + round as u64 * 7 % 60));
    }
}

#[test]
fn the_master_of_a_check_that_timed_out_lives_on_and_holds_nothing_of_its_parent() {
    for kind in [Kind::Agent, Kind::Agent2] {
        let sim = SimRouter::new("linux").with("auth_delay", "8s").start();
        let monitor = Monitor::new();
        let config = monitor.path("ddl-monitor.toml").to_string_lossy().into_owned();
        let environment = [
            ("DDL_MONITOR_CONFIG", config.as_str()),
            ("HOME", "/"),
            ("TZ", "UTC"),
            ("LANG", "C"),
            ("SECRET_OF_ANOTHER", "canary"),
            ("ZABBIX_VERSION", "7.0"),
        ];
        let router = at(&sim);
        let poll = |deadline| {
            let arguments = ["poll", "--router", &router, "--platform", "linux", "--target", UP];
            let more = ["--count", "1", "--password", "secret:good", "--deadline", deadline];
            [&arguments[..], &more[..]].concat()
        };
        // The deadline is longer than Zabbix' patience: a mistake that must not hurt.
        let outcome = Parent::new(kind, Duration::from_secs(4)).run(BINARY, &poll("50s"), &environment);
        assert!(outcome.timed_out && !outcome.hung);
        assert_eq!(outcome.holders(), Vec::<u32>::new());
        let pid = monitor.pids()[0];
        wait::until("the login that goes on", || (monitor.status()[0]["state"] == "up").then_some(()));
        let parent = Parent::new(kind, LIMIT);
        let outcome = parent.run(BINARY, &poll(DEADLINE), &environment);
        let answer: Value = serde_json::from_str(&outcome.output).expect("one line of JSON");
        assert_eq!((&answer["state"], &answer["session"]), (&json!(0), &json!("reused")), "{answer}");
        assert!(!outcome.timed_out && !outcome.hung && outcome.status.is_some_and(|status| status.success()));
        assert_eq!(outcome.holders(), Vec::<u32>::new());
        assert_eq!((monitor.pids(), sim.count("login")), (vec![pid], 1));
        alone(pid);
    }
}

/// A process of its own: session leader without a terminal, in `/`, with an environment of few words and no descriptor of
/// anybody else.
fn alone(pid: u32) {
    let fields = stat(pid).expect("it lives");
    let (group, session, terminal) = (&fields[2], &fields[3], &fields[4]);
    assert_eq!((group, session, terminal.as_str()), (&pid.to_string(), &pid.to_string(), "0"));
    if !rustix::process::geteuid().is_root() {
        // Its memory holds a login: to its own user, too, it is closed.
        let closed = std::fs::read_dir(format!("/proc/{pid}/fd")).expect_err("a master that can be dumped");
        assert_eq!(closed.kind(), std::io::ErrorKind::PermissionDenied);
        return;
    }
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/cwd")).expect("its folder"), std::path::Path::new("/"));
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).expect("its environment");
    let names: Vec<&str> = environment.split('\0').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    let ours = |name: &&str| {
        ["PATH", "HOME", "TZ", "LANG", "GLIBC_TUNABLES"].contains(name) || name.starts_with("DDL_MONITOR_")
    };
    // glibc takes its own list apart in place.
    let ours = |name: &&str| ours(name) || name.starts_with("glibc.");
    assert!(names.iter().all(ours), "{names:?}");
    let open = descriptors(pid);
    let standard: Vec<&str> = open.iter().filter(|(fd, _)| *fd < 3).map(|(_, link)| link.as_str()).collect();
    assert_eq!(standard, ["/dev/null", "/dev/null", "/dev/null"], "{open:?}");
    let known =
        |link: &str| link.starts_with("socket:") || link.starts_with("anon_inode:[eventfd") || link.contains("/state/");
    assert!(open.iter().filter(|(fd, _)| *fd > 2).all(|(_, link)| known(link)), "{open:?}");
}

#[test]
fn a_proxy_command_gets_the_umask_of_the_poll_and_not_that_of_the_masters_socket() {
    let monitor = Monitor::with("ssh.proxy_command = \"sh -c 'umask >&2; exit 3'\"");
    let answer = monitor.poll("192.0.2.1", "linux", UP, &[]).json();
    let message = answer["failure"]["message"].as_str().expect("a message");
    assert!(message.contains("status 3: 0") && !message.contains("0177"), "{message}");
}

#[test]
fn a_cold_poll_through_a_parent_like_zabbix_is_answered() {
    for kind in [Kind::Agent, Kind::Agent2] {
        let sim = SimRouter::new("cisco_iosxe").start();
        let monitor = Monitor::new();
        let config = monitor.path("ddl-monitor.toml").to_string_lossy().into_owned();
        let router = at(&sim);
        let arguments = ["poll", "--router", &router, "--platform", "cisco_iosxe", "--target", UP];
        let outcome = Parent::new(kind, LIMIT).run(
            BINARY,
            &[&arguments[..], &["--password", "secret:good"]].concat(),
            &[("DDL_MONITOR_CONFIG", &config), ("HOME", "/")],
        );
        assert!(!outcome.timed_out && !outcome.hung, "{}", outcome.output);
        let answer: Value = serde_json::from_str(&outcome.output).expect("one line of JSON");
        assert_eq!((&answer["state"], &answer["ping"]["received"]), (&json!(0), &json!(5)), "{answer}");
        assert_eq!(outcome.holders(), Vec::<u32>::new());
        alone(monitor.pids()[0]);
    }
}

#[test]
fn a_master_whose_first_client_ran_out_of_time_lives_on_for_the_next() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::with(MANY_LOGINS);
    // The client is gone before the master said that it is ready. A master that was faster does not count.
    let (mut first, pid, message) = wait::until("a master that still reads its login", || {
        let first = monitor.start_poll(&at(&sim), "linux", UP, &[]);
        let pid = wait::closely("a master", || process::masters_of(&at(&sim)).pop());
        process::stop(pid);
        // One that has read it is closed to all but root.
        let stdin = descriptors(pid).into_iter().find(|(fd, link)| *fd == 0 && link.starts_with("pipe:"));
        if let Some((_, stdin)) = stdin {
            return Some((first, pid, stdin));
        }
        signal(pid, Signal::CONT);
        first.wait();
        monitor.run(&["stop", "--all"]);
        until_gone(pid);
        None
    });
    wait::until("the whole message on its way", || {
        descriptors(first.child.id()).iter().all(|(_, link)| *link != message).then_some(())
    });
    first.child.kill().expect("a child");
    first.child.wait().expect("its end");
    signal(pid, Signal::CONT);
    wait::until("a master", || monitor.pids().contains(&pid).then_some(()));
    let answer = monitor.poll(&at(&sim), "linux", UP, &["--count", "1"]).json();
    assert_eq!(answer["state"], 0, "{answer}");
    assert_eq!(monitor.pids(), [pid]);
}

#[test]
fn a_deadline_is_kept_whatever_it_is() {
    let sim = SimRouter::new("cisco_iosxe").with("dead", vec![DEAD]).start();
    let monitor = Monitor::new();
    // Cold, and far too short for a login.
    let ran = monitor.poll(&at(&sim), "cisco_iosxe", UP, &["--deadline", "100ms"]);
    assert!(["deadline", "master", "measured"].contains(&ran.kind().as_str()), "{}", ran.stdout);
    assert_eq!(monitor.poll(&at(&sim), "cisco_iosxe", UP, &["--deadline", "10m"]).kind(), "measured");
    for milliseconds in [100, 333, 777, 1234, 2001] {
        let deadline = format!("{milliseconds}ms");
        // A hundred packets of a second each: only the deadline ends that.
        let more = ["--deadline", &deadline, "--timeout", "1s", "--count", "100"];
        let answer = monitor.poll(&at(&sim), "cisco_iosxe", DEAD, &more).json();
        match answer["state"].as_u64() {
            Some(0) => {
                assert_eq!(
                    (&answer["ping"]["up"], &answer["ping"]["complete"]),
                    (&json!(0), &json!(false)),
                    "{answer}"
                );
                assert!(milliseconds > 1000, "no packet had its full time-out: {answer}");
            }
            // On a machine that is busy a tenth of a second is over before the master has answered.
            _ => assert!(
                ["deadline", "master"].contains(&answer["failure"]["kind"].as_str().unwrap_or_default()),
                "{answer}"
            ),
        }
        assert_eq!(monitor.poll(&at(&sim), "cisco_iosxe", UP, &[]).kind(), "measured");
    }
    for wrong in ["99ms", "11m", "0", "-1s", "soon"] {
        let answer = monitor.poll(&at(&sim), "cisco_iosxe", UP, &["--deadline", wrong]).json();
        assert_eq!(answer["failure"]["kind"], "settings", "{wrong}");
        assert!(answer["failure"]["message"].as_str().is_some_and(|text| text.contains("--deadline")), "{answer}");
    }
    // A poll that came while a lane was still on its way back to its prompt may have opened the second one.
    assert!(sim.count("login") <= 2, "{}", sim.count("login"));
}

#[test]
fn polls_of_two_lanes_never_get_each_others_numbers() {
    let sim = SimRouter::new("cisco_nxos").with("slow", vec![format!("{OTHER}=40ms")]).with("dead", vec![DEAD]).start();
    let monitor = Monitor::new();
    let polls: Vec<(&str, Started)> = (0..24)
        .map(|i| [UP, OTHER, DEAD][i % 3])
        .map(|target| {
            let more = ["--count", "2", "--timeout", "1s"];
            (target, monitor.start_poll(&at(&sim), "cisco_nxos", target, &more))
        })
        .collect();
    for (target, poll) in polls {
        let answer = poll.wait().json();
        assert_eq!((&answer["target"], &answer["state"]), (&json!(target), &json!(0)), "{answer}");
        let (up, rtt) = (answer["ping"]["up"].as_u64(), answer["ping"]["rtt_avg"].as_f64());
        match target {
            DEAD => assert_eq!((up, rtt), (Some(0), None), "{answer}"),
            OTHER => assert!(up == Some(1) && rtt.is_some_and(|s| s > 0.039), "{answer}"),
            _ => assert!(up == Some(1) && rtt.is_some_and(|s| s < 0.02), "{answer}"),
        }
    }
    assert_eq!(sim.count("login"), 2);
}

/// The owner of /proc/PID is root where a process may not be dumped.
#[test]
fn memory_of_a_master_cannot_be_dumped() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    monitor.poll(&at(&sim), "linux", UP, &["--count", "1", "--deadline", "20s"]).json();
    let pid = monitor.pids()[0];
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("that of a core file");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    if !rustix::process::geteuid().is_root() {
        let closed = std::fs::read(format!("/proc/{pid}/environ")).expect_err("a master that can be dumped");
        assert_eq!(closed.kind(), std::io::ErrorKind::PermissionDenied);
    }
}

#[test]
fn rebuilt_program_starts_a_master_of_its_own() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let program = monitor.path("ddl-monitor");
    let poll = || {
        let mut command = std::process::Command::new(&program);
        command.args(["poll", "--router", &at(&sim), "--platform", "linux", "--target", UP]);
        command.args(["--password", "secret:good", "--deadline", "20s"]);
        command.env_clear().env("HOME", monitor.path("")).env("DDL_MONITOR_CONFIG", monitor.path("ddl-monitor.toml"));
        let output = command.output().expect("ddl-monitor runs");
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        answer["session"].clone()
    };
    std::fs::copy(BINARY, &program).expect("a copy");
    assert_eq!(poll(), "opened");
    assert_eq!(poll(), "reused");
    // The same version, another file.
    std::fs::remove_file(&program).expect("removed");
    std::fs::copy(BINARY, &program).expect("a copy");
    assert_eq!(poll(), "opened");
    assert_eq!(monitor.pids().len(), 2);
}
