//! What earlier tools got wrong about router pings, each mistake as a test that keeps us from it.

use super::{mode, platform, probe};
use ddl_monitor::failure::{Failure, Kind};
use ddl_monitor::platform::{Ending, Unread};
use ddl_monitor::probe::{Measurement, PingResult, ProbeKind, Reason};
use std::time::Duration;

const TARGET: &str = "192.0.2.1";

fn read(name: &str, text: &str) -> Result<PingResult, Failure> {
    let Measurement::Ping(ping) = platform(name).read_recorded(ProbeKind::Ping, text.as_bytes(), None)? else {
        panic!()
    };
    Ok(ping)
}

/// An answer to `count` packets of `timeout_ms`, as a session gets it.
fn live(name: &str, count: u32, timeout_ms: u64, text: &str, ending: Ending) -> Result<PingResult, Unread> {
    let platform = platform(name);
    let probe = probe(TARGET, count, timeout_ms);
    let run = platform.run(&probe, mode(&platform)).unwrap();
    let Measurement::Ping(ping) = platform.read(&probe, &run, text, ending)? else { panic!() };
    Ok(ping)
}

fn aborted(after_ms: u64) -> Ending {
    Ending::Aborted { after: Duration::from_millis(after_ms), planned: false }
}

fn command(name: &str, count: u32, timeout_ms: u64) -> String {
    let platform = platform(name);
    platform.run(&probe(TARGET, count, timeout_ms), mode(&platform)).unwrap().command
}

fn ios(marks: &str, percent: u32, received: u32, sent: u32, times: &str) -> String {
    let times = if times.is_empty() { String::new() } else { format!(", round-trip min/avg/max = {times} ms") };
    format!(
        "Type escape sequence to abort.\nSending {sent}, 100-byte ICMP Echos to {TARGET}, timeout is 2 seconds:\n{marks}\n\
         Success rate is {percent} percent ({received}/{sent}){times}\n"
    )
}

fn vrp(lines: &str, sent: u32, received: u32, loss: &str) -> String {
    format!(
        "  PING {TARGET}: 56  data bytes, press CTRL_C to break\n{lines}\n  --- {TARGET} ping statistics ---\n    \
         {sent} packet(s) transmitted\n    {received} packet(s) received\n    {loss}% packet loss\n"
    )
}

#[test]
fn vrp_and_comware_get_milliseconds_not_seconds() {
    for name in ["huawei_vrp", "h3c_comware"] {
        assert!(command(name, 5, 2000).contains(" -t 2000 "), "{name}");
        assert!(command(name, 5, 1).contains(" -t 1 "), "{name}");
    }
}

#[test]
fn nxos_and_xr_get_count_and_ios_gets_repeat() {
    for (name, keyword) in [("cisco_nxos", " count 7 "), ("cisco_iosxr", " count 7 "), ("cisco_iosxe", " repeat 7 ")] {
        assert!(command(name, 7, 2000).contains(keyword), "{name}");
    }
}

#[test]
fn half_a_second_is_rounded_up_and_never_becomes_timeout_0() {
    for name in ["cisco_iosxe", "cisco_iosxr", "cisco_nxos"] {
        assert!(command(name, 5, 500).contains("timeout 1"), "{name}");
        assert!(command(name, 5, 1001).contains("timeout 2"), "{name}");
    }
    assert!(command("linux", 5, 500).contains("-W 1 "));
}

#[test]
fn a_time_out_above_36_s_is_refused_on_xr_before_any_login() {
    let failure = platform("cisco_iosxr").check(&probe(TARGET, 5, 60_000)).unwrap_err();
    assert!(failure.message.contains("1 to 36 s"), "{failure}");
}

#[test]
fn every_tenth_percent_of_success_is_not_total_loss() {
    for tenth in 1..=9 {
        let ping = read("cisco_iosxe", &ios("", tenth * 10, tenth, 10, "1/1/1")).unwrap();
        assert_eq!(ping.loss, Some(f64::from(100 - tenth * 10)), "{tenth}");
        assert_eq!(ping.up, 1);
    }
}

