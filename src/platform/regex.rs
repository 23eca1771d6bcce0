//! Regular expressions on bytes, as small as they can be held. The engines that make the crate `regex` fast (lazy DFA, one-pass
//! DFA, literal searchers) cost 10 to 60 KB for each pattern; a master holds a dozen of them, is idle nearly always, and reads short
//! texts. Without Unicode classes: a Unicode `\w{1,63}` costs 7 MB and 18 ms to compile.

use regex_automata::meta;
use regex_automata::util::captures::Captures as Groups;
use regex_automata::util::syntax;
use regex_automata::{Input, Match};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::fmt;

/// Enough for any honest pattern; a user's `(\w{1,1000}){1,1000}` is refused instead of eating memory.
const SIZE_LIMIT: usize = 256 << 10;

/// A compiled pattern; `^` and `$` are those of a line.
#[derive(Clone, Debug)]
pub struct Regex {
    compiled: meta::Regex,
    /// A bit for each byte that a match may end with.
    last: [u64; 4],
}

/// Why a pattern does not compile.
#[derive(Debug)]
pub enum Error {
    Syntax(String),
    TooBig,
}

impl Regex {
    /// # Errors
    /// Not a regular expression of the crate `regex`, or one that compiles to more than 256 KiB.
    pub fn new(pattern: &str) -> Result<Self, Error> {
        let engines = meta::Config::new()
            .hybrid(false)
            .dfa(false)
            .onepass(false)
            .auto_prefilter(false)
            .utf8_empty(false)
            .nfa_size_limit(Some(SIZE_LIMIT));
        let syntax = syntax::Config::new().unicode(false).utf8(false).multi_line(true);
        let compiled = meta::Builder::new().configure(engines).syntax(syntax).build(pattern);
        let compiled = compiled.map_err(|e| match e.syntax_error() {
            Some(error) => Error::Syntax(error.to_string()),
            None => Error::TooBig,
        })?;
        let parsed = ParserBuilder::new().utf8(false).unicode(false).multi_line(true).build().parse(pattern);
        let mut last = [0; 4];
        last_bytes(&parsed.map_err(|e| Error::Syntax(e.to_string()))?, &mut last);
        Ok(Self { compiled, last })
    }

    /// A match can end with this byte. Where a text is looked at after each of its bytes, this tells cheaply when it is worth it.
    pub fn may_end_with(&self, byte: u8) -> bool {
        self.last[usize::from(byte / 64)] & (1 << (byte % 64)) != 0
    }

    pub fn is_match(&self, text: &[u8]) -> bool {
        self.compiled.is_match(text)
    }

    /// The leftmost match.
    pub fn find(&self, text: &[u8]) -> Option<Match> {
        self.compiled.find(text)
    }

    pub fn find_iter<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Match> + 'a {
        self.compiled.find_iter(text)
    }

    pub fn captures_iter<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Captures<'a>> + 'a {
        self.compiled.captures_iter(text).map(move |groups| Captures { text, groups })
    }

    /// The leftmost match that begins at `start` or later.
    pub fn captures_at<'a>(&self, text: &'a [u8], start: usize) -> Option<Captures<'a>> {
        let mut groups = self.compiled.create_captures();
        self.compiled.search_captures(&Input::new(text).range(start.min(text.len())..), &mut groups);
        groups.is_match().then_some(Captures { text, groups })
    }
}

/// A match and its named parts.
pub struct Captures<'a> {
    text: &'a [u8],
    groups: Groups,
}

impl Captures<'_> {
    pub fn start(&self) -> usize {
        self.groups.get_match().map_or(0, |found| found.start())
    }

    pub fn end(&self) -> usize {
        self.groups.get_match().map_or(0, |found| found.end())
    }

    /// Where a named part begins.
    pub fn start_of(&self, name: &str) -> Option<usize> {
        self.groups.get_group_by_name(name).map(|span| span.start)
    }

    /// What a named part matched, invalid UTF-8 replaced.
    pub fn name(&self, name: &str) -> Option<String> {
        let span = self.groups.get_group_by_name(name)?;
        Some(String::from_utf8_lossy(&self.text[span.range()]).into_owned())
    }
}

/// Notes the bytes that a match of this part may end with; true if it may be empty.
fn last_bytes(part: &Hir, last: &mut [u64; 4]) -> bool {
    let mut note = |bytes: std::ops::RangeInclusive<u8>| {
        bytes.for_each(|byte| last[usize::from(byte / 64)] |= 1 << (byte % 64));
    };
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            literal.0.last().into_iter().for_each(|byte| note(*byte..=*byte));
            literal.0.is_empty()
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().for_each(|range| note(range.start()..=range.end()));
            false
        }
        // Without Unicode there is none; if there were, any byte might be its last.
        HirKind::Class(Class::Unicode(_)) => {
            note(0..=255);
            false
        }
        HirKind::Repetition(repetition) => last_bytes(&repetition.sub, last) || repetition.min == 0,
        HirKind::Capture(capture) => last_bytes(&capture.sub, last),
        HirKind::Concat(parts) => parts.iter().rev().all(|part| last_bytes(part, last)),
        HirKind::Alternation(parts) => parts.iter().map(|part| last_bytes(part, last)).fold(false, |a, b| a | b),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => f.write_str(text),
            Self::TooBig => f.write_str("it is too big"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_own_begin_and_end_and_bytes_need_not_be_utf_8() {
        let regex = Regex::new(r"^(?P<name>\w+)#$").unwrap();
        let text = b"\xff\nedge1#\nx";
        let found = regex.captures_at(text, 0).unwrap();
        assert_eq!((found.start(), found.end(), found.name("name").as_deref()), (2, 8, Some("edge1")));
        assert!(regex.captures_at(text, 3).is_none());
        assert!(!regex.is_match("ä#".as_bytes()));
    }

    #[test]
    fn what_a_match_may_end_with_is_known() {
        let cases: &[(&str, &[u8], &[u8])] = &[
            (r"--\s?[Mm]ore\s?--(?:\(\d+%\))?\s*$", b"-) \t\n", b"exM(5%"),
            (r"^:|\(END\)$", b":)", b"D( E"),
            (r"(?i)key|[a-c]+x{0,2}", b"yYabcx", b"kez"),
        ];
        for (pattern, may, may_not) in cases {
            let regex = Regex::new(pattern).unwrap();
            assert!(may.iter().all(|byte| regex.may_end_with(*byte)), "{pattern}");
            assert!(may_not.iter().all(|byte| !regex.may_end_with(*byte)), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_would_eat_memory_is_refused() {
        assert!(matches!(Regex::new(r"(\w{1,1000}){1,1000}"), Err(Error::TooBig)));
        assert!(matches!(Regex::new("("), Err(Error::Syntax(_))));
    }
}
