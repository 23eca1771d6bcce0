//! Jobs that wait for a lane, first come, first served. Identical ones waiting at the same moment become one.

use super::job::Job;
use crate::deadline::Deadline;
use std::collections::VecDeque;

#[derive(Default)]
pub(super) struct Queue(VecDeque<Job>);

impl Queue {
    /// Adds a job, or its clients to a waiting one of the same kind that will be answered in time for them.
    pub(super) fn push(&mut self, mut job: Job) {
        match self.0.iter_mut().find(|waiting| waiting.ask == job.ask && waiting.deadline <= job.deadline) {
            Some(waiting) => waiting.clients.append(&mut job.clients),
            None => self.0.push_back(job),
        }
    }

    /// A job whose session was cut goes before all others.
    pub(super) fn push_first(&mut self, job: Job) {
        self.0.push_front(job);
    }

    /// The next job that somebody still waits for.
    pub(super) fn pop(&mut self) -> Option<Job> {
        loop {
            let mut job = self.0.pop_front()?;
            if !job.is_abandoned() {
                return Some(job);
            }
            log::debug!("job dropped: its clients are gone");
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// When the next waiting job runs out of time.
    pub(super) fn next_deadline(&self) -> Option<Deadline> {
        self.0.iter().map(|job| job.deadline).min()
    }

    /// Takes out what ran out of time.
    pub(super) fn overdue(&mut self) -> Vec<Job> {
        let (overdue, waiting) = self.0.drain(..).partition(|job| job.deadline.is_over());
        self.0 = waiting;
        Vec::from_iter::<VecDeque<Job>>(overdue)
    }

    pub(super) fn drain(&mut self) -> Vec<Job> {
        self.0.drain(..).collect()
    }
}
