//! The conversation with a router's CLI, without I/O: bytes in, events out. Knows no sockets, threads or clocks; of a vendor
//! only the [`Dialect`] it is given.
//!
//! Every decision is made at a byte, from the bytes before it: any split of the stream gives the same events. Where the bytes
//! alone cannot decide, the shell waits for the lane, which has a clock: [`Shell::pause`], [`Shell::nudge`], [`Shell::abort`].
//!
//! * `screen` — bytes become lines
//! * `prompt` — which line is the prompt, and how that is proven
//! * `login`, `change` — from the first byte to a prompt in the mode wanted
//! * `exchange`, `echo`, `answer` — one command, its echo, its answer
//! * `recovery` — the way back to a proven prompt
//! * `recent` — the text that questions and refusals are looked for in

mod answer;
mod change;
mod echo;
mod event;
mod exchange;
mod login;
mod prompt;
mod recent;
mod recovery;
mod screen;

pub use event::Event;

use crate::failure::{Failure, Kind, Stage};
use crate::inventory::secret::Secret;
use crate::platform::dialect::Dialect;
use exchange::{Exchange, Verdict};
use login::{Login, Outcome};
use prompt::Prompt;
use screen::{Change, Screen};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longer lines are no pager's mark.
const LONGEST_MARK: usize = 160;

pub struct Shell {
    dialect: Arc<Dialect>,
    screen: Screen,
    events: VecDeque<Event>,
    phase: Phase,
    prompt: Prompt,
    mode: String,
    stage: Stage,
    /// A command of this session was echoed, so the next ones will be.
    echoes: bool,
    /// Aborts sent for the command in flight.
    aborts: usize,
    /// The number of shells to leave besides the first.
    depth: usize,
}

enum Phase {
    Login(Box<Login>),
    /// `set_up`: the place of the command in the dialect's list; `quiet`: nudges since the last byte.
    SetUp {
        exchange: Box<Exchange>,
        place: usize,
        quiet: u8,
    },
    Probe(Box<Exchange>),
    /// A newline was sent while the screen was at line `since`; the next prompt is a proven one. `next`: the set-up command
    /// to go on with.
    Recovery {
        since: u64,
        next: Option<usize>,
    },
    Idle,
    /// Failed or left.
    Over,
}

impl Shell {
    /// A conversation that begins with the first byte after the shell was asked for. `enable`: the secret for the
    /// dialect's way to a privileged mode; forgotten once used.
    pub fn new(dialect: Arc<Dialect>, enable: Option<Secret>) -> Self {
        Self {
            phase: Phase::Login(Box::new(Login::new(enable))),
            dialect,
            screen: Screen::default(),
            events: VecDeque::new(),
            prompt: Prompt::default(),
            mode: String::new(),
            stage: Stage::Prompt,
            echoes: false,
            aborts: 0,
            depth: 0,
        }
    }

    /// What the router sent.
    pub fn receive(&mut self, bytes: &[u8]) {
        if let (Phase::SetUp { quiet, .. }, false) = (&mut self.phase, bytes.is_empty()) {
            *quiet = 0;
        }
        for byte in bytes {
            if matches!(self.phase, Phase::Over) {
                return;
            }
            match self.screen.feed(*byte) {
                Change::Nothing => {}
                Change::Ended => self.ended(),
                Change::Redrawn => self.drawn(),
                Change::Printed(byte) => {
                    match &mut self.phase {
                        Phase::Login(login) => login.printed(byte),
                        Phase::SetUp { exchange, .. } | Phase::Probe(exchange) => exchange.printed(byte),
                        Phase::Recovery { .. } | Phase::Idle | Phase::Over => {}
                    }
                    if matches!(self.phase, Phase::Login(_)) || !self.page() {
                        self.drawn();
                    }
                }
            }
        }
        if self.is_idle() {
            self.screen.shrink();
        }
    }

