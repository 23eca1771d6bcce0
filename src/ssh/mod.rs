//! The only place that imports ssh2: one session, one pseudo-terminal, one interactive shell. Many routers refuse a second
//! channel, and many an `exec`. Knows no vendor, no prompt and nobody's jobs.
//!
//! Key exchange, login and the shell's start are libssh2's blocking calls with a time limit each; from then on the session
//! does not block, and one `poll` is the only wait.

mod algorithms;
mod auth;
mod host_key;
mod intake;
mod proxy;
mod tcp;

pub use algorithms::Algorithms;

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::{Address, HostKeyPolicy, Login};
use host_key::HostKeys;
use intake::Intake;
use proxy::Proxy;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{Shutdown, shutdown};
use ssh2::{BlockDirections, Channel, DisconnectCode, ErrorCode, ExtendedData};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Width is the only protection against wrapped lines on routers without a command for it; height against pagers.
const COLUMNS: u32 = 511;
const ROWS: u32 = 1000;
/// What a router may send ahead of our reading; it bounds memory when one floods us. libssh2's default is 2 MiB.
const WINDOW: u32 = 256 << 10;
const PACKET: u32 = 32 << 10;
/// How long a farewell may take when nobody gave it time.
const FAREWELL: Duration = Duration::from_millis(200);

// libssh2.h
const ERROR_TIMEOUT: i32 = -9;
const ERROR_PASSWORD_EXPIRED: i32 = -15;
const ERROR_FILE: i32 = -16;
const ERROR_AUTHENTICATION_FAILED: i32 = -18;
const ERROR_PUBLICKEY_UNVERIFIED: i32 = -19;
const ERROR_EAGAIN: i32 = -37;
const ERROR_KEYFILE_AUTH_FAILED: i32 = -48;

/// A shell on a router. Used by one thread.
pub struct Session {
    channel: Channel,
    link: Link,
    left: bool,
}

/// Why [`Session::hear`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// So many bytes are in the buffer.
    Bytes(usize),
    /// The router ended the shell or the connection. Nothing more will come.
    Closed,
    /// One of the other descriptors is readable or hung up.
    Woken,
    TimedOut,
}

impl Session {
    /// Connects, checks the host key, logs in, and starts a shell on a terminal of the type `terminal` (TERM). `stage` is
    /// told each stage as it begins. The kinds of failure are `settings`, `connect`, `host_key`, `auth`, `busy` (session,
    /// terminal or shell refused) and `shell` (silent or gone after key exchange).
    pub fn open(login: &Login, terminal: &str, deadline: Deadline, stage: &dyn Fn(Stage)) -> Result<Self, Failure> {
        auth::check(login)?;
        let host_keys = HostKeys::of(&login.address, &login.known_hosts);
        let recorded = if login.host_keys == HostKeyPolicy::Off { Vec::new() } else { host_keys.types()? };
        stage(Stage::Connect);
        let mut link = Link::connect(login, deadline)?;
        algorithms::prefer(&link.session, login.crypto, &recorded).map_err(|e| link.internal(&e))?;
        link.shake_hands(login, deadline, stage)?;
        stage(Stage::HostKey);
        let Some((key, _)) = link.session.host_key() else {
            return Err(Failure::new(
                Kind::Connect,
                Stage::HostKey,
                format!("router {} gave no host key", link.router),
            ));
        };
        host_keys.check(key, login.host_keys, deadline)?;
        stage(Stage::Login);
        auth::login(&link, login, deadline)?;
        let channel = link.shell(terminal, deadline)?;
        link.intake = None;
        link.session.set_blocking(false);
        let session = Self { channel, link, left: false };
        log::debug!(router:% = login.address, algorithms:% = session.algorithms(); "logged in");
        Ok(session)
    }