#[test]
fn a_loss_that_ends_in_0_percent_is_not_no_loss() {
    for (received, loss) in [(4, "20.00"), (3, "40.00"), (2, "60.00"), (0, "100.00"), (0, "100.0"), (1, "80.0")] {
        let lost = 100.0 * f64::from(5 - received) / 5.0;
        assert_eq!(read("huawei_vrp", &vrp("", 5, received, loss)).unwrap().loss, Some(lost), "{loss}");
        let nxos = format!(
            "PING {TARGET} ({TARGET}): 56 data bytes\n\n--- {TARGET} ping statistics ---\n\
             5 packets transmitted, {received} packets received, {loss}% packet loss\n"
        );
        assert_eq!(read("cisco_nxos", &nxos).unwrap().loss, Some(lost), "{loss}");
    }
}

#[test]
fn one_request_time_out_is_one_lost_packet() {
    let lines = "    Request time out\n    Reply from 192.0.2.1: bytes=56 Sequence=2 ttl=254 time=5 ms\n";
    let ping = read("huawei_vrp", &vrp(lines, 2, 1, "50.00")).unwrap();
    assert_eq!((ping.up, ping.loss, ping.reason), (1, Some(50.0), None));
    let comware = format!(
        "Ping {TARGET} ({TARGET}): 56 data bytes, press CTRL+C to break\nRequest time out\n\n\
         --- Ping statistics for {TARGET} ---\n5 packet(s) transmitted, 4 packet(s) received, 20.0% packet loss\n"
    );
    assert_eq!(read("h3c_comware", &comware).unwrap().loss, Some(20.0));
}

#[test]
fn destination_host_unreachable_in_a_good_run_hides_nothing() {
    let text = format!(
        "PING {TARGET} ({TARGET}): 56 data bytes\n36 bytes from 192.0.2.9: Destination Host Unreachable\nRequest 0 timed out\n\
         64 bytes from {TARGET}: icmp_seq=1 ttl=254 time=2 ms\n\n--- {TARGET} ping statistics ---\n\
         2 packets transmitted, 1 packets received, 50.00% packet loss\nround-trip min/avg/max = 2/2/2 ms\n"
    );
    let ping = read("cisco_nxos", &text).unwrap();
    assert_eq!((ping.loss, ping.reason), (Some(50.0), None));
}

#[test]
fn loss_is_a_fraction_and_not_cut_to_whole_percent() {
    let ping = read("huawei_vrp", &vrp("", 3, 2, "33.33")).unwrap();
    assert_eq!(ping.loss, Some(33.3333));
    assert_eq!(read("cisco_iosxe", &ios("", 99, 999, 1000, "1/1/1")).unwrap().loss, Some(0.1));
}

#[test]
fn round_trip_times_are_three_numbers_in_seconds() {
    let ping = read("cisco_iosxe", &ios("!!!!!", 100, 5, 5, "1/2/10")).unwrap();
    assert_eq!((ping.rtt_min, ping.rtt_avg, ping.rtt_max), (Some(0.001), Some(0.002), Some(0.010)));
}

#[test]
fn a_percent_that_contradicts_the_counters_is_noticed() {
    for text in [ios("", 100, 2, 5, "1/1/1"), ios("", 0, 5, 5, "1/1/1"), ios("", 79, 4, 5, "1/1/1")] {
        assert_eq!(read("cisco_iosxe", &text).unwrap_err().kind, Kind::Reply);
    }
    assert_eq!(read("huawei_vrp", &vrp("", 5, 4, "40.00")).unwrap_err().kind, Kind::Reply);
}

#[test]
fn ten_received_are_ten_and_not_their_last_digit() {
    assert_eq!(read("huawei_vrp", &vrp("", 10, 10, "0.00")).unwrap().received, Some(10));
    assert_eq!(read("h3c_comware", &vrp("", 110, 100, "9.09")).unwrap().received, Some(100));
}

#[test]
fn success_rate_0_is_a_dead_line_and_no_refused_command() {
    let ping = read("cisco_iosxe", &ios(".....", 0, 0, 5, "")).unwrap();
    assert_eq!((ping.up, ping.loss, ping.rtt_avg), (0, Some(100.0), None));
}

