//! Which part of a text is the answer about our target: from the last header that names it to the next one, and which
//! target the titles of its statistics name. Knows nothing of counters.

use super::Failure;
use super::definition::PingFile;
use super::mistake::Source;
use super::pattern::Pattern;
use super::regex::Captures;
use super::reply::NoAnswer;
use std::net::IpAddr;

/// The lines by which an answer is told from others.
#[derive(Debug)]
pub(super) struct Landmarks {
    header: Vec<Pattern>,
    row: Vec<Pattern>,
    title: Vec<Pattern>,
    /// The number of a run's first packet.
    first_seq: u32,
}

/// A line that names the target of what follows, or of one packet.
struct Landmark {
    start: usize,
    name_at: usize,
    /// None: it names nobody, and belongs to what stands around it.
    ours: Option<bool>,
    names: Vec<String>,
    count: Option<u32>,
    /// The packet's number, of a row.
    seq: Option<u32>,
}

/// What stands between one header and the next.
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    pub(super) has_header: bool,
    /// Its header or a row names the target; or it is a whole run of rows without a name, because each is an error.
    pub(super) is_named: bool,
    /// What the header calls the target.
    names: Vec<String>,
    /// Packets that the header announces.
    pub(super) count: Option<u32>,
    /// Statistics before this place were only so far.
    pub(super) statistics_at: usize,
    /// How many landmarks the whole text has.
    pub(super) landmarks: usize,
}

impl Landmarks {
    pub(super) fn new(source: &Source, file: &PingFile) -> Result<Self, Failure> {
        if file.header.is_empty() && file.row.is_empty() {
            return Err(source.mistake(
                &file.command,
                "nothing in an answer names its target; write header = ['… (?P<target>\\S+) …'], or row",
            ));
        }
        let header = |text| Pattern::new(source, text, &["target", "address", "count"], &["target"]);
        let row = |text| Pattern::new(source, text, &["target", "seq"], &["seq"]);
        let title = |text| Pattern::new(source, text, &NAMES, &["target"]);
        Ok(Self {
            header: file.header.iter().map(header).collect::<Result<_, _>>()?,
            row: file.row.iter().map(row).collect::<Result<_, _>>()?,
            title: file.title.iter().map(title).collect::<Result<_, _>>()?,
            first_seq: file.first_seq,
        })
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.row.is_empty()
    }

    pub(super) fn has_titles(&self) -> bool {
        !self.title.is_empty()
    }

    /// Whether the text has a line of a single packet.
    pub(super) fn has_row(&self, text: &str) -> bool {
        self.row.iter().filter_map(Pattern::get).any(|row| row.is_match(text.as_bytes()))
    }

    /// Where the titles of statistics in a part begin; the error is one that names another target.
    pub(super) fn titles(&self, part: &Part<'_>, target: Option<IpAddr>) -> Result<Vec<usize>, NoAnswer> {
        let mut starts = Vec::new();
        for captures in self.title.iter().filter_map(Pattern::get).flat_map(|t| t.captures_iter(part.text.as_bytes())) {
            let names = names_in(&captures);
            let is_known = |name: &String| part.names.iter().any(|known| known.eq_ignore_ascii_case(name));
            let is_ours = |target| names.iter().any(|name| is_address(name, target) || is_known(name));
            if !target.is_none_or(is_ours) {
                return Err(NoAnswer::other_target(&names));
            }
            starts.push(captures.start());
        }
        Ok(starts)
    }

