//! One job on one lane: its probes in order on one shell, within one deadline. Knows nothing of what a probe asks: the
//! platform turns it into text and text into a measurement.

use super::Master;
use super::bell::Bell;
use super::command::{Flight, Outcome, WAY_BACK, plain_command, prepare};
use super::job::{Ask, Job, Purpose};
use super::lane::After;
use super::lanes::{Due, LaneState};
use super::terminal::Terminal;
use crate::clock::now;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::platform::{Ending, Run};
use crate::probe::{self, Answer, Measurement, Probe, ProbeKind, TracerouteResult};
use crate::wire::{Answers, Reply, Session};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a router needs at least to print half a page.
const QUICK_ANSWER: Duration = Duration::from_millis(150);

/// Runs the job in `current` and answers it. A job that is still there afterwards was cut off and is to be tried again. `bell` is
/// the lane's.
pub(super) fn job(
    master: &Arc<Master>,
    (lane, bell): (usize, &Arc<Bell>),
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
        Ask::Probes(probes) => run_probes(master, (lane, bell), terminal, current, &probes, opened),
        Ask::Command(command) => run_command(master, lane, terminal, current, &command),
    };
    match after {
        After::Idle => settled(master, lane, terminal, false),
        After::Wanted => settled(master, lane, terminal, true),
        after => after,
    }
}

/// The clients have their answer; the shell may still be on its way back to a prompt.
fn settled(master: &Arc<Master>, lane: usize, terminal: &mut Terminal, hurried: bool) -> After {
    if !terminal.shell.is_idle() {
        master.lane_state(lane, LaneState::Recovering);
        let stuck = || master.lane_stuck(lane);
        let is_back = if hurried { terminal.settle_soon(&stuck) } else { terminal.settle(&stuck) };
        if !is_back {
            log::info!(router:% = master.router(), lane; "no prompt after an aborted command, session dropped");
            return After::Lost;
        }
    }
    let owes =
        |(probe, text): (Option<Probe>, String)| probe.is_none_or(|probe| !master.platform.has_counters(&probe, &text));
    if terminal.aborted.drain(..).any(owes) {
        log::info!(
            router:% = master.router(), lane;
            "an aborted command printed no counters, session closed: its late answer must not meet the next command"
        );
        return After::Owed;
    }
    After::Idle
}

/// The answers of a job so far, while one of its probes runs.
struct Progress<'p> {
    probes: &'p Arc<[Probe]>,
    answers: Vec<Answer>,
    session: Session,
    time: f64,
    begun: Instant,
}

impl Progress<'_> {
    fn answers(&self, rest: impl IntoIterator<Item = Answer>) -> Answers {
        Answers {
            answers: self.answers.iter().cloned().chain(rest).collect(),
            time: self.time,
            age: 0.0,
            elapsed: self.begun.elapsed().as_secs_f64(),
            session: self.session,
            conversation: Vec::new(),
        }
    }
}

