//! A sweep at work: lines that are due go to a pool of workers, router by router, and what they bring goes through the spool to
//! every server. One pass, or on and on. Knows nothing of how a router is asked.

use super::deliver::{Delivery, Pace};
use super::jobs::{Job, Jobs};
use super::notify::Notify;
use super::outbox::Outbox;
use super::report::{self, Form, Outcome};
use super::schedule::{self, Rhythm};
use super::spool::Spool;
use super::stop::Stop;
use super::summary::Summary;
use super::table::{Claim, Moment, Reported, Table};
use crate::clock;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::compiled::RouterLines;
use crate::inventory::line_record::LineRecord;
use crate::inventory::router_record::RouterRecord;
use crate::wire::Answers;
use crate::zabbix::sender::{Options, Sender};
use crate::zabbix::servers::Server;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The lock of the table is held for milliseconds; on a disk that hangs nothing works.
const LOCK_LIMIT: Duration = Duration::from_secs(10);
/// A sweep that goes on looks this often for lines that fell due; they are measured together.
const TICK: Duration = Duration::from_millis(500);
/// How long it waits for nothing at all.
const LONGEST_TICK: Duration = Duration::from_secs(1);
/// Of a pass: the last part of its time is for sending.
const SENDING: u32 = 5;
/// A sweep that was told to end waits so long for answers that are on their way, and then so long for servers.
const LAST_ANSWERS: Duration = Duration::from_millis(1500);
const LAST_SENDING: Duration = Duration::from_secs(3);
/// Later than this and than a tenth of the interval is late; in milliseconds.
const LATE: u64 = 2000;
/// A worker needs little.
const STACK: usize = 512 << 10;

/// Measures lines of one router.
pub trait Measure: Send + Sync + 'static {
    /// What came of each line, in their order.
    fn measure(&self, router: &RouterRecord, lines: &[LineRecord], deadline: Deadline)
    -> Vec<Result<Answers, Failure>>;

    /// The lines to be measured, where they have changed since the last time; asked for once a second at most.
    fn changed(&self) -> Option<Vec<RouterLines>>;

    /// Something to be done now and then, as the processes that were started and have ended.
    fn tidy(&self);
}

/// The name of a line's host in Zabbix, where the inventory does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName {
    Target,
    Id,
    Name,
}

/// What counts for a sweep.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Routers at a time.
    pub workers: usize,
    /// Of a pass; of a sweep that goes on: of each router's lines.
    pub deadline: Duration,
    pub servers: Vec<Server>,
    pub options: Options,
    pub pace: Pace,
    pub form: Form,
    pub host: HostName,
}

/// The lines, with their rhythms.
#[derive(Default)]
struct Roster {
    rhythms: Vec<(u64, Rhythm)>,
    lines: Vec<(Arc<RouterRecord>, LineRecord)>,
}

struct Shared<M> {
    measure: M,
    plan: Plan,
    table: Table,
    boot: Moment,
    jobs: Jobs,
    summary: Mutex<Summary>,
    outbox: Outbox,
}

/// Parts of a sweep that goes on, or of a pass.
pub struct Engine<M> {
    shared: Arc<Shared<M>>,
    begun: Instant,
    workers: usize,
}

