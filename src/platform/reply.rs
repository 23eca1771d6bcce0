//! Router text → the counters that the router printed. By shape, never by guess: what does not add up is a failure of kind
//! `reply`. Knows nothing of commands and sessions.

use super::definition::{PingFile, StatisticsFile, Text};
use super::mistake::Source;
use super::part::{Landmarks, Part};
use super::pattern::Pattern;
use super::statistics::{self, Block};
use super::times::Times;
use super::{Failure, recorded};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// The shapes that a platform's answers to a ping can have, compiled.
#[derive(Debug)]
pub(super) struct ReplyForm {
    /// Log lines that look like an answer.
    noise: Vec<Pattern>,
    landmarks: Landmarks,
    statistics: Vec<Vec<Pattern>>,
    times: Times,
    reply: Option<Pattern>,
    first_seq: u32,
    counts_from_one: Option<Pattern>,
    timed_out: Option<Pattern>,
    unreachable: Option<Pattern>,
}

/// The counters of one answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counters {
    pub(super) sent: u32,
    pub(super) received: u32,
    /// Minimum, average, maximum in seconds; only if something came back.
    pub(super) times: Option<[f64; 3]>,
}

/// The part of a text that answers the question.
pub(super) struct Answer<'t> {
    pub(super) text: &'t str,
    pub(super) counters: Option<Counters>,
}

/// What the lines of single packets say, of an aborted run.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Packets (from 0) with a line that says "reply".
    pub(super) answered: BTreeSet<u32>,
    /// Packets (from 0) with a line that says "timed out" or "unreachable".
    pub(super) given_up: BTreeSet<u32>,
    /// How many lines say so, with or without naming a packet.
    pub(super) settled: u32,
}

/// Why a text is no answer.
#[derive(Debug, PartialEq)]
pub(super) enum NoAnswer {
    /// Its header names another address.
    OtherTarget(String),
    /// Its numbers contradict each other.
    DoesNotAddUp(String),
}

impl ReplyForm {
    pub(super) fn new(source: &Source, file: &PingFile) -> Result<Self, Failure> {
        let statistics = file.statistics.get_ref();
        if statistics.is_empty() {
            return Err(source.mistake_in(&file.statistics, "no statistics; write parts with sent and received"));
        }
        let noise = |text| Pattern::new(source, text, &[], &[]);
        Ok(Self {
            noise: file.noise.iter().map(noise).collect::<Result<_, _>>()?,
            landmarks: Landmarks::new(source, file)?,
            statistics: statistics.iter().map(|one| shape(source, one)).collect::<Result<_, _>>()?,
            times: Times::new(source, file)?,
            reply: file.reply.as_ref().map(|t| Pattern::new(source, t, &["seq"], &["seq"])).transpose()?,
            first_seq: file.first_seq,
            counts_from_one: file.counts_from_one.as_ref().map(|t| Pattern::new(source, t, &[], &[])).transpose()?,
            timed_out: file.timed_out.as_ref().map(|t| Pattern::new(source, t, &["seq"], &[])).transpose()?,
            unreachable: file
                .unreachable
                .as_ref()
                .map(|t| Pattern::new(source, t, &["seq", "marks"], &[]))
                .transpose()?,
        })
    }

