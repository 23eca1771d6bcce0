//! The rules by which a state or a number is found in what a router prints of one interface. By line and by part, never by a
//! word somewhere: free text and other counters look alike.

use super::super::Failure;
use super::super::definition::Text;
use super::super::mistake::Source;
use super::super::pattern::Pattern;
use super::super::regex::Captures;
use super::file::{StateFile, ValueFile};
use super::quantity;
use toml::Spanned;

/// What a router printed of one interface, free text taken out.
#[derive(Clone, Copy)]
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    /// The last line has no end: it may go on.
    pub(super) open: bool,
}

impl<'t> Part<'t> {
    /// The matches, but one that runs into an end that may not be the end.
    pub(super) fn matches<'a>(&self, pattern: &'a Pattern) -> impl Iterator<Item = Captures<'a>> + use<'a>
    where
        't: 'a,
    {
        let Part { text, open }: Part<'a> = *self;
        let all = pattern.get().into_iter().flat_map(move |regex| regex.captures_iter(text.as_bytes()));
        all.filter(move |found| !open || found.end() < text.len())
    }

    pub(super) fn first<'a>(&self, pattern: &'a Pattern) -> Option<Captures<'a>>
    where
        't: 'a,
    {
        self.matches(pattern).next()
    }

    pub(super) fn has(&self, pattern: &Pattern) -> bool {
        self.first(pattern).is_some()
    }
}

#[derive(Debug)]
pub(super) struct StateRule {
    pattern: Pattern,
    up: bool,
    unless: Option<Pattern>,
}

impl StateRule {
    pub(super) fn new(source: &Source, spanned: &Spanned<StateFile>) -> Result<Self, Failure> {
        let file = spanned.get_ref();
        let (text, up) = match (&file.up, &file.down) {
            (Some(text), None) => (text, true),
            (None, Some(text)) => (text, false),
            _ => return Err(source.mistake_in(spanned, "a state is up or down; write { up = '…' } or { down = '…' }")),
        };
        let of_line = |text: &Text| Pattern::of_line(source, text, &[], &[]);
        Ok(Self { pattern: of_line(text)?, up, unless: file.unless.as_ref().map(of_line).transpose()? })
    }
}

/// What the first rule that fits says.
pub(super) fn state(rules: &[StateRule], part: Part<'_>) -> Option<u8> {
    let fits = |rule: &&StateRule| part.has(&rule.pattern) && !rule.unless.as_ref().is_some_and(|not| part.has(not));
    rules.iter().find(fits).map(|rule| u8::from(rule.up))
}

#[derive(Debug)]
pub(super) enum ValueRule {
    Line { line: Pattern, from: Option<Pattern>, end: End },
    Column { head: Pattern, column: String },
}

/// What ends a part of a text.
#[derive(Debug)]
pub(super) enum End {
    /// A part without it does not count: it may hold what belongs to the next one.
    Needed(Pattern),
    /// Where it is not, the part goes on to the end of the text.
    Possible(Option<Pattern>),
}

/// Which of several matches counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Several {
    /// The first: averaging windows follow each other.
    First,
    /// None, unless they say the same: a counter stands there once.
    Same,
}

impl ValueRule {
    pub(super) fn new(source: &Source, spanned: &Spanned<ValueFile>, units: &[&str]) -> Result<Self, Failure> {
        let file = spanned.get_ref();
        let plain =
            |text: &Option<Text>| text.as_ref().map(|text| Pattern::of_line(source, text, &[], &[])).transpose();
        match (&file.line, &file.head, &file.column) {
            (Some(line), None, None) => {
                let pattern = Pattern::of_line(source, line, units, &[])?;
                if pattern.names().is_empty() {
                    let known: Vec<String> = units.iter().map(|unit| format!("(?P<{unit}>…)")).collect();
                    let message = format!("the line names no number; write one of {}", known.join(", "));
                    return Err(source.mistake(line, &message));
                }
                let end = file.to.as_ref().or(file.until.as_ref());
                if let (None, Some(end)) = (&file.from, end) {
                    return Err(source.mistake(end, "a part needs its begin; write from = '…' as well"));
                }
                let end = match (plain(&file.to)?, plain(&file.until)?) {
                    (Some(_), Some(_)) => {
                        return Err(source.mistake_in(spanned, "a part ends with to or until, not with both"));
                    }
                    (Some(to), None) => End::Needed(to),
                    (None, until) => End::Possible(until),
                };
                Ok(Self::Line { line: pattern, from: plain(&file.from)?, end })
            }
            (None, Some(head), Some(column)) if file.from.is_none() && file.to.is_none() && file.until.is_none() => {
                Ok(Self::Column {
                    head: Pattern::of_line(source, head, &["columns"], &["columns"])?,
                    column: column.get_ref().clone(),
                })
            }
            _ => Err(source.mistake_in(
                spanned,
                "a value is a line, from and to around it or not, or a column of a table; write { line = '…' } or \
                 { head = '…', column = \"…\" }",
            )),
        }
    }

    fn read(&self, part: Part<'_>, several: Several) -> Option<u64> {
        match self {
            Self::Line { line, from: None, .. } => number(line, part, several),
            Self::Line { line, from: Some(from), end } => {
                let (pattern, otherwise) = match end {
                    End::Needed(to) => (Some(to), None),
                    End::Possible(until) => (until.as_ref(), Some(part.text.len())),
                };
                let ends: Vec<usize> =
                    pattern.iter().flat_map(|end| part.matches(end)).map(|end| end.start()).collect();
                let sections = part.matches(from).filter_map(|begin| {
                    let end = ends.iter().find(|end| **end >= begin.end()).copied().or(otherwise)?;
                    let text = part.text.get(begin.start()..end)?;
                    Some(Part { text, open: part.open && end == part.text.len() })
                });
                sections.into_iter().find_map(|section| number(line, section, several))
            }
            Self::Column { head, column } => column_of(head, column, part),
        }
    }
}

fn number(line: &Pattern, part: Part<'_>, several: Several) -> Option<u64> {
    let mut found = part.matches(line).map(|captures| quantity::of(&captures));
    let first = found.next()??;
    (several == Several::First || found.all(|other| other == Some(first))).then_some(first)
}

/// The number under a column's name; only where the row has as many numbers as the head has names.
fn column_of(head: &Pattern, column: &str, part: Part<'_>) -> Option<u64> {
    let mut found = part.matches(head).map(|captures| {
        let columns = captures.name("columns")?;
        let row = part.text.get(captures.end()..)?.strip_prefix('\n')?;
        let (row, _) = if part.open { row.split_once('\n')? } else { row.split_once('\n').unwrap_or((row, "")) };
        let (names, cells): (Vec<&str>, Vec<&str>) =
            (columns.split_whitespace().collect(), row.split_whitespace().collect());
        let at = names.iter().position(|name| *name == column).filter(|_| names.len() == cells.len())?;
        cells
            .iter()
            .all(|cell| cell.bytes().all(|b| b.is_ascii_digit()))
            .then(|| cells[at].parse::<u64>().ok())
            .flatten()
    });
    let first = found.next()??;
    found.all(|other| other == Some(first)).then_some(first)
}

/// What the first rule that gives a number gives.
pub(super) fn value(rules: &[ValueRule], part: Part<'_>, several: Several) -> Option<u64> {
    rules.iter().find_map(|rule| rule.read(part, several))
}
