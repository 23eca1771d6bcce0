//! Answers made from numbers, in every form that the platforms print: they read back as the same numbers, and however they are
//! mutilated they never read as numbers that were not printed.

use super::{PLATFORMS, broken_at, platform};
use ddl_monitor::platform::Platform;
use ddl_monitor::probe::{Measurement, PingResult, ProbeKind};
use proptest::prelude::*;
use std::cell::OnceCell;

/// What a router counted: times in microseconds, ordered.
#[derive(Clone, Debug)]
struct Facts {
    target: String,
    sent: u32,
    received: u32,
    times: [u32; 3],
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Ios,
    Xr,
    XrNoComma,
    Nxos,
    VrpLines,
    VrpOneLine,
    VrpTight,
    Comware7,
    Iputils,
    Busybox,
    /// BSD with a standard deviation.
    Bsd,
    Sros,
    SrosDuplicates,
    /// A table of at most 19 rows.
    RouterOs,
    /// With counters so far after 20 and 40 rows.
    RouterOsPages,
    Ruijie,
    Zte,
}

const FORMS: [(&str, Form); 25] = [
    ("cisco_iosxe", Form::Ios),
    ("cisco_iosxr", Form::Ios),
    ("cisco_iosxr", Form::Xr),
    ("cisco_iosxr", Form::XrNoComma),
    ("cisco_nxos", Form::Nxos),
    ("huawei_vrp", Form::VrpLines),
    ("huawei_vrp", Form::VrpOneLine),
    ("huawei_vrp", Form::VrpTight),
    ("h3c_comware", Form::VrpLines),
    ("h3c_comware", Form::Comware7),
    ("frr", Form::Iputils),
    ("linux", Form::Iputils),
    ("linux", Form::Busybox),
    ("huawei_vrp", Form::Comware7),
    ("arista_eos", Form::Iputils),
    ("cisco_asa", Form::Ios),
    ("fortinet_fortios", Form::Busybox),
    ("juniper_junos", Form::Bsd),
    ("mikrotik_routeros", Form::RouterOs),
    ("mikrotik_routeros", Form::RouterOsPages),
    ("nokia_sros", Form::Sros),
    ("nokia_sros", Form::SrosDuplicates),
    ("ruijie_os", Form::Ruijie),
    ("vyos", Form::Iputils),
    ("zte_zxros", Form::Zte),
];

impl Form {
    fn whole_milliseconds(self) -> bool {
        matches!(
            self,
            Self::Ios
                | Self::Xr
                | Self::XrNoComma
                | Self::VrpLines
                | Self::VrpOneLine
                | Self::VrpTight
                | Self::Ruijie
                | Self::Zte
        )
    }

    /// Broken at a width its rows are none any more, or may be whole: that is refused, not guessed. And a time that ends in whole
    /// milliseconds may be the beginning of a longer one.
    fn is_table(self) -> bool {
        matches!(self, Self::RouterOs | Self::RouterOsPages)
    }

    /// It may stop at counters that it has printed and that were not its last.
    fn counts_so_far(self) -> bool {
        matches!(self, Self::RouterOsPages)
    }

