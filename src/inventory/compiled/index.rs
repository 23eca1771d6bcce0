//! The index at the end of the inventory's file: entries of one size, sorted by the hash of a name, first those of lines, then
//! those of routers. So a name is found with a few reads, however many there are.

use super::pages::Pages;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::io;

pub(super) const ENTRY: u64 = 32;
/// So many entries are read at once rather than halved further.
const AT_ONCE: u64 = 64;

/// Where a record is, in bytes from the first record on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) hash: u64,
    /// The line's record, or the router's with those of its lines.
    pub(super) at: u64,
    pub(super) length: u32,
    /// The router's own record.
    pub(super) router: u64,
    pub(super) router_length: u32,
}

/// Not against anybody: whoever writes the file may write anything. Only for an even spread.
pub(super) fn hash(name: &str) -> u64 {
    let mut hash = SipHasher24::new();
    hash.write(name.as_bytes());
    hash.finish()
}

impl Entry {
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.hash.to_be_bytes());
        to.extend_from_slice(&self.at.to_be_bytes());
        to.extend_from_slice(&self.length.to_be_bytes());
        to.extend_from_slice(&self.router.to_be_bytes());
        to.extend_from_slice(&self.router_length.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (hash, rest) = bytes.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (router, rest) = rest.split_first_chunk()?;
        let (router_length, _) = rest.split_first_chunk()?;
        Some(Self {
            hash: u64::from_be_bytes(*hash),
            at: u64::from_be_bytes(*at),
            length: u32::from_be_bytes(*length),
            router: u64::from_be_bytes(*router),
            router_length: u32::from_be_bytes(*router_length),
        })
    }
}

/// All entries with this hash, in a table of `count` that begins at byte `start` of the file.
pub(super) fn find(pages: &Pages, start: u64, count: u64, hash: u64) -> io::Result<Vec<Entry>> {
    let read = |from: u64, to: u64| -> io::Result<Vec<Entry>> {
        let bytes = pages.read(start + from * ENTRY, (to - from) * ENTRY)?;
        Ok(bytes.chunks_exact(ENTRY as usize).filter_map(Entry::decode).collect())
    };
    // The first entry whose hash is not smaller is in `low..=high`.
    let (mut low, mut high) = (0, count);
    while high - low > AT_ONCE {
        let middle = low + (high - low) / 2;
        match read(middle, middle + 1)?.first() {
            Some(entry) if entry.hash < hash => low = middle + 1,
            _ => high = middle,
        }
    }
    let mut found = Vec::new();
    let mut to = (high + 1).min(count);
    // Names that share a hash may go on behind what is read at once.
    while low < to {
        let entries = read(low, to)?;
        let on = entries.last().is_some_and(|last| last.hash == hash);
        found.extend(entries.into_iter().filter(|entry| entry.hash == hash));
        (low, to) = if on { (to, (to + AT_ONCE).min(count)) } else { (to, to) };
    }
    Ok(found)
}
