//! What became of the last sync, kept in the state directory: for those who ask without syncing themselves, and for the age of
//! the inventory, which is not changed when nothing changed in Zabbix.

use super::reading::Skipped;
use crate::failure::Failure;
use crate::inventory::difference::Changes;
use crate::state::{self, State};
use serde::{Deserialize, Serialize};
use std::io;

/// So many skipped hosts are named; all of them are counted.
pub const NAMED: usize = 100;

/// The last sync.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// When it began, seconds since 1970.
    pub time: f64,
    /// Seconds.
    pub elapsed: f64,
    /// When the last good one ended; absent = there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synced: Option<f64>,
    /// Why the last one was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// All that follows is of the last good one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zabbix: Option<String>,
    pub generation: u64,
    pub lines: usize,
    pub routers: usize,
    pub changes: Changes,
    /// Lines that have another router now; they are among the changed ones, too.
    pub moved: usize,
    /// Hosts that should be lines and are not, and the first of them.
    pub skipped: usize,
    pub problems: Vec<Skipped>,
    pub remarks: Vec<String>,
}

impl Outcome {
    /// None when there never was a sync, or its record cannot be read.
    pub fn load(state: &State) -> Option<Self> {
        serde_json::from_slice(&state::read(&state.sync_outcome()).ok()?).ok()
    }

    pub fn save(&self, state: &State) -> io::Result<()> {
        state.make_inventory_folder()?;
        state::replace(&state.sync_outcome(), &serde_json::to_vec(self)?)
    }

    /// Seconds since the inventory was last known to be right.
    pub fn age(&self, now: f64) -> Option<f64> {
        self.synced.map(|synced| (now - synced).max(0.0))
    }
}