    fn print(self, facts: &Facts) -> String {
        let Facts { target, sent, received, .. } = facts;
        let back = *received > 0;
        let times = |decimals: usize| {
            let print = |micros: u32| match decimals {
                0 => (micros / 1000).to_string(),
                _ => format!("{:.decimals$}", f64::from(micros) / 1000.0),
            };
            facts.times.map(print).join("/")
        };
        let lost = 100.0 * f64::from(sent - received) / f64::from(*sent);
        let rtt = |text: String| if back { text } else { String::new() };
        match self {
            Self::Ios | Self::Xr | Self::XrNoComma => {
                let date = if matches!(self, Self::Ios) { "" } else { "Thu Jul 30 14:04:58.767 UTC\n" };
                let comma = if matches!(self, Self::XrNoComma) { "" } else { "," };
                let marks = "!".repeat(*received as usize) + &".".repeat((sent - received) as usize);
                let marks: String = broken_at(&marks, 70);
                let times = rtt(format!(", round-trip min/avg/max = {} ms", times(0)));
                format!(
                    "{date}Type escape sequence to abort.\nSending {sent}, 100-byte ICMP Echos to {target}{comma} timeout is 2 seconds:\n\
                     {marks}\nSuccess rate is {} percent ({received}/{sent}){times}\n",
                    100 * received / sent
                )
            }
            Self::Nxos => {
                let times = rtt(format!("round-trip min/avg/max = {} ms\n", times(3)));
                format!(
                    "PING {target} ({target}): 56 data bytes\n{}\n--- {target} ping statistics ---\n\
                     {sent} packets transmitted, {received} packets received, {lost:.2}% packet loss\n{times}",
                    "Request 0 timed out\n".repeat((sent - received).min(9) as usize)
                )
            }
            Self::VrpLines | Self::VrpOneLine | Self::VrpTight => {
                let replies = "    Request time out\n".repeat((sent - received).min(9) as usize);
                let (between, equals) = match self {
                    Self::VrpLines => ("\n    ", " = "),
                    Self::VrpTight => ("\n    ", "="),
                    _ => (", ", " = "),
                };
                let times = rtt(format!("    round-trip min/avg/max{equals}{} ms\n", times(0)));
                format!(
                    "  PING {target} : 56  data bytes, press CTRL_C to break\n{replies}\n  --- {target} ping statistics ---\n    \
                     {sent} packet(s) transmitted{between}{received} packet(s) received{between}{lost:.2}% packet loss\n{times}"
                )
            }
            Self::Comware7 => {
                let times = rtt(format!("round-trip min/avg/max/std-dev = {}/0.062 ms\n", times(3)));
                format!(
                    "Ping {target} ({target}): 56 data bytes, press CTRL+C to break\n\n--- Ping statistics for {target} ---\n\
                     {sent} packet(s) transmitted, {received} packet(s) received, {lost:.1}% packet loss\n{times}"
                )
            }
            Self::Iputils => {
                let times = rtt(format!("rtt min/avg/max/mdev = {}/0.004 ms\n", times(3)));
                let errors = if back { "" } else { " +1 errors," };
                format!(
                    "PING {target} ({target}) 56(84) bytes of data.\n64 bytes from {target}: icmp_seq=1 ttl=64 time=0.1 ms\n\n\
                     --- {target} ping statistics ---\n{sent} packets transmitted, {received} received,{errors} {}% packet loss, time 4010ms\n{times}\n",
                    (lost * 1e4).round() / 1e4
                )
            }
            Self::Bsd => {
                let times = rtt(format!("round-trip min/avg/max/stddev = {}/0.191 ms\n", times(3)));
                format!(
                    "PING {target} ({target}): 56 data bytes\n64 bytes from {target}: icmp_seq=0 ttl=62 time=2.261 ms\n\n\
                     --- {target} ping statistics ---\n{sent} packets transmitted, {received} packets received, {}% packet loss\n{times}",
                    lost.floor()
                )
            }
            Self::Sros | Self::SrosDuplicates => {
                let [min, avg, max] = facts.times.map(|micros| format!("{:.3}ms", f64::from(micros) / 1000.0));
                let times = rtt(format!("round-trip min = {min}, avg = {avg}, max = {max}, stddev = 0.079ms\n"));
                let packets = |n: u32| if n == 1 { "packet" } else { "packets" };
                let bounced = if back { String::new() } else { format!(" {sent} packets bounced,") };
                let end = match self {
                    Self::Sros => format!("{lost:.2}% packet loss"),
                    _ => "0 duplicates".to_owned(),
                };
                format!(
                    "PING {target} 56 data bytes\n{}\n---- {target} PING Statistics ----\n\
                     {sent} {} transmitted,{bounced} {received} {} received, {end}\n{times}",
                    "Request timed out. icmp_seq=1.\n".repeat((sent - received).min(1) as usize),
                    packets(*sent),
                    packets(*received)
                )
            }
            Self::RouterOs | Self::RouterOsPages => {
                let time = |micros: u32| match (micros / 1000, micros % 1000) {
                    (0, us) => format!("{us}us"),
                    (ms, 0) => format!("{ms}ms"),
                    (ms, us) if ms >= 1000 => format!("{}s{}ms{us}us", ms / 1000, ms % 1000),
                    (ms, us) => format!("{ms}ms{us}us"),
                };
                let [min, avg, max] = facts.times.map(time);
                let counters = |sent: u32, received: u32| {
                    let lost = 100 * (sent - received) / sent;
                    let times = if received > 0 {
                        format!(" min-rtt={min} avg-rtt={avg} max-rtt={max}")
                    } else {
                        String::new()
                    };
                    format!("    sent={sent} received={received} packet-loss={lost}%{times} \n")
                };
                let heading = "  SEQ HOST                                     SIZE TTL TIME       STATUS\n";
                let most = if self.counts_so_far() { 45 } else { 19 };
                let mut text = heading.to_owned();
                for row in 0..(*sent).min(most) {
                    match row < *received {
                        true => text.push_str(&format!("{row:>5} {target:<40} {:>4} {:>3} 1ms45us\n", 56, 60)),
                        false => text.push_str(&format!("{row:>5} {target:<59} timeout\n")),
                    }
                    if row % 20 == 19 && row + 1 < *sent {
                        text.push_str(&counters(row + 1, (*received).min(row + 1)));
                        text.push_str(heading);
                    }
                }
                text + &counters(*sent, *received) + "\n"
            }
            Self::Ruijie => {
                let times = rtt(format!(", round-trip min/avg/max = {} ms", times(0)));
                format!(
                    "Sending {sent}, 100-byte ICMP Echoes to {target}, timeout is 2 seconds:\n  < press Ctrl+C to break >\n!!.\n\
                     Success rate is {} percent ({received}/{sent}){times}.\n",
                    100 * received / sent
                )
            }
            Self::Zte => {
                let times = rtt(format!(",round-trip min/avg/max= {} ms", times(0)));
                format!(
                    "sending {sent},100-byte ICMP echo(es) to {target},timeout is 2 second(s).\n!!.\n\
                     Success rate is {} percent({received}/{sent}){times}.\n",
                    100 * received / sent
                )
            }
            Self::Busybox => {
                let times = rtt(format!("round-trip min/avg/max = {} ms\n", times(3)));
                format!(
                    "PING {target} ({target}): 56 data bytes\n\n--- {target} ping statistics ---\n\
                     {sent} packets transmitted, {received} packets received, {}% packet loss\n{times}",
                    lost.floor()
                )
            }
        }
    }
}

