//! The last measurement of each list of probes, for `--max-age`. Failures are never served again.

use crate::failure::Kind;
use crate::probe::{Answer, Probe, ProbeKind};
use crate::wire::{Answers, Session};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lists of probes remembered; beyond it the oldest is forgotten.
const LIMIT: usize = 4096;

#[derive(Default)]
pub(super) struct History(HashMap<Arc<[Probe]>, (Instant, Answers)>);

impl History {
    /// Keeps the answers if all of them are measurements; beside a ping's also one that the router would refuse again.
    pub(super) fn keep(&mut self, probes: Arc<[Probe]>, answers: &Answers) {
        // Evidence is told once.
        let measured = answers.answers.iter().filter(|answer| answer.kind != ProbeKind::Traceroute);
        let lasts = |answer: &&Answer| match &answer.outcome {
            Ok(_) => true,
            Err(failure) => answer.kind != ProbeKind::Ping && matches!(failure.kind, Kind::Rejected | Kind::Settings),
        };
        if !measured.clone().all(|answer| lasts(&answer)) {
            return;
        }
        let answers = Answers { answers: measured.cloned().collect(), ..answers.clone() };
        if self.0.len() >= LIMIT && !self.0.contains_key(&probes) {
            let oldest = self.0.iter().min_by_key(|(_, (at, _))| *at).map(|(probes, _)| Arc::clone(probes));
            oldest.and_then(|probes| self.0.remove(&probes));
        }
        self.0.insert(probes, (Instant::now(), answers));
    }

    /// The answers if they are younger than `max_age`, with their age.
    pub(super) fn young(&self, probes: &[Probe], max_age: Duration) -> Option<Answers> {
        let (at, answers) = self.0.get(probes)?;
        let age = at.elapsed();
        (age < max_age).then(|| Answers { age: age.as_secs_f64(), session: Session::Cached, ..answers.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Stage};
    use crate::probe::Ping;

    fn probes() -> Arc<[Probe]> {
        let target = "192.0.2.1".parse().unwrap();
        Arc::new([Probe::Ping(Ping {
            target,
            count: 5,
            timeout: Duration::from_secs(2),
            size: None,
            vrf: None,
            source: None,
            df: false,
        })])
    }

    #[test]
    fn a_failure_is_not_served_again() {
        let failure = Failure::new(Kind::Reply, Stage::Reply, "not understood");
        let mut history = History::default();
        let answers = Answers::failed(&probes(), &failure, 1.0);
        history.keep(probes(), &answers);
        assert!(history.young(&probes(), Duration::from_secs(60)).is_none());
    }

    #[test]
    fn more_lists_than_the_limit_push_out_the_oldest() {
        let mut history = History::default();
        let answers = Answers { answers: Vec::new(), ..Answers::failed(&[], &Failure::settings("none"), 1.0) };
        let list = |n: usize| -> Arc<[Probe]> {
            let Probe::Ping(ping) = probes()[0].clone() else { unreachable!("a ping") };
            Arc::new([Probe::Ping(Ping { size: Some(u32::try_from(n).unwrap()), ..ping })])
        };
        for n in 0..LIMIT + 10 {
            history.keep(list(n), &answers);
        }
        assert_eq!(history.0.len(), LIMIT);
        let is_kept = |n: usize| history.young(&list(n), Duration::from_secs(3600)).is_some();
        assert!(!is_kept(0) && !is_kept(9) && is_kept(10) && is_kept(LIMIT + 9));
    }

    #[test]
    fn a_measurement_is_served_only_while_it_is_young() {
        let mut history = History::default();
        let failure = Failure::new(Kind::Reply, Stage::Reply, "not understood");
        let answers = Answers { answers: Vec::new(), ..Answers::failed(&[], &failure, 1.0) };
        history.keep(probes(), &answers);
        let young = history.young(&probes(), Duration::from_secs(60)).unwrap();
        assert_eq!(young.session, Session::Cached);
        assert!(history.young(&probes(), Duration::ZERO).is_none());
    }
}
