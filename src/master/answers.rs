//! What clients and batches get: fresh answers, those that an earlier run left, or what is certain when their time is over.

use super::batches::Done;
use super::job::{Ask, Client, Job};
use super::lanes::LaneState;
use super::results::{self, Handed, Probes, is_whole};
use super::{Inner, Master};
use crate::clock::now;
use crate::failure::{Failure, Kind, Stage};
use crate::probe::{Answer, Probe};
use crate::wire::{Answers, LastFailure, Reply, Said};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Master {
    pub(super) fn answer_batches(&self, done: impl IntoIterator<Item = Done>, failure: Option<&Failure>) {
        for done in done {
            let inner = self.inner();
            let opened: Vec<Instant> = inner.lanes.iter().filter_map(|slot| slot.opened).collect();
            drop(inner);
            let age = opened.iter().min().map(|opened| opened.elapsed().as_secs_f64());
            let left = done.answer(failure.cloned(), opened.len(), age);
            let mut inner = self.inner();
            left.iter().for_each(|(probes, at)| inner.results.put_back(probes, *at));
        }
    }

    /// Fails a job that no lane can run.
    pub(super) fn fail(&self, mut job: Job, failure: &Failure) {
        self.inner().no_longer_carried_on(&mut job);
        if let (true, Ask::Probes(probes)) = (job.is_batched(), &job.ask) {
            self.bring(probes, &Answers::failed(probes, failure, now()));
        }
        job.fail(failure, Vec::new());
    }

    /// Answers jobs that waited too long, with the stage that the login has reached, and batches with what there is.
    pub(super) fn answer_overdue(&self) {
        let mut inner = self.inner();
        let overdue = inner.queue.overdue();
        let Inner { batches, results, .. } = &mut *inner;
        let batches = batches.overdue(results);
        let logged_in = inner.lanes.iter().any(|slot| slot.opened.is_some());
        let login = inner.lanes.iter().find_map(|slot| match slot.state {
            LaneState::Login(stage) => Some(stage),
            _ => None,
        });
        drop(inner);
        if overdue.is_empty() && batches.is_empty() {
            return;
        }
        let router = self.router();
        let failure = match login {
            Some(stage) => Failure::new(
                Kind::Deadline,
                stage,
                format!(
                    "router {router}: login did not finish in time ({}); it goes on in the background",
                    stage.missing()
                ),
            ),
            None => Failure::new(
                Kind::Deadline,
                Stage::Probe,
                format!("router {router}: all lanes were busy; see master.lanes"),
            ),
        };
        for job in overdue {
            match &job.ask {
                Ask::Probes(probes) if login.is_none() => {
                    self.answer_due(probes, Answers::failed(probes, &failure, now()), job.clients, &[]);
                }
                _ => job.fail(&failure, Vec::new()),
            }
        }
        self.answer_batches(batches, Some(&failure).filter(|_| !logged_in));
    }

    pub(super) fn young(&self, probes: &[Probe], max_age: Duration) -> Option<Answers> {
        if max_age.is_zero() {
            return None;
        }
        self.inner().history.young(probes, max_age)
    }

    /// Hands a line's answers over, with the traceroute since its last answer. `hand` returns whether a client took them.
    pub(super) fn deliver(&self, probes: &[Probe], mut answers: Answers, hand: impl FnOnce(Answers) -> bool) {
        let evidence = self.inner().evidence.take(probes);
        answers.answers.extend(evidence.clone());
        if !hand(answers)
            && let Some(evidence) = evidence
        {
            self.inner().evidence.put_back(probes, evidence);
        }
    }

    /// Answers a poll that needs no ping: its line has a result that was not delivered yet. Returns the client otherwise.
    pub(super) fn answer_at_once(
        &self,
        probes: &[Probe],
        available: Duration,
        max_age: Duration,
        client: Client,
    ) -> Option<Client> {
        let mut inner = self.inner();
        let Some(handed) = inner.results.at_once(probes, available, max_age, Instant::now()) else {
            return Some(client);
        };
        let evidence = inner.evidence.take(probes);
        drop(inner);
        self.hand(probes, handed, evidence, vec![client], &[]);
        None
    }

    /// Answers the clients of a finished job with its answers, or with those that an earlier run left. The answers of a batch's
    /// job go to the batches that wait for them.
    pub(super) fn done(self: &Arc<Self>, probes: &Probes, answers: Answers, mut job: Job, said: &[Said]) {
        let mut inner = self.inner();
        inner.no_longer_carried_on(&mut job);
        if job.is_carried_on() && !job.clients.is_empty() && results::says_little(&answers) {
            // The clients that joined it still have time.
            inner.queue.push(job.ask_again());
            return self.dispatch(&mut inner);
        }
        drop(inner);
        if job.is_batched() {
            return self.deliver(probes, answers, |answers| {
                self.remember(probes, &answers);
                self.bring(probes, &answers);
                true
            });
        }
        // The traceroute since the line's last answer, not the one that this answer may start.
        let evidence = if job.clients.is_empty() { None } else { self.inner().evidence.take(probes) };
        self.remember(probes, &answers);
        let (mut inner, now) = (self.inner(), Instant::now());
        let handed = match is_whole(&answers) {
            true if job.clients.is_empty() => return inner.results.keep(probes, &answers, now),
            true => inner.results.finished(probes, &answers, now),
            false => inner.results.unfinished(probes, answers, now),
        };
        drop(inner);
        self.hand(probes, handed, evidence, job.clients, said);
    }

    /// Passes the answers of a batch's job to the batches that wait for them.
    fn bring(&self, probes: &Probes, answers: &Answers) {
        let mut inner = self.inner();
        let Inner { batches, results, .. } = &mut *inner;
        let done = batches.bring(results, probes, answers);
        drop(inner);
        self.answer_batches(done, None);
    }

    /// Answers clients whose time is over with the result that an earlier run left, or with what is certain so far.
    pub(super) fn answer_due(&self, probes: &Probes, so_far: Answers, clients: Vec<Client>, said: &[Said]) {
        let handed = self.inner().results.unfinished(probes, so_far, Instant::now());
        self.note_failure(&handed.answers);
        let evidence = self.inner().evidence.take(probes);
        self.hand(probes, handed, evidence, clients, said);
    }

    fn hand(
        &self,
        probes: &[Probe],
        Handed { mut answers, at }: Handed,
        evidence: Option<Answer>,
        clients: Vec<Client>,
        said: &[Said],
    ) {
        answers.answers.extend(evidence.clone());
        let reply = Reply::Answers(answers);
        if clients.into_iter().filter_map(|client| client.answer(&reply, said).then_some(())).count() > 0 {
            return;
        }
        let mut inner = self.inner();
        if let Some(evidence) = evidence {
            inner.evidence.put_back(probes, evidence);
        }
        if let Some(at) = at {
            inner.results.put_back(probes, at);
        }
    }

    fn note_failure(&self, answers: &Answers) {
        if let Some(failure) = answers.answers.iter().find_map(Answer::own_failure) {
            self.inner().last_failure = Some(LastFailure { failure: failure.clone(), time: now() });
        }
    }

    /// Keeps the answers for later polls and for the traceroute.
    fn remember(&self, probes: &Probes, answers: &Answers) {
        self.note_failure(answers);
        let mut inner = self.inner();
        inner.evidence.measured(probes, answers);
        inner.history.keep(Arc::clone(probes), answers);
    }
}
