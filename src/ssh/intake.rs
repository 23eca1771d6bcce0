//! What libssh2 takes in on a session. libssh2 forgets what a failure message needs (text before the banner, what the router
//! offered, why it hung up), some of its loops end only when the peer stops sending, and it keeps unasked packets as
//! long as the session lives; its `recv` callback is the one place to remember the one and to bound the others.

#![expect(unsafe_code, reason = "ssh2 does not wrap libssh2_session_callback_set2")]

use super::algorithms::Offer;
use crate::deadline::Deadline;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use ssh2::Session;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Enough for every banner text and SSH_MSG_KEXINIT met so far.
const REMEMBERED: usize = 16 << 10;
/// What a router may send in one login, and later without a byte for the shell. A key exchange and a long banner are below
/// 64 KiB.
const LIMIT: usize = 4 << 20;
/// Bytes that a session may bring besides the shell's text, and further ones for each byte of text: those of a packet with one
/// character. libssh2 keeps some of them.
const BESIDE: u64 = 32 << 20;
const BESIDE_A_BYTE: u64 = 64;
/// The most such bytes of one session: half a day of pings on a busy router. A new login begins at zero.
const LIFE: u64 = 256 << 20;
/// After this much in one call of libssh2 its caller looks at clock and waker. A whole window of text is not more.
const TURN: usize = 256 << 10;

const CALLBACK_DISCONNECT: c_int = 2;
const CALLBACK_RECV: c_int = 6;
const SSH_MSG_KEXINIT: u8 = 20;

type Generic = unsafe extern "C" fn();

unsafe extern "C" {
    /// libssh2 1.11.1 and later; gives the callback that was set before.
    fn libssh2_session_callback_set2(session: *mut c_void, which: c_int, callback: Option<Generic>) -> Option<Generic>;
}

thread_local! {
    /// A session is one thread's; libssh2 calls back on the thread that called it.
    static SESSIONS: RefCell<Vec<Heard>> = const { RefCell::new(Vec::new()) };
}

#[derive(Default)]
struct Heard {
    /// The address of the LIBSSH2_SESSION: names this entry.
    session: usize,
    socket: c_int,
    /// While the login lasts.
    deadline: Option<Deadline>,
    /// The login is over.
    settled: bool,
    first: Vec<u8>,
    /// Bytes of the login; later: since the last text of the shell.
    all: usize,
    /// Bytes since libssh2 last had to come back.
    turn: usize,
    /// Bytes of the session that were the shell's text, and all others.
    text: u64,
    beside: u64,
    hung_up: bool,
    farewell: Vec<u8>,
}

