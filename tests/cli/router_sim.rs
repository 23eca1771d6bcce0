//! The simulated routers themselves: what they say is what tests of the program rest on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ddl_monitor::platform::{Ending, Platform, find};
use ddl_monitor::probe::{Measurement, Probe, Traceroute, TracerouteResult, When};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use ssh2::{Channel, KeyboardInteractivePrompt, MethodType, Prompt, Session};

use crate::support::sim::{Sim, SimRouter, program};
use crate::support::wait::LIMIT;

struct Shell {
    channel: Channel,
    session: Session,
    seen: Vec<u8>,
}

fn session(address: SocketAddr, prepare: impl FnOnce(&Session)) -> Result<Session, ssh2::Error> {
    let stream = TcpStream::connect(address).expect("the simulated router listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut session = Session::new()?;
    session.set_timeout(LIMIT.as_millis().try_into().expect("milliseconds"));
    session.set_tcp_stream(stream);
    prepare(&session);
    session.handshake()?;
    Ok(session)
}

fn logged_in(address: SocketAddr) -> Session {
    let session = session(address, |_| {}).expect("the handshake");
    session.userauth_password("ddl", "ddl").expect("the login");
    session
}

fn shell_on(session: Session) -> Result<Shell, ssh2::Error> {
    let mut channel = session.channel_session()?;
    channel.request_pty("vt100", None, Some((511, 1000, 0, 0)))?;
    channel.shell()?;
    Ok(Shell { channel, session, seen: Vec::new() })
}

fn shell(address: SocketAddr) -> Shell {
    shell_on(logged_in(address)).expect("a shell")
}

impl Shell {
    fn send(&mut self, bytes: &[u8]) {
        self.channel.write_all(bytes).expect("the session takes what is typed");
    }

    /// Everything up to and with `end`; panics if it never comes.
    fn until(&mut self, end: &str) -> String {
        let mut searched = 0;
        loop {
            let found = self.seen[searched..].windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(place) = found.map(|place| place + searched) {
                let text: Vec<u8> = self.seen.drain(..place + end.len()).collect();
                return String::from_utf8_lossy(&text).into_owned();
            }
            searched = self.seen.len().saturating_sub(end.len());
            let mut buffer = [0; 4096];
            match self.channel.read(&mut buffer) {
                Ok(length) if length > 0 => self.seen.extend_from_slice(&buffer[..length]),
                other => panic!("{end:?} did not come ({other:?}) after {:?}", String::from_utf8_lossy(&self.seen)),
            }
        }
    }

    /// Types a line and returns what is shown up to the next `prompt`, its echo cut off.
    fn ask(&mut self, line: &str, prompt: &str) -> String {
        self.send(format!("{line}\n").as_bytes());
        self.until(line);
        let text = self.until(prompt);
        text.strip_suffix(prompt).unwrap_or(&text).trim_start_matches(['\r', '\n']).to_owned()
    }

    /// Everything that is left until the router closes the session.
    fn rest(mut self) -> String {
        let mut rest = std::mem::take(&mut self.seen);
        let mut buffer = [0; 4096];
        while let Ok(length) = self.channel.read(&mut buffer)
            && length > 0
        {
            rest.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Persona, its prompt, a whole ping of two packets, one that is never answered and its abort key, a line it refuses
/// and the words in which it does, its way out.
struct Case {
    persona: &'static str,
    prompt: &'static str,
    ping: &'static str,
    answer: &'static str,
    endless: &'static str,
    abort: u8,
    aborted: &'static str,
    wrong: &'static str,
    refusal: &'static str,
    leave: &'static str,
}

const CASES: &[Case] = &[
    Case {
        persona: "cisco_iosxe",
        prompt: "r1#",
        ping: "ping 10.0.0.1 repeat 2 timeout 1",
        answer: "Type escape sequence to abort.\r\nSending 2, 100-byte ICMP Echos to 10.0.0.1, timeout is 1 seconds:\r\n\
                 !!\r\nSuccess rate is 100 percent (2/2), round-trip min/avg/max = 3/3/3 ms\r\n",
        endless: "ping 10.0.0.9 repeat 100 timeout 60",
        abort: 0x1e,
        aborted: "\r\nSuccess rate is 0 percent (0/1)\r\n",
        wrong: "ping 10.0.0.1 count 2",
        refusal: "                 ^\r\n% Invalid input detected at '^' marker.\r\n\r\n",
        leave: "exit",
    },
    Case {
        persona: "cisco_iosxr",
        prompt: "RP/0/RSP0/CPU0:r1#",
        ping: "ping 10.0.0.1 count 2 timeout 1",
        answer: "Type escape sequence to abort.\r\nSending 2, 100-byte ICMP Echos to 10.0.0.1, timeout is 1 seconds:\r\n\
                 !!\r\nSuccess rate is 100 percent (2/2), round-trip min/avg/max = 3/3/3 ms\r\n",
        endless: "ping 10.0.0.9 count 100 timeout 36",
        abort: 0x03,
        aborted: "\r\nSuccess rate is 0 percent (0/1)\r\n",
        wrong: "ping 10.0.0.1 count 2 timeout 37",
        refusal: "^\r\n% Invalid input detected at '^' marker.\r\n",
        leave: "exit",
    },
    Case {
        persona: "cisco_nxos",
        prompt: "r1# ",
        ping: "ping 10.0.0.1 count 2 timeout 1 vrf management",
        answer: "PING 10.0.0.1 (10.0.0.1): 56 data bytes\r\r\n\
                 64 bytes from 10.0.0.1: icmp_seq=0 ttl=254 time=3 ms\r\r\n\
                 64 bytes from 10.0.0.1: icmp_seq=1 ttl=254 time=3 ms\r\r\n\r\r\n\
                 --- 10.0.0.1 ping statistics ---\r\r\n\
                 2 packets transmitted, 2 packets received, 0.00% packet loss\r\r\n\
                 round-trip min/avg/max = 3/3/3 ms\r\r\n",
        endless: "ping 10.0.0.9 count 100 timeout 60",
        abort: 0x03,
        aborted: "1 packets transmitted, 0 packets received, 100.00% packet loss\r\r\n",
        wrong: "ping 10.0.0.1 repeat 2",
        refusal: "% Invalid command at '^' marker.\r\r\n",
        leave: "exit",
    },
    Case {
        persona: "huawei_vrp",
        prompt: "<r1>",
        ping: "ping -c 2 -t 1000 -m 1 10.0.0.1",
        answer: "  PING 10.0.0.1: 56  data bytes, press CTRL_C to break\r\n\
                 \x20   Reply from 10.0.0.1: bytes=56 Sequence=1 ttl=254 time=3 ms\r\n\
                 \x20   Reply from 10.0.0.1: bytes=56 Sequence=2 ttl=254 time=3 ms\r\n\r\n\
                 \x20 --- 10.0.0.1 ping statistics ---\r\n    2 packet(s) transmitted\r\n    2 packet(s) received\r\n\
                 \x20   0.00% packet loss\r\n    round-trip min/avg/max = 3/3/3 ms\r\n\r\n",
        endless: "ping -c 100 -t 60000 10.0.0.9",
        abort: 0x03,
        aborted: "    1 packet(s) transmitted\r\n    0 packet(s) received\r\n    100.00% packet loss\r\n",
        wrong: "ping 10.0.0.1 -c 2",
        refusal: "Error:Too many parameters found at '^' position.\r\n",
        leave: "quit",
    },
    Case {
        persona: "h3c_comware",
        prompt: "<r1>",
        ping: "ping -c 2 -t 1000 -m 1 -vpn-instance V 10.0.0.1",
        answer: "Ping 10.0.0.1 (10.0.0.1): 56 data bytes, press CTRL_C to break\r\n\
                 56 bytes from 10.0.0.1: icmp_seq=0 ttl=254 time=3.000 ms\r\n\
                 56 bytes from 10.0.0.1: icmp_seq=1 ttl=254 time=3.000 ms\r\n\r\n\
                 --- Ping statistics for 10.0.0.1 in VPN instance V ---\r\n\
                 2 packet(s) transmitted, 2 packet(s) received, 0.0% packet loss\r\n\
                 round-trip min/avg/max/std-dev = 3.000/3.000/3.000/0.000 ms\r\n",
        endless: "ping -c 100 -t 60000 10.0.0.9",
        abort: 0x03,
        aborted: "1 packet(s) transmitted, 0 packet(s) received, 100.0% packet loss\r\n",
        wrong: "pingg 10.0.0.1",
        refusal: "    ^\r\n % Unrecognized command found at '^' position.\r\n",
        leave: "quit",
    },
    Case {
        persona: "frr",
        prompt: "r1# ",
        ping: "show version",
        answer: "FRRouting 8.4.4 (r1)",
        endless: "ping 10.0.0.9",
        abort: 0x03,
        aborted: "1 packets transmitted, 0 received, 100% packet loss, time ",
        wrong: "ping 10.0.0.1 count 2",
        refusal: "% Unknown command: ping 10.0.0.1 count 2\r\n",
        leave: "exit",
    },
    Case {
        persona: "linux",
        prompt: "ddl@r1:~$ ",
        ping: "ping -n -c 1 -W 2 10.0.0.1",
        answer: "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.\r\n\
                 64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=3.00 ms\r\n\r\n\
                 --- 10.0.0.1 ping statistics ---\r\n1 packets transmitted, 1 received, 0% packet loss, time ",
        endless: "ping -n -c 100 -i 60 10.0.0.9",
        abort: 0x03,
        aborted: "^C\r\n--- 10.0.0.9 ping statistics ---\r\n1 packets transmitted, 0 received, 100% packet loss, time ",
        wrong: "pingg 10.0.0.1",
        refusal: "-bash: pingg: command not found\r\n",
        leave: "exit",
    },
    Case {
        persona: "arista_eos",
        prompt: "r1#",
        ping: "ping ip 10.0.0.1 repeat 1 timeout 1 size 1500 df-bit",
        answer: "PING 10.0.0.1 (10.0.0.1) 1472(1500) bytes of data.\r\n\
                 1480 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=3.00 ms\r\n\r\n\
                 --- 10.0.0.1 ping statistics ---\r\n1 packets transmitted, 1 received, 0% packet loss, time ",
        endless: "ping ip 10.0.0.9 repeat 100 timeout 60",
        abort: 0x03,
        aborted: "^C\r\n--- 10.0.0.9 ping statistics ---\r\n1 packets transmitted, 0 received, 100% packet loss, time ",
        wrong: "ping ip 10.0.0.1 count 2",
        refusal: "% Invalid input\r\n",
        leave: "exit",
    },
    Case {
        persona: "cisco_asa",
        prompt: "r1# ",
        ping: "ping inside 10.0.0.1 repeat 2 timeout 1",
        answer: "Sending 2, 100-byte ICMP Echos to 10.0.0.1, timeout is 1 seconds:\r\n\r\
                 !!\r\n\rSuccess rate is 100 percent (2/2), round-trip min/avg/max = 3/3/3 ms\r\n",
        endless: "ping 10.0.0.9 repeat 100 timeout 60",
        abort: 0x03,
        aborted: "Success rate is 0 percent (0/1)\r\n",
        wrong: "ping 10.0.0.1 count 2",
        refusal: "ERROR: % Invalid input detected at '^' marker.\r\n\r",
        leave: "exit",
    },
    Case {
        persona: "fortinet_fortios",
        prompt: "r1 # ",
        ping: "execute ping 10.0.0.1",
        answer: "PING 10.0.0.1 (10.0.0.1): 56 data bytes\r\n\
                 64 bytes from 10.0.0.1: icmp_seq=0 ttl=110 time=3 ms\r\n",
        endless: "execute ping 10.0.0.9",
        abort: 0x03,
        aborted: "1 packets transmitted, 0 packets received, 100% packet loss\r\n",
        wrong: "execute ping-options repeat-count many",
        refusal: "value parse error before 'many'\r\nCommand fail. Return code -651\r\n",
        leave: "exit",
    },
    Case {
        persona: "juniper_junos",
        prompt: "\r\n{master:0}\r\nddl@r1> ",
        ping: "ping 10.0.0.1 count 1 wait 1 no-resolve",
        answer: "PING 10.0.0.1 (10.0.0.1): 56 data bytes\r\n\
                 64 bytes from 10.0.0.1: icmp_seq=0 ttl=62 time=3.000 ms\r\n\r\n\
                 --- 10.0.0.1 ping statistics ---\r\n1 packets transmitted, 1 packets received, 0% packet loss\r\n\
                 round-trip min/avg/max/stddev = 3.000/3.000/3.000/0.000 ms\r\n",
        endless: "ping 10.0.0.9 no-resolve",
        abort: 0x03,
        aborted: "1 packets transmitted, 0 packets received, 100% packet loss\r\n",
        wrong: "ping 10.0.0.1 repeat 2",
        refusal: "^\r\nsyntax error, expecting <command>.\r\n",
        leave: "exit",
    },
    Case {
        persona: "nokia_sros",
        prompt: "*A:r1# ",
        ping: "ping 10.0.0.1 count 1 timeout 1",
        answer: "PING 10.0.0.1 56 data bytes\r\n64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=3.000ms.\r\n\r\n\
                 ---- 10.0.0.1 PING Statistics ----\r\n1 packet transmitted, 1 packet received, 0.00% packet loss\r\n\
                 round-trip min = 3.000ms, avg = 3.000ms, max = 3.000ms, stddev = 0.000ms\r\n",
        endless: "ping 10.0.0.9 count 100 timeout 10",
        abort: 0x03,
        aborted: "1 packet transmitted, 0 packets received, 100.00% packet loss\r\n",
        wrong: "ping 10.0.0.1 source-address 10.0.0.2",
        refusal: "^\r\nError: Invalid parameter.\r\n",
        leave: "logout",
    },
    Case {
        persona: "nokia_sros_md",
        prompt: "\r\n[/]\r\nA:ddl@r1# ",
        ping: "ping 10.0.0.1 router-instance V count 1 timeout 1",
        answer: "1 packet transmitted, 1 packet received, 0.00% packet loss\r\n",
        endless: "ping 10.0.0.9 count 100 timeout 10",
        abort: 0x03,
        aborted: "1 packet transmitted, 0 packets received, 100.00% packet loss\r\n",
        wrong: "ping 10.0.0.1 router V",
        refusal: "^\r\nMINOR: MGMT_CORE #2201: Unknown element - 'router'\r\n",
        leave: "logout",
    },
    Case {
        persona: "ruijie_os",
        prompt: "r1#",
        ping: "ping 10.0.0.1 ntimes 2 timeout 1",
        answer: "Sending 2, 100-byte ICMP Echoes to 10.0.0.1, timeout is 1 seconds:\r\n\
                 \x20 < press Ctrl+C to break >\r\n!!\r\n\
                 Success rate is 100 percent (2/2), round-trip min/avg/max = 3/3/3 ms.\r\n",
        endless: "ping 10.0.0.9 ntimes 100 timeout 10",
        abort: 0x03,
        aborted: "Success rate is 0 percent (0/1).\r\n",
        wrong: "ping 10.0.0.1 repeat 2",
        refusal: "^\r\n% Invalid input detected at '^' marker.\r\n\r\n",
        leave: "exit",
    },
    Case {
        persona: "vyos",
        prompt: "ddl@r1:~$ ",
        ping: "ping 10.0.0.1 count 1 numeric",
        answer: "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.\r\n\
                 64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=3.00 ms\r\n\r\n\
                 --- 10.0.0.1 ping statistics ---\r\n1 packets transmitted, 1 received, 0% packet loss, time ",
        endless: "ping 10.0.0.9",
        abort: 0x03,
        aborted: "^C\r\n--- 10.0.0.9 ping statistics ---\r\n1 packets transmitted, 0 received, 100% packet loss, time ",
        wrong: "ping 10.0.0.1 repeat 2",
        refusal: "  Invalid command: /usr/libexec/vyos/op_mode/ping 10.0.0.1 repeat 2 [repeat]\r\n\r\n",
        leave: "exit",
    },
    Case {
        persona: "zte_zxros",
        prompt: "r1#",
        ping: "ping 10.0.0.1 repeat 2 timeout 1",
        answer: "sending 2,100-byte ICMP echo(es) to 10.0.0.1,timeout is 1 second(s).\r\n!!\r\n\
                 Success rate is 100 percent(2/2),round-trip min/avg/max= 3/3/3 ms.\r\n",
        endless: "ping 10.0.0.9 repeat 100 timeout 20",
        abort: 0x03,
        aborted: "Success rate is 0 percent(0/1).\r\n",
        wrong: "ping 10.0.0.1 count 2",
        refusal: "^\r\n% Invalid input detected at '^' marker.\r\n\r\n",
        leave: "exit",
    },
];

#[test]
fn every_persona_pings_refuses_aborts_and_leaves_in_its_own_words() {
    let routers = CASES.iter().map(|case| {
        let router = SimRouter::new(case.persona).name(case.persona).with("hostname", "r1").with("rtt", vec!["3ms"]);
        router.with("dead", vec!["10.0.0.9"])
    });
    let sim = Sim::start(routers);
    for case in CASES {
        let mut shell = shell(sim.address(case.persona));
        shell.until(case.prompt);

        let answer = shell.ask(case.ping, case.prompt);
        assert!(answer.contains(case.answer), "{}: {answer:?}", case.persona);

        let refused = shell.ask(case.wrong, case.prompt);
        assert!(refused.ends_with(case.refusal), "{}: {refused:?}", case.persona);

        shell.send(format!("{}\n", case.endless).as_bytes());
        shell.until("10.0.0.9");
        // The header shows that it runs.
        shell.until("10.0.0.9");
        shell.send(&[case.abort]);
        let aborted = shell.until(case.prompt);
        assert!(aborted.contains(case.aborted), "{}: {aborted:?}", case.persona);

        shell.send(format!("{}\n", case.leave).as_bytes());
        shell.rest();
    }
    sim.wait_for_count("closed", CASES.len());
    assert_eq!(sim.count("login"), CASES.len());
}

/// The hops that a platform reads in what its persona says.
fn traced(sim: &Sim, case: &Case, target: &str, abort_behind: Option<&str>) -> Option<TracerouteResult> {
    let platform = Platform::compile(&find(case.persona.trim_end_matches("_md"), None).expect("a definition")).unwrap();
    let asked = Traceroute { target: target.parse().expect("an address"), vrf: None, source: None, when: When::Now };
    let asked = Probe::Traceroute(asked);
    let modes = platform.dialect.modes.iter().filter(|mode| (mode.name == "md_cli") == case.persona.ends_with("_md"));
    let run = modes.filter_map(|mode| platform.run(&asked, &mode.name).ok()).next()?;
    let mut shell = shell(sim.address(case.persona));
    shell.until(case.prompt);
    let text = match abort_behind {
        None => shell.ask(&run.command, case.prompt),
        Some(behind) => {
            shell.send(format!("{}\n", run.command).as_bytes());
            shell.until(&run.command);
            let begin = shell.until(behind);
            shell.send(&[case.abort]);
            format!("{begin}{}", shell.until(case.prompt))
        }
    };
    let text = text.strip_suffix(case.prompt).unwrap_or(&text);
    let ending = match abort_behind {
        None => Ending::Complete,
        Some(_) => Ending::Aborted { after: Duration::from_secs(1), planned: false },
    };
    match platform.read(&asked, &run, text, ending) {
        Ok(Measurement::Traceroute(found)) => Some(found),
        other => panic!("{}: {other:?} in {text:?}", case.persona),
    }
}

#[test]
fn every_persona_that_traces_does_so_hop_by_hop_and_stops_at_its_abort_key() {
    let router = |name: &'static str| {
        let router = SimRouter::new(name).name(name).with("hostname", "r1").with("dead", vec!["10.0.0.9"]);
        router.with("traceroute_hops", 3)
    };
    let quick = Sim::start(CASES.iter().map(|case| router(case.persona)));
    let slow = Sim::start(CASES.iter().map(|case| router(case.persona).with("traceroute_stalls", 2)));
    let mut personas = 0;
    for case in CASES {
        let Some(found) = traced(&quick, case, "10.0.0.1", None) else { continue };
        personas += 1;
        assert_eq!((found.reached, found.complete, found.hops.len()), (1, true, 3), "{}: {found:?}", case.persona);
        assert_eq!(found.hops[1].address, "10.255.0.2".parse().ok(), "{}", case.persona);
        let found = traced(&slow, case, "10.0.0.9", Some("10.255.0.1")).expect("hops");
        assert_eq!((found.reached, found.complete, found.hops.len()), (0, false, 1), "{}: {found:?}", case.persona);
        let found = traced(&quick, case, "10.0.0.9", None).expect("hops");
        assert_eq!((found.reached, found.hops.len(), found.hops[14].address), (0, 15, None), "{}", case.persona);
    }
    assert!(personas >= 14, "{personas} personas");
}

#[test]
fn lost_slow_and_unreachable_packets_are_counted_as_the_router_would() {
    let sim = SimRouter::new("cisco_iosxe")
        .with("lose_every", 3)
        .with("slow", vec!["10.0.0.5=5s"])
        .with("unreachable", vec!["10.0.0.8"])
        .with("no_route", vec!["2001:db8::7"])
        .with("vrf", vec!["blue"])
        .start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1#");
    let partial = shell.ask("ping vrf blue 10.0.0.1 repeat 7 timeout 0", "r1#");
    assert!(partial.contains("!!.!!.!\r\nSuccess rate is 71 percent (5/7), round-trip"), "{partial:?}");
    let slow = shell.ask("ping 10.0.0.5 repeat 1 timeout 0", "r1#");
    assert!(slow.contains(".\r\nSuccess rate is 0 percent (0/1)\r\n"), "{slow:?}");
    let unreachable = shell.ask("ping 10.0.0.8 repeat 2", "r1#");
    assert!(unreachable.contains("UU\r\nSuccess rate is 0 percent (0/2)\r\n"), "{unreachable:?}");
    let no_route = shell.ask("ping ipv6 2001:db8::7", "r1#");
    assert!(
        no_route.contains("% No valid route for destination\r\nSuccess rate is 0 percent (0/1)\r\n"),
        "{no_route:?}"
    );
    let unknown = shell.ask("ping vrf red 10.0.0.1", "r1#");
    assert!(unknown.contains("% VRF red does not exist"), "{unknown:?}");
}

#[test]
fn what_is_typed_during_a_ping_runs_afterwards_on_ios() {
    let sim = SimRouter::new("cisco_iosxe").with("dead", vec!["10.0.0.9"]).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1#");
    shell.send(b"ping 10.0.0.9 repeat 2 timeout 1\nshow privilege\n");
    let text = shell.until("Current privilege level is 15");
    assert!(text.contains("Success rate is 0 percent (0/2)\r\nr1#show privilege\r\n"), "{text:?}");
    assert_eq!(sim.commands(), ["ping 10.0.0.9 repeat 2 timeout 1", "show privilege"]);
    assert_eq!(sim.bytes(), r"ping 10.0.0.9 repeat 2 timeout 1\nshow privilege\n");
}

#[test]
fn user_mode_takes_only_the_plain_ping_until_the_secret_is_given() {
    let sim = SimRouter::new("cisco_iosxe").with("enable_secret", "hush").start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1>");
    assert!(shell.ask("ping 10.0.0.1", "r1>").contains("(5/5)"));
    assert!(shell.ask("ping 10.0.0.1 repeat 2", "r1>").contains("% Invalid input detected"));
    shell.ask("enable", "Password: ");
    shell.send(b"wrong\n");
    shell.until("Password: ");
    shell.send(b"hush\n");
    let shown = shell.until("r1#");
    assert!(!shown.contains("hush"), "{shown:?}");
    assert!(shell.ask("ping 10.0.0.1 repeat 2", "r1#").contains("(2/2)"));
}

#[test]
fn the_pager_waits_for_a_key_until_it_is_switched_off() {
    let sim = SimRouter::new("huawei_vrp").start();
    let mut shell = shell(sim.address("r1"));
    shell.until("<r1>");
    let first = shell.ask("display version", "---- More ----");
    assert!(!first.contains("<r1>"), "{first:?}");
    shell.send(b" ");
    shell.until("\u{1b}[16D");
    shell.until("<r1>");
    assert!(shell.ask("screen-length 0 temporary", "<r1>").contains("current user terminal interface only"));
    assert!(!shell.ask("display version", "<r1>").contains("More"));
}

#[test]
fn a_question_after_the_login_takes_no_for_an_answer() {
    let sim = SimRouter::new("huawei_vrp").with("dialogue", vec!["change-now"]).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("Change now? [Y/N]:");
    shell.send(b"N\n");
    shell.until("<r1>");
}

#[test]
fn routeros_shows_rows_and_takes_the_terminals_options_behind_the_users_name() {
    let sim = SimRouter::new("mikrotik_routeros").with("rtt", vec!["3ms"]).with("dead", vec!["10.0.0.9"]).start();
    let session = session(sim.address("r1"), |_| {}).expect("the handshake");
    session.userauth_password("ddl+ct511w4098h", "ddl").expect("the login");
    let mut plain = shell_on(session).expect("a shell");
    assert!(!plain.until("[ddl@r1] > ").contains('\u{1b}'));
    let answer = plain.ask("/ping 10.0.0.1 count=2 interval=20ms", "[ddl@r1] > ");
    let row = |seq: u32| format!("    {seq} 10.0.0.1                                   56  64 3ms\r\n");
    assert!(answer.contains(&(row(0) + &row(1))), "{answer:?}");
    let counters = "    sent=2 received=2 packet-loss=0% min-rtt=3ms avg-rtt=3ms max-rtt=3ms \r\n";
    assert!(answer.ends_with(counters), "{answer:?}");
    plain.send(b"/ping 10.0.0.9\n");
    plain.until("timeout\r\n");
    plain.send(b"\x03");
    assert!(plain.until("[ddl@r1] > ").contains(" received=0 packet-loss=100%"));
    assert_eq!(plain.ask("/ping 10.0.0.1 count=0", "[ddl@r1] > "), "invalid value for argument 0\r\n");
    plain.send(b"/quit\n");
    plain.rest();
    // Without them it draws in colours.
    assert!(shell(sim.address("r1")).until("[ddl@r1] > ").contains('\u{1b}'));
}

#[test]
fn an_old_comware_greets_with_nul_bytes() {
    let sim = SimRouter::new("h3c_comware_v5").start();
    let greeting = shell(sim.address("r1")).until("<r1>");
    assert!(greeting.starts_with("\r\r\n\0****"), "{greeting:?}");
    assert!(greeting.ends_with("\r\r\n\r\r\n\0<r1>"), "{greeting:?}");
}

#[test]
fn when_all_lines_are_in_use_the_next_login_is_turned_away_and_a_logout_frees_one() {
    let full = |how: &str| SimRouter::new("h3c_comware").name(how).with("vty_limit", 1).with("vty_full", how);
    let sim = Sim::start([full("text"), full("channel"), full("tcp")]);

    let mut first = shell(sim.address("text"));
    first.until("<text>");
    assert!(shell(sim.address("text")).rest().contains("All user interfaces are used, please try later!"));
    first.send(b"quit\n");
    first.rest();
    shell(sim.address("text")).until("<text>");

    let mut held = shell(sim.address("channel"));
    held.until("<channel>");
    assert!(shell_on(logged_in(sim.address("channel"))).is_err());

    let mut held = shell(sim.address("tcp"));
    held.until("<tcp>");
    assert!(session(sim.address("tcp"), |_| {}).is_err());
    assert_eq!(sim.count("busy"), 3);
}

#[test]
fn a_legacy_router_takes_sha_1_and_nothing_else() {
    let sim = SimRouter::new("cisco_iosxe").with("legacy", true).start();
    let prefer = |kex: &'static str, key: &'static str, mac: &'static str| {
        move |session: &Session| {
            session.method_pref(MethodType::Kex, kex).expect("known to libssh2");
            session.method_pref(MethodType::HostKey, key).expect("known to libssh2");
            session.method_pref(MethodType::MacCs, mac).expect("known to libssh2");
            session.method_pref(MethodType::MacSc, mac).expect("known to libssh2");
        }
    };
    let address = sim.address("r1");
    assert!(session(address, prefer("curve25519-sha256", "ssh-ed25519", "hmac-sha2-256")).is_err());
    let old = session(address, prefer("diffie-hellman-group14-sha1", "ssh-rsa", "hmac-sha1")).expect("the handshake");
    old.userauth_password("ddl", "ddl").expect("the login");
    shell_on(old).expect("a shell").until("r1#");
}

#[test]
fn a_refused_password_is_logged_without_it_and_options_change_while_it_runs() {
    let mut sim = SimRouter::new("cisco_iosxe").user("ops", "canary-1").start();
    let address = sim.address("r1");
    let attempt = session(address, |_| {}).expect("the handshake");
    assert!(attempt.userauth_password("ops", "canary-2").is_err());
    sim.wait_for_count("refused", 1);
    sim.change("r1", "user", vec!["ops:canary-2"]);
    let attempt = session(address, |_| {}).expect("the handshake");
    attempt.userauth_password("ops", "canary-2").expect("the changed password");
    sim.wait_for_count("login", 1);
    let logins: Vec<String> =
        sim.events().iter().filter(|event| event["user"] == "ops").map(ToString::to_string).collect();
    assert_eq!(logins.len(), 2);
    assert!(logins.iter().all(|login| !login.contains("canary")), "{logins:?}");
}

#[test]
fn a_connection_is_cut_in_mid_answer_once_if_told_so() {
    let sim = SimRouter::new("cisco_iosxe").with("drop_after", 60).with("drop", "once").start();
    let mut cut = shell(sim.address("r1"));
    cut.until("r1#");
    cut.send(b"ping 10.0.0.1\n");
    let rest = cut.rest();
    assert!(rest.contains("Type escape") && !rest.contains("Success"), "{rest:?}");
    let mut again = shell(sim.address("r1"));
    again.until("r1#");
    assert!(again.ask("ping 10.0.0.1", "r1#").contains("(5/5)"));
}

#[test]
fn a_router_that_is_cut_off_ends_its_sessions_and_takes_new_ones() {
    let mut sim = SimRouter::new("cisco_iosxr").start();
    let mut held = shell(sim.address("r1"));
    held.until("#");
    sim.cut("r1");
    held.rest();
    sim.wait_for_count("closed", 1);
    shell(sim.address("r1")).until("#");
}

#[test]
fn without_echo_only_the_answer_is_shown() {
    let answers = toml::Table::from_iter([("show interfaces Gi0/1".to_owned(), "Gi0/1 is up\n".into())]);
    let sim = SimRouter::new("cisco_iosxe").with("no_echo", true).with("answers", answers).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1#");
    shell.send(b"show interfaces Gi0/1\n");
    assert_eq!(shell.until("r1#"), "Gi0/1 is up\r\nr1#");
}

#[test]
fn an_idle_session_is_closed_after_the_exec_timeout() {
    let sim = SimRouter::new("cisco_iosxe").with("exec_timeout", "100ms").start();
    let mut idle = shell(sim.address("r1"));
    idle.until("r1#");
    idle.rest();
    sim.wait_for("the time-out", |events| events.iter().any(|event| event["reason"] == "idle"));
}

#[test]
fn a_flood_can_be_read_to_its_end() {
    let sim = SimRouter::new("cisco_iosxe").with("flood", 3_000_000).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1#");
    shell.send(b"ping 10.0.0.1\n");
    assert!(shell.until("Success rate is 100 percent").len() > 3_000_000);
}

#[test]
fn the_simulator_ends_when_its_standard_input_is_closed() {
    let sim = SimRouter::new("linux").start();
    let mut held = shell(sim.address("r1"));
    held.until("$ ");
    assert!(sim.end().success());
}

struct AlwaysDdl;

impl KeyboardInteractivePrompt for AlwaysDdl {
    fn prompt<'a>(&mut self, _: &str, _: &str, prompts: &[Prompt<'a>]) -> Vec<String> {
        vec!["ddl".to_owned(); prompts.len()]
    }
}

