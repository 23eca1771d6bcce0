//! The inventory as commands read it: one file of the state directory, in which a line, or a router with its lines, is found
//! without reading the rest. Header, records (each router before its lines), index. Written by import and sync, whole or not
//! at all. A file that is broken, foreign or too new is named and never reads as an empty one.

mod encode;
mod header;
mod index;
mod pages;

pub use encode::encode;
pub use header::{Header, Source};

use super::line_record::LineRecord;
use super::router_record::RouterRecord;
use crate::failure::Failure;
use crate::quote::quoted;
use crate::settings::suggestion::nearest;
use crate::small_file;
use header::NotOurs;
use index::{ENTRY, Entry};
use pages::Pages;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// A header with a few file names fits.
const FIRST_READ: u64 = 4096;
const LONGEST_HEADER: u64 = 1 << 20;

/// A router and its lines, in the order in which they were given.
pub type RouterLines = (RouterRecord, Vec<LineRecord>);

/// An open inventory.
pub struct Inventory {
    path: PathBuf,
    pages: Pages,
    header: Header,
    /// Where the records begin.
    start: u64,
}

/// The first record of a router's block.
#[derive(Serialize, Deserialize)]
struct Block<R> {
    router: R,
    /// How many lines follow.
    lines: usize,
}

impl Inventory {
    /// Opens the inventory of a state directory ([`crate::state::State::inventory`]).
    ///
    /// # Errors
    /// Kind `settings`: there is none, or the file is not one that this program can read.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_if_there(path)?.ok_or_else(|| {
            Failure::settings(format!(
                "no inventory: `ddl-monitor inventory import FILE` or `ddl-monitor sync` makes one; there is no {}",
                path.display()
            ))
        })
    }

    /// The same; None where there is no inventory.
    pub fn open_if_there(path: &Path) -> Result<Option<Self>, Failure> {
        let (file, _) = match small_file::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| unusable(path, &small_file::reason(&e)))?,
        };
        let pages = Pages::new(file).map_err(|e| unusable(path, &e.to_string()))?;
        let parse = |most: u64| {
            let bytes = pages.read(0, most.min(pages.length())).map_err(|e| unusable(path, &e.to_string()))?;
            Ok(header::parse(&bytes))
        };
        let mut parsed = parse(FIRST_READ)?;
        if matches!(parsed, Err(NotOurs::More)) {
            parsed = parse(LONGEST_HEADER)?;
        }
        let (header, start) = parsed.map_err(|why| match why {
            NotOurs::Foreign => unusable(path, "not an inventory"),
            NotOurs::TooNew(version) => unusable(
                path,
                &format!("made by another ddl-monitor (form {version}, this one reads {})", header::VERSION),
            ),
            NotOurs::Broken | NotOurs::More => broken(path, "its header cannot be read"),
        })?;
        let inventory = Self { path: path.to_owned(), pages, header, start };
        if inventory.expected_length() != Some(inventory.pages.length()) {
            return Err(broken(path, "it is cut short or has grown"));
        }
        Ok(Some(inventory))
    }

    /// Generation, source, time, how many lines and routers.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// A line and its router.
    ///
    /// # Errors
    /// Kind `settings`: no such line (the message has the nearest id), or the file is broken.
    pub fn line(&self, id: &str) -> Result<(LineRecord, RouterRecord), Failure> {
        for entry in self.entries(self.line_table()?, self.header.lines, id)? {
            let line: LineRecord = self.record(entry.at, entry.length)?;
            if line.id == id {
                let block: Block<RouterRecord> = self.record(entry.router, entry.router_length)?;
                return Ok((line, block.router));
            }
        }
        let all = self.routers()?;
        let ids = all.iter().flat_map(|(_, lines)| lines).map(|line| line.id.as_str());
        Err(self.unknown("line", id, ids))
    }

    /// A router and its lines, perhaps none.
    ///
    /// # Errors
    /// Kind `settings`: no such router (the message has the nearest name), or the file is broken.
    pub fn router(&self, name: &str) -> Result<RouterLines, Failure> {
        for entry in self.entries(self.router_table()?, self.header.routers, name)? {
            let bytes = self.bytes(entry.at, entry.length)?;
            if let Some(found) = self.blocks(&bytes)?.into_iter().find(|(router, _)| router.name == name) {
                return Ok(found);
            }
        }
        let all = self.routers()?;
        Err(self.unknown("router", name, all.iter().map(|(router, _)| router.name.as_str())))
    }

    /// All of them, in the order in which they were given. Reads the whole file and checks that nothing in it has changed.
    pub fn routers(&self) -> Result<Vec<RouterLines>, Failure> {
        let body = self.pages.read(self.start, self.pages.length() - self.start);
        let body = body.map_err(|e| unusable(&self.path, &e.to_string()))?;
        if encode::checksum(&body) != self.header.checksum {
            return Err(broken(&self.path, "its checksum is wrong"));
        }
        let records = usize::try_from(self.header.records).ok().and_then(|length| body.get(..length));
        let all = self.blocks(records.unwrap_or_default())?;
        let lines = all.iter().map(|(_, lines)| lines.len() as u64).sum::<u64>();
        if (all.len() as u64, lines) != (self.header.routers, self.header.lines) {
            return Err(broken(&self.path, "not all of its records are there"));
        }
        Ok(all)
    }

    /// Bytes of the file read so far.
    pub fn bytes_read(&self) -> u64 {
        self.pages.bytes_read()
    }

    fn line_table(&self) -> Result<u64, Failure> {
        let start = self.start.checked_add(self.header.records);
        start.ok_or_else(|| broken(&self.path, "its header cannot be true"))
    }

    fn router_table(&self) -> Result<u64, Failure> {
        Ok(self.line_table()? + self.header.lines * ENTRY)
    }

    fn expected_length(&self) -> Option<u64> {
        let entries = self.header.lines.checked_add(self.header.routers)?.checked_mul(ENTRY)?;
        self.start.checked_add(self.header.records)?.checked_add(entries)
    }

    fn entries(&self, table: u64, count: u64, name: &str) -> Result<Vec<Entry>, Failure> {
        index::find(&self.pages, table, count, index::hash(name)).map_err(|e| unusable(&self.path, &e.to_string()))
    }

    fn bytes(&self, at: u64, length: u32) -> Result<Vec<u8>, Failure> {
        if at.checked_add(length.into()).is_none_or(|end| end > self.header.records) {
            return Err(broken(&self.path, "its index points elsewhere"));
        }
        self.pages.read(self.start + at, length.into()).map_err(|e| unusable(&self.path, &e.to_string()))
    }

    fn record<T: for<'de> Deserialize<'de>>(&self, at: u64, length: u32) -> Result<T, Failure> {
        self.parse(&self.bytes(at, length)?)
    }

    /// No text of it in the message: it may be a password.
    fn parse<T: for<'de> Deserialize<'de>>(&self, json: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(json).map_err(|_| broken(&self.path, "a record cannot be read"))
    }

    fn blocks(&self, bytes: &[u8]) -> Result<Vec<RouterLines>, Failure> {
        let mut found = Vec::new();
        let mut records = bytes.split(|b| *b == b'\n').filter(|record| !record.is_empty());
        while let Some(first) = records.next() {
            let block: Block<RouterRecord> = self.parse(first)?;
            let lines: Vec<LineRecord> =
                records.by_ref().take(block.lines).map(|record| self.parse(record)).collect::<Result<_, _>>()?;
            if lines.len() != block.lines {
                return Err(broken(&self.path, "lines of a router are missing"));
            }
            found.push((block.router, lines));
        }
        Ok(found)
    }

    fn unknown<'a>(&self, what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
        let near = nearest(name, known).map_or(String::new(), |near| format!(", did you mean {}?", quoted(near)));
        let (generation, path) = (self.header.generation, self.path.display());
        Failure::settings(format!(
            "{what} {} is not in the inventory{near} (generation {generation}, {path})",
            quoted(name)
        ))
    }
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::settings(format!(
        "inventory {}: {why}; `ddl-monitor inventory import FILE` or `ddl-monitor sync` makes a new one",
        path.display()
    ))
}

fn broken(path: &Path, why: &str) -> Failure {
    unusable(path, &format!("broken, {why}"))
}

#[cfg(test)]
mod tests;
