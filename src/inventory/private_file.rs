//! Opens a file that holds secrets, if nobody else can read it or change it, and reads a small one.

use crate::small_file::{self, BYTE_ORDER_MARK};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// A regular file of ours or root's that others cannot read and neither group nor others can write. The error's text is the
/// reason, to follow the file's name.
pub(super) fn open(path: &Path) -> Result<File, String> {
    let (file, meta) = small_file::open(path).map_err(reason)?;
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us && meta.uid() != 0 {
        return Err(format!("belongs to uid {}; allowed is a file of our own (uid {us}) or root's", meta.uid()));
    }
    if meta.mode() & 0o026 != 0 {
        return Err(format!(
            "mode {:04o}; allowed is a file that others cannot read and only its owner can write: chmod g-w,o-rwx",
            meta.mode() & 0o7777
        ));
    }
    Ok(file)
}

fn reason(e: io::Error) -> String {
    small_file::reason(&e)
}

/// The text of a file that [`open`] allows.
pub(super) fn read(path: &Path, limit: usize) -> Result<Zeroizing<String>, String> {
    let file = open(path)?;
    // Room for all of it at once: a buffer that grows leaves copies behind. And for no more: all of it is wiped.
    let length = file.metadata().map_or(limit, |meta| usize::try_from(meta.len()).unwrap_or(limit).min(limit));
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(reason)?;
    if bytes.len() > limit {
        return Err(format!("more than {limit} bytes"));
    }
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => {
            let mut text = Zeroizing::new(text);
            // Editors of Windows put a byte-order mark in front; it is not part of the secret.
            if text.starts_with(BYTE_ORDER_MARK) {
                text.drain(..BYTE_ORDER_MARK.len_utf8());
            }
            Ok(text)
        }
        Err(e) => {
            drop(Zeroizing::new(e.into_bytes()));
            Err("not valid UTF-8".to_owned())
        }
    }
}