#[test]
fn a_router_offers_only_the_login_methods_it_is_told_to() {
    let asking = |name: &str| SimRouter::new("cisco_iosxe").name(name).with("auth", vec!["keyboard-interactive"]);
    let sim = Sim::start([asking("plain"), asking("token").with("token", true)]);
    let attempt = session(sim.address("plain"), |_| {}).expect("the handshake");
    assert_eq!(attempt.auth_methods("ddl").expect("the methods"), "keyboard-interactive");
    assert!(attempt.userauth_password("ddl", "ddl").is_err());
    attempt.userauth_keyboard_interactive("ddl", &mut AlwaysDdl).expect("the login");
    let attempt = session(sim.address("token"), |_| {}).expect("the handshake");
    assert!(attempt.userauth_keyboard_interactive("ddl", &mut AlwaysDdl).is_err());
    assert_eq!(sim.count("token_asked"), 1);
}

#[test]
fn a_public_key_on_file_logs_in_and_another_does_not() {
    let make = || PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).expect("a key");
    let (known, unknown) = (make(), make());
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("known.pub");
    std::fs::write(&file, known.public_key().to_openssh().expect("its text")).expect("writing the key");
    let sim = SimRouter::new("linux").with("authorized_key", vec![file.display().to_string()]).start();
    let log_in = |key: &PrivateKey| {
        let pem = key.to_openssh(LineEnding::LF).expect("its text");
        let attempt = session(sim.address("r1"), |_| {}).expect("the handshake");
        attempt.userauth_pubkey_memory("ddl", None, &pem, None).map(|()| attempt)
    };
    assert!(log_in(&unknown).is_err());
    shell_on(log_in(&known).expect("the login")).expect("a shell").until("ddl@r1:~$ ");
}