fn run_probes(
    master: &Arc<Master>,
    (lane, bell): (usize, &Arc<Bell>),
    terminal: &mut Terminal,
    current: &mut Option<Job>,
    probes: &Arc<[Probe]>,
    opened: Instant,
) -> After {
    let Some(job) = current.as_mut() else { return After::Idle };
    let asked = probe::asked(probes);
    let mut after = After::Idle;
    let session = if job.queued < opened { Session::Opened } else { Session::Reused };
    let answers = Vec::with_capacity(asked.len());
    let mut progress = Progress { probes, answers, session, time: now(), begun: Instant::now() };
    for (place, probe) in asked.iter().enumerate() {
        let rest = &asked[place + 1..];
        // Over this one the session was cut before: it must not cost those behind it their answer a second time.
        if let Some((_, failure)) = job.cut.as_ref().filter(|(at, _)| *at == place && !rest.is_empty()) {
            progress.answers.push(Answer { kind: probe.kind(), outcome: Err(failure.clone()) });
            continue;
        }
        let share = share(master, terminal, job, rest);
        let goes_on = rest.is_empty() && probe.kind() == ProbeKind::Ping && !job.is_batched();
        let carry_on = |terminal: &mut Terminal, job: &mut Job, flight: &Flight, so_far| {
            let outcome = master.mask.outcome(so_far);
            let so_far = progress.answers([Answer { kind: probe.kind(), outcome }]);
            carry_on(master, (lane, bell), terminal, job, flight, (probes, so_far))
        };
        let carry_on: Option<&CarryOn> = if goes_on { Some(&carry_on) } else { None };
        let outcome = match ask_probe(master, terminal, job, probe, share, carry_on) {
            Asked::Answered(outcome) => outcome,
            Asked::Abandoned => {
                *current = None;
                return After::Idle;
            }
            Asked::GaveWay => {
                current.take().into_iter().for_each(|job| master.run_later(job));
                return After::Wanted;
            }
            Asked::Lost(failure) => {
                if job.cut.is_none() && !job.deadline.is_over() {
                    log::info!(router:% = master.router(), failure:%; "session lost in mid-job, once more");
                    job.cut = Some((place, failure));
                    return After::Lost;
                }
                after = After::Lost;
                progress.answers.extend(probe::unanswered(&asked[place..], &failure));
                break;
            }
        };
        progress.answers.push(Answer { kind: probe.kind(), outcome });
        if job.deadline.is_over() && !rest.is_empty() {
            break;
        }
    }
    let done = progress.answers.len();
    let message = format!("router {}: no time was left for it", master.router());
    let late = Failure::new(Kind::Deadline, Stage::Probe, message);
    let answers = progress.answers(probe::unanswered(&asked[done..], &late));
    if let Some(job) = current.take() {
        // Before the answer: a client's next poll may be here before this lane looks for it, and must not cost a login.
        master.lane_state(lane, LaneState::Recovering);
        master.done(progress.probes, answers, job, &terminal.conversation.take());
    }
    after
}

/// Answers the clients whose time is over with what is certain, and keeps their ping running for the next poll. Returns false if
/// another ping of the same line is carried on already.
fn carry_on(
    master: &Arc<Master>,
    (lane, bell): (usize, &Arc<Bell>),
    terminal: &mut Terminal,
    job: &mut Job,
    flight: &Flight,
    (probes, so_far): (&Arc<[Probe]>, Answers),
) -> bool {
    let is_first = job.is_carried_on() || master.carry_on(lane, probes, terminal.begun.is_some());
    let due = job.take_due();
    if is_first {
        job.purpose = Purpose::CarriedOn { lane, bell: Arc::clone(bell) };
        job.begin(flight.own_limit(terminal));
    }
    master.answer_due(probes, so_far, due, &terminal.conversation.take());
    is_first
}

enum Asked {
    Answered(Result<Measurement, Failure>),
    Lost(Failure),
    Abandoned,
    /// It was carried on, and another job needs the lane.
    GaveWay,
}

/// Called when the time of a client is over, with what is certain until then. Returns false if the run is not to go on.
type CarryOn<'c> = dyn Fn(&mut Terminal, &mut Job, &Flight, Result<Measurement, Failure>) -> bool + 'c;

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
    carry_on: Option<&CarryOn>,
) -> Asked {
    // The router's words may show a secret of the login.
    match ask(master, terminal, job, probe, share, carry_on) {
        Asked::Answered(outcome) => Asked::Answered(master.mask.outcome(outcome)),
        Asked::Lost(failure) => Asked::Lost(master.mask.failure(failure)),
        other => other,
    }
}

