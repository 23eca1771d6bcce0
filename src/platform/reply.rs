//! Router text → the counters that the router printed. By shape, never by guess: what does not add up is a failure of kind
//! `reply`. Knows nothing of commands and sessions.

use super::definition::{PingFile, StatisticsFile};
use super::indicator::excerpt;
use super::mistake::Source;
use super::pattern::Pattern;
use super::{Failure, recorded};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// The shapes that a platform's answers to a ping can have, compiled.
#[derive(Debug)]
pub(super) struct ReplyForm {
    header: Vec<Pattern>,
    statistics: Vec<Vec<Pattern>>,
    times: Vec<Pattern>,
    /// Of one printed unit, in seconds.
    time_unit: f64,
    reply: Option<Pattern>,
    first_seq: u32,
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
        let header = |text| Pattern::new(source, text, &["target", "address"], &["target"]);
        let times = |text| Pattern::new(source, text, &["min", "avg", "max"], &["min", "avg", "max"]);
        let time_unit = duration(file.time_unit.get_ref()).map_err(|e| source.mistake(&file.time_unit, &e))?;
        Ok(Self {
            header: file.header.iter().map(header).collect::<Result<_, _>>()?,
            statistics: statistics.iter().map(|one| shape(source, one)).collect::<Result<_, _>>()?,
            times: file.times.iter().map(times).collect::<Result<_, _>>()?,
            time_unit: time_unit.as_secs_f64(),
            reply: file.reply.as_ref().map(|t| Pattern::new(source, t, &["seq"], &["seq"])).transpose()?,
            first_seq: file.first_seq,
            timed_out: file.timed_out.as_ref().map(|t| Pattern::new(source, t, &["seq"], &[])).transpose()?,
            unreachable: file
                .unreachable
                .as_ref()
                .map(|t| Pattern::new(source, t, &["seq", "marks"], &[]))
                .transpose()?,
        })
    }

    /// Finds the answer about `target` (any, if None) in `text`.
    pub(super) fn find<'t>(&self, text: &'t str, target: Option<IpAddr>) -> Result<Answer<'t>, NoAnswer> {
        let (part, has_header) = self.part_about(text, target)?;
        let as_it_is = self.counters(part);
        let enough = |c: &Option<Counters>| c.as_ref().is_some_and(|c| c.received == 0 || c.times.is_some());
        if has_header && as_it_is.as_ref().is_ok_and(enough) {
            return as_it_is.map(|counters| Answer { text: part, counters });
        }
        // Lines broken hard at the terminal's width, in the middle of a word, number or address: they count only where the
        // text as it is gives less, and never other counters.
        let whole = recorded::unbroken(text).unwrap_or_default();
        let (joined, _) = self.part_about(&whole, target)?;
        let joined = self.counters(joined).ok().flatten();
        let counters = match (as_it_is, joined) {
            (Ok(None) | Err(_), Some(joined)) => Some(joined),
            (Ok(Some(counters)), Some(joined))
                if (counters.sent, counters.received) == (joined.sent, joined.received) =>
            {
                Some(joined)
            }
            (as_it_is, _) => as_it_is?,
        };
        Ok(Answer { text: part, counters })
    }

    /// From the last header that names our target to the next header; the whole text, and false, if it has no header.
    fn part_about<'t>(&self, text: &'t str, target: Option<IpAddr>) -> Result<(&'t str, bool), NoAnswer> {
        let mut headers: Vec<(usize, bool, String)> = Vec::new();
        for captures in
            self.header.iter().filter_map(Pattern::get).flat_map(|header| header.captures_iter(text.as_bytes()))
        {
            let names: Vec<String> = ["target", "address"].iter().filter_map(|name| captures.name(name)).collect();
            let ours = target.is_none_or(|target| names.iter().any(|name| is_address(name, target)));
            headers.push((captures.start(), ours, names.into_iter().next().unwrap_or_default()));
        }
        headers.sort_by_key(|(at, _, _)| *at);
        let Some(last) = headers.iter().rposition(|(_, ours, _)| *ours) else {
            return match headers.pop() {
                Some((_, _, name)) => Err(NoAnswer::OtherTarget(name)),
                None => Ok((text, false)),
            };
        };
        let end = headers.get(last + 1).map_or(text.len(), |(next, _, _)| *next);
        Ok((text.get(headers[last].0..end).unwrap_or_default(), true))
    }

    /// The last statistics block of any shape. A block that was begun and not finished is none, whatever stands before it.
    fn counters(&self, text: &str) -> Result<Option<Counters>, NoAnswer> {
        let block = self
            .statistics
            .iter()
            .filter_map(|parts| Some((parts.first()?.get()?.find_iter(text.as_bytes()).last()?.start(), parts)))
            .filter_map(|(start, parts)| Block::read(text, start, parts).map(|block| (start, block)))
            .max_by_key(|(start, _)| *start);
        let Some((_, block)) = block else { return Ok(None) };
        let (sent, received) = block.check().map_err(NoAnswer::DoesNotAddUp)?;
        let times = if received == 0 { None } else { self.times(&text[block.end..])? };
        Ok(Some(Counters { sent, received, times }))
    }

    fn times(&self, text: &str) -> Result<Option<[f64; 3]>, NoAnswer> {
        let Some(found) = self.times.iter().find_map(|times| times.get()?.captures_at(text.as_bytes(), 0)) else {
            return Ok(None);
        };
        let mut times = [0.0; 3];
        for (time, name) in times.iter_mut().zip(["min", "avg", "max"]) {
            let text = found.name(name).unwrap_or_default();
            let printed = text.parse::<f64>().ok().filter(|time| time.is_finite());
            let printed = printed
                .ok_or_else(|| NoAnswer::DoesNotAddUp(format!("round-trip time {:?} is no number", excerpt(&text))))?;
            // Whole micro-units, so that 2.32 ms is 0.00232 s and not 0.0023199999.
            *time = (printed * self.time_unit * 1e9).round() / 1e9;
        }
        let [min, _, max] = times;
        if min > max {
            return Err(NoAnswer::DoesNotAddUp(format!("shortest round trip {min} s, longest {max} s")));
        }
        Ok(Some(times))
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
        let mut count = 0u32;
        let mut named = BTreeSet::new();
        for captures in lines.get().into_iter().flat_map(|lines| lines.captures_iter(text.as_bytes())) {
            let marks = captures.name("marks").map_or(1, |m| m.len());
            count = count.saturating_add(u32::try_from(marks).unwrap_or(u32::MAX));
            let seq = captures.name("seq").and_then(|seq| seq.parse::<u32>().ok());
            named.extend(seq.and_then(|seq| seq.checked_sub(self.first_seq)));
        }
        (count, named)
    }
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

