//! What follows a changed inventory: masters of routers that are gone, or whose login changed, finish what runs and leave. All
//! others stay as they are.

use super::{Context, reach};
use crate::client::masters;
use crate::inventory::compiled::RouterLines;
use crate::inventory::difference::Difference;
use crate::inventory::router_record::RouterRecord;
use std::collections::BTreeSet;

/// How many masters leave.
pub(super) fn retire(context: &Context, difference: &Difference, now: &[RouterLines]) -> usize {
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
    match context.state() {
        Ok(state) => masters::retire(state, &names.into_iter().collect::<Vec<_>>()),
        Err(_) => 0,
    }
}
