//! From the first byte to a proven prompt in the mode wanted: questions, banners, changes of mode. Knows nothing of set-up and
//! commands.
//!
//! Only prompts are looked for while text comes. The router waits after a question, so a question is looked for when
//! the router has been quiet. A refusal is the last text before the router closes the session, or its answer to a newline.
//! Words within a welcome are neither.

use super::change::{Changing, Move};
use super::prompt::{Prompt, Proof, Step, mode_of};
use super::recent::Recent;
use super::screen::Screen;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::secret::Secret;
use crate::platform::dialect::{Dialect, Then};
use zeroize::Zeroizing;

/// A router that has sent more characters than this without a prompt sends text without end.
const LONGEST_BANNER: u32 = 1024 * 1024;

/// What the login wants next.
pub(super) enum Outcome {
    Wait,
    Newline,
    /// The answer to a question, as it is.
    Answer(Vec<u8>),
    /// The command that leads to another mode, and the stage that it belongs to.
    Change(String, Stage),
    /// The router asked for the enable secret: this is it, with its newline.
    Secret(Zeroizing<Vec<u8>>),
    /// The last line is the proven prompt of the mode of this name.
    Done(String),
    Failed(Failure),
}

pub(super) struct Login {
    secret: Option<Secret>,
    recent: Recent,
    /// The text since the last newline that was sent into the silence.
    answer: Option<Recent>,
    proof: Proof,
    change: Option<Changing>,
    /// The place in the dialect's list of the next change of mode that may be tried: none is tried twice.
    next_change: usize,
    /// Changes of mode that need a command of the tear-down each.
    depth: usize,
    read: u32,
    /// A newline was sent into the silence. It will have its own prompt, now or much later: the prompt that is proven may not
    /// be the last one, and only quiet after it tells.
    nudged: bool,
    settling: bool,
    /// Text has come since the last pause.
    unread: bool,
}

impl Login {
    pub(super) fn new(secret: Option<Secret>) -> Self {
        Self {
            secret,
            recent: Recent::default(),
            answer: None,
            proof: Proof::default(),
            change: None,
            next_change: 0,
            depth: 0,
            read: 0,
            nudged: false,
            settling: false,
            unread: false,
        }
    }

    /// How many shells the tear-down has to leave beside the first.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// A moment of quiet tells more: whether the last line is a question or a prompt, or whether a proven prompt is the last.
    pub(super) fn needs_pause(&self) -> bool {
        self.settling || self.unread
    }

    pub(super) fn printed(&mut self, byte: u8) {
        if let Some(change) = &mut self.change {
            change.printed(byte);
        }
    }

    pub(super) fn ended(&mut self, dialect: &Dialect, screen: &Screen) {
        self.unread = true;
        self.recent.ended(screen);
        if let Some(answer) = &mut self.answer {
            answer.ended(screen);
        }
        if !dialect.is_above_prompt(screen.ended()) {
            self.proof.ended(screen);
        }
        if let Some(change) = &mut self.change {
            change.ended(screen.ended());
        }
    }

    pub(super) fn drawn(&mut self, dialect: &Dialect, screen: &Screen) -> Outcome {
        self.unread = true;
        self.read += 1;
        if self.read > LONGEST_BANNER {
            let reason = "the router sends text without end and no prompt after login".to_owned();
            return failed(Kind::Shell, Stage::Prompt, reason);
        }
        if self.change.is_some() {
            return self.changing(dialect, screen, false);
        }
        let step = self.proof.drawn(dialect, screen);
        self.step(dialect, screen, &step)
    }

    /// The router has been quiet for a moment.
    pub(super) fn pause(&mut self, dialect: &Dialect, screen: &Screen) -> Outcome {
        self.unread = false;
        if self.settling {
            self.settling = false;
            if self.proof.drawn(dialect, screen) == Step::Proven {
                self.nudged = false;
                return self.proven(dialect, screen);
            }
        }
        if self.change.is_some() {
            return self.changing(dialect, screen, true);
        }
        if let Some(Then::Answer(bytes)) = self.recent.question(screen, &dialect.dialogues) {
            self.recent = Recent::since(screen);
            self.proof = Proof::default();
            return Outcome::Answer(bytes.clone());
        }
        let answer = self.answer.take();
        if let Some(failure) = answer.as_ref().and_then(|answer| refusal(dialect, answer, screen)) {
            return Outcome::Failed(failure);
        }
        self.answer = answer;
        let step = self.proof.paused(dialect, screen);
        self.step(dialect, screen, &step)
    }

