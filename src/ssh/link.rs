//! The connection to a router and the SSH session on it, from the first byte to the shell's start; hung up when dropped.
//! Knows nothing of what is said in the shell.

use super::intake::Intake;
use super::proxy::Proxy;
use super::{ERROR_EAGAIN, ERROR_TIMEOUT, FAREWELL, clean, code, tcp};
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::{Address, Login};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{Shutdown, shutdown};
use ssh2::{BlockDirections, Channel, DisconnectCode, ErrorCode, ExtendedData};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Width is the only protection against wrapped lines on routers without a command for it; height against pagers.
const COLUMNS: u32 = 511;
const ROWS: u32 = 1000;
/// What a router may send ahead of our reading; it bounds memory when one floods us. libssh2's default is 2 MiB.
const WINDOW: u32 = 256 << 10;
const PACKET: u32 = 32 << 10;

/// A router may refuse this for good, not only while others use all of them.
const TERMINAL: &str = "a terminal";

/// Why [`Link::wait`] came back.
pub(super) enum Woke {
    Socket,
    Other,
    Late,
}

/// A connection to a router and the SSH session on it; hung up when dropped.
pub(super) struct Link {
    pub(super) router: Address,
    /// First, since it must end before the session does.
    intake: Option<Intake>,
    pub(super) session: ssh2::Session,
    pub(super) socket: Arc<OwnedFd>,
    proxy: Option<RefCell<Proxy>>,
    hung_up: bool,
}

impl Link {
    pub(super) fn connect(login: &Login, deadline: Deadline) -> Result<Self, Failure> {
        let (socket, proxy) = match &login.proxy_command {
            Some(command) => Proxy::start(command, login).map(|(proxy, socket)| (socket, Some(proxy.into())))?,
            None => (tcp::connect(&login.address, deadline)?, None),
        };
        let socket = Arc::new(socket);
        let failed = |e| Failure::new(Kind::Internal, Stage::Connect, format!("starting an SSH session: {e}"));
        let mut session = ssh2::Session::new().map_err(failed)?;
        session.set_tcp_stream(socket.clone());
        let intake = Some(Intake::of(&session, socket.as_fd(), deadline));
        Ok(Self { router: login.address.clone(), intake, session, socket, proxy, hung_up: false })
    }

    /// Banner and key exchange. Without blocking, to see one end and the other begin.
    pub(super) fn shake_hands(
        &mut self,
        login: &Login,
        deadline: Deadline,
        stage: &dyn Fn(Stage),
    ) -> Result<(), Failure> {
        self.session.set_blocking(false);
        let mut reached = Stage::Connect;
        let result = loop {
            let result = self.session.handshake();
            if reached == Stage::Connect && self.intake.as_ref().is_some_and(Intake::has_banner) {
                reached = Stage::KeyExchange;
                stage(reached);
            }
            match result {
                Err(e) if code(&e) == ERROR_EAGAIN => {}
                other => break other,
            }
            match self.wait(&[], deadline) {
                Ok(Woke::Late) => break Err(ssh2::Error::from_errno(ErrorCode::Session(ERROR_TIMEOUT))),
                Ok(_) => {}
                Err(e) => {
                    return Err(Failure::new(Kind::Internal, reached, format!("waiting for {}: {e}", self.router)));
                }
            }
        };
        self.session.set_blocking(true);
        let Err(error) = result else { return Ok(()) };
        if let Some(intake) = self.intake.as_ref().filter(|_| reached == Stage::Connect) {
            intake.drain(self.socket.as_fd());
        }
        let explained = self.intake.as_ref().and_then(|intake| intake.offer()?.explain(login.crypto));
        Err(match explained {
            Some(why) => {
                let text = format!("router {} and ddl-monitor have no common SSH algorithms: {why}", self.router);
                Failure::new(Kind::Connect, reached, text)
            }
            None if reached == Stage::Connect => {
                let what = if deadline.is_over() || code(&error) == ERROR_TIMEOUT {
                    "it accepted the connection and is silent".to_owned()
                } else if self.is_gone() {
                    "it closed the connection".to_owned()
                } else {
                    error.message().to_owned()
                };
                let text = format!("no SSH version line from router {}: {what}{}", self.router, self.quote(None));
                Failure::new(Kind::Connect, reached, text)
            }
            None => self.lost(&error, Kind::Connect, reached, "in key exchange", deadline),
        })
    }

