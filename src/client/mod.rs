//! Asks the master of a router, and starts one where there is none. Every wait is bounded: a wedged master must not wedge a
//! poll. Knows neither what is asked nor who asks.

pub mod masters;

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::launch::{self, Launched, Start};
use crate::state::{Lock, State};
use crate::wire::{self, Reply, Request};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// What the answer needs from the master's socket to the printed line; the master is told an end earlier by this.
pub const WAY_BACK: Duration = Duration::from_millis(60);

/// Masters that one run starts: where there is none, and once more for one that vanished.
const STARTS: usize = 2;

/// How a master did not answer.
#[derive(Debug)]
pub enum Gone {
    /// No socket, or nobody behind it.
    NoMaster,
    /// It hung up, or is on its way out.
    Left,
    /// It is there and says nothing.
    Silent,
    Broken(io::Error),
}

/// What a cold poll needs, made only when there is no master.
pub trait Starter {
    /// The failure of a login that is still held down.
    fn held(&self) -> Option<Failure>;
    /// Everything that a new master needs; runs an `exec:` reference.
    fn start(&self) -> Result<Start, Failure>;
    fn environment(&self) -> Vec<(String, OsString)>;
}

/// Asks the master of this name; starts one, and tries once more when one vanishes. `request` is made anew for each try, with
/// the time that is left.
pub fn ask(
    state: &State,
    name: &str,
    router: &str,
    deadline: Deadline,
    request: &dyn Fn(Duration) -> Request,
    starter: &dyn Starter,
) -> Result<Reply, Failure> {
    let socket = state.socket(name);
    let ask = |stream| exchange(stream, &request(deadline.less(WAY_BACK).remaining()), deadline);
    let mut gone = match open(&socket, deadline).and_then(ask) {
        Ok(reply) => return Ok(reply),
        Err(gone) => gone,
    };
    let mut starts = 0;
    while starts < STARTS && !deadline.is_over() {
        match gone {
            Gone::NoMaster | Gone::Left => {}
            Gone::Silent => return Err(silent(router)),
            Gone::Broken(e) => return Err(broken(router, &e)),
        }
        log::debug!(router, gone:?; "no master, starting one");
        let before = starts;
        gone = match open_or_start(state, name, router, deadline, starter, &mut starts)?.map_or_else(Err, ask) {
            Ok(reply) => return Ok(reply),
            Err(gone) => gone,
        };
        if starts == before {
            // A process that dies lets go of one descriptor after the other: its socket may be the last.
            deadline.pause(Duration::from_millis(1));
        }
    }
    Err(match gone {
        Gone::Silent => silent(router),
        Gone::Broken(e) => broken(router, &e),
        Gone::NoMaster | Gone::Left => {
            let how = if starts < STARTS { "and no time was left to start another" } else { "twice" };
            let log = state.log_file();
            let text = format!("the master of {router} vanished {how}; the log says why: {}", log.display());
            Failure::new(Kind::Master, Stage::Connect, text)
        }
    })
}

fn broken(router: &str, e: &io::Error) -> Failure {
    Failure::new(Kind::Master, Stage::Connect, format!("asking the master of {router}: {e}"))
}

fn silent(router: &str) -> Failure {
    Failure::new(
        Kind::Master,
        Stage::Connect,
        format!("the master of {router} does not answer; `ddl-monitor stop --router {router}` ends it"),
    )
}

/// Under the start lock: somebody may have been first; else start a master.
fn open_or_start(
    state: &State,
    name: &str,
    router: &str,
    deadline: Deadline,
    starter: &dyn Starter,
    starts: &mut usize,
) -> Result<Result<UnixStream, Gone>, Failure> {
    let path = state.start_lock(name);
    let locked = |e: io::Error| match e.kind() {
        io::ErrorKind::TimedOut => {
            let text = format!("start lock of the master of {router}: {e}; another poll is starting it");
            Failure::new(Kind::Master, Stage::Connect, text)
        }
        _ => Failure::settings(format!(
            "no master can be started in the state directory {}: {e}; make it writable or set another state.dir",
            state.dir().display()
        )),
    };
    let lock = Lock::acquire(&path, deadline.less(WAY_BACK)).map_err(locked)?;
    let opened = match open(&state.socket(name), deadline) {
        Err(Gone::NoMaster) => {
            *starts += 1;
            start(state, name, deadline, starter)
        }
        other => Ok(other),
    };
    // Names are never left behind; whoever waits for this file finds it gone and makes a new one.
    lock.remove();
    opened
}

fn start(
    state: &State,
    name: &str,
    deadline: Deadline,
    starter: &dyn Starter,
) -> Result<Result<UnixStream, Gone>, Failure> {
    if let Some(failure) = starter.held() {
        return Err(failure);
    }
    match launch::launch(&starter.start()?, &starter.environment(), deadline.less(WAY_BACK)) {
        Ok(Launched::Ready) => Ok(open(&state.socket(name), deadline)),
        Ok(Launched::Died) => Ok(Err(Gone::Left)),
        // The master of a client that ran out of time may have come up meanwhile, and ours made way for it.
        Err(failure) => open(&state.socket(name), deadline).map(Ok).map_err(|_| failure),
    }
}

/// Connects without waiting for a full backlog longer than the deadline.
pub fn open(socket: &Path, deadline: Deadline) -> Result<UnixStream, Gone> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let address = SocketAddrUnix::new(socket).map_err(|e| Gone::Broken(e.into()))?;
    let stream =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(|e| Gone::Broken(e.into()))?;
    loop {
        match connect(&stream, &address) {
            Ok(()) => return Ok(UnixStream::from(stream)),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => return Err(Gone::NoMaster),
            Err(rustix::io::Errno::INTR) => {}
            // Its backlog is full: nobody accepts, or very many ask.
            Err(rustix::io::Errno::AGAIN) if !deadline.is_over() => deadline.pause(Duration::from_millis(5)),
            Err(rustix::io::Errno::AGAIN) => return Err(Gone::Silent),
            Err(e) => return Err(Gone::Broken(e.into())),
        }
    }
}

/// One request, one reply.
pub fn exchange(mut stream: UnixStream, request: &Request, deadline: Deadline) -> Result<Reply, Gone> {
    let line = wire::encode(request).map_err(Gone::Broken)?;
    let mut rest = &line[..];
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(e) => wait_or_fail(&stream, PollFlags::OUT, e, deadline)?,
        }
    }
    let mut received = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(Gone::Left),
            Ok(n) => received.extend_from_slice(&buffer[..n]),
            Err(e) => {
                wait_or_fail(&stream, PollFlags::IN, e, deadline)?;
                continue;
            }
        }
        match wire::decode(&received).map_err(Gone::Broken)? {
            Some(Reply::Leaving) => return Err(Gone::Left),
            Some(reply) => return Ok(reply),
            None => {}
        }
    }
}

fn wait_or_fail(stream: &UnixStream, flags: PollFlags, e: io::Error, deadline: Deadline) -> Result<(), Gone> {
    match e.kind() {
        io::ErrorKind::WouldBlock => {}
        io::ErrorKind::Interrupted => return Ok(()),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => return Err(Gone::Left),
        _ => return Err(Gone::Broken(e)),
    }
    if deadline.is_over() {
        return Err(Gone::Silent);
    }
    match poll(&mut [PollFd::new(stream, flags)], Some(&deadline.timeout())) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(Gone::Broken(e.into())),
    }
}
