//! Lines of one router, asked as one batch: what `batch` and `sweep` share.

use super::Context;
use super::output;
use super::reach::Reach;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::line::Router;
use crate::probe::Probe;
use crate::settings::Settings;
use crate::wire::{Answers, Batch, Reply, Request, Session};
use std::time::Duration;

/// Every line more takes the way of its answer from the master to whoever wants it; on a machine that is busy, too: else a router
/// would be called out of reach because this machine is slow.
const WAY_BACK_PER_LINE: Duration = Duration::from_micros(250);

/// What the answers of so many lines need on their way, of this time; the rest of it is the router's.
pub(super) fn way_back(lines: usize, left: Duration) -> Duration {
    WAY_BACK_PER_LINE.saturating_mul(u32::try_from(lines).unwrap_or(u32::MAX)).min(left / 4)
}

/// How the lines are to be asked.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub(super) deadline: Deadline,
    /// A person looks: what is new stays new for whoever keeps it.
    pub(super) look: bool,
    /// What runs on the router is aborted when this process ends before the deadline.
    pub(super) tied: bool,
}

/// The answers to each line's probes, in their order; a router that cannot be asked is the batch's failure. `settings`: those that
/// count for this router.
pub(super) fn ask(context: &Context, settings: &Settings, router: &Router, lines: &[Vec<Probe>], wish: Wish) -> Batch {
    let Wish { deadline, look, tied } = wish;
    let answered = Reach::new(context, settings, router, deadline).and_then(|reach| {
        reach.ask(&|left| Request::Batch {
            lines: lines.to_vec(),
            deadline: left.saturating_sub(way_back(lines.len(), left)),
            look,
            tied,
        })
    });
    match answered {
        Ok(Reply::Batch(batch)) => batch,
        Ok(other) => unanswered(output::failure_of(other)),
        Err(failure) => unanswered(failure),
    }
}

fn unanswered(failure: Failure) -> Batch {
    Batch { lines: Vec::new(), failure: Some(failure), lanes: 0, session_age: None }
}

/// Why no line of the router could be asked, if so: its own failure counts unless one of its lines was answered since. What an
/// earlier batch left for this one was asked before the router failed.
pub(super) fn router_failure(batch: &Batch) -> Option<Failure> {
    let since = |answers: &&Answers| batch.failure.is_none() || answers.age == 0.0;
    let new = |answers: &&Answers| answers.session != Session::Cached;
    let fresh = || batch.lines.iter().flatten().filter(new).filter(since);
    let failures = || fresh().flat_map(|answers| &answers.answers).map(|answer| answer.outcome.as_ref().err());
    let is_lines = |failure: &Failure| !failure.kind.is_of_router() && failure.kind != Kind::Deadline;
    if failures().any(|failure| failure.is_none_or(is_lines)) {
        return None;
    }
    let of_all_lines = failures().flatten().last();
    batch.failure.as_ref().or(of_all_lines).cloned()
}

/// A line that its router did not come to in time.
pub(super) fn not_reached() -> Failure {
    Failure::new(Kind::Deadline, Stage::Probe, "not reached in time; the next batch has it")
}