#[test]
fn a_host_key_stays_the_same_over_a_restart_until_a_new_one_is_asked_for() {
    let key = |sim: &Sim| {
        let met = session(sim.address("r1"), |_| {}).expect("the handshake");
        met.host_key().expect("a host key").0.to_vec()
    };
    let first = key(&SimRouter::new("cisco_iosxe").start());
    let mut sim = SimRouter::new("cisco_iosxe").start();
    assert_eq!(key(&sim), first);
    sim.change("r1", "host_key", "random");
    assert_ne!(key(&sim), first);
}

#[test]
fn an_answer_can_name_another_target_once_and_hold_log_lines() {
    let sim = SimRouter::new("cisco_iosxr").with("wrong_header", "once").with("syslog", true).with("chunk", 1).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("CPU0:r1#");
    let mixed_up = shell.ask("ping 10.0.0.1", "CPU0:r1#");
    assert!(mixed_up.contains("ICMP Echos to 192.0.2.77,"), "{mixed_up:?}");
    let true_one = shell.ask("ping 10.0.0.1", "CPU0:r1#");
    assert!(true_one.contains("ICMP Echos to 10.0.0.1,"), "{true_one:?}");
    assert!(
        true_one.contains("!\r\nRP/0/RSP0/CPU0:") && true_one.contains("changed state to Up\r\n!!!!\r\n"),
        "{true_one:?}"
    );
}

