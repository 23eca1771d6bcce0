//! One end of time per run, set at its start; every wait takes it.

use rustix::event::Timespec;
use std::time::{Duration, Instant};

/// A point in time after which nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A time beyond what the clock can count is a year: nobody waits longer.
    pub fn after(time: Duration) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        let now = Instant::now();
        Self(now.checked_add(time).unwrap_or(now + YEAR))
    }

    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// Time left, zero when it is over.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The same as `poll(2)` takes it.
    pub fn timeout(self) -> Timespec {
        let left = self.remaining();
        Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() }
    }

    pub fn is_over(self) -> bool {
        self.remaining().is_zero()
    }

    /// The same end, earlier by what the way back needs.
    pub fn less(self, time: Duration) -> Self {
        Self(self.0.checked_sub(time).unwrap_or(self.0))
    }

    /// Whichever comes first.
    pub fn or_after(self, time: Duration) -> Self {
        self.min(Self::after(time))
    }

    /// Waits a moment, never past the end.
    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps; whoever calls it has an end of time")]
    pub fn pause(self, time: Duration) {
        std::thread::sleep(time.min(self.remaining()));
    }

    pub fn instant(self) -> Instant {
        self.0
    }
}
