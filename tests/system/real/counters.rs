//! The number that comes out is what the responder saw and what `ping` itself counts.

use super::{Lab, counters, on_each_shell};
use crate::support::responder::{Count, Rule};
use crate::support::{netns, process, wait};
use serde_json::json;
use std::time::Duration;

/// Of each family one address per kind of target.
const HEALTHY: [&str; 2] = ["198.18.0.1", "2001:db8:1::1"];
const LOSSY: [&str; 2] = ["198.18.0.3", "2001:db8:1::3"];
const SLOW: [&str; 2] = ["198.18.0.4", "2001:db8:1::4"];
const DEAD: [&str; 2] = ["198.18.0.9", "2001:db8:1::9"];
const UNREACHABLE: [&str; 2] = ["198.18.0.6", "2001:db8:1::6"];

/// Arguments, packets, and the words that make `ping` do the same.
fn run_of(platform: &str) -> (&'static [&'static str], u64, &'static str) {
    match platform {
        "frr" => (&["--count", "2", "--timeout", "500ms"], 2, "-n -c 2 -W 3"),
        _ => (&["--count", "6", "--timeout", "3s"], 6, "-n -c 6 -i 0.2 -W 3"),
    }
}

#[test]
fn what_came_back_is_counted_as_the_responder_and_ping_count_it() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        let (arguments, packets, words) = run_of(lab.platform);
        for family in 0..2 {
            lab.router.responder.rule(LOSSY[family], Rule::drop_every(2));
            lab.router.responder.rule(SLOW[family], Rule::default().delay(Duration::from_millis(80)));
            for (target, lost) in [(HEALTHY[family], 0), (LOSSY[family], packets / 2), (SLOW[family], 0)] {
                let (answer, count) = lab.counted(target, arguments);
                let answered = packets - lost;
                let expected = Count { seen: packets, answered, dropped: lost };
                assert_eq!(count, expected, "{shell:?} {target}: {answer}");
                assert_eq!(counters(&answer), (packets, answered, 0), "{shell:?} {target}: {answer}");
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let loss = 100.0 * lost as f64 / packets as f64;
                let ping = &answer["ping"];
                assert_eq!((&answer["state"], &ping["up"], &ping["complete"]), (&json!(0), &json!(1), &json!(true)));
                assert_eq!(ping["loss"], loss, "{shell:?} {target}: {answer}");
                let least = if target == SLOW[family] { 0.08 } else { 0.0 };
                let rtt = |name: &str| ping[name].as_f64().expect("a time");
                // Every second one is lost: never two in a row.
                assert_eq!(ping["loss_burst"], u64::from(lost > 0), "{shell:?} {target}: {answer}");
                assert!((rtt("rtt_max") - rtt("rtt_p95")).abs() < 0.0005, "{shell:?} {target}: {answer}");
                assert_eq!(ping.get("jitter").is_some(), answered > 1, "{shell:?} {target}: {answer}");
                assert!(answered < 2 || rtt("jitter") <= rtt("rtt_max") - rtt("rtt_min") + 0.0005, "{answer}");
                assert!(least <= rtt("rtt_min") && rtt("rtt_min") <= rtt("rtt_avg"), "{shell:?} {target}: {answer}");
                assert!(
                    rtt("rtt_avg") <= rtt("rtt_max") && rtt("rtt_max") < least + 3.0,
                    "{shell:?} {target}: {answer}"
                );
                assert_eq!(lab.ping(words, target), (packets, answered), "{shell:?} {target}");
            }
        }
        assert_eq!(lab.router.logins(), (1, 0), "{shell:?}");
    });
}

