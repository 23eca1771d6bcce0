//! Every recorded ping, cut at every byte, aborted, spliced with answers about other targets, with log lines and redrawn prompts
//! in between: what comes out are the numbers that the router printed for the target asked, or none.

use super::platform;
use crate::support::process::rounds;
use ddl_monitor::platform::{Ending, Platform, Run};
use ddl_monitor::probe::{Measurement, PingResult, Probe, Reason};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A recorded answer, as a session would get it.
struct Case {
    name: String,
    text: String,
    target: IpAddr,
    /// What the router printed.
    printed: PingResult,
    /// The same text about a target that no recorded text names; None where its name is broken.
    about_another: Option<String>,
    /// From the line that names the target a second time to the last line: a router prints it at once.
    statistics: Range<usize>,
}

struct Corpus {
    platform: Platform,
    cases: Vec<Case>,
}

fn read(platform: &Platform, target: IpAddr, text: &str, ending: Ending) -> Option<PingResult> {
    let Probe::Ping(asked) = super::probe(&target.to_string(), 100_000, 2000) else { panic!() };
    let run = Run {
        before: Vec::new(),
        before_is_kept: true,
        command: "ping".to_owned(),
        limit: Duration::from_secs(60),
        end_after: None,
        plain: false,
    };
    match platform.read(&Probe::Ping(asked), &run, text, ending) {
        Ok(Measurement::Ping(ping)) => Some(ping),
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    }
}

fn addresses(text: &str) -> Vec<IpAddr> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':')));
    let mut found: Vec<IpAddr> = words.filter_map(|word| word.trim_end_matches([':', '.']).parse().ok()).collect();
    found.dedup();
    found
}

/// What a shell leaves of a recorded text.
fn cleaned(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace(['\r', '\0'], "");
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

fn case(platform: &Platform, folder: &Path) -> Option<Case> {
    let expected: Value = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    if expected.get("probe").is_some() || expected["ping"].get("sent").is_none() {
        return None;
    }
    let text = cleaned(&std::fs::read(folder.join("answer.txt")).unwrap());
    let asked = expected["target"].as_str().map(|target| target.parse().unwrap());
    let (target, printed) = asked
        .map_or_else(|| addresses(&text), |asked| vec![asked])
        .into_iter()
        .find_map(|target| Some((target, read(platform, target, &text, Ending::Complete)?)))?;
    // Counters so far are numbers of the router too, and a text with two answers has two numbers.
    let counters = ["transmitted", "Success rate", "sent="].map(|word| text.matches(word).count());
    let header_and_one_block = counters.iter().sum::<usize>() == 1;
    let begin = text.find("tatistics").or_else(|| text.find("Success rate")).or_else(|| text.find("sent="))?;
    let begin = text[..begin].rfind('\n').map_or(0, |end| end + 1);
    let other = if target.is_ipv4() { "203.0.113.77" } else { "2001:db8:ffff::77" };
    let about_another = about(&text, target, other);
    let reads = |text: &String| {
        read(platform, other.parse().unwrap(), text, Ending::Complete).is_some()
            && read(platform, target, text, Ending::Complete).is_none()
    };
    header_and_one_block.then(|| Case {
        about_another: Some(about_another).filter(reads),
        name: folder.display().to_string(),
        target,
        printed,
        statistics: begin..text.len(),
        text,
    })
}

fn corpus() -> Vec<Corpus> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/platforms");
    let mut all = Vec::new();
    for name in super::PLATFORMS {
        let platform = platform(name);
        let mut folders: Vec<PathBuf> =
            std::fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        let cases: Vec<Case> = folders.iter().filter_map(|folder| case(&platform, folder)).collect();
        assert!(cases.len() > 1, "{name}: {} recorded pings", cases.len());
        all.push(Corpus { platform, cases });
    }
    all
}

/// The same answer about another target.
fn about(whole: &str, target: IpAddr, other: &str) -> String {
    let mut text = String::new();
    let mut rest = whole;
    let is_of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    while let Some(at) = rest.find(is_of_address) {
        let end = rest[at..].find(|c| !is_of_address(c)).map_or(rest.len(), |end| at + end);
        let word = rest[at..end].trim_end_matches([':', '.']);
        text.push_str(&rest[..at]);
        match word.parse::<IpAddr>() {
            Ok(address) if address == target => text.push_str(other),
            _ => text.push_str(word),
        }
        rest = &rest[at + word.len()..];
        if word.is_empty() {
            text.extend(rest.chars().next());
            rest = &rest[1..];
        }
    }
    text + rest
}

/// Its numbers are those that the router printed for this target.
fn check(case: &Case, text: &str, ping: Option<&PingResult>) -> Result<(), TestCaseError> {
    let Some(ping) = ping else { return Ok(()) };
    let printed = &case.printed;
    let near = |a: Option<f64>, b: Option<f64>| a.is_none() || a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-9);
    let sent = ping.sent.map(|sent| sent + ping.pending.unwrap_or(0));
    // Without counters it can be what the router says of the whole run.
    let said = ping.sent.is_none() && ping.reason == Some(Reason::NoRoute) && printed.reason == ping.reason;
    let counters = sent == printed.sent && ping.received == printed.received;
    let holds = (counters || said)
        && [ping.rtt_min, ping.rtt_avg, ping.rtt_max].into_iter().zip([printed.rtt_min, printed.rtt_avg, printed.rtt_max])
            .all(|(read, printed)| near(read, printed))
        // Where they do not fit the whole answer, they may fit a part of it.
        && (printed.rtt_p95.is_none() || near(ping.rtt_p95, printed.rtt_p95) && near(ping.jitter, printed.jitter))
        && (ping.up == 1) == (printed.received > Some(0));
    prop_assert!(holds, "{}: {ping:?}\nprinted {printed:?}\nof {text}", case.name);
    Ok(())
}

