//! What a conversation needs to know of a router's CLI: prompts, dialogues, pager, enable, set-up, tear-down, abort.
//! Patterns only; the shell works with it.

use super::regex::Regex;
use crate::failure::Kind;

/// A CLI, patterns compiled.
#[derive(Debug)]
pub struct Dialect {
    /// The bytes that end a line sent to the router, e.g. `\n`.
    pub newline: Vec<u8>,
    /// In the order tried on the last line of the screen.
    pub modes: Vec<Mode>,
    /// Lines that stand above each prompt and belong to no answer, e.g. `{master:0}`.
    pub above_prompt: Vec<Regex>,
    /// Questions and refusals between login and the first prompt, e.g. "Change now? [Y/N]", in the order tried.
    pub dialogues: Vec<Dialogue>,
    pub pager: Vec<Pager>,
    /// Commands that lead from one mode to another after the login, each tried once, in this order.
    pub changes: Vec<Change>,
    /// Commands after login, in order; a refused one is logged, never fatal.
    pub set_up: Vec<String>,
    /// Lines before leaving, in order (`exit`, `quit`); the router closes the connection after the last.
    pub tear_down: Vec<String>,
    /// Byte strings that stop a running command, in the order tried (Ctrl-C, Ctrl-^ …).
    pub abort: Vec<Vec<u8>>,
}

/// A CLI mode and the text that proves it.
#[derive(Debug)]
pub struct Mode {
    pub name: String,
    /// Tells this mode from the others. Matched against the last line of the screen, controls stripped, trailing blanks kept.
    pub prompt: Regex,
    /// Lines that look like the prompt and are not.
    pub not_prompt: Vec<Regex>,
    /// Probes may be sent here. A login that ends in an unusable mode (configuration …) is a `shell` failure.
    pub usable: bool,
    /// In place of the dialect's, for a login that ends in this mode.
    pub set_up: Option<Vec<String>>,
}

impl Dialect {
    /// The commands after a login that ended in this mode.
    pub fn set_up_of(&self, mode: &str) -> &[String] {
        let own = self.modes.iter().find(|one| one.name == mode).and_then(|mode| mode.set_up.as_ref());
        own.unwrap_or(&self.set_up)
    }

    /// An enable secret leads from this mode to another.
    pub(super) fn has_enable(&self, mode: &str) -> bool {
        self.changes.iter().any(|change| change.from == mode && change.question.is_some())
    }

    /// Recorded text without the prompt that followed it.
    pub(super) fn without_prompt<'t>(&self, text: &'t str) -> &'t str {
        let mut text = text.trim_end();
        let is_prompt = |line: &str| {
            self.modes.iter().any(|mode| mode.prompt.is_match(line.as_bytes())) || self.is_above_prompt(line.as_bytes())
        };
        while let (before, last) = text.rsplit_once('\n').unwrap_or(("", text))
            && !last.is_empty()
            && is_prompt(last)
        {
            text = before.trim_end();
        }
        text
    }

    /// This line is part of a prompt of more than one line.
    pub fn is_above_prompt(&self, line: &[u8]) -> bool {
        self.above_prompt.iter().any(|pattern| pattern.is_match(line))
    }
}

/// A question between login and the first prompt, which counts when the router waits behind it, or a refusal, which counts
/// when the router closes the session behind it or answers a newline with it.
#[derive(Debug)]
pub struct Dialogue {
    pub when: Regex,
    pub then: Then,
}

/// What a dialogue leads to.
#[derive(Debug)]
pub enum Then {
    /// Bytes to send, as they are (the definition writes the newline where the question wants one).
    Answer(Vec<u8>),
    /// Give up with this kind (`auth`, `busy`, `shell`) and reason.
    Fail(Kind, String),
}

/// A pager's mark at the end of the output so far, and the bytes that ask for more. The mark is cut from the answer.
#[derive(Debug)]
pub struct Pager {
    pub mark: Regex,
    pub answer: Vec<u8>,
}

/// The way from one mode to another: `enable`, or a command that starts the CLI from a system's shell.
#[derive(Debug)]
pub struct Change {
    /// Mode name in which the command is sent.
    pub from: String,
    /// Mode name that proves it worked.
    pub to: String,
    pub command: String,
    /// None: the command asks nothing, and opens a shell within the first that has to be left, too.
    pub question: Option<SecretQuestion>,
}

/// The router's question for the enable secret. Without a secret the command is not sent.
#[derive(Debug)]
pub struct SecretQuestion {
    pub password: Regex,
    /// The router refuses the secret: kind `auth`, stage `enable`.
    pub refused: Vec<Regex>,
}
