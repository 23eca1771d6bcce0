//! The lab itself: before anything is measured through it, its parts must do what they claim. Needs root.

use crate::support::frr::Frr;
use crate::support::netns::{self, Netns, run};
use crate::support::parent::{Kind, Parent, descriptors};
use crate::support::real_router::RealRouter;
use crate::support::responder::{Count, Responder, Rule};
use crate::support::system_user::SystemUser;
use crate::support::wait::{self, LIMIT};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

/// What `ping` inside says; the exit status is its own matter.
fn ping(netns: &Netns, words: &str) -> String {
    let output = netns.command("ping").env("LC_ALL", "C").args(words.split(' ')).output().expect("ping starts");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn every_third_packet_is_dropped_and_ping_counts_the_same() {
    let netns = Netns::new();
    let responder = Responder::start(&netns);
    for target in ["198.18.0.3", "2001:db8:1::3"] {
        responder.rule(target, Rule::drop_every(3));
        let said = ping(&netns, &format!("-n -c 10 -i 0.02 -W 5 {target}"));
        assert!(said.contains("10 packets transmitted, 7 received, 30% packet loss"), "{said}");
        assert_eq!(responder.count(target), Count { seen: 10, answered: 7, dropped: 3 });
    }
}

#[test]
fn a_silent_target_sees_every_packet_and_answers_none() {
    let netns = Netns::new();
    let responder = Responder::start(&netns);
    responder.rule("198.18.0.9", Rule::silent());
    let said = ping(&netns, "-n -c 4 -i 0.02 -W 0.1 198.18.0.9");
    assert!(said.contains("4 packets transmitted, 0 received, 100% packet loss"), "{said}");
    assert_eq!(responder.count("198.18.0.9"), Count { seen: 4, answered: 0, dropped: 4 });
    assert_eq!(responder.count("198.18.0.1"), Count::default());
}

#[test]
fn answers_are_delayed_and_doubled_as_the_rule_says() {
    let netns = Netns::new();
    let responder = Responder::start(&netns);
    responder.rule("198.18.0.4", Rule::default().delay(Duration::from_millis(40)));
    responder.rule("2001:db8:1::5", Rule::default().twice());
    let said = ping(&netns, "-n -c 3 -i 0.02 198.18.0.4");
    let least: f64 = said.split("mdev = ").nth(1).and_then(|r| r.split('/').next()?.parse().ok()).expect(&said);
    assert!((40.0..100.0).contains(&least), "{said}");
    // The second copy of the last answer comes after ping has left.
    let said = ping(&netns, "-n -c 3 -i 0.02 2001:db8:1::5");
    assert!(said.contains("3 packets transmitted, 3 received, +2 duplicates"), "{said}");
    assert_eq!(responder.count("2001:db8:1::5"), Count { seen: 3, answered: 3, dropped: 0 });
}

#[test]
fn a_router_that_cannot_send_says_why() {
    let netns = Netns::new();
    let responder = Responder::start(&netns);
    for (target, said) in [
        (netns::BLACKHOLE, "connect: Invalid argument"),
        (netns::UNREACHABLE, "connect: No route to host"),
        (netns::PROHIBITED, "Do you want to ping broadcast?"),
        (netns::NO_ROUTE, "connect: Network is unreachable"),
        (netns::NO_ROUTE_V6, "connect: Network is unreachable"),
    ] {
        let answer = ping(&netns, &format!("-n -c 1 {target}"));
        assert!(answer.contains(said), "{target}: {answer}");
    }
    for target in ["198.18.0.6", "2001:db8:1::6"] {
        responder.rule(target, Rule::unreachable());
        let answer = ping(&netns, &format!("-n -c 2 -i 0.02 -W 0.2 {target}"));
        assert!(answer.contains("2 packets transmitted, 0 received, +2 errors, 100% packet loss"), "{answer}");
        assert_eq!(responder.count(target), Count { seen: 2, answered: 0, dropped: 2 });
    }
}

#[test]
fn the_host_reaches_the_name_space_and_nothing_of_it_remains() {
    let netns = Netns::new();
    let name = netns.name().to_owned();
    run(Command::new("ping").args(["-n", "-c", "1", "-W", "2", &netns.address().to_string()]));
    run(Command::new("ping").args(["-n", "-c", "1", "-W", "2", &netns.address_v6().to_string()]));
    // A process that is still inside must not keep it.
    let mut inside = netns.command("sleep").arg("600").spawn().expect("sleep starts");
    wait::until("sleep to be inside", || {
        run(Command::new("ip").args(["netns", "pids", &name])).contains(&inside.id().to_string()).then_some(())
    });
    drop(netns);
    assert!(!inside.wait().expect("our child").success());
    assert!(!run(Command::new("ip").args(["netns", "list"])).contains(&name));
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    // A process id above the kernel's largest: no such run lives.
    let name = "ddl-99999999-0";
    drop(Netns::new());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).expect("a leftover");
    run(Command::new("ip").args(["netns", "add", name]));
    // As it is in another process' hands too, its end is all that can be asked for.
    let netns = Netns::new();
    assert!(!run(Command::new("ip").args(["netns", "list"])).contains(name));
    let _frr = Frr::start(&netns);
    assert!(!directory.exists());
}