#[test]
fn percent_signs_and_error_lines_in_a_good_run_are_no_failure() {
    let lines = "    Error: Sequence number = 1 is less than the correct = 3!\n    Error: Trip time = 320 ms is longer than wait time = 300 ms!\n";
    assert_eq!(read("huawei_vrp", &vrp(lines, 5, 3, "40.00")).unwrap().loss, Some(40.0));
    let text = ios("\n% No valid route for destination", 0, 0, 1, "");
    let ping = read("cisco_iosxe", &text).unwrap();
    assert_eq!((ping.up, ping.sent, ping.reason), (0, Some(1), Some(Reason::NoRoute)));
}

#[test]
fn cisco_text_is_not_vrp_and_vrp_text_is_not_cisco() {
    assert_eq!(read("huawei_vrp", &ios("!!!!!", 100, 5, 5, "1/1/1")).unwrap_err().kind, Kind::Reply);
    assert_eq!(read("cisco_iosxe", &vrp("", 5, 5, "0.00")).unwrap_err().kind, Kind::Reply);
}

#[test]
fn marks_do_not_count() {
    let ping = read("cisco_iosxe", &ios("!!!", 100, 100, 100, "1/1/1")).unwrap();
    assert_eq!((ping.sent, ping.received), (Some(100), Some(100)));
}

#[test]
fn times_at_total_loss_are_none() {
    let text = vrp("", 5, 0, "100.00") + "    round-trip min/avg/max = 0/0/0 ms\n";
    assert_eq!(read("huawei_vrp", &text).unwrap().rtt_min, None);
    assert_eq!(read("cisco_iosxe", &ios("", 80, 4, 5, "0/0/0")).unwrap().rtt_min, Some(0.0), "a true 0 is a value");
}

#[test]
fn no_statistics_and_no_known_text_is_not_down() {
    let text = format!("  PING {TARGET}: 56  data bytes, press CTRL_C to break\n    Request time out\n");
    assert_eq!(read("huawei_vrp", &text).unwrap_err().kind, Kind::Reply);
    assert_eq!(live("huawei_vrp", 5, 2000, &text, Ending::Cut).unwrap_err().failure.kind, Kind::Shell);
    assert_eq!(live("huawei_vrp", 5, 2000, &text, aborted(2400)).unwrap_err().failure.kind, Kind::Deadline);
    assert_eq!(read("cisco_iosxe", "").unwrap_err().kind, Kind::Reply);
}

#[test]
fn an_answer_about_annot_ours_never_counts() {
    let other = ios("!!!!!", 100, 5, 5, "1/1/1").replace(TARGET, "192.0.2.7");
    let unread = live("cisco_iosxe", 5, 2000, &other, Ending::Complete).unwrap_err();
    assert!(unread.not_ours);
    assert_eq!(unread.failure.kind, Kind::Reply);
    let both = other.clone() + &ios(".....", 0, 0, 5, "");
    assert_eq!(live("cisco_iosxe", 5, 2000, &both, Ending::Complete).unwrap().up, 0);
    let ours_first = ios(".....", 0, 0, 5, "") + &other;
    assert_eq!(live("cisco_iosxe", 5, 2000, &ours_first, Ending::Complete).unwrap().up, 0);
    for width in 20..66 {
        let unread = live("cisco_iosxe", 5, 2000, &super::broken_at(&other, width), Ending::Complete).unwrap_err();
        assert!(unread.not_ours, "header broken at {width} columns");
    }
}

#[test]
fn an_answer_with_more_packets_than_asked_for_is_another_answer() {
    let unread = live("cisco_iosxe", 5, 2000, &ios("", 100, 100, 100, "1/1/1"), Ending::Complete).unwrap_err();
    assert!(unread.not_ours);
}

#[test]
fn an_ipv6_header_in_another_spelling_is_ours() {
    let platform = platform("cisco_iosxe");
    let probe = probe("2001:db8::a", 5, 2000);
    let run = platform.run(&probe, "privileged").unwrap();
    let text = ios("!!!!!", 100, 5, 5, "1/1/1").replace(TARGET, "2001:DB8:0:0::A");
    platform.read(&probe, &run, &text, Ending::Complete).unwrap();
}

