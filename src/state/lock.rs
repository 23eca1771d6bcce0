//! Locks on files of the state directory, between processes. The kernel frees those of a dead one. Knows nothing of what they
//! guard.

use super::open_in_place;
use crate::deadline::Deadline;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An advisory lock on a file, freed when dropped or when the process dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Waits for the lock until the deadline; `TimedOut` after it.
    pub fn acquire(path: &Path, deadline: Deadline) -> io::Result<Self> {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(lock) = Self::try_acquire(path)? {
                return Ok(lock);
            }
            if deadline.is_over() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("lock {} is held", path.display())));
            }
            // flock(2) knows no time-out; short, growing pauses cost less than a signal or a thread.
            deadline.pause(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// None when somebody else holds it.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        loop {
            let file = open_in_place(path)?;
            match fs2::FileExt::try_lock_exclusive(&file) {
                Ok(()) => {}
                Err(e) if e.raw_os_error() == fs2::lock_contended_error().raw_os_error() => return Ok(None),
                Err(e) => return Err(e),
            }
            // The holder before us may have removed the name: then this lock guards nothing.
            let same = fs::metadata(path)
                .is_ok_and(|now| file.metadata().is_ok_and(|ours| (now.dev(), now.ino()) == (ours.dev(), ours.ino())));
            if same {
                return Ok(Some(Self { file, path: path.to_owned() }));
            }
        }
    }

    /// Removes the file while it is held, so that no name is left behind.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs2::FileExt::unlock(&self.file);
    }
}