fn facts() -> impl Strategy<Value = Facts> {
    let target = prop_oneof![
        any::<[u8; 4]>().prop_map(|[_, b, c, d]| format!("192.{b}.{c}.{d}")),
        any::<u32>().prop_map(|n| format!("2001:db8::{:x}:{:x}", n >> 16, n & 0xffff)),
    ];
    (target, 1u32..2000, any::<u32>(), any::<[u32; 3]>()).prop_map(|(target, sent, received, times)| {
        let mut times = times.map(|t| t % 4_000_000);
        times.sort_unstable();
        Facts { target, sent, received: received % (sent + 1), times }
    })
}

fn with_platform<T>(index: usize, work: impl FnOnce(&Platform) -> T) -> T {
    thread_local!(static ALL: OnceCell<Vec<Platform>> = const { OnceCell::new() });
    ALL.with(|all| work(&all.get_or_init(|| PLATFORMS.iter().map(|name| platform(name)).collect())[index]))
}

fn read(name: &str, text: &[u8], target: Option<&str>) -> Option<PingResult> {
    let index = PLATFORMS.iter().position(|known| *known == name).unwrap();
    with_platform(index, |platform| {
        let target = target.map(|target| target.parse().unwrap());
        let Measurement::Ping(ping) = platform.read_recorded(ProbeKind::Ping, text, target).ok()? else { return None };
        Some(ping)
    })
}

