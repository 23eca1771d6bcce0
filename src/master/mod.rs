//! The background process of one router: listens on its socket, queues what clients ask, keeps the lanes that do it, and
//! leaves when nobody asked for long. Crash-only: whatever it holds, the kernel frees.

mod answers;
mod batches;
mod bell;
mod command;
mod conversation;
mod evidence;
mod history;
pub mod hold_down;
mod job;
mod lane;
mod lanes;
mod listener;
mod mask;
mod place;
mod queue;
mod results;
mod run;
mod terminal;

use crate::clock::now;
use crate::deadline::Deadline;
use crate::descriptors;
use crate::failure::Failure;
use crate::launch::{READY, Start};
use crate::platform::{Definition, Platform};
use crate::probe::{Probe, ProbeKind};
use crate::ssh;
use crate::state::State;
use crate::wire::{Answers, LastFailure, Reply, Said, Status};
use anyhow::Result;
use batches::{Batches, Done};
use bell::Bell;
use evidence::Evidence;
use history::History;
use hold_down::{LoginId, Logins};
use job::{Client, Job};
use lanes::{CarriedOn, LaneState, Slot};
use mask::Mask;
use place::Place;
use queue::Queue;
use results::{Probes, Results};
use rustix::event::{PollFd, PollFlags, poll};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lanes have this long to log out when the master leaves.
const FAREWELL: Duration = Duration::from_secs(4);
/// How often the place in the state directory is looked at, at least.
const PLACE_CHECK: Duration = Duration::from_secs(30);

/// What listener and lanes share.
pub(crate) struct Master {
    /// `host:port`, as in books and logs.
    router: String,
    start: Start,
    platform: Platform,
    /// The secrets of the login, which no text of the router may show.
    mask: Mask,
    logins: Logins,
    login_id: LoginId,
    place: Place,
    /// Wakes the listener.
    bell: Bell,
    inner: Mutex<Inner>,
}

struct Inner {
    queue: Queue,
    batches: Batches,
    results: Results,
    carried_on: HashMap<Probes, CarriedOn>,
    lanes: Vec<Slot>,
    next_lane: usize,
    history: History,
    evidence: Evidence,
    since: f64,
    last_job: Instant,
    last_failure: Option<LastFailure>,
    no_further_lane_until: Option<Instant>,
    leaving: bool,
    /// Leaves as soon as nothing runs and nobody waits.
    retiring: bool,
    /// Clients that asked us to stop; their connection ends with the process.
    farewells: Vec<UnixStream>,
}

/// The life of a master; returns when it leaves. What goes wrong before `ready` is said on stdout, as a failure document.
pub fn run(mut start: Start, state: &State) -> Result<()> {
    let text = Cow::Owned(std::mem::take(&mut start.definition));
    let platform = Platform::compile(&Definition { name: start.platform.clone(), text, origin: None })?;
    start.login.crypto = start.settings.ssh.crypto.unwrap_or(platform.crypto);
    let (place, listener, lock) = Place::take(state, &start)?;
    let master = Arc::new(Master::new(start, platform, state, place)?);
    say_ready();
    log::info!(router:% = master.router(), platform = master.platform.name.as_str(), pid = std::process::id(); "master started");
    let served = listener::serve(&master, &listener);
    master.leave(None);
    listener::turn_away(listener);
    lock.remove();
    master.wait_for_lanes(Deadline::after(FAREWELL));
    // A login is not waited for, and its thread ends with us.
    ssh::end_proxies();
    log::info!(router:% = master.router(); "master left");
    Ok(served?)
}

/// Tells the client that waits for it, then lets go of the pipe. A client that ran out of time is gone: the next finds us.
fn say_ready() {
    let mut stdout = io::stdout().lock();
    let said = stdout.write_all(READY).and_then(|()| stdout.flush());
    if let Err(e) = said.and_then(|()| descriptors::stdout_to_null()) {
        log::debug!(error:% = e; "nobody waits for this master");
    }
}