#[test]
fn more_received_than_sent_is_no_loss_and_duplicates() {
    let ping = read("huawei_vrp", &vrp("", 4, 6, "0.00")).unwrap();
    assert_eq!((ping.loss, ping.duplicates, ping.up), (Some(0.0), Some(2), 1));
}

#[test]
fn fewer_than_three_time_outs_of_an_aborted_ping_are_no_verdict() {
    let dead = |sent: u32, count: u32, after_ms| {
        live("cisco_iosxe", count, 2000, &ios(&".".repeat(sent as usize), 0, 0, sent, ""), aborted(after_ms))
    };
    let unread = dead(2, 5, 2400).unwrap_err();
    assert_eq!(unread.failure.kind, Kind::Deadline);
    let counters = "aborted 2.40 s after it began: 2 packets sent, none back so far, 1 still within the time-out";
    assert!(unread.failure.message.contains(counters), "{}", unread.failure.message);
    for (sent, after_ms) in [(1, 0), (1, 1500), (3, 4900), (3, 6000)] {
        assert_eq!(dead(sent, 5, after_ms).unwrap_err().failure.kind, Kind::Deadline, "{sent} in {after_ms} ms");
    }
    let ping = dead(4, 5, 7000).unwrap();
    assert_eq!((ping.up, ping.sent, ping.pending, ping.loss), (0, Some(3), Some(1), Some(100.0)));
    assert!(!ping.complete);
    let ping = dead(1, 1, 2100).unwrap();
    assert_eq!((ping.up, ping.sent, ping.loss), (0, Some(1), Some(100.0)), "no more were asked for");
}

#[test]
fn reply_before_an_abort_is_up_without_a_loss() {
    let ping = live("cisco_iosxe", 5, 2000, &ios("!!.", 66, 2, 3, "400/450/500"), aborted(2400)).unwrap();
    assert_eq!((ping.up, ping.sent, ping.received, ping.pending), (1, Some(2), Some(2), Some(1)));
    assert_eq!((ping.loss, ping.complete), (None, false));
    // Each of the three that count had its time.
    let ping = live("cisco_iosxe", 5, 2000, &ios("!.!.", 50, 2, 4, "1/1/1"), aborted(3000)).unwrap();
    assert_eq!((ping.sent, ping.received, ping.pending, ping.loss), (Some(3), Some(2), Some(1), Some(33.3333)));
}

/// The router was printing the counters of an aborted ping when the session was lost: a number may be cut short.
#[test]
fn aborted_ping_of_a_lost_session_is_not_complete() {
    let text = ios("!!!", 100, 3, 3, "41/42/143");
    let cut = |text: &str| {
        let ending = Ending::AbortedAndCut { after: Duration::from_millis(900) };
        let ping = live("cisco_iosxe", 3, 2000, text, ending).unwrap();
        (ping.up, ping.received, ping.rtt_max, ping.complete)
    };
    assert_eq!(cut(&text), (1, Some(3), Some(0.143), false));
    assert_eq!(cut(text.strip_suffix("3 ms\n").unwrap()), (1, Some(3), None, false));
}

/// RouterOS prints its counters again and again: those before the session was lost are not the last ones.
#[test]
fn counters_of_a_session_that_was_lost_tell_no_loss() {
    let text = |status: &str, received: u32, percent: u32| {
        let rows: String = (0..20).map(|seq| format!("{seq:>5} {TARGET:<40} {status}\n")).collect();
        format!(
            "  SEQ HOST                                     SIZE TTL TIME       STATUS\n{rows}    sent=20 received={received} \
             packet-loss={percent}% min-rtt=1ms45us avg-rtt=1ms45us max-rtt=1ms45us\n"
        )
    };
    let ping = live("mikrotik_routeros", 50, 500, &text("  56  60 1ms45us", 10, 50), Ending::Cut).unwrap();
    assert_eq!((ping.up, ping.loss, ping.complete), (1, None, false));
    let unread = live("mikrotik_routeros", 50, 500, &text("timeout", 0, 100), Ending::Cut);
    assert_eq!(unread.unwrap_err().failure.kind, Kind::Shell);
}

