//! The last line of a terminal: bytes become lines of text, as a person at the router would see them. Carriage returns and
//! backspaces overwrite, escape sequences and other controls vanish. Knows nothing of prompts or commands.
//!
//! Only the line with the cursor is kept; what scrolled away is handed out once. One column is one byte: redraws of
//! non-ASCII text may leave a broken character, which is replaced where the line becomes text.

use std::mem;

/// A line that grows beyond this is handed out in pieces: a router that never ends a line must not fill our memory.
const LONGEST: usize = 8 * 1024;
/// Cursor movements beyond the widest terminal asked for (511 columns) are noise.
const WIDEST: usize = 511;
/// An operating-system command (window title …) that does not end is text after all.
const LONGEST_STRING: u16 = 1024;
/// Kept by a screen at rest.
const SMALL: usize = 128;

/// What a byte did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The line reads as before.
    Nothing,
    /// This byte was written at the cursor.
    Printed(u8),
    /// The line was changed in another way.
    Redrawn,
    /// The line is complete: [`Screen::ended`]; a new one has begun.
    Ended,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Begun,
    /// ESC and an intermediate byte: a character set, one more byte.
    Intermediate,
    /// ESC [: a control sequence, its first parameter so far.
    Sequence { first: usize, more: bool, private: bool },
    /// ESC ], ESC P …: a string that ends with BEL or ESC \.
    Text(u16),
    /// ESC inside a string.
    TextEnd,
}

#[derive(Default)]
pub(super) struct Screen {
    line: Vec<u8>,
    column: usize,
    ended: Vec<u8>,
    number: u64,
    continued: bool,
    escape: Escape,
}

impl Screen {
    /// The line with the cursor, trailing blanks kept.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The line that the last [`Change::Ended`] completed.
    pub(super) fn ended(&self) -> &[u8] {
        &self.ended
    }

    /// Line breaks since the beginning.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The line follows a line break; it is not the next piece of an overlong one.
    pub(super) fn is_whole(&self) -> bool {
        !self.continued
    }

    /// Takes the end of the line away, from `from` on.
    pub(super) fn cut(&mut self, from: usize) {
        self.line.truncate(from);
        self.column = self.column.min(from);
    }

    /// Gives memory back; the line itself stays.
    pub(super) fn shrink(&mut self) {
        self.ended = Vec::new();
        self.line.shrink_to(SMALL);
    }

    pub(super) fn feed(&mut self, byte: u8) -> Change {
        match self.escape {
            Escape::None => self.plain(byte),
            Escape::Begun => self.begun(byte),
            Escape::Intermediate => match byte {
                0x20..=0x2f => Change::Nothing,
                0x30..=0x7e => self.leave(),
                _ => self.leave_with(byte),
            },
            Escape::Sequence { first, more, private } => self.sequence(byte, first, more, private),
            Escape::Text(length) => match byte {
                0x07 => self.leave(),
                0x1b => self.enter(Escape::TextEnd),
                b'\n' => self.leave_with(byte),
                _ if length >= LONGEST_STRING => self.leave_with(byte),
                _ => self.enter(Escape::Text(length + 1)),
            },
            Escape::TextEnd if byte == b'\\' => self.leave(),
            Escape::TextEnd => self.begun(byte),
        }
    }

    fn enter(&mut self, escape: Escape) -> Change {
        self.escape = escape;
        Change::Nothing
    }

    fn leave(&mut self) -> Change {
        self.enter(Escape::None)
    }

    fn leave_with(&mut self, byte: u8) -> Change {
        self.escape = Escape::None;
        self.plain(byte)
    }

    fn plain(&mut self, byte: u8) -> Change {
        match byte {
            0x1b => self.enter(Escape::Begun),
            b'\n' => self.end(false),
            b'\r' => {
                self.column = 0;
                Change::Nothing
            }
            0x08 => {
                self.left(1);
                Change::Nothing
            }
            b'\t' => {
                self.right(8 - self.column % 8);
                Change::Redrawn
            }
            0x00..=0x1f | 0x7f => Change::Nothing,
            _ => self.print(byte),
        }
    }

    fn print(&mut self, byte: u8) -> Change {
        match self.line.get_mut(self.column) {
            Some(place) => *place = byte,
            None => self.line.push(byte),
        }
        self.column += 1;
        if self.line.len() >= LONGEST { self.end(true) } else { Change::Printed(byte) }
    }

    fn end(&mut self, continued: bool) -> Change {
        mem::swap(&mut self.line, &mut self.ended);
        self.line.clear();
        self.column = 0;
        self.continued = continued;
        self.number += u64::from(!continued);
        Change::Ended
    }

    fn begun(&mut self, byte: u8) -> Change {
        match byte {
            b'[' => self.enter(Escape::Sequence { first: 0, more: false, private: false }),
            b']' | b'P' | b'X' | b'^' | b'_' => self.enter(Escape::Text(0)),
            0x1b => self.enter(Escape::Begun),
            0x20..=0x2f => self.enter(Escape::Intermediate),
            0x30..=0x7e => self.leave(),
            _ => self.leave_with(byte),
        }
    }