/// Five packets that leave a second apart do not fit the deadline: the result is that of a later poll.
#[test]
fn dead_line_is_down_by_all_of_its_packets() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        lab.poll(HEALTHY[0], &["--count", "1", "--timeout", "500ms", "--deadline", "20s"]);
        for target in DEAD {
            lab.router.responder.rule(target, Rule::silent());
            let answer = wait::until("its result", || {
                let answer = lab.poll(target, &["--deadline", "2.5s"]);
                assert!(answer["state"] == 0 || answer["failure"]["kind"] == "deadline", "{shell:?}: {answer}");
                answer.get("ping").is_some().then_some(answer)
            });
            let ping = &answer["ping"];
            assert_eq!((&ping["up"], &ping["loss"]), (&json!(0), &json!(100.0)), "{shell:?}: {answer}");
            assert_eq!((counters(&answer).0, counters(&answer).1), (5, 0), "{shell:?}: {answer}");
            assert_eq!((&ping["complete"], ping.get("rtt_avg")), (&json!(true), None), "{shell:?}: {answer}");
        }
        let answer = lab.poll(HEALTHY[0], &["--count", "1", "--timeout", "500ms", "--deadline", "20s"]);
        assert_eq!(counters(&answer), (1, 1, 0), "{shell:?}: {answer}");
    });
}

#[test]
fn ping_that_goes_on_past_the_deadline_is_counted_whole() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        let count = if lab.platform == "frr" { 6 } else { 20 };
        lab.poll(HEALTHY[0], &["--count", "1", "--timeout", "500ms", "--deadline", "20s"]);
        for target in LOSSY {
            lab.router.responder.rule(target, Rule::drop_every(2));
            let poll = || lab.poll(target, &["--count", &count.to_string(), "--timeout", "1s", "--deadline", "2.5s"]);
            let before = lab.router.responder.count(target);
            let answer = poll();
            assert_eq!(answer["ping"], json!({ "up": 1, "complete": false }), "{shell:?}: {answer}");
            wait::until("the end of the ping", || {
                let lanes = lab.monitor.status()[0]["lanes"].as_array()?.clone();
                lanes.iter().all(|lane| lane["state"] == "idle").then_some(())
            });
            let after = lab.router.responder.count(target);
            let answer = poll();
            let (sent, received, pending) = counters(&answer);
            let (seen, answered) = (after.seen - before.seen, after.answered - before.answered);
            assert_eq!((sent + pending, received), (seen, answered), "{shell:?}: {answer}");
            assert_eq!((sent, &answer["ping"]["complete"]), (count, &json!(true)), "{shell:?}: {answer}");
        }
    });
}

#[test]
fn a_router_that_has_no_route_says_so_and_other_refusals_are_not_taken_for_it() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        let poll = |target| lab.poll(target, &["--count", "1", "--timeout", "500ms"]);
        for target in [netns::NO_ROUTE, netns::NO_ROUTE_V6, netns::UNREACHABLE, netns::BLACKHOLE] {
            let answer = poll(target);
            let ping = &answer["ping"];
            assert_eq!(
                (&answer["state"], &ping["up"], &ping["loss"]),
                (&json!(0), &json!(0), &json!(100.0)),
                "{answer}"
            );
            assert_eq!(ping["reason"], "no_route", "{shell:?} {target}: {answer}");
            assert!(ping.get("sent").is_none() && ping.get("received").is_none(), "{answer}");
        }
        let answer = poll(netns::PROHIBITED);
        assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("rejected"), None), "{shell:?}: {answer}");
        for target in UNREACHABLE {
            lab.router.responder.rule(target, Rule::unreachable());
            let (answer, count) = lab.counted(target, &["--count", "2", "--timeout", "1s"]);
            let (sent, received, pending) = counters(&answer);
            assert_eq!((answer["ping"]["up"].as_u64(), &answer["ping"]["loss"]), (Some(0), &json!(100.0)), "{answer}");
            assert_eq!(answer["ping"]["reason"], "unreachable", "{shell:?}: {answer}");
            assert_eq!((sent + pending, received), (count.seen, 0), "{shell:?}: {answer}");
        }
        // A route that comes back is found at once, on the same session.
        lab.router.netns.ip(&format!("route replace {}/32 dev line0", netns::NO_ROUTE));
        assert_eq!(counters(&poll(netns::NO_ROUTE)).1, 1, "{shell:?}");
        assert_eq!(lab.router.logins(), (1, 0), "{shell:?}");
    });
}

