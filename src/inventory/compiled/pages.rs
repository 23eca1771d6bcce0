//! Pieces of one open file, and how much of it was read. Knows nothing of what it says.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

pub(super) struct Pages {
    file: File,
    length: u64,
    read: Cell<u64>,
}

impl Pages {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length, read: Cell::new(0) })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read.get()
    }

    /// Exactly so many bytes; a place outside of the file is an error before any memory is had for it.
    pub(super) fn read(&self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let inside = at.checked_add(length).is_some_and(|end| end <= self.length);
        let size = usize::try_from(length).ok().filter(|_| inside);
        let mut bytes = vec![0; size.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?];
        self.file.read_exact_at(&mut bytes, at)?;
        self.read.set(self.read.get() + length);
        Ok(bytes)
    }
}
