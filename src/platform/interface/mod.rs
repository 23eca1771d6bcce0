//! The probe of a router's own interface: its command, and its answer → states, counters, rates. All of it is data of the
//! platform file; what the router did not print is absent. Knows no vendor.
//!
//! * `file` — the form of `[probe.interface]`; `name` — what may be asked, and whose answer it is
//! * `rule` — how a state or a number is found; `quantity`, `moment` — units, durations and dates

mod file;
mod moment;
mod name;
mod quantity;
mod rule;

pub(super) use file::InterfaceFile;

use super::definition::Text;
use super::indicator::{self, Indicator, Verdict, excerpt};
use super::mistake::Source;
use super::pattern::Pattern;
use super::{Ending, Failure, Run, Unread, variant};
use crate::failure::{Kind, Stage};
use crate::probe::{InterfaceResult, Name};
use file::{NameFile, ValueFile};
use moment::Moment;
use rule::{Part, Several, StateRule, ValueRule};
use std::time::Duration;
use toml::Spanned;

/// A router that needs longer for 50 lines is not going to print them.
const LIMIT: Duration = Duration::from_secs(5);

const SLOT: &str = "{interface}";

#[derive(Debug)]
pub(super) struct InterfaceForm {
    modes: Vec<String>,
    /// Around the name.
    command: (String, String),
    name: NameFile,
    description: Vec<Pattern>,
    header: Vec<Pattern>,
    end: Vec<Pattern>,
    admin: Vec<StateRule>,
    oper: Vec<StateRule>,
    in_errors: Vec<ValueRule>,
    out_errors: Vec<ValueRule>,
    crc: Vec<ValueRule>,
    in_rate: Vec<ValueRule>,
    out_rate: Vec<ValueRule>,
    bandwidth: Vec<ValueRule>,
    last_change: Vec<Pattern>,
    now: Option<Pattern>,
    indicators: Vec<Indicator>,
}

/// A header in the text.
struct Header {
    start: usize,
    end: usize,
    name: String,
}

