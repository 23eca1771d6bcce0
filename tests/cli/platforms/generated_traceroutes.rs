//! Traceroutes made from hops, in the form of each platform: they read back as the same, and what is left of a mutilated one is
//! never an address or a time that was not printed.

use super::{broken_at, platform};
use ddl_monitor::platform::Platform;
use ddl_monitor::probe::{Hop, Measurement, ProbeKind, TracerouteResult};
use proptest::prelude::*;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// How a platform prints the replies of a hop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// ` 1  192.0.2.2  0.078 ms  0.091 ms *`, another address in the same line.
    Unix,
    /// The same, names with addresses in brackets.
    Named,
    /// ` 1 192.0.2.2 4 msec 8 msec *`, another address on a line of its own.
    Cisco,
    /// ` 1 192.0.2.2 31 ms  16 ms`, nobody is ` 2  *  *`.
    Huawei,
    /// Nobody has the address 0.0.0.0.
    Nokia,
}

const FORMS: [(&str, Form); 14] = [
    ("linux", Form::Unix),
    ("frr", Form::Named),
    ("vyos", Form::Unix),
    ("arista_eos", Form::Named),
    ("cisco_iosxe", Form::Cisco),
    ("cisco_iosxr", Form::Cisco),
    ("cisco_asa", Form::Cisco),
    ("ruijie_os", Form::Cisco),
    ("cisco_nxos", Form::Named),
    ("huawei_vrp", Form::Huawei),
    ("h3c_comware", Form::Named),
    ("juniper_junos", Form::Unix),
    ("nokia_sros", Form::Nokia),
    ("fortinet_fortios", Form::Unix),
];

/// One packet: nobody, or who and after how many thousandths of a unit.
type Reply = Option<(u8, u32)>;

const TARGET: &str = "192.0.2.250";

fn address(who: u8) -> String {
    format!("192.0.2.{}", who % 250)
}

/// As printed, and in seconds.
fn time(form: Form, thousandths: u32) -> (String, f64) {
    match form {
        Form::Cisco => (format!("{} msec", thousandths / 1000), f64::from(thousandths / 1000) / 1e3),
        Form::Huawei => (format!("{} ms", thousandths / 1000), f64::from(thousandths / 1000) / 1e3),
        _ => (format!("{}.{:03} ms", thousandths / 1000, thousandths % 1000), f64::from(thousandths) / 1e6),
    }
}

fn header(form: Form) -> String {
    match form {
        Form::Cisco => format!("Type escape sequence to abort.\nTracing the route to {TARGET}\n\n"),
        Form::Huawei => {
            format!(" traceroute to  {TARGET}({TARGET}), max hops: 15 ,packet length: 40,press CTRL_C to break \n")
        }
        Form::Nokia => format!("traceroute to {TARGET}, 15 hops max, 40 byte packets\n"),
        _ => format!("traceroute to {TARGET} ({TARGET}), 15 hops max, 60 byte packets\n"),
    }
}

fn print(form: Form, hops: &[Vec<Reply>]) -> String {
    let mut text = header(form);
    for (index, replies) in hops.iter().enumerate() {
        let _ = write!(text, "{:2} ", index + 1);
        let mut last = None;
        if form == Form::Nokia && replies.iter().all(Option::is_none) {
            text.push_str(" 0.0.0.0 ");
        }
        for reply in replies {
            let Some((who, thousandths)) = reply else {
                text.push_str(" *");
                continue;
            };
            if last != Some(*who) {
                let own = address(*who);
                let another = last.is_some() && form == Form::Cisco;
                text.push_str(if another { "\n   " } else { "" });
                let _ = match form {
                    Form::Named => write!(text, " r{who}.example.net ({own}) "),
                    _ => write!(text, " {own}"),
                };
                last = Some(*who);
            }
            let _ = write!(text, " {}", time(form, *thousandths).0);
        }
        text.push('\n');
    }
    text
}

fn told(form: Form, hops: &[Vec<Reply>]) -> Vec<Hop> {
    let hop = |(index, replies): (usize, &Vec<Reply>)| {
        let times = replies.iter().flatten().map(|(_, thousandths)| time(form, *thousandths).1);
        let first = replies.iter().flatten().next();
        Hop {
            hop: u32::try_from(index + 1).unwrap(),
            address: first.map(|(who, _)| address(*who).parse().unwrap()),
            rtt: times.reduce(f64::min),
        }
    };
    hops.iter().enumerate().map(hop).collect()
}

fn hops() -> impl Strategy<Value = Vec<Vec<Reply>>> {
    let reply = prop::option::weighted(0.7, (1u8..250, 0u32..2_000_000));
    // Most hops have one address, as in life.
    let hop = (prop::collection::vec(reply, 1..4), any::<bool>()).prop_map(|(mut replies, one)| {
        let first = replies.iter().flatten().next().map(|(who, _)| *who);
        if one {
            replies.iter_mut().flatten().for_each(|(who, _)| *who = first.unwrap_or(1));
        }
        replies
    });
    prop::collection::vec(hop, 1..8)
}

