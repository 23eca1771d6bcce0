//! Router text → the counters that the router printed. By shape, never by guess: what does not add up is a failure of kind
//! `reply`. Knows nothing of commands and sessions.

use super::definition::{PingFile, StatisticsFile, Text};
use super::indicator::excerpt;
use super::mistake::Source;
use super::part::{Landmarks, Part};
use super::pattern::Pattern;
use super::per_packet::PacketForm;
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
    not_sent: Option<Pattern>,
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
    /// A header of the target stands before it.
    pub(super) has_header: bool,
    /// The counters say that they are those of the target.
    pub(super) is_named: bool,
}

/// Counters, and whether they say whose they are.
struct Counted {
    counters: Counters,
    is_named: bool,
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
    /// It is, or may be, about another target.
    NotOurs(String),
    /// Its numbers contradict each other.
    DoesNotAddUp(String),
}

impl NoAnswer {
    pub(super) fn other_target(names: &[String]) -> Self {
        let name = names.first().map(String::as_str).unwrap_or_default();
        Self::NotOurs(format!("it is about {:?}, not the target asked", excerpt(name)))
    }
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
            reply: file.reply.as_ref().map(|t| Pattern::new(source, t, &["seq"], &[])).transpose()?,
            first_seq: file.first_seq,
            counts_from_one: file.counts_from_one.as_ref().map(|t| Pattern::new(source, t, &[], &[])).transpose()?,
            timed_out: file.timed_out.as_ref().map(|t| Pattern::new(source, t, &["seq"], &[])).transpose()?,
            not_sent: file.not_sent.as_ref().map(|t| Pattern::new(source, t, &[], &[])).transpose()?,
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
        let has_header = part.has_header;
        let answer = |counted: Option<Counted>| {
            let is_named = counted.as_ref().is_none_or(|counted| counted.is_named);
            Answer { text: part.text, counters: counted.map(|counted| counted.counters), has_header, is_named }
        };
        let as_it_is = self.counters(&part, target);
        let enough = |counted: &Option<Counted>| {
            counted.as_ref().is_some_and(|c| c.is_named && (c.counters.received == 0 || c.counters.times.is_some()))
        };
        if has_header && as_it_is.as_ref().is_ok_and(enough) {
            return as_it_is.map(answer);
        }
        // Lines broken hard at the terminal's width, in the middle of a word, number or address: they count only where the
        // text as it is gives less, and never other counters. Where joining loses a header or a row, the lines were whole.
        let whole = recorded::unbroken(text).unwrap_or_default();
        let joined = self.landmarks.part_about(&whole, target)?;
        let is_whole = joined.landmarks >= part.landmarks;
        // Counters so far are told from the last ones by the rows around them: where rows are broken, only the joined ones tell.
        let rows_are_broken = self.landmarks.has_rows() && joined.landmarks > part.landmarks;
        let joined = if is_whole { self.counters(&joined, target).ok().flatten() } else { None };
        let counted = match (as_it_is, joined) {
            (_, joined) if rows_are_broken => joined,
            (Ok(None) | Err(_), Some(joined)) => Some(joined),
            (Ok(Some(one)), Some(joined))
                if (one.counters.sent, one.counters.received) == (joined.counters.sent, joined.counters.received) =>
            {
                Some(Counted { is_named: one.is_named || joined.is_named, ..joined })
            }
            (as_it_is, _) => as_it_is?,
        };
        Ok(answer(counted))
    }

    /// Behind a header, or the last row, the statistics must be one; without a header the last ones count. A block that was begun
    /// and not finished is none, whatever stands before it.
    fn counters(&self, part: &Part<'_>, target: Option<IpAddr>) -> Result<Option<Counted>, NoAnswer> {
        let titles = self.landmarks.titles(part, target)?;
        let mut blocks: Vec<(usize, Option<Block>)> =
            self.statistics.iter().flat_map(|parts| statistics::blocks(part.text, part.statistics_at, parts)).collect();
        blocks.sort_by_key(|(start, _)| *start);
        let mut is_named = target.is_none() || !self.landmarks.has_titles() && part.is_named;
        let mut behind = 0;
        let mut found: Option<Counters> = None;
        let first = if part.has_header { 0 } else { blocks.len().saturating_sub(1) };
        for (place, (start, block)) in blocks.into_iter().enumerate() {
            let is_titled = titles.iter().any(|title| (behind..start).contains(title));
            behind = start;
            if place < first {
                continue;
            }
            is_named |= is_titled;
            let Some(block) = block else { return Ok(None) };
            let (sent, received) = block.check().map_err(NoAnswer::DoesNotAddUp)?;
            let behind_it = part.text.as_bytes().get(block.end..block.limit).filter(|_| received > 0);
            let times = self.times.read(behind_it.unwrap_or_default()).map_err(NoAnswer::DoesNotAddUp)?;
            let counters = Counters { sent, received, times };
            if *found.get_or_insert(counters.clone()) != counters {
                return Err(NoAnswer::NotOurs("two statistics that differ behind one header".to_owned()));
            }
        }
        let Some(counters) = found else { return Ok(None) };
        if let Some(count) = part.count.filter(|count| counters.sent > *count) {
            return Err(NoAnswer::DoesNotAddUp(format!("{} sent, but the header names {count}", counters.sent)));
        }
        Ok(Some(Counted { counters, is_named }))
    }

    /// Some packet has a line that says "reply".
    pub(super) fn has_reply(&self, text: &str) -> bool {
        self.reply.as_ref().and_then(Pattern::get).is_some_and(|reply| reply.is_match(text.as_bytes()))
    }

    /// Whether some packet has a line of its own.
    pub(super) fn has_packets(&self, text: &str) -> bool {
        let lines = [&self.reply, &self.timed_out, &self.unreachable];
        let mut lines = lines.into_iter().flatten().filter_map(Pattern::get);
        lines.any(|line| line.is_match(text.as_bytes())) || self.landmarks.has_row(text)
    }

    /// Whether the run had begun, so that its counters are still to come.
    pub(super) fn has_begun(&self, answer: &Answer<'_>) -> bool {
        let not_sent = self.not_sent.as_ref().filter(|_| answer.has_header).and_then(Pattern::get);
        self.has_packets(answer.text) || not_sent.is_some_and(|line| line.is_match(answer.text.as_bytes()))
    }

    /// Whether some packet came back, in a text that may go on, behind a header that names `target`.
    pub(super) fn is_back(&self, packets: &[PacketForm], text: &str, target: IpAddr) -> bool {
        self.landmarks.part_about(text, Some(target)).is_ok_and(|part| {
            part.has_header
                && match packets {
                    [] => self.has_reply(part.text),
                    _ => packets.iter().any(|packet| packet.has_reply(part.text, target)),
                }
        })
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
