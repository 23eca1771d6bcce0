//! The wall clock, for times that people and Zabbix read. Whoever waits uses a [`crate::deadline::Deadline`].

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now() -> f64 {
    since_1970(SystemTime::now())
}

/// A file's time in the same form.
pub fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