    /// The next event; to be called until there is none.
    pub fn event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() {
            self.events = VecDeque::new();
        }
        event
    }

    pub fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    /// How far the conversation has come: `Prompt`, `Enable`, `SetUp`, then `Probe`.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The name of the mode; empty before the first prompt.
    pub fn mode(&self) -> &str {
        &self.mode
    }

    /// A prompt is proven and no command is in flight.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Before the first command: a moment of quiet, then [`Shell::pause`], tells more about the last line.
    pub fn needs_pause(&self) -> bool {
        matches!(&self.phase, Phase::Login(login) if login.needs_pause())
    }

    /// The answer is over (or dropped), but its prompt is not proven yet: a nudge helps, an abort does not.
    pub fn is_recovering(&self) -> bool {
        matches!(self.phase, Phase::Recovery { .. })
    }

    /// The router has said something behind the echo of the command in flight: it runs.
    pub fn has_begun(&self) -> bool {
        match &self.phase {
            Phase::Probe(exchange) if exchange.has_echoed() || !self.echoes => {
                exchange.has_begun(&self.screen, &self.prompt)
            }
            _ => false,
        }
    }

    /// Sends a command.
    ///
    /// # Errors
    /// `internal`, and nothing is sent: the shell is not idle; the line is blank or holds a control character.
    pub fn command(&mut self, line: &str) -> Result<(), Failure> {
        self.probe(line, true)
    }

    /// Sends a command that may well answer nothing; else as [`Shell::command`].
    ///
    /// # Errors
    /// As of [`Shell::command`].
    pub fn quiet_command(&mut self, line: &str) -> Result<(), Failure> {
        self.probe(line, false)
    }

    fn probe(&mut self, line: &str, speaks: bool) -> Result<(), Failure> {
        if !self.is_idle() {
            return Err(Failure::new(Kind::Internal, Stage::Probe, "sending a command while the shell is busy"));
        }
        check(line).map_err(|reason| Failure::new(Kind::Internal, Stage::Probe, reason))?;
        let exchange = self.exchange(line, speaks);
        self.phase = Phase::Probe(exchange);
        Ok(())
    }

    /// Sends the tear-down; after it there are no more events. Nothing is sent where no prompt was proven: at a question for a new
    /// password, `quit` would be an answer.
    pub fn leave(&mut self) {
        self.events.retain(|event| matches!(event, Event::Send { .. }));
        let interrupt = match self.phase {
            Phase::Login(_) | Phase::Over => return,
            Phase::SetUp { .. } | Phase::Probe(_) => self.dialect.abort.first().cloned(),
            Phase::Recovery { .. } | Phase::Idle => None,
        };
        self.phase = Phase::Over;
        if let Some(bytes) = interrupt {
            self.send(bytes);
        }
        let dialect = Arc::clone(&self.dialect);
        for _ in 0..=self.depth {
            dialect.tear_down.iter().filter(|line| check(line).is_ok()).for_each(|line| self.line(line));
        }
    }

    /// The text of the answer so far, for a session that was lost or a deadline that is over.
    pub fn partial(&self) -> String {
        match &self.phase {
            Phase::Probe(exchange) if exchange.has_echoed() || !self.echoes => exchange.so_far(&self.screen),
            _ => String::new(),
        }
    }

    /// The first part of that text, enough to see whether a packet is back; bounded, so it is quick in any flood.
    pub fn begin_of_answer(&self) -> String {
        match &self.phase {
            Phase::Probe(exchange) if exchange.has_echoed() || !self.echoes => exchange.begin(&self.screen),
            _ => String::new(),
        }
    }

    fn ended(&mut self) {
        match &mut self.phase {
            Phase::Login(login) => login.ended(&self.dialect, &self.screen),
            Phase::SetUp { exchange, .. } | Phase::Probe(exchange) => {
                exchange.ended(&self.dialect, &self.screen, &self.prompt);
                self.echoes |= exchange.has_echoed();
            }
            Phase::Recovery { .. } | Phase::Idle | Phase::Over => {}
        }
    }

    fn drawn(&mut self) {
        match &mut self.phase {
            Phase::Login(login) => {
                let outcome = login.drawn(&self.dialect, &self.screen);
                self.follow(outcome);
            }
            Phase::SetUp { exchange, .. } | Phase::Probe(exchange) => {
                match exchange.drawn(&self.screen, &self.prompt, self.echoes) {
                    Verdict::Wait => {}
                    Verdict::Doubt => self.newline(),
                    Verdict::Over => self.answered(),
                }
            }
            Phase::Recovery { since, next } => {
                let (since, next) = (*since, *next);
                let fresh = self.screen.number() > since && self.screen.is_whole();
                if self.echoes && fresh && self.prompt.is(self.screen.line()) {
                    self.recovered(next);
                }
            }
            Phase::Idle | Phase::Over => {}
        }
    }

    /// Answers a pager, or stops it where its text is no longer wanted. True when there was one.
    fn page(&mut self) -> bool {
        let line = self.screen.line();
        let Some(last) = line.last().filter(|_| line.len() <= LONGEST_MARK) else { return false };
        let stop = match &self.phase {
            Phase::Login(_) => None,
            Phase::SetUp { exchange, .. } | Phase::Probe(exchange) if !exchange.is_aborted() => None,
            Phase::SetUp { .. } | Phase::Probe(_) | Phase::Recovery { .. } => self.dialect.abort.first(),
            Phase::Idle | Phase::Over => return false,
        };
        let found = self.dialect.pager.iter().filter(|pager| pager.mark.may_end_with(*last)).find_map(|pager| {
            let mark = pager.mark.find(line).filter(|mark| !mark.is_empty())?;
            Some((mark.start(), stop.unwrap_or(&pager.answer).clone()))
        });
        let Some((start, answer)) = found else { return false };
        self.screen.cut(start);
        self.send(answer);
        true
    }

    /// The login has come a step further.
    fn follow(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Wait => {}
            Outcome::Newline => self.newline(),
            Outcome::Answer(bytes) => self.send(bytes),
            Outcome::Change(command, stage) => {
                self.stage = stage;
                match check(&command) {
                    Ok(()) => self.line(&command),
                    Err(reason) => {
                        self.fail(Failure::new(Kind::Settings, stage, format!("command {command:?}: {reason}")))
                    }
                }
            }
            Outcome::Secret(bytes) => self.events.push_back(Event::Send { bytes, secret: true }),
            Outcome::Failed(failure) => self.fail(failure),
            Outcome::Done(mode) => {
                if let Phase::Login(login) = &self.phase {
                    self.depth += login.depth();
                }
                self.prompt = Prompt::new(self.screen.line());
                self.mode = mode;
                self.stage = Stage::SetUp;
                self.set_up(0);
            }
        }
    }

    fn set_up(&mut self, place: usize) {
        let Some(command) = self.dialect.set_up_of(&self.mode).get(place).cloned() else {
            self.stage = Stage::Probe;
            self.rest();
            self.events.push_back(Event::Ready { mode: self.mode.clone() });
            return;
        };
        if let Err(reason) = check(&command) {
            return self.fail(Failure::new(
                Kind::Settings,
                Stage::SetUp,
                format!("set-up command {command:?}: {reason}"),
            ));
        }
        let exchange = self.exchange(&command, false);
        self.phase = Phase::SetUp { exchange, place, quiet: 0 };
    }

    fn exchange(&mut self, command: &str, speaks: bool) -> Box<Exchange> {
        self.aborts = 0;
        self.line(command);
        Box::new(Exchange::new(command, speaks, &self.screen))
    }

    /// The prompt is back.
    fn answered(&mut self) {
        let (exchange, next) = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::SetUp { exchange, place, .. } => (exchange, Some(place + 1)),
            Phase::Probe(exchange) => (exchange, None),
            other => {
                self.phase = other;
                return;
            }
        };
        let aborted = exchange.is_aborted();
        let command = exchange.command.clone();
        let (text, truncated) = match exchange.has_echoed() || !self.echoes {
            true => exchange.take(),
            // Before the echo it is no answer, but what was left of something earlier.
            false => (String::new(), false),
        };
        self.events.push_back(match next {
            Some(_) => Event::SetUp { command, text },
            None => Event::Answer { text, aborted, truncated },
        });
        match next {
            _ if aborted => self.recover(next),
            Some(place) => self.set_up(place),
            None => self.rest(),
        }
    }

    fn rest(&mut self) {
        self.phase = Phase::Idle;
        self.screen.shrink();
    }

    fn fail(&mut self, failure: Failure) {
        self.phase = Phase::Over;
        self.events.push_back(Event::Failed(failure));
    }

    fn line(&mut self, text: &str) {
        self.send([text.as_bytes(), &self.dialect.newline].concat());
    }

    fn newline(&mut self) {
        self.send(self.dialect.newline.clone());
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.events.push_back(Event::Send { bytes: Zeroizing::new(bytes), secret: false });
    }
}

/// The last gate before the wire: one line is one command.
fn check(line: &str) -> Result<(), String> {
    if line.trim().is_empty() {
        return Err("sending an empty command".to_owned());
    }
    match line.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("sending a command with the control character {c:?}")),
        None => Ok(()),
    }
}
