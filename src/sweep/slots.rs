//! A few facts that change all the time and must survive a kill at any moment and a full disk: a file of two slots, written in
//! turn and in place. Whatever becomes of one, the other holds what was true before. Knows nothing of what the facts are.

use crate::state;
use flate2::Crc;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// One block of a disk: no slot shares one with the other.
const SLOT: usize = 4096;

pub(super) struct Slots {
    file: File,
    /// How often it was written.
    turn: u64,
}

impl Slots {
    /// Opens the file, makes it where there is none, and reads what is true now; None where nothing ever was, or nothing of it
    /// can be read.
    pub(super) fn open<T: DeserializeOwned>(path: &Path) -> io::Result<(Self, Option<T>)> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let mut slots = Self { file: state::open_in_place(path).map_err(named)?, turn: 0 };
        if slots.file.metadata()?.len() == 0 {
            // Room for both now: later there may be none.
            slots.file.write_all_at(&[b' '; 2 * SLOT], 0)?;
        }
        let facts = slots.read()?;
        Ok((slots, facts))
    }

    /// What another process may have written meanwhile.
    pub(super) fn read<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut newest = None;
        for at in 0..2 {
            if let Some((turn, facts)) = self.slot(at)?
                && newest.as_ref().is_none_or(|(known, _)| turn > *known)
            {
                newest = Some((turn, facts));
            }
        }
        let Some((turn, facts)) = newest else { return Ok(None) };
        self.turn = turn;
        Ok(serde_json::from_slice(&facts).ok())
    }

    pub(super) fn write<T: Serialize>(&mut self, facts: &T) -> io::Result<()> {
        let turn = self.turn + 1;
        let body = format!("{turn} {}", serde_json::to_string(facts)?);
        let mut slot = format!("{:08x} {body}\n", checksum(body.as_bytes())).into_bytes();
        if slot.len() > SLOT {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too much for a slot"));
        }
        slot.resize(SLOT, b' ');
        self.file.write_all_at(&slot, turn % 2 * SLOT as u64)?;
        self.turn = turn;
        Ok(())
    }

    /// A whole slot: its turn and its facts.
    fn slot(&self, at: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        let mut slot = vec![0; SLOT];
        match self.file.read_exact_at(&mut slot, at * SLOT as u64) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let line = slot.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let read = || {
            let (sum, body) = std::str::from_utf8(line).ok()?.split_once(' ')?;
            let (turn, facts) = body.split_once(' ')?;
            let whole = u32::from_str_radix(sum, 16).ok()? == checksum(body.as_bytes());
            whole.then_some((turn.parse().ok()?, facts.as_bytes().to_vec()))
        };
        Ok(read())
    }
}

pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_slot_that_is_whole_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("facts");
        let (mut slots, none) = Slots::open::<u64>(&path).unwrap();
        assert_eq!(none, None);
        for fact in 1..=5_u64 {
            slots.write(&fact).unwrap();
            assert_eq!(Slots::open(&path).unwrap().1, Some(fact));
        }
        // The fifth is broken in its middle, then cut off.
        slots.file.write_all_at(b"x", SLOT as u64 + 9).unwrap();
        assert_eq!(Slots::open(&path).unwrap().1, Some(4_u64));
        slots.file.set_len(SLOT as u64 + 5).unwrap();
        let (mut again, four) = Slots::open(&path).unwrap();
        assert_eq!(four, Some(4_u64));
        again.write(&6_u64).unwrap();
        assert_eq!(slots.read().unwrap(), Some(6_u64), "another process sees it");
        std::fs::write(&path, "something else").unwrap();
        assert_eq!(Slots::open::<u64>(&path).unwrap().1, None);
    }
}
