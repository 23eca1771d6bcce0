//! Batches: which are open, and which of their jobs are in hand. A batch is answered when all its lines are done or its time is
//! over; its jobs go on. Knows nothing of queue and lanes.

use super::job::{Ask, Client, Job};
use super::results::{Handed, KEPT, Probes, Results};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::wire::{Answers, Batch, Reply};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(super) struct Batches {
    open: Vec<Open>,
    /// Queued or running; true where a batch that is not tied to its client asked for it: it goes on when that client leaves.
    in_hand: HashMap<Probes, bool>,
}

struct Open {
    client: Client,
    deadline: Deadline,
    lines: Vec<Probes>,
    answers: Vec<Option<Answers>>,
    /// Results that were handed to this batch alone.
    handed: Vec<(Probes, Instant)>,
    places: HashMap<Probes, Vec<usize>>,
    missing: usize,
    /// What it brings is not delivered by it.
    look: bool,
}

/// A batch that is to be answered now, outside of any lock.
pub(super) struct Done {
    client: Client,
    lines: Vec<Option<Answers>>,
    handed: Vec<(Probes, Instant)>,
}

impl Batches {
    /// Opens a batch and returns the jobs that it needs: not those that are in hand already, nor those whose result was not
    /// delivered yet; the oldest result first, so that no line starves. `refused` are lines that the platform cannot ask for.
    pub(super) fn open(
        &mut self,
        results: &mut Results,
        client: Client,
        deadline: Deadline,
        lines: Vec<Probes>,
        refused: Vec<(usize, Answers)>,
        look: bool,
    ) -> (Vec<Job>, Option<Done>) {
        let mut open = Open {
            client,
            deadline,
            answers: vec![None; lines.len()],
            handed: Vec::new(),
            places: HashMap::new(),
            missing: 0,
            look,
            lines,
        };
        for (place, answer) in refused {
            open.answers[place] = Some(answer);
        }
        let waiting = open.lines.iter().enumerate().filter(|(place, _)| open.answers[*place].is_none());
        for (place, probes) in waiting {
            open.places.entry(Arc::clone(probes)).or_default().push(place);
        }
        open.missing = open.places.values().map(Vec::len).sum();
        let (now, time) = (Instant::now(), deadline.remaining());
        let mut new = Vec::new();
        for probes in open.places.keys().cloned().collect::<Vec<_>>() {
            let known = if look { None } else { results.at_once(&probes, time, Duration::ZERO, now) };
            if let Some(known) = known {
                open.bring(&probes, known);
                continue;
            }
            let stays = self.in_hand.entry(Arc::clone(&probes)).or_insert_with(|| {
                new.push(Arc::clone(&probes));
                false
            });
            *stays |= !open.client.is_tied();
        }
        if results.len() > open.lines.len() + KEPT {
            results.forget_all_but(|probes| open.places.contains_key(probes) || self.in_hand.contains_key(probes));
        }
        // Lines without a result stay in the order of the request.
        new.sort_by_key(|probes| {
            (results.measured_at(probes), open.places.get(probes).and_then(|at| at.first().copied()))
        });
        self.open.push(open);
        (new.into_iter().map(Job::batched).collect(), self.take(|open| open.missing == 0).pop())
    }

    /// One job is done.
    pub(super) fn bring(&mut self, results: &mut Results, probes: &Probes, answers: &Answers) -> Vec<Done> {
        self.in_hand.remove(probes);
        let now = Instant::now();
        let waits = |open: &&mut Open| open.lacks(probes);
        let (looking, waiting): (Vec<_>, Vec<_>) = self.open.iter_mut().filter(waits).partition(|open| open.look);
        if waiting.is_empty() {
            results.keep(probes, answers, now);
        } else {
            let Handed { answers, at } = results.finished(probes, answers, now);
            for open in waiting {
                open.bring(probes, Handed { answers: answers.clone(), at });
            }
        }
        for open in looking {
            open.bring(probes, Handed { answers: answers.clone(), at: None });
        }
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
    pub(super) fn overdue(&mut self, results: &mut Results) -> Vec<Done> {
        let now = Instant::now();
        for open in self.open.iter_mut().filter(|open| open.deadline.is_over()) {
            for probes in open.places.keys().cloned().collect::<Vec<_>>() {
                let last = match open.look {
                    _ if !open.lacks(&probes) => None,
                    true => results.look(&probes, now),
                    false => results.last(&probes, now),
                };
                if let Some(last) = last {
                    open.bring(&probes, last);
                }
            }
        }
        self.take(|open| open.deadline.is_over())
    }

    /// The router cannot be asked: `dropped` are the jobs that waited. What an earlier batch did not bring is out of date now.
    pub(super) fn fail(&mut self, results: &mut Results, dropped: &[Job]) -> Vec<Done> {
        for job in dropped {
            if let Ask::Probes(probes) = &job.ask {
                self.in_hand.remove(probes);
            }
        }
        results.outdate();
        self.take(|_| true)
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

    fn take(&mut self, is_done: impl Fn(&Open) -> bool) -> Vec<Done> {
        let (done, open) = std::mem::take(&mut self.open).into_iter().partition(is_done);
        self.open = open;
        let done: Vec<Open> = done;
        let done = done.into_iter();
        done.map(|Open { client, answers, handed, .. }| Done { client, lines: answers, handed }).collect()
    }
}

impl Open {
    /// Whether this line has no answer yet.
    fn lacks(&self, probes: &Probes) -> bool {
        self.places.get(probes).into_iter().flatten().any(|place| self.answers[*place].is_none())
    }

    /// Takes the answers of one line; the first ones count.
    fn bring(&mut self, probes: &Probes, Handed { answers, at }: Handed) {
        for &place in self.places.get(probes).into_iter().flatten() {
            if self.answers[place].is_none() {
                self.missing -= 1;
                self.answers[place] = Some(answers.clone());
            }
        }
        self.handed.extend(at.map(|at| (Arc::clone(probes), at)));
    }
}

impl Done {
    /// Answers the client. Returns the results that it did not take.
    pub(super) fn answer(
        self,
        failure: Option<Failure>,
        lanes: usize,
        session_age: Option<f64>,
    ) -> Vec<(Probes, Instant)> {
        let reply = Reply::Batch(Batch { lines: self.lines, failure, lanes, session_age });
        if self.client.answer(&reply, &[]) { Vec::new() } else { self.handed }
    }

    /// This master is on its way out; another will do.
    pub(super) fn turn_away(self) {
        self.client.answer(&Reply::Leaving, &[]);
    }
}

#[cfg(test)]
mod tests;
