//! A router's bytes as lines of plain text: what a terminal would show, without controls. For recorded text; live text was
//! cleaned by the shell and passes unchanged.

/// The lines as shown, joined by `\n`. A carriage return ends a line: nothing is overwritten by it, so no number can come out
/// that was not printed.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut screen = Screen::default();
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            0x1b => rest = screen.escape(after),
            b'\n' | b'\r' => screen.end_line(),
            b'\t' => screen.put(b' '),
            0x08 => screen.left(1),
            0..=0x1f | 0x7f => {}
            _ => screen.put(byte),
        }
    }
    screen.end_line();
    String::from_utf8_lossy(&screen.done).into_owned()
}

/// Lines broken hard at a terminal's width, put together again: a line as long as the longest one goes on in the next.
/// None where no line could have been broken.
pub(super) fn unbroken(text: &str) -> Option<String> {
    let width = text.lines().map(str::len).max().filter(|width| *width >= NARROWEST)?;
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        whole.push_str(line);
        if line.len() < width {
            whole.push('\n');
        }
    }
    Some(whole)
}

/// No terminal is narrower.
const NARROWEST: usize = 20;

/// No line is longer; what a hostile router sends beyond is cut.
const WIDEST: usize = 4096;

#[derive(Default)]
struct Screen {
    done: Vec<u8>,
    line: Vec<u8>,
    column: usize,
}

impl Screen {
    fn put(&mut self, byte: u8) {
        if self.column >= WIDEST {
            return;
        }
        if self.column < self.line.len() {
            self.line[self.column] = byte;
        } else {
            self.line.resize(self.column, b' ');
            self.line.push(byte);
        }
        self.column += 1;
    }

    fn left(&mut self, columns: usize) {
        self.column = self.column.saturating_sub(columns);
    }

    fn end_line(&mut self) {
        self.column = 0;
        if self.line.is_empty() && self.done.ends_with(b"\n") {
            return;
        }
        self.done.append(&mut self.line);
        self.done.push(b'\n');
    }

    /// What follows an ESC; returns the rest behind the sequence.
    fn escape<'a>(&mut self, after: &'a [u8]) -> &'a [u8] {
        match after.first() {
            Some(b'[') => {
                let body = &after[1..];
                let length = body.iter().take_while(|b| (0x20..=0x3f).contains(*b)).count();
                let Some(last) = body.get(length) else { return &[] };
                let number = std::str::from_utf8(&body[..length]).ok().and_then(|n| n.parse().ok());
                match last {
                    b'D' => self.left(number.unwrap_or(1)),
                    b'G' => self.column = number.unwrap_or(1usize).saturating_sub(1).min(self.line.len()),
                    b'C' => self.column = self.column.saturating_add(number.unwrap_or(1)).min(self.line.len()),
                    b'K' if number.unwrap_or(0) == 0 => self.line.truncate(self.column),
                    _ => {}
                }
                &body[length + 1..]
            }
            // Operating system command: a window title, ended by BEL or ESC \.
            Some(b']') => match after.iter().position(|b| matches!(b, 0x07 | 0x1b | b'\n')) {
                Some(end) if after[end] == 0x1b => after.get(end + 2..).unwrap_or_default(),
                Some(end) if after[end] == 0x07 => &after[end + 1..],
                Some(end) => &after[end..],
                None => &[],
            },
            // Character sets and the like: ESC, intermediates, one final byte.
            Some(_) => {
                let length = after.iter().take_while(|b| (0x20..=0x2f).contains(*b)).count();
                after.get(length + 1..).unwrap_or_default()
            }
            None => after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_of_every_kind_are_one() {
        assert_eq!(shown(b"\r\r\n\0*\r\r\n\r\nb\r\n\rc"), "\n*\nb\nc\n");
    }

    #[test]
    fn colours_titles_and_nul_go() {
        assert_eq!(shown(b"\x1b[1;32ma\x1b[0m\x1b]0;title\x07\0\x1b(Bb\x1b[?2004hc"), "abc\n");
    }

    #[test]
    fn a_cursor_is_never_moved_beyond_the_line() {
        assert_eq!(shown(b"ab\x1b[18446744073709551615Cc\x1b[99999999999999999999Dd"), "abd\n");
    }

    #[test]
    fn an_erased_pager_mark_goes() {
        let text = format!("a\r\n  ---- More ----\x1b[16D{}\x1b[16D    b", " ".repeat(16));
        assert_eq!(shown(text.as_bytes()).lines().nth(1).unwrap().trim(), "b");
        assert_eq!(
            shown(b"--More--\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08ab").trim(),
            "ab"
        );
    }

    #[test]
    fn a_line_broken_at_the_width_is_whole_again() {
        let broken = "0123456789012345678901234\n56 packets\nend\n";
        assert_eq!(unbroken(broken).unwrap(), "012345678901234567890123456 packets\nend\n");
        assert!(unbroken("short\nlines\n").is_none());
    }
}
