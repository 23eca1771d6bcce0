//! Hides the secrets of a login in the text of its router. A router or terminal server may show what is typed at a prompt, or
//! repeat it in a message. Knows nothing of what the text means.

use crate::failure::Failure;
use crate::inventory::router::Login;
use crate::inventory::secret::Secret;
use crate::probe::{Measurement, TracerouteResult};

/// What stands in the place of a secret.
pub(super) const SHOWN: &str = "<secret>";
/// A shorter secret is hidden only where it stands alone; as a part of words it would be found everywhere.
const SHORT: usize = 4;
/// Line ends and controls that a terminal puts into the echo of one character.
const MOST_BREAKS: usize = 8;

/// The secrets of one login.
#[derive(Clone, Default)]
pub(super) struct Mask(Vec<Secret>);

enum Found {
    No,
    /// The text ends within what may become the secret.
    Perhaps,
    /// The text begins with the secret: the number of its bytes.
    Yes(usize),
}

impl Mask {
    /// A secret that is the user's name cannot be hidden: every prompt shows it.
    pub(super) fn of(login: &Login) -> Self {
        let hides = |secret: &&Secret| !secret.expose().is_empty() && secret.expose() != login.user;
        Self(login.secrets().into_iter().filter(hides).cloned().collect())
    }

    /// A whole text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        let mut shown = Vec::with_capacity(text.len());
        self.scan(text.as_bytes(), b'\n', true, &mut shown);
        // Whole characters went in, and whole ones are replaced.
        String::from_utf8_lossy(&shown).into_owned()
    }

    pub(super) fn failure(&self, failure: Failure) -> Failure {
        Failure { message: self.text(&failure.message), ..failure }
    }

    /// The outcome of a probe without secrets: only a description and the text of a traceroute are the router's own words.
    pub(super) fn outcome(&self, outcome: Result<Measurement, Failure>) -> Result<Measurement, Failure> {
        match outcome {
            Ok(Measurement::Traceroute(traceroute)) => {
                Ok(Measurement::Traceroute(TracerouteResult { text: self.text(&traceroute.text), ..traceroute }))
            }
            Ok(Measurement::Interface(mut interface)) => {
                interface.description = interface.description.map(|text| self.text(&text));
                Ok(Measurement::Interface(interface))
            }
            outcome => outcome.map_err(|failure| self.failure(failure)),
        }
    }

    /// Appends the part of the text that is certain to `shown`, and returns the length of that part. `before` is the byte in
    /// front of the text; `end`: nothing follows it.
    fn scan(&self, text: &[u8], before: u8, end: bool, shown: &mut Vec<u8>) -> usize {
        let (mut at, mut before) = (0, before);
        while let Some(byte) = text.get(at) {
            let mut longest = 0;
            for secret in &self.0 {
                match find(secret.expose().as_bytes(), &text[at..], before, end) {
                    Found::No => {}
                    Found::Perhaps => return at,
                    Found::Yes(length) => longest = longest.max(length),
                }
            }
            if longest > 0 {
                shown.extend_from_slice(SHOWN.as_bytes());
                at += longest;
            } else {
                shown.push(*byte);
                at += 1;
            }
            before = text[at - 1];
        }
        at
    }
}

