//! Values that are to be sent, on disk in the order in which they were measured: numbered lines in files of bounded size, the
//! oldest file dropped first when there are too many. All values go through it, so a kill at any moment loses none that was
//! appended. What a server has got of them is for its books. Knows nothing of servers.

use super::damaged::{self, Piece};
use super::entry::{self, Entry, HEADER};
use super::slots::Slots;
use crate::deadline::Deadline;
use crate::small_file;
use crate::state::{self, Lock};
use crate::zabbix::sender::Value;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".values";
/// A line is far shorter: keys, hosts and messages are bounded.
const LONGEST_LINE: u64 = 64 << 10;
/// No spool comes so far: a file of such a name is not ours, and after it there would be no numbers left.
const LARGEST: u64 = u64::MAX / 2;
/// Read at a time.
const PIECE: u64 = 256 << 10;
/// Where reading goes on: the number of the next value, and where its line was expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) number: u64,
    /// The number in the file's name.
    pub(super) file: u64,
    pub(super) offset: u64,
}

/// A value that was read, and the position after it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) after: Position,
    /// Values before this one, and after the one before it, that are gone.
    pub(super) gap: u64,
}

/// The folder of the spool.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: PathBuf,
    /// All files together, in bytes.
    size: u64,
}

/// What became of values that were appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// The last number given.
    pub last: u64,
}

/// The file at the end, looked over before something is appended.
struct End {
    path: PathBuf,
    length: u64,
    last: Option<u64>,
}

