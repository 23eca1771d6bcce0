//! What was said on a lane, for those who want to see it (`-v`) and for the log. Bounded; secrets never enter.

use super::mask::{Mask, SHOWN, Stream};
use crate::clock;
use crate::quote::visible_but;
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
    /// Hides the secrets, which a router may echo.
    theirs: Stream,
}

impl Conversation {
    pub(super) fn new(mask: Mask) -> Self {
        Self { theirs: Stream::new(mask), ..Self::default() }
    }

    pub(super) fn ours(&mut self, bytes: &[u8], secret: bool) {
        let text = if secret { SHOWN.to_owned() } else { printable(bytes) };
        log::trace!(text:?; "sent");
        self.push(true, text);
    }

    pub(super) fn theirs(&mut self, bytes: &[u8]) {
        let shown = self.theirs.pass(&bytes[..bytes.len().min(LIMIT)]);
        self.received(&shown);
    }

    fn received(&mut self, shown: &[u8]) {
        if !shown.is_empty() {
            let text = printable(shown);
            log::trace!(text:?; "received");
            self.push(false, text);
        }
    }

    /// Shows text that was kept back because it might have become a secret.
    fn end(&mut self) {
        let rest = self.theirs.rest();
        self.received(&rest);
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
    pub(super) fn last_words(&mut self) -> Option<String> {
        self.end();
        let theirs = self.said.iter().rev().filter(|said| !said.ours);
        let line = theirs.flat_map(|said| said.text.lines().rev()).map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().take(LAST_WORDS).collect())
    }

    /// Hands the record over and begins a new one.
    pub(super) fn take(&mut self) -> Vec<Said> {
        self.end();
        self.size = 0;
        std::mem::take(&mut self.said)
    }
}

/// Text for people: hidden characters but line breaks and tabs as escapes, so that a router cannot drive a terminal.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace('\r', "");
    visible_but(&text, "\n\t").into_owned()
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
    fn echo_of_a_secret_is_hidden_however_it_comes() {
        let login = crate::inventory::router::Login {
            address: crate::inventory::router::Address { host: "r1".into(), port: 22 },
            user: "ddl".into(),
            credential: crate::inventory::router::Credential::password(crate::inventory::secret::Secret::new(
                "hunter2".into(),
            )),
            enable: Some(crate::inventory::secret::Secret::new("sesame".into())),
            proxy_command: None,
            crypto: crate::inventory::router::Crypto::Modern,
            host_keys: crate::inventory::router::HostKeyPolicy::Off,
            known_hosts: "/dev/null".into(),
        };
        let mut conversation = Conversation::new(Mask::of(&login));
        conversation.theirs(b"Password: ");
        conversation.ours(b"sesame\n", true);
        for piece in [&b"ses"[..], b"a", b"me"] {
            conversation.theirs(piece);
        }
        assert_eq!(conversation.last_words().unwrap(), "<secret>");
        conversation.theirs(b"\r\nhunter2\r\n");
        let said: Vec<String> = conversation.take().into_iter().map(|said| said.text).collect();
        assert_eq!(said, ["Password: ", "<secret>", "<secret>\n<secret>\n"]);
    }

    #[test]
    fn marks_that_turn_text_around_are_escaped() {
        let mut conversation = Conversation::default();
        conversation.theirs("a\u{202e}b\u{200b}c\td\r\n\u{9b}2J".as_bytes());
        assert_eq!(conversation.take()[0].text, "a\\u{202e}b\\u{200b}c\td\n\\u{9b}2J");
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
