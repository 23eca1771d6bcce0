//! How a small file of text is opened and read: never waited for, never more of it than it may hold. Knows nothing of what it
//! says and of who may read it.

use rustix::fs::OFlags;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

const LIMIT: u64 = 1 << 20;
/// What editors of Windows put in front of a text in UTF-8.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// A regular file, opened. What counts is the file behind the name: a FIFO would hold us for ever.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() { Ok((file, meta)) } else { Err(bad("not a file")) }
}

/// The whole text without a byte-order mark, 1 MiB at most.
pub fn read(file: File) -> io::Result<String> {
    let text = String::from_utf8(bytes(file, LIMIT)?).map_err(|_| bad("not valid UTF-8"))?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text))
}

/// Tells one state of a file from another: time of the last change, size and inode.
pub type Stamp = String;

/// The file's present stamp; that of a file that does not exist or cannot be looked at is `none`.
pub fn stamp(path: &Path) -> Stamp {
    std::fs::metadata(path).map_or_else(
        |_| "none".to_owned(),
        |meta| format!("{}.{:09}-{}-{}-{}", meta.mtime(), meta.mtime_nsec(), meta.size(), meta.dev(), meta.ino()),
    )
}

/// Returns all bytes of a file; an error if there are more than `limit`, which is a whole number of MiB.
pub fn bytes(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(bad(&format!("larger than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}

/// An error for people: without the number that the operating system gives it.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "not found".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
