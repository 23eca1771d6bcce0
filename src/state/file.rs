//! Files of the state directory: private, never behind a link, replaced whole or not at all.

use super::owner;
use crate::small_file;
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The largest file of the state directory, apart from the inventory and the spool.
const LARGEST: u64 = 64 << 20;

/// Opens a regular file that is there, not behind a link. Opening a FIFO would wait for its other end.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = options.custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file")) }
}

pub(super) fn open_private(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// Returns all bytes of a file.
///
/// # Errors
/// Also `InvalidInput`: it is no regular file; `InvalidData`: it is larger than any of ours.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    small_file::bytes(open_private(path)?, LARGEST)
}

/// Makes a file (mode 0600) that was not there: a name that is there may be a link to anything.
fn create_private(path: &Path) -> io::Result<File> {
    owner::check_path(path)?;
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file that is read and written in place; made (mode 0600) where there is none.
pub fn open_in_place(path: &Path) -> io::Result<File> {
    loop {
        match open(path, OpenOptions::new().read(true).write(true)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        match create_private(path) {
            // Somebody was first.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other,
        }
    }
}

pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // On a full disk the name is there and the bytes are not.
    create_private(path)?.write_all(bytes).inspect_err(|_| drop(fs::remove_file(path)))
}

pub(super) fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{:?}.new", std::process::id(), std::thread::current().id()).replace(['(', ')'], ""));
    PathBuf::from(name)
}

/// The process that a name made by [`temporary_beside`] belongs to.
pub(super) fn temporary_of(name: &str) -> Option<u32> {
    let (_, mark) = name.strip_suffix(".new")?.rsplit_once('.')?;
    mark.split_once("-ThreadId")?.0.parse().ok()
}

/// Replaces a file (mode 0600) whole or not at all.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let _ = fs::remove_file(&temporary);
    write_private(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifo_in_place_of_a_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logins.json");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(open_in_place(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        // A whole file takes its place.
        replace(&path, b"{}").unwrap();
        assert_eq!(read(&path).unwrap(), b"{}");
    }

    #[test]
    fn file_larger_than_any_of_ours_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sync.json");
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_temporary_name_tells_its_process_and_no_other_name_does() {
        let name = temporary_beside(Path::new("/x/logins.json"));
        assert_eq!(temporary_of(name.file_name().unwrap().to_str().unwrap()), Some(std::process::id()));
        for other in ["logins.json", "0123456789abcdef.new", "a.12-.new", "a.x-ThreadId1.new", ".new"] {
            assert_eq!(temporary_of(other), None, "{other}");
        }
    }
}