    /// One session channel, a terminal, a shell.
    pub(super) fn shell(&self, terminal: &str, deadline: Deadline) -> Result<Channel, Failure> {
        let failed = |what: &str, e: ssh2::Error| {
            if self.is_gone() || deadline.is_over() || code(&e) == ERROR_TIMEOUT {
                return self.lost(&e, Kind::Shell, Stage::Login, &format!("when asked for {what}"), deadline);
            }
            let text = format!(
                "router {} accepted the login but refused {what} ({}){}",
                self.router,
                if what == TERMINAL {
                    "no VTY free, or no terminal permitted for this user or key"
                } else {
                    "no VTY free?"
                },
                self.quote(self.session.userauth_banner().ok().flatten())
            );
            Failure::new(Kind::Busy, Stage::Login, text)
        };
        self.limit(deadline);
        let mut channel =
            self.session.channel_open("session", WINDOW, PACKET, None).map_err(|e| failed("a session", e))?;
        self.limit(deadline);
        channel
            .request_pty(terminal, None, Some((COLUMNS, ROWS, 0, 0)))
            .and_then(|()| channel.handle_extended_data(ExtendedData::Merge))
            .map_err(|e| failed(TERMINAL, e))?;
        self.limit(deadline);
        channel.shell().map_err(|e| failed("a shell", e))?;
        Ok(channel)
    }

    /// The next call blocks until then at most.
    pub(super) fn limit(&self, deadline: Deadline) {
        // Zero would mean for ever.
        let left = u32::try_from(deadline.remaining().as_millis()).unwrap_or(u32::MAX).max(1);
        self.session.set_timeout(left);
        self.session.set_blocking(true);
    }

    /// Until libssh2 can go on, one of `wake` has something, or it is late.
    pub(super) fn wait(&self, wake: &[BorrowedFd<'_>], deadline: Deadline) -> io::Result<Woke> {
        let wanted = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        };
        let mut fds = Vec::with_capacity(1 + wake.len());
        fds.push(PollFd::new(&self.socket, wanted));
        fds.extend(wake.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        loop {
            match poll(&mut fds, Some(&deadline.timeout())) {
                Ok(0) if deadline.is_over() => return Ok(Woke::Late),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(e) => return Err(e.into()),
            }
        }
        let woken = fds[1..].iter().any(|fd| !fd.revents().is_empty());
        Ok(if woken { Woke::Other } else { Woke::Socket })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.intake.as_ref().is_some_and(Intake::hung_up)
    }

    /// What the router (or the proxy command) had to say, for the end of a message.
    pub(super) fn quote(&self, banner: Option<&str>) -> String {
        let complaint = self.proxy.as_ref().and_then(|proxy| proxy.borrow_mut().complaint(self.is_gone()));
        let said = self.intake.as_ref().and_then(Intake::said);
        let said = said.or_else(|| banner.map(|text| clean(text.as_bytes())).filter(|text| !text.is_empty()));
        let said = said.map(|said| format!("; it says: {said}")).unwrap_or_default();
        said + &complaint.map(|text| format!("; {text}")).unwrap_or_default()
    }

    /// A connection that ended, or brought nothing, where an answer was due.
    pub(super) fn lost(
        &self,
        error: &ssh2::Error,
        kind: Kind,
        stage: Stage,
        when: &str,
        deadline: Deadline,
    ) -> Failure {
        let router = &self.router;
        let text = if deadline.is_over() || code(error) == ERROR_TIMEOUT {
            format!("router {router} is silent {when}: no answer in time")
        } else if self.is_gone() {
            format!("router {router} closed the connection {when}")
        } else {
            format!("connection to router {router} failed {when}: {}", error.message())
        };
        let banner = self.session.userauth_banner().ok().flatten();
        Failure::new(kind, stage, text + &self.quote(banner))
    }

    /// Text of the shell came.
    pub(super) fn heard(&self, count: usize) {
        self.intake.iter().for_each(|intake| intake.text(count));
    }

    pub(super) fn is_flooded(&self) -> bool {
        self.intake.as_ref().is_some_and(Intake::is_flooded)
    }

    pub(super) fn internal(&self, error: &ssh2::Error) -> Failure {
        Failure::new(Kind::Internal, Stage::Connect, format!("setting up SSH for {}: {}", self.router, error.message()))
    }

    /// The session is past its login: nothing blocks any more.
    pub(super) fn settle(&mut self) {
        self.intake.iter().for_each(Intake::settle);
        self.session.set_blocking(false);
    }

    pub(super) fn hang_up(&mut self, deadline: Deadline) {
        if self.hung_up {
            return;
        }
        self.hung_up = true;
        self.intake = None;
        self.limit(deadline);
        let _ = self.session.disconnect(Some(DisconnectCode::ByApplication), "goodbye", None);
        // After this nothing that libssh2 does while it frees its memory can wait.
        self.session.set_blocking(false);
        let _ = shutdown(&self.socket, Shutdown::Both);
        self.proxy = None;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.hang_up(Deadline::after(FAREWELL));
    }
}
