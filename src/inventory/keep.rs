//! Puts an inventory into the state directory, whole or not at all: what changed, which generation it is, and that there is one
//! source only. Knows nothing of where the records came from.

use super::compare::Changes;
use super::compiled::{self, Inventory, RouterLines, Source};
use crate::clock;
use crate::deadline::Deadline;
use crate::failure::Failure;
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
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The one that counts now.
    pub generation: u64,
    pub changes: Changes,
    /// Why the one before could not be read, if so: all counts as added then.
    pub broken: Option<String>,
}

/// Compares with what the state directory has, and replaces it where something changed.
///
/// # Errors
/// Kind `settings`: the state directory does not last or cannot be written, or its inventory has another source, or it would lose all lines.
pub fn keep(state: &State, source: Source, routers: &[RouterLines], wish: Wish) -> Result<Kept, Failure> {
    if !state.lasts() {
        return Err(Failure::settings(format!(
            "state directory {} lies in the temporary directory, where nothing lasts; set state.dir",
            state.dir().display()
        )));
    }
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
        state::replace(&path, &bytes).map_err(failed)?;
    }
    lock.remove();
    Ok(kept)
}

/// What it will be, and whether that differs from what is there.
fn next(state: &State, source: &Source, routers: &[RouterLines], wish: Wish) -> Result<(Kept, bool), Failure> {
    let all_new =
        |generation: u64, broken: Option<String>| Kept { generation, changes: Changes::between(&[], routers), broken };
    let old = match Inventory::open_if_there(&state.inventory()) {
        Ok(Some(old)) => old,
        Ok(None) => return Ok((all_new(1, None), true)),
        Err(failure) => return Ok((all_new(1, Some(failure.message)), true)),
    };
    let header = old.header();
    if let (true, Some(there)) = (!wish.replace, other_source(&header.source, source)) {
        return Err(Failure::settings(format!(
            "the inventory in {} comes from {there}, and a state directory has one source; --replace takes its place",
            state.dir().display()
        )));
    }
    match old.routers() {
        Err(failure) => Ok((all_new(header.generation + 1, Some(failure.message)), true)),
        Ok(_) if !wish.replace && header.lines > 0 && routers.iter().all(|(_, lines)| lines.is_empty()) => {
            Err(Failure::settings(format!(
                "no line in it, and the inventory in {} has {}: all would be removed, and in Zabbix, too; name the file of the \
                 lines as well, or --replace",
                state.dir().display(),
                header.lines
            )))
        }
        Ok(before) => {
            let changes = Changes::between(&before, routers);
            let generation = header.generation + u64::from(!changes.is_none());
            let write = !changes.is_none() || header.source != *source;
            Ok((Kept { generation, changes, broken: None }, write))
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
