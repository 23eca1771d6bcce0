//! A job: what clients asked of a router, and the clients that wait for the answer. Knows nothing of lanes.

use super::bell::Bell;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::probe::Probe;
use crate::wire::{self, Answers, Reply, Said};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An answer that a client's socket does not take within this time is dropped: the client is stopped or gone.
const WRITE_LIMIT: Duration = Duration::from_millis(500);
/// A probe of a batch has no longer: ten thousand packets to a dead line must not hold a lane for hours.
const LONGEST: Duration = Duration::from_secs(300);
/// A command of a batch that did not end by itself then has this long to be aborted and to print its counters.
const LAST_COUNTERS: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Probes(Arc<[Probe]>),
    Command(Arc<str>),
}

pub(super) struct Job {
    pub(super) ask: Ask,
    pub(super) clients: Vec<Client>,
    pub(super) queued: Instant,
    /// The first client's, while all of its clients are waited for; others join only when theirs is not earlier.
    pub(super) deadline: Deadline,
    /// Its session was cut once already: over which of its probes, and how.
    pub(super) cut: Option<(usize, Failure)>,
    pub(super) purpose: Purpose,
    /// How often it was stopped for another job, while it was carried on.
    pub(super) stopped: u8,
}

/// For whom a job is done.
pub(super) enum Purpose {
    /// Its clients.
    Asked,
    /// A batch, whether a client waits or not: each of its probes has the time that it needs.
    Batched,
    /// Later polls: its own clients had to be answered before it was done. Their clients may join it. It gives way when its
    /// lane's bell rings and no other lane is available.
    CarriedOn { lane: usize, bell: Arc<Bell> },
    /// No client yet. It gives way when its lane's bell rings.
    Evidence(Arc<Bell>),
}

impl Job {
    pub(super) fn new(ask: Ask, client: Client, deadline: Deadline) -> Self {
        Self { clients: vec![Client { deadline, ..client }], deadline, ..Self::blank(ask, Purpose::Asked) }
    }

    /// One line of a batch. Nobody waits for it alone.
    pub(super) fn batched(probes: Arc<[Probe]>) -> Self {
        Self::blank(Ask::Probes(probes), Purpose::Batched)
    }

    /// What is run once all is answered.
    pub(super) fn evidence(probe: Probe, bell: Arc<Bell>) -> Self {
        Self::blank(Ask::Probes(Arc::new([probe])), Purpose::Evidence(bell))
    }

    fn blank(ask: Ask, purpose: Purpose) -> Self {
        let (queued, deadline) = (Instant::now(), Deadline::after(Duration::MAX));
        Self { ask, clients: Vec::new(), queued, deadline, cut: None, purpose, stopped: 0 }
    }

    pub(super) fn is_batched(&self) -> bool {
        matches!(self.purpose, Purpose::Batched)
    }

    pub(super) fn is_asked(&self) -> bool {
        matches!(self.purpose, Purpose::Asked)
    }

    pub(super) fn is_carried_on(&self) -> bool {
        matches!(self.purpose, Purpose::CarriedOn { .. })
    }

    /// A probe begins that needs at most this long; it has that much, within reason.
    pub(super) fn begin(&mut self, limit: Duration) {
        if !self.is_asked() {
            self.deadline = Deadline::after(limit.min(LONGEST).saturating_add(LAST_COUNTERS));
        }
    }

    /// Returns when the first of its clients must be answered.
    pub(super) fn next_due(&self) -> Option<Deadline> {
        self.clients.iter().map(|client| client.deadline).min()
    }

    /// Takes out the clients whose time is over.
    pub(super) fn take_due(&mut self) -> Vec<Client> {
        let (due, waiting) =
            std::mem::take(&mut self.clients).into_iter().partition(|client| client.deadline.is_over());
        self.clients = waiting;
        due
    }

    /// Makes it a job that its clients wait for, after it was stopped or lost its session.
    pub(super) fn ask_again(mut self) -> Self {
        self.purpose = Purpose::Asked;
        self.deadline = self.next_due().unwrap_or(self.deadline);
        self
    }

    /// Forgets clients that went away; true when nobody waits any more.
    pub(super) fn is_abandoned(&mut self) -> bool {
        self.clients.retain(|client| !client.is_gone());
        self.clients.is_empty() && self.is_asked()
    }

    /// Readable when its clients go away, or when it is to give way.
    pub(super) fn watch(&self) -> Vec<BorrowedFd<'_>> {
        let bell = match &self.purpose {
            Purpose::Evidence(bell) | Purpose::CarriedOn { bell, .. } => Some(bell.as_fd()),
            Purpose::Asked | Purpose::Batched => None,
        };
        self.clients.iter().map(Client::watch).chain(bell).collect()
    }

    /// Answers all clients. The conversation goes only to those that asked for it. True when one of them has it.
    pub(super) fn answer(self, reply: &Reply, conversation: Vec<Said>) -> bool {
        self.clients.into_iter().filter_map(|client| client.answer(reply, &conversation).then_some(())).count() > 0
    }

    pub(super) fn fail(self, failure: &Failure, conversation: Vec<Said>) {
        self.answer(&Reply::Failed { failure: failure.clone(), conversation: Vec::new() }, conversation);
    }
}

/// One end of a client's connection.
pub(super) struct Client {
    stream: UnixStream,
    conversation: bool,
    /// When it must be answered.
    deadline: Deadline,
    /// What it asked for in a batch ends with it.
    tied: bool,
}

impl Client {
    pub(super) fn new(stream: UnixStream, conversation: bool) -> Self {
        Self { stream, conversation, deadline: Deadline::after(Duration::MAX), tied: false }
    }

    pub(super) fn of_batch(stream: UnixStream, tied: bool) -> Self {
        Self { tied, ..Self::new(stream, false) }
    }

    pub(super) fn is_tied(&self) -> bool {
        self.tied
    }

    pub(super) fn has_left_its_batch(&self) -> bool {
        self.tied && self.is_gone()
    }

    /// The client closed its end, or died.
    pub(super) fn is_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
            && fds[0].revents().intersects(PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR)
    }

    /// Readable when the client goes away: it says nothing more after its request.
    fn watch(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// True when the client has it.
    pub(super) fn answer(mut self, reply: &Reply, said: &[Said]) -> bool {
        let line = if self.conversation { wire::encode(&with(reply, said)) } else { wire::encode(reply) };
        let sent = line.and_then(|line| {
            self.stream.set_nonblocking(false)?;
            self.stream.set_write_timeout(Some(WRITE_LIMIT))?;
            self.stream.write_all(&line)
        });
        sent.inspect_err(|e| log::debug!(error:% = e; "client did not take its answer")).is_ok()
    }
}

/// The same reply with what was said on the router's line.
fn with(reply: &Reply, said: &[Said]) -> Reply {
    let mut reply = reply.clone();
    match &mut reply {
        Reply::Answers(Answers { conversation, .. })
        | Reply::Text { conversation, .. }
        | Reply::Failed { conversation, .. } => *conversation = said.to_vec(),
        Reply::Batch(_) | Reply::Status(_) | Reply::Leaving => {}
    }
    reply
}