/// The nearest place in front of it where a character begins.
fn boundary(text: &str, place: usize) -> usize {
    (0..=place.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

fn endings() -> impl Strategy<Value = Ending> {
    let aborted = |after| Ending::Aborted { after: Duration::from_millis(after), planned: false };
    prop_oneof![Just(Ending::Complete), Just(Ending::Cut), (0u64..12_000).prop_map(aborted)]
}

const BETWEEN: [&str; 6] = [
    "*Mar  1 00:02:11.103: %LINK-3-UPDOWN: Interface Serial0/0, changed state to up\n",
    "Jun 29 2024 12:56:33 edge1 %%01IFNET/4/LINK_STATE(l)[0]:The line protocol on the interface has entered the DOWN state.\n",
    "Nov 25 10:00:00  edge1 mib2d[1234]: SNMP_TRAP_LINK_DOWN: ifIndex 512, ifName ge-0/0/1\n",
    "edge1#\n",
    "edge1#ping 203.0.113.77\n",
    "\n",
];

#[test]
fn a_recorded_ping_cut_at_every_byte_gives_its_own_numbers_or_none() {
    let step = rounds(10, 1);
    let aborted = Ending::Aborted { after: Duration::from_secs(30), planned: false };
    let mut read_at = 0;
    for Corpus { platform, cases } in &corpus() {
        for case in cases {
            // In the statistics every byte counts; before them a ping has no numbers to be cut.
            let ends = (0..case.statistics.start).step_by(10 * step).chain(case.statistics.clone().step_by(step));
            for end in ends.filter(|end| case.text.is_char_boundary(*end)) {
                let text = &case.text[..end];
                let endings = [Ending::Complete, Ending::Cut, aborted].into_iter().enumerate();
                // In the short run one ending for each place, in turn.
                for (_, ending) in endings.filter(|(turn, _)| step == 1 || end / step % 3 == *turn) {
                    let ping = read(platform, case.target, text, ending);
                    check(case, text, ping.as_ref()).unwrap_or_else(|why| panic!("{ending:?}: {why}"));
                    assert!(ending != Ending::Cut || ping.as_ref().is_none_or(|ping| !ping.complete), "{}", case.name);
                    read_at += usize::from(ping.is_some());
                }
            }
        }
    }
    assert!(read_at > 100, "{read_at} texts were read at all");
}

#[test]
fn a_recorded_ping_spliced_with_others_gives_its_own_numbers_or_none() {
    let all = corpus();
    let place = || any::<prop::sample::Index>();
    let strategy = (
        (0..all.len(), place(), place(), endings()),
        (place(), place(), any::<[bool; 3]>()),
        prop::collection::vec((place(), 0..BETWEEN.len()), 0..3),
        prop::option::of(place()),
    );
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let seen = std::cell::RefCell::new(&mut seen);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(u32::try_from(rounds(1_500, 100_000)).unwrap())
    };
    let run = TestRunner::new(config).run(
        &strategy,
        |((which, of, with, ending), (at, from, [torn, first, last]), between, cut)| {
            let Corpus { platform, cases } = &all[which];
            let case = of.get(cases);
            let Some(others) = &with.get(cases).about_another else { return Ok(()) };
            // What is left of an answer comes without its beginning where its statistics say whose they are; elsewhere the session of an
            // aborted ping is dropped. Behind our own statistics comes no loose end: a router prints them at once.
            let title = others.find("tatistics").map(|at| others[..at].rfind('\n').map_or(0, |end| end + 1));
            let torn = title.filter(|_| torn).map(|title| if last && !first { title } else { others.len() });
            let rest = &others[torn.map_or(0, |most| boundary(others, from.index(most + 1)))..];
            let line_at = |at: usize| case.text[..at].rfind('\n').map_or(0, |end| end + 1);
            let at = match (first, last) {
                (true, _) => 0,
                (_, true) => case.text.len(),
                _ => line_at(boundary(&case.text, at.index(case.statistics.start + 1))),
            };
            let mut ours = case.text.clone();
            if let Some(cut) = cut {
                ours.truncate(boundary(&ours, cut.index(ours.len() + 1)).max(at));
            }
            let before = if ours[..at].is_empty() || ours[..at].ends_with('\n') { "" } else { "\n" };
            ours.insert_str(at, &format!("{before}{}\n", rest.trim_end()));
            for (place, which) in between {
                let lines: Vec<usize> =
                    std::iter::once(0).chain(ours.match_indices('\n').map(|(at, _)| at + 1)).collect();
                ours.insert_str(*place.get(&lines), BETWEEN[which]);
            }
            let ping = read(platform, case.target, &ours, ending);
            if ping.is_some() {
                *seen.borrow_mut().entry(platform.name.as_str()).or_default() += 1;
            }
            check(case, &ours, ping.as_ref())
        },
    );
    if let Err(why) = run {
        panic!("{why}");
    }
    assert!(seen.borrow().len() > 12, "{seen:?} were read at all");
}
