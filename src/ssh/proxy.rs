//! A command whose stdin and stdout are the connection to the router (`ssh.proxy_command`), as OpenSSH's ProxyCommand: for
//! jump hosts. Knows nothing of SSH.
//!
//! Unlike OpenSSH, no shell sees it: it is split into words (quotes and backslashes as in a shell, nothing else), then `%h`
//! host, `%p` port, `%r` user and `%%` are put in, so that no name of a host becomes a second word.

use super::clean;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::inventory::command::words;
use crate::inventory::router::Login;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a proxy may take to leave after it was asked to.
const GRACE: Duration = Duration::from_millis(500);

/// The process groups of this process' proxies. A process that leaves does not drop what its other threads hold.
static RUNNING: Mutex<Running> = Mutex::new(Running { groups: Vec::new(), leaving: false });

struct Running {
    groups: Vec<Pid>,
    /// No further one may start.
    leaving: bool,
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the proxies of logins that go on in other threads, before this process leaves; none starts any more.
pub fn end_all() {
    // Held to the end: what is in the list has not been waited for, so its number is nobody else's.
    let mut running = running();
    running.leaving = true;
    let all = |signal| {
        for group in &running.groups {
            let _ = kill_process_group(*group, signal);
        }
    };
    all(Signal::TERM);
    let grace = Deadline::after(GRACE);
    running.groups.iter().for_each(|group| until_ended(*group, grace));
    all(Signal::KILL);
}

/// A running proxy command; ended when dropped, with everything it started in its process group.
pub(super) struct Proxy {
    child: Child,
    stderr: PipeReader,
}

impl Proxy {
    /// Starts the command for this login. Gives our end of its connection.
    pub(super) fn start(command: &str, login: &Login) -> Result<(Self, OwnedFd), Failure> {
        let words = expand(command, login)?;
        let failed = |e: io::Error| Failure::settings(format!("starting proxy command `{}`: {e}", words[0]));
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(|e| failed(e.into()))?;
        let (stderr, complaints) = io::pipe().map_err(failed)?;
        // Who complains without end must neither fill memory nor wait for a reader.
        unblock(&stderr).and_then(|()| unblock(&complaints)).map_err(failed)?;
        let mut running = running();
        if running.leaving {
            return Err(failed(io::Error::other("this process is leaving")));
        }
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(theirs.try_clone().map_err(failed)?)
            .stdout(theirs)
            .stderr(complaints)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        running.groups.push(Pid::from_child(&child));
        Ok((Self { child, stderr }, ours))
    }

    /// What the command said on stderr, and how it ended if it has; for failure messages. `is_ending`: its end of the
    /// connection is closed, so it is given a moment.
    pub(super) fn complaint(&mut self, is_ending: bool) -> Option<String> {
        if is_ending {
            until_ended(Pid::from_child(&self.child), Deadline::after(GRACE / 2));
        }
        let mut said = [0; 4096];
        let count = self.stderr.read(&mut said).unwrap_or(0);
        let said = clean(&said[..count]);
        let end = ended(Pid::from_child(&self.child));
        let end = end.map(|end| match (end.exit_status(), end.terminating_signal()) {
            (Some(status), _) => format!("proxy command ended with status {status}"),
            (None, signal) => format!("proxy command was ended by signal {}", signal.unwrap_or_default()),
        });
        match (end, said.is_empty()) {
            (Some(end), true) => Some(end),
            (Some(end), false) => Some(format!("{end}: {said}")),
            (None, false) => Some(format!("proxy command says: {said}")),
            (None, true) => None,
        }
    }
}

/// How a process that nobody has waited for ended, if it has. Looks without taking the end notice, so that its number, and that
/// of its group, stay its own.
fn ended(process: Pid) -> Option<WaitIdStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(process), options).ok().flatten()
}

/// Until such a process has ended. A pidfd would wake us, but needs a kernel that RHEL 8 does not have.
fn until_ended(process: Pid, deadline: Deadline) {
    while ended(process).is_none() && !deadline.is_over() {
        deadline.pause(Duration::from_millis(5));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::TERM);
        until_ended(group, Deadline::after(GRACE));
        let _ = kill_process_group(group, Signal::KILL);
        let mut running = running();
        let _ = self.child.wait();
        running.groups.retain(|one| *one != group);
    }
}