    /// The router has been quiet for long.
    pub(super) fn nudge(&mut self, dialect: &Dialect, screen: &Screen) -> Outcome {
        match self.pause(dialect, screen) {
            Outcome::Wait => {}
            outcome => return outcome,
        }
        if self.settling {
            return Outcome::Wait;
        }
        match (&self.change, self.recent.question(screen, &dialect.dialogues)) {
            (Some(change), _) if !change.has_reached() => {
                return match change.nudged(dialect, &self.recent, screen) {
                    Move::Failed(failure) => Outcome::Failed(failure),
                    Move::Wait | Move::Asked | Move::Reached => Outcome::Wait,
                };
            }
            (None, Some(Then::Fail(kind, reason))) => return failed(*kind, Stage::Login, reason.clone()),
            _ => {}
        }
        self.nudged = true;
        self.answer = Some(Recent::since(screen));
        Outcome::Newline
    }

    /// Returns why the router closed the session, if its last words say so.
    pub(super) fn closed(&self, dialect: &Dialect, screen: &Screen) -> Option<Failure> {
        match &self.change {
            Some(change) => change.refusal(dialect, &self.recent, screen),
            None => refusal(dialect, &self.recent, screen),
        }
    }

    fn step(&mut self, dialect: &Dialect, screen: &Screen, step: &Step) -> Outcome {
        match step {
            Step::Wait => Outcome::Wait,
            // It looks like a prompt and is a question: quiet will tell.
            Step::Newline if self.recent.question(screen, &dialect.dialogues).is_some() => Outcome::Wait,
            Step::Newline => {
                self.proof.ask(screen);
                // What stands above a prompt is a welcome.
                self.recent = Recent::since(screen);
                self.unread = false;
                Outcome::Newline
            }
            Step::Proven => self.proven(dialect, screen),
        }
    }

    fn proven(&mut self, dialect: &Dialect, screen: &Screen) -> Outcome {
        let Some(mode) = mode_of(dialect, screen.line()) else { return Outcome::Wait };
        if self.nudged {
            self.settling = true;
            return Outcome::Wait;
        }
        self.change = None;
        let change = dialect
            .changes
            .iter()
            .enumerate()
            .skip(self.next_change)
            .find(|(_, change)| change.from == mode.name && (change.question.is_none() || self.secret.is_some()));
        if let Some((place, change)) = change {
            self.next_change = place + 1;
            self.depth += usize::from(change.question.is_none());
            self.recent = Recent::since(screen);
            self.proof = Proof::default();
            self.change = Some(Changing::new(place, &change.command, Prompt::new(screen.line()), screen));
            let stage = if change.question.is_some() { Stage::Enable } else { Stage::Prompt };
            return Outcome::Change(change.command.clone(), stage);
        }
        if !mode.usable {
            let reason =
                format!("login ended in mode {}, where nothing may be sent; give this user a plain login", mode.name);
            return failed(Kind::Shell, Stage::Prompt, reason);
        }
        Outcome::Done(mode.name.clone())
    }

    /// `quiet`: the router has been quiet since the last line changed.
    fn changing(&mut self, dialect: &Dialect, screen: &Screen, quiet: bool) -> Outcome {
        let Some(change) = &mut self.change else { return Outcome::Wait };
        match change.drawn(dialect, &self.recent, screen) {
            Move::Wait => Outcome::Wait,
            Move::Failed(failure) => Outcome::Failed(failure),
            Move::Reached => {
                let step = if quiet { self.proof.paused(dialect, screen) } else { self.proof.drawn(dialect, screen) };
                self.step(dialect, screen, &step)
            }
            Move::Asked => {
                self.recent = Recent::since(screen);
                match self.secret.take() {
                    Some(secret) if secret.expose().chars().any(char::is_control) => {
                        failed(Kind::Settings, Stage::Enable, "the enable secret holds a control character".to_owned())
                    }
                    Some(secret) => {
                        // Sized at once: a buffer that grows leaves a copy behind that is not wiped.
                        let secret = secret.expose().as_bytes();
                        let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len() + dialect.newline.len()));
                        bytes.extend_from_slice(secret);
                        bytes.extend_from_slice(&dialect.newline);
                        Outcome::Secret(bytes)
                    }
                    None => Outcome::Wait,
                }
            }
        }
    }
}

fn refusal(dialect: &Dialect, recent: &Recent, screen: &Screen) -> Option<Failure> {
    let refusals = || {
        dialect.dialogues.iter().filter_map(|dialogue| match &dialogue.then {
            Then::Fail(kind, reason) => Some((&dialogue.when, *kind, reason)),
            Then::Answer(_) => None,
        })
    };
    let place = recent.find(screen, refusals().map(|(when, ..)| when))?;
    refusals().nth(place).map(|(_, kind, reason)| Failure::new(kind, Stage::Login, reason.clone()))
}

fn failed(kind: Kind, stage: Stage, reason: String) -> Outcome {
    Outcome::Failed(Failure::new(kind, stage, reason))
}
