//! Figures of single packets, where a router prints a line per reply: how much the round trips vary, how long the longest run
//! of lost packets was. They say nothing where a line is missing or does not fit the counters.

use super::Failure;
use super::definition::{PacketFile, PingFile};
use super::mistake::Source;
use super::part::{is_address, is_any_address};
use super::pattern::Pattern;
use super::reply::{first_packet, unit};
use crate::probe::PingResult;
use std::collections::BTreeMap;
use std::net::IpAddr;
use toml::Spanned;

/// The line of a packet that came back.
#[derive(Debug)]
pub(super) struct PacketForm {
    line: Pattern,
    /// The number of the first packet.
    first: u32,
    counts_from_one: Option<Pattern>,
    /// Seconds.
    unit: f64,
}

/// Round-trip times by the packet's place, from 0.
type Replies = BTreeMap<u32, f64>;

impl PacketForm {
    pub(super) fn new(source: &Source, ping: &PingFile, spanned: &Spanned<PacketFile>) -> Result<Self, Failure> {
        let file = spanned.get_ref();
        let unit = match &file.unit {
            Some(text) => unit(source, text)?.as_secs_f64(),
            None => 0.001,
        };
        Ok(Self {
            line: Pattern::new(source, &file.line, &["seq", "time", "from"], &["seq", "time"])?,
            first: file.first,
            counts_from_one: ping
                .counts_from_one
                .as_ref()
                .map(|text| Pattern::new(source, text, &[], &[]))
                .transpose()?,
            unit,
        })
    }

    /// Whether a packet came back from the target.
    pub(super) fn has_reply(&self, text: &str, target: IpAddr) -> bool {
        self.replies(text, Some(target)).is_some_and(|replies| !replies.is_empty())
    }

    /// Returns `None` if a number cannot be that of a packet, or a packet came from another address.
    fn replies(&self, text: &str, target: Option<IpAddr>) -> Option<Replies> {
        let first = first_packet(self.counts_from_one.as_ref(), text).unwrap_or(self.first);
        let mut replies = Replies::new();
        for captures in self.line.get()?.captures_iter(text.as_bytes()) {
            let place = captures.name("seq")?.parse::<u32>().ok()?.checked_sub(first)?;
            let time = captures.name("time")?.parse::<f64>().ok().filter(|time| time.is_finite())?;
            let from = captures.name("from").unwrap_or_default();
            let from = from.strip_suffix([':', ',']).unwrap_or(&from);
            if target.is_some_and(|target| is_any_address(from) && !is_address(from, target)) {
                return None;
            }
            // The first copy of a packet that comes twice counts.
            replies.entry(place).or_insert((time * self.unit * 1e9).round() / 1e9);
        }
        Some(replies)
    }
}

/// The result with what the lines of its packets tell.
pub(super) fn told(forms: &[PacketForm], text: &str, target: Option<IpAddr>, mut ping: PingResult) -> PingResult {
    let (Some(sent), Some(received)) = (ping.sent, ping.received) else { return ping };
    if forms.is_empty() {
        return ping;
    }
    let settled = ping.pending.is_none() && ping.loss.is_some();
    if received == 0 {
        ping.loss_burst = settled.then_some(sent);
        return ping;
    }
    let mut found = forms.iter().map(|form| form.replies(text, target));
    let found = found.find(|replies| replies.as_ref().is_none_or(|r| !r.is_empty()));
    let begun = sent.saturating_add(ping.pending.unwrap_or(0));
    let fits = |replies: &Replies| {
        u32::try_from(replies.len()) == Ok(received)
            && replies.keys().all(|place| *place < begun)
            && agrees(replies.values().copied().reduce(f64::min), ping.rtt_min)
            && agrees(replies.values().copied().reduce(f64::max), ping.rtt_max)
    };
    let Some(replies) = found.flatten().filter(fits) else { return ping };
    let times: Vec<f64> = replies.values().copied().collect();
    ping.jitter = jitter(&times);
    ping.rtt_p95 = p95(times);
    ping.loss_burst = settled.then(|| longest_gap(&replies, sent));
    ping
}

/// A line has the time in fewer digits than the statistics: within a percent or half a millisecond.
fn agrees(of_lines: Option<f64>, printed: Option<f64>) -> bool {
    match (of_lines, printed) {
        (Some(line), Some(printed)) => (line - printed).abs() <= (printed * 0.01).max(0.0005),
        _ => true,
    }
}

/// The mean of the absolute differences between each round-trip time and the one before it, lost packets left out.
fn jitter(times: &[f64]) -> Option<f64> {
    let differences: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let count = u32::try_from(differences.len()).ok().filter(|count| *count > 0)?;
    Some((differences.iter().sum::<f64>() / f64::from(count) * 1e9).round() / 1e9)
}

/// Nearest rank: the smallest time that at least 95 % of the replies did not exceed.
fn p95(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    let rank = (times.len() * 95).div_ceil(100);
    times.get(rank.checked_sub(1)?).copied()
}

fn longest_gap(replies: &Replies, sent: u32) -> u32 {
    let mut longest = 0;
    let mut next = 0;
    for &place in replies.keys().filter(|place| **place < sent).chain([&sent]) {
        longest = longest.max(place.saturating_sub(next));
        next = place.saturating_add(1);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_figures_are_what_they_are_called() {
        assert_eq!(jitter(&[0.010, 0.014, 0.011]), Some(0.003_5));
        assert_eq!((jitter(&[0.010]), jitter(&[])), (None, None));
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((p95(hundred), p95(vec![3.0, 1.0]), p95(vec![])), (Some(95.0), Some(3.0), None));
        let replies = |places: &[u32]| places.iter().map(|place| (*place, 0.0)).collect::<Replies>();
        assert_eq!(longest_gap(&replies(&[0, 1, 2]), 3), 0);
        assert_eq!(longest_gap(&replies(&[2, 3, 7]), 9), 3);
        assert_eq!(longest_gap(&replies(&[0]), 5), 4);
    }

    proptest! {
        #[test]
        fn the_longest_gap_is_the_one_that_counting_finds(back in prop::collection::vec(any::<bool>(), 1..40)) {
            let replies: Replies = (0..).zip(&back).filter(|(_, back)| **back).map(|(place, _)| (place, 0.0)).collect();
            let (mut longest, mut run) = (0, 0);
            for back in &back {
                run = if *back { 0 } else { run + 1 };
                longest = longest.max(run);
            }
            prop_assert_eq!(longest_gap(&replies, u32::try_from(back.len()).unwrap()), longest);
        }
    }
}