#[test]
fn answers_that_come_twice_are_no_negative_loss() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        lab.router.responder.rule(HEALTHY[0], Rule::default().twice());
        let (arguments, packets, _) = run_of(lab.platform);
        let answer = lab.poll(HEALTHY[0], arguments);
        assert_eq!(counters(&answer), (packets, packets, 0), "{shell:?}: {answer}");
        assert_eq!(answer["ping"]["loss"], 0.0, "{answer}");
    });
}

#[test]
fn size_source_and_time_out_reach_the_wire_and_what_is_out_of_range_does_not() {
    let lab = Lab::new(("linux", Some("/bin/bash")), "");
    let at = lab.router.address().to_string();
    let base = ["--count", "1", "--timeout", "1s"];
    let poll = |target: &str, more: &[&str]| lab.poll(target, &[&base[..], more].concat());
    for (more, part) in [
        (&["--size", "0"][..], "-s 0"),
        (&["--size", "1400"], "-s 1400"),
        (&["--size", "65507"], "-s 65507"),
        (&["--source", "198.18.0.254"], "-I 198.18.0.254"),
        (&["--source", "line0"], "-I line0"),
    ] {
        let ran = lab.monitor.poll(&at, "linux", HEALTHY[0], &[&base[..], more, &["-v"]].concat());
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        let answer = ran.json();
        // A packet that has to be cut to pieces is none that the responder answers.
        let received = u64::from(part != "-s 65507");
        assert_eq!(counters(&answer).1, received, "{more:?}: {answer}");
        // Too short for a time stamp: no times.
        assert_eq!(answer["ping"].get("rtt_avg").is_some(), received == 1 && part != "-s 0", "{more:?}: {answer}");
    }
    let answer = poll("2001:db8:1::1", &["--source", "2001:db8:1::fe"]);
    assert_eq!(counters(&answer), (1, 1, 0), "{answer}");
    for (source, said) in [("198.18.9.9", "source"), ("nosuch0", "source")] {
        let answer = poll(HEALTHY[0], &["--source", source]);
        assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("rejected"), None), "{answer}");
        assert!(answer["failure"]["message"].as_str().expect("a message").contains(said), "{answer}");
    }
    let before = lab.router.responder.count(HEALTHY[0]);
    for more in [&["--size", "65508"][..], &["--count", "0"], &["--timeout", "0"], &["--source", "2001:db8:1::fe"]] {
        let answer = lab.poll(HEALTHY[0], more);
        assert_eq!(answer["failure"]["kind"], "settings", "{more:?}: {answer}");
        assert!(answer["failure"]["message"].as_str().expect("a message").contains(more[0]), "{answer}");
    }
    let vtysh = super::monitor_of(&lab.router.user, "");
    for more in [&["--size", "100"][..], &["--source", "198.18.0.254"], &["--count", "1001"]] {
        let answer = vtysh.poll(&at, "frr", HEALTHY[0], more).json();
        assert_eq!(answer["failure"]["kind"], "settings", "{more:?}: {answer}");
        assert!(answer["failure"]["message"].as_str().expect("a message").contains(more[0]), "{answer}");
    }
    assert_eq!(lab.router.responder.count(HEALTHY[0]), before);
    // An answer later than the time-out of the last packet is lost, however healthy the line.
    lab.router.responder.rule(SLOW[0], Rule::default().delay(Duration::from_millis(1500)));
    let answer = poll(SLOW[0], &[]);
    assert_eq!((counters(&answer), &answer["ping"]["loss"]), ((1, 0, 0), &json!(100.0)), "{answer}");
}

