//! What is to be measured, router by router: a queue for a pool of workers. A router that is slow or dead holds a few of them at
//! most, so it delays no other. Knows nothing of how a router is asked.

use super::table::Claim;
use crate::deadline::Deadline;
use crate::inventory::line_record::LineRecord;
use crate::inventory::router_record::RouterRecord;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines fall due while others of their router are still being measured; its master takes several batches at once.
const AT_ONCE: usize = 4;

/// Lines of one router that are due.
pub(super) struct Job {
    pub(super) router: Arc<RouterRecord>,
    pub(super) lines: Vec<(Claim, LineRecord)>,
    /// Until when they are to be measured.
    pub(super) deadline: Deadline,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Job>,
    running: HashMap<String, usize>,
    busy: usize,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Jobs {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Jobs {
    pub(super) fn put(&self, jobs: impl IntoIterator<Item = Job>) {
        self.lock().waiting.extend(jobs);
        self.changed.notify_all();
    }

    /// The next job of a router that has not too many; waits for one, None when there will be none.
    pub(super) fn take(&self) -> Option<Job> {
        let mut inner = self.lock();
        loop {
            let free = |job: &Job| inner.running.get(&job.router.name).is_none_or(|running| *running < AT_ONCE);
            if let Some(at) = inner.waiting.iter().position(free)
                && let Some(job) = inner.waiting.remove(at)
            {
                *inner.running.entry(job.router.name.clone()).or_default() += 1;
                inner.busy += 1;
                return Some(job);
            }
            if inner.closed && inner.waiting.is_empty() {
                return None;
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// More jobs wait than of these workers are free.
    pub(super) fn wants_worker(&self, workers: usize) -> bool {
        let inner = self.lock();
        inner.waiting.len() > workers.saturating_sub(inner.busy)
    }

    /// A job that was taken is done.
    pub(super) fn done(&self, router: &str) {
        let mut inner = self.lock();
        inner.busy -= 1;
        if let Some(running) = inner.running.get_mut(router) {
            *running -= 1;
            if *running == 0 {
                inner.running.remove(router);
            }
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// No more jobs come; those that nobody has begun are given back where `drop_waiting`.
    pub(super) fn close(&self, drop_waiting: bool) -> Vec<Job> {
        let mut inner = self.lock();
        inner.closed = true;
        let dropped = if drop_waiting { std::mem::take(&mut inner.waiting) } else { VecDeque::new() };
        drop(inner);
        self.changed.notify_all();
        dropped.into()
    }

    /// Waits until nothing is left to do or `enough` says so, which is asked now and then; true when nothing is left.
    pub(super) fn wait_idle(&self, enough: &dyn Fn() -> bool) -> bool {
        let mut inner = self.lock();
        loop {
            if inner.waiting.is_empty() && inner.busy == 0 {
                return true;
            }
            if enough() {
                return false;
            }
            let waited = self.changed.wait_timeout(inner, Duration::from_millis(50));
            inner = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(inner, _)| inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
