//! The lanes of a master as the others see them: who is free, who gets the next job, and when a further one is opened. Knows
//! nothing of what a lane says to its router.

use super::batches::Done;
use super::bell::Bell;
use super::job::{Ask, Client, Job, Purpose};
use super::lane::{End, Lane};
use super::{Inner, Master};
use crate::clock::now;
use crate::failure::{Failure, Kind, Stage};
use crate::probe::{Answer, Probe};
use crate::wire::{LaneStatus, LastFailure, Reply};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A lane's thread needs little: what is large is on the heap.
const STACK: usize = 512 << 10;
/// After a further lane could not log in, this long none is tried: its VTY is somebody else's.
const FURTHER_LANE_PAUSE: Duration = Duration::from_secs(60);
/// A ping that was stopped this often for other jobs is not run again.
const STOPPED: u8 = 3;

/// A lane as the others see it.
pub(super) struct Slot {
    id: usize,
    pub(super) state: LaneState,
    since: f64,
    /// When it had logged in.
    pub(super) opened: Option<Instant>,
    jobs: u64,
    pub(super) bell: Arc<Bell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneState {
    Login(Stage),
    Idle,
    Busy,
    /// Its clients have their answer, its prompt is not back yet: free in a moment.
    Recovering,
    /// A ping goes on after its clients were answered: free only if no other lane is available.
    CarryingOn,
    /// Nobody waits for what it does: free when it is rung for.
    Evidence,
    Closed,
}

/// A ping that is carried on.
pub(super) struct CarriedOn {
    lane: usize,
    /// The router has begun to answer, so clients may join. Before that it may never answer.
    has_begun: bool,
    /// Clients that have joined and that its lane has not taken over yet.
    joined: Vec<Client>,
}

/// Something to run while nobody wants the lane, about a line.
pub(super) struct Due {
    pub(super) line: Arc<[Probe]>,
    pub(super) probe: Probe,
    pub(super) job: Job,
}

impl Slot {
    /// A lane that is only waiting for a quiet moment to take evidence is not idle.
    pub(super) fn status(&self, evidence: bool) -> LaneStatus {
        let state = if evidence && self.state == LaneState::Idle { LaneState::Evidence } else { self.state };
        LaneStatus { state: state.name().to_owned(), since: self.since, jobs: self.jobs }
    }
}

impl LaneState {
    fn name(self) -> &'static str {
        match self {
            Self::Login(_) => "login",
            Self::Idle => "idle",
            Self::Busy | Self::CarryingOn => "busy",
            Self::Recovering => "recovering",
            Self::Evidence => "evidence",
            Self::Closed => "closed",
        }
    }
}

impl Master {
    /// Puts a job back whose session was cut.
    pub(super) fn again(&self, mut job: Job) {
        let mut inner = self.inner();
        inner.no_longer_carried_on(&mut job);
        if inner.leaving {
            drop(inner);
            job.answer(&Reply::Leaving, Vec::new());
        } else if job.is_carried_on() && job.clients.is_empty() {
            inner.queue.push_later(job);
        } else if job.is_carried_on() {
            inner.queue.push_first(job.ask_again());
        } else {
            inner.queue.push_first(job);
        }
    }

    /// Queues a ping that was stopped while it was carried on: it runs again when a lane has nothing else to do.
    pub(super) fn run_later(&self, mut job: Job) {
        let mut inner = self.inner();
        inner.no_longer_carried_on(&mut job);
        job.stopped += 1;
        if !job.clients.is_empty() {
            inner.queue.push(job.ask_again());
        } else if job.stopped < STOPPED {
            inner.queue.push_later(job);
        }
    }

    /// Notes that a lane's ping goes on after its clients were answered. Returns false if another ping of the same line does
    /// already.
    pub(super) fn carry_on(self: &Arc<Self>, lane: usize, probes: &Arc<[Probe]>, has_begun: bool) -> bool {
        let mut inner = self.inner();
        if inner.carried_on.contains_key(probes) {
            return false;
        }
        inner.carried_on.insert(Arc::clone(probes), CarriedOn { lane, has_begun, joined: Vec::new() });
        inner.set_lane(lane, LaneState::CarryingOn);
        self.dispatch(&mut inner);
        true
    }

