//! The patterns of platform files: what they may contain, and how they are compiled. They work on bytes and without Unicode
//! classes: a Unicode `\w{1,63}` costs 7 MB and 18 ms to compile.

use super::Failure;
use super::definition::Text;
use super::mistake::Source;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// Enough for any honest pattern; a user's `(\w{1,1000}){1,1000}` is refused instead of eating memory.
const SIZE_LIMIT: usize = 256 << 10;
const CACHE_LIMIT: usize = 64 << 10;

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .multi_line(true)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(CACHE_LIMIT)
        .build()
}

/// Compiles a pattern for prompts and dialogues, as it is written.
pub(super) fn exact(source: &Source, text: &Text) -> Result<Regex, Failure> {
    let regex = build(text.get_ref()).map_err(|e| does_not_compile(source, text, &e))?;
    captures(source, text, &regex, &[], &[])?;
    Ok(regex)
}

/// Compiles a pattern for answers: a blank stands for any run of blanks and line ends, since routers wrap lines.
pub(super) fn spaced(source: &Source, text: &Text, known: &[&str], required: &[&str]) -> Result<Regex, Failure> {
    let regex = build(&widen_blanks(text.get_ref())).map_err(|e| does_not_compile(source, text, &e))?;
    captures(source, text, &regex, known, required)?;
    Ok(regex)
}

fn does_not_compile(source: &Source, text: &Text, error: &regex::Error) -> Failure {
    let reason = match error {
        regex::Error::Syntax(shown) => {
            let why = shown.lines().rev().find_map(|l| l.strip_prefix("error: ")).unwrap_or("syntax error");
            format!("{why}; write a regular expression as the Rust crate regex takes it")
        }
        regex::Error::CompiledTooBig(_) => "it is too big; write smaller repetitions".to_owned(),
        other => other.to_string(),
    };
    source.mistake(text, &format!("pattern {:?} does not compile: {reason}", text.get_ref()))
}

fn captures(source: &Source, text: &Text, regex: &Regex, known: &[&str], required: &[&str]) -> Result<(), Failure> {
    let names: Vec<&str> = regex.capture_names().flatten().collect();
    let listed = |names: &[&str]| names.iter().map(|n| format!("(?P<{n}>…)")).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = names.iter().find(|n| !known.contains(n)) {
        let instead =
            if known.is_empty() { "write (?:…)".to_owned() } else { format!("known here: {}", listed(known)) };
        return Err(source.mistake(text, &format!("capture {unknown:?} is not known here; {instead}")));
    }
    match required.iter().find(|n| !names.contains(n)) {
        Some(missing) => Err(source.mistake(
            text,
            &format!("pattern {:?} names no capture {missing:?}; write {}", text.get_ref(), listed(&[*missing])),
        )),
        None => Ok(()),
    }
}

/// ` ` becomes `\s+`, ` ?` and ` *` become `\s*`; not within a class, not after a backslash.
fn widen_blanks(pattern: &str) -> String {
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
                wide.push_str(if optional { r"\s*" } else { r"\s+" });
            }
            _ => {
                in_class = (in_class || c == '[') && c != ']';
                wide.push(c);
            }
        }
    }
    wide
}

/// A pattern of answers that most polls never need: checked when the platform is loaded, kept as text until it is used.
#[derive(Debug)]
pub(super) struct Rare {
    pattern: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Rare {
    pub(super) fn new(source: &Source, text: &Text, known: &[&str], required: &[&str]) -> Result<Self, Failure> {
        spaced(source, text, known, required)?;
        Ok(Self { pattern: widen_blanks(text.get_ref()), compiled: OnceLock::new() })
    }

    /// None is impossible after the check in `new`.
    pub(super) fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| build(&self.pattern).ok()).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::widen_blanks;

    #[test]
    fn a_blank_in_a_pattern_stands_for_any_white_space() {
        assert_eq!(widen_blanks("a b ?c +d *e"), r"a\s+b\s*c\s+d\s*e");
    }

    #[test]
    fn a_blank_in_a_class_or_behind_a_backslash_stays() {
        assert_eq!(widen_blanks(r"[ a] \ \["), r"[ a]\s+\ \[");
    }
}