    fn sequence(&mut self, byte: u8, first: usize, more: bool, private: bool) -> Change {
        match byte {
            b'0'..=b'9' if !more => {
                let first = (first * 10 + usize::from(byte - b'0')).min(WIDEST);
                self.enter(Escape::Sequence { first, more, private })
            }
            b'0'..=b'9' => Change::Nothing,
            b';' => self.enter(Escape::Sequence { first, more: true, private }),
            0x20..=0x3f => self.enter(Escape::Sequence { first, more, private: true }),
            0x40..=0x7e => {
                self.escape = Escape::None;
                if private { Change::Nothing } else { self.control(byte, first) }
            }
            0x1b => self.enter(Escape::Begun),
            _ => self.leave_with(byte),
        }
    }

    fn control(&mut self, action: u8, parameter: usize) -> Change {
        let times = parameter.max(1);
        match action {
            b'D' => {
                self.left(times);
                return Change::Nothing;
            }
            b'C' => self.right(times),
            b'G' => {
                self.column = 0;
                self.right(times - 1);
            }
            b'K' | b'J' => match parameter {
                0 => self.line.truncate(self.column),
                1 => {
                    let until = self.column.min(self.line.len());
                    self.line[..until].fill(b' ');
                }
                _ => self.line.fill(b' '),
            },
            b'P' => {
                let until = (self.column + times).min(self.line.len());
                self.line.drain(self.column.min(until)..until);
            }
            // A jump to elsewhere on the screen: what is written there is another line.
            b'H' | b'f' if !self.line.is_empty() => return self.end(false),
            _ => return Change::Nothing,
        }
        Change::Redrawn
    }

    fn left(&mut self, times: usize) {
        for _ in 0..times {
            self.column = self.column.saturating_sub(1);
            while self.column > 0 && self.line.get(self.column).is_some_and(|byte| byte & 0xc0 == 0x80) {
                self.column -= 1;
            }
        }
    }

    /// Moves over what is there, writes blanks where nothing is.
    fn right(&mut self, times: usize) {
        self.column = (self.column + times).min(LONGEST - 1);
        if self.line.len() < self.column {
            self.line.resize(self.column, b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut screen = Screen::default();
        let mut lines = Vec::new();
        for byte in bytes {
            if screen.feed(*byte) == Change::Ended {
                lines.push(String::from_utf8_lossy(screen.ended()).trim_end().to_owned());
            }
        }
        lines.push(String::from_utf8_lossy(screen.line()).trim_end().to_owned());
        lines
    }

    #[test]
    fn line_ends_of_every_vendor_are_one_line_end() {
        assert_eq!(lines(b"a\r\nb\r\r\nc\nd\r\n\re"), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_comware_greeting_with_nul_bytes_is_clean() {
        assert_eq!(lines(b"\r\r\n\0****\r\r\n\r\r\n\0<SW>"), ["", "****", "", "<SW>"]);
    }

    #[test]
    fn a_lone_carriage_return_overwrites() {
        assert_eq!(lines(b"abcdef\rxy"), ["xycdef"]);
    }

    #[test]
    fn the_erase_sequences_of_pagers_leave_nothing() {
        assert_eq!(lines(b" --More-- \r          \rnext"), ["next"]);
        assert_eq!(
            lines(b"--More--\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08next"),
            ["next"]
        );
        let blanks = " ".repeat(42);
        assert_eq!(lines(format!("  ---- More ----\x1b[42D{blanks}\x1b[42Dnext").as_bytes()), ["next"]);
        assert_eq!(lines(b"--More--\r\x1b[Knext"), ["next"]);
    }

    #[test]
    fn escape_sequences_and_titles_vanish() {
        assert_eq!(lines(b"\x1b[?2004h\x1b]0;root@h: ~\x07\x1b[01;32mroot@h\x1b[0m:~# "), ["root@h:~#"]);
        assert_eq!(lines(b"\x1b]2;title\x1b\\a\x1b(Bb\x1b=c\x07\x0e\x7fd"), ["abcd"]);
    }

    #[test]
    fn a_blank_taken_back_by_the_cursor_goes_with_it() {
        assert_eq!(lines(b"PING \x1b[1D10.0.0.1"), ["PING10.0.0.1"]);
        assert_eq!(lines(b"ping 10\x08 \x08"), ["ping 1"]);
    }

    #[test]
    fn an_unfinished_title_ends_with_the_line() {
        assert_eq!(lines(b"\x1b]0;never ends\nR1#"), ["", "R1#"]);
    }

    #[test]
    fn backspaces_step_over_whole_characters() {
        assert_eq!(lines("é\x08e\x1b[K".as_bytes()), ["e"]);
    }

    #[test]
    fn an_endless_line_is_handed_out_in_pieces() {
        let mut screen = Screen::default();
        let pieces = (0..100_000).filter(|_| screen.feed(b'x') == Change::Ended).count();
        assert_eq!(pieces, 100_000 / LONGEST);
        assert!(screen.line().len() < LONGEST && !screen.is_whole());
        assert_eq!(screen.number(), 0);
    }

    #[test]
    fn tabs_become_blanks() {
        assert_eq!(lines(b"a\tb"), ["a       b"]);
    }
}