#[test]
fn a_router_falls_silent_as_it_is_told_to() {
    let sim = Sim::start([
        SimRouter::new("cisco_nxos").name("connect").with("silence", "connect"),
        SimRouter::new("cisco_nxos").name("shell").with("silence", "shell"),
        SimRouter::new("cisco_nxos").name("later").with("stop_after", 1).with("prompt_early", true),
    ]);
    let handshake = session(sim.address("connect"), |session| session.set_timeout(100));
    assert!(handshake.is_err());
    let heard = |mut shell: Shell| {
        shell.session.set_timeout(100);
        shell.channel.read(&mut [0; 100])
    };
    assert!(heard(shell(sim.address("shell"))).is_err());
    let mut later = shell(sim.address("later"));
    later.until("later# ");
    later.send(b"show clock\n");
    later.until("later# show clock\r\r\n");
    later.until("NTP\r\r\nlater# ");
    later.send(b"show clock\n");
    later.until("show clock\r\r\n");
    assert!(heard(later).is_err());
    assert_eq!(sim.count("command"), 2);
}

#[test]
fn a_mistake_in_an_option_or_a_lab_file_is_said_in_one_line() {
    let refused = |arguments: &[&str]| {
        let output = std::process::Command::new(program()).args(arguments).output().expect("router-sim runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--persona", "cisco"]).contains("no persona is called `cisco`: take one of cisco_iosxe,"));
    assert!(refused(&["--rtt", "5"]).contains("`5` is not a time: write 200ms, 1.5s or 2m"));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("lab.toml");
    std::fs::write(&file, "[[router]]\nwrong = 1\n").expect("writing the lab file");
    let said = refused(&[&file.display().to_string()]);
    assert!(said.contains("router 1: unknown field `wrong`"), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
}

