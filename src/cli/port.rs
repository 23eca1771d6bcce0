//! What is said of a router's own port, for people.

use super::output::{Paint, one_line};
use crate::probe::InterfaceResult;
use std::fmt::Write as _;

/// What is wrong with our own port, in a word or two, if anything is.
pub(super) fn trouble(interface: &InterfaceResult) -> Option<&'static str> {
    match (interface.admin, interface.oper) {
        (Some(0), _) => Some("shut"),
        (_, Some(0)) => Some("down"),
        _ => None,
    }
}

pub(super) fn summarize(text: &mut String, interface: &InterfaceResult, paint: &Paint) {
    let word = match (trouble(interface), interface.oper) {
        (Some(trouble), _) => paint.bad(trouble),
        (None, Some(_)) => paint.good("up"),
        (None, None) => paint.warning("unknown"),
    };
    let _ = write!(text, "  our port {} is {word}", one_line(&interface.name));
    if let Some(seconds) = interface.last_change {
        let _ = write!(text, " since {}", long(seconds));
    }
    for (name, count) in
        [("CRC errors", interface.crc), ("input errors", interface.in_errors), ("output errors", interface.out_errors)]
    {
        if let Some(count) = count.filter(|count| *count > 0) {
            let _ = write!(text, ", {count} {name}");
        }
    }
    // A port that went down keeps its rates for a while.
    if let (Some(1), Some(input), Some(output)) = (interface.oper, interface.in_rate, interface.out_rate) {
        let _ = write!(text, ", {} in, {} out", rate(input), rate(output));
    }
    if let Some(bandwidth) = interface.bandwidth.filter(|bandwidth| *bandwidth > 0) {
        let _ = write!(text, " of {}", rate(bandwidth));
    }
    if let Some(description) = &interface.description {
        let _ = write!(text, "  \"{}\"", one_line(description));
    }
    text.push('\n');
}

/// Bit/s for people.
fn rate(bits: u64) -> String {
    let (unit, name) = match bits {
        0..1_000 => return format!("{bits} bit/s"),
        1_000..1_000_000 => (1_000, "kbit/s"),
        1_000_000..1_000_000_000 => (1_000_000, "Mbit/s"),
        _ => (1_000_000_000, "Gbit/s"),
    };
    match bits % unit * 10 / unit {
        0 => format!("{} {name}", bits / unit),
        tenths => format!("{}.{tenths} {name}", bits / unit),
    }
}

/// A long time for people, in its largest unit.
fn long(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_are_short() {
        let rates = [999, 1_000, 96_400, 1_500_000, 50_000_000, 160_000_000_000].map(rate);
        assert_eq!(rates, ["999 bit/s", "1 kbit/s", "96.4 kbit/s", "1.5 Mbit/s", "50 Mbit/s", "160 Gbit/s"]);
        assert_eq!([29, 600, 13_473, 3_715_200].map(long), ["29 s", "10 min", "3 h", "43 d"]);
    }
}