    /// The text without log lines that look like an answer.
    pub(super) fn quiet<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut quiet = Cow::Borrowed(text);
        for noise in self.noise.iter().filter_map(Pattern::get) {
            let mut left = String::with_capacity(quiet.len());
            let mut end = 0;
            for found in noise.find_iter(quiet.as_bytes()) {
                left.push_str(quiet.get(end..found.start()).unwrap_or_default());
                end = found.end();
            }
            if end > 0 {
                left.push_str(quiet.get(end..).unwrap_or_default());
                quiet = Cow::Owned(left);
            }
        }
        quiet
    }

    /// Finds the answer about `target` (any, if None) in `text`.
    pub(super) fn find<'t>(&self, text: &'t str, target: Option<IpAddr>) -> Result<Answer<'t>, NoAnswer> {
        let part = self.landmarks.part_about(text, target)?;
        let as_it_is = self.counters(&part);
        let enough = |c: &Option<Counters>| c.as_ref().is_some_and(|c| c.received == 0 || c.times.is_some());
        if part.has_header && as_it_is.as_ref().is_ok_and(enough) {
            return as_it_is.map(|counters| Answer { text: part.text, counters });
        }
        // Lines broken hard at the terminal's width, in the middle of a word, number or address: they count only where the
        // text as it is gives less, and never other counters. Where joining loses a header or a row, the lines were whole.
        let whole = recorded::unbroken(text).unwrap_or_default();
        let joined = self.landmarks.part_about(&whole, target)?;
        let is_whole = joined.landmarks >= part.landmarks;
        // Counters so far are told from the last ones by the rows around them: where rows are broken, only the joined ones tell.
        let rows_are_broken = self.landmarks.has_rows() && joined.landmarks > part.landmarks;
        let joined = if is_whole { self.counters(&joined).ok().flatten() } else { None };
        let counters = match (as_it_is, joined) {
            (_, joined) if rows_are_broken => joined,
            (Ok(None) | Err(_), Some(joined)) => Some(joined),
            (Ok(Some(counters)), Some(joined))
                if (counters.sent, counters.received) == (joined.sent, joined.received) =>
            {
                Some(joined)
            }
            (as_it_is, _) => as_it_is?,
        };
        Ok(Answer { text: part.text, counters })
    }

    /// Behind a header, or the last row, the statistics must be one; without a header the last ones count. A block that was begun
    /// and not finished is none, whatever stands before it.
    fn counters(&self, part: &Part<'_>) -> Result<Option<Counters>, NoAnswer> {
        let text = part.text.get(part.statistics_at..).unwrap_or_default();
        let mut blocks: Vec<(usize, Option<Block>)> =
            self.statistics.iter().flat_map(|parts| statistics::blocks(text, parts)).collect();
        blocks.sort_by_key(|(start, _)| *start);
        if !part.has_header {
            blocks.drain(..blocks.len().saturating_sub(1));
        }
        let mut found: Option<Block> = None;
        for (_, block) in blocks {
            match (&found, block) {
                (_, None) => return Ok(None),
                (None, block) => found = block,
                (Some(first), Some(other)) if first.counts_as(&other) => {}
                (Some(_), Some(_)) => {
                    return Err(NoAnswer::DoesNotAddUp("two statistics that differ behind one header".to_owned()));
                }
            }
        }
        let Some(block) = found else { return Ok(None) };
        let (sent, received) = block.check().map_err(NoAnswer::DoesNotAddUp)?;
        if let Some(count) = part.count.filter(|count| sent > *count) {
            return Err(NoAnswer::DoesNotAddUp(format!("{sent} sent, but the header names {count}")));
        }
        let times = if received == 0 {
            None
        } else {
            self.times.read(&text[block.end..block.limit]).map_err(NoAnswer::DoesNotAddUp)?
        };
        Ok(Some(Counters { sent, received, times }))
    }

    /// Some packet has a line that says "reply".
    pub(super) fn has_reply(&self, text: &str) -> bool {
        self.reply.as_ref().and_then(Pattern::get).is_some_and(|reply| reply.is_match(text.as_bytes()))
    }

    /// What the lines of single packets say.
    pub(super) fn told(&self, text: &str) -> Told {
        let of = |lines: &Option<Pattern>| lines.as_ref().map(|lines| self.packets(lines, text)).unwrap_or_default();
        let (_, answered) = of(&self.reply);
        let (timed_out, mut given_up) = of(&self.timed_out);
        let (unreachable, named) = of(&self.unreachable);
        given_up.extend(named);
        // Some routers print both lines for one packet.
        Told { answered, given_up, settled: timed_out.max(unreachable) }
    }

    /// True if the router says for each of `sent` packets that the target is unreachable.
    pub(super) fn all_unreachable(&self, text: &str, sent: u32) -> bool {
        let Some(lines) = self.unreachable.as_ref() else { return false };
        let (count, named) = self.packets(lines, text);
        let told = if named.is_empty() { count } else { u32::try_from(named.len()).unwrap_or(u32::MAX) };
        sent > 0 && told >= sent
    }

    fn packets(&self, lines: &Pattern, text: &str) -> (u32, BTreeSet<u32>) {
        let first = first_packet(self.counts_from_one.as_ref(), text).unwrap_or(self.first_seq);
        let mut count = 0u32;
        let mut named = BTreeSet::new();
        for captures in lines.get().into_iter().flat_map(|lines| lines.captures_iter(text.as_bytes())) {
            let marks = captures.name("marks").map_or(1, |m| m.len());
            count = count.saturating_add(u32::try_from(marks).unwrap_or(u32::MAX));
            let seq = captures.name("seq").and_then(|seq| seq.parse::<u32>().ok());
            named.extend(seq.and_then(|seq| seq.checked_sub(first)));
        }
        (count, named)
    }
}

/// The number of the first packet, where the text says that it is 1.
pub(super) fn first_packet(counts_from_one: Option<&Pattern>, text: &str) -> Option<u32> {
    counts_from_one.and_then(Pattern::get).is_some_and(|one| one.is_match(text.as_bytes())).then_some(1)
}

fn shape(source: &Source, file: &StatisticsFile) -> Result<Vec<Pattern>, Failure> {
    const KNOWN: [&str; 4] = ["sent", "received", "loss", "success"];
    let parts = file.parts.get_ref();
    let shape =
        parts.iter().map(|part| Pattern::new(source, part, &KNOWN, &[])).collect::<Result<Vec<Pattern>, _>>()?;
    for counter in ["sent", "received"] {
        let times = shape.iter().flat_map(Pattern::names).filter(|name| *name == counter).count();
        if times != 1 {
            return Err(source.mistake_in(
                &file.parts,
                &format!(
                    "the parts of a statistics block must name capture {counter:?} once; write (?P<{counter}>\\d+)"
                ),
            ));
        }
    }
    Ok(shape)
}

/// What a number counts: a duration that is not 0.
pub(super) fn unit(source: &Source, text: &Text) -> Result<Duration, Failure> {
    let unit = duration(text.get_ref()).map_err(|reason| source.mistake(text, &reason))?;
    if unit.is_zero() {
        return Err(source.mistake(text, "a unit of 0; write \"1s\" or \"1ms\""));
    }
    Ok(unit)
}

/// A duration such as `200ms` or `2s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let units = [("us", 1), ("ms", 1000), ("s", 1_000_000)];
    units
        .iter()
        .find_map(|(unit, micros)| Some(text.strip_suffix(unit)?.parse::<u32>().ok().map(|n| u64::from(n) * micros)))
        .flatten()
        .map(Duration::from_micros)
        .ok_or_else(|| format!("{text:?} is no time; write e.g. \"200ms\" or \"2s\""))
}
