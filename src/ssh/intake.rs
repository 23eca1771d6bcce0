//! What libssh2 takes in while a login lasts. libssh2 forgets what a failure message needs (text before the banner, what
//! the router offered, why it hung up), and some of its loops end only when the peer stops sending; its `recv` callback is
//! the one place to remember the one and to bound the other.

#![expect(unsafe_code, reason = "ssh2 does not wrap libssh2_session_callback_set2")]

use super::algorithms::Offer;
use crate::deadline::Deadline;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use ssh2::Session;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::os::fd::BorrowedFd;

/// Enough for every banner text and SSH_MSG_KEXINIT met so far.
const REMEMBERED: usize = 16 << 10;
/// What a router may send in one login. A key exchange and a long banner are below 64 KiB.
const LIMIT: usize = 4 << 20;

const CALLBACK_DISCONNECT: c_int = 2;
const CALLBACK_RECV: c_int = 6;
const SSH_MSG_KEXINIT: u8 = 20;

type Generic = unsafe extern "C" fn();

unsafe extern "C" {
    /// libssh2 1.11.1 and later; gives the callback that was set before.
    fn libssh2_session_callback_set2(session: *mut c_void, which: c_int, callback: Option<Generic>) -> Option<Generic>;
}

thread_local! {
    /// A login is one thread's; libssh2 calls back on the thread that called it.
    static LOGIN: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Heard {
    deadline: Option<Deadline>,
    first: Vec<u8>,
    all: usize,
    hung_up: bool,
    farewell: Vec<u8>,
}

/// Listens to a session of this thread until it is dropped.
pub(super) struct Intake {
    session: Session,
    recv: Option<Generic>,
}

impl Intake {
    /// From `deadline` on, whatever libssh2 does on this session fails instead of waiting for more.
    pub(super) fn of(session: &Session, deadline: Deadline) -> Self {
        LOGIN.set(Some(Heard { deadline: Some(deadline), ..Heard::default() }));
        // SAFETY: the transmuted pointers are called by libssh2 with the signatures that LIBSSH2_RECV_FUNC and
        // LIBSSH2_DISCONNECT_FUNC of libssh2.h give, which are those of the functions below.
        let recv = unsafe {
            set(session, CALLBACK_DISCONNECT, Some(std::mem::transmute::<Farewell, Generic>(farewell)));
            set(session, CALLBACK_RECV, Some(std::mem::transmute::<Receive, Generic>(receive)))
        };
        Self { session: session.clone(), recv }
    }

    /// Takes in what is there still. Whoever hangs up on us mostly says why before, and libssh2 does not read once it could
    /// not write.
    pub(super) fn drain(&self, socket: BorrowedFd<'_>) {
        let mut buffer = [0; 4096];
        let mut more = REMEMBERED;
        while more > 0 && !self.hung_up() {
            match rustix::io::retry_on_intr(|| recv(socket, &mut buffer, RecvFlags::DONTWAIT)) {
                Ok((count, _)) => {
                    note(&buffer[..count]);
                    more = more.saturating_sub(count);
                }
                Err(_) => return,
            }
        }
    }

    /// True once the router has said `SSH-…`.
    pub(super) fn has_banner(&self) -> bool {
        heard(|heard| split_banner(&heard.first).is_some())
    }

    /// True when the router closed the connection.
    pub(super) fn hung_up(&self) -> bool {
        heard(|heard| heard.hung_up)
    }

    /// Why the router hung up (SSH_MSG_DISCONNECT), else what it said before or instead of an SSH banner. Cleaned.
    pub(super) fn said(&self) -> Option<String> {
        let text = heard(|heard| {
            let before = split_banner(&heard.first).map_or(&heard.first[..], |(before, _)| before);
            super::clean(if heard.farewell.is_empty() { before } else { &heard.farewell })
        });
        (!text.is_empty()).then_some(text)
    }

    /// The router's side of the negotiation.
    pub(super) fn offer(&self) -> Option<Offer> {
        heard(|heard| {
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
        LOGIN.set(None);
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

fn heard<T: Default>(look: impl FnOnce(&mut Heard) -> T) -> T {
    LOGIN.with_borrow_mut(|login| login.as_mut().map(look).unwrap_or_default())
}

/// No bytes mean the end.
fn note(bytes: &[u8]) {
    heard(|heard| {
        heard.hung_up |= bytes.is_empty();
        heard.all += bytes.len();
        let room = REMEMBERED - heard.first.len();
        heard.first.extend_from_slice(&bytes[..bytes.len().min(room)]);
    });
}

unsafe fn set(session: &Session, which: c_int, callback: Option<Generic>) -> Option<Generic> {
    let mut raw = session.raw();
    let pointer: *mut c_void = std::ptr::from_mut(&mut *raw).cast();
    // SAFETY: the guard holds the session's lock, and the pointer is its live LIBSSH2_SESSION.
    unsafe { libssh2_session_callback_set2(pointer, which, callback) }
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
    let stop = heard(|heard| {
        let over = heard.deadline.is_some_and(Deadline::is_over);
        over.then_some(Errno::TIMEDOUT).or((heard.all > LIMIT).then_some(Errno::MSGSIZE))
    });
    if let Some(errno) = stop {
        return failed(errno);
    }
    // SAFETY: libssh2 lends its socket, open as long as the session, and a buffer of `length` bytes that it has zeroed
    // or filled before (arrays of a session made by calloc, and a variable set to NUL).
    let (socket, buffer) =
        unsafe { (BorrowedFd::borrow_raw(socket), std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length)) };
    let got =
        rustix::io::retry_on_intr(|| recv(socket, &mut *buffer, RecvFlags::from_bits_retain(flags.cast_unsigned())));
    match got {
        Ok((count, _)) => {
            note(&buffer[..count]);
            count.cast_signed()
        }
        Err(errno) => {
            heard(|heard| heard.hung_up |= errno == Errno::CONNRESET);
            failed(errno)
        }
    }
}

type Farewell = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, c_int, *const c_char, c_int, *mut *mut c_void);

unsafe extern "C" fn farewell(
    _session: *mut c_void,
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
    heard(|heard| heard.farewell = text[..text.len().min(1024)].to_vec());
}
