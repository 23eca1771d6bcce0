//! The text of a file that a person wrote or a spreadsheet saved, and which byte is on which line.

use crate::small_file;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Twenty thousand lines with all that they can have are a tenth of it.
const LIMIT: u64 = 64 << 20;

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &[u8]) -> Self {
        // A lone carriage return ends a line, too: old spreadsheets.
        let ends = |at: usize| text[at] == b'\n' || (text[at] == b'\r' && text.get(at + 1) != Some(&b'\n'));
        let newlines = (0..text.len()).filter(|at| ends(*at)).map(|at| at + 1);
        Self(std::iter::once(0).chain(newlines).collect())
    }

    /// The line of a byte, counted from 1.
    pub(super) fn number(&self, at: usize) -> usize {
        self.0.partition_point(|begin| *begin <= at)
    }
}

/// The bytes of a file. The error's text is the reason, to follow the file's name.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let (file, meta) = small_file::open(path).map_err(|e| small_file::reason(&e))?;
    // It may name a command to run.
    if meta.mode() & 0o002 != 0 {
        return Err("writable by everybody; chmod o-w".to_owned());
    }
    small_file::bytes(file, LIMIT).map_err(|e| small_file::reason(&e))
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_are_counted_from_one() {
        let lines = Lines::of(b"a\nbc\n\nd");
        assert_eq!([0, 1, 2, 4, 5, 6, 7].map(|at| lines.number(at)), [1, 1, 2, 2, 3, 4, 4]);
        assert_eq!(Lines::of(b"").number(0), 1);
    }
}