impl<M: Measure> Engine<M> {
    /// Opens the books and starts the threads that send.
    ///
    /// # Errors
    /// Spool or books cannot be written.
    pub fn start(measure: M, plan: Plan, table: Table, spool: Spool) -> io::Result<Self> {
        let mut deliveries = Vec::new();
        for server in &plan.servers {
            let sender = Sender::new(server.clone(), plan.options.clone());
            deliveries.push(Delivery::open(spool.clone(), server.clone(), sender, plan.pace)?);
        }
        super::books::close_others(&spool, &plan.servers)?;
        let outbox = Outbox::new(spool, plan.servers.clone());
        deliveries.iter().enumerate().for_each(|(at, delivery)| outbox.learn(at, delivery));
        let workers = plan.workers;
        let shared = Arc::new(Shared {
            measure,
            plan,
            table,
            boot: Moment::now(),
            jobs: Jobs::new(workers),
            summary: Mutex::new(Summary { time: clock::now(), ..Summary::default() }),
            outbox,
        });
        for (at, delivery) in deliveries.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name("sender".into());
            thread.spawn(move || shared.outbox.send(at, delivery))?;
        }
        Ok(Self { shared, begun: Instant::now(), workers: 0 })
    }

    /// Measures once what is due.
    ///
    /// # Errors
    /// The table of lines cannot be read or written.
    pub fn pass(mut self, lines: &[RouterLines], stop: &Stop) -> io::Result<Summary> {
        let all = self.shared.plan.deadline;
        let end = Deadline::at(self.begun + all);
        let measured = end.less(all / SENDING);
        let roster = Roster::new(lines);
        let claimed = self.claim(&roster, measured)?;
        self.shared.jobs.put(claimed.1);
        self.hire()?;
        self.shared.jobs.close(false);
        self.shared.jobs.wait_idle(&|| stop.is_told() || end.is_over());
        Ok(self.finish(end, stop))
    }

    /// Measures what falls due until it is told to stop.
    ///
    /// # Errors
    /// The table of lines cannot be read or written at the start. Later that is logged.
    pub fn go_on(mut self, lines: &[RouterLines], stop: &Stop, notify: &Notify) -> io::Result<Summary> {
        let mut roster = Roster::new(lines);
        let mut first = true;
        let mut heard = Instant::now();
        let mut looked = Instant::now();
        loop {
            let deadline = Deadline::after(self.shared.plan.deadline);
            let wait = match self.claim(&roster, deadline) {
                Ok((next, jobs)) => {
                    self.shared.jobs.put(jobs);
                    let now = self.shared.boot.later().now;
                    next.map_or(LONGEST_TICK, |next| super::table::until(now, next)).clamp(TICK, LONGEST_TICK)
                }
                Err(e) if first => return Err(e),
                Err(e) => {
                    log::error!(error:% = e; "no line can be claimed");
                    LONGEST_TICK
                }
            };
            self.hire()?;
            if first {
                notify.ready();
                log::info!(lines = roster.lines.len(), workers = self.shared.plan.workers; "the sweep goes on");
                first = false;
            }
            if notify.every.is_some_and(|every| heard.elapsed() + LONGEST_TICK >= every) {
                notify.alive();
                heard = Instant::now();
            }
            if stop.wait(notify.limit(wait)) {
                break;
            }
            if looked.elapsed() >= LONGEST_TICK {
                looked = Instant::now();
                self.shared.measure.tidy();
                if let Some(lines) = self.shared.measure.changed() {
                    roster = Roster::new(&lines);
                    log::info!(lines = roster.lines.len(); "the inventory has changed");
                }
                let summary = self.shared.summary().clone();
                notify.status(&format!(
                    "{} lines, {} measured, {} failed, {} missed",
                    roster.lines.len(),
                    summary.measured,
                    summary.failed.values().sum::<usize>(),
                    summary.missed
                ));
            }
        }
        notify.stopping();
        Ok(self.finish(Deadline::after(LAST_ANSWERS + LAST_SENDING), stop))
    }

    /// Claims what is due: when the next line will be, and the jobs.
    fn claim(&self, roster: &Roster, deadline: Deadline) -> io::Result<(Option<u64>, Vec<Job>)> {
        let clock = || self.shared.boot.later();
        let claims = self.shared.table.claim(&roster.rhythms, clock, Deadline::after(LOCK_LIMIT))?;
        let mut summary = self.shared.summary();
        summary.lines = roster.lines.len();
        summary.due += claims.claims.len();
        summary.in_hand = claims.held;
        summary.missed += claims.claims.iter().map(|claim| claim.due.missed).sum::<u64>();
        drop(summary);
        let mut jobs: Vec<Job> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for claim in claims.claims {
            let (router, line) = &roster.lines[claim.line];
            let at = *places.entry(router.name.as_str()).or_insert_with(|| {
                jobs.push(Job { router: Arc::clone(router), lines: Vec::new(), deadline });
                jobs.len() - 1
            });
            jobs[at].lines.push((claim, line.clone()));
        }
        Ok((claims.next, jobs))
    }

    /// Starts workers while jobs wait and there may be more.
    fn hire(&mut self) -> io::Result<()> {
        while self.workers < self.shared.plan.workers && self.shared.jobs.wants_worker(self.workers) {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("worker".into()).stack_size(STACK);
            match thread.spawn(move || work(&shared)) {
                Ok(_) => self.workers += 1,
                // With those that there are it takes longer.
                Err(e) if self.workers > 0 => {
                    log::warn!(workers = self.workers, error:% = e; "no more workers can be started");
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn finish(self, end: Deadline, stop: &Stop) -> Summary {
        let shared = &self.shared;
        let given_up = shared.jobs.close(stop.is_told());
        let answers = if stop.is_told() { Deadline::after(LAST_ANSWERS) } else { end };
        shared.jobs.wait_idle(&|| answers.is_over());
        for job in &given_up {
            shared.let_go(job.lines.iter().map(|(claim, _)| (claim.key, claim.reported)).collect());
        }
        let end = if stop.is_told() { Deadline::after(LAST_SENDING) } else { end };
        let servers = shared.outbox.close(end, (&|| stop.is_told(), LAST_SENDING));
        let mut summary = shared.summary().clone();
        let failed: usize = summary.failed.values().sum();
        summary.given_up = summary.due.saturating_sub(summary.measured + failed);
        // Milliseconds are enough for people.
        let rounded = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        (summary.time, summary.elapsed) = (rounded(summary.time), rounded(self.begun.elapsed().as_secs_f64()));
        summary.add_servers(servers);
        summary
    }
}

impl Roster {
    fn new(all: &[RouterLines]) -> Self {
        let mut roster = Self::default();
        for (router, lines) in all {
            let router = Arc::new(router.clone());
            for line in lines {
                let key = schedule::key(&line.id);
                roster.rhythms.push((key, Rhythm::new(key, line.interval())));
                roster.lines.push((Arc::clone(&router), line.clone()));
            }
        }
        roster
    }
}

impl<M: Measure> Shared<M> {
    fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn let_go(&self, lines: Vec<(u64, Reported)>) {
        let released = self.table.release(&lines, self.boot.later(), Deadline::after(LOCK_LIMIT));
        released.unwrap_or_else(|e| log::error!(error:% = e; "lines could not be let go of"));
    }
}

fn work<M: Measure>(shared: &Shared<M>) {
    while let Some(taken) = shared.jobs.take() {
        let job = &taken.job;
        let answered = catch_unwind(AssertUnwindSafe(|| measure(shared, job))).unwrap_or_else(|_| {
            shared.let_go(job.lines.iter().map(|(claim, _)| (claim.key, claim.reported)).collect());
            let mut summary = shared.summary();
            job.lines.iter().for_each(|_| summary.fail(Kind::Internal.name()));
            false
        });
        shared.jobs.done(&taken, answered);
    }
}

/// Whether the router has answered.
fn measure<M: Measure>(shared: &Shared<M>, job: &Job) -> bool {
    let begun = shared.boot.later().now;
    let lines: Vec<LineRecord> = job.lines.iter().map(|(_, line)| line.clone()).collect();
    let found = if job.deadline.is_over() {
        let late = Failure::new(Kind::Deadline, Stage::Connect, "the sweep had no time left for this router");
        vec![Err(late); lines.len()]
    } else {
        shared.measure.measure(&job.router, &lines, job.deadline)
    };
    let now = clock::now();
    let mut values = Vec::new();
    let mut released = Vec::with_capacity(found.len());
    let mut answered = false;
    let mut summary = shared.summary();
    for ((claim, line), found) in job.lines.iter().zip(&found) {
        let outcome = match found {
            Ok(answers) => Outcome::Answered(answers),
            Err(failure) => Outcome::Unasked(failure, now),
        };
        answered |=
            outcome.failure().is_none_or(|failure| !failure.kind.is_of_router() && failure.kind != Kind::Deadline);
        match outcome.failure() {
            None => summary.measured += 1,
            Some(failure) => summary.fail(failure.kind.name()),
        }
        summary.late += usize::from(is_late(claim, line, begun));
        let mut reported = claim.reported;
        let host = shared.plan.host.of(line);
        let again = |key: &str| shared.outbox.doubts_of(host, key);
        values.extend(report::values(host, outcome, shared.plan.form, &again, &mut reported));
        released.push((claim.key, reported));
    }
    drop(summary);
    // First to the spool: a line that is let go of has been reported.
    let dropped = shared.outbox.put(values, job.deadline);
    shared.summary().dropped += dropped;
    shared.let_go(released);
    answered
}

fn is_late(claim: &Claim, line: &LineRecord, begun: u64) -> bool {
    let tenth = u64::try_from(line.interval().as_millis() / 10).unwrap_or(u64::MAX);
    !claim.first && begun.saturating_sub(claim.due.at) > tenth.max(LATE)
}

impl HostName {
    fn of(self, line: &LineRecord) -> &str {
        match (&line.host, self) {
            (Some(host), _) => host,
            (None, Self::Target) => &line.target,
            (None, Self::Id) => &line.id,
            (None, Self::Name) => line.name(),
        }
    }
}