#[test]
fn frr_answers_its_own_shell() {
    let netns = Netns::new();
    let frr = Frr::start(&netns);
    assert!(frr.vtysh("show interface uplink").contains("Interface uplink is up"));
    assert!(frr.vtysh("show daemons").contains("zebra staticd"), "{}", frr.vtysh("show daemons"));
}

/// A login as a person's terminal makes one: what was said is read up to where `end` stands last.
struct Terminal(ssh2::Channel, TcpStream);

impl Terminal {
    fn open(router: SocketAddr, user: &SystemUser) -> Self {
        let mut session = ssh2::Session::new().expect("a session");
        session.set_timeout(LIMIT.as_millis().try_into().expect("milliseconds"));
        let stream = TcpStream::connect(router).expect("sshd listens");
        session.set_tcp_stream(stream.try_clone().expect("a copy"));
        session.handshake().expect("a key exchange");
        session.userauth_password(&user.name, &user.password).expect("the password is right");
        let mut channel = session.channel_session().expect("a channel");
        channel.request_pty("vt100", None, Some((512, 24, 0, 0))).expect("a terminal");
        channel.shell().expect("a shell");
        Self(channel, stream)
    }

    fn type_in(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("the session lives");
    }

    fn read_to(&mut self, end: &str) -> String {
        self.read(end, |said| said.ends_with(end.as_bytes()))
    }

    /// More may have come behind it.
    fn read_past(&mut self, part: &str) {
        self.read(part, |said| said.windows(part.len()).any(|window| window == part.as_bytes()));
    }

