//! Whose an answer is. On a session its header and its statistics name the target, or it is not an answer; what is left of an
//! earlier ping never becomes the number of this one.

use super::{mode, platform, probe};
use ddl_monitor::failure::Kind;
use ddl_monitor::platform::{Ending, Unread};
use ddl_monitor::probe::{Measurement, PingResult, ProbeKind, Reason};
use std::time::Duration;

const TARGET: &str = "192.0.2.1";
const OTHER: &str = "192.0.2.7";

/// A whole answer to five packets, header and statistics apart: `{}` is the target.
const TITLED: [(&str, &str, &str); 10] = [
    ("arista_eos", "PING {} ({}) 72(100) bytes of data.\n", IPUTILS),
    ("cisco_nxos", "PING {} ({}): 56 data bytes\n", BSD),
    ("fortinet_fortios", "PING {} ({}): 56 data bytes\n", BSD),
    ("frr", "PING {} ({}) 56(84) bytes of data.\n", IPUTILS),
    (
        "h3c_comware",
        "Ping {} ({}): 56 data bytes, press CTRL+C to break\n",
        "--- Ping statistics for {} in VPN instance a ---\n5 packet(s) transmitted, 5 packet(s) received, 0.0% packet loss\n\
         round-trip min/avg/max/std-dev = 1.000/1.500/2.000/0.100 ms\n",
    ),
    (
        "huawei_vrp",
        "  PING {}: 56  data bytes, press CTRL_C to break\n",
        "  --- {} ping statistics ---\n    5 packet(s) transmitted\n    5 packet(s) received\n    0.00% packet loss\n    \
         round-trip min/avg/max = 1/2/3 ms\n",
    ),
    ("juniper_junos", "PING {} ({}): 56 data bytes\n", BSD),
    ("linux", "PING {} ({}) 56(84) bytes of data.\n", IPUTILS),
    (
        "nokia_sros",
        "PING {} 56 data bytes\n",
        "---- {} PING Statistics ----\n5 packets transmitted, 5 packets received, 0.00% packet loss\n\
         round-trip min = 1.000ms, avg = 1.500ms, max = 2.000ms, stddev = 0.079ms\n",
    ),
    ("vyos", "PING {} ({}) 56(84) bytes of data.\n", IPUTILS),
];

const IPUTILS: &str = "\n--- {} ping statistics ---\n5 packets transmitted, 5 received, 0% packet loss, time 4005ms\n\
                       rtt min/avg/max/mdev = 1.000/1.500/2.000/0.010 ms\n";
const BSD: &str = "\n--- {} ping statistics ---\n5 packets transmitted, 5 packets received, 0.00% packet loss\n\
                   round-trip min/avg/max = 1.000/1.500/2.000 ms\n";

const IOS: &str =
    "Type escape sequence to abort.\nSending 5, 100-byte ICMP Echos to 192.0.2.1, timeout is 2 seconds:\n!!!!!\n";
const IOS_STATISTICS: &str = "Success rate is 100 percent (5/5), round-trip min/avg/max = 1/2/3 ms\n";

fn live(name: &str, target: &str, text: &str, ending: Ending) -> Result<PingResult, Unread> {
    let platform = platform(name);
    let probe = probe(target, 5, 2000);
    let run = platform.run(&probe, mode(&platform)).unwrap();
    let Measurement::Ping(ping) = platform.read(&probe, &run, text, ending)? else { panic!() };
    Ok(ping)
}

fn parsed(name: &str, target: Option<&str>, text: &str) -> Option<PingResult> {
    let target = target.map(|target| target.parse().unwrap());
    let Measurement::Ping(ping) = platform(name).read_recorded(ProbeKind::Ping, text.as_bytes(), target).ok()? else {
        panic!()
    };
    Some(ping)
}

#[track_caller]
fn is_not_ours(name: &str, text: &str) {
    let unread = live(name, TARGET, text, Ending::Complete).expect_err(text);
    assert!(unread.not_ours && unread.failure.kind == Kind::Reply, "{name}: {:?} of {text}", unread.failure);
}

