//! Puts an inventory into the state directory, whole or not at all: what changed, which generation it is, and that there is one
//! source only. Knows nothing of where the records came from.

use super::compiled::{self, Header, Inventory, RouterLines, Source};
use super::difference::Difference;
use super::history;
use crate::clock;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::state::{self, Lock, State};
use std::io;
use std::time::Duration;

/// Another import takes about as long as ours.
const LOCK_LIMIT: Duration = Duration::from_secs(30);

/// What the user wants of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Take the place of an inventory from another source, or of all lines by none.
    pub replace: bool,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Refuse to lose many lines; without it only to lose all.
    pub guard: Option<Guard>,
}

/// How many lines may go at once.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// Percent of the lines that are there.
    pub share: u32,
    /// So many always may.
    pub lines: u32,
}

impl Guard {
    fn check(self, difference: &Difference, there: u64) -> Result<(), Failure> {
        let removed = difference.removed.len() as u64;
        if removed == there && removed > 0 && difference.added.is_empty() {
            let message = format!(
                "all {there} lines would be removed; nothing was changed; if that is meant, --accept-shrink takes it"
            );
            return Err(Failure::new(Kind::Rejected, Stage::Reply, message));
        }
        if removed <= u64::from(self.lines) || removed * 100 <= there * u64::from(self.share) {
            return Ok(());
        }
        let message = format!(
            "{removed} of {there} lines would be removed, more than {} %; nothing was changed; if that is meant, \
             --accept-shrink takes it",
            self.share
        );
        Err(Failure::new(Kind::Rejected, Stage::Reply, message))
    }
}

/// What became of it.
#[derive(Clone)]
pub struct Kept {
    /// The one that counts now.
    pub generation: u64,
    pub difference: Difference,
    /// Why the one before could not be read, if so: all counts as added then.
    pub broken: Option<String>,
}

/// Whether an inventory of this source may be kept there at all; asked before the work is done.
///
/// # Errors
/// Kind `settings`: the state directory does not last, or its inventory has another source.
pub fn allowed(state: &State, source: &Source, wish: Wish) -> Result<(), Failure> {
    if !state.lasts() {
        return Err(Failure::settings(format!(
            "state directory {} lies in the temporary directory, where nothing lasts; set state.dir",
            state.dir().display()
        )));
    }
    match Inventory::open_if_there(&state.inventory()) {
        Ok(Some(there)) => one_source(state, there.header(), source, wish),
        // One that is broken is replaced.
        Ok(None) | Err(_) => Ok(()),
    }
}

fn one_source(state: &State, header: &Header, source: &Source, wish: Wish) -> Result<(), Failure> {
    match other_source(&header.source, source) {
        Some(there) if !wish.replace => Err(Failure::settings(format!(
            "the inventory in {} comes from {there}, and a state directory has one source; --replace takes its place",
            state.dir().display()
        ))),
        _ => Ok(()),
    }
}

/// Compares with what the state directory has, and replaces it where something changed. The one before is kept for a while.
///
/// # Errors
/// Kind `settings`: the state directory does not last or cannot be written, or its inventory has another source, or it would
/// lose all lines. Kind `rejected`: the guard forbids it.
pub fn keep(state: &State, source: Source, routers: &[RouterLines], wish: Wish) -> Result<Kept, Failure> {
    allowed(state, &source, wish)?;
    if wish.dry_run {
        return next(state, &source, routers, wish).map(|(kept, _)| kept);
    }
    let path = state.inventory();
    let failed = |e: io::Error| Failure::settings(format!("writing the inventory {}: {e}", path.display()));
    state.make_inventory_folder().map_err(failed)?;
    let lock = Lock::acquire(&state.inventory_lock(), Deadline::after(LOCK_LIMIT)).map_err(failed)?;
    let (kept, write) = next(state, &source, routers, wish)?;
    if write {
        let bytes = compiled::encode(kept.generation, clock::now(), source, routers).map_err(failed)?;
        history::retain(state, kept.generation).map_err(failed)?;
        state::replace(&path, &bytes).map_err(failed)?;
    }
    lock.remove();
    Ok(kept)
}

/// What it will be, and whether that differs from what is there.
fn next(state: &State, source: &Source, routers: &[RouterLines], wish: Wish) -> Result<(Kept, bool), Failure> {
    let none = routers.iter().all(|(_, lines)| lines.is_empty());
    let all_new = |broken: Option<String>| {
        // Whoever accepts that lines go away accepts that there are none.
        if none && wish.guard.is_some() {
            return Err(Failure::new(
                Kind::Rejected,
                Stage::Reply,
                "there is no line; if that is meant, --accept-shrink takes it",
            ));
        }
        let generation = history::newest(state) + 1;
        Ok((Kept { generation, difference: Difference::between(&[], routers), broken }, true))
    };
    let old = match Inventory::open_if_there(&state.inventory()) {
        Ok(Some(old)) => old,
        Ok(None) => return all_new(None),
        Err(failure) => return all_new(Some(failure.message)),
    };
    let header = old.header();
    one_source(state, header, source, wish)?;
    match old.routers() {
        Err(failure) => all_new(Some(failure.message)),
        Ok(_) if matches!(source, Source::File { .. }) && !wish.replace && header.lines > 0 && none => {
            Err(Failure::settings(format!(
                "no line in it, and the inventory in {} has {}: all would be removed, and in Zabbix, too; name the file of the \
                 lines as well, or --replace",
                state.dir().display(),
                header.lines
            )))
        }
        Ok(before) => {
            let difference = Difference::between(&before, routers);
            if let Some(guard) = wish.guard {
                guard.check(&difference, header.lines)?;
            }
            let changed = !difference.counts().is_none();
            let generation =
                if changed { header.generation.max(history::newest(state)) + 1 } else { header.generation };
            let write = changed || header.source != *source;
            Ok((Kept { generation, difference, broken: None }, write))
        }
    }
}

/// The source that is there, if it is of another kind.
fn other_source(there: &Source, new: &Source) -> Option<String> {
    match (there, new) {
        (Source::File { .. }, Source::File { .. }) | (Source::Api { .. }, Source::Api { .. }) => None,
        (Source::Api { url }, Source::File { .. }) => Some(format!("the Zabbix API ({url})")),
        (Source::File { files }, Source::Api { .. }) => Some(format!("files ({})", files.join(", "))),
    }
}
