//! Regular expressions on bytes, as small as they can be held. The engines that make the crate `regex` fast (lazy DFA, one-pass
//! DFA, literal searchers) cost 10 to 60 KB for each pattern; a master holds a dozen of them, is idle nearly always, and reads short
//! texts. Without Unicode classes: a Unicode `\w{1,63}` costs 7 MB and 18 ms to compile.

use regex_automata::meta;
use regex_automata::util::captures::Captures as Groups;
use regex_automata::util::syntax;
use regex_automata::{Input, Match};
use std::fmt;

/// Enough for any honest pattern; a user's `(\w{1,1000}){1,1000}` is refused instead of eating memory.
const SIZE_LIMIT: usize = 256 << 10;

/// A compiled pattern; `^` and `$` are those of a line.
#[derive(Clone, Debug)]
pub struct Regex(meta::Regex);

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
        meta::Builder::new().configure(engines).syntax(syntax).build(pattern).map(Self).map_err(|e| {
            match e.syntax_error() {
                Some(error) => Error::Syntax(error.to_string()),
                None => Error::TooBig,
            }
        })
    }

    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// The leftmost match.
    pub fn find(&self, text: &[u8]) -> Option<Match> {
        self.0.find(text)
    }

    pub fn find_iter<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Match> + 'a {
        self.0.find_iter(text)
    }

    pub fn captures_iter<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Captures<'a>> + 'a {
        self.0.captures_iter(text).map(move |groups| Captures { text, groups })
    }

    /// The leftmost match that begins at `start` or later.
    pub fn captures_at<'a>(&self, text: &'a [u8], start: usize) -> Option<Captures<'a>> {
        let mut groups = self.0.create_captures();
        self.0.search_captures(&Input::new(text).range(start.min(text.len())..), &mut groups);
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

    /// What a named part matched, invalid UTF-8 replaced.
    pub fn name(&self, name: &str) -> Option<String> {
        let span = self.groups.get_group_by_name(name)?;
        Some(String::from_utf8_lossy(&self.text[span.range()]).into_owned())
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
    fn a_pattern_that_would_eat_memory_is_refused() {
        assert!(matches!(Regex::new(r"(\w{1,1000}){1,1000}"), Err(Error::TooBig)));
        assert!(matches!(Regex::new("("), Err(Error::Syntax(_))));
    }
}
