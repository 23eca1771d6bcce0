//! What follows a changed inventory: masters of routers that are gone, or whose login changed, finish what runs and leave; lines
//! that are new begin in the schedule as new. All others stay as they are.

use super::sweep::SWEEP;
use super::{Context, reach};
use crate::client::masters;
use crate::deadline::Deadline;
use crate::inventory::compiled::RouterLines;
use crate::inventory::difference::Difference;
use crate::inventory::keep::Kept;
use crate::inventory::router_record::RouterRecord;
use crate::state::State;
use crate::sweep::schedule;
use crate::sweep::table::{Holder, Moment, Table};
use std::collections::BTreeSet;
use std::time::Duration;

/// A sweep has its table for milliseconds.
const SCHEDULE_LIMIT: Duration = Duration::from_secs(2);

/// Does what is to be done once the inventory has become what it is `now`.
pub(super) fn follow(context: &Context, kept: &Kept, now: &[RouterLines]) {
    let Ok(state) = context.state() else { return };
    retire(context, state, &kept.difference, now);
    // Where the one before could not be read nobody knows what is new.
    if kept.broken.is_none() {
        begin(state, &kept.difference);
    }
}

fn begin(state: &State, difference: &Difference) {
    let keys: Vec<u64> = difference.added.iter().map(|line| schedule::key(&line.id)).collect();
    let forget = || {
        let table = Table::new(&state.dir().join(SWEEP), Holder::this_process()?);
        table.forget(&keys, Moment::now(), Deadline::after(SCHEDULE_LIMIT))
    };
    forget().unwrap_or_else(|e| log::warn!(error:% = e; "lines that are new are in the schedule as they once were"));
}

fn retire(context: &Context, state: &State, difference: &Difference, now: &[RouterLines]) {
    let changed = difference.routers_changed.iter().map(|changed| &changed.before);
    let gone: Vec<&RouterRecord> = difference.routers_removed.iter().chain(changed).collect();
    let addresses: BTreeSet<&str> = gone.iter().map(|router| router.address.as_str()).collect();
    let name = |router: &RouterRecord| match reach::master_name(context, router) {
        Ok(name) => Some(name),
        Err(failure) => {
            log::info!(router = router.name.as_str(), failure:%; "its master is not known and leaves when it is idle");
            None
        }
    };
    // A router that only has another name now has the same master.
    let still = now.iter().map(|(router, _)| router).filter(|router| addresses.contains(router.address.as_str()));
    let still: BTreeSet<String> = still.filter_map(name).collect();
    let names: BTreeSet<String> = gone.into_iter().filter_map(name).filter(|name| !still.contains(name)).collect();
    if !names.is_empty() {
        let retired = masters::retire(state, &names.into_iter().collect::<Vec<_>>());
        log::debug!(retired; "masters of routers that are gone or log in otherwise were told to leave");
    }
}
