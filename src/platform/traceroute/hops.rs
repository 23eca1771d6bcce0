//! A router's lines → the hops that they name. A line counts only if all of it is understood: what is broken, cut or said by
//! somebody else gives no hop. Knows nothing of commands and sessions.

use super::super::definition::Text;
use super::super::mistake::Source;
use super::super::part::is_address;
use super::super::pattern::Pattern;
use super::super::reply::unit;
use super::super::{Failure, recorded};
use super::file::TracerouteFile;
use super::usual;
use crate::probe::Hop;
use std::net::IpAddr;

/// The shapes of an answer, compiled.
#[derive(Debug)]
pub(super) struct HopForm {
    header: Vec<Pattern>,
    hop: Vec<Pattern>,
    noise: Vec<Pattern>,
    time: Pattern,
    /// Of one printed unit, in seconds.
    unit: f64,
}

/// The answer about a target.
pub(super) struct Path<'t> {
    /// From its header on.
    pub(super) text: &'t str,
    pub(super) hops: Vec<Hop>,
    pub(super) reached: bool,
}

/// Why a text is no answer.
#[derive(Debug)]
pub(super) enum NoPath {
    NoHeader,
    OtherTarget(String),
    DoesNotAddUp(String),
}

/// What lines say, so far.
#[derive(Default)]
struct Read {
    hops: Vec<Hop>,
    reached: bool,
    /// Lines that were not understood.
    strange: usize,
    /// A line without a number belongs to the last hop.
    open: bool,
}

/// Of one line.
struct Replies {
    first: Option<IpAddr>,
    shortest: Option<f64>,
    of_target: bool,
}

/// IP has no farther one.
const FARTHEST: u32 = 255;

/// How terminals show the abort key.
pub(super) const ABORT_MARK: &str = "^C";

impl HopForm {
    pub(super) fn new(source: &Source, file: &TracerouteFile) -> Result<Self, Failure> {
        let header = file.header.get_ref();
        if header.is_empty() {
            return Err(source.mistake_in(&file.header, "no header; write ['traceroute to (?P<target>…)']"));
        }
        let all = |texts: &[Text], known: &[&str], required: &[&str]| {
            texts.iter().map(|text| Pattern::of_line(source, text, known, required)).collect::<Result<Vec<_>, _>>()
        };
        let lines = |texts: &[Text]| all(texts, &["hop", "replies"], &["replies"]);
        let time = |text: &Text| Pattern::of_line(source, text, &["time"], &["time"]);
        let (hop, time, unit) = match (&file.hop, &file.time, &file.time_unit) {
            (None, None, None) => {
                let (usual, in_units) = (usual::text(usual::TIME), usual::text(usual::TIME_UNIT));
                (lines(&usual::hop())?, time(&usual)?, unit(source, &in_units)?)
            }
            (Some(hop), Some(own), Some(in_units)) => {
                let hops = lines(hop.get_ref())?;
                if !hops.iter().flat_map(Pattern::names).any(|name| name == "hop") {
                    let what = "no line names a hop; write ['^ *(?P<hop>\\d+) (?P<replies>…)$']";
                    return Err(source.mistake_in(hop, what));
                }
                (hops, time(own)?, unit(source, in_units)?)
            }
            _ => {
                let what = "hop, time and time_unit go together; write all three, or none for ` 1  192.0.2.1  0.4 ms`";
                return Err(source.mistake_in(&file.header, what));
            }
        };
        let header = header.iter().map(|text| Pattern::new(source, text, &["target", "address"], &["target"]));
        Ok(Self {
            header: header.collect::<Result<_, _>>()?,
            hop,
            noise: all(&file.noise, &[], &[])?,
            time,
            unit: unit.as_secs_f64(),
        })
    }

