//! A whole real router: a name space with the far ends of its lines behind it, FRR, and an OpenSSH server that is reached
//! from the host and whose users get `vtysh` or a plain shell. Its parts are public: a test looks at them and changes them.

use super::frr::Frr;
use super::netns::{Netns, run};
use super::responder::Responder;
use super::system_user::SystemUser;
use super::{leftover, wait};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the router calls itself: its prompt is `edge1# `.
pub const HOST_NAME: &str = "edge1";

/// In the order in which they end: sshd first, the name space, with what is left in it, last.
pub struct RealRouter {
    sshd: Sshd,
    /// Its login shell is vtysh.
    pub user: SystemUser,
    pub frr: Frr,
    pub responder: Responder,
    pub netns: Netns,
}

struct Sshd {
    process: Child,
    directory: PathBuf,
}

impl RealRouter {
    /// Ready for logins when it returns.
    pub fn start() -> Self {
        let netns = Netns::new();
        let responder = Responder::start(&netns);
        let frr = Frr::start(&netns);
        let user = frr.user();
        let sshd = Sshd::start(&netns);
        Self { sshd, user, frr, responder, netns }
    }

    /// Where `--router` points to.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.netns.address(), 22))
    }

    pub fn address_v6(&self) -> SocketAddr {
        SocketAddr::from((self.netns.address_v6(), 22))
    }

    /// A user with a shell of Linux instead, e.g. `/bin/dash`.
    pub fn shell_user(&self, shell: &str) -> SystemUser {
        SystemUser::new(Path::new(shell), &[])
    }

    /// Logins that succeeded so far and those refused, out of sshd's own log.
    pub fn logins(&self) -> (usize, usize) {
        let log = std::fs::read_to_string(self.sshd.directory.join("log")).expect("sshd's log");
        let count = |start: &str| log.lines().filter(|line| line.starts_with(start)).count();
        (count("Accepted "), count("Failed password"))
    }
}

impl Sshd {
    fn start(netns: &Netns) -> Self {
        let directory = std::env::temp_dir().join(leftover::mark());
        std::fs::create_dir(&directory).expect("a private directory");
        // Where sshd's unprivileged half lives; the package's service would make it.
        std::fs::create_dir_all("/run/sshd").expect("/run/sshd");
        let file = |name: &str| directory.join(name);
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file("host_key")));
        let configuration = format!(
            "ListenAddress {}\nListenAddress {}\nHostKey {}\nPidFile none\nUsePAM no\nMaxSessions 1\nMaxStartups 500\n",
            netns.address(),
            netns.address_v6(),
            file("host_key").display(),
        );
        std::fs::write(file("config"), configuration).expect("a configuration");
        // Its own host name as well, so that prompts do not depend on the machine.
        let mut command = netns.command("unshare");
        command.args([
            "--uts",
            "sh",
            "-c",
            "hostname \"$1\"; exec /usr/sbin/sshd -D -f \"$2\" -E \"$3\"",
            "sh",
            HOST_NAME,
        ]);
        command.arg(file("config")).arg(file("log"));
        let process = command.stdin(Stdio::null()).spawn().expect("sshd of package openssh-server");
        wait::until("sshd to listen", || TcpStream::connect((IpAddr::from(netns.address()), 22)).ok());
        Self { process, directory }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
