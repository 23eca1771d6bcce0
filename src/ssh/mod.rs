//! The only place that imports ssh2: one session, one pseudo-terminal, one interactive shell. Many routers refuse a second
//! channel, and many an `exec`. Knows no vendor, no prompt and nobody's jobs.
//!
//! Login and the start of the shell are blocking calls of libssh2 with a time limit each; from then on the session
//! does not block, and one `poll` is the only wait.

mod algorithms;
mod auth;
mod error_texts;
mod host_key;
mod intake;
mod link;
mod prompt;
mod proxy;
mod tcp;

pub use algorithms::Algorithms;
pub use proxy::end_all as end_proxies;

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::{HostKeyPolicy, Login};
use crate::quote::excerpt;
use host_key::HostKeys;
use link::{Link, Woke};
use ssh2::{BlockDirections, Channel, ErrorCode};
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// How long a farewell may take when nobody gave it time.
const FAREWELL: Duration = Duration::from_millis(200);

// libssh2.h
const ERROR_TIMEOUT: i32 = -9;
const ERROR_PASSWORD_EXPIRED: i32 = -15;
const ERROR_FILE: i32 = -16;
const ERROR_AUTHENTICATION_FAILED: i32 = -18;
const ERROR_PUBLICKEY_UNVERIFIED: i32 = -19;
const ERROR_EAGAIN: i32 = -37;
const ERROR_OUT_OF_BOUNDARY: i32 = -41;
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
        error_texts::leave_out();
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
        link.settle();
        Ok(Self { channel, link, left: false })
    }

    /// Waits for bytes of the router, for one of `wake`, or for the deadline. Bytes come first: with a
    /// router that never stops, whoever calls must look at his clock himself.
    pub fn hear(&mut self, buffer: &mut [u8], wake: &[BorrowedFd<'_>], deadline: Deadline) -> io::Result<Heard> {
        let mut last = None;
        loop {
            // What libssh2 holds already would wake no poll.
            match self.channel.read(buffer) {
                Ok(0) => return Ok(Heard::Closed),
                Ok(count) => {
                    self.link.heard(count);
                    return Ok(Heard::Bytes(count));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) if self.link.is_flooded() => {
                    log::warn!(router:% = self.link.router; "session closed: the router sent too much besides the text of the shell");
                    return Ok(Heard::Closed);
                }
                Err(e) => {
                    log::debug!(router:% = self.link.router, error:% = e; "session lost");
                    return Ok(Heard::Closed);
                }
            }
            if let Some(last) = last {
                return Ok(last);
            }
            last = match self.link.wait(wake, deadline)? {
                // That was not text of the shell; a router may go on sending such packets without end.
                Woke::Socket => deadline.is_over().then_some(Heard::TimedOut),
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
                    if matches!(self.link.wait(&[], deadline)?, Woke::Late) || deadline.is_over() {
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

fn code(error: &ssh2::Error) -> i32 {
    match error.code() {
        ErrorCode::Session(code) | ErrorCode::SFTP(code) => code,
    }
}

/// Bytes of a router for one line of a message.
fn clean(text: &[u8]) -> String {
    excerpt(&String::from_utf8_lossy(&text[..text.len().min(4096)]), 300)
}
