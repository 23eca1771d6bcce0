//! The sweep as `status` shows it: what the last one did, and what became of all values so far, server by server.

use super::{Last, plan};
use crate::cli::Context;
use crate::cli::output::{columns, one_line};
use crate::failure::Failure;
use crate::state;
use crate::sweep::deliver;
use crate::sweep::spool::Spool;
use crate::sweep::summary::Summary;
use serde::Serialize;
use std::fmt::Write as _;

/// Refused items that are shown to people; JSON has them all.
const SHOWN: usize = 10;

#[derive(Serialize)]
pub(in crate::cli) struct SweepStatus {
    /// The last one that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Summary>,
    /// Why the last one, in the background, did not come about.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    servers: Vec<Books>,
}

/// Since the server was first named.
#[derive(Serialize)]
struct Books {
    server: String,
    sent: u64,
    refused: u64,
    dropped: u64,
    spooled: u64,
    /// Items that the server is known not to take.
    refused_items: Vec<Item>,
    /// Items of which some are refused; which, is being found out.
    suspected_items: usize,
}

#[derive(Serialize)]
struct Item {
    host: String,
    key: String,
}

/// None where nothing was ever swept.
pub(in crate::cli) fn look(context: &Context) -> Option<SweepStatus> {
    let dir = context.state().ok()?.dir();
    let folder = dir.join("spool");
    if !folder.is_dir() {
        return None;
    }
    let last = state::read(&dir.join(super::SWEEP).join(super::LAST)).ok();
    let (last, failure) = match last.and_then(|json| serde_json::from_slice(&json).ok()) {
        None => (None, None),
        Some(Last::Ended(summary)) => (Some(summary), None),
        Some(Last::Failed { failure }) => (None, Some(failure)),
    };
    let settings = &context.loaded.settings;
    let spool = Spool::new(folder, u64::from(settings.sweep.spool_size) << 20);
    let books = |server| {
        let (totals, spooled, suspects) = deliver::look(&spool, &server).ok()?;
        let refused_items = suspects.guilty().map(|(host, key)| Item { host: host.clone(), key: key.clone() });
        Some(Books {
            server: server.to_string(),
            sent: totals.processed,
            refused: totals.failed,
            dropped: totals.dropped,
            spooled,
            refused_items: refused_items.collect(),
            suspected_items: suspects.suspected(),
        })
    };
    let servers = plan::servers(&settings.zabbix).unwrap_or_default();
    Some(SweepStatus { last, failure, servers: servers.into_iter().filter_map(books).collect() })
}

impl SweepStatus {
    /// A table for people.
    pub(in crate::cli) fn table(&self) -> String {
        let mut rows = vec![["SERVER", "SENT", "REFUSED", "DROPPED", "SPOOLED"].map(str::to_owned)];
        rows.extend(self.servers.iter().map(|books| {
            let counts = [books.sent, books.refused, books.dropped, books.spooled].map(|count| count.to_string());
            let [sent, refused, dropped, spooled] = counts;
            [books.server.clone(), sent, refused, dropped, spooled]
        }));
        let mut text = columns(&rows);
        if let Some(failure) = &self.failure {
            let _ = writeln!(text, "the last sweep did not come about: {}", one_line(&failure.message));
        }
        for books in &self.servers {
            for Item { host, key } in books.refused_items.iter().take(SHOWN) {
                let _ = writeln!(text, "  {} does not take {} of host {}", books.server, one_line(key), one_line(host));
            }
            if let Some(more) = books.refused_items.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                let _ = writeln!(text, "  and {more} items more");
            }
        }
        text
    }
}
