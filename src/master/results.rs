//! The last result of each line, and whether a client has it. Every whole run is delivered exactly once, whatever it found:
//! a result that came too late for its poll is the answer of a later one. If the newest result counted instead, the mean of the
//! delivered losses would be wrong, since the runs that are in time are those with few losses. No clock:
//! the caller passes the time.

use crate::failure::Kind;
use crate::probe::{Answer, Measurement, PingResult, Probe, ProbeKind};
use crate::wire::{Answers, Session};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) type Probes = Arc<[Probe]>;

/// Lines remembered beyond those of the batch at hand, which may have left the inventory.
pub(super) const KEPT: usize = 4096;
/// A result that was not delivered by then says nothing about the line any more.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// A line is taken for mended at once if at least this many packets came back and none is missing: on a line that loses some, a
/// run without any reply and then one without any loss are too rare to change the mean.
const MENDED: u32 = 5;

#[derive(Default)]
pub(super) struct Results(HashMap<Probes, Kept>);

struct Kept {
    /// When the run began.
    at: Instant,
    answers: Answers,
    delivered: bool,
}

/// A result on its way to a client.
pub(super) struct Handed {
    pub(super) answers: Answers,
    /// For [`Results::put_back`], if the client does not take it.
    pub(super) at: Option<Instant>,
}

impl Results {
    /// Returns the undelivered result, if this poll need not ask the router: the whole ping took less than the available time, or
    /// the result is recent enough. The result of a longer ping waits for the end of the ping that runs meanwhile.
    pub(super) fn at_once(
        &mut self,
        probes: &[Probe],
        available: Duration,
        max_age: Duration,
        now: Instant,
    ) -> Option<Handed> {
        let kept = self.undelivered(probes, now)?;
        let fits = Duration::from_secs_f64(kept.answers.elapsed) < available;
        (fits || now.saturating_duration_since(kept.at) < max_age).then(|| kept.hand(now))
    }

    /// Returns the result for clients that wait for a finished run. The older of two results goes first, unless it says that the
    /// line is down and the new one that it is up again.
    pub(super) fn finished(&mut self, probes: &Probes, new: &Answers, now: Instant) -> Handed {
        let is_first = |kept: &&mut Kept| is_whole(new) && !(kept.is_down() && is_mended(new));
        match self.undelivered(probes, now).filter(is_first).map(|kept| kept.hand(now)) {
            Some(older) => {
                self.keep(probes, new, now);
                Handed { at: None, ..older }
            }
            None => self.direct(probes, new, now),
        }
    }

    /// Returns the result for a client whose time is over, or whose run was cut short or failed. The undelivered result goes
    /// before a partial one, and a failure that says more than `deadline` goes before the undelivered result.
    pub(super) fn unfinished(&mut self, probes: &[Probe], so_far: Answers, now: Instant) -> Handed {
        match self.undelivered(probes, now).filter(|_| says_little(&so_far)) {
            Some(kept) => kept.hand(now),
            None => Handed { answers: so_far, at: None },
        }
    }

    /// Keeps the result of a run that no client waits for. One that is not whole never replaces an undelivered one.
    pub(super) fn keep(&mut self, probes: &Probes, new: &Answers, now: Instant) {
        if !is_whole(new) && self.undelivered(probes, now).is_some() {
            return;
        }
        let at = now.checked_sub(Duration::from_secs_f64(new.elapsed)).unwrap_or(now);
        let answers = Answers { conversation: Vec::new(), ..new.clone() };
        self.make_room(probes);
        self.0.insert(Arc::clone(probes), Kept { at, answers, delivered: false });
    }

    /// Hands out this result now.
    fn direct(&mut self, probes: &Probes, new: &Answers, now: Instant) -> Handed {
        if !is_whole(new) && self.undelivered(probes, now).is_some() {
            return Handed { answers: new.clone(), at: None };
        }
        self.keep(probes, new, now);
        let at = self.0.get_mut(probes).map(|kept| kept.hand(now).at);
        Handed { answers: new.clone(), at: at.flatten() }
    }

    /// Returns the last result of a line for a batch that has nothing newer; `cached` if it was delivered before.
    pub(super) fn last(&mut self, probes: &[Probe], now: Instant) -> Option<Handed> {
        self.0.get_mut(probes).map(|kept| kept.hand(now))
    }

    /// The same for a person who looks: it stays new for Zabbix.
    pub(super) fn look(&self, probes: &[Probe], now: Instant) -> Option<Handed> {
        self.0.get(probes).map(|kept| Handed { answers: kept.again(now), at: None })
    }

    /// Makes a result undelivered again, because the client did not take it.
    pub(super) fn put_back(&mut self, probes: &[Probe], at: Instant) {
        if let Some(kept) = self.0.get_mut(probes).filter(|kept| kept.at == at) {
            kept.delivered = false;
        }
    }

    /// Counts all results as delivered: the router cannot be asked any more, so they are out of date.
    pub(super) fn outdate(&mut self) {
        self.0.values_mut().for_each(|kept| kept.delivered = true);
    }

    /// Returns when the run of the last result began.
    pub(super) fn measured_at(&self, probes: &[Probe]) -> Option<Instant> {
        self.0.get(probes).map(|kept| kept.at)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn forget_all_but(&mut self, is_known: impl Fn(&Probes) -> bool) {
        self.0.retain(|probes, _| is_known(probes));
    }

    fn undelivered(&mut self, probes: &[Probe], now: Instant) -> Option<&mut Kept> {
        let is_new = |kept: &Kept| !kept.delivered && is_whole(&kept.answers);
        self.0.get_mut(probes).filter(|kept| is_new(kept) && now.saturating_duration_since(kept.at) < LIFETIME)
    }

    fn make_room(&mut self, probes: &Probes) {
        if self.0.len() >= 2 * KEPT && !self.0.contains_key(probes) {
            let oldest = self.0.iter().min_by_key(|(_, kept)| kept.at).map(|(probes, _)| Arc::clone(probes));
            oldest.and_then(|probes| self.0.remove(&probes));
        }
    }
}

impl Kept {
    fn hand(&mut self, now: Instant) -> Handed {
        let answers = self.again(now);
        self.delivered = true;
        Handed { answers, at: Some(self.at) }
    }

    fn again(&self, now: Instant) -> Answers {
        let session = if self.delivered { Session::Cached } else { self.answers.session };
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        Answers { age, session, ..self.answers.clone() }
    }

    fn is_down(&self) -> bool {
        ping(&self.answers).is_some_and(|ping| ping.up == 0)
    }
}

fn ping(answers: &Answers) -> Option<&PingResult> {
    answers.answers.iter().find_map(|answer| match &answer.outcome {
        Ok(Measurement::Ping(ping)) => Some(ping),
        _ => None,
    })
}

/// Whether every packet was sent and had its time.
pub(super) fn is_whole(answers: &Answers) -> bool {
    ping(answers).is_some_and(|ping| ping.complete)
}

/// Whether there is neither a whole result of the ping nor a failure other than `deadline`.
pub(super) fn says_little(answers: &Answers) -> bool {
    let pings = answers.answers.iter().filter(|answer| answer.kind == ProbeKind::Ping);
    !is_whole(answers) && pings.filter_map(Answer::own_failure).all(|failure| failure.kind == Kind::Deadline)
}

fn is_mended(answers: &Answers) -> bool {
    let back = |ping: &PingResult| ping.received.filter(|received| Some(*received) >= ping.sent);
    ping(answers).and_then(back).is_some_and(|received| received >= MENDED)
}

#[cfg(test)]
mod tests;
