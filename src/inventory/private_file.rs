//! Opens a file that holds secrets, if nobody else can read it or change it, and reads a small one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// A regular file of ours or root's that others cannot read and neither group nor others can write. The error's text is the
/// reason, to follow the file's name.
pub(super) fn open(path: &Path) -> Result<File, String> {
    // Without NONBLOCK a FIFO of this name would hold us for ever. What counts is the file opened, not the name.
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(reason)?;
    let meta = file.metadata().map_err(reason)?;
    if !meta.is_file() {
        return Err("not a file".to_owned());
    }
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
    match e.kind() {
        io::ErrorKind::NotFound => "not found".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => e.to_string(),
    }
}

/// The text of a file that [`open`] allows.
pub(super) fn read(path: &Path, limit: usize) -> Result<Zeroizing<String>, String> {
    let file = open(path)?;
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(reason)?;
    if bytes.len() > limit {
        return Err(format!("more than {limit} bytes"));
    }
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(e) => {
            drop(Zeroizing::new(e.into_bytes()));
            Err("not valid UTF-8".to_owned())
        }
    }
}
