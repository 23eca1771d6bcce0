//! What systemd is told of a service (sd_notify(3)): datagrams to the socket that it names. Knows nothing of the sweep.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

/// Silent where nobody listens.
#[derive(Default)]
pub struct Notify {
    socket: Option<UnixDatagram>,
    /// How often it wants to hear that we live: half of what it waits for.
    pub every: Option<Duration>,
}

impl Notify {
    /// `socket`: a path, or `@` and an abstract name.
    pub fn to(socket: &Path, watchdog: Option<Duration>) -> io::Result<Self> {
        let bytes = socket.as_os_str().as_bytes();
        let address = match bytes.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(socket)?,
        };
        let datagrams = UnixDatagram::unbound()?;
        datagrams.connect_addr(&address)?;
        // A full socket must not hold up the sweep.
        datagrams.set_nonblocking(true)?;
        Ok(Self { socket: Some(datagrams), every: watchdog.map(|time| time / 2) })
    }

    /// Of a wait: no longer than until it wants to hear of us again.
    pub fn limit(&self, wait: Duration) -> Duration {
        self.every.map_or(wait, |every| wait.min(every))
    }

    pub fn ready(&self) {
        self.say("READY=1");
    }

    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// One line for `systemctl status`.
    pub fn status(&self, text: &str) {
        self.say(&format!("STATUS={}", text.replace('\n', " ")));
    }

    fn say(&self, text: &str) {
        if let Some(Err(e)) = self.socket.as_ref().map(|socket| socket.send(text.as_bytes())) {
            log::debug!(error:% = e; "systemd could not be notified");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_than_a_watchdog_does() {
        let seconds = Duration::from_secs;
        let notify = |every| Notify { socket: None, every };
        assert_eq!(notify(None).limit(seconds(1)), seconds(1));
        assert_eq!(notify(Some(seconds(30))).limit(seconds(1)), seconds(1));
        assert_eq!(notify(Some(Duration::from_millis(500))).limit(seconds(1)), Duration::from_millis(500));
    }
}