impl InterfaceForm {
    pub(super) fn new(source: &Source, file: &InterfaceFile, usable: &[&str]) -> Result<Self, Failure> {
        let lines = |texts: &[Text], known: &[&str], required: &[&str]| {
            texts.iter().map(|text| Pattern::of_line(source, text, known, required)).collect::<Result<Vec<_>, _>>()
        };
        let states = |rules: &Spanned<Vec<Spanned<file::StateFile>>>| match rules.get_ref().as_slice() {
            [] => Err(source.mistake_in(rules, "no rule; write [{ up = '…' }, { down = '…' }]")),
            rules => rules.iter().map(|one| StateRule::new(source, one)).collect::<Result<Vec<_>, _>>(),
        };
        let values = |rules: &[Spanned<ValueFile>], units: &[&str]| {
            rules.iter().map(|one| ValueRule::new(source, one, units)).collect::<Result<Vec<_>, _>>()
        };
        if file.header.get_ref().is_empty() {
            return Err(source.mistake_in(&file.header, "no header; write ['^(?P<name>…) is …']"));
        }
        let moments = lines(&file.last_change, &["ago", "at", "or_at"], &[])?;
        if let Some((_, text)) = moments.iter().zip(&file.last_change).find(|(pattern, _)| {
            let names: Vec<&str> = pattern.names().iter().map(String::as_str).collect();
            !matches!(names.as_slice(), ["ago"] | ["at"] | ["at", "or_at"])
        }) {
            return Err(source
                .mistake(text, "write (?P<ago>…) around a duration, (?P<at>…) and perhaps (?P<or_at>…) around dates"));
        }
        Ok(Self {
            modes: match &file.modes {
                Some(modes) => variant::named(source, &file.command, modes, usable)?,
                None => usable.iter().map(|mode| (*mode).to_owned()).collect(),
            },
            command: command(source, &file.command)?,
            name: file.name,
            description: lines(&file.description, &["text", "json"], &[])?,
            header: lines(file.header.get_ref(), &["name"], &["name"])?,
            end: lines(&file.end, &[], &[])?,
            admin: states(&file.admin)?,
            oper: states(&file.oper)?,
            in_errors: values(&file.in_errors, &quantity::COUNTER)?,
            out_errors: values(&file.out_errors, &quantity::COUNTER)?,
            crc: values(&file.crc, &quantity::COUNTER)?,
            in_rate: values(&file.in_rate, &quantity::RATE)?,
            out_rate: values(&file.out_rate, &quantity::RATE)?,
            bandwidth: values(&file.bandwidth, &quantity::RATE)?,
            last_change: moments,
            now: file.now.as_ref().map(|text| Pattern::of_line(source, text, &["at"], &["at"])).transpose()?,
            indicators: file
                .failure_indicator
                .iter()
                .map(|one| Indicator::new(source, one))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The line to send for a name that was checked.
    pub(super) fn command(&self, name: &str) -> String {
        format!("{}{name}{}", self.command.0, self.command.1)
    }

    /// What the platform cannot ask for, before any login.
    pub(super) fn check(&self, platform: &str, name: &Name) -> Result<(), Failure> {
        match name::refused(name.as_str(), &self.name) {
            None => Ok(()),
            Some(takes) => {
                Err(Failure::settings(format!("--interface {name} ({{$LINE_INTERFACE}}): {platform} takes {takes}")))
            }
        }
    }

    pub(super) fn run(&self, platform: &str, name: &Name, mode: &str) -> Result<Run, Failure> {
        self.check(platform, name)?;
        if !self.modes.iter().any(|known| known == mode) {
            return Err(Failure::new(
                Kind::Shell,
                Stage::Prompt,
                format!(
                    "mode {mode} of {platform} shows no interface; log in with a user whose session starts in {}",
                    self.modes.join(" or ")
                ),
            ));
        }
        Ok(Run::alone(self.command(name.as_str()), LIMIT))
    }

    /// An answer to our own command.
    pub(super) fn read(
        &self,
        indicators: &[Indicator],
        name: &Name,
        text: &str,
        ending: Ending,
    ) -> Result<InterfaceResult, Unread> {
        match ending {
            Ending::Complete => self.find(indicators, &format!("{text}\n"), Some(name.as_str())),
            Ending::Aborted { after, .. } | Ending::AbortedAndCut { after } => Err(Failure::new(
                Kind::Deadline,
                Stage::Reply,
                format!("the router had not printed all of interface {name} after {:.2} s", after.as_secs_f64()),
            )
            .into()),
            Ending::Cut => Err(Failure::new(
                Kind::Shell,
                Stage::Reply,
                format!("the session was lost before the router had printed all of interface {name}"),
            )
            .into()),
        }
    }

    /// Recorded text: it may break off anywhere.
    pub(super) fn read_recorded(
        &self,
        indicators: &[Indicator],
        text: &str,
        name: Option<&str>,
    ) -> Result<InterfaceResult, Failure> {
        self.find(indicators, text, name).map_err(|unread| unread.failure)
    }

    fn find(&self, indicators: &[Indicator], text: &str, asked: Option<&str>) -> Result<InterfaceResult, Unread> {
        let (masked, descriptions) = self.without_descriptions(text);
        let whole = Part { text: &masked, open: !masked.ends_with('\n') };
        let headers = self.headers(whole);
        let Some(first) = headers.first() else {
            let refused = [&self.indicators, indicators].into_iter().find_map(|all| indicator::verdict(all, text));
            return Err(match refused {
                Some(Verdict::Failure(failure)) => failure.into(),
                _ => not_ours(format!("no interface in {:?}", excerpt(text))),
            });
        };
        if let Some(asked) = asked.filter(|asked| !name::is_same(asked, &first.name, &self.name)) {
            return Err(not_ours(format!("it is about {:?}, not {asked:?}", excerpt(&first.name))));
        }
        let others = || headers.iter().filter(|header| header.name != first.name);
        if let Some(other) = others().find(|other| !name::is_channel_of(&other.name, &first.name)) {
            return Err(not_ours(format!(
                "it is about {:?} and {:?}; ask for one interface by its full name",
                excerpt(&first.name),
                excerpt(&other.name)
            )));
        }
        let twice = headers.iter().find(|header| header.name == first.name && !same_words(&masked, header, first));
        if twice.is_some() {
            return Err(not_ours(format!("two states of {:?}", excerpt(&first.name))));
        }
        let ends = self.end.iter().flat_map(|end| whole.matches(end)).map(|end| end.start());
        let end = others().map(|other| other.start).chain(ends.filter(|end| *end >= first.end)).min();
        let end = end.unwrap_or(masked.len());
        let part =
            Part { text: masked.get(first.start..end).unwrap_or_default(), open: whole.open && end == masked.len() };
        let description = descriptions.into_iter().find(|(at, _)| (first.start..end).contains(at));
        self.result(part, first.name.clone(), description.map(|(_, text)| text))
    }

    fn result(&self, part: Part<'_>, name: String, description: Option<String>) -> Result<InterfaceResult, Unread> {
        let (admin, oper) = (rule::state(&self.admin, part), rule::state(&self.oper, part));
        if admin.is_none() && oper.is_none() {
            return Err(not_ours(format!("no state of {:?} in {:?}", excerpt(&name), excerpt(part.text))));
        }
        let counter = |rules: &[ValueRule]| rule::value(rules, part, Several::Same);
        let rate = |rules: &[ValueRule]| rule::value(rules, part, Several::First);
        Ok(InterfaceResult {
            name,
            admin,
            oper,
            description: description.filter(|text| !text.is_empty()),
            in_errors: counter(&self.in_errors),
            out_errors: counter(&self.out_errors),
            crc: counter(&self.crc),
            in_rate: rate(&self.in_rate),
            out_rate: rate(&self.out_rate),
            bandwidth: rate(&self.bandwidth),
            last_change: self.last_change.iter().find_map(|pattern| self.moment(pattern, part)),
        })
    }

    fn moment(&self, pattern: &Pattern, part: Part<'_>) -> Option<u64> {
        let found = part.first(pattern)?;
        if let Some(ago) = found.name("ago") {
            return moment::ago(&ago);
        }
        let now = part.first(self.now.as_ref()?)?.name("at").and_then(|at| Moment::parse(&at))?;
        let dates = ["at", "or_at"].iter().filter_map(|name| found.name(name)).filter_map(|at| Moment::parse(&at));
        // The later of the two is the last.
        let ages: Option<Vec<u64>> = dates.map(|then| then.until(now)).collect();
        ages?.into_iter().min()
    }

    /// The text with free text blanked, and each free text with its place.
    fn without_descriptions(&self, text: &str) -> (String, Vec<(usize, String)>) {
        let part = Part { text, open: !text.ends_with('\n') };
        let mut masked = text.as_bytes().to_vec();
        let mut found = Vec::new();
        for pattern in &self.description {
            // Blanked to the last byte, also one that breaks off; but then it is not told.
            for captures in pattern.get().into_iter().flat_map(|regex| regex.captures_iter(text.as_bytes())) {
                masked[captures.start()..captures.end()].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
                if part.open && captures.end() == text.len() {
                    continue;
                }
                let told = captures.name("text").map(|text| text.trim().to_owned());
                let json = || captures.name("json").and_then(|text| serde_json::from_str::<String>(&text).ok());
                found.extend(told.or_else(json).map(|text| (captures.start(), text)));
            }
        }
        (String::from_utf8_lossy(&masked).into_owned(), found)
    }

    fn headers(&self, whole: Part<'_>) -> Vec<Header> {
        let all = self.header.iter().flat_map(|header| whole.matches(header));
        let mut headers: Vec<Header> = all
            .map(|found| Header {
                start: found.start(),
                end: found.end(),
                name: found.name("name").unwrap_or_default(),
            })
            .collect();
        headers.sort_by_key(|header| header.start);
        headers
    }
}

fn command(source: &Source, text: &Text) -> Result<(String, String), Failure> {
    let plain = |text: &str| text.chars().all(|c| matches!(c, ' '..='~') && !"{}[]".contains(c));
    match text.get_ref().split_once(SLOT) {
        Some((before, after)) if plain(before) && plain(after) => Ok((before.to_owned(), after.to_owned())),
        Some(_) => {
            Err(source.mistake(text, "a command is printable ASCII on one line with one slot; write {interface} once"))
        }
        None => Err(source.mistake(text, "the command has no interface; write {interface}")),
    }
}

fn same_words(text: &str, one: &Header, other: &Header) -> bool {
    let words =
        |header: &Header| text.get(header.start..header.end).map(|text| text.split_whitespace().collect::<Vec<_>>());
    words(one) == words(other)
}

fn not_ours(why: String) -> Unread {
    let message = format!("the router's answer about the interface was not understood: {why}");
    Unread { failure: Failure::new(Kind::Reply, Stage::Reply, message), not_ours: true }
}
