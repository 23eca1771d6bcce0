//! How a sweep asks a router, and how it learns that the inventory has changed.

use crate::cli::router_lines::{self, Wish};
use crate::cli::{Context, known};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::inventory::compiled::{Inventory, RouterLines};
use crate::inventory::line::Line;
use crate::inventory::line_record::LineRecord;
use crate::inventory::router_record::RouterRecord;
use crate::launch;
use crate::probe::Probe;
use crate::state::State;
use crate::sweep::engine::Measure;
use crate::wire::{Answers, Session};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};

/// Which file it was: inode, length, time of its last change.
type Stamp = Option<(u64, u64, i64, i64)>;

pub(super) struct Measurer {
    context: Context,
    seen: Mutex<Seen>,
}

/// Files of the inventory.
struct Seen {
    /// The one whose lines are measured.
    read: Stamp,
    /// One that could not be read, and was named.
    named: Option<Stamp>,
}

impl Measurer {
    pub(super) fn open(context: Context) -> Result<(Self, Vec<RouterLines>), Failure> {
        let state = context.state()?;
        let stamp = stamp(state);
        let lines = Inventory::open(&state.inventory())?.routers()?;
        let seen = Mutex::new(Seen { read: stamp, named: None });
        Ok((Self { context, seen }, lines))
    }

    fn ask(
        &self,
        router: &RouterRecord,
        lines: &[LineRecord],
        deadline: Deadline,
    ) -> Result<Vec<Result<Answers, Failure>>, Failure> {
        let settings = router.settings(&self.context.loaded)?;
        let said = |line: &LineRecord, failure| known::said_of(&format!("line {}", line.id), failure);
        let parse = |line: &LineRecord| Line::parse(line.raw(router), &settings.poll).map_err(|e| said(line, e));
        let parsed: Vec<Result<Line, Failure>> = lines.iter().map(parse).collect();
        let good: Vec<&Line> = parsed.iter().flatten().collect();
        let Some(first) = good.first() else {
            return Ok(parsed.into_iter().filter_map(Result::err).map(Err).collect());
        };
        let probes: Vec<Vec<Probe>> = good.iter().map(|line| line.probes.clone()).collect();
        let wish = Wish { deadline, look: false, tied: true };
        let batch = router_lines::ask(&self.context, &settings, &first.router, &probes, wish);
        let otherwise = router_lines::router_failure(&batch).or_else(|| batch.failure.clone());
        let otherwise = otherwise.unwrap_or_else(router_lines::not_reached);
        // What an earlier batch has brought was reported then.
        let fresh = |answers: &Answers| answers.session != Session::Cached;
        let mut answers = batch.lines.into_iter().map(|answers| answers.filter(fresh));
        let outcome =
            |line: Result<Line, Failure>| line.and_then(|_| answers.next().flatten().ok_or_else(|| otherwise.clone()));
        Ok(parsed.into_iter().map(outcome).collect())
    }
}

impl Measure for Measurer {
    fn measure(
        &self,
        router: &RouterRecord,
        lines: &[LineRecord],
        deadline: Deadline,
    ) -> Vec<Result<Answers, Failure>> {
        match self.ask(router, lines, deadline) {
            Ok(outcomes) => outcomes,
            Err(failure) => vec![Err(failure); lines.len()],
        }
    }

    fn changed(&self) -> Option<Vec<RouterLines>> {
        let state = self.context.state().ok()?;
        let now = stamp(state);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if now == seen.read {
            return None;
        }
        match Inventory::open(&state.inventory()).and_then(|inventory| inventory.routers()) {
            Ok(lines) => {
                *seen = Seen { read: now, named: None };
                Some(lines)
            }
            Err(failure) => {
                // It is tried again: the file may be right, and only its mode or the moment wrong.
                if seen.named != Some(now) {
                    log::error!(failure:%; "the inventory has changed and cannot be read; the sweep goes on with the one before");
                    seen.named = Some(now);
                }
                None
            }
        }
    }

    fn tidy(&self) {
        launch::reap();
    }
}

fn stamp(state: &State) -> Stamp {
    let meta = fs::metadata(state.inventory()).ok()?;
    Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}
