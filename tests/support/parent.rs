//! A parent that starts a check as Zabbix does (measured on 6.0): own process group, stdout and stderr on one pipe that is
//! read to its end, an almost empty environment, a listening socket leaked, SIGTERM to the group at the time-out. And the
//! means to see who still holds what it lent.

use super::wait::LIMIT;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{PipeReader, Read};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Server, proxy and agent 1: at the time-out the pipe is closed at once.
    Agent,
    /// Agent 2 (Go): after the kill it still waits for the end of the pipe.
    Agent2,
}

pub struct Parent {
    kind: Kind,
    timeout: Duration,
    /// Leaked to every check, as descriptors 7 and 8.
    socket: TcpListener,
    leaked: String,
}

pub struct Outcome {
    /// stdout and stderr as they came.
    pub output: String,
    pub timed_out: bool,
    /// Even after the kill the pipe did not end, or the check did not: agent 2, or the server's poller, would hang.
    pub hung: bool,
    /// None when it had to be killed with SIGKILL.
    pub status: Option<ExitStatus>,
    /// `pipe:[N]` and `socket:[N]`, as /proc/PID/fd shows them.
    lent: [String; 2],
}

impl Parent {
    pub fn new(kind: Kind, timeout: Duration) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a listening socket");
        let leaked = link(std::process::id(), socket.as_raw_fd()).expect("a socket is listed");
        Self { kind, timeout, socket, leaked }
    }

    /// Runs one check to its end or time-out. `environment` comes on top of PATH.
    pub fn run(&self, program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
        let start = Instant::now();
        let (pipe, writer) = std::io::pipe().expect("a pipe");
        let lent = [link(std::process::id(), pipe.as_raw_fd()).expect("a pipe is listed"), self.leaked.clone()];
        let socket = self.socket.try_clone().expect("a copy of the socket");
        // The socket comes as stdin and the shell moves it: neither a descriptor without close-on-exec in this process,
        // which the children of other tests would inherit, nor code between fork and exec.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "umask 0002; exec 7<&0 8<&0 0</dev/null; exec \"$@\"", "sh", program])
            .args(arguments)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)))
            .stdout(writer.try_clone().expect("a copy of the pipe"))
            .stderr(writer)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(environment.iter().copied())
            .current_dir("/")
            .process_group(0);
        let mut child = command.spawn().expect("/bin/sh starts");
        // It holds copies of the pipe's writing end.
        drop(command);
        let mut output = Vec::new();
        let timed_out = !read_until_end(&pipe, &mut output, self.timeout.saturating_sub(start.elapsed()));
        let mut hung = false;
        if timed_out {
            kill_group(&child, Signal::TERM);
            hung = self.kind == Kind::Agent2 && !read_until_end(&pipe, &mut output, LIMIT);
        }
        let status = wait(&mut child);
        if status.is_none() {
            hung = true;
            kill_group(&child, Signal::KILL);
            child.wait().expect("a killed child ends");
        }
        let output = String::from_utf8_lossy(&output).into_owned();
        Outcome { output, timed_out, hung, status, lent }
    }
}

impl Outcome {
    /// Which of the parent's things the process still has open; empty for a master that behaves.
    pub fn inherited_by(&self, pid: u32) -> Vec<String> {
        descriptors(pid).into_iter().map(|(_, link)| link).filter(|link| self.lent.contains(link)).collect()
    }

    /// All processes of the machine, this one aside, that have something of the parent's open.
    pub fn holders(&self) -> Vec<u32> {
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid != std::process::id() && !self.inherited_by(*pid).is_empty()).collect()
    }
}

/// Open descriptors of a process with what they are (`/dev/null`, `pipe:[123]`, `socket:[456]`, a path), in order. Empty
/// for a process that is gone.
pub fn descriptors(pid: u32) -> Vec<(i32, String)> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<_> = numbers.filter_map(|fd| Some((fd, link(pid, fd)?))).collect();
    found.sort();
    found
}

fn link(pid: u32, fd: i32) -> Option<String> {
    Some(std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?.to_string_lossy().into_owned())
}

/// False when the time was over first.
fn read_until_end(mut pipe: &PipeReader, output: &mut Vec<u8>, limit: Duration) -> bool {
    let start = Instant::now();
    let mut buffer = [0; 4096];
    loop {
        let left = limit.saturating_sub(start.elapsed());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => panic!("waiting for the check's output: {e}"),
        }
        match pipe.read(&mut buffer).expect("the check's output") {
            0 => return true,
            length => output.extend_from_slice(&buffer[..length]),
        }
    }
}

/// The child's end; none when it does not come.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().expect("our child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

fn kill_group(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process id");
    // ESRCH: it ended in the same moment.
    let _ = kill_process_group(pid, signal);
}