    /// Finds the answer about `asked` (about whatever its header names, if None).
    pub(super) fn find<'t>(&self, text: &'t str, asked: Option<IpAddr>) -> Result<Path<'t>, NoPath> {
        let (part, body, target) = self.part_about(text, asked)?;
        let as_it_is = self.read(body, target);
        // Lines broken at the terminal's width: they count where that loses nothing and leaves less that is not understood.
        let whole = recorded::unbroken(body).map(|whole| self.read(&whole, target));
        let read = match (as_it_is, whole) {
            (Ok(first), Some(Ok(joined)))
                if joined.strange < first.strange && first.hops.iter().all(|hop| joined.hops.contains(hop)) =>
            {
                joined
            }
            (first, _) => first.map_err(NoPath::DoesNotAddUp)?,
        };
        Ok(Path { text: part, hops: read.hops, reached: read.reached })
    }

    /// From the last header that names the target to the next header: the whole, what follows the header, and the target.
    fn part_about<'t>(
        &self,
        text: &'t str,
        asked: Option<IpAddr>,
    ) -> Result<(&'t str, &'t str, Option<IpAddr>), NoPath> {
        let bytes = text.as_bytes();
        let mut headers: Vec<(usize, usize, Vec<String>)> = Vec::new();
        for header in self.header.iter().filter_map(Pattern::get) {
            headers.extend(header.captures_iter(bytes).map(|found| {
                let names = ["address", "target"].iter().filter_map(|name| found.name(name)).collect();
                (found.start(), found.end(), names)
            }));
        }
        headers.sort_by_key(|(start, _, _)| *start);
        let is_ours = |names: &[String]| asked.is_none_or(|asked| names.iter().any(|name| is_address(name, asked)));
        let Some(last) = headers.iter().rposition(|(_, _, names)| is_ours(names)) else {
            return Err(match headers.pop() {
                Some((_, _, names)) => NoPath::OtherTarget(names.into_iter().next().unwrap_or_default()),
                None => NoPath::NoHeader,
            });
        };
        let (start, end, names) = &headers[last];
        let start = text.get(..*start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let stop = headers.get(last + 1).map_or(text.len(), |(next, _, _)| *next);
        let target = asked.or_else(|| names.iter().find_map(|name| address(name)));
        let body = text.get(*end..stop).unwrap_or_default();
        // What is left of the header's own line.
        let body = body.split_once('\n').map_or("", |(_, body)| body);
        Ok((text.get(start..stop).unwrap_or_default(), body, target))
    }

    fn read(&self, body: &str, target: Option<IpAddr>) -> Result<Read, String> {
        let mut read = Read::default();
        for line in body.lines() {
            let line = line.trim_end();
            let line = line.strip_suffix(ABORT_MARK).unwrap_or(line).trim_end();
            let is_noise = || self.noise.iter().filter_map(Pattern::get).any(|noise| noise.is_match(line.as_bytes()));
            if line.is_empty() || is_noise() {
                continue;
            }
            self.line(&mut read, line, target)?;
        }
        Ok(read)
    }

    fn line(&self, read: &mut Read, line: &str, target: Option<IpAddr>) -> Result<(), String> {
        let whole = |pattern: &Pattern| {
            let found = pattern.get()?.captures_at(line.as_bytes(), 0)?;
            let is_whole = found.start() == 0 && found.end() == line.len();
            is_whole.then(|| (found.name("hop"), found.name("replies").unwrap_or_default()))
        };
        let found = self.hop.iter().find_map(whole);
        let number = found.as_ref().and_then(|(hop, _)| hop.as_ref()).map(|hop| hop.parse().unwrap_or(0));
        let Some((_, replies)) = found.filter(|_| number.map_or(read.open, |n| (1..=FARTHEST).contains(&n))) else {
            read.strange += 1;
            read.open = false;
            return Ok(());
        };
        let replies = self.replies(&replies, target);
        let last = read.hops.last().map_or(0, |last| last.hop);
        let number = number.unwrap_or(last);
        if number < last {
            return Err(format!("hop {number} behind hop {last}"));
        }
        if number > last {
            read.hops.push(Hop { hop: number, address: None, rtt: None });
        }
        if let Some(hop) = read.hops.last_mut() {
            hop.address = hop.address.or(replies.first);
            hop.rtt = [hop.rtt, replies.shortest].into_iter().flatten().reduce(f64::min);
        }
        read.reached |= replies.of_target;
        read.open = true;
        Ok(())
    }

    /// Where no address is printed, the times are nobody's.
    fn replies(&self, text: &str, target: Option<IpAddr>) -> Replies {
        let mut addresses = Vec::new();
        let mut words = words(text).peekable();
        while let Some(word) = words.next() {
            // A name may look like an address: what stands in brackets behind it is the address.
            let bracketed = words.peek().filter(|next| next.starts_with(['(', '['])).and_then(|next| address(next));
            addresses.extend(address(word).map(|own| bracketed.unwrap_or(own)));
        }
        let times = self.time.get().into_iter().flat_map(|time| time.captures_iter(text.as_bytes()));
        let seconds = times.filter_map(|found| found.name("time")?.parse::<f64>().ok()).map(|time| time * self.unit);
        // Whole nanoseconds, so that 2.32 ms is 0.00232 s and not 0.0023199999.
        let seconds = seconds.filter(|time| time.is_finite()).map(|time| (time * 1e9).round() / 1e9);
        Replies {
            shortest: if addresses.is_empty() { None } else { seconds.reduce(f64::min) },
            of_target: target.is_some_and(|target| addresses.iter().any(|one| *one == target.to_canonical())),
            first: addresses.into_iter().next(),
        }
    }
}

/// What stands between blanks or before a bracket, which may follow without a blank: `192.0.2.17[AS 65001]`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(|word| {
        let bracket = word.find(['(', '[', '<']).filter(|at| *at > 0).unwrap_or(word.len());
        let (before, after) = word.split_at(bracket);
        [before, after].into_iter().filter(|word| !word.is_empty())
    })
}

/// An address as it may stand in a line: in brackets, with a zone. `0.0.0.0` is how some routers write nobody.
fn address(word: &str) -> Option<IpAddr> {
    let bare = word.trim_matches(['(', ')', '[', ']', ',']);
    let bare = bare.split('%').next().unwrap_or_default();
    let address = bare.parse::<IpAddr>().ok()?.to_canonical();
    (!address.is_unspecified()).then_some(address)
}

/// The lines that fit into so many bytes.
pub(super) fn within(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = text.as_bytes()[..bytes].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
