//! The inventories that counted before: the last few are kept, each a file as it was. Knows nothing of what changed in them.

use super::compiled::Inventory;
use crate::failure::Failure;
use crate::state::State;
use std::fs;
use std::io;

/// With the one that counts.
const KEPT: usize = 5;

/// Puts the one that counts aside, because `generation` takes its place, and removes those that are too old.
pub(super) fn retain(state: &State, generation: u64) -> io::Result<()> {
    if let Ok(Some(current)) = Inventory::open_if_there(&state.inventory())
        && current.header().generation < generation
    {
        match fs::hard_link(state.inventory(), state.inventory_generation(current.header().generation)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    let kept = state.inventory_generations();
    for old in kept.iter().rev().skip(KEPT - 1) {
        fs::remove_file(state.inventory_generation(*old))?;
    }
    Ok(())
}

/// The highest generation that is known; 0 when there never was one.
pub(super) fn newest(state: &State) -> u64 {
    let current =
        Inventory::open_if_there(&state.inventory()).ok().flatten().map(|current| current.header().generation);
    current.into_iter().chain(state.inventory_generations()).max().unwrap_or(0)
}

/// The generations that can be read, newest first, the first one counts. They stay readable when they are replaced or removed.
///
/// # Errors
/// Kind `settings`: there is no inventory, or it cannot be read.
pub fn all(state: &State) -> Result<Vec<Inventory>, Failure> {
    let current = Inventory::open(&state.inventory())?;
    let newest = current.header().generation;
    let mut found = vec![current];
    for generation in state.inventory_generations().into_iter().rev() {
        if let Ok(Some(inventory)) = Inventory::open_if_there(&state.inventory_generation(generation))
            && inventory.header().generation < newest
        {
            found.push(inventory);
        }
    }
    Ok(found)
}

/// The inventory of a generation.
///
/// # Errors
/// Kind `settings`: it is not kept (the message says which are), or it cannot be read.
pub fn open(state: &State, generation: u64) -> Result<Inventory, Failure> {
    let all = all(state)?;
    let kept: Vec<String> = all.iter().map(|one| one.header().generation.to_string()).collect();
    all.into_iter()
        .find(|one| one.header().generation == generation)
        .ok_or_else(|| Failure::settings(format!("generation {generation} is not kept; there are {}", kept.join(", "))))
}
