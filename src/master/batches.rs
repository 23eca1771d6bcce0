//! Batches: which are open, which of their jobs are in hand, and what came of each list of probes last. A batch is answered
//! when all its lines are done or its time is over; its jobs go on. Knows nothing of queue and lanes.

use super::job::{Ask, Client, Job};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::probe::Probe;
use crate::wire::{Answers, Batch, Reply, Session};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Results kept beyond those of the batch at hand, whose lines may have left the inventory.
const KEPT: usize = 4096;

type Probes = Arc<[Probe]>;

#[derive(Default)]
pub(super) struct Batches {
    open: Vec<Open>,
    /// Queued or running; true where a batch asked for it that is not tied to its client: then it goes on whoever leaves.
    in_hand: HashMap<Probes, bool>,
    last: HashMap<Probes, Last>,
}

struct Open {
    client: Client,
    deadline: Deadline,
    lines: Vec<Probes>,
    /// What came since it was opened.
    answers: Vec<Option<Answers>>,
    places: HashMap<Probes, Vec<usize>>,
    missing: usize,
    /// What it brings is not delivered by it.
    look: bool,
}

struct Last {
    /// When the answers were asked for.
    at: Instant,
    answers: Answers,
    /// A client has it.
    delivered: bool,
}

/// A batch that is to be answered now, outside of any lock.
pub(super) struct Done {
    client: Client,
    lines: Vec<Option<Answers>>,
    fresh: Vec<(Probes, Instant)>,
}

impl Batches {
    /// Opens a batch and says which jobs it needs: not those that are in hand already; the oldest result first, so that no
    /// line starves. `refused` are lines that the platform cannot ask for.
    pub(super) fn open(
        &mut self,
        client: Client,
        deadline: Deadline,
        lines: Vec<Probes>,
        refused: Vec<(usize, Answers)>,
        look: bool,
    ) -> (Vec<Job>, Option<Done>) {
        let mut answers = vec![None; lines.len()];
        for (place, answer) in refused {
            answers[place] = Some(answer);
        }
        let mut places: HashMap<Probes, Vec<usize>> = HashMap::new();
        let mut new = Vec::new();
        for (place, probes) in lines.iter().enumerate().filter(|(place, _)| answers[*place].is_none()) {
            places.entry(Arc::clone(probes)).or_default().push(place);
            let stays = self.in_hand.entry(Arc::clone(probes)).or_insert_with(|| {
                new.push(Arc::clone(probes));
                false
            });
            *stays |= !client.is_tied();
        }
        if self.last.len() > lines.len() + KEPT {
            self.last.retain(|probes, _| places.contains_key(probes) || self.in_hand.contains_key(probes));
        }
        new.sort_by_key(|probes| self.last.get(probes).map(|last| last.at));
        let missing = places.values().map(Vec::len).sum();
        self.open.push(Open { client, deadline, lines, answers, places, missing, look });
        (new.into_iter().map(Job::batched).collect(), self.take(|open| open.missing == 0).pop())
    }

    /// One job is done.
    pub(super) fn bring(&mut self, probes: &Probes, answers: &Answers) -> Vec<Done> {
        self.in_hand.remove(probes);
        let now = Instant::now();
        let at = now.checked_sub(Duration::from_secs_f64(answers.elapsed)).unwrap_or(now);
        let last = Last { at, answers: Answers { conversation: Vec::new(), ..answers.clone() }, delivered: false };
        for open in &mut self.open {
            for &place in open.places.get(probes).into_iter().flatten() {
                open.missing -= usize::from(open.answers[place].is_none());
                open.answers[place] = Some(last.answers.clone());
            }
        }
        self.last.insert(Arc::clone(probes), last);
        self.take(|open| open.missing == 0)
    }

    /// Forgets batches whose clients went away and are not coming back, and the jobs that only they wanted.
    pub(super) fn abandon(&mut self) {
        if !self.open.iter().any(|open| open.client.has_left_its_batch()) {
            return;
        }
        let (gone, open): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.open).into_iter().partition(|open| open.client.has_left_its_batch());
        self.open = open;
        for probes in gone.iter().flat_map(|open| open.places.keys()) {
            let is_wanted = self.open.iter().any(|open| open.places.contains_key(probes));
            if !is_wanted && self.in_hand.get(probes) == Some(&false) {
                self.in_hand.remove(probes);
            }
        }
    }

    /// Somebody still wants this job of a batch, or will come for it.
    pub(super) fn is_in_hand(&self, job: &Job) -> bool {
        match &job.ask {
            Ask::Probes(probes) if job.is_batched() => self.in_hand.contains_key(probes),
            _ => true,
        }
    }

    /// Batches whose time is over. What is not done carries its last result.
    pub(super) fn overdue(&mut self) -> Vec<Done> {
        for open in self.open.iter_mut().filter(|open| open.deadline.is_over()) {
            for (answer, probes) in open.answers.iter_mut().zip(&open.lines).filter(|(answer, _)| answer.is_none()) {
                *answer = self.last.get(probes).map(Last::again);
            }
        }
        self.take(|open| open.deadline.is_over())
    }

    /// The router cannot be asked: `dropped` are the jobs that waited. What an earlier batch did not bring is out of date now.
    pub(super) fn fail(&mut self, dropped: &[Job]) -> Vec<Done> {
        for job in dropped {
            if let Ask::Probes(probes) = &job.ask {
                self.in_hand.remove(probes);
            }
        }
        let done = self.take(|_| true);
        self.last.values_mut().for_each(|last| last.delivered = true);
        done
    }

    /// A batch that is open waits for this job.
    pub(super) fn wants(&self, job: &Job) -> bool {
        match &job.ask {
            Ask::Probes(probes) => self.open.iter().any(|open| open.places.contains_key(probes)),
            Ask::Command(_) => false,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Deadline> {
        self.open.iter().map(|open| open.deadline).min()
    }

    /// A client has these.
    pub(super) fn delivered(&mut self, fresh: &[(Probes, Instant)]) {
        for (probes, at) in fresh {
            if let Some(last) = self.last.get_mut(probes).filter(|last| last.at == *at) {
                last.delivered = true;
            }
        }
    }

    fn take(&mut self, is_done: impl Fn(&Open) -> bool) -> Vec<Done> {
        let (done, open) = std::mem::take(&mut self.open).into_iter().partition(is_done);
        self.open = open;
        let done: Vec<Open> = done;
        done.into_iter()
            .map(|Open { client, lines, answers, look, .. }| {
                let fresh = lines.iter().zip(&answers).filter(|(_, answer)| answer.is_some() && !look);
                let fresh = fresh.filter_map(|(probes, _)| Some((Arc::clone(probes), self.last.get(probes)?.at)));
                Done { client, fresh: fresh.collect(), lines: answers }
            })
            .collect()
    }
}

impl Last {
    fn again(&self) -> Answers {
        let session = if self.delivered { Session::Cached } else { self.answers.session };
        Answers { age: self.at.elapsed().as_secs_f64(), session, ..self.answers.clone() }
    }
}

impl Done {
    /// The lines that it brought, once its client has them.
    pub(super) fn answer(
        self,
        failure: Option<Failure>,
        lanes: usize,
        session_age: Option<f64>,
    ) -> Vec<(Probes, Instant)> {
        let reply = Reply::Batch(Batch { lines: self.lines, failure, lanes, session_age });
        if self.client.answer(&reply, &[]) { self.fresh } else { Vec::new() }
    }

    /// This master is on its way out; another will do.
    pub(super) fn turn_away(self) {
        self.client.answer(&Reply::Leaving, &[]);
    }
}

#[cfg(test)]
mod tests;