    fn read(&mut self, end: &str, is_there: impl Fn(&[u8]) -> bool) -> String {
        let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
        while !is_there(&said) {
            let length = self.0.read(&mut buffer).unwrap_or_else(|e| {
                panic!("waiting for {end:?}: {e}; so far: {:?}", String::from_utf8_lossy(&said));
            });
            assert!(length > 0, "the session ended: {:?}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8(said).expect("text")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // libssh2 waits for the end of the channel as long as something comes: with an endless ping for ever.
        let _ = self.1.shutdown(std::net::Shutdown::Both);
    }
}

#[test]
fn a_login_to_frr_gets_vtysh_and_its_endless_ping_counts_what_the_responder_saw() {
    let router = RealRouter::start();
    router.responder.rule("198.18.0.2", Rule::drop_every(2));
    let mut terminal = Terminal::open(router.address(), &router.user);
    assert!(terminal.read_to("edge1# ").contains("Hello, this is FRRouting"));
    terminal.type_in("terminal length 0\n");
    assert_eq!(terminal.read_to("edge1# "), "terminal length 0\r\nedge1# ");
    terminal.type_in("ping 198.18.0.2\n");
    // An abort before the header would eat the command.
    terminal.read_past("bytes of data.\r\n");
    wait::until("three packets", || (router.responder.count("198.18.0.2").seen >= 3).then_some(()));
    terminal.type_in("\x03");
    let said = terminal.read_to("edge1# ");
    let Count { seen, answered, dropped } = router.responder.count("198.18.0.2");
    let counters = format!("{seen} packets transmitted, {answered} received");
    // A reply may come between the key and the end of the ping.
    let (_, after_the_key) = said.split_once("^C").expect("the key's echo");
    assert!(after_the_key.contains(&format!("\r\n--- 198.18.0.2 ping statistics ---\r\n{counters}")), "{said:?}");
    assert_eq!((answered, dropped), (seen.div_ceil(2), seen / 2));
    terminal.type_in(&format!("ping {}\n", netns::NO_ROUTE));
    assert!(terminal.read_to("edge1# ").contains("Network is unreachable"));
    // What the router is told changes what its ping says.
    router.frr.vtysh(&format!("configure\nip route {}/32 blackhole", netns::NO_ROUTE));
    wait::until("the new route", || {
        terminal.type_in(&format!("ping {}\n", netns::NO_ROUTE));
        terminal.read_to("edge1# ").contains("Invalid argument").then_some(())
    });
    assert_eq!(router.logins(), (1, 0));
}

#[test]
fn a_login_over_ipv6_gets_a_plain_shell_that_may_ping() {
    let router = RealRouter::start();
    let user = router.shell_user("/bin/dash");
    let mut terminal = Terminal::open(router.address_v6(), &user);
    terminal.read_to("$ ");
    terminal.type_in("ping -n -c 3 -i 0.2 2001:db8:1::1\n");
    let said = terminal.read_to("\r\n$ ");
    assert!(said.contains("3 packets transmitted, 3 received, 0% packet loss"), "{said:?}");
    assert_eq!(router.responder.count("2001:db8:1::1").answered, 3);
}

#[test]
fn a_check_runs_as_zabbix_runs_it() {
    let parent = Parent::new(Kind::Agent, LIMIT);
    let script = "echo out; echo err >&2; umask; pwd; echo ${HOME-none}; cut -d' ' -f1,5 /proc/self/stat; readlink /proc/self/fd/0; readlink /proc/self/fd/7; exit 3";
    let outcome = parent.run("sh", &["-c", script], &[("DDL_MONITOR_STATE", "/x")]);
    let lines: Vec<&str> = outcome.output.lines().collect();
    assert_eq!(lines[..5], ["out", "err", "0002", "/", "none"], "{}", outcome.output);
    assert_eq!(lines[6], "/dev/null");
    assert!(lines[7].starts_with("socket:["), "{}", outcome.output);
    let own = rustix::process::getpgrp().as_raw_nonzero().to_string();
    assert!(!lines[5].ends_with(&format!(" {own}")), "its own process group: {}", lines[5]);
    assert_eq!(outcome.status.and_then(|status| status.code()), Some(3));
    assert!(!outcome.timed_out && outcome.holders().is_empty());
}

#[test]
fn a_check_that_is_late_is_killed_with_its_whole_group() {
    let parent = Parent::new(Kind::Agent, Duration::from_secs(2));
    let outcome = parent.run("sh", &["-c", "sleep 600 & echo $!; wait"], &[]);
    assert!(outcome.timed_out && !outcome.hung);
    let child: u32 = outcome.output.trim().parse().expect("a process id");
    wait::until("the child to be gone", || descriptors(child).is_empty().then_some(()));
}

#[test]
fn what_leaves_the_group_is_spared_and_its_descriptors_are_seen() {
    let parent = Parent::new(Kind::Agent, LIMIT);
    let script = "setsid sleep 600 >/dev/null 2>&1 & echo $!";
    let outcome = parent.run("sh", &["-c", script], &[]);
    assert!(!outcome.timed_out);
    let child: u32 = outcome.output.trim().parse().expect("a process id");
    // It let go of the pipe, so the check ended in time, but it holds the leaked socket twice.
    assert_eq!(outcome.holders(), [child]);
    let inherited = outcome.inherited_by(child);
    assert!(inherited.len() == 2 && inherited.iter().all(|link| link.starts_with("socket:[")), "{inherited:?}");
    let pid = rustix::process::Pid::from_raw(child.cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
}

#[test]
fn agent_2_waits_beyond_its_time_out_for_the_end_of_the_pipe() {
    // Agent 2 waits on and reads what the script prints after the time-out.
    let script = "setsid sh -c 'sleep 5; echo late' & exec sleep 600";
    let run = |kind| Parent::new(kind, Duration::from_secs(2)).run("sh", &["-c", script], &[]);
    let (one, two) = (run(Kind::Agent), run(Kind::Agent2));
    assert!(one.timed_out && one.output.is_empty(), "{}", one.output);
    assert!(two.timed_out && !two.hung && two.output == "late\n", "{}", two.output);
}