#[test]
fn ping_that_goes_on_is_up_with_its_first_reply() {
    let so_far = |name: &str, text: &str| {
        let platform = platform(name);
        let probe = probe(TARGET, 5, 1000);
        let run = platform.run(&probe, mode(&platform)).unwrap();
        platform.so_far(&probe, &run, text)
    };
    let reply = |seq: u32| format!("64 bytes from {TARGET}: icmp_seq={seq} ttl=64 time=1.00 ms\n");
    let ios = |marks: &str| {
        format!(
            "Type escape sequence to abort.\nSending 5, 100-byte ICMP Echos to {TARGET}, timeout is 1 seconds:\n{marks}"
        )
    };
    let iputils = |lines: &str| format!("PING {TARGET} ({TARGET}) 56(84) bytes of data.\n{lines}");
    let vrp = |line: &str| format!("  PING {TARGET}: 56  data bytes, press CTRL_C to break\n{line}");
    let vrp_reply = format!("    Reply from {TARGET}: bytes=56 Sequence=2 ttl=255 time=1 ms\n");
    let up = [
        ("cisco_iosxe", ios(".!")),
        ("cisco_iosxr", ios("U.!.")),
        ("linux", iputils(&reply(2))),
        ("huawei_vrp", vrp(&vrp_reply)),
    ];
    for (name, text) in &up {
        let Measurement::Ping(ping) = so_far(name, text).unwrap() else { panic!() };
        assert_eq!((ping.up, ping.complete, ping.loss, ping.sent), (1, false, None, None), "{name}");
        let other = text.replace(TARGET, "192.0.2.7");
        assert_eq!(so_far(name, &other).unwrap_err().kind, Kind::Deadline, "{name}: of another target");
        let header = text.find(TARGET).map(|at| &text[at + TARGET.len()..]).unwrap();
        assert_eq!(so_far(name, header).unwrap_err().kind, Kind::Deadline, "{name}: without its header");
    }
    let silent = [
        ("cisco_iosxe", ios("..U")),
        ("cisco_iosxe", ios("")),
        ("cisco_iosxe", String::new()),
        ("linux", iputils(&format!("From {TARGET} icmp_seq=1 Destination Host Unreachable\n"))),
        ("huawei_vrp", vrp("    Request time out\n")),
    ];
    for (name, text) in silent {
        let failure = so_far(name, &text).unwrap_err();
        assert_eq!(failure.kind, Kind::Deadline, "{name}: {text}");
        assert!(failure.message.contains("5 packets with a time-out of 1s each"), "{}", failure.message);
    }
}

#[test]
fn at_an_interval_only_packets_with_their_full_time_out_are_lost() {
    let text = format!(
        "PING {TARGET} ({TARGET}) 56(84) bytes of data.\n64 bytes from {TARGET}: icmp_seq=2 ttl=64 time=1 ms\n\
         64 bytes from {TARGET}: icmp_seq=4 ttl=64 time=1 ms\n^C\n--- {TARGET} ping statistics ---\n\
         5 packets transmitted, 2 received, 60% packet loss, time 830ms\nrtt min/avg/max/mdev = 1.000/1.000/1.000/0.000 ms\n"
    );
    let ping = live("linux", 5, 2000, &text, aborted(2400)).unwrap();
    // Sent at 0 … 0.8 s: of the lost ones only the first had its 2 s.
    assert_eq!((ping.sent, ping.received, ping.pending), (Some(3), Some(2), Some(2)));
    let split = text.replace("icmp_seq=4", "icmp_%LOG");
    let ping = live("linux", 5, 2000, &split, aborted(2400)).unwrap();
    assert_eq!((ping.sent, ping.received, ping.loss), (Some(5), Some(2), None), "it cannot be told");
}

#[test]
fn nxos_tells_by_its_lines_what_was_pending() {
    let text = format!(
        "PING {TARGET} ({TARGET}): 56 data bytes\nRequest 0 timed out\nRequest 1 timed out\nRequest 2 timed out\n^C\n\
         --- {TARGET} ping statistics ---\n4 packets transmitted, 0 packets received, 100.00% packet loss\n"
    );
    let ping = live("cisco_nxos", 5, 2000, &text, aborted(6400)).unwrap();
    assert_eq!((ping.up, ping.sent, ping.pending), (0, Some(3), Some(1)));
}