impl Spool {
    /// `size`: bytes that all values together may take.
    pub fn new(folder: PathBuf, size: u64) -> Self {
        Self { folder, size }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn lock(&self, deadline: Deadline) -> io::Result<Lock> {
        let path = self.folder.join("lock");
        match Lock::acquire(&path, deadline) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                log::warn!(folder:% = self.folder.display(); "the folder of the spool is gone; a new one is made");
                DirBuilder::new().mode(0o700).create(&self.folder)?;
                Lock::acquire(&path, deadline)
            }
            other => other,
        }
    }

    /// Appends values, all or (on an error) none. On a full disk the oldest values make room for them.
    ///
    /// # Errors
    /// Nothing could be written, or the lock was not to be had in time.
    pub fn append(&self, values: &[Value], deadline: Deadline) -> io::Result<Appended> {
        let _lock = self.lock(deadline)?;
        loop {
            match self.append_locked(values) {
                Err(e) if is_full(&e) && self.drop_oldest()? => {
                    log::warn!(folder:% = self.folder.display(); "the disk is full: the oldest spooled values are dropped");
                }
                other => return other,
            }
        }
    }

    fn append_locked(&self, values: &[Value]) -> io::Result<Appended> {
        let (mut slots, known) = Slots::open::<u64>(&self.folder.join("end"))?;
        let end = self.end()?;
        let last = known.into_iter().chain(end.as_ref().and_then(|end| end.last)).max().unwrap_or_default();
        let mut numbered = Vec::with_capacity(values.len() * 128);
        let mut number = last;
        for value in values {
            number += 1;
            entry::write(&mut numbered, number, value);
        }
        match end.filter(|end| end.length < self.file_size()) {
            Some(end) => {
                let mut file = fs::OpenOptions::new().append(true).open(&end.path)?;
                // Half a line is no harm, but the next would have to step over it.
                file.write_all(&numbered).inspect_err(|_| drop(file.set_len(end.length)))?;
            }
            None => {
                let path = self.path(last + 1);
                if path.exists() {
                    // Only one without a value has the name of the next.
                    self.set_file_aside(last + 1)?;
                }
                let bytes = [HEADER.as_bytes(), &numbered].concat();
                // Whole or not at all: a file without its header would be foreign.
                state::replace(&path, &bytes)?;
            }
        }
        if let Err(e) = slots.write(&number) {
            // The values are there; what a cut file would have lost is not known then.
            log::warn!(error:% = e; "the end of the spool could not be noted");
        }
        if let Err(e) = self.keep_size() {
            log::warn!(error:% = e; "the size of the spool could not be kept");
        }
        Ok(Appended { last: number })
    }

    /// The last file, its last number, and no half line at its end.
    fn end(&self) -> io::Result<Option<End>> {
        loop {
            let Some(first) = self.files()?.pop() else { return Ok(None) };
            match self.end_of(first) {
                Err(e) if is_unreadable(&e) => self.give_up(first, &e)?,
                other => return other.map(Some),
            }
        }
    }

    fn end_of(&self, first: u64) -> io::Result<End> {
        let path = self.path(first);
        let mut file = state::open_in_place(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = file.metadata()?.len();
        let mut header = vec![0; HEADER.len()];
        let ours = file.read_exact(&mut header).is_ok() && header == HEADER.as_bytes();
        let mut start = length.saturating_sub(LONGEST_LINE);
        loop {
            file.seek(SeekFrom::Start(start))?;
            let mut tail = Vec::new();
            Read::read_to_end(&mut file, &mut tail)?;
            let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let last = tail[..whole].split(|byte| *byte == b'\n').filter_map(entry::read).next_back();
            if last.is_none() && start > 0 {
                start = 0;
                continue;
            }
            let mut kept = length;
            if whole < tail.len() {
                // What a kill in the middle of writing leaves, or somebody who cut the file.
                kept = start + whole as u64;
                self.set_aside(first, Piece::new(kept, &tail[whole..]));
                file.set_len(kept)?;
            }
            // After a file that is not ours a new one is begun.
            let length = if ours { kept } else { u64::MAX };
            return Ok(End { path, length, last: last.map(|entry| entry.number).or(first.checked_sub(1)) });
        }
    }

    /// The last number that was given out; 0 when there was none.
    pub(super) fn last(&self) -> io::Result<u64> {
        let end = self.folder.join("end");
        // Whoever only looks makes no file.
        let known = if end.exists() { Slots::open::<u64>(&end)?.1 } else { None };
        match (known, self.files()?.pop()) {
            (Some(last), _) => Ok(last),
            (None, None) => Ok(0),
            (None, Some(file)) => {
                let from = Position { number: file, ..Position::default() };
                Ok(self.read(from, usize::MAX)?.pop().map_or(file.saturating_sub(1), |found| found.after.number - 1))
            }
        }
    }

    /// Up to `most` values from a position on.
    pub(super) fn read(&self, from: Position, most: usize) -> io::Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        let files = self.files()?;
        let first = files.iter().rposition(|first| *first <= from.number).unwrap_or_default();
        let mut expected = from.number;
        for (at, file) in files.iter().enumerate().skip(first) {
            let offset = if *file == from.file { from.offset } else { 0 };
            let is_last = at + 1 == files.len();
            match self.read_file(*file, offset, is_last, &mut expected, most, &mut found) {
                Err(e) if is_unreadable(&e) => self.give_up(*file, &e)?,
                other => other?,
            }
            if found.len() == most {
                break;
            }
        }
        Ok(found)
    }

    fn read_file(
        &self,
        name: u64,
        offset: u64,
        is_last: bool,
        expected: &mut u64,
        most: usize,
        found: &mut Vec<Found>,
    ) -> io::Result<()> {
        let (mut file, meta) = match small_file::open(&self.path(name)) {
            // Dropped for its age or size by another sweep.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        // An offset beyond the end is of another file: somebody put it there.
        let mut start = if offset > meta.len() { 0 } else { offset };
        let mut rest: Vec<u8> = Vec::new();
        // Lines in a row that are none: one piece, however many they are.
        let mut damaged = Piece::default();
        loop {
            file.seek(SeekFrom::Start(start + rest.len() as u64))?;
            let read = (&mut file).take(PIECE).read_to_end(&mut rest)?;
            let mut used = 0;
            while let Some(length) = rest[used..].iter().position(|byte| *byte == b'\n') {
                let line = &rest[used..used + length];
                let at = start + used as u64;
                used += length + 1;
                let entry = entry::read(line);
                if entry.is_some() {
                    self.set_aside(name, std::mem::take(&mut damaged));
                }
                match entry {
                    Some(Entry { number, value }) if number >= *expected => {
                        let after = Position { number: number + 1, file: name, offset: start + used as u64 };
                        found.push(Found { value, after, gap: number - *expected });
                        *expected = number + 1;
                        if found.len() == most {
                            return Ok(());
                        }
                    }
                    Some(_) => {}
                    None if at == 0 && entry::is_foreign_header(line) => {
                        log::warn!(file:% = self.path(name).display(); "spooled values of another version of ddl-monitor are set aside");
                        return self.set_file_aside(name);
                    }
                    None if line == HEADER.trim_end().as_bytes() => {}
                    None => {
                        damaged.add(at, &rest[used - length - 1..used]);
                        if damaged.is_long() {
                            self.set_aside(name, std::mem::take(&mut damaged));
                        }
                    }
                }
            }
            rest.drain(..used);
            start += used as u64;
            if read == 0 {
                if !is_last && !rest.is_empty() {
                    damaged.add(start, &rest);
                }
                self.set_aside(name, damaged);
                return Ok(());
            }
            if rest.len() as u64 > LONGEST_LINE * 16 {
                // No newline in a megabyte: this is no file of ours.
                log::warn!(file:% = self.path(name).display(); "a file in the spool holds no values and is set aside");
                return self.set_file_aside(name);
            }
        }
    }

    /// Removes files of which every value is before this number.
    pub(super) fn forget_before(&self, number: u64, deadline: Deadline) -> io::Result<()> {
        let files = self.files()?;
        if files.get(1).is_none_or(|second| *second > number) {
            return Ok(());
        }
        let _lock = self.lock(deadline)?;
        for pair in self.files()?.windows(2).filter(|pair| pair[1] <= number) {
            self.remove(pair[0])?;
        }
        Ok(())
    }

    /// What is no file of ours is not removed, and must not keep others from it.
    fn remove(&self, file: u64) -> io::Result<()> {
        match fs::remove_file(self.path(file)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => self.give_up(file, &e),
            Ok(()) => Ok(()),
        }
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> io::Result<u64> {
        let length = |first: &u64| fs::metadata(self.path(*first)).map_or(0, |meta| meta.len());
        Ok(self.files()?.iter().map(length).sum())
    }

    fn keep_size(&self) -> io::Result<()> {
        while self.bytes()? > self.size {
            if !self.drop_oldest()? {
                break;
            }
            log::warn!(folder:% = self.folder.display(), size = self.size; "too many spooled values: the oldest are dropped");
        }
        Ok(())
    }

    /// False where only the file at the end is left.
    fn drop_oldest(&self) -> io::Result<bool> {
        let files = self.files()?;
        if files.len() < 2 {
            return Ok(false);
        }
        self.remove(files[0])?;
        Ok(true)
    }

    /// So many files that dropping one is a small loss.
    fn file_size(&self) -> u64 {
        (self.size / 16).clamp(4 << 10, 1 << 20)
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:020}{SUFFIX}"))
    }

    /// The number in each file's name, sorted: that of its first value.
    fn files(&self) -> io::Result<Vec<u64>> {
        let mut files: Vec<u64> = fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(SUFFIX)?.parse().ok())
            .filter(|first| *first <= LARGEST)
            .collect();
        files.sort_unstable();
        Ok(files)
    }

    /// The number of the oldest value that is there, or the next one.
    pub(super) fn first(&self) -> io::Result<u64> {
        match self.files()?.first() {
            Some(first) => Ok(*first),
            None => Ok(self.last()? + 1),
        }
    }

    fn set_aside(&self, file: u64, piece: Piece) {
        damaged::keep(&self.folder, &self.path(file), piece);
    }

    /// Of a file that cannot be read: the values after it are not to wait for it.
    fn give_up(&self, file: u64, why: &io::Error) -> io::Result<()> {
        log::warn!(file:% = self.path(file).display(), why:%; "a file of the spool cannot be read and is set aside");
        self.set_file_aside(file)
    }

    fn set_file_aside(&self, file: u64) -> io::Result<()> {
        damaged::keep_file(&self.folder, &self.path(file))
    }
}

/// The disk, or what we may have of it.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// It lies in the file, and will be the same the next time: somebody else's, no file at all, a broken disk.
fn is_unreadable(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let of_file = [Errno::ACCESS, Errno::PERM, Errno::ISDIR, Errno::LOOP, Errno::IO];
    error.kind() == io::ErrorKind::InvalidData || Errno::from_io_error(error).is_some_and(|e| of_file.contains(&e))
}