#[test]
fn statistics_of_another_target_are_not_ours() {
    for (name, header, statistics) in TITLED {
        let (header, ours, others) =
            (header.replace("{}", TARGET), statistics.replace("{}", TARGET), statistics.replace("{}", OTHER));
        assert_eq!(
            live(name, TARGET, &format!("{header}{ours}"), Ending::Complete).unwrap().received,
            Some(5),
            "{name}"
        );
        for text in [
            format!("{header}{others}"),
            format!("{header}{others}{ours}"),
            format!("{header}{ours}{others}"),
            others.clone(),
        ] {
            is_not_ours(name, &text);
            assert_eq!(parsed(name, Some(TARGET), &text), None, "{name}: {text}");
            assert!(parsed(name, None, &text).is_some(), "{name}: without a target what is there is read: {text}");
        }
        // The title was torn, or the session began in the middle of it: nothing says whose the counters are.
        let nameless: String =
            others.lines().filter(|line| !line.contains("tatistics")).map(|l| format!("{l}\n")).collect();
        is_not_ours(name, &format!("{header}{nameless}"));
        is_not_ours(name, &nameless);
        assert!(parsed(name, Some(TARGET), &nameless).is_some(), "{name}: a piece that names no target");
        // The header was cut off: the title is enough.
        assert_eq!(live(name, TARGET, &ours, Ending::Complete).unwrap().received, Some(5), "{name}");
    }
}

#[test]
fn two_blocks_with_other_times_are_not_ours() {
    for (name, header, statistics) in TITLED {
        let (header, ours) = (header.replace("{}", TARGET), statistics.replace("{}", TARGET));
        let slower = ours.replace("2.000", "2.001").replace("1/2/3", "1/2/4");
        assert_ne!(slower, ours);
        is_not_ours(name, &format!("{header}{slower}{ours}"));
        assert!(
            live(name, TARGET, &format!("{header}{ours}{ours}"), Ending::Complete).is_ok(),
            "{name}: printed twice"
        );
    }
    let slower = IOS_STATISTICS.replace("1/2/3", "1/2/4");
    is_not_ours("cisco_iosxe", &format!("{IOS}{slower}{IOS_STATISTICS}"));
}

#[test]
fn text_without_a_target_is_not_an_answer_on_a_session() {
    for name in ["cisco_iosxe", "cisco_iosxr", "cisco_asa", "ruijie_os", "zte_zxros"] {
        is_not_ours(name, IOS_STATISTICS);
        is_not_ours(name, &format!("!!!!!\n{IOS_STATISTICS}"));
        let torn = IOS.replace("Echos to", "Ech*Mar 1 00:02:11.103: %LINK-3-UPDOWN: changed state to up\nos to");
        is_not_ours(name, &format!("{torn}{IOS_STATISTICS}"));
        assert!(live(name, TARGET, &format!("{IOS}{IOS_STATISTICS}"), Ending::Complete).is_ok(), "{name}");
        assert!(parsed(name, None, IOS_STATISTICS).is_some() && parsed(name, Some(TARGET), IOS_STATISTICS).is_some());
    }
}

/// Rows of errors name the router that sent them, or no address: from the first packet on they are a whole run.
#[test]
fn rows_of_errors_alone_are_an_answer_from_the_first_packet_on() {
    let rows = "  SEQ HOST                                     SIZE TTL TIME       STATUS\n\
                \x20   0 198.51.100.9                               84  64 3ms        host unreachable\n\
                \x20   1                                                         no route to host\n    \
                sent=2 received=0 packet-loss=100%\n";
    let ping = live("mikrotik_routeros", TARGET, rows, Ending::Complete).unwrap();
    assert_eq!((ping.up, ping.sent), (0, Some(2)));
    let without_the_first: String =
        rows.lines().filter(|row| !row.contains("    0 ")).map(|l| format!("{l}\n")).collect();
    is_not_ours("mikrotik_routeros", &without_the_first);
    is_not_ours("mikrotik_routeros", "    sent=2 received=0 packet-loss=100%\n");
}

#[test]
fn a_name_in_the_statistics_is_ours_where_the_header_says_whose_it_is() {
    let statistics = IPUTILS.replace("{}", "gw.example.net");
    let header = format!("PING GW.example.net ({TARGET}) 56(84) bytes of data.\n");
    assert!(live("linux", TARGET, &format!("{header}{statistics}"), Ending::Complete).is_ok());
    let other = format!("PING {TARGET} ({TARGET}) 56(84) bytes of data.\n");
    is_not_ours("linux", &format!("{other}{statistics}"));
    // With a zone, in brackets, in another spelling, broken in the middle.
    let header = "PING fe80::1%eth0(fe80::1%eth0) 56 data bytes\n";
    for title in ["fe80::1%eth0", "FE80:0::1", "gw (fe80::1)", "(fe80::1%2)"] {
        let text = format!("{header}{}", IPUTILS.replace("{}", title));
        assert!(live("linux", "fe80::1", &text, Ending::Complete).is_ok(), "{text}");
    }
    let long = "2001:db8:1111:2222:3333:4444:5555:6666";
    let text = format!("PING {long}({long}) 56 data bytes\n{}", IPUTILS.replace("{}", long));
    for width in 20..90 {
        let broken = super::broken_at(&text, width);
        let ping = live("linux", long, &broken, Ending::Complete);
        assert_eq!(ping.as_ref().ok().and_then(|ping| ping.rtt_max), Some(0.002), "{width}: {ping:?} of {broken}");
    }
}

