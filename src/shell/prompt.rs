//! The prompt: which line may be one (patterns of the dialect), how one is proven, and the exact text learned from it.
//! Knows nothing of commands.

use super::screen::Screen;
use crate::platform::dialect::{Dialect, Mode};

/// Longer lines are not prompts: host names end at 64 characters, which may take four bytes each.
const LONGEST: usize = 400;
/// Blanks that a prompt of the usual form may contain, as in `[root@host ~]# `.
const USUAL_BLANKS: usize = 2;
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
    /// The last line may be the prompt: [`Proof::ask`] and a newline tell.
    Newline,
    /// The last line is the prompt.
    Proven,
}

/// Any line of a banner may look like a prompt. The prompt is the line that a newline brings back unchanged. The definition's
/// patterns say only which mode it stands for, so a host name may hold any character.
///
/// A line of the usual form (one word and a prompt character) gets its newline at once. Any other line gets it when the
/// router has been quiet behind it.
#[derive(Default)]
pub(super) struct Proof {
    newlines: u8,
    /// The number of the line that has had its newline: one for each.
    asked: Option<u64>,
    /// The text of that line, once it is complete.
    candidate: Vec<u8>,
    /// The last complete line that was not blank.
    previous: Vec<u8>,
}

impl Proof {
    /// The last line has changed.
    pub(super) fn drawn(&self, dialect: &Dialect, screen: &Screen) -> Step {
        let line = screen.line();
        if !screen.is_whole() {
            return Step::Wait;
        }
        if self.is_back(screen) && self.previous == self.candidate && mode_of(dialect, line).is_some() {
            return Step::Proven;
        }
        let is_candidate = || is_usual(line) && may_end_prompt(dialect, line) && mode_of(dialect, line).is_some();
        // The candidate may be on its way back: `a#` may become `a#b#` again.
        match self.may_ask(screen) && !self.candidate.starts_with(line) && is_candidate() {
            true => Step::Newline,
            false => Step::Wait,
        }
    }

    /// The router has been quiet since the last line changed. Whatever was printed between the two equal lines (a log line, a
    /// line that belongs to the prompt) makes no difference then.
    pub(super) fn paused(&self, dialect: &Dialect, screen: &Screen) -> Step {
        match screen.is_whole() && mode_of(dialect, screen.line()).is_some() {
            true if self.is_back(screen) => Step::Proven,
            true if self.may_ask(screen) => Step::Newline,
            _ => Step::Wait,
        }
    }

    /// A newline is sent at the last line.
    pub(super) fn ask(&mut self, screen: &Screen) {
        self.newlines += 1;
        self.asked = Some(screen.number());
        self.candidate.clear();
    }

    /// A line other than one that stands above the prompt is complete.
    pub(super) fn ended(&mut self, screen: &Screen) {
        let line = screen.ended().trim_ascii_end();
        let line = &line[..line.len().min(LONGEST + 1)];
        if line.is_empty() {
            return;
        }
        self.previous.clear();
        self.previous.extend_from_slice(line);
        if self.asked.is_some_and(|asked| asked + 1 == screen.number()) {
            self.candidate.clone_from(&self.previous);
        }
    }

    fn is_back(&self, screen: &Screen) -> bool {
        !self.candidate.is_empty() && screen.line().trim_ascii_end() == self.candidate
    }

    fn may_ask(&self, screen: &Screen) -> bool {
        self.asked != Some(screen.number()) && self.newlines < NEWLINES
    }
}

/// One character behind a name of few words.
fn is_usual(line: &[u8]) -> bool {
    let Some((_, name)) = line.trim_ascii_end().split_last() else { return false };
    name.len() < LONGEST
        && name.iter().filter(|byte| byte.is_ascii_whitespace()).count() <= USUAL_BLANKS
        && name.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
}

/// Tells cheaply that the patterns need not be tried: this is asked after every byte of a welcome.
fn may_end_prompt(dialect: &Dialect, line: &[u8]) -> bool {
    let ends = |byte: u8| dialect.modes.iter().any(|mode| mode.prompt.may_end_with(byte));
    match line {
        [.., before, b' '] => !before.is_ascii_alphanumeric() && *before != b' ',
        [.., last] => ends(*last),
        [] => false,
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
