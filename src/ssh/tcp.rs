//! A TCP connection to a router, within the deadline. Knows nothing of what is said on it.

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::Address;
use rustix::net::sockopt::{set_tcp_nodelay, set_tcp_user_timeout};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// A router that acknowledges nothing for so long is gone. Linux alone would take a quarter of an hour to say so.
const DEAD_PEER: Duration = Duration::from_secs(30);

/// Tries every address of the router's name in turn. Failures are kind `connect`.
pub(super) fn connect(address: &Address, deadline: Deadline) -> Result<OwnedFd, Failure> {
    let failed = |what: &str, e: io::Error| {
        Failure::new(Kind::Connect, Stage::Connect, format!("{what} router {address}: {}", reason(&e)))
    };
    let addresses = resolve(address, deadline).map_err(|e| failed("looking up the name of", e))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (at, target) in addresses.iter().enumerate() {
        let share = deadline.remaining() / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        if share.is_zero() {
            last = io::ErrorKind::TimedOut.into();
            break;
        }
        match TcpStream::connect_timeout(target, share) {
            Ok(stream) => {
                // Nagle costs 40 ms in each step of a login.
                let set = set_tcp_nodelay(&stream, true)
                    .and_then(|()| set_tcp_user_timeout(&stream, DEAD_PEER.as_millis() as u32));
                return set.map(|()| stream.into()).map_err(|e| failed("connecting to", e.into()));
            }
            Err(e) => last = e,
        }
    }
    Err(failed("connecting to", last))
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused; is SSH on there, and open to this machine?".into(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".into(),
        _ => super::clean(error.to_string().as_bytes()),
    }
}

fn resolve(address: &Address, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port)]);
    }
    // getaddrinfo(3) knows no time-out: it is left behind when it is late.
    let (answer, answers) = sync_channel(1);
    let (host, port) = (address.host.clone(), address.port);
    std::thread::Builder::new().name("resolve".into()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
        let _ = answer.send(found);
    })?;
    match answers.recv_timeout(deadline.remaining()) {
        Ok(found) => found,
        Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the resolver failed")),
    }
}
