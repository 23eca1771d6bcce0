//! Platform file → dialect: everything that the shell needs, checked and compiled.

use super::Failure;
use super::definition::{DialogueFile, PlatformFile, Text};
use super::dialect::{Change, Dialect, Dialogue, Mode, Pager, SecretQuestion, Then};
use super::indicator::kind_named;
use super::mistake::Source;
use super::pattern::exact;
use super::read_only::change_in;
use super::regex::Regex;
use crate::failure::Kind;
use toml::Spanned;

pub(super) fn dialect(source: &Source, file: &PlatformFile) -> Result<Dialect, Failure> {
    let modes = modes(source, file)?;
    let mut dialogues = file.dialogue.iter().map(|one| dialogue(source, one)).collect::<Result<Vec<_>, _>>()?;
    dialogues.extend(usual_dialogues()?);
    let pager = file.pager.iter().map(|pager| {
        Ok(Pager { mark: exact(source, &pager.mark)?, answer: keys(source, &pager.answer)?.into_bytes() })
    });
    Ok(Dialect {
        newline: newline(source, file)?,
        dialogues,
        pager: pager.collect::<Result<_, _>>()?,
        changes: changes(source, file, &modes)?,
        set_up: lines(source, &file.set_up)?,
        tear_down: lines(source, &file.tear_down)?,
        abort: abort(source, &file.abort)?,
        above_prompt: file.above_prompt.iter().map(|text| above(source, text)).collect::<Result<_, _>>()?,
        modes,
    })
}

pub(super) fn terminal(source: &Source, file: &PlatformFile) -> Result<String, Failure> {
    let Some(text) = &file.terminal else { return Ok("vt100".to_owned()) };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+');
    match text.get_ref() {
        name if !name.is_empty() && name.bytes().all(plain) => Ok(name.clone()),
        _ => Err(source.mistake(text, "not a terminal type; write e.g. \"vt100\" or \"dumb\"")),
    }
}

