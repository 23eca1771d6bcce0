//! One command on a lane's terminal: sends it, waits for its answer, and stops it when its own time or the job's deadline is over,
//! when its clients are gone, or when another job needs the lane. Knows nothing of probes and of what an answer means.

use super::Master;
use super::job::{Job, Purpose};
use super::terminal::{ABORT_PAUSE, Step, Terminal};
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::platform::{Ending, Run};
use crate::shell::Event;
use std::time::{Duration, Instant};

/// What the router and this machine need at least to stop a ping and print its counters.
pub(super) const WAY_BACK: Duration = Duration::from_millis(120);

/// How often a lane that works looks whether the master is told to leave.
const LOOK_UP: Duration = Duration::from_millis(500);
/// A command in flight then has this long to be aborted and to print its counters.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A command that is to give way has this long to give the prompt back, and the way to the router and back.
const MAKE_WAY: Duration = Duration::from_millis(300);

/// What came of one command.
pub(super) enum Outcome {
    Text {
        text: String,
        ending: Ending,
    },
    /// The job's time is over; the command is being aborted.
    Late,
    /// The time of a client is over, and the command goes on: answer those that are due, then wait again.
    Due,
    /// Another job needs the lane; the command is being aborted.
    GaveWay,
    /// The session is gone; what had come of the answer.
    Cut {
        text: String,
        ending: Ending,
        why: String,
    },
    /// All clients went away.
    Abandoned,
}

/// A command that was sent.
pub(super) struct Flight {
    sent: Instant,
    limit: Duration,
    end_after: Option<Duration>,
    /// The end of its share of the time, where other probes follow.
    share: Option<Deadline>,
    /// Kept before the job's deadline for the abort.
    abort_margin: Duration,
    /// The command goes on when the time of its clients is over.
    goes_on: bool,
    aborted: Option<Ending>,
    /// When the next abort key is sent.
    next_key: Deadline,
    gives_way: bool,
}

impl Flight {
    /// Sends a probe's command; `goes_on`: it is not aborted when the time of its clients is over.
    pub(super) fn begin(
        terminal: &mut Terminal,
        job: &Job,
        run: &Run,
        share: Option<Deadline>,
        goes_on: bool,
    ) -> Result<Self, Failure> {
        let abort_margin = (terminal.way * 2 + WAY_BACK).min(job.deadline.remaining() / 2);
        terminal.shell.command(&run.command)?;
        let flight = Self::new(terminal, run.limit, abort_margin);
        Ok(Self { end_after: run.end_after, share, goes_on, ..flight })
    }

    fn new(terminal: &mut Terminal, limit: Duration, abort_margin: Duration) -> Self {
        let sent = Instant::now();
        terminal.begun = None;
        Self {
            sent,
            limit,
            end_after: None,
            share: None,
            abort_margin,
            goes_on: false,
            aborted: None,
            next_key: Deadline::at(sent),
            gives_way: false,
        }
    }

    /// Returns what is left of the time that the command itself may take.
    pub(super) fn own_limit(&self, terminal: &Terminal) -> Duration {
        let over = match self.aborted {
            Some(_) => Duration::ZERO,
            None => terminal.begun.unwrap_or(self.sent).elapsed(),
        };
        self.limit.saturating_sub(over)
    }

    /// Returns when the command is stopped, and whether that is its planned end. The time of an endless command begins with
    /// the router's first byte behind the echo.
    fn end(&self, terminal: &Terminal) -> (Deadline, bool) {
        match (self.end_after, terminal.begun) {
            (Some(time), Some(begun)) => (Deadline::at(begun + time), true),
            (_, begun) => (Deadline::at(begun.unwrap_or(self.sent) + self.limit), false),
        }
    }

    fn next_stop(&self, terminal: &Terminal, job: &Job) -> (Deadline, bool) {
        if self.aborted.is_some() {
            return (self.next_key, false);
        }
        let (end, planned) = self.end(terminal);
        let other = match job.is_asked() && self.goes_on {
            true => self.share,
            false => Some(job.deadline.less(self.abort_margin)).into_iter().chain(self.share).min(),
        };
        match other.filter(|other| *other < end) {
            Some(other) => (other, false),
            None => (end, planned),
        }
    }

