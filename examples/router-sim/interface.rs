//! What a simulated router shows of one of its interfaces: a persona's text, in the state that the options say.

use serde::Deserialize;

use crate::command::{Refusal, means, words};
use crate::options::Options;
use crate::persona::{Persona, RefusalKind};
use crate::template::Facts;

/// The command's words before the name, and the text for each state.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interface {
    command: String,
    up: String,
    down: String,
    shut: String,
    /// Behind each of them.
    #[serde(default)]
    rest: String,
    /// Said of a name that the router does not know.
    unknown: String,
}

/// What the command gets.
pub(crate) enum Shown {
    Text(String),
    Unknown(String),
    /// Nothing, until it is aborted.
    Nothing,
}

/// None: the line asks for something else.
pub(crate) fn show(
    persona: &Persona,
    options: &Options,
    line: &str,
    mut facts: Facts,
) -> Option<Result<Shown, Refusal>> {
    let form = persona.interface.as_ref()?;
    let typed = words(line);
    let asked: Vec<&str> = form.command.split(' ').collect();
    let named = typed.get(asked.len());
    if !asked
        .iter()
        .enumerate()
        .all(|(place, word)| typed.get(place).is_some_and(|typed| means(persona, word, typed.text)))
    {
        return None;
    }
    let Some(name) = named else { return Some(Err(Refusal::at_end(RefusalKind::Incomplete, line))) };
    if let Some(more) = typed.get(asked.len() + 1) {
        return Some(Err(Refusal::at_word(RefusalKind::Many, *more)));
    }
    let is = |names: &[String]| names.iter().any(|one| one == name.text);
    facts.set("interface", name.text);
    facts.set("in_errors", options.interface_errors);
    facts.set("caret", format!("{}^", " ".repeat(name.at)));
    Some(Ok(if is(&options.interface_hangs) {
        Shown::Nothing
    } else if is(&options.interface_unknown) {
        Shown::Unknown(facts.fill(&form.unknown))
    } else {
        let state = match name.text {
            _ if is(&options.interface_shut) => &form.shut,
            _ if is(&options.interface_down) => &form.down,
            _ => &form.up,
        };
        Shown::Text(facts.fill(&format!("{state}{}", form.rest)))
    }))
}