#[test]
fn a_planned_end_of_an_endless_ping_is_complete() {
    let text = |sent: u32, received: u32, percent: &str| {
        format!(
            "PING {TARGET} ({TARGET}) 56(84) bytes of data.\n^C\n--- {TARGET} ping statistics ---\n\
             {sent} packets transmitted, {received} received, {percent}% packet loss, time 1001ms\n"
        )
    };
    let ending = Ending::Aborted { after: Duration::from_millis(2000), planned: true };
    let ping = live("frr", 2, 1000, &text(2, 0, "100"), ending).unwrap();
    assert_eq!((ping.up, ping.sent, ping.pending, ping.complete), (0, Some(2), None, true));
    let ping = live("frr", 2, 1000, &text(3, 0, "100"), ending).unwrap();
    assert_eq!((ping.sent, ping.pending), (Some(2), Some(1)), "the third had no time");
    let ping = live("frr", 2, 1000, &text(3, 3, "0"), ending).unwrap();
    assert_eq!((ping.sent, ping.received, ping.loss), (Some(3), Some(3), Some(0.0)));
}

#[test]
fn plain_answers_have_the_routers_own_count() {
    let platform = platform("cisco_iosxe");
    let probe = probe(TARGET, 2, 2000);
    let run = platform.run(&probe, "user").unwrap();
    let text = ios("!!!!!", 100, 5, 5, "1/1/1");
    let Measurement::Ping(ping) = platform.read(&probe, &run, &text, Ending::Complete).unwrap() else { panic!() };
    assert!(ping.plain && ping.complete && ping.sent == Some(5));
}

fn iputils(sent: u32, received: u32, percent: &str, replies: &[u32]) -> String {
    let lines: String =
        replies.iter().map(|seq| format!("64 bytes from {TARGET}: icmp_seq={seq} ttl=64 time=1.00 ms\n")).collect();
    format!(
        "PING {TARGET} ({TARGET}) 56(84) bytes of data.\n{lines}^C\n--- {TARGET} ping statistics ---\n\
         {sent} packets transmitted, {received} received, {percent}% packet loss, time 815ms\n"
    )
}

#[test]
fn a_ping_without_a_time_out_is_ended_by_us_and_complete_then() {
    let ending = Ending::Aborted { after: Duration::from_millis(1800), planned: true };
    let ping = live("vyos", 5, 1000, &iputils(5, 3, "40", &[1, 2, 4]), ending).unwrap();
    assert_eq!((ping.sent, ping.received, ping.loss, ping.complete), (Some(5), Some(3), Some(40.0), true));
    // The deadline came first: those of 0.6 and 0.8 s had no second.
    let ping = live("vyos", 5, 1000, &iputils(5, 3, "40", &[1, 2, 3]), aborted(1500)).unwrap();
    assert_eq!((ping.sent, ping.received, ping.pending), (Some(3), Some(3), Some(2)));
    let unread = live("vyos", 2, 1000, &iputils(5, 5, "0", &[]), Ending::Complete).unwrap_err();
    assert!(unread.not_ours, "more than asked for");
}

#[test]
fn where_the_pacing_is_not_known_no_packet_of_an_aborted_run_is_called_lost_too_soon() {
    let text = |sent: u32, received: u32, percent: u32| {
        format!(
            "PING {TARGET} ({TARGET}): 56 data bytes\n\n--- {TARGET} ping statistics ---\n\
             {sent} packets transmitted, {received} packets received, {percent}% packet loss\n"
        )
    };
    let unread = live("fortinet_fortios", 5, 2000, &text(3, 0, 100), aborted(9000)).unwrap_err();
    assert_eq!(unread.failure.kind, Kind::Deadline, "of one packet it is certain");
    let ping = live("fortinet_fortios", 5, 2000, &text(3, 2, 33), aborted(9000)).unwrap();
    assert_eq!((ping.up, ping.sent, ping.received, ping.loss), (1, Some(3), Some(2), None));
    let unread = live("fortinet_fortios", 5, 2000, &text(1, 0, 100), aborted(1900)).unwrap_err();
    assert_eq!(unread.failure.kind, Kind::Deadline);
}