fn unblock(fd: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    Ok(fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?)
}

/// The words of the command with the login's values put in.
fn expand(command: &str, login: &Login) -> Result<Vec<String>, Failure> {
    let refused = |why: String| Failure::settings(format!("ssh.proxy_command `{command}`: {why}"));
    for (what, value) in [("router", &login.address.host), ("user", &login.user)] {
        // What the command takes for an option could make it run anything (CVE-2017-1000117).
        if value.starts_with('-') {
            return Err(refused(format!(
                "{what} `{value}` begins with `-`, which the command would take for an option"
            )));
        }
        if value.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(refused(format!("{what} {value:?} has blanks or control characters in it")));
        }
    }
    let words = words(command).ok_or_else(|| refused("a quote is not closed".into()))?;
    if words.is_empty() {
        return Err(refused("it is empty".into()));
    }
    let port = login.address.port.to_string();
    let put = |word: String| -> Result<String, Failure> {
        let mut text = String::new();
        let mut chars = word.chars();
        while let Some(c) = chars.next() {
            match (c, if c == '%' { chars.next() } else { None }) {
                ('%', Some('h')) => text.push_str(&login.address.host),
                ('%', Some('p')) => text.push_str(&port),
                ('%', Some('r')) => text.push_str(&login.user),
                ('%', Some('%')) => text.push('%'),
                ('%', other) => {
                    let token = other.map(String::from).unwrap_or_default();
                    return Err(refused(format!("`%{token}` is unknown; %h, %p, %r and %% are known")));
                }
                (c, _) => text.push(c),
            }
        }
        Ok(text)
    };
    words.into_iter().map(put).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::router::{Address, Credential, Crypto, HostKeyPolicy};
    use crate::inventory::secret::Secret;

    fn login(host: &str, user: &str) -> Login {
        Login {
            address: Address { host: host.into(), port: 2222 },
            user: user.into(),
            credential: Credential::password(Secret::new("x".into())),
            enable: None,
            proxy_command: None,
            crypto: Crypto::Modern,
            host_keys: HostKeyPolicy::Off,
            known_hosts: "/nonexistent".into(),
        }
    }

    #[test]
    fn values_are_put_into_words_and_make_no_new_ones() {
        let words = expand(r#"ssh  -W "%h:%p" 'jump host' a\ b %r 100%% """#, &login("2001:db8::1", "$(id)"));
        assert_eq!(words.unwrap(), ["ssh", "-W", "2001:db8::1:2222", "jump host", "a b", "$(id)", "100%", ""]);
    }

    #[test]
    fn a_host_or_user_that_looks_like_an_option_is_refused() {
        for (host, user) in [("-oProxyCommand=id", "u"), ("r1", "-x"), ("r1", "a b"), ("r1\n", "u")] {
            assert!(expand("nc %h %p", &login(host, user)).is_err(), "{host:?} {user:?}");
        }
    }

    #[test]
    fn mistakes_in_the_command_are_named() {
        for (command, part) in [("nc '%h", "quote"), ("nc %x", "`%x`"), ("nc %", "`%`"), (" ", "empty")] {
            let failure = expand(command, &login("r1", "u")).unwrap_err();
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn a_command_that_is_not_there_is_a_mistake_in_the_settings() {
        let failure = Proxy::start("/nonexistent/proxy %h", &login("r1", "u")).err().unwrap();
        assert_eq!(failure.kind, crate::failure::Kind::Settings);
    }

    #[test]
    fn a_proxy_that_ignores_sigterm_is_gone_all_the_same_with_its_children() {
        let (proxy, ours) =
            Proxy::start("sh -c \"trap '' TERM; sleep 600 & echo up; wait; wait\"", &login("r1", "u")).unwrap();
        let mut up = [0; 3];
        rustix::io::read(&ours, &mut up).unwrap();
        drop(proxy);
        // Nobody holds the other end any more.
        assert_eq!(rustix::io::read(&ours, &mut up).unwrap(), 0);
    }
}
