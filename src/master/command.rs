//! One command on a lane's terminal: sends it, waits for its answer, and stops it when its own time, the job's deadline or
//! whoever wanted it is gone. Knows nothing of probes and of what an answer means.

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
    /// No answer in the client's time; the command is being aborted.
    Late,
    /// The session is gone; what had come of the answer.
    Cut {
        text: String,
        ending: Ending,
        why: String,
    },
    /// All clients went away.
    Abandoned,
}

/// Sends the command and waits for its answer; aborts it when its own time, the deadline or its clients are gone.
pub(super) fn command(
    master: &Master,
    terminal: &mut Terminal,
    job: &mut Job,
    run: &Run,
    share: Option<Deadline>,
) -> Result<Outcome, Failure> {
    if let Some(early) = prepare(master, terminal, job, run)? {
        return Ok(early);
    }
    let way_back = (terminal.way * 2 + WAY_BACK).min(job.deadline.remaining() / 2);
    let sent = Instant::now();
    terminal.shell.command(&run.command)?;
    let planned_end = run.end_after.map(|time| Deadline::at(sent + time));
    let own_end = planned_end.unwrap_or(Deadline::at(sent + run.limit));
    let first_abort = own_end.min(job.deadline.less(way_back));
    let first_abort = share.map_or(first_abort, |share| share.min(first_abort));
    let planned = planned_end.is_some_and(|end| end == first_abort);
    wait(master, terminal, job, sent, first_abort, planned)
}

/// Sends the commands before a probe's own; None: all of them are done.
fn prepare(master: &Master, terminal: &mut Terminal, job: &mut Job, run: &Run) -> Result<Option<Outcome>, Failure> {
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
    wait(master, terminal, job, Instant::now(), job.deadline.less(WAY_BACK), false)
}

fn wait(
    master: &Master,
    terminal: &mut Terminal,
    job: &mut Job,
    sent: Instant,
    first_abort: Deadline,
    mut planned: bool,
) -> Result<Outcome, Failure> {
    let mut aborted = None;
    let mut until = first_abort;
    loop {
        let watch = job.watch();
        let ended = |cut| aborted.map_or(cut, |after| Ending::Aborted { after, planned });
        let cut = |terminal: &Terminal, why| {
            let text = terminal.shell.partial();
            // Counters of a ping that was aborted count as such, whatever became of the session after them.
            Outcome::Cut { text, ending: ended(Ending::Cut), why }
        };
        let step = terminal.step(&watch, until.or_after(LOOK_UP));
        drop(watch);
        match step {
            Ok(Step::Event(Event::Answer { truncated: true, .. })) => {
                let message = "the answer was too long to be kept; nothing is guessed from its ends";
                return Err(Failure::new(Kind::Reply, Stage::Reply, message));
            }
            Ok(Step::Event(Event::Answer { text, .. })) => {
                return Ok(Outcome::Text { text, ending: ended(Ending::Complete) });
            }
            Ok(Step::Event(Event::Failed(failure))) => return Ok(cut(terminal, failure.message)),
            Ok(Step::Event(_)) => {}
            Ok(Step::Closed) => return Ok(cut(terminal, "closed by the router".to_owned())),
            Err(e) => return Ok(cut(terminal, e.to_string())),
            Ok(Step::Woken) => {
                if job.is_abandoned() {
                    terminal.shell.abort();
                    return Ok(Outcome::Abandoned);
                }
                if let Purpose::Evidence(bell) = &job.purpose {
                    bell.hush();
                    if aborted.is_none() && master.wants_lanes() {
                        job.deadline = job.deadline.or_after(terminal.way * 2 + MAKE_WAY);
                        until = Deadline::after(Duration::ZERO);
                    }
                }
            }
            Ok(Step::TimedOut) if !until.is_over() => {
                if aborted.is_none() && master.is_unwanted(job) {
                    terminal.shell.abort();
                    return Ok(Outcome::Abandoned);
                }
                if aborted.is_none() && master.is_told_to_leave() {
                    job.deadline = job.deadline.or_after(LAST_WORDS);
                    planned = false;
                    until = Deadline::after(Duration::ZERO);
                }
            }
            Ok(Step::TimedOut) if job.deadline.is_over() => return Ok(Outcome::Late),
            Ok(Step::TimedOut) => {
                // The first key's time counts; a router that ignores it gets the next one.
                aborted.get_or_insert_with(|| sent.elapsed());
                terminal.shell.abort();
                until = job.deadline.or_after(terminal.way * 2 + ABORT_PAUSE);
            }
        }
    }
}
