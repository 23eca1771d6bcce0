//! What is to be measured, router by router: a queue for a pool of workers. A router that is slow or dead holds a few of them at
//! most, one while it does not answer, so it delays no other. Knows nothing of how a router is asked.

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

/// A job that was begun.
pub(super) struct Taken {
    pub(super) job: Job,
    was_silent: bool,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Job>,
    running: HashMap<String, usize>,
    /// By router, whether it answered the last job that is done.
    answered: HashMap<String, bool>,
    busy: usize,
    /// With jobs of routers that did not answer the last time.
    silent: usize,
    closed: bool,
}

impl Inner {
    fn next(&mut self, workers: usize) -> Option<Taken> {
        let is_free = |job: &Job| {
            let running = self.running.get(&job.router.name).copied().unwrap_or_default();
            match self.answered.get(&job.router.name) {
                Some(true) => running < AT_ONCE,
                None => running == 0,
                // However many of them there are, half of the workers are for the others.
                Some(false) => running == 0 && self.silent < (workers / 2).max(1),
            }
        };
        let at = self.waiting.iter().position(is_free)?;
        let job = self.waiting.remove(at)?;
        let was_silent = self.answered.get(&job.router.name) == Some(&false);
        *self.running.entry(job.router.name.clone()).or_default() += 1;
        self.busy += 1;
        self.silent += usize::from(was_silent);
        Some(Taken { job, was_silent })
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
    pub(super) fn take(&self) -> Option<Taken> {
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

    /// A job that was taken is done, and whether its router has answered.
    pub(super) fn done(&self, taken: &Taken, answered: bool) {
        let router = &taken.job.router.name;
        let mut inner = self.lock();
        inner.busy -= 1;
        inner.silent -= usize::from(taken.was_silent);
        inner.answered.insert(router.clone(), answered);
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

    fn job(n: usize) -> Job {
        let router = Arc::new(RouterRecord { name: format!("r{n}"), ..RouterRecord::default() });
        Job { router, lines: Vec::new(), deadline: Deadline::after(Duration::ZERO) }
    }

    fn take_all(jobs: &Jobs) -> Vec<Taken> {
        std::iter::from_fn(|| jobs.lock().next(jobs.workers)).collect()
    }

    fn names(taken: &[Taken]) -> Vec<&str> {
        taken.iter().map(|taken| taken.job.router.name.as_str()).collect()
    }

    #[test]
    fn a_router_that_answers_takes_several_jobs_at_once_and_one_that_is_not_known_one() {
        let jobs = Jobs::new(20);
        jobs.put((0..12).map(|n| job(n % 2)));
        let first = take_all(&jobs);
        assert_eq!(names(&first), ["r0", "r1"]);
        jobs.done(&first[0], true);
        jobs.done(&first[1], false);
        assert_eq!(names(&take_all(&jobs)), ["r0", "r1", "r0", "r0", "r0"]);
    }

    #[test]
    fn routers_that_do_not_answer_leave_workers_for_the_others() {
        let jobs = Jobs::new(20);
        jobs.put((0..30).map(job));
        take_all(&jobs).iter().for_each(|taken| jobs.done(taken, false));
        // Their lines fall due again and again, and nobody answers for them.
        jobs.put((0..90).map(|n| job(n % 30)));
        let taken = take_all(&jobs);
        assert_eq!(taken.len(), 10);
        jobs.put([job(30)]);
        assert_eq!(names(&take_all(&jobs)), ["r30"]);
        // One that is done makes room for one.
        jobs.done(&taken[0], false);
        assert_eq!(take_all(&jobs).len(), 1);
    }
}
