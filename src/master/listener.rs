//! The master's socket: accepts clients, checks who they are, reads one request each. One thread, which also answers jobs
//! that ran out of time while they waited.

use super::Master;
use super::job::{Ask, Client, Job};
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::wire::{self, Reply, Request};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::socket_peercred;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

/// A client that has not said what it wants by then is dropped; it writes its request in one go.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// A connection whose request is not whole yet.
struct Pending {
    stream: UnixStream,
    received: Vec<u8>,
    deadline: Deadline,
}

/// Serves until the master leaves. `listener` is non-blocking.
pub(super) fn serve(master: &Arc<Master>, listener: &UnixListener) -> io::Result<()> {
    let mut pending: Vec<Pending> = Vec::new();
    loop {
        master.answer_overdue();
        if master.is_leaving() {
            return Ok(());
        }
        let wait = pending.iter().map(|p| p.deadline).min().into_iter().chain(master.next_wake()).min();
        let timeout = wait.map(Deadline::timeout);
        let mut fds = vec![PollFd::new(listener, PollFlags::IN), PollFd::new(&master.bell, PollFlags::IN)];
        fds.extend(pending.iter().map(|p| PollFd::new(&p.stream, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let knock = !fds[0].revents().is_empty();
        let rung = !fds[1].revents().is_empty();
        let readable: Vec<bool> = fds[2..].iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if rung {
            master.bell.hush();
        }
        let mut ready = readable.into_iter();
        pending = pending
            .into_iter()
            .filter_map(|p| if ready.next() == Some(true) { read_request(master, p) } else { Some(p) })
            .filter(|p| !p.deadline.is_over())
            .collect();
        if knock {
            accept(master, listener, &mut pending)?;
        }
    }
}

/// Tells everybody who is still knocking that this master is on its way out, and closes the door.
pub(super) fn turn_away(listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept() {
        Client::new(stream, false).answer(&Reply::Leaving, &[]);
    }
}

fn accept(master: &Arc<Master>, listener: &UnixListener, pending: &mut Vec<Pending>) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                if let Err(e) = may_ask(&stream) {
                    log::warn!(router:% = master.router(), error:% = e; "client refused");
                    continue;
                }
                stream.set_nonblocking(true)?;
                let new = Pending { stream, received: Vec::new(), deadline: Deadline::after(REQUEST_LIMIT) };
                // Its request is nearly always there already.
                pending.extend(read_request(master, new));
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // Out of descriptors or memory: whoever knocks waits in the backlog until the next turn.
            Err(e) => {
                log::error!(router:% = master.router(), error:% = e; "accepting a client failed");
                Deadline::after(Duration::from_millis(50)).pause(Duration::from_millis(50));
                return Ok(());
            }
        }
    }
}

/// The directory is ours alone; this is the second lock on the door.
fn may_ask(stream: &UnixStream) -> io::Result<()> {
    let peer = socket_peercred(stream.as_fd())?.uid;
    let ours = rustix::process::geteuid();
    if peer == ours || peer.is_root() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("peer is uid {}", peer.as_raw())))
    }
}

/// Reads what is there; the connection comes back while its request is not whole.
fn read_request(master: &Arc<Master>, mut pending: Pending) -> Option<Pending> {
    let mut buffer = [0; 4096];
    loop {
        match pending.stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(n) => pending.received.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Some(pending),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        }
        match wire::decode(&pending.received) {
            Ok(None) => {}
            Ok(Some(request)) => {
                handle(master, pending.stream, request);
                return None;
            }
            Err(e) => {
                let failure = Failure::new(Kind::Master, Stage::Probe, format!("request not understood: {e}"));
                let reply = Reply::Failed { failure, conversation: Vec::new() };
                Client::new(pending.stream, false).answer(&reply, &[]);
                return None;
            }
        }
    }
}

fn handle(master: &Arc<Master>, stream: UnixStream, request: Request) {
    let fail = |stream, failure: Failure| {
        Client::new(stream, false).answer(&Reply::Failed { failure, conversation: Vec::new() }, &[]);
    };
    match request {
        Request::Poll { probes, deadline, max_age, conversation } => {
            let client = Client::new(stream, conversation);
            let Some(client) = master.answer_at_once(&probes, deadline, max_age, client) else { return };
            if let Some(answers) = master.young(&probes, max_age) {
                return master.deliver(&probes, answers, |answers| client.answer(&Reply::Answers(answers), &[]));
            }
            // A mistake costs no login.
            if let Some(failure) = master.refused(&probes) {
                client.answer(&Reply::Failed { failure, conversation: Vec::new() }, &[]);
                return;
            }
            master.submit(Job::new(Ask::Probes(probes.into()), client, Deadline::after(deadline)));
        }
        Request::Batch { lines, deadline, look, tied } => {
            master.submit_batch(Client::of_batch(stream, tied), lines, Deadline::after(deadline), look);
        }
        Request::Exec { command, deadline, conversation } => {
            if let Err(failure) = master.platform.allows(&command) {
                return fail(stream, failure);
            }
            let client = Client::new(stream, conversation);
            master.submit(Job::new(Ask::Command(command.into()), client, Deadline::after(deadline)));
        }
        Request::Status => {
            Client::new(stream, false).answer(&Reply::Status(master.status()), &[]);
        }
        Request::Retire => {
            log::info!(router:% = master.router(); "no longer known, leaving when all is done");
            master.retire();
            Client::new(stream, false).answer(&Reply::Leaving, &[]);
        }
        Request::Stop => {
            log::info!(router:% = master.router(); "told to stop");
            master.leave(Some(stream));
        }
    }
}
