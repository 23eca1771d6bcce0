//! The masters of a state directory, from outside: who they are, how they are, and their end.

use super::{exchange, open};
use crate::clock;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::quote;
use crate::record::Record;
use crate::state::{Lock, State};
use crate::wire::{LaneStatus, LastFailure, Reply, Request, Status};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::fs;
use std::io;
use std::time::Duration;

/// A master answers `status` at once, or is wedged.
const STATUS_LIMIT: Duration = Duration::from_secs(1);
/// How long a clean logout may take.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How long the kernel may take to end a killed process.
const KILL_LIMIT: Duration = Duration::from_secs(2);
/// Masters asked at the same time.
const AT_ONCE: usize = 32;

/// What became of a master that was told to stop.
#[derive(Clone, Debug, Serialize)]
pub struct Stopped {
    pub router: String,
    pub user: String,
    pub pid: u32,
    /// `logged out`, `killed` (it did not answer), `left running`.
    pub how: &'static str,
}

/// All living masters, sorted by router. One that does not answer is shown from its record.
pub fn status(state: &State) -> Result<Vec<Status>, Failure> {
    let mut all = each(state, None, |name, record| {
        let deadline = Deadline::after(STATUS_LIMIT);
        let asked = open(&state.socket(name), deadline).and_then(|stream| exchange(stream, &Request::Status, deadline));
        match asked {
            Ok(Reply::Status(status)) => visible(status),
            _ => Status {
                router: record.router.clone(),
                user: record.user.clone(),
                platform: record.platform.clone(),
                pid: record.pid,
                state: "no answer".to_owned(),
                since: since(state, name),
                queued: 0,
                lanes: Vec::new(),
                last_failure: None,
            },
        }
    })?;
    all.sort_by(|a, b| (&a.router, a.pid).cmp(&(&b.router, b.pid)));
    Ok(all)
}

/// Escapes what could steer a terminal in the status that a master reports: it may be the master of another user.
fn visible(status: Status) -> Status {
    let shown = |text: String| quote::visible(&text).into_owned();
    let lane = |lane: LaneStatus| LaneStatus { state: shown(lane.state), ..lane };
    let failure = |last: LastFailure| {
        let failure = Failure { message: shown(last.failure.message), ..last.failure };
        LastFailure { failure, ..last }
    };
    Status {
        router: shown(status.router),
        user: shown(status.user),
        platform: shown(status.platform),
        state: shown(status.state),
        lanes: status.lanes.into_iter().map(lane).collect(),
        last_failure: status.last_failure.map(failure),
        ..status
    }
}

/// Stops the masters of a router, or all.
pub fn stop(state: &State, router: Option<&str>) -> Result<Vec<Stopped>, Failure> {
    each(state, router, |name, record| Stopped {
        router: record.router.clone(),
        user: record.user.clone(),
        pid: record.pid,
        how: end(state, name, record),
    })
}

/// Lets the masters with these names finish what runs, and leave; nobody waits for it. How many there were.
pub fn retire(state: &State, names: &[String]) -> usize {
    let retired = names.iter().filter(|name| {
        let deadline = Deadline::after(STATUS_LIMIT);
        let asked = open(&state.socket(name), deadline).and_then(|stream| exchange(stream, &Request::Retire, deadline));
        matches!(asked, Ok(Reply::Leaving))
    });
    retired.count()
}

fn end(state: &State, name: &str, record: &Record) -> &'static str {
    let deadline = Deadline::after(STOP_LIMIT);
    // The connection ends with the process; there is no other answer.
    let _ = open(&state.socket(name), deadline).and_then(|stream| exchange(stream, &Request::Stop, deadline));
    if is_gone(record, deadline.or_after(KILL_LIMIT)) {
        return "logged out";
    }
    let pid = i32::try_from(record.pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|_| record.is_alive()) {
        let _ = kill_process(pid, Signal::KILL);
    }
    let gone = is_gone(record, Deadline::after(KILL_LIMIT));
    if gone { "killed" } else { "left running" }
}

fn is_gone(record: &Record, deadline: Deadline) -> bool {
    loop {
        if !record.is_alive() {
            return true;
        }
        if deadline.is_over() {
            return false;
        }
        deadline.pause(Duration::from_millis(5));
    }
}

/// Does something with every living master, many at a time; clears away what dead ones left.
fn each<T: Send>(
    state: &State,
    router: Option<&str>,
    act: impl Fn(&str, &Record) -> T + Sync,
) -> Result<Vec<T>, Failure> {
    let names = state
        .masters()
        .map_err(|e| Failure::settings(format!("reading the state directory {}: {e}", state.dir().display())))?;
    state.clear_temporaries();
    let mut living = Vec::new();
    for name in names {
        match Record::read(&state.master_record(&name)) {
            Some(record) if record.is_alive() => living.push((name, record)),
            _ => clear(state, &name),
        }
    }
    living.retain(|(_, record)| router.is_none_or(|router| record.router == router));
    let mut results = Vec::with_capacity(living.len());
    for some in living.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let act = &act;
            let threads: Vec<_> = some.iter().map(|(name, record)| scope.spawn(move || act(name, record))).collect();
            results.extend(threads.into_iter().filter_map(|thread| thread.join().ok()));
        });
    }
    Ok(results)
}

/// The names of a master that died; under its lock, so that one that is just starting keeps its own.
fn clear(state: &State, name: &str) {
    let Ok(Some(lock)) = Lock::try_acquire(&state.master_lock(name)) else { return };
    for path in [state.socket(name), state.new_socket(name), state.master_record(name)] {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                log::debug!(path:% = path.display(), error:% = e; "what a dead master left stays");
            }
            _ => {}
        }
    }
    lock.remove();
    // A client that was killed while it started one leaves this.
    if let Ok(Some(lock)) = Lock::try_acquire(&state.start_lock(name)) {
        lock.remove();
    }
}

fn since(state: &State, name: &str) -> f64 {
    let modified = fs::metadata(state.master_record(name)).and_then(|meta| meta.modified()).ok();
    modified.map_or(0.0, clock::since_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn master_cannot_steer_the_terminal_of_who_asks() {
        const HOSTILE: &str = "x\u{1b}[2J\u{202e}\u{9b}";
        let failure = Failure::settings(HOSTILE);
        let status = Status {
            router: HOSTILE.into(),
            user: HOSTILE.into(),
            platform: HOSTILE.into(),
            pid: 1,
            state: HOSTILE.into(),
            since: 0.0,
            queued: 0,
            lanes: vec![LaneStatus { state: HOSTILE.into(), since: 0.0, jobs: 0 }],
            last_failure: Some(LastFailure { failure, time: 0.0 }),
        };
        let shown = visible(status);
        let message = shown.last_failure.expect("a failure").failure.message;
        for text in [shown.router, shown.user, shown.platform, shown.state, shown.lanes[0].state.clone(), message] {
            assert_eq!(text, "x\\u{1b}[2J\\u{202e}\\u{9b}");
        }
    }
}