fn read(name: &str, text: &[u8]) -> Option<TracerouteResult> {
    thread_local!(static ALL: OnceCell<Vec<Platform>> = const { OnceCell::new() });
    let index = FORMS.iter().position(|(known, _)| *known == name).unwrap();
    ALL.with(|all| {
        let all = all.get_or_init(|| FORMS.iter().map(|(name, _)| platform(name)).collect());
        match all[index].read_recorded(ProbeKind::Traceroute, text, None) {
            Ok(Measurement::Traceroute(found)) => Some(found),
            _ => None,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_traceroute_reads_back_as_the_hops_it_was_made_from(
        hops in hops(), index in 0..FORMS.len(), end in 0usize..3, reached in any::<bool>(),
    ) {
        let (name, form) = FORMS[index];
        let mut text = print(form, &hops);
        let mut expected = told(form, &hops);
        if reached {
            let (shown, seconds) = time(form, 7000);
            let number = hops.len() + 1;
            let _ = writeln!(text, "{number:2}  {TARGET}  {shown}");
            expected.push(Hop { hop: u32::try_from(number).unwrap(), address: TARGET.parse().ok(), rtt: Some(seconds) });
        }
        let bytes = text.replace('\n', ["\n", "\r\n", "\r\r\n\0"][end]);
        let found = read(name, bytes.as_bytes());
        prop_assert!(found.is_some(), "{}\n{}", name, text);
        let found = found.unwrap();
        prop_assert_eq!((found.reached, found.complete), (u8::from(reached), true), "{}", text);
        prop_assert_eq!(found.hops.len(), expected.len(), "{}\n{}", name, text);
        for (found, expected) in found.hops.iter().zip(&expected) {
            prop_assert_eq!((found.hop, found.address), (expected.hop, expected.address), "{}\n{}", name, text);
            let same = match (found.rtt, expected.rtt) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-9,
                (a, b) => a == b,
            };
            prop_assert!(same, "{:?} {:?}\n{}", found, expected, text);
        }
        let begin = text.lines().find(|line| line.contains(TARGET)).unwrap().trim();
        prop_assert!(found.text.starts_with(begin), "{}", found.text);
    }

    #[test]
    fn a_mutilated_traceroute_never_gives_a_hop_or_a_time_that_was_not_printed(
        hops in hops(), index in 0..FORMS.len(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..5), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()), width in prop::option::of(20usize..100),
    ) {
        let (name, form) = FORMS[index];
        let text = print(form, &hops);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (at, edit) in edits {
            if lines.is_empty() { break; }
            let at = at.index(lines.len());
            match edit {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => lines.truncate(at + 1),
                // Cut short, or run into the next one.
                3 => { let half = lines[at].len() / 2; lines[at].truncate(half); }
                _ if at + 1 < lines.len() => { let next = lines.remove(at + 1); lines[at].push_str(&next); }
                _ => {}
            }
        }
        let mut text = lines.join("\n");
        text.push('\n');
        if let Some(width) = width { text = broken_at(&text, width); }
        if let Some(cut) = cut { text.truncate(cut.index(text.len() + 1)); }
        let Some(found) = read(name, text.as_bytes()) else { return Ok(()) };
        // Where another address has a line of its own, whose it is when lines are missing cannot be told.
        let every = form == Form::Cisco;
        for hop in &found.hops {
            let number = usize::try_from(hop.hop).unwrap();
            prop_assert!((1..=hops.len()).contains(&number), "hop {}\n{}", number, text);
            let printed: Vec<(u8, u32)> =
                if every { hops.iter().flatten().flatten().copied().collect() } else { hops[number - 1].iter().flatten().copied().collect() };
            let addresses: BTreeSet<IpAddr> = printed.iter().map(|(who, _)| address(*who).parse().unwrap()).collect();
            prop_assert!(hop.address.is_none_or(|one| addresses.contains(&one)), "{:?}\n{}", hop, text);
            let is_printed = |rtt: f64| printed.iter().any(|(_, one)| (time(form, *one).1 - rtt).abs() < 1e-9);
            prop_assert!(hop.rtt.is_none_or(is_printed), "{:?}\n{}", hop, text);
        }
        prop_assert_eq!(found.reached, 0);
    }

    #[test]
    fn no_text_at_all_brings_a_reader_down(text in "(?s).{0,400}", index in 0..FORMS.len()) {
        let (name, form) = FORMS[index];
        read(name, text.as_bytes());
        read(name, format!("{}{text}", header(form)).as_bytes());
        read(name, format!("{} 1  192.0.2.2{text}", header(form)).as_bytes());
    }
}
