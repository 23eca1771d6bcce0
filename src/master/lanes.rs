//! The lanes of a master as the others see them: who is free, who gets the next job, and when a further one is opened. Knows
//! nothing of what a lane says to its router.

use super::bell::Bell;
use super::job::Job;
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
    /// Nobody waits for what it does: free when it is rung for.
    Evidence,
    Closed,
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
            Self::Busy => "busy",
            Self::Recovering => "recovering",
            Self::Evidence => "evidence",
            Self::Closed => "closed",
        }
    }
}

impl Master {
    /// Puts a job back whose session was cut.
    pub(super) fn again(&self, job: Job) {
        let mut inner = self.inner();
        if inner.leaving {
            drop(inner);
            job.answer(&Reply::Leaving, Vec::new());
            return;
        }
        inner.queue.push_first(job);
    }

    /// Rings as many idle lanes as jobs wait, or opens one where that is allowed: the first at once, a further one only after
    /// another has logged in, and only while jobs wait that nobody is free for.
    pub(super) fn dispatch(self: &Arc<Self>, inner: &mut Inner) {
        if inner.queue.len() == 0 || inner.leaving {
            return;
        }
        let in_state = |state| inner.lanes.iter().filter(move |slot| slot.state == state);
        let ready = in_state(LaneState::Idle).chain(in_state(LaneState::Evidence));
        ready.take(inner.queue.len()).for_each(|slot| slot.bell.ring());
        let is_free =
            |slot: &&Slot| matches!(slot.state, LaneState::Idle | LaneState::Recovering | LaneState::Evidence);
        let free = inner.lanes.iter().filter(is_free).count();
        let logging_in = inner.lanes.iter().any(|slot| matches!(slot.state, LaneState::Login(_)));
        let open = inner.lanes.iter().filter(|slot| slot.state != LaneState::Closed).count();
        let paused = inner.no_further_lane_until.is_some_and(|until| Instant::now() < until);
        if logging_in
            || free >= inner.queue.len()
            || open >= self.start.settings.master.lanes.max(1)
            || (open > 0 && paused)
        {
            return;
        }
        if let Err(e) = self.open_lane(inner) {
            let failure = Failure::new(Kind::Internal, Stage::Connect, format!("starting a lane: {e}"));
            log::error!(router:% = self.router(), error:% = e; "lane not started");
            if open == 0 {
                let jobs = inner.queue.drain();
                let batches = inner.batches.fail(&jobs);
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
    pub(super) fn take(&self, lane: usize) -> Option<Job> {
        let mut inner = self.inner();
        inner.batches.abandon();
        let mut job = if inner.leaving { None } else { inner.queue.pop() };
        while job.as_ref().is_some_and(|job| !inner.batches.is_in_hand(job)) {
            job = inner.queue.pop();
        }
        let state = if job.is_some() { LaneState::Busy } else { LaneState::Idle };
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
                } else {
                    let jobs = inner.queue.drain();
                    let batches = inner.batches.fail(&jobs);
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
