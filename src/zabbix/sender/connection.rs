//! A connection to a Zabbix server or proxy, plain or TLS; every wait ends with the deadline. Knows nothing of what is said on it.

use super::tls::{self, Tls};
use crate::deadline::Deadline;
use crate::zabbix::servers::Node;
use openssl::ssl::SslStream;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// A time-out of zero would be none at all.
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Connection {
    pub(super) fn open(node: &Node, tls: &Tls, deadline: Deadline) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let addresses = resolve(node, deadline)?;
        for (at, address) in addresses.iter().enumerate() {
            let share = deadline.remaining() / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
            if share.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match TcpStream::connect_timeout(address, share) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    limit(&stream, deadline)?;
                    return Ok(match tls::connect(tls, node, stream)? {
                        tls::Stream::Plain(stream) => Self::Plain(stream),
                        tls::Stream::Tls(stream) => Self::Tls(Box::new(stream)),
                    });
                }
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    pub(super) fn write_all(&mut self, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        while !bytes.is_empty() {
            limit(self.tcp(), deadline)?;
            let written = match self {
                Self::Plain(stream) => stream.write(bytes),
                Self::Tls(stream) => stream.write(bytes),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Appends what came; 0 at its end.
    pub(super) fn read(&mut self, to: &mut Vec<u8>, deadline: Deadline) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        loop {
            limit(self.tcp(), deadline)?;
            let read = match self {
                Self::Plain(stream) => stream.read(&mut buffer),
                Self::Tls(stream) => stream.read(&mut buffer),
            };
            match read {
                Ok(n) => {
                    to.extend_from_slice(&buffer[..n]);
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

/// What went wrong, for people.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
        io::ErrorKind::ConnectionRefused => {
            "connection refused; is it running, and is that its trapper port?".to_owned()
        }
        _ => error.to_string(),
    }
}

fn limit(stream: &TcpStream, deadline: Deadline) -> io::Result<()> {
    let left = deadline.remaining();
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left.max(SHORTEST)))?;
    stream.set_write_timeout(Some(left.max(SHORTEST)))
}

fn resolve(node: &Node, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = node.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, node.port)]);
    }
    // getaddrinfo(3) knows no time-out: it is left behind when it is late.
    let (answer, answers) = sync_channel(1);
    let (host, port) = (node.host.clone(), node.port);
    std::thread::Builder::new().name("resolve".into()).spawn(move || {
        let _ = answer.send((host.as_str(), port).to_socket_addrs().map(Vec::from_iter));
    })?;
    match answers.recv_timeout(deadline.remaining()) {
        Ok(found) => found,
        Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the resolver failed")),
    }
}