/// A quarter of all packets, in no order.
const CHOSEN: u64 = 0x1058_41b6_0320_0290;

#[test]
fn of_packets_dropped_in_no_order_no_poll_counts_one_too_many_or_too_few() {
    let polls = process::rounds(8, 334) as u64;
    on_each_shell("", |lab| {
        let shell = lab.shell;
        lab.router.responder.rule(LOSSY[0], Rule::drop_chosen(CHOSEN));
        let (timeout, most) = if lab.platform == "frr" { ("500ms", 2) } else { ("4s", 5) };
        let (mut seen, mut lost_polls) = (0, 0);
        for number in 0..polls {
            let packets = 1 + number % most;
            let count = packets.to_string();
            let lost = (seen + 1..=seen + packets).filter(|packet| CHOSEN >> (packet % 64) & 1 == 1).count() as u64;
            let (answer, counted) = lab.counted(LOSSY[0], &["--count", &count, "--timeout", timeout]);
            seen += packets;
            let expected = Count { seen: packets, answered: packets - lost, dropped: lost };
            assert_eq!(counted, expected, "{shell:?} poll {number}: {answer}");
            assert_eq!(counters(&answer), (packets, packets - lost, 0), "{shell:?} poll {number}: {answer}");
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let loss = (1e6 * lost as f64 / packets as f64).round() / 1e4;
            let ping = &answer["ping"];
            let up = u64::from(lost < packets);
            assert_eq!((&ping["loss"], &ping["up"]), (&json!(loss), &json!(up)), "{shell:?} poll {number}: {answer}");
            lost_polls += u64::from(lost > 0);
        }
        assert!(lost_polls > polls / 6, "{shell:?}: only {lost_polls} of {polls} lost anything");
        assert_eq!(lab.router.logins(), (1, 0), "{shell:?}");
    });
}

#[test]
fn two_lines_on_one_session_never_get_each_others_numbers() {
    let pairs = if std::env::var_os("DDL_TEST_LONG").is_some() { 167 } else { 9 };
    on_each_shell("master.lanes = 1", |lab| {
        let shell = lab.shell;
        let at = lab.router.address().to_string();
        let (good, bad) = (HEALTHY[0], LOSSY[0]);
        lab.router.responder.rule(good, Rule::default().delay(Duration::from_millis(60)));
        // The first of every two is lost, so that no run ends with waiting for its last.
        lab.router.responder.rule(bad, Rule::drop_every(2).delay(Duration::from_millis(10)));
        lab.ping("-n -c 1", bad);
        let arguments: &[&str] = match lab.platform {
            "frr" => &["--count", "2", "--timeout", "400ms"],
            _ => &["--count", "2", "--timeout", "10s"],
        };
        let mut polls = 0;
        for _ in 0..pairs {
            let started = [good, bad].map(|target| lab.monitor.start_poll(&at, lab.platform, target, arguments));
            let [good, bad] = started.map(|poll| poll.wait().json());
            assert_eq!(counters(&good), (2, 2, 0), "{shell:?} after {polls}: {good}");
            assert!(good["ping"]["rtt_min"].as_f64().is_some_and(|rtt| rtt >= 0.06), "{shell:?}: {good}");
            assert_eq!(counters(&bad), (2, 1, 0), "{shell:?} after {polls}: {bad}");
            assert!(bad["ping"]["rtt_min"].as_f64().is_some_and(|rtt| rtt >= 0.01), "{shell:?}: {bad}");
            assert_eq!(bad["ping"]["loss"], 50.0, "{bad}");
            polls += 2;
        }
        let count = lab.router.responder.count(bad);
        assert_eq!((count.seen, count.dropped), (polls + 1, polls / 2), "{shell:?}");
        assert_eq!(lab.router.responder.count(good).answered, polls, "{shell:?}");
        assert_eq!(lab.router.logins(), (1, 0), "{shell:?}");
    });
}
