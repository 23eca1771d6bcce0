//! The text since login or since the last question, for the questions and refusals that come before a prompt. Knows
//! nothing of what they mean.

use super::screen::Screen;
use crate::platform::regex::Regex;

/// A question or refusal must show within this much text. It is searched at every byte (so that a split of the stream cannot
/// matter), hence the bound.
const WINDOW: usize = 1024;

#[derive(Default)]
pub(super) struct Recent {
    /// Complete lines, each with its line end; then, while searching, the unfinished one.
    text: Vec<u8>,
    /// The number of the line where this text begins, and how much of that line belongs to what was before.
    begin: (u64, usize),
}

impl Recent {
    /// Text from here on.
    pub(super) fn since(screen: &Screen) -> Self {
        Self { text: Vec::new(), begin: (screen.number(), screen.line().len()) }
    }

    pub(super) fn ended(&mut self, screen: &Screen) {
        let line = screen.ended();
        let skip = if self.begin.0 + 1 == screen.number() { self.begin.1.min(line.len()) } else { 0 };
        self.text.extend_from_slice(&line[skip..]);
        self.text.push(b'\n');
        let surplus = self.text.len().saturating_sub(WINDOW);
        self.text.drain(..surplus);
    }

    /// The first of these patterns, by its place in the list, that the text shows.
    pub(super) fn find<'a>(&mut self, screen: &Screen, patterns: impl IntoIterator<Item = &'a Regex>) -> Option<usize> {
        let line = screen.line();
        let skip = if self.begin.0 == screen.number() { self.begin.1.min(line.len()) } else { 0 };
        let complete = self.text.len();
        self.text.extend_from_slice(&line[skip..]);
        let found = patterns.into_iter().position(|pattern| pattern.is_match(&self.text));
        self.text.truncate(complete);
        found
    }
}
