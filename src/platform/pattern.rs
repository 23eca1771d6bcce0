//! The patterns of platform files: what they may contain, and when they are compiled.

use super::Failure;
use super::definition::Text;
use super::mistake::Source;
use super::regex::{self, Regex};
use crate::quote::quoted;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};
use std::sync::OnceLock;

/// Compiles a pattern for prompts and dialogues, as it is written.
pub(super) fn exact(source: &Source, text: &Text) -> Result<Regex, Failure> {
    check(source, text, text.get_ref(), &[], &[])?;
    Regex::new(text.get_ref()).map_err(|e| does_not_compile(source, text, &e))
}

/// A pattern for answers: a blank in it stands for any run of blanks and line ends, since routers wrap lines. Checked when
/// the platform is loaded, kept as text until it is used: a poll needs few of them.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    names: Vec<String>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn new(source: &Source, text: &Text, known: &[&str], required: &[&str]) -> Result<Self, Failure> {
        Self::widened(source, text, &widen_blanks(text.get_ref(), r"\s"), known, required)
    }

    /// The same within one line: a blank stands for a run of blanks.
    pub(super) fn of_line(source: &Source, text: &Text, known: &[&str], required: &[&str]) -> Result<Self, Failure> {
        Self::widened(source, text, &widen_blanks(text.get_ref(), r"[ \t]"), known, required)
    }

    fn widened(source: &Source, text: &Text, wide: &str, known: &[&str], required: &[&str]) -> Result<Self, Failure> {
        let names = check(source, text, wide, known, required)?;
        // Only counted repetitions can make a pattern too big.
        if wide.contains('{') {
            Regex::new(wide).map_err(|e| does_not_compile(source, text, &e))?;
        }
        Ok(Self { text: wide.to_owned(), names, compiled: OnceLock::new() })
    }

    /// None is impossible after the checks in `new`.
    pub(super) fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}

/// The names of the pattern's captures, if it can be read and they are what it may and must have.
fn check(source: &Source, at: &Text, text: &str, known: &[&str], required: &[&str]) -> Result<Vec<String>, Failure> {
    let parsed = ParserBuilder::new().utf8(false).unicode(false).multi_line(true).build().parse(text);
    let mut names = Vec::new();
    capture_names(&parsed.map_err(|e| does_not_compile(source, at, &regex::Error::Syntax(e.to_string())))?, &mut names);
    let listed = |names: &[&str]| names.iter().map(|n| format!("(?P<{n}>…)")).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = names.iter().find(|n| !known.contains(&n.as_str())) {
        let instead =
            if known.is_empty() { "write (?:…)".to_owned() } else { format!("known here: {}", listed(known)) };
        return Err(source.mistake(at, &format!("capture {unknown:?} is not known here; {instead}")));
    }
    match required.iter().find(|r| !names.iter().any(|n| n == *r)) {
        Some(missing) => Err(source.mistake(
            at,
            &format!("pattern {} names no capture {missing:?}; write {}", quoted(at.get_ref()), listed(&[*missing])),
        )),
        None => Ok(names),
    }
}

fn capture_names(part: &Hir, names: &mut Vec<String>) {
    match part.kind() {
        HirKind::Capture(capture) => {
            names.extend(capture.name.iter().map(|name| name.to_string()));
            capture_names(&capture.sub, names);
        }
        HirKind::Repetition(repetition) => capture_names(&repetition.sub, names),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| capture_names(part, names));
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
    }
}

fn does_not_compile(source: &Source, text: &Text, error: &regex::Error) -> Failure {
    let reason = match error {
        regex::Error::Syntax(shown) => {
            let why = shown.lines().rev().find_map(|l| l.strip_prefix("error: ")).unwrap_or("syntax error");
            format!("{why}; write a regular expression as the Rust crate regex takes it")
        }
        regex::Error::TooBig => "it is too big; write smaller repetitions".to_owned(),
    };
    source.mistake(text, &format!("pattern {} does not compile: {reason}", quoted(text.get_ref())))
}

/// ` ` becomes a run of `blank`, ` ?` and ` *` one that may be empty; not within a class, not after a backslash.
fn widen_blanks(pattern: &str, blank: &str) -> String {
    let mut wide = String::with_capacity(pattern.len() * 2);
    let mut in_class = false;
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                wide.push(c);
                wide.extend(characters.next());
            }
            ' ' if !in_class => {
                let optional =
                    characters.next_if(|next| matches!(next, '?' | '*' | '+')).is_some_and(|next| next != '+');
                wide.push_str(blank);
                wide.push(if optional { '*' } else { '+' });
            }
            _ => {
                in_class = (in_class || c == '[') && c != ']';
                wide.push(c);
            }
        }
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::widen_blanks;

    #[test]
    fn a_blank_in_a_pattern_stands_for_any_white_space() {
        assert_eq!(widen_blanks("a b ?c +d *e", r"\s"), r"a\s+b\s*c\s+d\s*e");
    }

    #[test]
    fn a_blank_in_a_class_or_behind_a_backslash_stays() {
        assert_eq!(widen_blanks(r"[ a] \ \[", r"\s"), r"[ a]\s+\ \[");
    }
}