    /// From the last header that names our target to the next header; the whole text if it has no header.
    pub(super) fn part_about<'t>(&self, text: &'t str, target: Option<IpAddr>) -> Result<Part<'t>, NoAnswer> {
        let marks = self.found(text, target);
        let landmarks = marks.len();
        let is_named = marks.first().is_some_and(|mark| mark.seq == Some(self.first_seq));
        let Some(last) = marks.iter().rposition(|mark| mark.ours == Some(true)) else {
            return match marks.into_iter().rfind(|mark| mark.ours == Some(false)) {
                Some(other) => Err(NoAnswer::other_target(&other.names)),
                None => Ok(Part {
                    text,
                    has_header: false,
                    is_named,
                    names: Vec::new(),
                    count: None,
                    statistics_at: 0,
                    landmarks,
                }),
            };
        };
        let first = first_of(&marks, last);
        let mut seq = marks[last].seq;
        let mut end = text.len();
        let mut last_row = marks[last].seq.map(|_| marks[last].start);
        for mark in &marks[last + 1..] {
            // A row that names nobody goes on counting, or it begins something else.
            if mark.ours.is_some() || mark.seq < seq {
                end = mark.start;
                break;
            }
            seq = mark.seq;
            last_row = Some(mark.start);
        }
        // What stands before the name on its line is the end of something else.
        let start = if marks[first].seq.is_some() { marks[first].start } else { marks[first].name_at };
        let part = text.get(start..end).unwrap_or_default();
        let statistics_at = last_row.map_or(0, |row| row - start);
        let names = marks[first..=last].iter().flat_map(|mark| mark.names.clone()).collect();
        let count = marks[first].count;
        Ok(Part { text: part, has_header: true, is_named: true, names, count, statistics_at, landmarks })
    }

    fn found(&self, text: &str, target: Option<IpAddr>) -> Vec<Landmark> {
        let mut marks: Vec<Landmark> = Vec::new();
        for (pattern, is_row) in
            self.header.iter().map(|header| (header, false)).chain(self.row.iter().map(|row| (row, true)))
        {
            for captures in pattern.get().into_iter().flat_map(|regex| regex.captures_iter(text.as_bytes())) {
                let names = names_in(&captures);
                let is_ours = |target| names.iter().any(|name| is_address(name, target));
                marks.push(Landmark {
                    start: captures.start(),
                    name_at: captures.start_of("target").unwrap_or_else(|| captures.start()),
                    ours: (!names.is_empty()).then(|| target.is_none_or(is_ours)),
                    names,
                    count: captures.name("count").and_then(|count| count.parse().ok()),
                    seq: is_row.then(|| captures.name("seq").and_then(|seq| seq.parse().ok()).unwrap_or(u32::MAX)),
                });
            }
        }
        marks.sort_by_key(|mark| mark.start);
        marks
    }
}

/// Back from a row to the first one of its answer, and to the header that stands before that.
fn first_of(marks: &[Landmark], last: usize) -> usize {
    let mut first = last;
    while let Some(seq) = marks[first].seq
        && let Some(before) = first.checked_sub(1).and_then(|at| marks.get(at))
        && before.ours != Some(false)
        && before.seq.is_none_or(|earlier| earlier <= seq)
    {
        first -= 1;
    }
    first
}

/// The captures that name a target.
const NAMES: [&str; 2] = ["target", "address"];

fn names_in(captures: &Captures<'_>) -> Vec<String> {
    NAMES.iter().filter_map(|name| captures.name(name)).collect()
}

/// The address as a router writes it, perhaps in brackets or with a zone.
pub(super) fn is_address(name: &str, target: IpAddr) -> bool {
    address(name).is_some_and(|address| address.to_canonical() == target.to_canonical())
}

/// Whether this is an address and not a host's name.
pub(super) fn is_any_address(name: &str) -> bool {
    address(name).is_some()
}

fn address(name: &str) -> Option<IpAddr> {
    name.trim_matches(['(', ')', '[', ']']).split('%').next().unwrap_or_default().parse().ok()
}

/// Whether there are addresses in the line, all of them other than the target.
pub(super) fn names_only_others(line: &str, target: IpAddr) -> bool {
    let words = line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '=' | '"'));
    let mut named = words.map(|word| word.trim_end_matches('.')).filter(|word| is_any_address(word)).peekable();
    named.peek().is_some() && !named.any(|word| is_address(word, target))
}
