//! Jobs that wait for a lane: those that a client waits for first, first come, first served; then those of batches, which go on
//! without a client; then pings that were carried on and stopped. Identical ones waiting at the same moment become one.

use super::job::Job;
use crate::deadline::Deadline;
use std::collections::VecDeque;

#[derive(Default)]
pub(super) struct Queue {
    asked: VecDeque<Job>,
    batched: VecDeque<Job>,
    later: VecDeque<Job>,
}

impl Queue {
    /// Adds a job, or its clients to a waiting one of the same kind that will be answered in time for them.
    pub(super) fn push(&mut self, mut job: Job) {
        if job.is_batched() {
            return self.batched.push_back(job);
        }
        // This job measures the same.
        self.later.retain(|later| later.ask != job.ask);
        match self.asked.iter_mut().find(|waiting| waiting.ask == job.ask && waiting.deadline <= job.deadline) {
            Some(waiting) => waiting.clients.append(&mut job.clients),
            None => self.asked.push_back(job),
        }
    }

    /// Jobs of batches that are wanted now go before those that earlier batches left: their lines may be gone.
    pub(super) fn prefer(&mut self, is_wanted: impl Fn(&Job) -> bool) {
        let (wanted, left): (VecDeque<Job>, VecDeque<Job>) = self.batched.drain(..).partition(is_wanted);
        self.batched = wanted;
        self.batched.extend(left);
    }

    /// A job whose session was cut goes before all others of its kind.
    pub(super) fn push_first(&mut self, job: Job) {
        let queue = if job.is_batched() { &mut self.batched } else { &mut self.asked };
        queue.push_front(job);
    }

    /// Adds a ping that no client waits for: it runs on a lane that has nothing else to do.
    pub(super) fn push_later(&mut self, job: Job) {
        if self.later.iter().all(|later| later.ask != job.ask) {
            self.later.push_back(job);
        }
    }

    pub(super) fn pop_later(&mut self) -> Option<Job> {
        self.later.pop_front()
    }

    pub(super) fn has_later(&self) -> bool {
        !self.later.is_empty()
    }

    /// The next job that is still wanted.
    pub(super) fn pop(&mut self) -> Option<Job> {
        loop {
            let mut job = self.asked.pop_front().or_else(|| self.batched.pop_front())?;
            if !job.is_abandoned() {
                return Some(job);
            }
            log::debug!("job dropped: its clients are gone");
        }
    }

    /// The number of jobs for which a lane is opened.
    pub(super) fn len(&self) -> usize {
        self.asked.len() + self.batched.len()
    }

    /// The number of jobs that clients wait for.
    pub(super) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// When the next waiting job runs out of time.
    pub(super) fn next_deadline(&self) -> Option<Deadline> {
        self.asked.iter().map(|job| job.deadline).min()
    }

    /// Takes out what ran out of time.
    pub(super) fn overdue(&mut self) -> Vec<Job> {
        let (overdue, waiting) = self.asked.drain(..).partition(|job| job.deadline.is_over());
        self.asked = waiting;
        Vec::from_iter::<VecDeque<Job>>(overdue)
    }

    pub(super) fn drain(&mut self) -> Vec<Job> {
        self.later.clear();
        self.asked.drain(..).chain(self.batched.drain(..)).collect()
    }
}