    pub(super) fn carried_on_has_begun(&self, ask: &Ask) {
        if let Ask::Probes(probes) = ask
            && let Some(carried_on) = self.inner().carried_on.get_mut(probes)
        {
            carried_on.has_begun = true;
        }
    }

    /// Takes the clients that asked for the same line while its ping was carried on.
    pub(super) fn joined(&self, ask: &Ask) -> Vec<Client> {
        let Ask::Probes(probes) = ask else { return Vec::new() };
        let mut inner = self.inner();
        inner.carried_on.get_mut(probes).map(|carried_on| std::mem::take(&mut carried_on.joined)).unwrap_or_default()
    }

    /// Whether this lane must stop the ping that it carries on: a client waits, and no other lane is available.
    pub(super) fn must_give_way(&self, lane: usize) -> bool {
        let mut inner = self.inner();
        let needed = inner.leaving || inner.retiring || inner.needs_carrying_lane(self.most_lanes());
        if needed {
            inner.set_lane(lane, LaneState::Recovering);
        }
        needed
    }

    fn most_lanes(&self) -> usize {
        self.start.settings.master.lanes.max(1)
    }

    /// Rings as many idle lanes as jobs wait, or opens one where that is allowed: the first at once, a further one only after
    /// another has logged in, and only while jobs wait that nobody is free for.
    pub(super) fn dispatch(self: &Arc<Self>, inner: &mut Inner) {
        if inner.queue.len() == 0 && inner.queue.has_later() {
            inner.lanes.iter().filter(|slot| slot.state == LaneState::Idle).take(1).for_each(|slot| slot.bell.ring());
        }
        if inner.queue.len() == 0 || inner.leaving {
            return;
        }
        if inner.needs_carrying_lane(self.most_lanes()) {
            let carrying = inner.lanes.iter().filter(|slot| slot.state == LaneState::CarryingOn);
            carrying.for_each(|slot| slot.bell.ring());
        }
        let in_state = |state| inner.lanes.iter().filter(move |slot| slot.state == state);
        let ready = in_state(LaneState::Idle).chain(in_state(LaneState::Evidence));
        ready.take(inner.queue.len()).for_each(|slot| slot.bell.ring());
        let open = inner.open_lanes();
        if inner.logging_in() > 0 || inner.free_lanes() >= inner.queue.len() || !inner.may_open(self.most_lanes()) {
            return;
        }
        if let Err(e) = self.open_lane(inner) {
            let failure = Failure::new(Kind::Internal, Stage::Connect, format!("starting a lane: {e}"));
            log::error!(router:% = self.router(), error:% = e; "lane not started");
            if open == 0 {
                let jobs = inner.queue.drain();
                let batches = inner.fail_batches(&jobs);
                jobs.into_iter().for_each(|job| job.fail(&failure, Vec::new()));
                for batch in batches {
                    batch.answer(Some(failure.clone()), 0, None);
                }
            }
        }
    }

    fn open_lane(self: &Arc<Self>, inner: &mut Inner) -> io::Result<()> {
        let id = inner.next_lane;
        let bell = Arc::new(Bell::new()?);
        let lane = Lane::new(Arc::clone(self), id, Arc::clone(&bell));
        std::thread::Builder::new().name(format!("lane {id}")).stack_size(STACK).spawn(move || lane.live())?;
        inner.next_lane += 1;
        inner.lanes.push(Slot {
            id,
            state: LaneState::Login(Stage::Connect),
            since: now(),
            opened: None,
            jobs: 0,
            bell,
        });
        Ok(())
    }

