//! The background process of one router: listens on its socket, queues what clients ask, keeps the lanes that do it, and
//! leaves when nobody asked for long. Crash-only: whatever it holds, the kernel frees.

mod conversation;
mod history;
pub mod hold_down;
mod job;
mod lane;
mod listener;
mod place;
mod queue;
mod run;
mod terminal;

use crate::deadline::Deadline;
use crate::descriptors;
use crate::failure::{Failure, Kind, Stage};
use crate::launch::{READY, Start};
use crate::platform::{Definition, Platform};
use crate::probe::Probe;
use crate::state::State;
use crate::wire::{Answers, LaneStatus, LastFailure, Said, Status};
use anyhow::{Context, Result};
use conversation::now;
use history::History;
use hold_down::Logins;
use job::Job;
use lane::{End, Lane};
use place::Place;
use queue::Queue;
use rustix::event::{EventfdFlags, eventfd};
use std::borrow::Cow;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A lane's thread needs little: what is large is on the heap.
const STACK: usize = 512 << 10;
/// Lanes have this long to log out when the master leaves.
const FAREWELL: Duration = Duration::from_secs(4);
/// After a further lane could not log in, this long none is tried: its VTY is somebody else's.
const FURTHER_LANE_PAUSE: Duration = Duration::from_secs(60);
/// How often the place in the state directory is looked at while no lane wakes up for its keepalive.
const PLACE_CHECK: Duration = Duration::from_secs(30);

/// What listener and lanes share.
pub(crate) struct Master {
    start: Start,
    platform: Platform,
    logins: Logins,
    place: Place,
    /// Wakes the listener.
    bell: OwnedFd,
    inner: Mutex<Inner>,
}

struct Inner {
    queue: Queue,
    lanes: Vec<Slot>,
    next_lane: usize,
    history: History,
    since: f64,
    last_job: Instant,
    last_failure: Option<LastFailure>,
    no_further_lane_until: Option<Instant>,
    leaving: bool,
    /// Clients that asked us to stop; their connection ends with the process.
    farewells: Vec<UnixStream>,
}

/// A lane as the others see it.
struct Slot {
    id: usize,
    state: LaneState,
    since: f64,
    jobs: u64,
    bell: Arc<OwnedFd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LaneState {
    Login(Stage),
    Idle,
    Busy,
    /// Its clients have their answer, its prompt is not back yet: free in a moment.
    Recovering,
    Closed,
}

impl LaneState {
    fn name(self) -> &'static str {
        match self {
            Self::Login(_) => "login",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Recovering => "recovering",
            Self::Closed => "closed",
        }
    }
}

/// The life of a master; returns when it leaves. What goes wrong before `ready` is said on stdout, as a failure document.
pub fn run(mut start: Start, state: &State) -> Result<()> {
    let text = Cow::Owned(std::mem::take(&mut start.definition));
    let platform = Platform::compile(&Definition { name: start.platform.clone(), text, origin: None })?;
    start.login.crypto = start.settings.ssh.crypto.unwrap_or(platform.crypto);
    let (place, listener, lock) = Place::take(state, &start)?;
    let master = Arc::new(Master::new(start, platform, state, place)?);
    say_ready()?;
    log::info!(router:% = master.router(), platform = master.platform.name.as_str(), pid = std::process::id(); "master started");
    let served = listener::serve(&master, &listener);
    master.leave(None);
    listener::turn_away(&listener);
    lock.remove();
    master.wait_for_lanes(Deadline::after(FAREWELL));
    log::info!(router:% = master.router(); "master left");
    Ok(served?)
}

/// Tells the client that waits for it, then lets go of the pipe.
fn say_ready() -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(READY)?;
    stdout.flush()?;
    descriptors::stdout_to_null().context("letting go of the readiness pipe")
}

