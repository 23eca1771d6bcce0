//! The way from one mode to another by a command: `enable` with its secret, `cli` from a system's shell. Knows nothing of
//! how the prompt after it is proven.

use super::echo::Echo;
use super::prompt::{Prompt, mode_of};
use super::recent::Recent;
use super::screen::Screen;
use crate::failure::{Failure, Kind, Stage};
use crate::platform::dialect::{Change, Dialect};
use crate::platform::regex::Regex;

pub(super) struct Changing {
    /// The place in the dialect's list.
    place: usize,
    /// The prompt before: when it comes back, the change was refused.
    from: Prompt,
    echo: Echo,
    /// The line on which the command or the secret was typed.
    start: u64,
    asked: bool,
    /// A line like a prompt of the mode wanted has come and is being proven.
    reached: bool,
}

/// What the last line means for the change.
pub(super) enum Move {
    Wait,
    /// The router asks for the secret, for the first time.
    Asked,
    /// The last line may be the prompt of the mode wanted.
    Reached,
    Failed(Failure),
}

impl Changing {
    pub(super) fn new(place: usize, command: &str, from: Prompt, screen: &Screen) -> Self {
        Self { place, from, echo: Echo::new(command), start: screen.number(), asked: false, reached: false }
    }

    pub(super) fn has_reached(&self) -> bool {
        self.reached
    }

    pub(super) fn printed(&mut self, byte: u8) {
        self.echo.printed(byte);
    }

    pub(super) fn ended(&mut self, line: &[u8]) {
        self.echo.ended(line, &self.from);
    }

    pub(super) fn drawn(&mut self, dialect: &Dialect, recent: &Recent, screen: &Screen) -> Move {
        let Some(change) = dialect.changes.get(self.place) else { return Move::Wait };
        let line = screen.line();
        if screen.number() == self.start || !screen.is_whole() {
            return Move::Wait;
        }
        if change.question.as_ref().is_some_and(|question| is_all(&question.password, line)) {
            if self.asked {
                let reason = "the router asked for the enable secret again, it refused the first";
                return Move::Failed(Failure::new(Kind::Auth, Stage::Enable, reason));
            }
            self.asked = true;
            self.start = screen.number();
            return Move::Asked;
        }
        // Before the echo a prompt may be a late one of the login.
        if (self.asked || self.echo.has_passed()) && self.from.is(line) {
            return self.unreached(dialect, recent, screen);
        }
        self.reached = self.reached || mode_of(dialect, line).is_some_and(|mode| mode.name == change.to);
        if self.reached { Move::Reached } else { Move::Wait }
    }

    /// The router has been quiet for long: a newline would be a wrong secret, but the prompt before needs no echo any more.
    pub(super) fn nudged(&self, dialect: &Dialect, recent: &Recent, screen: &Screen) -> Move {
        match screen.number() > self.start && self.from.is(screen.line()) {
            true => self.unreached(dialect, recent, screen),
            false => Move::Wait,
        }
    }

    fn unreached(&self, dialect: &Dialect, recent: &Recent, screen: &Screen) -> Move {
        match (self.refusal(dialect, recent, screen), dialect.changes.get(self.place)) {
            (Some(failure), _) => Move::Failed(failure),
            (None, Some(change)) => Move::Failed(unreached(change)),
            (None, None) => Move::Wait,
        }
    }

    /// The router's refusal of the secret, if its last words are one.
    pub(super) fn refusal(&self, dialect: &Dialect, recent: &Recent, screen: &Screen) -> Option<Failure> {
        let question = dialect.changes.get(self.place)?.question.as_ref()?;
        recent.find(screen, &question.refused)?;
        Some(Failure::new(Kind::Auth, Stage::Enable, "the router refused the enable secret"))
    }
}

/// The pattern ends where the line ends.
fn is_all(pattern: &Regex, line: &[u8]) -> bool {
    line.last().is_some_and(|last| pattern.may_end_with(*last))
        && pattern.find_iter(line).last().is_some_and(|found| line[found.end()..].trim_ascii().is_empty())
}

fn unreached(change: &Change) -> Failure {
    let Change { from, to, command, question } = change;
    let (kind, stage) = if question.is_some() { (Kind::Auth, Stage::Enable) } else { (Kind::Shell, Stage::Prompt) };
    Failure::new(kind, stage, format!("{command:?} did not lead to mode {to}, the router is back in mode {from}"))
}
