//! What was said on a lane, for those who want to see it (`-v`) and for the log. Bounded; secrets never enter.

use crate::clock;
use crate::wire::Said;

/// Bytes of text kept; of a longer conversation the beginning is forgotten.
const LIMIT: usize = 64 << 10;

/// Characters of a line that is quoted.
const LAST_WORDS: usize = 160;

/// The record of one lane since its login or its last command.
#[derive(Default)]
pub(super) struct Conversation {
    said: Vec<Said>,
    size: usize,
}

impl Conversation {
    pub(super) fn ours(&mut self, bytes: &[u8], secret: bool) {
        let text = if secret { "<secret>".to_owned() } else { printable(bytes) };
        log::trace!(text:?; "sent");
        self.push(true, text);
    }

    pub(super) fn theirs(&mut self, bytes: &[u8]) {
        let text = printable(&bytes[..bytes.len().min(LIMIT)]);
        log::trace!(text:?; "received");
        self.push(false, text);
    }

    fn push(&mut self, ours: bool, text: String) {
        self.size += text.len();
        match self.said.last_mut() {
            // What comes in pieces is read as one.
            Some(last) if last.ours == ours && !ours => last.text.push_str(&text),
            _ => self.said.push(Said { time: clock::now(), ours, text }),
        }
        if self.size > 2 * LIMIT {
            let mut excess = self.size - LIMIT;
            while excess > 0 && self.said.len() > 1 {
                let gone = self.said.remove(0).text.len();
                excess = excess.saturating_sub(gone);
            }
            if let [only] = &mut self.said[..] {
                let mut cut = only.text.len().saturating_sub(LIMIT);
                while !only.text.is_char_boundary(cut) {
                    cut += 1;
                }
                only.text.drain(..cut);
            }
            self.size = self.said.iter().map(|s| s.text.len()).sum();
        }
    }

    /// The last line with text in it that the router said; for a message, so not the whole of a long one.
    pub(super) fn last_words(&self) -> Option<String> {
        let theirs = self.said.iter().rev().filter(|said| !said.ours);
        let line = theirs.flat_map(|said| said.text.lines().rev()).map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().take(LAST_WORDS).collect())
    }

    /// Hands the record over and begins a new one.
    pub(super) fn take(&mut self) -> Vec<Said> {
        self.size = 0;
        std::mem::take(&mut self.said)
    }
}

/// Text for people: control characters but line breaks and tabs as escapes, so that a router cannot drive a terminal.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\n' | '\t' => text.push(c),
            '\r' => {}
            c if c.is_control() => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_part_of_it() {
        let mut conversation = Conversation::default();
        conversation.ours(b"enable\n", false);
        conversation.ours(b"hunter2\n", true);
        let said = conversation.take();
        assert_eq!(said[1].text, "<secret>");
        assert!(said.iter().all(|s| !s.text.contains("hunter2")));
    }

    #[test]
    fn the_last_words_are_the_last_line_that_the_router_said() {
        let mut conversation = Conversation::default();
        assert_eq!(conversation.last_words(), None);
        conversation.theirs(b"Welcome\r\nThis account is \x1b[1mclosed.\r\n \r\n");
        conversation.ours(b"\n", false);
        conversation.theirs(b"\r\n");
        assert_eq!(conversation.last_words().unwrap(), "This account is \\u{1b}[1mclosed.");
        conversation.theirs(&[b'x'; 1000]);
        assert_eq!(conversation.last_words().unwrap().len(), LAST_WORDS);
    }

    #[test]
    fn a_flood_keeps_only_its_end() {
        let mut conversation = Conversation::default();
        for _ in 0..1000 {
            conversation.theirs(&[b'x'; 4096]);
        }
        conversation.theirs(b"end");
        assert!(conversation.size <= 2 * LIMIT);
        assert!(conversation.take()[0].text.ends_with("end"));
    }
}
