//! The prompt: which line may be one (patterns of the dialect), how one is proven, and the exact text learned from it.
//! Knows nothing of commands.

use super::screen::Screen;
use crate::platform::dialect::{Dialect, Mode};

/// Longer lines are no prompt: host names end at 64 characters.
const LONGEST: usize = 200;
/// Newlines sent by one proof on its own. A banner full of lines that look like prompts must not become a stream of newlines.
const NEWLINES: u8 = 8;

/// The exact text that the router shows when it waits for a command. Trailing blanks do not count: they come late, or not
/// at all after a redraw.
#[derive(Default)]
pub(super) struct Prompt(Vec<u8>);

impl Prompt {
    pub(super) fn new(line: &[u8]) -> Self {
        Self(line.trim_ascii_end().to_vec())
    }

    pub(super) fn is(&self, line: &[u8]) -> bool {
        !self.0.is_empty() && self.strip(line).is_some_and(|rest| rest.trim_ascii_end().is_empty())
    }

    /// What follows the prompt on this line.
    pub(super) fn strip<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        line.strip_prefix(self.0.as_slice())
    }

    /// The character that ends it (`#`, `>` …).
    pub(super) fn end(&self) -> Option<u8> {
        self.0.last().copied()
    }
}

/// The mode whose prompt this line may be.
pub(super) fn mode_of<'a>(dialect: &'a Dialect, line: &[u8]) -> Option<&'a Mode> {
    if line.is_empty() || line.len() > LONGEST {
        return None;
    }
    dialect
        .modes
        .iter()
        .find(|mode| mode.prompt.is_match(line) && !mode.not_prompt.iter().any(|pattern| pattern.is_match(line)))
}

/// What a proof wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Newline,
    /// The last line is the prompt.
    Proven,
}

/// Any line of a banner may look like a prompt. A prompt is proven when a newline brings the same line again, with nothing
/// but blank lines between the two.
#[derive(Default)]
pub(super) struct Proof {
    newlines: u8,
    /// The line that has had its newline: one for each.
    asked: Option<u64>,
    /// The last line that was not blank.
    previous: Vec<u8>,
}

impl Proof {
    pub(super) fn drawn(&mut self, dialect: &Dialect, screen: &Screen) -> Step {
        if !screen.is_whole() || mode_of(dialect, screen.line()).is_none() {
            return Step::Wait;
        }
        if self.newlines > 0 && screen.line().trim_ascii_end() == self.previous {
            return Step::Proven;
        }
        if self.asked == Some(screen.number()) || self.newlines >= NEWLINES {
            return Step::Wait;
        }
        self.newlines += 1;
        self.asked = Some(screen.number());
        Step::Newline
    }

    /// A newline is sent without being asked for here.
    pub(super) fn nudged(&mut self) {
        self.newlines = self.newlines.max(1);
    }

    pub(super) fn ended(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if !line.is_empty() {
            self.previous.clear();
            self.previous.extend_from_slice(&line[..line.len().min(LONGEST + 1)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_blanks_make_no_difference() {
        let prompt = Prompt::new(b"N9K# ");
        assert!(prompt.is(b"N9K#") && prompt.is(b"N9K#  ") && prompt.is(b"N9K# "));
        assert!(!prompt.is(b"N9K#p") && !prompt.is(b"N9K# ping") && !prompt.is(b" N9K#"));
    }

    #[test]
    fn a_log_line_that_begins_like_the_prompt_is_none() {
        let prompt = Prompt::new(b"RP/0/RSP0/CPU0:PE1#");
        let log = b"RP/0/RSP0/CPU0:Nov 25 10:00:00.000 : ifmgr[220]: %PKT_INFRA-LINK-3-UPDOWN : PE1# down";
        assert!((0..=log.len()).all(|end| !prompt.is(&log[..end])));
    }

    #[test]
    fn no_prompt_is_learned_from_nothing() {
        assert!(!Prompt::default().is(b"") && !Prompt::default().is(b"   "));
    }
}
