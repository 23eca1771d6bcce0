//! One job on one lane: its probes in order on one shell, within one deadline. Knows nothing of what a probe asks: the
//! platform turns it into text and text into a measurement.

use super::Master;
use super::command::{Outcome, WAY_BACK, command, plain_command};
use super::job::{Ask, Job};
use super::lane::After;
use super::lanes::{Due, LaneState};
use super::terminal::Terminal;
use crate::clock::now;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::platform::Ending;
use crate::probe::{self, Answer, Measurement, Probe, ProbeKind, TracerouteResult};
use crate::wire::{Answers, Reply, Session};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a router needs at least to print half a page.
const QUICK_ANSWER: Duration = Duration::from_millis(150);

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
        After::Idle => settled(master, lane, terminal, false),
        After::Lost => After::Lost,
    }
}

/// The clients have their answer; the shell may still be on its way back to a prompt.
fn settled(master: &Arc<Master>, lane: usize, terminal: &mut Terminal, hurried: bool) -> After {
    if terminal.shell.is_idle() {
        return After::Idle;
    }
    master.lane_state(lane, LaneState::Recovering);
    let stuck = || master.lane_stuck(lane);
    let is_back = if hurried { terminal.settle_soon(&stuck) } else { terminal.settle(&stuck) };
    if is_back {
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
    let answer = Answer { kind: ProbeKind::Traceroute, outcome };
    master.lane_state(lane, LaneState::Recovering);
    if hurried && !terminal.shell.is_idle() {
        master.ring_for_evidence();
    }
    let after = match after {
        After::Idle => settled(master, lane, terminal, hurried),
        After::Lost => After::Lost,
    };
    // Only now: another lane must not begin it again before it is known that it can be stopped.
    let lost = matches!(after, After::Lost);
    if lost {
        master.pause_evidence();
    }
    master.found(&line, answer, hurried && !lost);
    after
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