    /// Waits for the answer, and aborts the command when that is due.
    pub(super) fn wait(&mut self, master: &Master, terminal: &mut Terminal, job: &mut Job) -> Result<Outcome, Failure> {
        loop {
            let (stop, planned) = self.next_stop(terminal, job);
            let due = job.next_due().filter(|_| self.goes_on);
            let watch = job.watch();
            let step = terminal.step(&watch, due.map_or(stop, |due| due.min(stop)).or_after(LOOK_UP));
            drop(watch);
            match step {
                Ok(Step::Event(Event::Answer { truncated: true, .. })) => {
                    let message = "the answer was too long to be kept; nothing is guessed from its ends";
                    return Err(Failure::new(Kind::Reply, Stage::Reply, message));
                }
                Ok(Step::Event(Event::Answer { .. })) if self.gives_way => return Ok(Outcome::GaveWay),
                Ok(Step::Event(Event::Answer { text, .. })) => {
                    return Ok(Outcome::Text { text, ending: self.aborted.unwrap_or(Ending::Complete) });
                }
                Ok(Step::Event(Event::Failed(failure))) => return Ok(self.cut(terminal, failure.message)),
                Ok(Step::Event(_)) => {}
                // A router that asks its login server for every command begins late.
                Ok(Step::Begun) => {
                    job.begin(self.limit);
                    if job.is_carried_on() {
                        master.carried_on_has_begun(&job.ask);
                    }
                }
                Ok(Step::Closed) => return Ok(self.cut(terminal, "closed by the router".to_owned())),
                Err(e) => return Ok(self.cut(terminal, e.to_string())),
                Ok(Step::Woken) => {
                    if let Some(outcome) = self.woken(master, terminal, job) {
                        return Ok(outcome);
                    }
                }
                Ok(Step::TimedOut) if due.is_some_and(Deadline::is_over) => return Ok(Outcome::Due),
                Ok(Step::TimedOut) if !stop.is_over() => {
                    if self.aborted.is_none() && master.is_unwanted(job) {
                        terminal.shell.abort();
                        return Ok(Outcome::Abandoned);
                    }
                    if self.aborted.is_none() && master.is_told_to_leave() {
                        job.deadline = job.deadline.or_after(LAST_WORDS);
                        self.abort(terminal, job, false);
                    }
                }
                Ok(Step::TimedOut) if self.aborted.is_some() && job.deadline.is_over() => {
                    return Ok(if self.gives_way { Outcome::GaveWay } else { Outcome::Late });
                }
                Ok(Step::TimedOut) => self.abort(terminal, job, planned),
            }
        }
    }

    fn woken(&mut self, master: &Master, terminal: &mut Terminal, job: &mut Job) -> Option<Outcome> {
        if job.is_abandoned() {
            terminal.shell.abort();
            return Some(Outcome::Abandoned);
        }
        let is_needed = match &job.purpose {
            Purpose::Asked | Purpose::Batched => return None,
            Purpose::Evidence(bell) => {
                bell.hush();
                self.aborted.is_none() && master.wants_lanes()
            }
            Purpose::CarriedOn { lane, bell } => {
                bell.hush();
                let joined = master.joined(&job.ask);
                let lane = *lane;
                job.clients.extend(joined);
                // A client that joined counts as much as the clients of other jobs.
                job.clients.is_empty() && self.aborted.is_none() && master.must_give_way(lane)
            }
        };
        if is_needed {
            self.gives_way = job.is_carried_on();
            job.deadline = job.deadline.or_after(terminal.way * 2 + MAKE_WAY);
            self.abort(terminal, job, false);
        }
        None
    }

    fn abort(&mut self, terminal: &mut Terminal, job: &Job, planned: bool) {
        // The first key's time counts; a router that ignores it gets the next one.
        let after = terminal.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        self.aborted.get_or_insert(Ending::Aborted { after, planned });
        terminal.shell.abort();
        self.next_key = job.deadline.or_after(terminal.way * 2 + ABORT_PAUSE);
    }

    fn cut(&self, terminal: &Terminal, why: String) -> Outcome {
        let ending = self.aborted.unwrap_or(Ending::Complete).cut();
        Outcome::Cut { text: terminal.shell.partial(), ending, why }
    }
}

/// Sends the commands before a probe's own; None: all of them are done.
pub(super) fn prepare(
    master: &Master,
    terminal: &mut Terminal,
    job: &mut Job,
    run: &Run,
) -> Result<Option<Outcome>, Failure> {
    if run.before_is_kept && (run.before.is_empty() || terminal.prepared == run.before) {
        return Ok(None);
    }
    terminal.prepared.clear();
    for before in &run.before {
        terminal.shell.quiet_command(before)?;
        match plain_wait(master, terminal, job)? {
            Outcome::Text { ending: Ending::Complete, text } => {
                // A ping with other options than asked for would measure something else.
                if let Some(refused) = master.platform.refusal(&text) {
                    let message = format!("router {}: `{before}`: {}", master.router(), refused.message);
                    return Err(Failure { message, ..refused });
                }
            }
            // Its time was up: there is none for the command itself.
            Outcome::Text { .. } => return Ok(Some(Outcome::Late)),
            other => return Ok(Some(other)),
        }
    }
    terminal.prepared.clone_from(&run.before);
    Ok(None)
}

/// A command that has no end of its own but the answer.
pub(super) fn plain_command(
    master: &Master,
    terminal: &mut Terminal,
    job: &mut Job,
    command: &str,
) -> Result<Outcome, Failure> {
    terminal.shell.command(command)?;
    plain_wait(master, terminal, job)
}

fn plain_wait(master: &Master, terminal: &mut Terminal, job: &mut Job) -> Result<Outcome, Failure> {
    Flight::new(terminal, job.deadline.remaining(), WAY_BACK).wait(master, terminal, job)
}