#[test]
fn no_route_for_one_packet_is_no_verdict() {
    let aborted = Ending::Aborted { after: Duration::from_millis(2400), planned: false };
    for (name, line) in [
        ("cisco_nxos", "ping: sendto 192.0.2.1 64 chars, No route to host\n"),
        ("juniper_junos", "ping: sendto: No route to host\n"),
        ("linux", "ping: sendmsg: Network is unreachable\n"),
        ("huawei_vrp", "Error: No route to host\n"),
        ("cisco_iosxe", "% No valid route for destination\n"),
    ] {
        for (ending, kind) in [(Ending::Cut, Kind::Shell), (aborted, Kind::Deadline)] {
            assert_eq!(live(name, TARGET, line, ending).unwrap_err().failure.kind, kind, "{name} {ending:?}");
        }
        let ping = live(name, TARGET, line, Ending::Complete).unwrap();
        assert_eq!((ping.up, ping.reason), (0, Some(Reason::NoRoute)), "{name}");
    }
    // The run goes on, or it is about somebody else.
    is_not_ours("cisco_nxos", "ping: sendto 192.0.2.1 64 chars, No route to host\nRequest 0 timed out\n");
    let header = "PING 192.0.2.1 (192.0.2.1): 56 data bytes\n";
    is_not_ours("cisco_nxos", &format!("{header}ping: sendto 192.0.2.1 64 chars, No route to host\n"));
    is_not_ours("juniper_junos", &format!("{header}ping: sendto: No route to host\n"));
    is_not_ours("cisco_nxos", "ping: sendto 192.0.2.7 64 chars, No route to host\n");
    is_not_ours("mikrotik_routeros", "    0                                         no route to host\n");
}

#[test]
fn an_answer_that_was_cut_is_never_complete() {
    let text = format!("{IOS}{IOS_STATISTICS}");
    let ping = live("cisco_iosxe", TARGET, &text, Ending::Cut).unwrap();
    assert_eq!((ping.up, ping.sent, ping.complete), (1, Some(5), false));
    let down = text.replace("100 percent (5/5), round-trip min/avg/max = 1/2/3 ms", "0 percent (0/5)");
    let ping = live("cisco_iosxe", TARGET, &down, Ending::Cut).unwrap();
    assert_eq!((ping.up, ping.loss, ping.complete), (0, Some(100.0), false), "the router had come to its end");
}

#[test]
fn the_lines_of_packets_of_another_target_say_nothing() {
    let reply =
        |from: &str, seq: u32, time: &str| format!("64 bytes from {from}: icmp_seq={seq} ttl=64 time={time} ms\n");
    let header = TITLED[7].1.replace("{}", TARGET);
    let statistics = IPUTILS.replace("{}", TARGET);
    let ours: String = (1..=5).map(|seq| reply(TARGET, seq, if seq == 1 { "2.00" } else { "1.00" })).collect();
    let text = format!("{header}{ours}{statistics}");
    let ping = live("linux", TARGET, &text, Ending::Complete).unwrap();
    assert_eq!((ping.rtt_p95, ping.loss_burst), (Some(0.002), Some(0)));
    let mixed = text.replacen(&reply(TARGET, 3, "1.00"), &reply(OTHER, 3, "1.90"), 1);
    let ping = live("linux", TARGET, &mixed, Ending::Complete).unwrap();
    assert_eq!((ping.received, ping.rtt_p95, ping.jitter), (Some(5), None, None));
}

/// A second block right behind a byte that is not ASCII.
#[test]
fn an_odd_byte_before_a_block_is_no_panic() {
    for (name, header, statistics) in TITLED {
        let (header, ours) = (header.replace("{}", TARGET), statistics.replace("{}", TARGET));
        let counters = ours.find("5 packet").unwrap();
        for odd in ["\u{fffd}", "\u{e9}", "\u{1f600}"] {
            let text = format!("{header}{}{odd}{}", ours, &ours[counters..]);
            assert!(live(name, TARGET, &text, Ending::Complete).is_ok(), "{name}: {text}");
            let _ = parsed(name, None, &text);
        }
    }
}