impl Heard {
    fn note(&mut self, bytes: &[u8]) {
        // No bytes mean the end.
        self.hung_up |= bytes.is_empty();
        self.all += bytes.len();
        self.turn += bytes.len();
        self.beside += bytes.len() as u64;
        if !self.settled {
            let room = REMEMBERED - self.first.len();
            self.first.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Why libssh2 may not read on.
    fn stop(&mut self) -> Option<Errno> {
        if self.deadline.is_some_and(Deadline::is_over) {
            return Some(Errno::TIMEDOUT);
        }
        if self.is_flooded() {
            return Some(Errno::MSGSIZE);
        }
        if self.settled && self.turn >= TURN {
            self.turn = 0;
            return Some(Errno::AGAIN);
        }
        None
    }

    fn is_flooded(&self) -> bool {
        self.all > LIMIT || self.beside > (BESIDE + BESIDE_A_BYTE * self.text).min(LIFE)
    }
}

/// Listens to a session of this thread until it is dropped.
pub(super) struct Intake {
    session: Session,
    name: usize,
    recv: Option<Generic>,
}

impl Intake {
    /// From `deadline` on, whatever libssh2 does on this session fails instead of waiting for more.
    pub(super) fn of(session: &Session, socket: BorrowedFd<'_>, deadline: Deadline) -> Self {
        let name = pointer(session) as usize;
        let heard = Heard { session: name, socket: socket.as_raw_fd(), deadline: Some(deadline), ..Heard::default() };
        SESSIONS.with_borrow_mut(|sessions| sessions.push(heard));
        // SAFETY: the transmuted pointers are called by libssh2 with the signatures that LIBSSH2_RECV_FUNC and
        // LIBSSH2_DISCONNECT_FUNC of libssh2.h give, which are those of the functions below.
        let recv = unsafe {
            set(session, CALLBACK_DISCONNECT, Some(std::mem::transmute::<Farewell, Generic>(farewell)));
            set(session, CALLBACK_RECV, Some(std::mem::transmute::<Receive, Generic>(receive)))
        };
        Self { session: session.clone(), name, recv }
    }

    fn heard<T: Default>(&self, look: impl FnOnce(&mut Heard) -> T) -> T {
        heard(|heard| heard.session == self.name, look)
    }

    /// The login is over: from now on the bytes besides the shell's text are bounded.
    pub(super) fn settle(&self) {
        self.heard(|heard| {
            (heard.deadline, heard.settled) = (None, true);
            (heard.all, heard.turn, heard.first) = (0, 0, Vec::new());
        });
    }

    /// `count` of the received bytes were the shell's text.
    pub(super) fn text(&self, count: usize) {
        self.heard(|heard| {
            (heard.all, heard.turn) = (0, 0);
            heard.text += count as u64;
            heard.beside = heard.beside.saturating_sub(count as u64);
        });
    }

    /// Whether the router sent more than a session may bring.
    pub(super) fn is_flooded(&self) -> bool {
        self.heard(|heard| heard.is_flooded())
    }

    /// Takes in what is there still. Whoever hangs up on us mostly says why before, and libssh2 does not read once it could
    /// not write.
    pub(super) fn drain(&self, socket: BorrowedFd<'_>) {
        let mut buffer = [0; 4096];
        let mut more = REMEMBERED;
        while more > 0 && !self.hung_up() {
            match rustix::io::retry_on_intr(|| recv(socket, &mut buffer, RecvFlags::DONTWAIT)) {
                Ok((count, _)) => {
                    self.heard(|heard| heard.note(&buffer[..count]));
                    more = more.saturating_sub(count);
                }
                Err(_) => return,
            }
        }
    }

    /// True once the router has said `SSH-…`.
    pub(super) fn has_banner(&self) -> bool {
        self.heard(|heard| split_banner(&heard.first).is_some())
    }

    /// True when the router closed the connection.
    pub(super) fn hung_up(&self) -> bool {
        self.heard(|heard| heard.hung_up)
    }

    /// Why the router hung up (SSH_MSG_DISCONNECT), else what it said before or instead of an SSH banner. Cleaned.
    pub(super) fn said(&self) -> Option<String> {
        let text = self.heard(|heard| {
            let before = split_banner(&heard.first).map_or(&heard.first[..], |(before, _)| before);
            super::clean(if heard.farewell.is_empty() { before } else { &heard.farewell })
        });
        (!text.is_empty()).then_some(text)
    }

    /// The router's side of the negotiation.
    pub(super) fn offer(&self) -> Option<Offer> {
        self.heard(|heard| {
            let (_, packet) = split_banner(&heard.first)?;
            // RFC 4253 6: uint32 length, byte padding length, payload.
            match packet.get(4..)? {
                [_, SSH_MSG_KEXINIT, payload @ ..] => Offer::read(payload),
                _ => None,
            }
        })
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        // SAFETY: what libssh2 itself had set, and no callback at all.
        unsafe {
            set(&self.session, CALLBACK_RECV, self.recv);
            set(&self.session, CALLBACK_DISCONNECT, None);
        }
        SESSIONS.with_borrow_mut(|sessions| sessions.retain(|heard| heard.session != self.name));
    }
}

/// The text before the line that begins with `SSH-`, and what follows that line.
fn split_banner(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = 0;
    loop {
        let end = start + bytes[start..].iter().position(|b| *b == b'\n')? + 1;
        if bytes[start..].starts_with(b"SSH-") {
            return Some((&bytes[..start], &bytes[end..]));
        }
        start = end;
    }
}

fn heard<T: Default>(which: impl Fn(&Heard) -> bool, look: impl FnOnce(&mut Heard) -> T) -> T {
    SESSIONS.with_borrow_mut(|sessions| sessions.iter_mut().find(|heard| which(heard)).map(look).unwrap_or_default())
}

fn pointer(session: &Session) -> *mut c_void {
    std::ptr::from_mut(&mut *session.raw()).cast()
}

unsafe fn set(session: &Session, which: c_int, callback: Option<Generic>) -> Option<Generic> {
    // SAFETY: the pointer is a live LIBSSH2_SESSION, which only this thread uses.
    unsafe { libssh2_session_callback_set2(pointer(session), which, callback) }
}

type Receive = unsafe extern "C" fn(c_int, *mut c_void, usize, c_int, *mut *mut c_void) -> isize;

/// As libssh2's own: the number of bytes, or an errno below zero.
unsafe extern "C" fn receive(
    socket: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
    _abstract: *mut *mut c_void,
) -> isize {
    let failed = |errno: Errno| -(errno.raw_os_error() as isize);
    let of_it = |heard: &Heard| heard.socket == socket;
    if let Some(errno) = heard(of_it, Heard::stop) {
        return failed(errno);
    }
    // SAFETY: libssh2 lends its socket, open as long as the session, and a buffer of `length` bytes that it has zeroed
    // or filled before (arrays of a session made by calloc, and a variable set to NUL).
    let (from, buffer) =
        unsafe { (BorrowedFd::borrow_raw(socket), std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length)) };
    let got =
        rustix::io::retry_on_intr(|| recv(from, &mut *buffer, RecvFlags::from_bits_retain(flags.cast_unsigned())));
    match got {
        Ok((count, _)) => {
            heard(of_it, |heard| heard.note(&buffer[..count]));
            count.cast_signed()
        }
        Err(errno) => {
            heard(of_it, |heard| {
                heard.hung_up |= errno == Errno::CONNRESET;
                heard.turn = 0;
            });
            failed(errno)
        }
    }
}

type Farewell = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, c_int, *const c_char, c_int, *mut *mut c_void);

