//! A TCP connection to a router, within the deadline. Knows nothing of what is said on it.

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::Address;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::{set_tcp_nodelay, set_tcp_user_timeout, socket_error};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect as begin_connect, ipproto, socket_with};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Linux alone would take a quarter of an hour to notice that a router acknowledges nothing any more.
const DEAD_PEER: Duration = Duration::from_secs(30);
/// A name's next address is tried after this time without an answer (RFC 8305, "Happy Eyeballs").
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Connects to the address of the router's name that answers first. Failures are kind `connect`.
pub(super) fn connect(address: &Address, deadline: Deadline) -> Result<OwnedFd, Failure> {
    let failed = |what: String| Failure::new(Kind::Connect, Stage::Connect, what);
    let resolved = resolve(address, deadline);
    let addresses = resolved.map_err(|e| failed(format!("looking up the name of router {address}: {}", cause(&e))))?;
    let stream = race(&alternate(&addresses), deadline).map_err(|e| failed(explain(address, &addresses, &e)))?;
    // Nagle's algorithm costs 40 ms in each step of a login.
    let set = set_tcp_nodelay(&stream, true)
        .and_then(|()| set_tcp_user_timeout(&stream, DEAD_PEER.as_millis() as u32))
        .and_then(|()| ioctl_fionbio(&stream, false));
    set.map(|()| stream).map_err(|e| failed(explain(address, &addresses, &e.into())))
}

fn explain(router: &Address, addresses: &[SocketAddr], error: &io::Error) -> String {
    let (host, port) = (&router.host, router.port);
    let several = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
    let tried = if addresses.len() > 1 { format!(" (tried {several})") } else { String::new() };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "connection refused by router {host} port {port}{tried}; is SSH on there, and open to this machine?"
        ),
        io::ErrorKind::TimedOut => format!("no answer from router {host} port {port}{tried}"),
        _ => format!("cannot connect to router {host} port {port}{tried}: {}", cause(error)),
    }
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => super::clean(error.to_string().as_bytes()),
    }
}

/// IPv6 and IPv4 in turn, each in the resolver's order, beginning with its first: one dead family costs one step.
fn alternate(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv4() == first);
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend([one.pop_front(), other.pop_front()].into_iter().flatten());
    }
    order
}

/// Starts with the first address, and with a further one each time that one fails or lets [`NEXT_ADDRESS`] pass. The first
/// connection counts; it does not block.
fn race(addresses: &[SocketAddr], deadline: Deadline) -> io::Result<OwnedFd> {
    let mut waiting = addresses.iter();
    let mut running: Vec<OwnedFd> = Vec::new();
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut next = Instant::now();
    loop {
        while (running.is_empty() || next <= Instant::now()) && waiting.len() > 0 {
            match waiting.next().map(begin) {
                Some(Ok(socket)) => {
                    running.push(socket);
                    next = Instant::now() + NEXT_ADDRESS;
                }
                Some(Err(e)) => error = e.into(),
                None => {}
            }
        }
        if running.is_empty() {
            return Err(error);
        }
        if deadline.is_over() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let until = if waiting.len() > 0 { Deadline::at(next).min(deadline) } else { deadline };
        let mut fds: Vec<PollFd<'_>> = running.iter().map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
        match poll(&mut fds, Some(&until.timeout())) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let Some(at) = fds.iter().position(|fd| !fd.revents().is_empty()) else { continue };
        let socket = running.swap_remove(at);
        match socket_error(&socket).and_then(|outcome| outcome) {
            Ok(()) => return Ok(socket),
            Err(e) => error = e.into(),
        }
        next = Instant::now();
    }
}

/// A connection that is on its way.
fn begin(address: &SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    match begin_connect(&socket, address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(e) => Err(e),
    }
}

fn resolve(address: &Address, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port)]);
    }
    // getaddrinfo(3) has no time limit: a late one is left behind. It also reads the zone of an IPv6 address.
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{bind, getsockname, listen};
    use std::net::TcpListener;

    /// The one limit of these tests, far beyond what anything that works takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// An address that answers nothing: the backlog of its socket is full.
    fn silent() -> (SocketAddr, Vec<OwnedFd>) {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listen(&socket, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
        let mut held = vec![socket];
        // One connection fills the backlog; the kernel may complete one more.
        held.extend((0..4).map(|_| begin(&address).unwrap()));
        (address, held)
    }

    fn live() -> (SocketAddr, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (listener.local_addr().unwrap(), listener)
    }

    /// Races without a deadline that could end the wait for a dead address.
    fn raced(addresses: Vec<SocketAddr>) -> io::Result<SocketAddr> {
        let (answer, answers) = sync_channel(1);
        std::thread::spawn(move || {
            let won = race(&addresses, Deadline::after(Duration::from_secs(86_400)));
            let _ = answer.send(
                won.map(|socket| SocketAddr::try_from(rustix::net::getpeername(&socket).unwrap().unwrap()).unwrap()),
            );
        });
        answers.recv_timeout(PATIENCE).expect("the race has an end")
    }

    #[test]
    fn dead_address_does_not_hold_up_the_next() {
        let ((dead, _held), (alive, _listener)) = (silent(), live());
        assert_eq!(raced(vec![dead, dead, alive]).unwrap(), alive);
        assert_eq!(raced(vec![alive, dead]).unwrap(), alive);
    }

    #[test]
    fn refused_address_is_passed_at_once() {
        let (alive, _listener) = live();
        let (closed, listener) = live();
        drop(listener);
        assert_eq!(raced(vec![closed, closed, alive]).unwrap(), alive);
        assert_eq!(raced(vec![closed]).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn silent_router_is_named_with_its_port_and_addresses() {
        let (dead, _held) = silent();
        let error = race(&[dead, dead], Deadline::after(Duration::from_millis(300))).unwrap_err();
        let router = Address { host: "edge-1".into(), port: 2222 };
        let addresses = ["192.0.2.1:2222", "[2001:db8::1]:2222"].map(|text| text.parse().unwrap());
        assert_eq!(
            explain(&router, &addresses, &error),
            "no answer from router edge-1 port 2222 (tried 192.0.2.1, 2001:db8::1)"
        );
        assert_eq!(explain(&router, &addresses[..1], &error), "no answer from router edge-1 port 2222");
    }

    #[test]
    fn zone_of_a_link_local_address_is_its_interface() {
        let router = Address { host: "fe80::1%lo".into(), port: 22 };
        let found = resolve(&router, Deadline::after(PATIENCE)).unwrap();
        // The loopback interface is the first of every Linux machine.
        let zones: Vec<u32> = found
            .iter()
            .map(|address| match address {
                SocketAddr::V6(address) => address.scope_id(),
                SocketAddr::V4(_) => 0,
            })
            .collect();
        assert_eq!(zones, [1]);
    }

    #[test]
    fn families_take_turns() {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let order = alternate(&parse(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"]));
        assert_eq!(order, parse(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"]));
        assert_eq!(alternate(&[]), []);
    }
}