/// The records of all pings of a router.
fn pings(sim: &Sim) -> Vec<serde_json::Value> {
    sim.events().into_iter().filter(|event| event["event"] == "ping").collect()
}

#[test]
fn random_loss_comes_again_and_is_recorded() {
    let lost = || {
        let sim = SimRouter::new("cisco_iosxe").with("lose_random", vec!["10.0.0.5=0.5"]).start();
        let mut shell = shell(sim.address("r1"));
        shell.until("r1#");
        let answer = shell.ask("ping 10.0.0.5 repeat 60 timeout 0", "r1#");
        let record = pings(&sim).remove(0);
        let lost = record["lost"].as_array().expect("packets").len();
        assert_eq!(answer.matches('!').count(), 60 - lost, "{answer:?} {record}");
        assert_eq!(record["answered"].as_array().map(Vec::len), Some(60 - lost), "{record}");
        assert_eq!((&record["sent"], &record["ending"]), (&60.into(), &"complete".into()), "{record}");
        assert!((10..50).contains(&lost), "{record}");
        record["lost"].clone()
    };
    assert_eq!(lost(), lost());
}

#[test]
fn unique_times_tell_one_ping_from_another() {
    let sim = SimRouter::new("cisco_nxos").with("unique_times", true).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1# ");
    let answers = ["10.0.0.1", "10.0.0.2"].map(|target| shell.ask(&format!("ping {target} count 2"), "r1# "));
    for (answer, record) in answers.iter().zip(pings(&sim)) {
        let [min, avg, max] = [0, 1, 2].map(|place| record["times"][place].as_str().expect("a time").to_owned());
        assert!(answer.contains(&format!("min/avg/max = {min}/{avg}/{max} ms")), "{answer:?} {record}");
    }
    assert_ne!(pings(&sim)[0]["times"], pings(&sim)[1]["times"]);
}