fn ask(
    master: &Arc<Master>,
    terminal: &mut Terminal,
    job: &mut Job,
    probe: &Probe,
    share: Option<Deadline>,
    carry_on: Option<&CarryOn>,
) -> Asked {
    let router = master.router();
    let run = match master.platform.run(probe, terminal.shell.mode()) {
        Ok(run) => run,
        Err(failure) => return Asked::Answered(Err(failure)),
    };
    job.begin(run.limit);
    terminal.probe = Some(probe.clone());
    let end = share.unwrap_or(job.deadline).min(job.deadline);
    let mut again = true;
    loop {
        if !terminal.shell.is_idle() && !terminal.settle_by(end) {
            if end.is_over() {
                return Asked::Answered(Err(late(router, "its prompt did not come back after the command before")));
            }
            return Asked::Lost(lost(router, "no prompt after the command before"));
        }
        let (text, ending) = match ask_once(master, terminal, job, (probe, &run), share, carry_on) {
            Ok(Outcome::Text { text, ending }) => (text, ending),
            Ok(Outcome::Abandoned | Outcome::Due) => return Asked::Abandoned,
            Ok(Outcome::GaveWay) => return Asked::GaveWay,
            Ok(Outcome::Late) => return Asked::Answered(Err(late(router, &format!("no answer to `{}`", run.command)))),
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
                log::warn!(router, message = master.mask.text(&unread.failure.message).as_str(); "perhaps the answer to something else, asked again");
                again = false;
                terminal.shell.resync();
            }
            Err(unread) => {
                let failure = unread.failure;
                log::debug!(router, kind = failure.kind.name(), text = master.mask.text(&text).as_str(); "answer gave no measurement");
                return Asked::Answered(Err(named(router, failure)));
            }
        }
    }
}

/// Sends a probe's commands and waits for the answer; [`Outcome::Due`] only where the run is not to go on.
fn ask_once(
    master: &Arc<Master>,
    terminal: &mut Terminal,
    job: &mut Job,
    (probe, run): (&Probe, &Run),
    share: Option<Deadline>,
    carry_on: Option<&CarryOn>,
) -> Result<Outcome, Failure> {
    if let Some(early) = prepare(master, terminal, job, run)? {
        return Ok(early);
    }
    let mut flight = Flight::begin(terminal, job, run, share, carry_on.is_some())?;
    loop {
        let outcome = flight.wait(master, terminal, job)?;
        let Outcome::Due = outcome else { return Ok(outcome) };
        let so_far = master.platform.so_far(probe, run, &terminal.shell.begin_of_answer());
        let so_far = so_far.map_err(|failure| named(master.router(), failure));
        if carry_on.is_none_or(|carry_on| !carry_on(terminal, job, &flight, so_far)) {
            terminal.shell.abort();
            return Ok(Outcome::Due);
        }
    }
}

fn named(router: &str, failure: Failure) -> Failure {
    Failure { message: format!("router {router}: {}", failure.message), ..failure }
}

fn late(router: &str, why: &str) -> Failure {
    Failure::new(Kind::Deadline, Stage::Probe, format!("router {router} did not answer in time: {why}"))
}

fn lost(router: &str, why: &str) -> Failure {
    Failure::new(Kind::Shell, Stage::Probe, format!("router {router}: session lost: {why}"))
}

/// Runs what is to be run once all is answered: nobody waits for it, and it gives way to whoever comes.
pub(super) fn evidence(master: &Arc<Master>, lane: usize, terminal: &mut Terminal, due: Due) -> After {
    let Due { line, mut job, probe } = due;
    let time = now();
    let asked = ask_probe(master, terminal, &mut job, &probe, None, None);
    terminal.conversation.take();
    let (outcome, after) = match asked {
        Asked::Answered(outcome) => (outcome, After::Idle),
        Asked::Lost(failure) => (Err(failure), After::Lost),
        // It has no clients that could.
        Asked::Abandoned | Asked::GaveWay => return After::Idle,
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
        After::Idle | After::Wanted => settled(master, lane, terminal, hurried),
        after => after,
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
    terminal.probe = None;
    let reply = match plain_command(master, terminal, job, command) {
        Ok(Outcome::Text { text, ending: Ending::Complete }) => {
            Reply::Text { text: master.mask.text(&text), conversation: Vec::new() }
        }
        Ok(Outcome::Text { .. } | Outcome::Late) => failed(Failure::new(
            Kind::Deadline,
            Stage::Probe,
            format!("router {router} did not finish `{command}` in time; give it more with --deadline"),
        )),
        Ok(Outcome::Abandoned | Outcome::Due | Outcome::GaveWay) => {
            *current = None;
            return After::Idle;
        }
        Ok(Outcome::Cut { why, .. }) => {
            after = After::Lost;
            failed(master.mask.failure(lost(router, &why)))
        }
        Err(failure) => failed(master.mask.failure(failure)),
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