unsafe extern "C" fn farewell(
    session: *mut c_void,
    _reason: c_int,
    message: *const c_char,
    message_length: c_int,
    _language: *const c_char,
    _language_length: c_int,
    _abstract: *mut *mut c_void,
) {
    let Ok(length) = usize::try_from(message_length) else { return };
    if message.is_null() {
        return;
    }
    // SAFETY: libssh2 gives a part of the packet in its memory, valid for this call.
    let text = unsafe { std::slice::from_raw_parts(message.cast::<u8>(), length) };
    heard(|heard| heard.session == session as usize, |heard| heard.farewell = text[..text.len().min(1024)].to_vec());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled() -> Heard {
        Heard { settled: true, ..Heard::default() }
    }

    #[test]
    fn call_of_libssh2_comes_back_after_its_turn() {
        let mut heard = settled();
        let mut turns = 0;
        for _ in 0..LIMIT / 4096 {
            heard.note(&[0; 4096]);
            turns += usize::from(heard.stop() == Some(Errno::AGAIN));
        }
        assert_eq!(turns, LIMIT / TURN);
    }

    #[test]
    fn packets_without_text_end_the_session() {
        let mut heard = settled();
        heard.note(&vec![0; LIMIT]);
        assert_ne!(heard.stop(), Some(Errno::MSGSIZE));
        heard.note(&[0]);
        assert_eq!(heard.stop(), Some(Errno::MSGSIZE));
    }

    /// Returns the bytes besides the text until the session ends, with `text` bytes of text after each 64 KiB.
    fn life(text: u64) -> u64 {
        let mut heard = settled();
        let mut beside = 0;
        while heard.stop() != Some(Errno::MSGSIZE) {
            heard.note(&[0; 64 << 10]);
            (heard.all, heard.text) = (0, heard.text + text);
            beside += 64 << 10;
        }
        beside
    }

    #[test]
    fn packets_between_texts_end_the_session_later() {
        assert_eq!(life(0), BESIDE + (64 << 10));
        // As of a router that sends each character in a packet.
        assert_eq!(life((64 << 10) / BESIDE_A_BYTE), LIFE + (64 << 10));
        // However much text it sends.
        assert_eq!(life(1 << 20), LIFE + (64 << 10));
    }
}
