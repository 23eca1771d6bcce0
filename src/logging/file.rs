//! The log file: many processes append to one, whole lines each. At 5 MB it is set aside, two old ones are kept.

use crate::deadline::Deadline;
use crate::state::{self, Lock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: u64 = 5_000_000;
/// Pause for a line that another process is writing: it is complete long before that.
const TORN_PAUSE: Duration = Duration::from_millis(2);
/// Set aside as `.1` (younger) and `.2`.
const KEPT: u32 = 2;

/// A log file that is opened with its first line. Writing never fails: what cannot be written is lost.
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    limit: u64,
}

impl LogFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, limit: LIMIT }
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.file.as_ref().is_some_and(|file| is_at(file, &self.path)) {
            self.file = Some(open(&self.path)?);
        }
        let full = |file: &File| file.metadata().is_ok_and(|m| m.len() > 0 && m.len() + line.len() as u64 > self.limit);
        if self.file.as_ref().is_some_and(full) {
            self.set_aside()?;
            self.file = Some(open(&self.path)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        // One call, so that lines of several processes do not mix. After a line that any process could not finish (the disk was
        // full), a new line begins. A line that is just being written is complete a moment later.
        if is_torn(file) {
            Deadline::after(TORN_PAUSE).pause(TORN_PAUSE);
        }
        if is_torn(file) {
            return file.write(&[b"\n", line].concat()).map(drop);
        }
        file.write(line).map(drop)
    }

    /// Whoever gets the lock sets the file aside; the others find a new one under its name, or write on a little longer.
    fn set_aside(&self) -> io::Result<()> {
        let Some(lock) = Lock::try_acquire(&self.numbered("lock"))? else { return Ok(()) };
        if self.file.as_ref().is_some_and(|file| is_at(file, &self.path)) {
            for number in (1..KEPT).rev() {
                let _ = fs::rename(self.numbered(number), self.numbered(number + 1));
            }
            let _ = fs::rename(&self.path, self.numbered(1));
        }
        lock.remove();
        Ok(())
    }

    fn numbered(&self, end: impl std::fmt::Display) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{end}"));
        name.into()
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Full disk, lost directory, foreign file: whom should it be told?
        let _ = self.append(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name still leads to this file: nobody set it aside or removed it.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

/// Whether the file ends in the middle of a line.
fn is_torn(file: &File) -> bool {
    let end = file.metadata().map_or(0, |meta| meta.len());
    let mut last = *b"\n";
    end > 0 && file.read_at(&mut last, end - 1).is_ok_and(|count| count == 1) && last != *b"\n"
}

fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    state::check_path(path)?;
    // A FIFO would block us, and a link could lead into somebody's file.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn log(dir: &TempDir, limit: u64) -> LogFile {
        LogFile { limit, ..LogFile::new(dir.path().join("log")) }
    }

    fn text(dir: &TempDir, name: &str) -> String {
        fs::read_to_string(dir.path().join(name)).unwrap_or_default()
    }

    #[test]
    fn a_full_file_is_set_aside_and_two_are_kept() {
        let dir = TempDir::new().unwrap();
        let mut log = log(&dir, 12);
        for n in 1..=9 {
            log.write_all(format!("line{n}\n").as_bytes()).unwrap();
        }
        assert_eq!(text(&dir, "log"), "line9\n");
        assert_eq!(text(&dir, "log.1"), "line7\nline8\n");
        assert_eq!(text(&dir, "log.2"), "line5\nline6\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_line_longer_than_the_limit_is_written_once() {
        let dir = TempDir::new().unwrap();
        let mut log = log(&dir, 3);
        log.write_all(b"longer\n").unwrap();
        assert_eq!(text(&dir, "log"), "longer\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_somebody_set_aside_or_removed_is_not_written_on() {
        let dir = TempDir::new().unwrap();
        let mut log = log(&dir, LIMIT);
        log.write_all(b"a\n").unwrap();
        fs::rename(dir.path().join("log"), dir.path().join("old")).unwrap();
        log.write_all(b"b\n").unwrap();
        fs::remove_file(dir.path().join("log")).unwrap();
        log.write_all(b"c\n").unwrap();
        assert_eq!((text(&dir, "old"), text(&dir, "log")), ("a\n".into(), "c\n".into()));
    }

    #[test]
    fn several_writers_lose_and_mix_no_line() {
        let dir = TempDir::new().unwrap();
        let (writers, lines) = (4, 500);
        std::thread::scope(|scope| {
            for writer in 0..writers {
                let mut log = log(&dir, 20_000);
                scope.spawn(move || {
                    for n in 0..lines {
                        log.write_all(format!("writer {writer} line {n:03}\n").as_bytes()).unwrap();
                    }
                });
            }
        });
        let all = ["log", "log.1", "log.2"].map(|name| text(&dir, name)).concat();
        // An empty line stands where the line of another process seemed to be cut short.
        let mut found: Vec<&str> = all.lines().filter(|line| !line.is_empty()).collect();
        found.sort_unstable();
        let mut expected: Vec<String> =
            (0..writers).flat_map(|w| (0..lines).map(move |n| format!("writer {w} line {n:03}"))).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_link_or_a_fifo_is_not_written_to() {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("victim"), "").unwrap();
        std::os::unix::fs::symlink(dir.path().join("victim"), dir.path().join("log")).unwrap();
        log(&dir, LIMIT).write_all(b"lost\n").unwrap();
        assert_eq!(text(&dir, "victim"), "");
        fs::remove_file(dir.path().join("log")).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("log"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        log(&dir, LIMIT).write_all(b"lost\n").unwrap();
    }

    #[test]
    fn root_logs_nowhere_where_another_user_can_change_the_path() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = TempDir::new().unwrap();
        let theirs = dir.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        std::os::unix::fs::chown(&theirs, Some(4711), None).unwrap();
        LogFile::new(theirs.join("log")).write_all(b"line\n").unwrap();
        assert!(!theirs.join("log").exists());
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_spoil_the_next_of_any_process() {
        let dir = TempDir::new().unwrap();
        log(&dir, LIMIT).write_all(b"half a li").unwrap();
        let mut other = log(&dir, LIMIT);
        other.write_all(b"whole\n").unwrap();
        other.write_all(b"whole\n").unwrap();
        assert_eq!(text(&dir, "log"), "half a li\nwhole\nwhole\n");
    }
}