#[test]
fn statistics_can_stand_behind_the_prompt_or_in_what_follows() {
    for fault in ["late-statistics", "statistics-in-next"] {
        let sim = SimRouter::new("cisco_iosxe").with("fault", vec![fault]).with("fault_time", "10ms").start();
        let mut shell = shell(sim.address("r1"));
        shell.until("r1#");
        let first = shell.ask("ping 10.0.0.1 repeat 2", "r1#");
        assert!(first.contains("!!") && !first.contains("Success"), "{fault}: {first:?}");
        // Enough to show for the late text to come into it.
        shell.send(b"show version\n");
        shell.until("(2/2)");
    }
}

#[test]
fn a_prompt_can_appear_in_the_middle_of_an_answer() {
    let sim = SimRouter::new("cisco_iosxe").with("fault", vec!["redrawn-prompt"]).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1#");
    shell.send(b"ping 10.0.0.1 repeat 2\n");
    let answer = shell.until("(2/2)");
    assert_eq!(answer.matches("r1#").count(), 1, "{answer:?}");
}

#[test]
fn an_abort_key_before_the_start_ends_a_late_ping_at_its_first_packet() {
    let late = SimRouter::new("cisco_iosxe").with("fault", vec!["late-start"]).with("fault_time", "60m");
    let sim = late.with("dead", vec!["10.0.0.9"]).start();
    let mut shell = shell(sim.address("r1"));
    shell.until("r1#");
    shell.send(b"ping 10.0.0.9 repeat 100 timeout 60\n");
    shell.until("timeout 60\r\n");
    shell.send(b"\x1e");
    let answer = shell.until("(0/1)");
    assert!(answer.contains("Sending 100"), "{answer:?}");
}