#[test]
fn rows_tell_which_packets_of_an_aborted_run_were_on_their_way() {
    let row = |seq: u32| format!("{seq:>5} {TARGET:<40}   56  60 1ms45us\n");
    let lost = |seq: u32| format!("{seq:>5} {TARGET:<59} timeout\n");
    let counters = |sent: u32, received: u32, percent: u32| {
        format!(
            "    sent={sent} received={received} packet-loss={percent}% min-rtt=1ms45us avg-rtt=1ms45us max-rtt=1ms45us\n"
        )
    };
    let heading = "  SEQ HOST                                     SIZE TTL TIME       STATUS\n";
    // A packet every half second, and given up after it: the last one is on its way.
    let text = format!("{heading}{}{}{}{}", row(0), lost(1), row(2), counters(4, 2, 50));
    let ping = live("mikrotik_routeros", 5, 500, &text, aborted(1700)).unwrap();
    assert_eq!((ping.sent, ping.received, ping.pending, ping.loss), (Some(3), Some(2), Some(1), Some(33.3333)));
    // What was counted so far at the 20th row does not count beside the last.
    let first: String = (0..20).map(row).collect();
    let text = format!("{heading}{first}{}{heading}{}{}", counters(20, 20, 0), lost(20), counters(21, 20, 4));
    let ping = live("mikrotik_routeros", 21, 500, &text, Ending::Complete).unwrap();
    assert_eq!((ping.sent, ping.received, ping.loss), (Some(21), Some(20), Some(4.7619)));
}

#[test]
fn nokia_tells_by_its_lines_what_was_pending() {
    let text = format!(
        "PING {TARGET} 56 data bytes\nRequest timed out. icmp_seq=1.\nRequest timed out. icmp_seq=2.\n\
         Request timed out. icmp_seq=3.\n\n---- {TARGET} PING Statistics ----\n\
         4 packets transmitted, 0 packets received, 100% packet loss\n"
    );
    let ping = live("nokia_sros", 5, 2000, &text, aborted(6400)).unwrap();
    assert_eq!((ping.up, ping.sent, ping.pending), (0, Some(3), Some(1)));
}

#[test]
fn packets_that_never_left_the_router_say_nothing_about_the_line() {
    let refused = "Send failed. Source IP address is not local to the system\n";
    let text = |lines: &str, counters: &str| {
        format!("PING {TARGET} 56 data bytes\n{lines}\n---- {TARGET} PING Statistics ----\n{counters} packet loss\n")
    };
    let none = text(refused, "1 packet transmitted, 0 packets received, 100%");
    assert_eq!(read("nokia_sros", &none).unwrap_err().kind, Kind::Rejected);
    assert_eq!(live("nokia_sros", 5, 2000, &none, aborted(2400)).unwrap_err().failure.kind, Kind::Rejected);
    let reply = format!("{refused}64 bytes from {TARGET}: icmp_seq=2 ttl=255 time=1.93ms.\n");
    let one = text(&reply, "2 packets transmitted, 1 packets received, 50.0%");
    assert_eq!(read("nokia_sros", &one).unwrap().loss, Some(50.0));
}

#[test]
fn a_negative_percent_and_a_missing_one_are_duplicates() {
    let rows = format!("    0 {TARGET:<40}   56  60 1ms45us\n");
    let text =
        format!("{rows}    sent=1 received=4 packet-loss=-300% min-rtt=1ms45us avg-rtt=1ms45us max-rtt=3ms1us\n");
    let ping = read("mikrotik_routeros", &text).unwrap();
    assert_eq!((ping.loss, ping.duplicates), (Some(0.0), Some(3)));
    let wrong = text.replace("-300%", "-200%");
    assert_eq!(read("mikrotik_routeros", &wrong).unwrap_err().kind, Kind::Reply);
    let text = format!(
        "PING {TARGET} 56 data bytes\n\n---- {TARGET} PING Statistics ----\n5 packets transmitted, 8 packets received, 3 duplicates\n"
    );
    let ping = read("nokia_sros", &text).unwrap();
    assert_eq!((ping.loss, ping.duplicates), (Some(0.0), Some(3)));
}
