//! The books of one server: which of the spooled values it has had, and what became of them. Written with every answer, in
//! place, so that a kill finds them true or one answer behind. At any time: measured = processed + failed + dropped + spooled.

use super::slots::{Slots, checksum};
use super::spool::{Position, Spool};
use crate::deadline::Deadline;
use crate::state::Lock;
use crate::zabbix::servers::Server;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".books";

/// What became of all values since the books were begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Answered, and taken.
    pub processed: u64,
    /// Answered, and not taken: no such host or item there.
    pub failed: u64,
    /// Never sent: too old, too many, or their file was damaged.
    pub dropped: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    /// The number of the first value that was meant for this server.
    pub(super) begun: u64,
    pub(super) next: Position,
    pub(super) totals: Totals,
}

pub(super) struct Books {
    slots: Slots,
    path: PathBuf,
    pub(super) page: Page,
}

impl Books {
    /// The books of a server; one that is new has what another, that is no longer named, has not got, or all there is where there
    /// is no other.
    pub(super) fn open(spool: &Spool, server: &Server) -> io::Result<Self> {
        let path = path(spool, server);
        let is_new = !path.exists();
        let (slots, page) = Slots::open::<Page>(&path)?;
        if let Some(page) = page {
            return Ok(Self { slots, path, page });
        }
        if !is_new {
            log::warn!(books:% = path.display(); "the books of a server cannot be read; all that is spooled is sent to it");
        }
        let others = pages(spool)?.into_iter().map(|(_, page)| page.next.number);
        let number = match others.min() {
            Some(number) if is_new => number,
            // What it has had is sent again, with the same times; what it has not had is not lost.
            _ => spool.first()?,
        };
        let page = Page { begun: number, next: Position { number, ..Position::default() }, totals: Totals::default() };
        let mut books = Self { slots, path, page };
        books.save()?;
        Ok(books)
    }

    /// Takes what another sweep wrote meanwhile.
    pub(super) fn refresh(&mut self, spool: &Spool) -> io::Result<()> {
        if self.path.exists() {
            self.page = self.slots.read()?.unwrap_or(self.page);
        } else {
            // Somebody has removed it; for this process it goes on.
            self.slots = Slots::open::<Page>(&self.path)?.0;
            self.save()?;
        }
        let end = spool.last()? + 1;
        if self.page.next.number > end {
            log::warn!(books:% = self.path.display(), next = self.page.next.number, end; "the spool begins anew");
            self.page.next = Position { number: spool.first()?, ..Position::default() };
        }
        Ok(())
    }

    pub(super) fn save(&mut self) -> io::Result<()> {
        self.slots.write(&self.page)
    }

    /// Held by whoever sends to this server.
    pub(super) fn lock(&self, deadline: Deadline) -> io::Result<Lock> {
        Lock::acquire(&self.path.with_extension("lock"), deadline)
    }

    /// Of whom Zabbix refuses values.
    pub(super) fn suspects(&self) -> PathBuf {
        self.path.with_extension("suspects")
    }
}

/// The file of the items that a server does not take.
pub(super) fn suspects(spool: &Spool, server: &Server) -> PathBuf {
    path(spool, server).with_extension("suspects")
}

/// What is spooled for a server, and what became of all before.
pub(super) fn account(spool: &Spool, server: &Server) -> io::Result<(Totals, u64)> {
    let mut page = Page::default();
    let path = path(spool, server);
    if path.exists() {
        page = Slots::open::<Page>(&path)?.1.unwrap_or_default();
    }
    let (begin, end) = (page.next.number.max(1), spool.last()? + 1);
    // Dropped for their number, and this server has not come to them yet.
    let first = spool.first()?.clamp(begin, end.max(begin));
    page.totals.dropped += first - begin;
    Ok((page.totals, end.saturating_sub(first)))
}

/// Every server has had what is before this number; 0 while the books of one cannot be read.
pub(super) fn settled(spool: &Spool, servers: &[Server]) -> io::Result<u64> {
    let pages: BTreeMap<PathBuf, Page> = pages(spool)?.into_iter().collect();
    let had = servers.iter().map(|server| Some(pages.get(&path(spool, server))?.next.number));
    Ok(had.collect::<Option<Vec<u64>>>().and_then(|had| had.into_iter().min()).unwrap_or_default())
}

/// Closes the books of servers that are no longer named.
pub(super) fn close_others(spool: &Spool, servers: &[Server]) -> io::Result<()> {
    let named: BTreeSet<PathBuf> = servers.iter().map(|server| path(spool, server)).collect();
    let last = spool.last()?;
    for (path, page) in pages(spool)?.into_iter().filter(|(path, _)| !named.contains(path)) {
        let left = (last + 1).saturating_sub(page.next.number);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        log::warn!(server = name, values = left; "a server is no longer named in zabbix.sender; its books are closed");
        for file in [path.with_extension("suspects"), path.with_extension("lock"), path] {
            let _ = fs::remove_file(file);
        }
    }
    Ok(())
}

fn pages(spool: &Spool) -> io::Result<Vec<(PathBuf, Page)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(spool.folder())?.flatten() {
        let path = entry.path();
        if path.to_str().is_some_and(|path| path.ends_with(SUFFIX))
            && let Some(page) = Slots::open::<Page>(&path)?.1
        {
            found.push((path, page));
        }
    }
    Ok(found)
}

/// A name that people recognise, and that no two servers share.
fn path(spool: &Spool, server: &Server) -> PathBuf {
    let name = server.to_string();
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-:".contains(c) { c } else { '_' };
    let shown: String = name.chars().take(80).map(safe).collect();
    Path::new(spool.folder()).join(format!("{shown}-{:08x}{SUFFIX}", checksum(name.as_bytes())))
}