fn is_address(name: &str, target: IpAddr) -> bool {
    let bare = name.split('%').next().unwrap_or_default();
    bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical() == target.to_canonical())
}

/// A statistics block as printed.
#[derive(Default)]
struct Block {
    sent: String,
    received: String,
    loss: Option<String>,
    success: Option<String>,
    end: usize,
}

impl Block {
    /// None if not all parts are there.
    fn read(text: &str, start: usize, parts: &[Pattern]) -> Option<Self> {
        let mut block = Self { end: start, ..Self::default() };
        for part in parts {
            let captures = part.get()?.captures_at(text.as_bytes(), block.end)?;
            let take = |name| captures.name(name);
            block.sent = take("sent").unwrap_or(block.sent);
            block.received = take("received").unwrap_or(block.received);
            block.loss = take("loss").or(block.loss);
            block.success = take("success").or(block.success);
            block.end = captures.end();
        }
        Some(block)
    }

    /// Sent and received, if the printed percent agrees with them. Routers cut or round it, so it only checks.
    fn check(&self) -> Result<(u32, u32), String> {
        let counter = |text: &str| text.parse::<u32>().map_err(|_| format!("counter {text:?} is out of range"));
        let (sent, received) = (counter(&self.sent)?, counter(&self.received)?);
        if sent == 0 && received > 0 {
            return Err(format!("{received} received of 0 sent"));
        }
        let share = if sent == 0 { 0.0 } else { 100.0 * f64::from(received) / f64::from(sent) };
        if let Some(printed) = &self.loss
            && sent > 0
            && !agrees(printed, 100.0 - share)
            && !(received > sent && agrees(printed, 0.0))
        {
            return Err(format!("{received} received of {sent} sent, but {printed} % loss"));
        }
        if let Some(printed) = &self.success
            && sent > 0
            && !agrees(printed, share)
            && !(received > sent && agrees(printed, 100.0))
        {
            return Err(format!("{received} received of {sent} sent, but {printed} % success"));
        }
        Ok((sent, received))
    }
}

/// Within one of the last digit printed: cut or rounded.
fn agrees(printed: &str, exact: f64) -> bool {
    let decimals = printed.split_once('.').map_or(0, |(_, digits)| digits.len());
    let step = 10f64.powi(-i32::try_from(decimals).unwrap_or(i32::MAX));
    printed.parse::<f64>().is_ok_and(|printed| (printed - exact).abs() < step - 1e-9)
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