impl Master {
    fn new(start: Start, platform: Platform, state: &State, place: Place) -> io::Result<Self> {
        let logins = Logins::new(state.logins(), start.settings.login.clone());
        let inner = Inner {
            queue: Queue::default(),
            lanes: Vec::new(),
            next_lane: 0,
            history: History::default(),
            since: now(),
            last_job: Instant::now(),
            last_failure: None,
            no_further_lane_until: None,
            leaving: false,
            farewells: Vec::new(),
        };
        Ok(Self { start, platform, logins, place, bell: bell()?, inner: Mutex::new(inner) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What a panicking lane left is whole: nothing is changed in more than one step under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn router(&self) -> String {
        self.start.login.address.to_string()
    }

    /// Queues a job and sees that a lane does it.
    fn submit(self: &Arc<Self>, job: Job) {
        let mut inner = self.inner();
        inner.last_job = Instant::now();
        inner.queue.push(job);
        self.dispatch(&mut inner);
    }

    /// Puts a job back whose session was cut.
    fn again(self: &Arc<Self>, job: Job) {
        self.inner().queue.push_first(job);
    }

    /// Rings idle lanes, or opens one where that is allowed: the first at once, a further one only after another has logged
    /// in, and only while jobs wait that nobody is free for.
    fn dispatch(self: &Arc<Self>, inner: &mut Inner) {
        if inner.queue.len() == 0 || inner.leaving {
            return;
        }
        let mut free = 0;
        for slot in &inner.lanes {
            match slot.state {
                LaneState::Idle => ring(&slot.bell),
                LaneState::Recovering => {}
                _ => continue,
            }
            free += 1;
        }
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
                inner.queue.drain().into_iter().for_each(|job| job.fail(&failure, Vec::new()));
            }
        }
    }

    fn open_lane(self: &Arc<Self>, inner: &mut Inner) -> io::Result<()> {
        let id = inner.next_lane;
        let bell = Arc::new(bell()?);
        let lane = Lane::new(Arc::clone(self), id, Arc::clone(&bell));
        std::thread::Builder::new().name(format!("lane {id}")).stack_size(STACK).spawn(move || lane.live())?;
        inner.next_lane += 1;
        inner.lanes.push(Slot { id, state: LaneState::Login(Stage::Connect), since: now(), jobs: 0, bell });
        Ok(())
    }

    /// The next job for a lane, which is busy then, or else idle.
    fn take(&self, lane: usize) -> Option<Job> {
        let mut inner = self.inner();
        let job = if inner.leaving { None } else { inner.queue.pop() };
        let state = if job.is_some() { LaneState::Busy } else { LaneState::Idle };
        inner.set_lane(lane, state);
        job
    }

    fn lane_state(&self, lane: usize, state: LaneState) {
        self.inner().set_lane(lane, state);
    }

    /// A lane that does not find back to its prompt at once is not waited for.
    fn lane_stuck(self: &Arc<Self>, lane: usize) {
        let mut inner = self.inner();
        inner.set_lane(lane, LaneState::Busy);
        self.dispatch(&mut inner);
    }

    fn lane_ready(self: &Arc<Self>, lane: usize) {
        let mut inner = self.inner();
        inner.set_lane(lane, LaneState::Idle);
        inner.no_further_lane_until = None;
        // One job is this lane's; more may be worth another.
        self.dispatch(&mut inner);
    }

    fn lane_worked(&self, lane: usize) {
        let mut inner = self.inner();
        inner.last_job = Instant::now();
        if let Some(slot) = inner.lanes.iter_mut().find(|slot| slot.id == lane) {
            slot.jobs += 1;
        }
    }

    /// Records a failed login, unless other lanes live: then the router is well, and only this further lane is not to be had.
    fn login_failed(&self, lane: usize, failure: &Failure) -> io::Result<()> {
        let others = self.inner().lanes.iter().any(|slot| slot.id != lane);
        if others && failure.kind != Kind::Auth {
            return Ok(());
        }
        self.logins.failed(&self.router(), &self.start.credential, failure)
    }

    fn lane_ended(self: &Arc<Self>, lane: usize, end: End) {
        let mut inner = self.inner();
        inner.lanes.retain(|slot| slot.id != lane);
        let others = !inner.lanes.is_empty();
        match end {
            End::Quiet | End::Lost => self.dispatch(&mut inner),
            End::Login(failure, said) => {
                inner.last_failure = Some(LastFailure { failure: failure.clone(), time: now() });
                if others {
                    inner.no_further_lane_until = Some(Instant::now() + FURTHER_LANE_PAUSE);
                } else {
                    let jobs = inner.queue.drain();
                    // What opens a router is out of date: the next poll brings it anew.
                    inner.leaving |= failure.kind == Kind::Auth;
                    drop(inner);
                    jobs.into_iter().for_each(|job| job.fail(&failure, said.clone()));
                }
            }
        }
        ring(&self.bell);
    }

    /// Answers jobs that waited too long, with the stage that the login has reached.
    fn answer_overdue(&self) {
        let mut inner = self.inner();
        let overdue = inner.queue.overdue();
        let login = inner.lanes.iter().find_map(|slot| match slot.state {
            LaneState::Login(stage) => Some(stage),
            _ => None,
        });
        drop(inner);
        if overdue.is_empty() {
            return;
        }
        let router = self.router();
        let failure = match login {
            Some(stage) => Failure::new(
                Kind::Deadline,
                stage,
                format!("router {router}: login did not finish in time; it goes on, the next poll finds it done"),
            ),
            None => Failure::new(
                Kind::Deadline,
                Stage::Probe,
                format!("router {router}: all lanes were busy; see master.lanes"),
            ),
        };
        overdue.into_iter().for_each(|job| job.fail(&failure, Vec::new()));
    }

    /// When the listener has to look around though nobody knocks.
    fn next_wake(&self) -> Option<Deadline> {
        let inner = self.inner();
        let idle = inner.lanes.is_empty().then(|| {
            let exit = inner.last_job + self.start.settings.master.idle_exit;
            Deadline::at(exit.min(Instant::now() + PLACE_CHECK))
        });
        inner.queue.next_deadline().into_iter().chain(idle).min()
    }

    fn young(&self, probes: &[Probe], max_age: Duration) -> Option<Answers> {
        if max_age.is_zero() {
            return None;
        }
        self.inner().history.young(probes, max_age)
    }

    fn remember(&self, probes: Arc<[Probe]>, answers: &Answers) {
        let mut inner = self.inner();
        if let Some(failure) = answers.answers.iter().find_map(|answer| answer.outcome.as_ref().err()) {
            inner.last_failure = Some(LastFailure { failure: failure.clone(), time: now() });
        }
        inner.history.keep(probes, answers);
    }

    fn status(&self) -> Status {
        let inner = self.inner();
        let lane = |slot: &Slot| LaneStatus { state: slot.state.name().to_owned(), since: slot.since, jobs: slot.jobs };
        let state = if inner.leaving {
            "leaving"
        } else if inner
            .lanes
            .iter()
            .any(|s| matches!(s.state, LaneState::Idle | LaneState::Busy | LaneState::Recovering))
        {
            "up"
        } else if inner.lanes.is_empty() {
            "down"
        } else {
            "login"
        };
        Status {
            router: self.router(),
            user: self.start.login.user.clone(),
            platform: self.platform.name.clone(),
            pid: std::process::id(),
            state: state.to_owned(),
            since: inner.since,
            queued: inner.queue.len(),
            lanes: inner.lanes.iter().map(lane).collect(),
            last_failure: inner.last_failure.clone(),
        }
    }

    /// A socket that is no longer ours means that nobody will ever ask again.
    fn check_place(&self) {
        if !self.place.is_ours() {
            log::warn!(router:% = self.router(); "state directory was deleted or replaced, leaving");
            self.leave(None);
        }
    }

    fn is_leaving(&self) -> bool {
        let mut inner = self.inner();
        if inner.leaving {
            return true;
        }
        if inner.lanes.is_empty() && inner.queue.len() == 0 {
            let idle = inner.last_job.elapsed() >= self.start.settings.master.idle_exit;
            inner.leaving = idle || !self.place.is_ours();
        }
        inner.leaving
    }

    /// Takes the name away, tells the lanes. `stopper` hears of the end by the end of its connection.
    fn leave(&self, stopper: Option<UnixStream>) {
        self.place.give_up();
        let mut inner = self.inner();
        inner.leaving = true;
        inner.farewells.extend(stopper);
        inner.lanes.iter().for_each(|slot| ring(&slot.bell));
        let waiting = inner.queue.drain();
        drop(inner);
        waiting.into_iter().for_each(|job| job.answer(&crate::wire::Reply::Leaving, Vec::<Said>::new()));
        ring(&self.bell);
    }

    fn wait_for_lanes(&self, deadline: Deadline) {
        while !deadline.is_over() {
            if self.inner().lanes.iter().all(|slot| matches!(slot.state, LaneState::Login(_))) {
                return;
            }
            let left = deadline.remaining();
            let timeout =
                rustix::event::Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
            let mut fds = [rustix::event::PollFd::new(&self.bell, rustix::event::PollFlags::IN)];
            let _ = rustix::event::poll(&mut fds, Some(&timeout));
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        }
    }
}

impl Inner {
    fn set_lane(&mut self, lane: usize, state: LaneState) {
        if let Some(slot) = self.lanes.iter_mut().find(|slot| slot.id == lane) {
            if slot.state.name() != state.name() {
                slot.since = now();
            }
            slot.state = state;
        }
    }
}

fn bell() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

fn ring(bell: &OwnedFd) {
    // A full counter has rung already.
    let _ = rustix::io::write(bell.as_fd(), &1u64.to_ne_bytes());
}
