//! The table of lines: when each was last due, who measures it now, and what was last reported of it. One small file of records of
//! fixed size, changed in place under a lock: several sweeps at once, a kill at any moment and a full disk do no harm. Knows no
//! routers.

use super::schedule::{self, Rhythm};
use super::slots::checksum;
use crate::deadline::Deadline;
use crate::record;
use crate::state::{self, Lock};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Header and records have the same size: one of the header's is never torn from the rest.
const SIZE: usize = 64;
const MAGIC: &[u8; 8] = b"ddlsweep";
const VERSION: u32 = 1;
/// Records of lines that are gone, kept for those that come back.
const SPARE: usize = 500;
/// Whoever has a line for so long has forgotten it.
const FORGOTTEN: u64 = 15 * 60 * 1000;

/// A process that measures lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// The kernel's start time: a pid alone may be somebody else's by now.
    pub started: u64,
}

/// What was last reported of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// The time of the measurement: nanoseconds since 1970.
    pub measured: u64,
    /// A hash of the state text that was sent last, and when, in seconds since 1970.
    pub text: u64,
    pub text_at: u32,
}

/// A line that this sweep is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its place among the lines that were asked for.
    pub line: usize,
    pub key: u64,
    /// When it was due, and checks missed before; in milliseconds of the schedule's clock.
    pub due: schedule::Due,
    /// It was never checked before, as far as the table knows.
    pub first: bool,
    pub reported: Reported,
}

/// What is due.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    pub claims: Vec<Claim>,
    /// Lines that are due and that another sweep measures at this moment.
    pub held: usize,
    /// When the next one is due.
    pub next: Option<u64>,
}

/// What time it is for the schedule: milliseconds since the machine was started, and which start that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub boot: u128,
    pub now: u64,
}

/// The table's file.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    me: Holder,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    key: u64,
    /// One more than the time that the last check belonged at; 0 = there was none.
    last: u64,
    holder: Holder,
    claimed: u64,
    reported: Reported,
}

impl Moment {
    /// Of the clock that nobody can set: it runs on while the machine sleeps.
    pub fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now = time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000;
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = u128::from_str_radix(&id.trim().replace('-', ""), 16).unwrap_or_default();
        Self { boot, now }
    }

    /// The same machine, now.
    pub fn later(self) -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self { now: time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000, ..self }
    }
}

impl Holder {
    pub fn this_process() -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Self { pid, started: record::start_time(pid)? })
    }

    fn is_alive(self) -> bool {
        self.pid != 0 && record::start_time(self.pid).is_ok_and(|started| started == self.started)
    }
}

impl Table {
    /// `folder`: [`crate::state::State::folder`] of the sweep.
    pub fn new(folder: &Path, me: Holder) -> Self {
        Self { path: folder.join("schedule"), me }
    }

    /// Claims all lines that are due and that nobody else measures; each is given as its key and its rhythm, once. The clock is
    /// looked at under the lock: a sweep that waited for it must not take checks for due that others have made.
    ///
    /// # Errors
    /// The table cannot be read or written, or another sweep has it for too long.
    pub fn claim(
        &self,
        lines: &[(u64, Rhythm)],
        clock: impl FnOnce() -> Moment,
        deadline: Deadline,
    ) -> io::Result<Claims> {
        let _lock = self.lock(deadline)?;
        let moment = clock();
        let mut open = self.open(moment.boot)?;
        let mut found = Claims::default();
        let mut alive: HashMap<(u32, u64), bool> = HashMap::new();
        let mut changed = Vec::new();
        for (line, (key, rhythm)) in lines.iter().enumerate() {
            let at = open.place(*key);
            let row = open.rows[at];
            let last = row.last.checked_sub(1);
            let Some(due) = rhythm.due(last, moment.now) else {
                let next = rhythm.next(last, moment.now);
                found.next = Some(found.next.map_or(next, |known| known.min(next)));
                continue;
            };
            let Holder { pid, started } = row.holder;
            let forgotten = row.claimed > moment.now || moment.now - row.claimed > FORGOTTEN;
            let is_held = pid != 0
                && !forgotten
                && (row.holder == self.me || *alive.entry((pid, started)).or_insert_with(|| row.holder.is_alive()));
            if is_held {
                found.held += 1;
                continue;
            }
            found.claims.push(Claim { line, key: *key, due, first: last.is_none(), reported: row.reported });
            open.rows[at] = Row { last: due.at + 1, holder: self.me, claimed: moment.now, ..row };
            changed.push(at);
        }
        self.write(&mut open, &changed, Some(lines))?;
        Ok(found)
    }

    /// Lets go of lines: their keys, and what was reported of each now, if anything.
    pub fn release(&self, lines: &[(u64, Reported)], moment: Moment, deadline: Deadline) -> io::Result<()> {
        let _lock = self.lock(deadline)?;
        let mut open = self.open(moment.boot)?;
        let mut changed = Vec::new();
        for (key, reported) in lines {
            let at = open.place(*key);
            let row = open.rows[at];
            // Another sweep may have it by now, if ours took too long.
            let holder = if row.holder == self.me { Holder::default() } else { row.holder };
            open.rows[at] = Row { holder, reported: *reported, ..row };
            changed.push(at);
        }
        self.write(&mut open, &changed, None)
    }

