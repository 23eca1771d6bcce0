//! Files of the state directory: private, never behind a link, replaced whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

fn nofollow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nofollow()).open(path)
}

/// Makes a file (mode 0600) that was not there. What root makes in the directory of another user (`stop --forget`) belongs to
/// that user, who could not read it otherwise. Only a file that is new: a name that is there may be a link to anything.
fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    if rustix::process::geteuid().is_root()
        && let Some(directory) = path.parent()
    {
        let owner = fs::metadata(directory)?.uid();
        if owner != 0 {
            std::os::unix::fs::fchown(&file, Some(owner), None)?;
        }
    }
    Ok(file)
}

/// Opens a file that is read and written in place; made (mode 0600) where there is none.
pub fn open_in_place(path: &Path) -> io::Result<File> {
    loop {
        let existing = OpenOptions::new().read(true).write(true).custom_flags(nofollow()).open(path);
        match existing {
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
    fn a_temporary_name_tells_its_process_and_no_other_name_does() {
        let name = temporary_beside(Path::new("/x/logins.json"));
        assert_eq!(temporary_of(name.file_name().unwrap().to_str().unwrap()), Some(std::process::id()));
        for other in ["logins.json", "0123456789abcdef.new", "a.12-.new", "a.x-ThreadId1.new", ".new"] {
            assert_eq!(temporary_of(other), None, "{other}");
        }
    }
}
