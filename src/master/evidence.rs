//! Evidence: the traceroute of a line that went down, which shows where. Once per way from up to down, when no job wants a
//! lane; delivered with the line's next answer. Knows neither lanes nor the text.

use crate::failure::{Failure, Kind, Stage};
use crate::probe::{Answer, Measurement, Probe, ProbeKind, When};
use crate::wire::Answers;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines that are remembered; beyond it the one that was not asked for longest is forgotten.
const LIMIT: usize = 4096;
/// When everything behind a router is down, the first few tell it.
const WAITING: usize = 32;
/// Polls come in bursts: one that is run between two of them would only be cut short.
const QUIET: Duration = Duration::from_millis(500);
/// But a router may be polled all the time.
const PATIENCE: Duration = Duration::from_secs(5);
/// One that jobs cut short is begun again so often.
const TRIES: u8 = 3;
/// None is run for so long after one that cost the session: each may cost a login.
const PAUSE: Duration = Duration::from_secs(3600);

type Probes = Arc<[Probe]>;

#[derive(Default)]
pub(super) struct Evidence {
    lines: HashMap<Probes, Watched>,
    waiting: VecDeque<Waiting>,
    last_run: Option<Instant>,
    paused_until: Option<Instant>,
}

struct Waiting {
    line: Probes,
    since: Instant,
}

struct Watched {
    up: bool,
    asked: Instant,
    tries: u8,
    /// What came of it, until somebody has it.
    found: Option<Answer>,
}

impl Evidence {
    /// The line was measured. A line that was never up for us may have gone down a moment ago.
    pub(super) fn measured(&mut self, probes: &Probes, answers: &Answers) {
        let Some(when) = probes.iter().find_map(when) else { return };
        let ping = answers.answers.iter().find_map(|answer| match &answer.outcome {
            Ok(Measurement::Ping(ping)) => Some(ping.up == 1),
            _ => None,
        });
        let Some(up) = ping else { return };
        self.make_room(probes);
        let new = Watched { up: true, asked: Instant::now(), tries: 0, found: None };
        let line = self.lines.entry(Arc::clone(probes)).or_insert(new);
        let wanted = when == When::Now || (line.up && !up);
        let over = when == When::Edge && up;
        (line.up, line.asked) = (up, Instant::now());
        if over {
            // It would show a path that works.
            self.waiting.retain(|waiting| waiting.line != *probes);
        } else if wanted && self.waiting.iter().all(|waiting| waiting.line != *probes) {
            line.tries = 0;
            if self.paused_until.is_some_and(|until| Instant::now() < until) {
                line.found = Some(paused());
            } else if self.waiting.len() < WAITING {
                self.waiting.push_back(Waiting::new(probes));
            } else {
                line.found = Some(not_run(format!("{WAITING} other lines of this router went down at the same time")));
            }
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// When the next one may be taken.
    pub(super) fn due(&self, last_job: Instant) -> Option<Instant> {
        let waiting = self.waiting.front()?;
        let since = self.last_run.map_or(waiting.since, |last_run| last_run.max(waiting.since));
        Some((last_job + QUIET).min(since + PATIENCE))
    }

    /// The next one to take.
    pub(super) fn next(&mut self) -> Option<(Probes, Probe)> {
        let probes = self.waiting.pop_front()?.line;
        self.last_run = Some(Instant::now());
        let probe = probes.iter().find(|probe| when(probe).is_some())?.clone();
        Some((probes, probe))
    }

    /// What came of it. `hurried`: a job wanted the lane before it was done.
    pub(super) fn found(&mut self, probes: &Probes, answer: Answer, hurried: bool) {
        let Some(line) = self.lines.get_mut(probes) else { return };
        line.tries += 1;
        if hurried && line.tries < TRIES && !line.is_over(probes) {
            self.waiting.push_back(Waiting::new(probes));
        } else {
            line.found = Some(answer);
        }
    }

    /// The router closed the session over a traceroute, or did not stop it for a poll.
    pub(super) fn pause(&mut self) {
        self.paused_until = Some(Instant::now() + PAUSE);
        for waiting in self.waiting.drain(..) {
            if let Some(line) = self.lines.get_mut(&waiting.line) {
                line.found = Some(paused());
            }
        }
    }

    /// What was found, for whoever gets it with the line's answer.
    pub(super) fn take(&mut self, probes: &[Probe]) -> Option<Answer> {
        self.lines.get_mut(probes)?.found.take()
    }

    /// Nobody took it.
    pub(super) fn put_back(&mut self, probes: &[Probe], answer: Answer) {
        if let Some(line) = self.lines.get_mut(probes) {
            line.found.get_or_insert(answer);
        }
    }

    fn make_room(&mut self, probes: &Probes) {
        if self.lines.len() >= LIMIT && !self.lines.contains_key(probes) {
            let oldest = self.lines.iter().min_by_key(|(_, line)| line.asked).map(|(probes, _)| Arc::clone(probes));
            oldest.and_then(|probes| self.lines.remove(&probes));
        }
    }
}

impl Waiting {
    fn new(line: &Probes) -> Self {
        Self { line: Arc::clone(line), since: Instant::now() }
    }
}

impl Watched {
    /// The line came back while its evidence was taken.
    fn is_over(&self, probes: &Probes) -> bool {
        self.up && probes.iter().any(|probe| when(probe) == Some(When::Edge))
    }
}

fn when(probe: &Probe) -> Option<When> {
    match probe {
        Probe::Traceroute(traceroute) => Some(traceroute.when),
        Probe::Ping(_) | Probe::Interface { .. } => None,
    }
}

fn paused() -> Answer {
    not_run(
        "a traceroute cost the session less than an hour ago, closed by the router or not stopped for a poll"
            .to_owned(),
    )
}

fn not_run(why: String) -> Answer {
    let failure = Failure::new(Kind::Deadline, Stage::Probe, format!("not run: {why}"));
    Answer { kind: ProbeKind::Traceroute, outcome: Err(failure) }
}

#[cfg(test)]
mod tests;