fn newline(source: &Source, file: &PlatformFile) -> Result<Vec<u8>, Failure> {
    match &file.newline {
        None => Ok(b"\n".to_vec()),
        Some(text) if ["\n", "\r", "\r\n"].contains(&text.get_ref().as_str()) => {
            Ok(text.get_ref().clone().into_bytes())
        }
        Some(text) => Err(source.mistake(text, r#"a line ends with "\n", "\r" or "\r\n"; write one of them"#)),
    }
}

/// Control characters only: a text there would be run as a command once the ping is over.
fn abort(source: &Source, file: &Spanned<Vec<Text>>) -> Result<Vec<Vec<u8>>, Failure> {
    if file.get_ref().is_empty() {
        return Err(source.mistake_in(file, r#"no abort key; write e.g. abort = ["\u0003"] (Ctrl-C)"#));
    }
    let key = |text: &Text| {
        let bytes = text.get_ref().as_bytes();
        let control = |b: &u8| *b < 0x20 && !matches!(b, b'\r' | b'\n' | 0);
        match (1..=8).contains(&bytes.len()) && bytes.iter().all(control) {
            true => Ok(bytes.to_vec()),
            false => Err(source.mistake(
                text,
                r#"an abort key is 1 to 8 control characters without line ends; write e.g. "\u0003" (Ctrl-C) or "\u001e" (Ctrl-^)"#,
            )),
        }
    };
    file.get_ref().iter().map(key).collect()
}

fn modes(source: &Source, file: &PlatformFile) -> Result<Vec<Mode>, Failure> {
    let mut modes: Vec<Mode> = Vec::new();
    for mode in file.mode.get_ref() {
        if modes.iter().any(|known| known.name == *mode.name.get_ref()) {
            return Err(source.mistake(&mode.name, "a second mode of this name; give each its own"));
        }
        modes.push(Mode {
            name: mode.name.get_ref().clone(),
            prompt: exact(source, &mode.prompt)?,
            not_prompt: mode.not_prompt.iter().map(|text| exact(source, text)).collect::<Result<_, _>>()?,
            usable: mode.usable,
            set_up: mode.set_up.as_ref().map(|texts| lines(source, texts)).transpose()?,
        });
        if modes.last().is_some_and(|mode| mode.prompt.is_match(b"")) {
            return Err(
                source.mistake(&mode.prompt, "the prompt matches an empty line; write what ends it, e.g. #\\s*$")
            );
        }
    }
    if modes.iter().any(|mode| mode.usable) {
        Ok(modes)
    } else {
        Err(source.mistake_in(&file.mode, "no usable mode; leave out usable = false in one of them"))
    }
}

fn above(source: &Source, text: &Text) -> Result<Regex, Failure> {
    let pattern = exact(source, text)?;
    match pattern.is_match(b"") || pattern.is_match(b"Success rate is 100 percent (5/5)") {
        true => Err(source.mistake(text, "the pattern matches too much; write the whole line, from ^ to $")),
        false => Ok(pattern),
    }
}

/// What is added to the user's name.
pub(super) fn user_suffix(source: &Source, file: &PlatformFile) -> Result<String, Failure> {
    let Some(text) = &file.user_suffix else { return Ok(String::new()) };
    match text.get_ref() {
        suffix if suffix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+') && suffix.len() <= 32 => {
            Ok(suffix.clone())
        }
        _ => Err(source.mistake(text, "not a suffix of a user's name; write up to 32 letters, digits and +")),
    }
}

fn dialogue(source: &Source, spanned: &Spanned<DialogueFile>) -> Result<Dialogue, Failure> {
    let file = spanned.get_ref();
    let then = match (&file.answer, &file.fail, &file.reason) {
        (Some(answer), None, None) => Then::Answer(keys(source, answer)?.into_bytes()),
        (None, Some(fail), Some(reason)) => match kind_named(fail.get_ref()) {
            Some(kind @ (Kind::Auth | Kind::Busy | Kind::Shell)) => Then::Fail(kind, reason.get_ref().clone()),
            _ => return Err(source.mistake(fail, "a login fails as auth, busy or shell; write one of them")),
        },
        _ => {
            return Err(
                source.mistake_in(spanned, "a dialogue has an answer, or fail and reason; write one of the two")
            );
        }
    };
    let when = exact(source, &file.when)?;
    if when.is_match(b"") {
        return Err(source.mistake(&file.when, "the pattern matches an empty text; write what the router asks"));
    }
    Ok(Dialogue { when, then })
}

/// Questions and refusals that mean the same everywhere; a definition adds what only its platform says.
fn usual_dialogues() -> Result<Vec<Dialogue>, Failure> {
    const USUAL: [(&str, Kind, &str); 3] = [
        (
            r"(?i)\bpass(?:word|phrase|code)\b[^\n]*[:>]\s*\z",
            Kind::Auth,
            "the router asks for a password after the login: log in by hand and see which; a new one is never typed",
        ),
        (
            r"(?i)password (?:has )?expired|password (?:must|has to|needs to) be changed|(?:required|need|forced|must) (?:to )?change your password",
            Kind::Auth,
            "the router asks for a new password: change it by hand",
        ),
        (
            r"(?i)\bmax(?:imum)?\b[^\n]*(?:sessions|connections|users|logins?)[^\n]*(?:reached|exceeded)|too many (?:\w+ )?(?:sessions|connections|users|logins)|connection limit (?:reached|exceeded)|\b(?:all|no free) (?:\w+ ){0,2}(?:lines?|vtys?|sessions|interfaces) (?:are |is )?(?:in use|used|busy|occupied|available)|\bno (?:more )?(?:sessions|logins) (?:are )?(?:available|allowed)",
            Kind::Busy,
            "all sessions of the router are in use",
        ),
    ];
    let compiled = USUAL.map(|(when, kind, reason)| {
        let when =
            Regex::new(when).map_err(|e| Failure::settings(format!("a usual dialogue does not compile: {e}")))?;
        Ok(Dialogue { when, then: Then::Fail(kind, reason.to_owned()) })
    });
    compiled.into_iter().collect()
}

fn changes(source: &Source, file: &PlatformFile, modes: &[Mode]) -> Result<Vec<Change>, Failure> {
    let mode = |text: &Text| match modes.iter().find(|mode| mode.name == *text.get_ref()) {
        Some(mode) => Ok(mode.name.clone()),
        None => Err(source.mistake(text, &format!("mode {:?} is not defined", text.get_ref()))),
    };
    let change = |from, to, command, question| {
        Ok(Change { from: mode(from)?, to: mode(to)?, command: line(source, command)?, question })
    };
    let mut changes = Vec::new();
    if let Some(enter) = &file.enter {
        changes.push(change(&enter.from, &enter.to, &enter.command, None)?);
    }
    if let Some(enable) = &file.enable {
        let question = SecretQuestion {
            password: exact(source, &enable.password)?,
            refused: enable.refused.iter().map(|text| exact(source, text)).collect::<Result<_, _>>()?,
        };
        changes.push(change(&enable.from, &enable.to, &enable.command, Some(question))?);
    }
    Ok(changes)
}

/// Command lines that are sent at each login, and so must leave the router as it is.
fn lines(source: &Source, texts: &[Text]) -> Result<Vec<String>, Failure> {
    let harmless = |text: &Text| {
        let command = line(source, text)?;
        match change_in(&command) {
            None => Ok(command),
            Some(word) => {
                let what = "changes the router or ends it; only its own session may be set up and left";
                Err(source.mistake(text, &format!("the word {word:?} {what}")))
            }
        }
    };
    texts.iter().map(harmless).collect()
}

/// One command line.
fn line(source: &Source, text: &Text) -> Result<String, Failure> {
    match text.get_ref() {
        line if !line.is_empty() && line.chars().all(|c| matches!(c, ' '..='~')) => Ok(line.clone()),
        _ => Err(source.mistake(text, "not one command line; write printable ASCII without line ends")),
    }
}

/// What a person would type at a question: printable characters and line ends.
fn keys(source: &Source, text: &Text) -> Result<String, Failure> {
    match text.get_ref() {
        keys if !keys.is_empty() && keys.chars().all(|c| matches!(c, ' '..='~' | '\r' | '\n')) => Ok(keys.clone()),
        _ => Err(source.mistake(text, "not an answer; write printable ASCII, \\n where the question wants a line end")),
    }
}
