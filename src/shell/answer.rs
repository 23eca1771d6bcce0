//! The text of an answer, bounded: whatever a router floods us with, the first quarter and the last three quarters of one
//! MiB stay. The statistics of a ping stand at the end, its header at the beginning. Knows nothing of prompts.

use crate::quote::visible_but;
use std::collections::VecDeque;
use std::mem;

/// Bytes kept of the beginning.
const HEAD: usize = 256 * 1024;
/// Bytes kept of the end.
const TAIL: usize = 768 * 1024;
/// Bytes of the first part: a header and some hundred replies.
const BEGIN: usize = 8 * 1024;

#[derive(Default)]
pub(super) struct Answer {
    head: Vec<u8>,
    /// What came after the head was full.
    tail: VecDeque<u8>,
    truncated: bool,
}

impl Answer {
    /// Appends a line without its line end; trailing blanks are cut.
    pub(super) fn push(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if self.tail.is_empty() && self.head.len() + line.len() < HEAD {
            self.head.extend_from_slice(line);
            self.head.push(b'\n');
            return;
        }
        self.tail.extend(line);
        self.tail.push_back(b'\n');
        if self.tail.len() > TAIL {
            self.truncated = true;
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The lines so far and, of a conversation that broke off, the unfinished one.
    pub(super) fn text(&self, unfinished: &[u8]) -> String {
        let (front, back) = self.tail.as_slices();
        let mut tail = [front, back].concat();
        if self.truncated {
            // The first line of the tail has lost its beginning; half a number must not be read as a whole one.
            let whole = tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |end| end + 1);
            tail.drain(..whole);
        }
        clean(&[self.head.as_slice(), &tail, unfinished].concat())
    }

    /// The first part of that text.
    pub(super) fn begin(&self, unfinished: &[u8]) -> String {
        let begin = &self.head[..self.head.len().min(BEGIN)];
        clean(&if begin.len() < BEGIN { [begin, unfinished].concat() } else { begin.to_vec() })
    }

    /// The whole text, and whether some of it was dropped. Nothing is kept.
    pub(super) fn take(&mut self) -> (String, bool) {
        let answer = mem::take(self);
        (answer.text(b""), answer.truncated)
    }
}

/// Valid UTF-8, no control characters but line ends, other hidden characters as escapes, no blank lines around.
fn clean(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines = text.trim_end().trim_start_matches('\n');
    let text: String = lines.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    visible_but(&text, "\n").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_is_replaced_and_c1_controls_vanish() {
        let mut answer = Answer::default();
        answer.push(b"a\xffb \xc2\x9bc  ");
        answer.push(b"");
        assert_eq!(answer.take(), ("a\u{fffd}b c".to_owned(), false));
        assert_eq!(answer.take(), (String::new(), false));
    }

    #[test]
    fn marks_that_turn_or_hide_text_are_shown_as_escapes() {
        let mut answer = Answer::default();
        answer.push("eth0 \u{202e}nwod\u{200b}".as_bytes());
        assert_eq!(answer.take().0, "eth0 \\u{202e}nwod\\u{200b}");
    }

    #[test]
    fn a_flood_leaves_the_beginning_and_the_end() {
        let mut answer = Answer::default();
        answer.push(b"header");
        for number in 0..200_000 {
            answer.push(format!("line {number:06} of many").as_bytes());
        }
        answer.push(b"statistics");
        assert!(answer.head.len() <= HEAD && answer.tail.capacity() <= 4 * TAIL);
        let (text, truncated) = answer.take();
        assert!(truncated && text.len() <= HEAD + TAIL);
        assert!(text.starts_with("header\nline 000000") && text.ends_with("line 199999 of many\nstatistics"));
        assert!(text.lines().skip(1).all(|line| line.len() == 19 || line == "statistics"));
    }
}
