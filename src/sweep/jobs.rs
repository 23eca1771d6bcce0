//! What is to be measured, router by router: a queue for a pool of workers. A router that is slow or dead holds a few of them at
//! most, and one when workers are scarce, so it delays no other. Knows nothing of how a router is asked.

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

impl Inner {
    fn next(&mut self, workers: usize) -> Option<Job> {
        let most = if self.busy * 2 < workers { AT_ONCE } else { 1 };
        let is_free = |job: &Job| self.running.get(&job.router.name).is_none_or(|running| *running < most);
        let at = self.waiting.iter().position(is_free)?;
        let job = self.waiting.remove(at)?;
        *self.running.entry(job.router.name.clone()).or_default() += 1;
        self.busy += 1;
        Some(job)
    }
}

pub(super) struct Jobs {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// So many may be busy at a time.
    workers: usize,
}

impl Jobs {
    pub(super) fn new(workers: usize) -> Self {
        Self { inner: Mutex::default(), changed: Condvar::new(), workers }
    }

    pub(super) fn put(&self, jobs: impl IntoIterator<Item = Job>) {
        self.lock().waiting.extend(jobs);
        self.changed.notify_all();
    }

    /// The next job of a router that has not too many; waits for one, None when there will be none.
    pub(super) fn take(&self) -> Option<Job> {
        let mut inner = self.lock();
        loop {
            let job = inner.next(self.workers);
            if job.is_some() || (inner.closed && inner.waiting.is_empty()) {
                return job;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_that_do_not_answer_leave_workers_for_the_others() {
        let job = |n: usize| {
            let router = Arc::new(RouterRecord { name: format!("r{n}"), ..RouterRecord::default() });
            Job { router, lines: Vec::new(), deadline: Deadline::after(Duration::ZERO) }
        };
        let jobs = Jobs::new(20);
        // Lines of six routers fall due again and again, and nobody answers for them.
        jobs.put((0..36).map(|n| job(n % 6)));
        let mut take = || jobs.lock().next(jobs.workers).map(|job| job.router.name.clone());
        let taken = std::iter::from_fn(&mut take).count();
        assert!((10..=12).contains(&taken), "{taken}");
        jobs.put([job(6)]);
        assert_eq!(take(), Some("r6".into()));
        // Each that is done makes room for one.
        jobs.done("r0");
        jobs.done("r0");
        jobs.done("r1");
        assert_eq!(std::iter::from_fn(take).count(), 3);
    }
}
