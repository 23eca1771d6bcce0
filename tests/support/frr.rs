//! A real FRR router in a name space: zebra and staticd with their sockets in a private directory, and `vtysh` as the login
//! shell of a user of its own. How one gets to the shell (sshd) is not known here.

use super::netns::{Netns, run};
use super::system_user::SystemUser;
use super::{leftover, wait};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Frr {
    daemons: Vec<Child>,
    directory: PathBuf,
    /// `vtysh` of this router, without arguments.
    login_shell: PathBuf,
}

impl Frr {
    /// Starts the daemons and waits until `vtysh` is answered by them.
    pub fn start(netns: &Netns) -> Self {
        remove_leftovers();
        let directory = std::env::temp_dir().join(leftover::mark());
        std::fs::create_dir(&directory).expect("a private directory");
        // Group frrvty may use the sockets, everybody may run the wrapper.
        allow(&directory, 0o755);
        run(Command::new("chown").arg("frr:frrvty").arg(&directory));
        let login_shell = directory.join("vtysh-login");
        let wrapper = format!("#!/bin/sh\nexec /usr/bin/vtysh --vty_socket {} \"$@\"\n", directory.display());
        std::fs::write(&login_shell, wrapper).expect("a login shell");
        allow(&login_shell, 0o755);
        let daemons = ["zebra", "staticd"].map(|daemon| {
            let mut command = netns.command(&format!("/usr/lib/frr/{daemon}"));
            let file = |ending: &str| directory.join(format!("{daemon}.{ending}"));
            std::fs::write(file("conf"), "").expect("a configuration");
            command.arg("-f").arg(file("conf")).arg("-i").arg(file("pid")).arg("-z").arg(directory.join("zserv.api"));
            command.arg("--vty_socket").arg(&directory).args(["-P", "0"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.spawn().unwrap_or_else(|e| panic!("{daemon} of package frr: {e}"));
            wait::until(&format!("{daemon} to listen"), || std::os::unix::net::UnixStream::connect(file("vty")).ok());
            child
        });
        let frr = Self { daemons: daemons.into(), directory, login_shell };
        let version = frr.vtysh("show version");
        assert!(version.starts_with("FRRouting"), "vtysh said {version:?}");
        frr
    }

    /// A user whose login shell is `vtysh` of this router, in the group that Debian lets use it.
    pub fn user(&self) -> SystemUser {
        SystemUser::new(&self.login_shell, &["frrvty"])
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
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}

fn remove_leftovers() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if leftover::is_dead(&entry.file_name().to_string_lossy()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
