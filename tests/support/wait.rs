//! Readiness that can only be asked for again and again. The pause keeps the question cheap; it decides nothing.

use std::time::{Duration, Instant};

/// Asks until the answer is there, 20 s at most. Panics with `what` when it never comes.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "waited 20 s for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lets a moment pass, for races that are tried at one moment after another: the moment is what is tested, nothing is
/// expected to be ready after it.
pub fn moment(time: Duration) {
    std::thread::sleep(time);
}

/// As [`until`], for what a real Zabbix does at its own pace: 90 s at most. What was there instead is told in the end.
#[track_caller]
pub fn patiently<T, E: std::fmt::Display>(what: &str, mut ask: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        let error = match ask() {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        assert!(start.elapsed() < Duration::from_secs(90), "waited 90 s for {what}; there was {error}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
