//! Failure indicators: the texts by which a router refuses a command. They are asked only where an answer has no counters:
//! `Error: Trip time …` or `% …` may well stand in a good one.

use super::definition::IndicatorFile;
use super::mistake::Source;
use super::pattern::Pattern;
use crate::failure::{Failure, Kind, Stage};
use crate::quote;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Indicator {
    pattern: Pattern,
    except: Option<Pattern>,
    meaning: Meaning,
    /// Said for every packet, it counts before statistics of which nothing came back.
    over_counters: bool,
    says: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Failure(Kind),
    /// The router has answered the question: the line is down.
    NoRoute,
}

/// What an indicator says about an answer.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The line that says so.
    NoRoute(String),
    Failure(Failure),
}

/// The output of a refused command is short; a long one may quote anything.
const LINES_OF_A_REFUSAL: usize = 5;

/// Reads a kind as it is printed; the error says what may be written.
pub(super) fn kind_named(name: &str) -> Option<Kind> {
    Kind::deserialize(IntoDeserializer::<Error>::into_deserializer(name)).ok()
}

impl Indicator {
    pub(super) fn new(source: &Source, file: &IndicatorFile) -> Result<Self, Failure> {
        let meaning = match (file.kind.get_ref().as_str(), kind_named(file.kind.get_ref())) {
            ("no_route", _) => Meaning::NoRoute,
            (_, Some(kind @ (Kind::Rejected | Kind::Auth | Kind::Busy | Kind::Shell))) => Meaning::Failure(kind),
            (other, _) => {
                return Err(source.mistake(
                    &file.kind,
                    &format!("kind {other:?} is not for an indicator; write rejected, auth, busy, shell or no_route"),
                ));
            }
        };
        if file.over_counters && meaning == Meaning::NoRoute {
            return Err(source.mistake(&file.kind, "no_route is said beside counters anyway; remove over_counters"));
        }
        Ok(Self {
            pattern: Pattern::new(source, &file.pattern, &[], &[])?,
            except: file.except.as_ref().map(|text| Pattern::new(source, text, &[], &[])).transpose()?,
            meaning,
            over_counters: file.over_counters,
            says: file.says.get_ref().clone(),
        })
    }

    fn failure(&self, kind: Kind, line: &str) -> Failure {
        Failure::new(kind, Stage::Reply, format!("router says {:?}: {}", excerpt(line), self.says))
    }

    /// The first line in which it stands, and where that begins.
    fn find<'a>(&'a self, text: &'a str) -> Option<(usize, &'a str)> {
        self.lines(text).next()
    }

    /// The lines in which it stands, and where they begin.
    fn lines<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        let except = self.except.as_ref().and_then(Pattern::get);
        let all = self.pattern.get().into_iter().flat_map(|pattern| pattern.find_iter(text.as_bytes()));
        all.filter_map(move |found| {
            // A pattern may begin with white space that belongs to the line before.
            let begin =
                found.start() + text.as_bytes()[found.range()].iter().take_while(|b| b.is_ascii_whitespace()).count();
            let start = text.get(..begin)?.rfind('\n').map_or(0, |end| end + 1);
            let line = text.get(start..)?.lines().next()?;
            let excepted = except.is_some_and(|except| except.is_match(line.as_bytes()));
            (!excepted).then_some((start, line))
        })
    }
}

/// What the first indicator in the text says.
pub(super) fn verdict(indicators: &[Indicator], text: &str) -> Option<Verdict> {
    let (_, line, first) = indicators
        .iter()
        .filter_map(|one| one.find(text).map(|(at, line)| (at, line, one)))
        // The earliest line; of two on the same line the one that the definition lists first.
        .min_by_key(|(at, _, _)| *at)?;
    Some(match first.meaning {
        Meaning::NoRoute => Verdict::NoRoute(line.to_owned()),
        Meaning::Failure(kind) => Verdict::Failure(first.failure(kind, line)),
    })
}

/// A refusal that counts although statistics follow: it was said for each of the packets sent.
pub(super) fn over_counters(indicators: &[&Indicator], text: &str, sent: u32) -> Option<Failure> {
    let mut said: BTreeMap<usize, Failure> = BTreeMap::new();
    for one in indicators.iter().filter(|one| one.over_counters) {
        let Meaning::Failure(kind) = one.meaning else { continue };
        for (at, line) in one.lines(text) {
            said.entry(at).or_insert_with(|| one.failure(kind, line));
        }
    }
    (said.len() >= usize::try_from(sent).unwrap_or(usize::MAX)).then(|| said.into_values().next()).flatten()
}

pub(super) fn says_no_route(indicators: &[Indicator], text: &str) -> bool {
    indicators.iter().any(|one| one.meaning == Meaning::NoRoute && one.find(text).is_some())
}

/// A refusal at the beginning of what a command printed.
pub(super) fn refusal(indicators: &[Indicator], text: &str) -> Option<Failure> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(LINES_OF_A_REFUSAL + 1).collect();
    if lines.len() > LINES_OF_A_REFUSAL {
        return None;
    }
    match verdict(indicators, &lines.join("\n"))? {
        Verdict::Failure(failure) => Some(failure),
        Verdict::NoRoute(_) => None,
    }
}

/// Router text for a message.
pub(super) fn excerpt(text: &str) -> String {
    quote::excerpt(text, 160)
}
