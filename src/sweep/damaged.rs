//! What is found in the spool and is no value: kept in a folder of its own, to be looked at, and named. Knows nothing of what a
//! value looks like.

use crate::state;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Pieces kept; more of them are only named.
const MOST: usize = 100;
/// A longer piece is kept as several.
const LARGEST: usize = 1 << 20;

/// Bytes that are no values, and where they were.
#[derive(Default)]
pub(super) struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

impl Piece {
    pub(super) fn new(offset: u64, bytes: &[u8]) -> Self {
        Self { offset, bytes: bytes.to_vec() }
    }

    /// Appends what follows.
    pub(super) fn add(&mut self, offset: u64, bytes: &[u8]) {
        if self.bytes.is_empty() {
            self.offset = offset;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn is_long(&self) -> bool {
        self.bytes.len() > LARGEST
    }
}

/// Keeps a piece of a file of this spool, once.
pub(super) fn keep(spool: &Path, file: &Path, Piece { offset, bytes }: Piece) {
    if bytes.is_empty() {
        return;
    }
    let folder = folder(spool);
    let path = folder.join(format!("{}-{offset}", file.file_stem().unwrap_or_default().to_string_lossy()));
    if path.exists() {
        return;
    }
    let room = fs::create_dir(&folder).is_ok() || fs::read_dir(&folder).is_ok_and(|all| all.count() < MOST);
    let kept = room && state::replace(&path, &bytes).is_ok();
    log::warn!(file:% = file.display(), offset, bytes = bytes.len(), kept; "a piece of the spool is damaged and set aside");
}

/// Moves a whole file of this spool there; whatever was set aside under its name stays.
pub(super) fn keep_file(spool: &Path, file: &Path) -> io::Result<()> {
    let folder = folder(spool);
    let _ = fs::create_dir(&folder);
    let mut to = folder.join(file.file_name().unwrap_or_default());
    let mut before = 0;
    while fs::symlink_metadata(&to).is_ok() {
        before += 1;
        let (stem, end) = (file.file_stem().unwrap_or_default(), file.extension().unwrap_or_default());
        to = folder.join(format!("{}-{before}.{}", stem.to_string_lossy(), end.to_string_lossy()));
    }
    match fs::rename(file, to) {
        // Another sweep was first.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn folder(spool: &Path) -> PathBuf {
    spool.join("damaged")
}
