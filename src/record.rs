//! The record that a master leaves beside its socket: which process it is and of which router, so that `status` and `stop`
//! can name it even when it does not answer.

use serde::{Deserialize, Serialize};
use std::io;

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

    /// The recorded process still runs.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid).is_ok_and(|started| started == self.started)
    }
}

/// Field 22 of `/proc/PID/stat` (proc(5)); a process that ended but was not waited for counts as gone.
pub fn start_time(pid: u32) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
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

    #[test]
    fn a_record_knows_its_own_process_and_no_other() {
        let record = Record::of_this_process("r1:22".into(), "ddl".into(), "linux".into()).unwrap();
        assert!(record.is_alive());
        assert!(!Record { started: record.started + 1, ..record }.is_alive());
    }
}
