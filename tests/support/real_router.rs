//! A whole real router: a name space with the far ends of its lines behind it, FRR, and an OpenSSH server that is reached
//! from the host and whose users get `vtysh` or a plain shell. Its parts are public: a test looks at them and changes them.

use super::frr::Frr;
use super::leftover::Folder;
use super::netns::Netns;
use super::responder::Responder;
use super::sshd::{Inside, Options, Sshd};
use super::system_user::SystemUser;
use std::net::SocketAddr;
use std::path::Path;

/// What the router calls itself: its prompt is `edge1# `.
pub const HOST_NAME: &str = "edge1";

/// In the order in which they end: sshd first, the name space, with what is left in it, last.
pub struct RealRouter {
    pub sshd: Sshd,
    /// Its login shell is vtysh.
    pub user: SystemUser,
    pub frr: Frr,
    pub responder: Responder,
    pub netns: Netns,
    /// Login shells of the test's own making.
    folder: Folder,
}

impl RealRouter {
    /// Ready for logins when it returns.
    pub fn start() -> Self {
        Self::with(HOST_NAME, Options::default())
    }

    /// With another name, another SSH server.
    pub fn with(host_name: &str, sshd: Options) -> Self {
        let netns = Netns::new();
        let responder = Responder::start(&netns);
        let frr = Frr::start(&netns);
        let user = frr.user();
        let mut lines = sshd.lines;
        lines.push("MaxSessions 1".to_owned());
        let sshd = Sshd::with(Options { inside: Some(Inside::new(&netns, host_name)), lines, ..sshd });
        Self { sshd, user, frr, responder, netns, folder: Folder::new() }
    }

    /// Where `--router` points to.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.netns.address(), self.sshd.port))
    }

    pub fn address_v6(&self) -> SocketAddr {
        SocketAddr::from((self.netns.address_v6(), self.sshd.port))
    }

    /// A user with a shell of Linux instead, e.g. `/bin/dash`.
    pub fn shell_user(&self, shell: &str) -> SystemUser {
        SystemUser::with_shell(Path::new(shell), &[])
    }

    /// A user whose login shell is this script.
    pub fn script_user(&self, script: &str) -> SystemUser {
        SystemUser::with_shell(&self.folder.script("login", script), &[])
    }

    /// Logins that succeeded so far and those refused, out of sshd's own log.
    pub fn logins(&self) -> (usize, usize) {
        (self.sshd.count("Accepted "), self.sshd.count("Failed password"))
    }
}
