//! Other processes, masters above all: whether they live, what they say of themselves in /proc, and signals to them.

use super::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// Ignores a process that is gone already.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id");
    let _ = kill_process(pid, signal);
}

/// Ends it and waits for that.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
    until_gone(pid);
}

pub fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

pub fn until_gone(pid: u32) {
    wait::until(&format!("the end of process {pid}"), || (!is_alive(pid)).then_some(()));
}

/// Stops it and waits until it stands still.
pub fn stop(pid: u32) {
    signal(pid, Signal::STOP);
    wait::until("a stopped process", || (state(pid) == Some('T')).then_some(()));
}

/// The letter of proc(5).
fn state(pid: u32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

/// Fields of /proc/PID/stat from the third (state) on.
pub fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace().map(str::to_owned).collect())
}

/// A line of /proc/PID/status, in kB where it is a size.
pub fn status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("such a line");
    line.split_ascii_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// The processes whose name in `ps` is a master's of this router (`host:port`), ready or not.
pub fn masters_of(router: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let title = format!("@{router}\0master");
    pids.filter(|pid| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.starts_with(b"ddl-monitor: ") && String::from_utf8_lossy(&line).contains(&title))
    })
    .collect()
}

/// The processes that it started and that are still its own.
pub fn children(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|child| stat(*child).is_some_and(|stat| stat[1] == pid.to_string())).collect()
}

/// `short` times, or `long` times when `DDL_TEST_LONG=1`.
pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("DDL_TEST_LONG").is_some_and(|value| value == "1") { long } else { short }
}
