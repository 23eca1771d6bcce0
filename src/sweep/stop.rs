//! The end of a sweep, told once and heard by everybody who waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
pub struct Stop {
    told: Mutex<bool>,
    heard: Condvar,
}

impl Stop {
    pub fn tell(&self) {
        *self.lock() = true;
        self.heard.notify_all();
    }

    pub fn is_told(&self) -> bool {
        *self.lock()
    }

    /// Waits so long, or until it is told; true then.
    pub fn wait(&self, time: Duration) -> bool {
        let told = self.heard.wait_timeout_while(self.lock(), time, |told| !*told);
        *told.map_or_else(|poisoned| poisoned.into_inner().0, |(told, _)| told)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
