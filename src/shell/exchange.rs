//! One command and its answer: from the moment the command is sent to the prompt that ends the answer. Knows nothing of what
//! comes before and after.
//!
//! The end of an answer is decided byte by byte, from what has come so far, so that no split of the stream can change it: the
//! exact prompt, alone on its line, after a line break, *and after the echo of the command*. A prompt before the echo is late
//! (of something earlier) or drawn again (`R1#` is then the beginning of `R1#ping …`). What follows the prompt that ends an
//! answer belongs to nobody. (A line of the answer that begins with the whole prompt ends it too soon; nothing in the bytes
//! before it could tell.)
//!
//! A probe always has something to say. Where echo and prompt come with nothing between them, the line was perhaps echoed
//! before the CLI read it (type-ahead), and will be echoed again: a newline is sent, and only a second prompt right behind
//! the first ends the answer.
//!
//! Some routers do not echo. Until a session has shown an echo, a prompt without one is doubted in the same way (twice, where
//! the answer is empty; of a probe, an empty answer is never believed).

use super::answer::Answer;
use super::echo::Echo;
use super::prompt::Prompt;
use super::screen::Screen;
use crate::platform::dialect::Dialect;

/// Prompts in a row after which a command without echo has answered nothing.
const EMPTY: u32 = 3;

/// What the last line means for the command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    /// A prompt, but perhaps not of this command: send a newline.
    Doubt,
    Over,
}

pub(super) struct Exchange {
    pub(super) command: String,
    echo: Echo,
    answer: Answer,
    /// The line on which the command was typed.
    start: u64,
    /// An empty answer is doubted.
    speaks: bool,
    /// A line other than a prompt has come.
    spoken: bool,
    /// Prompts doubted; the line of the last one; whether nothing but blank lines came since.
    prompts: u32,
    counted: Option<u64>,
    in_a_row: bool,
    aborted: bool,
    /// Time has passed: after an abort, the echo may have been swallowed with the command.
    echo_waived: bool,
}

impl Exchange {
    /// `speaks`: the command has an answer that is not empty.
    pub(super) fn new(command: &str, speaks: bool, screen: &Screen) -> Self {
        Self {
            command: command.to_owned(),
            echo: Echo::new(command),
            answer: Answer::default(),
            start: screen.number(),
            speaks,
            spoken: false,
            prompts: 0,
            counted: None,
            in_a_row: false,
            aborted: false,
            echo_waived: false,
        }
    }

    pub(super) fn has_echoed(&self) -> bool {
        self.echo.has_passed()
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// An abort goes out. The second one is sent because the first had its time.
    pub(super) fn abort(&mut self) {
        self.echo_waived |= self.aborted;
        self.aborted = true;
    }

    pub(super) fn waive_echo(&mut self) {
        self.echo_waived = true;
    }

    pub(super) fn printed(&mut self, byte: u8) {
        self.echo.printed(byte);
    }

    pub(super) fn ended(&mut self, dialect: &Dialect, screen: &Screen, prompt: &Prompt) {
        let mut line = screen.ended();
        if !self.spoken && self.echo.is_again(line, prompt) || !self.echo.has_passed() && self.echo.ended(line, prompt)
        {
            self.answer.clear();
            self.spoken = false;
            self.in_a_row = false;
            self.prompts = 0;
            return;
        }
        if prompt.is(line) || dialect.is_above_prompt(line) {
            return;
        }
        if screen.number() == self.start + 1 {
            // No echo, not even of the newline: the answer begins behind the prompt.
            line = prompt.strip(line).unwrap_or(line);
        }
        if !line.trim_ascii().is_empty() {
            self.spoken = true;
            self.in_a_row = false;
        }
        self.answer.push(line);
    }

    /// `echoes`: this session has shown an echo before.
    pub(super) fn drawn(&mut self, screen: &Screen, prompt: &Prompt, echoes: bool) -> Verdict {
        if screen.number() == self.start || !screen.is_whole() || !prompt.is(screen.line()) {
            return Verdict::Wait;
        }
        let echoed = self.echo.has_passed();
        if echoed && (self.spoken || self.aborted || !self.speaks) || self.aborted && (self.echo_waived || !echoes) {
            return Verdict::Over;
        }
        if !echoed && echoes || self.counted == Some(screen.number()) {
            return Verdict::Wait;
        }
        self.counted = Some(screen.number());
        self.prompts += 1;
        let silent = !echoed && !self.spoken;
        if silent && self.speaks && self.in_a_row {
            // Late prompts, however many: the answer is still to come.
            return Verdict::Wait;
        }
        let over = if silent { self.prompts >= EMPTY } else { self.in_a_row };
        self.in_a_row = true;
        if over { Verdict::Over } else { Verdict::Doubt }
    }

    /// Something other than a prompt has come. Without an echo only a whole line can be told from one.
    pub(super) fn has_begun(&self, screen: &Screen, prompt: &Prompt) -> bool {
        let line = screen.line();
        let is_typed_at = screen.number() == self.start;
        self.spoken || self.has_echoed() && !is_typed_at && !line.trim_ascii().is_empty() && !prompt.is(line)
    }

    /// The answer's text, and whether some of it was dropped.
    pub(super) fn take(mut self) -> (String, bool) {
        self.answer.take()
    }

    /// The answer's text so far.
    pub(super) fn so_far(&self, screen: &Screen) -> String {
        self.answer.text(self.unfinished(screen))
    }

    /// The first part of it.
    pub(super) fn begin(&self, screen: &Screen) -> String {
        self.answer.begin(self.unfinished(screen))
    }

    fn unfinished<'s>(&self, screen: &'s Screen) -> &'s [u8] {
        if screen.number() == self.start { b"" } else { screen.line() }
    }
}
