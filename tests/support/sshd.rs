//! A real OpenSSH server, on loopback or in a name space, with keys and configuration of its own. Needs root: sshd checks a
//! password only of a user that the system knows.

use super::leftover::Folder;
use super::netns::{Netns, run};
use super::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

/// What is special about a server. The default: every modern algorithm, password and public key.
#[derive(Default)]
pub(crate) struct Options {
    /// SHA-1 key exchange, `ssh-rsa` host key, `hmac-sha1` and CBC only.
    pub(crate) legacy: bool,
    /// `AuthenticationMethods`: `password`, `keyboard-interactive`, `publickey`.
    pub(crate) method: Option<&'static str>,
    /// Further lines of sshd_config, e.g. `MaxSessions 1`.
    pub(crate) lines: Vec<String>,
    pub(crate) inside: Option<Inside>,
}

/// A server inside a name space, which listens on both addresses of it.
pub(crate) struct Inside {
    netns: String,
    addresses: Vec<IpAddr>,
    /// What the machine calls itself there.
    host_name: String,
}

impl Inside {
    pub(crate) fn new(netns: &Netns, host_name: &str) -> Self {
        let addresses = vec![netns.address().into(), netns.address_v6().into()];
        Self { netns: netns.name().to_owned(), addresses, host_name: host_name.to_owned() }
    }
}

/// A running server, ended with all its sessions when dropped.
pub(crate) struct Sshd {
    child: Child,
    dir: Folder,
    log: Arc<Log>,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    options: Options,
}

