//! When a line is due: its k-th check belongs at its phase + k · interval, on a clock that nobody sets. The phase comes from the
//! line's id alone, so lines of a router are spread over the interval, and a sweep that starts anew finds the same times. Pure
//! arithmetic; times in milliseconds.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::time::Duration;

/// Shorter ones would only be missed.
const SHORTEST: u64 = 1000;

/// A check that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it belongs.
    pub at: u64,
    /// Checks between this one and the last that nobody has made.
    pub missed: u64,
}

/// A line's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    interval: u64,
    phase: u64,
}

/// What a line is known by in the table: its id's hash.
pub fn key(id: &str) -> u64 {
    // Fixed keys: every process must find the same. 0 stands for no line.
    let mut hasher = SipHasher13::new_with_keys(0x6464_6c2d_6d6f_6e69, 0x746f_7220_7377_6565);
    hasher.write(id.as_bytes());
    hasher.finish().max(1)
}

impl Rhythm {
    pub fn new(key: u64, interval: Duration) -> Self {
        let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX / 4).max(SHORTEST);
        Self { interval, phase: key % interval }
    }

    pub fn interval(self) -> u64 {
        self.interval
    }

    /// The check that is due `now`, if it was not made; `last` is the time that the last one belonged at. A line that was never
    /// checked is due at once. A last one in the future was claimed by a sweep that looked at the clock a moment later than we; one
    /// that is more than an interval away is of another clock and does not count.
    pub fn due(self, last: Option<u64>, now: u64) -> Option<Due> {
        let at = self.before(now);
        match last.filter(|last| last.saturating_sub(now) <= self.interval) {
            None => Some(Due { at, missed: 0 }),
            Some(last) if at <= last => None,
            Some(last) => {
                let skipped = at.saturating_sub(self.after(last)) / self.interval;
                Some(Due { at, missed: skipped })
            }
        }
    }

    /// When the next check is due: now or later.
    pub fn next(self, last: Option<u64>, now: u64) -> u64 {
        match self.due(last, now) {
            Some(_) => now,
            None => self.after(now),
        }
    }

    /// The latest time of a check that is not after `now`; before the first one it is 0.
    fn before(self, now: u64) -> u64 {
        now.checked_sub(self.phase).map_or(0, |since| now - since % self.interval)
    }

    /// The first time of a check that is after `time`.
    fn after(self, time: u64) -> u64 {
        match time.checked_sub(self.phase) {
            None => self.phase,
            Some(since) => time - since % self.interval + self.interval,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rhythm(id: &str, interval: u64) -> Rhythm {
        Rhythm::new(key(id), Duration::from_millis(interval))
    }

    proptest! {
        #[test]
        fn each_check_is_made_once_at_its_time_however_late_and_irregular_the_sweeps_are(
            id in "L-[0-9]{1,6}", interval in 1000..400_000_u64, start in 0..10_000_000_000_u64,
            steps in prop::collection::vec(1..900_000_u64, 1..60)
        ) {
            let rhythm = rhythm(&id, interval);
            let (mut now, mut last, mut made, mut missed) = (start, None, 0, 0);
            let mut first = None;
            for step in steps {
                now += step;
                if let Some(due) = rhythm.due(last, now) {
                    prop_assert!(due.at <= now && now - due.at < interval.max(rhythm.phase + 1));
                    prop_assert!(due.at == 0 || due.at % interval == rhythm.phase, "never shifted");
                    prop_assert!(last.is_none_or(|last| last < due.at), "never twice");
                    first.get_or_insert(due.at);
                    last = Some(due.at);
                    made += 1;
                    missed += due.missed;
                }
                prop_assert_eq!(rhythm.due(last, now), None);
                let next = rhythm.next(last, now);
                prop_assert!(next > now && next - now <= interval.max(rhythm.phase));
                prop_assert!(rhythm.due(last, next).is_some() && rhythm.due(last, next - 1).is_none());
            }
            // Every time since the first belongs to a check that was made or to one that was missed.
            if let (Some(first), Some(last)) = (first, last) {
                let first = if first == 0 { rhythm.phase as i128 - i128::from(interval) } else { i128::from(first) };
                prop_assert_eq!(i128::from(last) .max(first) - first, i128::from(interval) * (made + i128::from(missed) - 1));
            }
        }

        #[test]
        fn a_clock_that_is_set_stops_no_line_and_floods_none(
            interval in 1000..400_000_u64, times in prop::collection::vec(0..10_000_000_u64, 1..40)
        ) {
            let rhythm = rhythm("L-1", interval);
            let mut last = None;
            for now in times {
                if let Some(due) = rhythm.due(last, now) {
                    last = Some(due.at);
                }
                // Whatever the clock did: not due twice, and due again after two intervals at most.
                prop_assert_eq!(rhythm.due(last, now), None);
                prop_assert!(rhythm.due(last, now + 2 * interval).is_some());
            }
        }

        #[test]
        fn another_interval_counts_from_the_next_check_on(from in 1000..400_000_u64, to in 1000..400_000_u64, now in 1_000_000..9_000_000_u64) {
            let last = rhythm("L-1", from).due(None, now).map(|due| due.at);
            let changed = rhythm("L-1", to);
            let next = changed.next(last, now);
            prop_assert!(next - now <= to);
            prop_assert_eq!(changed.due(last, next).map(|due| due.missed), Some(0).filter(|_| next > now).or(changed.due(last, now).map(|due| due.missed)));
        }
    }

    #[test]
    fn the_lines_of_a_router_are_spread_over_the_interval() {
        let mut tenths = [0; 10];
        for n in 0..1000 {
            let rhythm = rhythm(&format!("L-{n}"), 180_000);
            tenths[usize::try_from(rhythm.phase / 18_000).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (60..140).contains(count)), "{tenths:?}");
    }
}
