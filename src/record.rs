//! The record that a master leaves beside its socket: which process it is and of which router, so that `status` and `stop`
//! can name it even when it does not answer. Another user may have written a record: its text is not trusted.

use crate::quote;
use crate::state;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

/// How the name of a master in the list of processes begins; user and router follow.
pub const TITLE: &str = "ddl-monitor: ";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub pid: u32,
    /// The kernel's start time of the process, in clock ticks since boot: a pid alone may be somebody else's by now.
    pub started: u64,
    /// `host:port`.
    pub router: String,
    pub user: String,
    pub platform: String,
}

impl Record {
    pub fn of_this_process(router: String, user: String, platform: String) -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Self { pid, started: start_time(pid)?, router, user, platform })
    }

    /// Reads a record file; characters that could steer a terminal are escaped.
    pub fn read(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&state::read(path).ok()?).ok()?;
        let shown = |text: &str| quote::visible(text).into_owned();
        Some(Self {
            router: shown(&record.router),
            user: shown(&record.user),
            platform: shown(&record.platform),
            ..record
        })
    }

    /// The recorded process still runs, and is a master of our user: any other process is left alone.
    pub fn is_alive(&self) -> bool {
        is_master(self.pid) && start_time(self.pid).is_ok_and(|started| started == self.started)
    }
}

/// A process of our user that was started as [`crate::launch`] starts a master.
fn is_master(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    let ours = rustix::process::geteuid().as_raw().to_string();
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut arguments = arguments.split(|byte| *byte == 0);
    uids.split_ascii_whitespace().all(|uid| uid == ours)
        && arguments.next().is_some_and(|name| name.starts_with(TITLE.as_bytes()))
        && arguments.next() == Some(b"master")
}

/// Field 22 of `/proc/PID/stat` (proc(5)); a process that ended but was not waited for counts as gone.
pub fn start_time(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything, blanks and parentheses included.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, after)| after).split_ascii_whitespace().collect();
    match (fields.first(), fields.get(19).and_then(|field| field.parse().ok())) {
        (Some(&("Z" | "X")), _) => Err(io::Error::new(io::ErrorKind::NotFound, format!("process {pid} has ended"))),
        (_, Some(ticks)) => Ok(ticks),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat: no start time"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    struct Running(Child);

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Starts a waiting shell under this process name; returns it with its record.
    fn running(name: &str, argument: &str) -> (Running, Record) {
        let mut command = Command::new("sh");
        command.arg0(name).args([argument, "-c", "read line"]).stdin(std::process::Stdio::piped());
        let child = Running(command.spawn().unwrap());
        let pid = child.0.id();
        let record = Record { pid, started: start_time(pid).unwrap(), ..record() };
        (child, record)
    }

    fn record() -> Record {
        Record::of_this_process("r1:22".into(), "ddl".into(), "linux".into()).unwrap()
    }

    #[test]
    fn only_a_running_process_has_a_start_time() {
        let record = record();
        assert_eq!(start_time(record.pid).unwrap(), record.started);
        assert!(start_time(u32::MAX).is_err());
    }

    #[test]
    fn any_other_process_is_not_the_master_of_a_record() {
        // This very process runs and is ours; a master it is not.
        assert!(!record().is_alive());
        let (_shell, named_otherwise) = running("sshd: ", "-s");
        assert!(!named_otherwise.is_alive());
    }

    #[test]
    fn record_cannot_steer_a_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        let hostile = Record { router: "r\u{1b}]0;owned\u{7}".into(), user: "\u{202e}ddl".into(), ..record() };
        fs::write(&path, serde_json::to_vec(&hostile).unwrap()).unwrap();
        let read = Record::read(&path).unwrap();
        assert_eq!((read.router.as_str(), read.user.as_str()), ("r\\u{1b}]0;owned\\u{7}", "\\u{202e}ddl"));
    }
}