#[derive(Default)]
struct Log {
    /// The lines so far, and whether sshd has closed it.
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        need_root();
        // sshd wants this to be there, as its service file makes it.
        fs::create_dir_all("/run/sshd").unwrap();
        // Everybody may enter it: authorized_keys in it is read as the user who logs in.
        let dir = Folder::new();
        make_key(&dir.path().join("ed25519"), &["-t", "ed25519"], "");
        make_key(&dir.path().join("rsa"), &["-t", "rsa", "-b", "2048"], "");
        if options.legacy {
            make_key(&dir.path().join("dsa"), &["-t", "dsa"], "");
        }
        fs::write(dir.path().join("authorized_keys"), "").unwrap();
        let addresses = match &options.inside {
            Some(inside) => inside.addresses.clone(),
            None => vec![Ipv4Addr::LOCALHOST.into()],
        };
        // The port is free when it is chosen and may not be a moment later.
        for _ in 0..10 {
            let port = free_port();
            fs::write(dir.path().join("sshd_config"), config(dir.path(), &addresses, port, &options)).unwrap();
            let (child, log) = spawn(dir.path(), &options);
            if log.wait_for(|lines| is_listening(lines, addresses.len())) {
                return Self { child, dir, log, address: addresses[0], port, options };
            }
            let lines = log.lines();
            assert!(lines.iter().any(|line| line.contains("Address already in use")), "sshd did not start: {lines:#?}");
        }
        panic!("no free port for sshd");
    }

    /// The same server with other host keys: what an attacker, or a replaced router, looks like.
    pub(crate) fn renew_host_keys(&mut self) {
        self.stop();
        for kind in ["ed25519", "rsa"] {
            fs::remove_file(self.dir.path().join(kind)).unwrap();
            make_key(&self.dir.path().join(kind), &["-t", kind], "");
        }
        let (child, log) = spawn(self.dir.path(), &self.options);
        (self.child, self.log) = (child, log);
        let addresses = self.options.inside.as_ref().map_or(1, |inside| inside.addresses.len());
        assert!(self.log.wait_for(|lines| is_listening(lines, addresses)));
    }

    /// Lets whoever has this private key log in as any user.
    pub(crate) fn authorize(&self, key: &Path) {
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        fs::write(self.dir.path().join("authorized_keys"), public).unwrap();
    }

    /// A folder for a test's files, gone with the server.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until sshd has logged `text` so many times.
    pub(crate) fn wait_for(&self, text: &str, times: usize) {
        let seen = |lines: &[String]| lines.iter().filter(|line| line.contains(text)).count() >= times;
        assert!(self.log.wait_for(seen), "sshd never said {text:?} {times} times: {:#?}", self.log.lines());
    }

    /// How many lines of the log so far have `text` in them.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Sends a signal to the processes of all sessions, shells included.
    pub(crate) fn signal_sessions(&self, signal: Signal) {
        for pid in descendants(self.child.id()) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Processes of all sessions, shells included.
    pub(crate) fn sessions(&self) -> usize {
        descendants(self.child.id()).len()
    }

    fn stop(&mut self) {
        let sessions = descendants(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in sessions {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().0.clone()
    }

    /// False when sshd is gone or time is up before `done`.
    fn wait_for(&self, done: impl Fn(&[String]) -> bool) -> bool {
        let end = Instant::now() + wait::LIMIT;
        let mut lines = self.lines.lock().unwrap();
        while !done(&lines.0) {
            let left = end.saturating_duration_since(Instant::now());
            if lines.1 || left.is_zero() {
                return false;
            }
            lines = self.more.wait_timeout(lines, left).unwrap().0;
        }
        true
    }
}

fn config(dir: &Path, addresses: &[IpAddr], port: u16, options: &Options) -> String {
    let dir = dir.display();
    // The first line about a thing counts.
    let mut lines = options.lines.clone();
    lines.extend(addresses.iter().map(|address| format!("ListenAddress {address}")));
    lines.extend([
        format!("Port {port}"),
        format!("HostKey {dir}/rsa"),
        format!("AuthorizedKeysFile {dir}/authorized_keys"),
        // Keyboard-interactive is PAM's on Linux; for everything else sshd reads the shadow file itself.
        format!(
            "UsePAM {}",
            if options.method.is_some_and(|method| method.contains("keyboard-interactive")) { "yes" } else { "no" }
        ),
        "PidFile none\nStrictModes no\nLogLevel VERBOSE\nPrintMotd no\nPrintLastLog no".into(),
        "KbdInteractiveAuthentication yes\nPasswordAuthentication yes\nPubkeyAuthentication yes".into(),
        "MaxStartups 500\nUseDNS no".into(),
    ]);
    if options.legacy {
        lines.push("KexAlgorithms diffie-hellman-group14-sha1\nHostKeyAlgorithms ssh-rsa".into());
        lines.push(format!("HostKey {dir}/dsa"));
        lines.push("MACs hmac-sha1\nCiphers aes128-cbc".into());
    } else {
        lines.push(format!("HostKey {dir}/ed25519"));
    }
    lines.extend(options.method.map(|method| format!("AuthenticationMethods {method}")));
    lines.join("\n") + "\n"
}

fn spawn(dir: &Path, options: &Options) -> (Child, Arc<Log>) {
    let sshd = "/usr/sbin/sshd";
    // Ends with the thread of its test, even when that is killed.
    let mortal = ["setpriv", "--pdeathsig", "KILL"];
    let mut command = match &options.inside {
        Some(inside) => {
            let mut command = Command::new("ip");
            let named = "hostname \"$1\"; shift; exec \"$@\"";
            command.args(["netns", "exec", &inside.netns, "unshare", "--uts"]);
            command.args(["sh", "-c", named, "sh", &inside.host_name]).args(mortal);
            command
        }
        None => {
            let mut command = Command::new(mortal[0]);
            command.args(&mortal[1..]);
            command
        }
    };
    let mut child = command
        // Its own name with a path: it executes itself for every connection.
        .args([sshd, "-D", "-e", "-f"])
        .arg(dir.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("starting {sshd}: {e}; the tests need the package openssh-server"));
    let log = Arc::new(Log::default());
    let (stderr, writer) = (child.stderr.take().unwrap(), log.clone());
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            writer.lines.lock().unwrap().0.push(line.trim_end().to_owned());
            writer.more.notify_all();
        }
        writer.lines.lock().unwrap().1 = true;
        writer.more.notify_all();
    });
    (child, log)
}

fn is_listening(log: &[String], addresses: usize) -> bool {
    log.iter().filter(|line| line.starts_with("Server listening")).count() == addresses
}

fn descendants(of: u32) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut parents = vec![of.cast_signed()];
    while let Some(parent) = parents.pop() {
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            parents.push(child);
            found.extend(Pid::from_raw(child));
        }
    }
    found
}

fn need_root() {
    assert!(rustix::process::geteuid().is_root(), "tests with a real sshd make users and must run as root");
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Makes a key pair: `file` and `file.pub`.
pub(crate) fn make_key(file: &Path, kind: &[&str], passphrase: &str) -> PathBuf {
    run(Command::new("ssh-keygen").args(["-q", "-N", passphrase, "-C", "test", "-f"]).arg(file).args(kind));
    file.to_owned()
}