/// Whether the text begins with the secret, line ends and controls of a terminal in between included.
fn find(secret: &[u8], text: &[u8], before: u8, end: bool) -> Found {
    let is_short = secret.len() < SHORT;
    if text.first() != secret.first() || (is_short && is_of_word(before)) {
        return Found::No;
    }
    let (mut matched, mut breaks, mut length) = (0, 0, 0);
    for (at, byte) in text.iter().enumerate() {
        if Some(byte) == secret.get(matched) {
            (matched, breaks, length) = (matched + 1, 0, at + 1);
        } else if byte.is_ascii_control() && breaks < MOST_BREAKS {
            breaks += 1;
        } else {
            return Found::No;
        }
        if matched == secret.len() {
            return match text.get(at + 1) {
                Some(next) if is_short && is_of_word(*next) => Found::No,
                None if is_short && !end => Found::Perhaps,
                _ => Found::Yes(length),
            };
        }
    }
    match end {
        false => Found::Perhaps,
        // The rest may come too late to be hidden: a good part of the secret is not shown either.
        true if matched >= SHORT.max(secret.len() / 2) => Found::Yes(length),
        true => Found::No,
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Masks a text that comes in pieces: what may be the beginning of a secret is kept back until that is known.
#[derive(Default)]
pub(super) struct Stream {
    mask: Mask,
    kept: Vec<u8>,
    before: u8,
}

impl Stream {
    pub(super) fn new(mask: Mask) -> Self {
        Self { mask, kept: Vec::new(), before: b'\n' }
    }

    /// Takes the next piece and returns what can be shown now.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.kept.extend_from_slice(bytes);
        self.advance(false)
    }

    /// Returns what was kept back, without waiting for more.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.advance(true)
    }

    fn advance(&mut self, end: bool) -> Vec<u8> {
        let mut shown = Vec::with_capacity(self.kept.len());
        let done = self.mask.scan(&self.kept, self.before, end, &mut shown);
        if done > 0 {
            self.before = self.kept[done - 1];
        }
        self.kept.drain(..done);
        // Half a character waits for its other half.
        if !end
            && let Err(e) = std::str::from_utf8(&shown)
            && e.error_len().is_none()
        {
            let half = shown.split_off(e.valid_up_to());
            self.kept.splice(..0, half);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask(secrets: &[&str]) -> Mask {
        Mask(secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect())
    }

    #[test]
    fn secret_is_hidden_wherever_it_stands() {
        let mask = mask(&["hunter2", "enable-me", "hunter2-more"]);
        for (text, shown) in [
            ("Password: hunter2", "Password: <secret>"),
            ("xhunter2x hunter hunter22", "x<secret>x hunter <secret>2"),
            ("hunter2-more", "<secret>"),
            ("enable-me\nhunter2\n", "<secret>\n<secret>\n"),
            ("hun\r\nter2!", "<secret>!"),
            ("nothing here\n", "nothing here\n"),
        ] {
            assert_eq!(mask.text(text), shown);
        }
    }

    #[test]
    fn short_secret_is_hidden_where_it_stands_alone() {
        let mask = mask(&["x1"]);
        assert_eq!(mask.text("x1 ax1 x12 x1.\nx1"), "<secret> ax1 x12 <secret>.\n<secret>");
    }

    #[test]
    fn most_of_a_secret_at_the_end_is_hidden() {
        assert_eq!(mask(&["hunter2"]).text("echo: hunte"), "echo: <secret>");
        assert_eq!(mask(&["hunter2"]).text("a prompt hu"), "a prompt hu");
    }

    #[test]
    fn login_without_a_secret_hides_nothing() {
        assert_eq!(mask(&[]).text("any text"), "any text");
    }

    proptest! {
        #[test]
        fn pieces_are_hidden_as_the_whole(
            words in prop::collection::vec(prop::sample::select(
                vec!["hunter2", "hun", "ter2", "h", "abc", "ab", "a", "bc", " ", "\r\n", "ü", "#", "2"]), 0..12),
            cuts in prop::collection::vec(0..60_usize, 0..6),
        ) {
            let mask = mask(&["hunter2", "abc"]);
            let text = words.concat();
            let mut stream = Stream::new(mask.clone());
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            cuts.sort_unstable();
            let (mut shown, mut from) = (Vec::new(), 0);
            for cut in cuts.into_iter().chain([text.len()]) {
                let piece = stream.pass(&text.as_bytes()[from..cut]);
                prop_assert!(std::str::from_utf8(&piece).is_ok(), "half a character");
                shown.extend(piece);
                from = cut;
            }
            shown.extend(stream.rest());
            let shown = String::from_utf8(shown).unwrap();
            prop_assert_eq!(&shown, &mask.text(&text));
            prop_assert!(!shown.replace(['\r', '\n'], "").contains("hunter2"));
        }
    }
}
