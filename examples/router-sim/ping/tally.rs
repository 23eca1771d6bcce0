//! The counters of one ping and the numbers that its statistics print.

use std::time::Duration;

use crate::persona::Numbers;
use crate::template::Facts;

#[derive(Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) errors: u64,
    pub(super) replies: Vec<f64>,
    /// Numbers of the packets that came back, and of those that were certain to be lost when they left.
    pub(super) answered: Vec<u64>,
    pub(super) lost: Vec<u64>,
    pub(super) is_aborted: bool,
}

impl Tally {
    pub(super) fn received(&self) -> u64 {
        self.replies.len() as u64
    }

    pub(super) fn add(&mut self, number: u64, printed: f64) {
        self.answered.push(number);
        self.replies.push(printed);
    }

    /// The least, average and greatest time, as the statistics print them.
    pub(super) fn times(&self, numbers: Numbers) -> Option<[String; 3]> {
        let average = self.replies.iter().sum::<f64>() / self.replies.len() as f64;
        let least = self.replies.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.replies.iter().copied().fold(0.0, f64::max);
        (!self.replies.is_empty()).then(|| [least, average, most].map(|time| in_statistics(numbers, time)))
    }

    pub(super) fn describe(&self, numbers: Numbers, facts: &mut Facts) {
        let received = self.received();
        let lost = self.sent.saturating_sub(received);
        let loss = if self.sent == 0 { 0.0 } else { 100.0 * lost as f64 / self.sent as f64 };
        facts.set("sent", self.sent);
        facts.set("received", received);
        // IOS cuts the percent: 999 of 1000 is 99.
        facts.set("success", (100 * received).checked_div(self.sent).unwrap_or(0));
        facts.set("packets", if self.sent == 1 { "packet" } else { "packets" });
        facts.set("packets_received", if received == 1 { "packet" } else { "packets" });
        facts.set("loss_0", format!("{}", loss.floor()));
        facts.set("loss_1", format!("{loss:.1}"));
        facts.set("loss_2", format!("{loss:.2}"));
        facts.set("loss_g", trimmed(loss, 4));
        facts.set("errors", if self.errors > 0 { format!(", +{} errors", self.errors) } else { String::new() });
        if received == 0 {
            return;
        }
        let average = self.replies.iter().sum::<f64>() / received as f64;
        let square = self.replies.iter().map(|time| time * time).sum::<f64>() / received as f64;
        for (name, time) in ["min", "avg", "max"].into_iter().zip(self.times(numbers).into_iter().flatten()) {
            facts.set(name, time);
        }
        facts.set("dev", in_statistics(numbers, (square - average * average).max(0.0).sqrt()));
    }
}

/// The milliseconds that a router prints for `rtt`: no reply looks faster than the router's clock.
pub(super) fn printed(numbers: Numbers, rtt: Duration) -> f64 {
    let milliseconds = rtt.as_secs_f64() * 1000.0;
    match numbers {
        Numbers::Whole => milliseconds.floor().max(1.0),
        // Whole microseconds are all that is printed.
        Numbers::Spelled => (milliseconds.max(0.4) * 1000.0).round() / 1000.0,
        _ => milliseconds.max(0.4),
    }
}

pub(super) fn in_reply(numbers: Numbers, milliseconds: f64) -> String {
    match numbers {
        Numbers::Linux if milliseconds >= 100.0 => format!("{milliseconds:.0}"),
        Numbers::Linux if milliseconds >= 10.0 => format!("{milliseconds:.1}"),
        Numbers::Linux if milliseconds >= 1.0 => format!("{milliseconds:.2}"),
        _ => in_statistics(numbers, milliseconds),
    }
}

fn in_statistics(numbers: Numbers, milliseconds: f64) -> String {
    match numbers {
        Numbers::Whole => format!("{}", milliseconds.floor()),
        Numbers::Trimmed => trimmed(milliseconds, 3),
        Numbers::Three | Numbers::Linux => format!("{milliseconds:.3}"),
        Numbers::Spelled => spelled(milliseconds),
    }
}

fn spelled(milliseconds: f64) -> String {
    let micros = (milliseconds * 1000.0).round() as u64;
    let parts = [(micros / 1_000_000, "s"), (micros / 1000 % 1000, "ms"), (micros % 1000, "us")];
    parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}")).collect()
}

fn trimmed(number: f64, places: usize) -> String {
    let text = format!("{number:.places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