fn seconds(form: Form, micros: u32) -> f64 {
    let micros = if form.whole_milliseconds() { micros / 1000 * 1000 } else { micros };
    f64::from(micros) / 1e6
}

fn near(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-9)
}

/// Where it prints anything, it is what the router printed.
fn holds(form: Form, facts: &Facts, ping: &PingResult) -> bool {
    let counters = ping.sent == Some(facts.sent) && ping.received == Some(facts.received);
    let times = ping.rtt_min.is_none()
        || near(ping.rtt_min, seconds(form, facts.times[0]))
            && near(ping.rtt_avg, seconds(form, facts.times[1]))
            && near(ping.rtt_max, seconds(form, facts.times[2]));
    counters && times && (ping.up == 1) == (facts.received > 0)
}

const NOISE: [&str; 8] = [
    "*Mar  1 00:02:11.103: %LINK-3-UPDOWN: Interface Serial0/0, changed state to up",
    "RP/0/RSP0/CPU0:Jul 30 14:04:59.000 UTC: ifmgr[265]: %PKT_INFRA-LINK-3-UPDOWN : Interface Te0/0/0/1, changed state to Down",
    "Jun 29 2024 12:56:33 edge1 %%01IFNET/4/LINK_STATE(l)[0]:The line protocol on the interface has entered the DOWN state.",
    "%Jan  1 12:00:00:123 2024 edge1 IFNET/3/PHY_UPDOWN: Physical state on the interface changed to up.",
    "Nov 25 10:00:00  edge1 mib2d[1234]: SNMP_TRAP_LINK_DOWN: ifIndex 512, ifAdminStatus up(1), ifOperStatus down(2), ifName ge-0/0/1",
    "10:00:00 echo: interface,info ether1 link down",
    "2024 Jun 29 12:56:34 leaf1 %ETHPORT-5-IF_DOWN_LINK_FAILURE: Interface Ethernet1/1 is down (Link failure)",
    "",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_answer_reads_back_as_the_numbers_it_was_made_from(
        facts in facts(), index in 0..FORMS.len(), end in 0usize..3, noise in prop::collection::vec((any::<prop::sample::Index>(), 0..NOISE.len()), 0..4),
        width in prop::option::of(40usize..120), target in any::<bool>(),
    ) {
        let (name, form) = FORMS[index];
        prop_assume!(!form.is_table() || !facts.times[2].is_multiple_of(1000));
        let width = width.filter(|_| !form.is_table());
        let mut lines: Vec<String> = form.print(&facts).lines().map(str::to_owned).collect();
        // Log lines, unless the lines are broken at a width: then a log line would be the longest.
        if width.is_none() {
            for (at, which) in &noise {
                lines.insert(at.index(lines.len() + 1), NOISE[*which].to_owned());
            }
        }
        lines.insert(0, format!("edge1#ping {}", facts.target));
        lines.push("edge1#".to_owned());
        let text = lines.join("\n");
        let text = width.map_or(text.clone(), |width| broken_at(&text, width));
        let text = text.replace('\n', ["\n", "\r\n", "\r\r\n\0"][end]);
        let ping = read(name, text.as_bytes(), target.then_some(&facts.target));
        prop_assert!(ping.is_some(), "{name} {form:?}: not read: {text}");
        let ping = ping.unwrap();
        prop_assert!(holds(form, &facts, &ping), "{name} {form:?}: {ping:?} out of {text}");
        prop_assert_eq!(ping.rtt_min.is_some(), facts.received > 0, "{} {:?} {}", name, form, text);
        let loss = 100.0 * f64::from(facts.sent - facts.received) / f64::from(facts.sent);
        prop_assert!((ping.loss.unwrap() - loss).abs() < 1e-4);
    }

    #[test]
    fn a_mutilated_answer_never_reads_as_numbers_that_were_not_printed(
        facts in facts(), index in 0..FORMS.len(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3), 0..5),
        cut in prop::option::of(any::<prop::sample::Index>()), width in prop::option::of(20usize..120),
    ) {
        let (name, form) = FORMS[index];
        prop_assume!(!form.counts_so_far());
        let text = form.print(&facts);
        let text = width.map_or(text.clone(), |width| broken_at(&text, width));
        let mut lines: Vec<&str> = text.lines().collect();
        for (at, edit) in edits {
            if lines.is_empty() { break; }
            let at = at.index(lines.len());
            match edit {
                // Dropping a piece of a broken line makes another text of it: that is no dropped line.
                0 if width.is_none() => drop(lines.remove(at)),
                1 if width.is_none() => lines.insert(at, lines[at]),
                _ if width.is_none() => lines.truncate(at + 1),
                _ => {}
            }
        }
        let mut text = lines.join("\n");
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len() + 1));
        }
        if let Some(ping) = read(name, text.as_bytes(), None) {
            prop_assert!(holds(form, &facts, &ping), "{name} {form:?}: {ping:?} out of {text}");
        }
    }

    #[test]
    fn two_answers_in_one_text_are_never_mixed(
        first in facts(), second in facts(), index in 0..FORMS.len(), edits in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let (name, form) = FORMS[index];
        prop_assume!(first.target != second.target && !form.counts_so_far());
        let (one, two) = (form.print(&first), form.print(&second));
        let text = format!("{one}edge1#ping {}\n{two}edge1#\n", second.target);
        let read_second = read(name, text.as_bytes(), Some(&second.target));
        prop_assert!(read_second.is_some_and(|ping| holds(form, &second, &ping)));
        let read_first = read(name, text.as_bytes(), Some(&first.target));
        prop_assert!(read_first.is_some_and(|ping| holds(form, &first, &ping)));
        // With lines lost, but both headers there.
        let is_header = |line: &str| {
            let line = line.to_lowercase();
            let row = line.starts_with("    ") && !line.contains('=');
            row || ["data bytes", "bytes of data", "sending"].iter().any(|part| line.contains(part))
        };
        let mut lines: Vec<&str> = text.lines().collect();
        for at in edits {
            let at = at.index(lines.len());
            if !is_header(lines[at]) { lines.remove(at); }
        }
        if let Some(ping) = read(name, lines.join("\n").as_bytes(), Some(&second.target)) {
            prop_assert!(holds(form, &second, &ping), "{ping:?} out of {}", lines.join("\n"));
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), index in 0..PLATFORMS.len()) {
        let _ = read(PLATFORMS[index], &bytes, None);
        let _ = read(PLATFORMS[index], &bytes, Some("192.0.2.1"));
    }

    #[test]
    fn any_shuffle_of_what_routers_print_never_panics(
        pieces in prop::collection::vec((0..FORMS.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..12),
        facts in facts(), index in 0..PLATFORMS.len(),
    ) {
        let mut text = String::new();
        for (form, from, to) in pieces {
            let whole = FORMS[form].1.print(&facts);
            let (from, to) = (from.index(whole.len()), to.index(whole.len()));
            text.push_str(&whole[from.min(to)..from.max(to)]);
        }
        if let Some(ping) = read(PLATFORMS[index], text.as_bytes(), None) {
            prop_assert!(ping.loss.is_none_or(|loss| (0.0..=100.0).contains(&loss)));
            prop_assert_eq!(ping.up == 1, ping.received.unwrap_or(0) > 0);
        }
    }
}
