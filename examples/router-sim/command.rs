//! Finding the command that a line means, as a router's parser does: words, shortened words, and where it stopped.

use crate::persona::{Command, Persona, RefusalKind};

/// Why a line is not a command, and the byte of the line at which that showed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    pub(crate) at: usize,
    pub(crate) word: String,
}

impl Refusal {
    pub(crate) fn at_word(kind: RefusalKind, word: Word<'_>) -> Self {
        Self { kind, at: word.at, word: word.text.to_owned() }
    }

    pub(crate) fn at_end(kind: RefusalKind, line: &str) -> Self {
        Self { kind, at: line.len(), word: String::new() }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

pub(crate) fn words(line: &str) -> Vec<Word<'_>> {
    line.split_ascii_whitespace()
        .map(|text| Word { text, at: text.as_ptr() as usize - line.as_ptr() as usize })
        .collect()
}

/// `typed` means `word`: in full, or shortened where the persona allows it.
pub(crate) fn means(persona: &Persona, word: &str, typed: &str) -> bool {
    typed == word || (persona.abbreviate && !typed.is_empty() && word.starts_with(&typed.to_ascii_lowercase()))
}

pub(crate) fn find<'p>(persona: &'p Persona, line: &str, privileged: bool) -> Result<&'p Command, Refusal> {
    let typed = words(line);
    let mut found: Vec<(&Command, bool)> = Vec::new();
    let mut furthest = 0;
    let mut unfinished = false;
    for command in persona.commands.iter().filter(|command| privileged || !command.privileged) {
        match compare(persona, command, &typed) {
            Fit::Whole { exact } => found.push((command, exact)),
            Fit::Unfinished => unfinished = true,
            Fit::Until(word) => furthest = furthest.max(word),
        }
    }
    if let Some((command, _)) = found.iter().find(|(_, exact)| *exact) {
        return Ok(command);
    }
    match found.as_slice() {
        [(command, _)] => Ok(command),
        [_, ..] => Err(Refusal::at_end(RefusalKind::Ambiguous, line)),
        [] if unfinished => Err(Refusal::at_end(RefusalKind::Incomplete, line)),
        [] => {
            let kind = if furthest == 0 { RefusalKind::Command } else { RefusalKind::Input };
            Err(typed.get(furthest).map_or_else(|| Refusal::at_end(kind, line), |word| Refusal::at_word(kind, *word)))
        }
    }
}

enum Fit {
    Whole { exact: bool },
    Unfinished,
    Until(usize),
}

fn compare(persona: &Persona, command: &Command, typed: &[Word<'_>]) -> Fit {
    let mut exact = true;
    let mut place = 0;
    for word in command.line.split(' ') {
        let Some(given) = typed.get(place).map(|word| word.text) else {
            return if place == 0 { Fit::Until(0) } else { Fit::Unfinished };
        };
        match word {
            "<rest>" => return Fit::Whole { exact: true },
            "<number>" if given.parse::<u64>().is_ok() => {}
            "<number>" => return Fit::Until(place),
            _ if given == word => {}
            _ if means(persona, word, given) => exact = false,
            _ => return Fit::Until(place),
        }
        place += 1;
    }
    if place < typed.len() { Fit::Until(place) } else { Fit::Whole { exact } }
}
