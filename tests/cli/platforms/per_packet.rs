//! Figures of single packets, out of answers made from them: right, or absent where a line is missing.

use super::platform;
use ddl_monitor::platform::Platform;
use ddl_monitor::probe::{Measurement, PingResult, ProbeKind};
use proptest::prelude::*;
use std::cell::OnceCell;

const FORMS: [&str; 5] = ["cisco_nxos", "frr", "h3c_comware", "huawei_vrp", "linux"];

/// Microseconds of each packet; VRP knows milliseconds only.
fn print(name: &str, packets: &[Option<u32>]) -> String {
    let back: Vec<u32> = packets.iter().flatten().copied().collect();
    let ms = |micros: u32| match name {
        "huawei_vrp" => (micros / 1000).to_string(),
        _ => format!("{:.3}", f64::from(micros) / 1000.0),
    };
    let line = |(place, time): (usize, &Option<u32>)| {
        let time = time.map(ms);
        match (name, time) {
            ("cisco_nxos", Some(time)) => format!("64 bytes from 192.0.2.1: icmp_seq={place} ttl=254 time={time} ms\n"),
            ("cisco_nxos", None) => format!("Request {place} timed out\n"),
            ("h3c_comware", Some(time)) => {
                format!("56 bytes from 192.0.2.1: icmp_seq={place} ttl=254 time={time} ms\n")
            }
            ("h3c_comware", None) => "Request time out\n".to_owned(),
            ("huawei_vrp", Some(time)) => {
                format!("    Reply from 192.0.2.1: bytes=56 Sequence={} ttl=254 time={time} ms\n", place + 1)
            }
            ("huawei_vrp", None) => "    Request time out\n".to_owned(),
            (_, Some(time)) => format!("64 bytes from 192.0.2.1: icmp_seq={} ttl=64 time={time} ms\n", place + 1),
            (_, None) => String::new(),
        }
    };
    let lines: String = packets.iter().enumerate().map(line).collect();
    let (sent, received) = (packets.len(), back.len());
    let header = match name {
        "cisco_nxos" => "PING 192.0.2.1 (192.0.2.1): 56 data bytes\n",
        "h3c_comware" => "Ping 192.0.2.1 (192.0.2.1): 56 data bytes, press CTRL+C to break\n",
        "huawei_vrp" => "  PING 192.0.2.1: 56  data bytes, press CTRL_C to break\n",
        _ => "PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.\n",
    };
    let lost = 100.0 * f64::from(u32::try_from(sent - received).unwrap()) / f64::from(u32::try_from(sent).unwrap());
    let counters = match name {
        "cisco_nxos" => format!("{sent} packets transmitted, {received} packets received, {lost:.2}% packet loss"),
        "h3c_comware" | "huawei_vrp" => {
            format!("{sent} packet(s) transmitted, {received} packet(s) received, {lost:.2}% packet loss")
        }
        _ => format!(
            "{sent} packets transmitted, {received} received, {}% packet loss, time 1ms",
            (lost * 1e4).round() / 1e4
        ),
    };
    let times = back.iter().min().zip(back.iter().max()).map_or(String::new(), |(min, max)| {
        let average = back.iter().map(|t| u64::from(*t)).sum::<u64>() / back.len() as u64;
        let three = format!("{}/{}/{}", ms(*min), ms(u32::try_from(average).unwrap()), ms(*max));
        match name {
            "cisco_nxos" | "huawei_vrp" => format!("round-trip min/avg/max = {three} ms\n"),
            "h3c_comware" => format!("round-trip min/avg/max/std-dev = {three}/0.062 ms\n"),
            _ => format!("rtt min/avg/max/mdev = {three}/0.004 ms\n"),
        }
    });
    format!("{header}{lines}\n--- 192.0.2.1 ping statistics ---\n{counters}\n{times}")
}

/// `rtt_p95`, `jitter`, `loss_burst` by their definitions, in microseconds.
fn figures(name: &str, packets: &[Option<u32>]) -> (Option<f64>, Option<f64>, u32) {
    let round = |micros: u32| if name == "huawei_vrp" { micros / 1000 * 1000 } else { micros };
    let back: Vec<f64> = packets.iter().flatten().map(|micros| f64::from(round(*micros))).collect();
    let mut sorted = back.clone();
    sorted.sort_by(f64::total_cmp);
    let p95 = sorted.iter().copied().find(|time| {
        let within = sorted.iter().filter(|other| *other <= time).count();
        within * 100 >= sorted.len() * 95
    });
    let mut sum = 0.0;
    for at in 1..back.len() {
        sum += (back[at] - back[at - 1]).abs();
    }
    let jitter = (back.len() > 1).then(|| sum / f64::from(u32::try_from(back.len() - 1).unwrap()));
    let runs = packets.split(Option::is_some).map(<[_]>::len).max().unwrap();
    (p95, jitter, u32::try_from(runs).unwrap())
}

fn read(name: &str, text: &str) -> Option<PingResult> {
    thread_local!(static ALL: OnceCell<Vec<Platform>> = const { OnceCell::new() });
    ALL.with(|all| {
        let index = FORMS.iter().position(|known| *known == name).unwrap();
        let all = all.get_or_init(|| FORMS.iter().map(|name| platform(name)).collect());
        match all[index].read_recorded(ProbeKind::Ping, text.as_bytes(), None) {
            Ok(Measurement::Ping(ping)) => Some(ping),
            _ => None,
        }
    })
}

fn near(found: Option<f64>, micros: Option<f64>) -> bool {
    match (found, micros) {
        (Some(found), Some(micros)) => (found - micros / 1e6).abs() < 2e-9,
        (found, micros) => found.is_none() && micros.is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_figures_are_those_of_the_packets_or_absent(
        packets in prop::collection::vec(prop::option::of(1000u32..3_000_000), 1..60), index in 0..FORMS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4),
    ) {
        let name = FORMS[index];
        let text = print(name, &packets);
        let (p95, jitter, burst) = figures(name, &packets);
        let whole = read(name, &text);
        prop_assert!(whole.is_some(), "{name}: {text}");
        let whole = whole.unwrap();
        prop_assert!(near(whole.rtt_p95, p95) && near(whole.jitter, jitter), "{name} {p95:?} {jitter:?}: {whole:?}\n{text}");
        prop_assert_eq!(whole.loss_burst, Some(burst), "{}: {}", name, text);
        let mut lines: Vec<&str> = text.lines().collect();
        for (at, twice) in edits {
            let at = at.index(lines.len());
            if twice { lines.insert(at, lines[at]) } else { _ = lines.remove(at) }
            if lines.is_empty() { break; }
        }
        if let Some(found) = read(name, &lines.join("\n")) {
            prop_assert!(found.rtt_p95.is_none() || near(found.rtt_p95, p95), "{name}: {found:?}");
            prop_assert!(found.jitter.is_none() || near(found.jitter, jitter), "{name}: {found:?}");
            prop_assert!(found.loss_burst.is_none() || found.loss_burst == Some(burst), "{name}: {found:?}");
        }
    }
}