impl Master {
    fn new(start: Start, platform: Platform, state: &State, place: Place) -> io::Result<Self> {
        let logins = Logins::new(state.logins(), start.settings.login.clone());
        let inner = Inner {
            queue: Queue::default(),
            batches: Batches::default(),
            results: Results::default(),
            carried_on: HashMap::new(),
            lanes: Vec::new(),
            next_lane: 0,
            history: History::default(),
            evidence: Evidence::default(),
            since: now(),
            last_job: Instant::now(),
            last_failure: None,
            no_further_lane_until: None,
            leaving: false,
            retiring: false,
            farewells: Vec::new(),
        };
        let router = start.login.address.to_string();
        let login_id = LoginId {
            router: router.clone(),
            way: start.name.clone(),
            credential: start.credential.clone(),
            known_hosts: start.login.known_hosts.clone(),
        };
        let mask = Mask::of(&start.login);
        Ok(Self {
            router,
            start,
            platform,
            mask,
            logins,
            login_id,
            place,
            bell: Bell::new()?,
            inner: Mutex::new(inner),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What a panicking lane left is whole: nothing is changed in more than one step under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn router(&self) -> &str {
        &self.router
    }

    /// Queues a job and sees that a lane does it.
    fn submit(self: &Arc<Self>, job: Job) {
        let mut inner = self.inner();
        inner.last_job = Instant::now();
        if let Some(job) = self.join(&mut inner, job) {
            inner.queue.push(job);
            self.dispatch(&mut inner);
        }
    }

    /// Why the line cannot be asked for at all. What is wrong with another probe than the ping is that probe's own failure.
    fn refused(&self, probes: &[Probe]) -> Option<Failure> {
        let mut pings = probes.iter().filter(|probe| probe.kind() == ProbeKind::Ping);
        pings.find_map(|probe| self.platform.check(probe).err())
    }

    /// Queues the jobs of a batch that are not in hand already.
    fn submit_batch(self: &Arc<Self>, client: Client, lines: Vec<Vec<Probe>>, deadline: Deadline, look: bool) {
        let refused = |(place, probes): (usize, &Vec<Probe>)| {
            let failure = self.refused(probes)?;
            Some((place, Answers::failed(probes, &failure, now())))
        };
        let refused = lines.iter().enumerate().filter_map(refused).collect();
        let lines = lines.into_iter().map(Arc::from).collect();
        let mut inner = self.inner();
        inner.last_job = Instant::now();
        let Inner { batches, results, .. } = &mut *inner;
        let (jobs, done) = batches.open(results, client, deadline, lines, refused, look);
        jobs.into_iter().for_each(|job| inner.queue.push(job));
        let Inner { queue, batches, .. } = &mut *inner;
        queue.prefer(|job| batches.wants(job));
        self.dispatch(&mut inner);
        drop(inner);
        self.answer_batches(done, None);
    }

    /// Nobody wants this job any more: the batch that it is of was abandoned.
    fn is_unwanted(&self, job: &Job) -> bool {
        if !job.is_batched() {
            return false;
        }
        let mut inner = self.inner();
        inner.batches.abandon();
        !inner.batches.is_in_hand(job)
    }

    /// When the listener has to look around though nobody knocks.
    fn next_wake(&self) -> Option<Deadline> {
        let inner = self.inner();
        let idle = inner.lanes.is_empty().then(|| {
            let exit = inner.last_job + self.start.settings.master.idle_exit;
            Deadline::at(exit.min(Instant::now() + PLACE_CHECK))
        });
        inner.queue.next_deadline().into_iter().chain(inner.batches.next_deadline()).chain(idle).min()
    }

    fn status(&self) -> Status {
        let inner = self.inner();
        let state = if inner.leaving {
            "leaving"
        } else if inner.lanes.iter().any(|s| !matches!(s.state, LaneState::Login(_) | LaneState::Closed)) {
            "up"
        } else if inner.lanes.is_empty() {
            "down"
        } else {
            "login"
        };
        Status {
            router: self.router.clone(),
            user: self.start.login.user.clone(),
            platform: self.platform.name.clone(),
            pid: std::process::id(),
            state: state.to_owned(),
            since: inner.since,
            queued: inner.queue.len(),
            lanes: inner.lanes.iter().map(|slot| slot.status(inner.evidence.is_waiting())).collect(),
            last_failure: inner.last_failure.clone(),
        }
    }

    /// A socket that is no longer ours means that nobody will ever ask again.
    fn check_place(&self) {
        if !self.place.is_ours() && !self.inner().retiring {
            log::warn!(router:% = self.router(); "state directory was deleted or replaced, leaving");
            self.leave(None);
        }
    }

    fn is_told_to_leave(&self) -> bool {
        self.inner().leaving
    }

    /// Also decides it, where nobody asked for long.
    fn is_leaving(&self) -> bool {
        let mut inner = self.inner();
        if inner.leaving {
            return true;
        }
        let busy = |slot: &Slot| matches!(slot.state, LaneState::Busy | LaneState::Recovering);
        if inner.retiring && inner.queue.len() == 0 && !inner.lanes.iter().any(busy) {
            inner.leaving = true;
            inner.lanes.iter().for_each(|slot| slot.bell.ring());
            self.bell.ring();
            return true;
        }
        if inner.lanes.is_empty() && inner.queue.len() == 0 {
            let idle = inner.last_job.elapsed() >= self.start.settings.master.idle_exit;
            inner.leaving = idle || !self.place.is_ours();
        }
        inner.leaving
    }

    /// Takes the name away, so that nobody comes any more, and leaves when those are served who came.
    fn retire(&self) {
        self.place.give_up();
        let mut inner = self.inner();
        inner.retiring = true;
        inner.lanes.iter().for_each(|slot| slot.bell.ring());
        drop(inner);
        self.bell.ring();
    }

    /// Takes the name away, tells the lanes. `stopper` hears of the end by the end of its connection.
    fn leave(&self, stopper: Option<UnixStream>) {
        self.place.give_up();
        let mut inner = self.inner();
        inner.leaving = true;
        inner.farewells.extend(stopper);
        inner.lanes.iter().for_each(|slot| slot.bell.ring());
        let waiting = inner.queue.drain();
        let batches = inner.fail_batches(&waiting);
        drop(inner);
        for job in waiting {
            job.answer(&Reply::Leaving, Vec::<Said>::new());
        }
        batches.into_iter().for_each(Done::turn_away);
        self.bell.ring();
    }

    fn wait_for_lanes(&self, deadline: Deadline) {
        while !deadline.is_over() {
            if self.inner().lanes.iter().all(|slot| matches!(slot.state, LaneState::Login(_))) {
                return;
            }
            let _ = poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], Some(&deadline.timeout()));
            self.bell.hush();
        }
    }
}
