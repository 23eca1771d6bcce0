//! Which packets of an aborted ping were still on their way: they are neither lost nor received. Only what is certain counts
//! as lost. No clock here: the times are handed in.

use super::definition::PacingFile as Pacing;
use super::reply::Told;
use std::time::Duration;

/// What is known of an aborted run.
pub(super) struct Aborted<'a> {
    pub(super) pacing: Pacing,
    pub(super) gap: Duration,
    /// Of one packet, as the platform rounds it.
    pub(super) timeout: Duration,
    /// Between sending the command and the abort.
    pub(super) after: Duration,
    /// We ended a command that never ends by itself, after the last packet's time-out.
    pub(super) planned: bool,
    pub(super) sent: u32,
    pub(super) received: u32,
    /// Average round trip, where printed.
    pub(super) average: Option<Duration>,
    pub(super) told: &'a Told,
}

/// The way of the command to the router and the abort's way: a packet younger than its time-out plus this may still be
/// waited for.
const LATENCY: Duration = Duration::from_millis(50);

impl Aborted<'_> {
    /// Packets whose time-out was not over; None where it cannot be told.
    pub(super) fn pending(&self) -> Option<u32> {
        let unanswered = self.sent.saturating_sub(self.received);
        if unanswered == 0 || self.told.settled >= unanswered {
            return Some(0);
        }
        match self.pacing {
            Pacing::OneOutstanding => self.pending_of_one_outstanding(unanswered),
            Pacing::Interval => self.pending_of_interval(),
            Pacing::Lines => self.pending_of_lines(unanswered),
            Pacing::Unknown => self.pending_of_unknown(),
        }
    }

    /// If all the unanswered ones had had their time-out, the run would have taken longer than it did.
    fn pending_of_one_outstanding(&self, unanswered: u32) -> Option<u32> {
        let replies = match (self.received, self.average) {
            (0, _) => Duration::ZERO,
            (received, Some(average)) => average.saturating_mul(received),
            (_, None) => return None,
        };
        let gaps = self.gap.saturating_mul(self.sent.saturating_sub(1));
        let needed = self.timeout.saturating_mul(unanswered).saturating_add(replies).saturating_add(gaps);
        Some(u32::from(needed.saturating_add(LATENCY) > self.after))
    }

    /// Only the first packet's time of departure is known: with nothing back it is the one that is certainly lost.
    fn pending_of_unknown(&self) -> Option<u32> {
        let first_is_over = self.timeout.saturating_add(LATENCY) <= self.after;
        (self.received == 0).then_some(if first_is_over { self.sent - 1 } else { self.sent })
    }

    fn pending_of_interval(&self) -> Option<u32> {
        let latency = if self.planned { Duration::ZERO } else { LATENCY };
        // Calculated, not counted: `sent` is any number that a router cares to print.
        let first_young = match self.after.checked_sub(self.timeout.saturating_add(latency)) {
            None => 0,
            Some(long_ago) => match long_ago.as_nanos().checked_div(self.gap.as_nanos()) {
                None => self.sent,
                Some(old) => u32::try_from(old + 1).unwrap_or(u32::MAX).min(self.sent),
            },
        };
        if first_young == self.sent {
            return Some(0);
        }
        let (answered, given_up) = (&self.told.answered, &self.told.given_up);
        // Which ones came back is known only if every reply has its line.
        let told = u32::try_from(answered.len()) == Ok(self.received) && answered.iter().all(|p| *p < self.sent);
        (self.received == 0 || told).then(|| {
            let settled = answered.union(given_up).filter(|packet| (first_young..self.sent).contains(packet)).count();
            (self.sent - first_young).saturating_sub(u32::try_from(settled).unwrap_or(u32::MAX))
        })
    }

    /// The next packet leaves when the one before is settled: only those behind the last line are open.
    fn pending_of_lines(&self, unanswered: u32) -> Option<u32> {
        let settled = self.told.answered.union(&self.told.given_up).max().map_or(0, |last| last.saturating_add(1));
        let told = u32::try_from(self.told.answered.len()) == Ok(self.received) && settled <= self.sent;
        told.then(|| (self.sent - settled).min(unanswered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    static NOTHING: Told = Told { answered: BTreeSet::new(), given_up: BTreeSet::new(), settled: 0 };

    fn told(answered: &[u32], given_up: &[u32], settled: u32) -> Told {
        Told { answered: answered.iter().copied().collect(), given_up: given_up.iter().copied().collect(), settled }
    }

    fn run(pacing: Pacing, sent: u32, received: u32, after_ms: u64) -> Aborted<'static> {
        Aborted {
            pacing,
            gap: Duration::from_millis(if pacing == Pacing::Interval { 200 } else { 0 }),
            timeout: Duration::from_secs(2),
            after: Duration::from_millis(after_ms),
            planned: false,
            sent,
            received,
            average: (received > 0).then(|| Duration::from_millis(10)),
            told: &NOTHING,
        }
    }

    #[test]
    fn one_outstanding_the_second_packet_of_a_dead_line_is_pending_at_the_deadline() {
        assert_eq!(run(Pacing::OneOutstanding, 2, 0, 2400).pending(), Some(1));
        assert_eq!(run(Pacing::OneOutstanding, 1, 0, 2400).pending(), Some(0));
        assert_eq!(run(Pacing::OneOutstanding, 1, 0, 1900).pending(), Some(1));
        assert_eq!(run(Pacing::OneOutstanding, 4, 3, 2400).pending(), Some(0));
        assert_eq!(run(Pacing::OneOutstanding, 4, 3, 1500).pending(), Some(1));
    }

    #[test]
    fn at_an_interval_unanswered_packets_younger_than_their_time_out_are_pending() {
        // Sent at 0, 0.2 … 0.8 s, aborted at 2.5 s with 2 s time-out: those of 0.6 and 0.8 s are open.
        assert_eq!(run(Pacing::Interval, 5, 0, 2500).pending(), Some(2));
        assert_eq!(run(Pacing::Interval, 5, 0, 1000).pending(), Some(5));
        assert_eq!(run(Pacing::Interval, 5, 0, 3000).pending(), Some(0));
    }

    #[test]
    fn at_an_interval_without_lines_it_cannot_be_told_which_packets_came_back() {
        assert_eq!(run(Pacing::Interval, 5, 3, 2500).pending(), None);
        let told = told(&[0, 1, 4], &[], 0);
        let aborted = Aborted { told: &told, ..run(Pacing::Interval, 5, 3, 2500) };
        assert_eq!(aborted.pending(), Some(1));
    }

    #[test]
    fn by_lines_only_packets_behind_the_last_line_are_pending() {
        let told = told(&[], &[0], 1);
        let aborted = Aborted { told: &told, ..run(Pacing::Lines, 2, 0, 2400) };
        assert_eq!(aborted.pending(), Some(1));
        assert_eq!(run(Pacing::Lines, 1, 0, 1900).pending(), Some(1));
    }

    #[test]
    fn of_an_unknown_pacing_only_the_first_packet_is_called_lost_and_only_if_nothing_came_back() {
        assert_eq!(run(Pacing::Unknown, 3, 0, 2400).pending(), Some(2));
        assert_eq!(run(Pacing::Unknown, 3, 0, 1900).pending(), Some(3));
        assert_eq!(run(Pacing::Unknown, 3, 2, 9000).pending(), None);
        assert_eq!(run(Pacing::Unknown, 3, 3, 900).pending(), Some(0));
    }

    #[test]
    fn numbers_that_no_router_can_mean_cost_no_time_and_no_panic() {
        for (pacing, gap, timeout) in [
            (Pacing::Interval, Duration::from_millis(200), Duration::from_secs(2)),
            (Pacing::Interval, Duration::ZERO, Duration::from_secs(2)),
            (Pacing::Interval, Duration::MAX, Duration::MAX),
            (Pacing::OneOutstanding, Duration::MAX, Duration::MAX),
            (Pacing::Lines, Duration::MAX, Duration::MAX),
            (Pacing::Unknown, Duration::MAX, Duration::MAX),
        ] {
            for received in [0, 1, u32::MAX] {
                let aborted =
                    Aborted { gap, timeout, average: Some(Duration::MAX), ..run(pacing, u32::MAX, received, 2500) };
                assert!(aborted.pending().is_none_or(|pending| pending <= u32::MAX - received));
            }
        }
        assert_eq!(run(Pacing::Interval, u32::MAX, 0, 2500).pending(), Some(u32::MAX - 3));
    }

    #[test]
    fn a_line_that_says_timed_out_settles_it() {
        let told = told(&[], &[], 1);
        let aborted = Aborted { told: &told, ..run(Pacing::OneOutstanding, 1, 0, 500) };
        assert_eq!(aborted.pending(), Some(0));
    }

    proptest! {
        /// A run of one outstanding packet, played by the clock: what is called lost had its full time-out.
        #[test]
        fn one_outstanding_never_calls_a_packet_lost_that_was_still_waited_for(
            lost in prop::collection::vec(any::<bool>(), 1..30), after in 0u64..40_000, rtt in 1u64..300,
        ) {
            let (mut clock, mut sent, mut received, mut full) = (0, 0, 0, 0);
            for lost in lost {
                if clock > after { break; }
                sent += 1;
                clock += if lost { 2000 } else { rtt };
                if clock <= after {
                    if lost { full += 1 } else { received += 1 }
                }
            }
            let aborted = Aborted { average: Some(Duration::from_millis(rtt)), ..run(Pacing::OneOutstanding, sent, received, after) };
            let pending = aborted.pending().unwrap();
            prop_assert!(sent - received - pending <= full);
        }

        /// The same for packets at an interval, each lost or back after its own time.
        #[test]
        fn at_an_interval_no_packet_is_called_lost_that_was_still_waited_for(
            trips in prop::collection::vec(prop::option::of(1u64..2500), 1..30), after in 0u64..10_000, lines in any::<bool>(),
        ) {
            let begun: Vec<(u64, Option<u64>)> = (0..).step_by(200).zip(trips).take_while(|(at, _)| *at <= after).collect();
            let back: Vec<u32> = (0..).zip(&begun).filter(|(_, (at, trip))| trip.is_some_and(|trip| at + trip <= after)).map(|(n, _)| n).collect();
            let full = begun.iter().filter(|(at, trip)| at + 2000 <= after && trip.is_none_or(|trip| at + trip > after)).count();
            let told = told(if lines { &back } else { &[] }, &[], 0);
            let (sent, received) = (u32::try_from(begun.len()).unwrap(), u32::try_from(back.len()).unwrap());
            let aborted = Aborted { told: &told, ..run(Pacing::Interval, sent, received, after) };
            if let Some(pending) = aborted.pending() {
                prop_assert!(((sent - received - pending) as usize) <= full);
            } else {
                prop_assert!(!lines && received > 0);
            }
        }
    }
}
