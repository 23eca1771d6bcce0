//! A user of the machine with a random password and a login shell of the test's choice, deleted on drop; those of killed
//! runs are deleted when the next one is made. Needs root.

use super::leftover;
use super::netns::run;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

pub struct SystemUser {
    pub name: String,
    pub password: String,
}

impl SystemUser {
    /// A user of the standard shell.
    pub fn new() -> Self {
        Self::with_shell(Path::new("/bin/sh"), &[])
    }

    /// The login shell may be the CLI of a router; `groups` must exist.
    pub fn with_shell(shell: &Path, groups: &[&str]) -> Self {
        let _lock = accounts();
        for name in names().filter(|name| leftover::is_dead(name)) {
            delete(&name);
        }
        let name = leftover::mark();
        let groups = groups.join(",");
        run(Command::new("useradd")
            .args(["--system", "--no-create-home", "--home-dir", "/nonexistent", "--groups", &groups])
            .arg("--shell")
            .args([shell.as_os_str(), name.as_ref()]));
        let user = Self { name, password: random() };
        let mut chpasswd = Command::new("chpasswd").stdin(Stdio::piped()).spawn().expect("chpasswd starts");
        let mut stdin = chpasswd.stdin.take().expect("a pipe");
        writeln!(stdin, "{}:{}", user.name, user.password).expect("chpasswd reads");
        drop(stdin);
        assert!(chpasswd.wait().expect("chpasswd ends").success(), "setting the password of {}", user.name);
        user
    }

    /// The user id.
    pub fn id(&self) -> u32 {
        let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        let entry = passwd.lines().find_map(|line| line.strip_prefix(&format!("{}:x:", self.name))).expect("the user");
        entry.split(':').next().and_then(|id| id.parse().ok()).expect("a number")
    }

    /// Makes the system demand a new password at the next login.
    pub fn expire_password(&self) {
        let _lock = accounts();
        run(Command::new("chage").args(["--lastday", "0", &self.name]));
    }
}

impl Drop for SystemUser {
    fn drop(&mut self) {
        let _lock = accounts();
        delete(&self.name);
    }
}

/// By force: a shell that is just ending must not keep its user.
fn delete(name: &str) {
    let _ = Command::new("userdel").args(["--force", name]).stderr(Stdio::null()).status();
}

/// One test at a time changes accounts: useradd and userdel give up when they find the files locked.
fn accounts() -> File {
    let file = File::create("/run/lock/ddl-monitor-tests").expect("a lock file in /run/lock");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    file
}

fn names() -> impl Iterator<Item = String> {
    let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    passwd.lines().filter_map(|line| line.split(':').next().map(str::to_owned)).collect::<Vec<_>>().into_iter()
}

fn random() -> String {
    let mut bytes = [0; 12];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_user_lives_as_long_as_its_owner_and_a_leftover_until_the_next() {
    // A process id above the kernel's largest: no such run lives.
    let dead = "ddl-99999999-1";
    {
        let _lock = accounts();
        delete(dead);
        run(Command::new("useradd").args(["--system", dead]));
    }
    let user = SystemUser::new();
    assert!(names().all(|name| name != dead));
    let name = user.name.clone();
    assert!(names().any(|other| other == name));
    drop(user);
    assert!(names().all(|other| other != name));
}
