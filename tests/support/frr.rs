//! A real FRR router in a name space: zebra and staticd with their sockets in a private directory, and `vtysh` as the login
//! shell of a user of its own. How one gets to the shell (sshd) is not known here.

use super::leftover::Folder;
use super::netns::{Netns, run};
use super::system_user::SystemUser;
use super::wait;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub struct Frr {
    daemons: Vec<Child>,
    /// Held for its drop.
    _folder: Folder,
    /// `vtysh` of this router, without arguments.
    login_shell: PathBuf,
}

impl Frr {
    /// Starts the daemons and waits until `vtysh` is answered by them.
    pub fn start(netns: &Netns) -> Self {
        let folder = Folder::new();
        let directory = folder.path();
        // Group frrvty may use the sockets, everybody may run the wrapper.
        run(Command::new("chown").arg("frr:frrvty").arg(directory));
        let wrapper = format!("#!/bin/sh\nexec /usr/bin/vtysh --vty_socket {} \"$@\"\n", directory.display());
        let login_shell = folder.script("vtysh-login", &wrapper);
        let daemons = ["zebra", "staticd"].map(|daemon| {
            let mut command = netns.command(&format!("/usr/lib/frr/{daemon}"));
            let file = |ending: &str| directory.join(format!("{daemon}.{ending}"));
            std::fs::write(file("conf"), "").expect("a configuration");
            command.arg("-f").arg(file("conf")).arg("-i").arg(file("pid")).arg("-z").arg(directory.join("zserv.api"));
            command.arg("--vty_socket").arg(directory).args(["-P", "0"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.spawn().unwrap_or_else(|e| panic!("{daemon} of package frr: {e}"));
            wait::until(&format!("{daemon} to listen"), || std::os::unix::net::UnixStream::connect(file("vty")).ok());
            child
        });
        let frr = Self { daemons: daemons.into(), _folder: folder, login_shell };
        let version = frr.vtysh("show version");
        assert!(version.starts_with("FRRouting"), "vtysh said {version:?}");
        frr
    }

    /// A user whose login shell is `vtysh` of this router, in the group that Debian lets use it.
    pub fn user(&self) -> SystemUser {
        SystemUser::with_shell(&self.login_shell, &["frrvty"])
    }

    /// The same without the group.
    pub fn stranger(&self) -> SystemUser {
        SystemUser::with_shell(&self.login_shell, &[])
    }

    /// One command (or several, a line each) as root, e.g. to change routes in the middle of a test.
    pub fn vtysh(&self, commands: &str) -> String {
        run(Command::new(&self.login_shell).arg("-c").arg(commands))
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
