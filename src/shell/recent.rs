//! The text since login or since the last question, for the questions and refusals that come before a prompt. Knows
//! nothing of what they mean.

use super::screen::Screen;
use crate::platform::dialect::{Dialogue, Then};
use crate::platform::regex::Regex;

/// A question or refusal must show within this much text.
const WINDOW: usize = 1024;
/// Lines with text in them before the router closed the session, among which its reason stands.
const LAST_LINES: usize = 4;

#[derive(Default)]
pub(super) struct Recent {
    /// Complete lines, each with its line end.
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

    /// The question that the router waits behind: the last thing on the screen. A demand that ends the login must be a
    /// question by its form, and the cursor must stand behind it; so must it where the answer is more than a line end.
    pub(super) fn question<'d>(&self, screen: &Screen, dialogues: &'d [Dialogue]) -> Option<&'d Then> {
        let text = self.shown(screen);
        let text = text.trim_ascii_end();
        let last_line = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let waits = !screen.line().trim_ascii().is_empty();
        let asks = waits && text.last().is_some_and(|last| b":?>])".contains(last));
        let fits = |then: &Then| match then {
            Then::Answer(bytes) => waits || bytes.trim_ascii().is_empty(),
            Then::Fail(..) => asks,
        };
        let is_last = |when: &Regex| when.find_iter(text).any(|found| found.end() > last_line);
        dialogues.iter().find(|dialogue| fits(&dialogue.then) && is_last(&dialogue.when)).map(|dialogue| &dialogue.then)
    }

    /// The first of these patterns, by its place in the list, that the last lines show.
    pub(super) fn find<'a>(&self, screen: &Screen, patterns: impl IntoIterator<Item = &'a Regex>) -> Option<usize> {
        let text = self.shown(screen);
        let lines: Vec<&[u8]> =
            text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join(&b'\n');
        patterns.into_iter().position(|pattern| pattern.is_match(&last))
    }

    fn shown(&self, screen: &Screen) -> Vec<u8> {
        let line = screen.line();
        let skip = if self.begin.0 == screen.number() { self.begin.1.min(line.len()) } else { 0 };
        [self.text.as_slice(), &line[skip..]].concat()
    }
}
