//! The echo of a command, as proof that what follows is its answer: a prompt or an answer that comes before the echo
//! belongs to something earlier. Knows nothing of what the command means.
//!
//! Blanks are left out of every comparison. A command is echoed whole; or wrapped at the terminal's width (by a line break,
//! by blank and carriage return, by blank and backspace); or drawn again with its prompt after a log line (`logging
//! synchronous`); or interrupted by a log line and continued after it; or, on classic IOS in a narrow terminal, shifted to the
//! left behind a `$`.

use super::prompt::Prompt;
use std::collections::VecDeque;

/// A `$` and less than this of the command's end is no echo.
const SHORTEST_SHIFTED: usize = 6;

pub(super) struct Echo {
    /// The command without blanks.
    wanted: Vec<u8>,
    /// The last bytes written, in the order they came, wherever on the screen: one more than is wanted.
    written: VecDeque<u8>,
    /// How much of the command the lines before have shown.
    shown: usize,
    passed: bool,
}

impl Echo {
    pub(super) fn new(command: &str) -> Self {
        let wanted: Vec<u8> = command.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        Self { written: VecDeque::with_capacity(wanted.len() + 2), wanted, shown: 0, passed: false }
    }

    /// The whole echo and its line end have come.
    pub(super) fn has_passed(&self) -> bool {
        self.passed
    }

    pub(super) fn printed(&mut self, byte: u8) {
        if self.passed || byte.is_ascii_whitespace() {
            return;
        }
        self.written.push_back(byte);
        if self.written.len() > self.wanted.len() + 1 {
            self.written.pop_front();
        }
    }

    /// A line is complete. True when it was the end of the echo.
    pub(super) fn ended(&mut self, line: &[u8], prompt: &Prompt) -> bool {
        self.passed = self.was_written(prompt) || self.is_shown(line, prompt);
        self.passed
    }

    /// After the echo has passed: this line is the prompt and the whole command once more.
    pub(super) fn is_again(&self, line: &[u8], prompt: &Prompt) -> bool {
        let bytes = |line: &'_ [u8]| {
            line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).eq(self.wanted.iter().copied())
        };
        self.passed && prompt.strip(line).is_some_and(bytes)
    }

    /// The command is the last thing written, at the beginning or after a prompt's last character. (After anything else it may
    /// be a quotation: `% Unknown command: …`.)
    fn was_written(&self, prompt: &Prompt) -> bool {
        let before = self.written.len().checked_sub(self.wanted.len());
        before.is_some_and(|before| {
            self.written.iter().skip(before).eq(&self.wanted)
                && (before == 0 || self.written.front().copied() == prompt.end())
        })
    }

    fn is_shown(&mut self, line: &[u8], prompt: &Prompt) -> bool {
        let line = prompt.strip(line).unwrap_or(line);
        if line.len() > 2 * self.wanted.len() + 512 {
            return false;
        }
        let shown: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let rest = &self.wanted[self.shown..];
        if shown == self.wanted || (self.shown > 0 && shown == rest) {
            return true;
        }
        if let Some(end) = shown.strip_prefix(b"$")
            && end.len() >= SHORTEST_SHIFTED.min(self.wanted.len())
            && self.wanted.ends_with(end)
        {
            return true;
        }
        if !shown.is_empty() && rest.starts_with(&shown) {
            self.shown += shown.len();
        } else if !shown.is_empty() && self.wanted.starts_with(&shown) {
            self.shown = shown.len();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::screen::{Change, Screen};

    /// The number of the line (from 1) that ends the echo, if one does.
    fn passes(prompt: &str, command: &str, bytes: &str) -> Option<usize> {
        let mut screen = Screen::default();
        prompt.bytes().for_each(|byte| _ = screen.feed(byte));
        let prompt = Prompt::new(prompt.as_bytes());
        let mut echo = Echo::new(command);
        let mut lines = 0;
        for byte in bytes.bytes() {
            match screen.feed(byte) {
                Change::Printed(byte) => echo.printed(byte),
                Change::Ended => {
                    lines += 1;
                    if echo.ended(screen.ended(), &prompt) {
                        return Some(lines);
                    }
                }
                _ => {}
            }
        }
        None
    }

    const PING: &str = "ping 10.1.1.2 repeat 5";

    #[test]
    fn a_plain_echo_passes_with_its_line_end() {
        assert_eq!(passes("R1#", PING, "ping 10.1.1.2 repeat 5"), None);
        assert_eq!(passes("R1#", PING, "ping 10.1.1.2 repeat 5\r\n"), Some(1));
    }

    #[test]
    fn an_echo_wrapped_in_any_way_passes() {
        assert_eq!(passes("R1#", PING, "ping 10.1.\r\n1.2 repeat 5\r\n"), Some(2));
        assert_eq!(passes("R1#", PING, "ping 10.1. \r1.2 repeat 5\r\n"), Some(1));
        assert_eq!(passes("R1#", PING, "ping 10.1. \x081.2 repeat 5\r\n"), Some(1));
        assert_eq!(passes("R1#", PING, "ping 10\rR1#ping 10.1.1.2 re\rR1#ping 10.1.1.2 repeat 5\r\n"), Some(1));
    }

    #[test]
    fn an_echo_that_ios_shifted_to_the_left_passes() {
        assert_eq!(passes("R1#", PING, "ping 10.1.1.2 \rR1#$.1.1.2 repeat 5\r\n"), Some(1));
    }

    #[test]
    fn an_echo_interrupted_by_a_log_line_passes() {
        let log = "\r\n*Nov 25 10:00:00.000: %SYS-5-CONFIG_I: Configured\r\n";
        assert_eq!(passes("R1#", PING, &format!("ping 10.1.{log}R1#ping 10.1.1.2 repeat 5\r\n")), Some(3));
        assert_eq!(passes("R1#", PING, &format!("ping 10.1.{log}1.2 repeat 5\r\n")), Some(3));
        assert_eq!(passes("R1#", PING, &format!("{log}R1#ping 10.1.1.2 repeat 5\r\n")), Some(3));
        assert_eq!(passes("R1#", PING, &format!("{log}ping 10.1.1.2 repeat 5\r\n")), Some(3));
    }

    #[test]
    fn another_command_or_a_quotation_is_no_echo() {
        assert_eq!(passes("R1#", PING, "ping 10.1.1.20 repeat 5\r\n"), None);
        assert_eq!(passes("R1#", PING, "% Unknown command: ping 10.1.1.2 repeat 5\r\n"), None);
    }
}
