//! The way back to a proven prompt, and what the lane does to help: it has the clock. Knows nothing of how answers are read.

use super::login::Login;
use super::{Event, Phase, Shell, prompt};
use crate::failure::{Failure, Stage};

impl Shell {
    /// Sends the dialect's next way to stop a running command; after the last one a bare newline; then from the beginning.
    /// The answer comes as soon as the prompt is back, [`Event::Idle`] when it is proven. Without a command in flight nothing
    /// is sent.
    pub fn abort(&mut self) {
        match &mut self.phase {
            Phase::SetUp { exchange, .. } | Phase::Probe(exchange) => exchange.abort(),
            Phase::Recovery { .. } => {}
            Phase::Login(_) | Phase::Idle | Phase::Over => return,
        }
        let ways = &self.dialect.abort;
        let bytes = ways.get(self.aborts % (ways.len() + 1)).unwrap_or(&self.dialect.newline).clone();
        self.aborts += 1;
        self.send(bytes);
        self.drawn();
    }

    /// The lane says that the router has been quiet for a moment. Before the first prompt this tells a question from a
    /// welcome and the last line from those before it; a blind newline is never sent.
    pub fn pause(&mut self) {
        if matches!(self.phase, Phase::Login(_)) && self.page() {
            return;
        }
        if let Phase::Login(login) = &mut self.phase {
            let outcome = login.pause(&self.dialect, &self.screen);
            self.follow(outcome);
        }
    }

    /// Why the router has closed the session during the login, if its last words say so.
    pub fn refusal(&self) -> Option<Failure> {
        match &self.phase {
            Phase::Login(login) => login.closed(&self.dialect, &self.screen),
            _ => None,
        }
    }

    /// The lane says that the router has been quiet for a while. Before the first prompt, in recovery and after an abort a
    /// newline is sent; a set-up command that is still silent at the second nudge is aborted. A command that is running is left
    /// alone. To be called in recovery above all: where no echo tells a late prompt from the one waited for, only silence proves
    /// it.
    pub fn nudge(&mut self) {
        if matches!(self.phase, Phase::Login(_)) && self.page() {
            return;
        }
        match &mut self.phase {
            Phase::Login(login) => {
                let outcome = login.nudge(&self.dialect, &self.screen);
                self.follow(outcome);
            }
            Phase::SetUp { exchange, place, quiet } => {
                *quiet = quiet.saturating_add(1);
                let mode = prompt::mode_of(&self.dialect, self.screen.line());
                if *place == 0 && !exchange.is_aborted() && mode.is_some() && !self.prompt.is(self.screen.line()) {
                    // Two equal lines of a banner passed for the prompt; this one is another.
                    self.stage = Stage::Prompt;
                    self.phase = Phase::Login(Box::new(Login::new(None)));
                    self.nudge();
                } else if exchange.is_aborted() {
                    self.revive();
                } else if *quiet > 1 {
                    self.abort();
                }
            }
            Phase::Probe(exchange) if exchange.is_aborted() => self.revive(),
            Phase::Recovery { since, next } => {
                let (since, next) = (*since, *next);
                // Without an echo to tell them apart, a prompt is only proven by the silence after it.
                if self.screen.number() > since && self.prompt.is(self.screen.line()) {
                    self.recovered(next);
                } else {
                    self.newline();
                }
            }
            Phase::Probe(_) | Phase::Idle | Phase::Over => {}
        }
    }

    /// Gets an idle shell to a proven prompt again; what comes until then is dropped. [`Event::Idle`] follows.
    pub fn resync(&mut self) {
        if self.is_idle() {
            self.aborts = 0;
            self.recover(None);
        }
    }

    /// After an abort: the silence says that a prompt on the last line is the end, or that there must be a newline.
    fn revive(&mut self) {
        if let Phase::SetUp { exchange, .. } | Phase::Probe(exchange) = &mut self.phase {
            exchange.waive_echo();
            self.drawn();
        }
        if matches!(self.phase, Phase::SetUp { .. } | Phase::Probe(_)) {
            self.newline();
        }
    }

    pub(super) fn recover(&mut self, next: Option<usize>) {
        self.phase = Phase::Recovery { since: self.screen.number(), next };
        self.newline();
    }

    pub(super) fn recovered(&mut self, next: Option<usize>) {
        match next {
            Some(place) => self.set_up(place),
            None => {
                self.rest();
                self.events.push_back(Event::Idle);
            }
        }
    }
}
