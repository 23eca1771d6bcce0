//! One job on one lane: its probes in order on one shell, within one deadline. Knows nothing of what a probe asks: the
//! platform turns it into text and text into a measurement.

use super::Master;
use super::job::{Ask, Job, Purpose};
use super::lane::After;
use super::lanes::{Due, LaneState};
use super::terminal::{ABORT_PAUSE, Step, Terminal};
use crate::clock::now;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::platform::{Ending, Run};
use crate::probe::{self, Answer, Measurement, Probe, ProbeKind, TracerouteResult};
use crate::shell::Event;
use crate::wire::{Answers, Reply, Session};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the router and this machine need at least to stop a ping and print its counters.
const WAY_BACK: Duration = Duration::from_millis(120);

/// What a router needs at least to print half a page.
const QUICK_ANSWER: Duration = Duration::from_millis(150);

/// How often a lane that works looks whether the master is told to leave.
const LOOK_UP: Duration = Duration::from_millis(500);
/// A command in flight then has this long to be aborted and to print its counters.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A command that is to give way has this long to give the prompt back, and the way to the router and back.
const MAKE_WAY: Duration = Duration::from_millis(300);

/// What came of one command.
enum Outcome {
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

/// Runs the job in `current` and answers it. A job that is still there afterwards was cut off and is to be tried again.
pub(super) fn job(
    master: &Arc<Master>,
    lane: usize,
    terminal: &mut Terminal,
    current: &mut Option<Job>,
    opened: Instant,
) -> After {
    let Some(job) = current.as_mut() else { return After::Idle };
    if job.queued >= opened {
        // The login, and what the router said unasked, is not part of this job.
        terminal.conversation.take();
    }
    let after = match job.ask.clone() {
        Ask::Probes(probes) => run_probes(master, lane, terminal, current, &probes, opened),
        Ask::Command(command) => run_command(master, lane, terminal, current, &command),
    };
    match after {
        After::Idle => settled(master, lane, terminal),
        After::Lost => After::Lost,
    }
}

/// The clients have their answer; the shell may still be on its way back to a prompt.
fn settled(master: &Arc<Master>, lane: usize, terminal: &mut Terminal) -> After {
    if terminal.shell.is_idle() {
        return After::Idle;
    }
    master.lane_state(lane, LaneState::Recovering);
    if terminal.settle(&|| master.lane_stuck(lane)) {
        After::Idle
    } else {
        log::info!(router:% = master.router(), lane; "no prompt after an aborted command, session dropped");
        After::Lost
    }
}

fn run_probes(
    master: &Arc<Master>,
    lane: usize,
    terminal: &mut Terminal,
    current: &mut Option<Job>,
    probes: &Arc<[Probe]>,
    opened: Instant,
) -> After {
    let Some(job) = current.as_mut() else { return After::Idle };
    let asked = probe::asked(probes);
    let mut answers = Vec::with_capacity(asked.len());
    let mut after = After::Idle;
    let session = if job.queued < opened { Session::Opened } else { Session::Reused };
    let (time, begun) = (now(), Instant::now());
    for (place, probe) in asked.iter().enumerate() {
        let rest = &asked[place + 1..];
        // Over this one the session was cut before: it must not cost those behind it their answer a second time.
        if let Some((_, failure)) = job.cut.as_ref().filter(|(at, _)| *at == place && !rest.is_empty()) {
            answers.push(Answer { kind: probe.kind(), outcome: Err(failure.clone()) });
            continue;
        }
        let share = share(master, terminal, job, rest);
        let outcome = match ask_probe(master, terminal, job, probe, share) {
            Asked::Answered(outcome) => outcome,
            Asked::Abandoned => {
                *current = None;
                return After::Idle;
            }
            Asked::Lost(failure) => {
                if job.cut.is_none() && !job.deadline.is_over() {
                    log::info!(router:% = master.router(), failure:%; "session lost in mid-job, once more");
                    job.cut = Some((place, failure));
                    return After::Lost;
                }
                after = After::Lost;
                answers.extend(probe::unanswered(&asked[place..], &failure));
                break;
            }
        };
        answers.push(Answer { kind: probe.kind(), outcome });
        if job.deadline.is_over() && !rest.is_empty() {
            break;
        }
    }
    if answers.len() < asked.len() {
        let message = format!("router {}: no time was left for it", master.router());
        let late = Failure::new(Kind::Deadline, Stage::Probe, message);
        answers.extend(probe::unanswered(&asked[answers.len()..], &late));
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let answers = Answers { answers, time, age: 0.0, elapsed, session, conversation: Vec::new() };
    if let Some(job) = current.take() {
        // Before the answer: a client's next poll may be here before this lane looks for it, and must not cost a login.
        master.lane_state(lane, LaneState::Recovering);
        let said = terminal.conversation.take();
        master.deliver(probes, answers, |answers| {
            master.remember(Arc::clone(probes), &answers, job.is_batched());
            job.is_batched() || job.answer(&Reply::Answers(answers), said)
        });
    }
    after
}

enum Asked {
    Answered(Result<Measurement, Failure>),
    Lost(Failure),
    Abandoned,
}

/// Until when a probe may be waited for that others follow: they must have time for their answer, however slow this one is.
fn share(master: &Master, terminal: &Terminal, job: &Job, rest: &[Probe]) -> Option<Deadline> {
    if rest.is_empty() || job.is_batched() {
        return None;
    }
    let left = job.deadline.remaining();
    let way = terminal.way * 2;
    let needed = rest.iter().map(|probe| master.platform.least(probe)).sum::<Duration>();
    let share = (left / 4).min(left.saturating_sub(needed.saturating_add((way + WAY_BACK) * 2)));
    // A healthy router has answered by then.
    Some(Deadline::after(share.max((way + QUICK_ANSWER).min(left / 2))))
}

fn ask_probe(
    master: &Arc<Master>,
    terminal: &mut Terminal,
    job: &mut Job,
    probe: &Probe,
    share: Option<Deadline>,
) -> Asked {
    let router = master.router();
    let run = match master.platform.run(probe, terminal.shell.mode()) {
        Ok(run) => run,
        Err(failure) => return Asked::Answered(Err(failure)),
    };
    job.begin(run.limit);
    let end = share.unwrap_or(job.deadline).min(job.deadline);
    let mut again = true;
    loop {
        if !terminal.shell.is_idle() && !terminal.settle(&|| {}) {
            return Asked::Lost(lost(router, "no prompt after the command before"));
        }
        let (text, ending) = match command(master, terminal, job, &run, share) {
            Ok(Outcome::Text { text, ending }) => (text, ending),
            Ok(Outcome::Abandoned) => return Asked::Abandoned,
            Ok(Outcome::Late) => {
                let message = format!("router {router} did not answer `{}` in time", run.command);
                return Asked::Answered(Err(Failure::new(Kind::Deadline, Stage::Probe, message)));
            }
            Ok(Outcome::Cut { text, ending, why }) => match master.platform.read(probe, &run, &text, ending) {
                Ok(measurement) => return Asked::Answered(Ok(measurement)),
                Err(_) => return Asked::Lost(lost(router, &why)),
            },
            Err(failure) => return Asked::Answered(Err(failure)),
        };
        match master.platform.read(probe, &run, &text, ending) {
            Ok(measurement) => return Asked::Answered(Ok(measurement)),
            // Somebody else's answer: back to a proven prompt, and once more.
            Err(unread) if unread.not_ours && again && end.remaining() > WAY_BACK => {
                log::warn!(router, message = unread.failure.message.as_str(); "perhaps the answer to something else, asked again");
                again = false;
                terminal.shell.resync();
            }
            Err(unread) => {
                let failure = unread.failure;
                log::debug!(router, kind = failure.kind.name(), text = text.as_str(); "answer gave no measurement");
                return Asked::Answered(Err(Failure {
                    message: format!("router {router}: {}", failure.message),
                    ..failure
                }));
            }
        }
    }
}

fn lost(router: &str, why: &str) -> Failure {
    Failure::new(Kind::Shell, Stage::Probe, format!("router {router}: session lost: {why}"))
}

/// Sends the command and waits for its answer; aborts it when its own time, the deadline or its clients are gone.
fn command(
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
fn plain_command(master: &Master, terminal: &mut Terminal, job: &mut Job, command: &str) -> Result<Outcome, Failure> {
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

/// Runs what is to be run once all is answered: nobody waits for it, and it gives way to whoever comes.
pub(super) fn evidence(master: &Arc<Master>, lane: usize, terminal: &mut Terminal, due: Due) -> After {
    let Due { line, mut job, probe } = due;
    let time = now();
    let asked = ask_probe(master, terminal, &mut job, &probe, None);
    terminal.conversation.take();
    let (outcome, after) = match asked {
        Asked::Answered(outcome) => (outcome, After::Idle),
        Asked::Lost(failure) => (Err(failure), After::Lost),
        // It has no clients that could.
        Asked::Abandoned => return After::Idle,
    };
    let hurried = master.wants_lanes()
        && !matches!(outcome, Ok(Measurement::Traceroute(TracerouteResult { complete: true, .. })));
    let outcome = outcome.map(|measurement| measured_at(measurement, time));
    master.lane_state(lane, LaneState::Recovering);
    master.found(&line, Answer { kind: ProbeKind::Traceroute, outcome }, hurried && matches!(after, After::Idle));
    match after {
        After::Idle => settled(master, lane, terminal),
        after @ After::Lost => after,
    }
}

fn measured_at(measurement: Measurement, time: f64) -> Measurement {
    match measurement {
        Measurement::Traceroute(result) => Measurement::Traceroute(TracerouteResult { time: Some(time), ..result }),
        other => other,
    }
}

/// `exec`: one command, its text as it came.
fn run_command(
    master: &Arc<Master>,
    lane: usize,
    terminal: &mut Terminal,
    current: &mut Option<Job>,
    command: &str,
) -> After {
    let Some(job) = current.as_mut() else { return After::Idle };
    let router = master.router();
    let mut after = After::Idle;
    // It may set what the session keeps.
    terminal.prepared.clear();
    let reply = match plain_command(master, terminal, job, command) {
        Ok(Outcome::Text { text, ending: Ending::Complete }) => Reply::Text { text, conversation: Vec::new() },
        Ok(Outcome::Text { .. } | Outcome::Late) => failed(Failure::new(
            Kind::Deadline,
            Stage::Probe,
            format!("router {router} did not finish `{command}` in time; give it more with --deadline"),
        )),
        Ok(Outcome::Abandoned) => {
            *current = None;
            return After::Idle;
        }
        Ok(Outcome::Cut { why, .. }) => {
            after = After::Lost;
            failed(lost(router, &why))
        }
        Err(failure) => failed(failure),
    };
    if let Some(job) = current.take() {
        // Before the answer: a client's next poll may be here before this lane looks for it, and must not cost a login.
        master.lane_state(lane, LaneState::Recovering);
        job.answer(&reply, terminal.conversation.take());
    }
    after
}

fn failed(failure: Failure) -> Reply {
    Reply::Failed { failure, conversation: Vec::new() }
}