    /// The next job for a lane, which is busy then, or else idle.
    pub(super) fn take(&self, lane: usize, bell: &Arc<Bell>) -> Option<Job> {
        let mut inner = self.inner();
        inner.batches.abandon();
        let mut job = if inner.leaving { None } else { inner.queue.pop() };
        while job.as_ref().is_some_and(|job| !inner.batches.is_in_hand(job)) {
            job = inner.queue.pop();
        }
        let mut state = if job.is_some() { LaneState::Busy } else { LaneState::Idle };
        if job.is_none() && !inner.are_lanes_wanted() {
            job = inner.queue.pop_later();
            if let Some(Job { ask: Ask::Probes(probes), purpose, .. }) = &mut job {
                *purpose = Purpose::CarriedOn { lane, bell: Arc::clone(bell) };
                inner.carried_on.insert(Arc::clone(probes), CarriedOn { lane, has_begun: false, joined: Vec::new() });
                state = LaneState::CarryingOn;
            }
        }
        inner.set_lane(lane, state);
        job
    }

    /// When an idle lane may look for evidence to take; None while there is none.
    pub(super) fn evidence_due(&self) -> Option<Instant> {
        let inner = self.inner();
        if inner.are_lanes_wanted() { None } else { inner.evidence.due(inner.last_job) }
    }

    /// What an idle lane may do until it is wanted.
    pub(super) fn take_evidence(&self, lane: usize, bell: &Arc<Bell>) -> Option<Due> {
        let mut inner = self.inner();
        let is_due = inner.evidence.due(inner.last_job).is_some_and(|due| due <= Instant::now());
        if inner.are_lanes_wanted() || !is_due {
            return None;
        }
        let (line, probe) = inner.evidence.next()?;
        inner.set_lane(lane, LaneState::Evidence);
        let job = Job::evidence(probe.clone(), Arc::clone(bell));
        Some(Due { line, probe, job })
    }

    pub(super) fn found(&self, line: &Arc<[Probe]>, answer: Answer, hurried: bool) {
        self.inner().evidence.found(line, answer, hurried);
    }

    /// The lane that was to give way is slow to do so: another one may be faster.
    pub(super) fn ring_for_evidence(&self) {
        let inner = self.inner();
        inner.lanes.iter().filter(|slot| slot.state == LaneState::Evidence).for_each(|slot| slot.bell.ring());
    }

    /// It has cost a session.
    pub(super) fn pause_evidence(&self) {
        log::warn!(router:% = self.router(); "session lost over a traceroute, none for a while");
        self.inner().evidence.pause();
    }

    /// A lane that does what nobody waits for is to leave that.
    pub(super) fn wants_lanes(&self) -> bool {
        self.inner().are_lanes_wanted()
    }

    /// Marks an idle lane closed, so that the next job opens another; false when a job came in the meantime.
    pub(super) fn close_lane(&self, lane: usize) -> bool {
        let mut inner = self.inner();
        if inner.queue.len() > 0 && !inner.leaving {
            return false;
        }
        inner.set_lane(lane, LaneState::Closed);
        true
    }

    pub(super) fn lane_state(&self, lane: usize, state: LaneState) {
        self.inner().set_lane(lane, state);
    }

    /// A lane that does not find back to its prompt at once is not waited for.
    pub(super) fn lane_stuck(self: &Arc<Self>, lane: usize) {
        let mut inner = self.inner();
        inner.set_lane(lane, LaneState::Busy);
        self.dispatch(&mut inner);
    }

    pub(super) fn lane_ready(self: &Arc<Self>, lane: usize) {
        let mut inner = self.inner();
        inner.set_lane(lane, LaneState::Idle);
        if let Some(slot) = inner.lanes.iter_mut().find(|slot| slot.id == lane) {
            slot.opened = Some(Instant::now());
        }
        inner.no_further_lane_until = None;
        // One job is this lane's; more may be worth another.
        self.dispatch(&mut inner);
    }

    /// Adds a job's clients to the ping of its line that is carried on. Returns the job if there is no such ping.
    pub(super) fn join(&self, inner: &mut Inner, mut job: Job) -> Option<Job> {
        let carried_on = match &job.ask {
            Ask::Probes(probes) => inner.carried_on.get_mut(probes),
            Ask::Command(_) => None,
        };
        let Some(carried_on) = carried_on.filter(|carried_on| carried_on.has_begun) else { return Some(job) };
        carried_on.joined.append(&mut job.clients);
        inner.lanes.iter().filter(|slot| slot.id == carried_on.lane).for_each(|slot| slot.bell.ring());
        None
    }