    /// Forgets what is known of lines that nobody measures: one that was removed and is there again has missed no checks.
    pub fn forget(&self, lines: &[u64], moment: Moment, deadline: Deadline) -> io::Result<()> {
        if lines.is_empty() || !self.path.exists() {
            return Ok(());
        }
        let _lock = self.lock(deadline)?;
        let mut open = self.open(moment.boot)?;
        let known: Vec<usize> = lines.iter().filter_map(|key| open.places.get(key).copied()).collect();
        for at in &known {
            let row = &mut open.rows[*at];
            if row.holder.pid == 0 {
                *row = Row { key: row.key, ..Row::default() };
            }
        }
        self.write(&mut open, &known, None)
    }

    fn lock(&self, deadline: Deadline) -> io::Result<Lock> {
        Lock::acquire(&self.path.with_extension("lock"), deadline)
    }

    fn open(&self, boot: u128) -> io::Result<Open> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", self.path.display()));
        let file = state::open_in_place(&self.path).map_err(named)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        let mut pieces = bytes.chunks_exact(SIZE);
        let header = pieces.next().filter(|header| is_header(header));
        if header.is_none() && length > 0 {
            log::warn!(file:% = self.path.display(); "the table of the sweep cannot be read; all lines are due");
        }
        let same_boot = header.is_some_and(|header| header[16..32] == boot.to_le_bytes());
        let mut rows = Vec::new();
        if header.is_some() {
            // A torn record is of a line that is due then; its place stays its own.
            rows.extend(pieces.map(|piece| Row::read(piece).unwrap_or_default()));
        }
        if !same_boot {
            // Times and processes of another start of the machine say nothing now.
            rows.iter_mut().for_each(|row| *row = Row { last: 0, holder: Holder::default(), claimed: 0, ..*row });
        }
        let places = rows.iter().enumerate().filter(|(_, row)| row.key != 0).map(|(at, row)| (row.key, at)).collect();
        Ok(Open { file, boot, rows, places, is_new: !same_boot })
    }

    /// Only what has changed, unless the file is new or holds more lines that are gone than `lines`, those that are there.
    fn write(&self, open: &mut Open, changed: &[usize], lines: Option<&[(u64, Rhythm)]>) -> io::Result<()> {
        let lines = lines.filter(|lines| open.rows.len() / 2 > lines.len() + SPARE);
        if open.is_new || lines.is_some() {
            if let Some(lines) = lines {
                let known: HashSet<u64> = lines.iter().map(|(key, _)| *key).collect();
                let worth = |row: &Row| (known.contains(&row.key), row.holder.pid != 0, row.last);
                open.rows.sort_by_key(|row| std::cmp::Reverse(worth(row)));
                open.rows.truncate(lines.len() + SPARE);
            }
            let mut bytes = header(open.boot).to_vec();
            open.rows.iter().for_each(|row| bytes.extend_from_slice(&row.write()));
            return state::replace(&self.path, &bytes).or_else(|_| {
                // In place where there is no room for a second one; nothing of before may stay behind it.
                open.file.write_all_at(&bytes, 0)?;
                open.file.set_len(bytes.len() as u64)
            });
        }
        for at in changed {
            open.file.write_all_at(&open.rows[*at].write(), (at + 1) as u64 * SIZE as u64)?;
        }
        Ok(())
    }
}

struct Open {
    file: File,
    boot: u128,
    rows: Vec<Row>,
    places: HashMap<u64, usize>,
    is_new: bool,
}

impl Open {
    /// The row of a line, made where there is none.
    fn place(&mut self, key: u64) -> usize {
        *self.places.entry(key).or_insert_with(|| {
            self.rows.push(Row { key, ..Row::default() });
            self.rows.len() - 1
        })
    }
}

fn header(boot: u128) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..32].copy_from_slice(&boot.to_le_bytes());
    seal(bytes)
}

fn is_header(bytes: &[u8]) -> bool {
    bytes[..8] == *MAGIC && bytes[8..12] == VERSION.to_le_bytes() && is_whole(bytes)
}

/// The checksum is in the last four bytes.
fn seal(mut bytes: [u8; SIZE]) -> [u8; SIZE] {
    let sum = checksum(&bytes[..SIZE - 4]);
    bytes[SIZE - 4..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes[SIZE - 4..] == checksum(&bytes[..SIZE - 4]).to_le_bytes()
}

impl Row {
    fn write(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let longs =
            [self.key, self.last, self.holder.started, self.claimed, self.reported.measured, self.reported.text];
        for (to, long) in bytes.chunks_exact_mut(8).zip(longs) {
            to.copy_from_slice(&long.to_le_bytes());
        }
        bytes[48..52].copy_from_slice(&self.holder.pid.to_le_bytes());
        bytes[52..56].copy_from_slice(&self.reported.text_at.to_le_bytes());
        seal(bytes)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if !is_whole(bytes) {
            return None;
        }
        let mut longs = bytes.chunks_exact(8).filter_map(|long| Some(u64::from_le_bytes(long.try_into().ok()?)));
        let mut long = || longs.next();
        let (key, last, started, claimed, measured, text) = (long()?, long()?, long()?, long()?, long()?, long()?);
        let short = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let (pid, text_at) = (short(48)?, short(52)?);
        Some(Self {
            key,
            last,
            holder: Holder { pid, started },
            claimed,
            reported: Reported { measured, text, text_at },
        })
    }
}

/// A time to wait for, from one moment of the schedule's clock to another.
pub fn until(now: u64, then: u64) -> Duration {
    Duration::from_millis(then.saturating_sub(now))
}

#[cfg(test)]
mod tests;