    /// Waits for bytes of the router, for one of `wake`, or for the deadline (none: for ever). Bytes come first: with a
    /// router that never stops, whoever calls must look at his clock himself.
    pub fn hear(
        &mut self,
        buffer: &mut [u8],
        wake: &[BorrowedFd<'_>],
        deadline: Option<Deadline>,
    ) -> io::Result<Heard> {
        let mut last = None;
        loop {
            // What libssh2 holds already would wake no poll.
            match self.channel.read(buffer) {
                Ok(0) => return Ok(Heard::Closed),
                Ok(count) => return Ok(Heard::Bytes(count)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => {
                    log::debug!(router:% = self.link.router, error:% = e; "session lost");
                    return Ok(Heard::Closed);
                }
            }
            if let Some(last) = last {
                return Ok(last);
            }
            last = match self.link.wait(wake, deadline)? {
                Woke::Socket => None,
                Woke::Other => Some(Heard::Woken),
                Woke::Late => Some(Heard::TimedOut),
            };
        }
    }

    /// Sends all of `bytes`. After an error, time-out included, the session is of no more use.
    pub fn say(&mut self, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.channel.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                // libssh2 wants the same buffer again.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if let Woke::Late = self.link.wait(&[], Some(deadline))? {
                        let text = format!("router {} takes no more bytes", self.link.router);
                        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Sends one keepalive; never waits. A router that does not acknowledge it in 30 s is gone: [`Session::hear`] says
    /// `Closed` then. No reply is asked for, since libssh2 keeps every one of them as long as the session lives.
    pub fn keepalive(&mut self) -> io::Result<()> {
        // libssh2 sends one when the last is at least so many seconds ago, and 1 means 2 to it.
        self.link.session.set_keepalive(false, 1);
        let sent = self.link.session.keepalive_send();
        self.link.session.set_keepalive(false, 0);
        sent?;
        match self.link.session.block_directions() {
            BlockDirections::Outbound | BlockDirections::Both => {
                let text = format!("router {} takes no more bytes", self.link.router);
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
            _ => Ok(()),
        }
    }

    /// Closes the shell and says goodbye, as far as the deadline permits, and ends the proxy command.
    pub fn close(mut self, deadline: Deadline) {
        self.leave(deadline);
    }

    /// What both ends agreed on.
    pub fn algorithms(&self) -> Algorithms {
        Algorithms::agreed(&self.link.session)
    }

    fn leave(&mut self, deadline: Deadline) {
        if self.left {
            return;
        }
        self.left = true;
        self.link.limit(deadline.less(FAREWELL / 4));
        let _ = self.channel.close();
        self.link.hang_up(deadline);
        // Lets libssh2 see that the connection is gone, else it keeps memory for what it could not send.
        while self.channel.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave(Deadline::after(FAREWELL));
    }
}

enum Woke {
    Socket,
    Other,
    Late,
}

/// A connection to a router and the SSH session on it; hung up when dropped.
struct Link {
    router: Address,
    /// Only while a login lasts. First, since it must end before the session does.
    intake: Option<Intake>,
    session: ssh2::Session,
    socket: Arc<OwnedFd>,
    proxy: Option<std::cell::RefCell<Proxy>>,
    hung_up: bool,
}

impl Link {
    fn connect(login: &Login, deadline: Deadline) -> Result<Self, Failure> {
        let (socket, proxy) = match &login.proxy_command {
            Some(command) => Proxy::start(command, login).map(|(proxy, socket)| (socket, Some(proxy.into())))?,
            None => (tcp::connect(&login.address, deadline)?, None),
        };
        let socket = Arc::new(socket);
        let failed = |e| Failure::new(Kind::Internal, Stage::Connect, format!("starting an SSH session: {e}"));
        let mut session = ssh2::Session::new().map_err(failed)?;
        session.set_tcp_stream(socket.clone());
        let intake = Some(Intake::of(&session, deadline));
        Ok(Self { router: login.address.clone(), intake, session, socket, proxy, hung_up: false })
    }

    /// Banner and key exchange. Without blocking, to see one end and the other begin.
    fn shake_hands(&mut self, login: &Login, deadline: Deadline, stage: &dyn Fn(Stage)) -> Result<(), Failure> {
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
            match self.wait(&[], Some(deadline)) {
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
                self.lost(&error, Kind::Connect, reached, "before its SSH banner", deadline)
            }
            None => self.lost(&error, Kind::Connect, reached, "in key exchange", deadline),
        })
    }

    fn shell(&self, terminal: &str, deadline: Deadline) -> Result<Channel, Failure> {
        let failed = |what: &str, e: ssh2::Error| {
            if self.is_gone() || deadline.is_over() || code(&e) == ERROR_TIMEOUT {
                return self.lost(&e, Kind::Shell, Stage::Login, &format!("when asked for {what}"), deadline);
            }
            let text = format!(
                "router {} accepted the login but refused {what} (no VTY free?){}",
                self.router,
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
            .map_err(|e| failed("a terminal", e))?;
        self.limit(deadline);
        channel.shell().map_err(|e| failed("a shell", e))?;
        Ok(channel)
    }

    /// The next call blocks until then at most.
    fn limit(&self, deadline: Deadline) {
        // Zero would mean for ever.
        let left = u32::try_from(deadline.remaining().as_millis()).unwrap_or(u32::MAX).max(1);
        self.session.set_timeout(left);
        self.session.set_blocking(true);
    }

    /// Until libssh2 can go on, one of `wake` has something, or it is late.
    fn wait(&self, wake: &[BorrowedFd<'_>], deadline: Option<Deadline>) -> io::Result<Woke> {
        let wanted = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        };
        let mut fds = Vec::with_capacity(1 + wake.len());
        fds.push(PollFd::new(&self.socket, wanted));
        fds.extend(wake.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        loop {
            let timeout = match deadline {
                Some(deadline) => Some(Timespec::try_from(deadline.remaining()).map_err(io::Error::other)?),
                None => None,
            };
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) if deadline.is_some_and(Deadline::is_over) => return Ok(Woke::Late),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(e) => return Err(e.into()),
            }
        }
        let woken = fds[1..].iter().any(|fd| !fd.revents().is_empty());
        Ok(if woken { Woke::Other } else { Woke::Socket })
    }

    fn is_gone(&self) -> bool {
        self.intake.as_ref().is_some_and(Intake::hung_up)
    }

    /// What the router (or the proxy command) had to say, for the end of a message.
    fn quote(&self, banner: Option<&str>) -> String {
        let complaint = self.proxy.as_ref().and_then(|proxy| proxy.borrow_mut().complaint(self.is_gone()));
        let said = self.intake.as_ref().and_then(Intake::said);
        let said = said.or_else(|| banner.map(|text| clean(text.as_bytes())).filter(|text| !text.is_empty()));
        let said = said.map(|said| format!("; it says: {said}")).unwrap_or_default();
        said + &complaint.map(|text| format!("; {text}")).unwrap_or_default()
    }

    /// A connection that ended, or brought nothing, where an answer was due.
    fn lost(&self, error: &ssh2::Error, kind: Kind, stage: Stage, when: &str, deadline: Deadline) -> Failure {
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

    fn internal(&self, error: &ssh2::Error) -> Failure {
        Failure::new(Kind::Internal, Stage::Connect, format!("setting up SSH for {}: {}", self.router, error.message()))
    }

    fn hang_up(&mut self, deadline: Deadline) {
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

fn code(error: &ssh2::Error) -> i32 {
    match error.code() {
        ErrorCode::Session(code) | ErrorCode::SFTP(code) => code,
    }
}

/// Text of a router for one line of a message: no control characters, one blank between words, 300 characters at most.
fn clean(text: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&text[..text.len().min(4096)])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(300) {
        words.truncate(end);
        words.push('…');
    }
    words
}