    pub(super) fn lane_worked(&self, lane: usize) {
        let mut inner = self.inner();
        inner.last_job = Instant::now();
        if let Some(slot) = inner.lanes.iter_mut().find(|slot| slot.id == lane) {
            slot.jobs += 1;
        }
    }

    /// Records a failed login, unless other lanes live: then the router is well, and only this further lane is not to be had.
    pub(super) fn login_failed(&self, lane: usize, failure: &Failure) -> io::Result<()> {
        let others = self.inner().lanes.iter().any(|slot| slot.id != lane);
        if others && failure.kind != Kind::Auth {
            return Ok(());
        }
        self.logins.failed(&self.login_id, failure)
    }

    pub(super) fn lane_ended(self: &Arc<Self>, lane: usize, end: End) {
        let mut inner = self.inner();
        inner.lanes.retain(|slot| slot.id != lane);
        let others = !inner.lanes.is_empty();
        match end {
            End::Quiet | End::Lost | End::Panicked(_) => self.dispatch(&mut inner),
            End::Login(failure, said) => {
                inner.last_failure = Some(LastFailure { failure: failure.clone(), time: now() });
                if others {
                    inner.no_further_lane_until = Some(Instant::now() + FURTHER_LANE_PAUSE);
                    // The other lanes now run the jobs that it was opened for.
                    self.dispatch(&mut inner);
                } else {
                    let jobs = inner.queue.drain();
                    let batches = inner.fail_batches(&jobs);
                    // What opens a router is out of date: the next poll brings it anew.
                    inner.leaving |= failure.kind == Kind::Auth;
                    drop(inner);
                    jobs.into_iter().for_each(|job| job.fail(&failure, said.clone()));
                    self.answer_batches(batches, Some(&failure));
                }
            }
        }
        self.bell.ring();
    }
}

impl Inner {
    /// Forgets that the job's ping is carried on; the clients that joined it are the job's now.
    pub(super) fn no_longer_carried_on(&mut self, job: &mut Job) {
        if let (true, Ask::Probes(probes)) = (job.is_carried_on(), &job.ask)
            && let Some(carried_on) = self.carried_on.remove(probes)
        {
            job.clients.extend(carried_on.joined);
        }
    }

    pub(super) fn fail_batches(&mut self, jobs: &[Job]) -> Vec<Done> {
        self.batches.fail(&mut self.results, jobs)
    }

    /// More clients wait than lanes are free or about to be, and no further one may be opened.
    fn needs_carrying_lane(&self, most: usize) -> bool {
        self.queue.asked() > self.free_lanes() + self.logging_in() && !self.may_open(most)
    }

    fn free_lanes(&self) -> usize {
        let is_free =
            |slot: &&Slot| matches!(slot.state, LaneState::Idle | LaneState::Recovering | LaneState::Evidence);
        self.lanes.iter().filter(is_free).count()
    }

    fn logging_in(&self) -> usize {
        self.lanes.iter().filter(|slot| matches!(slot.state, LaneState::Login(_))).count()
    }

    fn open_lanes(&self) -> usize {
        self.lanes.iter().filter(|slot| slot.state != LaneState::Closed).count()
    }

    fn may_open(&self, most: usize) -> bool {
        let open = self.open_lanes();
        let paused = self.no_further_lane_until.is_some_and(|until| Instant::now() < until);
        open < most && (open == 0 || !paused)
    }

    fn are_lanes_wanted(&self) -> bool {
        self.queue.len() > 0 || self.leaving || self.retiring
    }

    fn set_lane(&mut self, lane: usize, state: LaneState) {
        if let Some(slot) = self.lanes.iter_mut().find(|slot| slot.id == lane) {
            if slot.state.name() != state.name() {
                slot.since = now();
            }
            slot.state = state;
        }
    }
}
