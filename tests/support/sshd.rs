//! A real OpenSSH server on loopback with keys, configuration and users of its own. Needs root: sshd checks a password only
//! of a user that the system knows.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long sshd may take to say what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is special about a server. The default: every modern algorithm, password and public key.
#[derive(Default)]
pub(crate) struct Options {
    /// SHA-1 key exchange, `ssh-rsa` host key, `hmac-sha1` and CBC only.
    pub(crate) legacy: bool,
    /// `AuthenticationMethods`: `password`, `keyboard-interactive`, `publickey`.
    pub(crate) method: Option<&'static str>,
    /// Further lines of sshd_config, e.g. `MaxSessions 1`.
    pub(crate) lines: Vec<String>,
    /// Run inside this network namespace, and listen on this address of it.
    pub(crate) netns: Option<(String, IpAddr)>,
}

/// A running server, ended with all its sessions when dropped.
pub(crate) struct Sshd {
    child: Child,
    dir: TempDir,
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
        let dir = tempfile::Builder::new().prefix("ddl-sshd-").tempdir().unwrap();
        // authorized_keys in it is read as the user who logs in.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        make_key(&dir.path().join("ed25519"), &["-t", "ed25519"], "");
        make_key(&dir.path().join("rsa"), &["-t", "rsa", "-b", "2048"], "");
        if options.legacy {
            make_key(&dir.path().join("dsa"), &["-t", "dsa"], "");
        }
        fs::write(dir.path().join("authorized_keys"), "").unwrap();
        let address = options.netns.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |(_, address)| *address);
        // The port is free when it is chosen and may not be a moment later.
        for _ in 0..10 {
            let port = free_port();
            fs::write(dir.path().join("sshd_config"), config(dir.path(), address, port, &options)).unwrap();
            let (child, log) = spawn(dir.path(), &options);
            if log.wait_for(|lines| lines.iter().any(|line| line.starts_with("Server listening"))) {
                return Self { child, dir, log, address, port, options };
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
        assert!(self.log.wait_for(|lines| lines.iter().any(|line| line.starts_with("Server listening"))));
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
        let end = Instant::now() + PATIENCE;
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

fn config(dir: &Path, address: IpAddr, port: u16, options: &Options) -> String {
    let dir = dir.display();
    // The first line about a thing counts.
    let mut lines = options.lines.clone();
    lines.extend([
        format!("ListenAddress {address}"),
        format!("Port {port}"),
        format!("HostKey {dir}/rsa"),
        format!("AuthorizedKeysFile {dir}/authorized_keys"),
        // Keyboard-interactive is PAM's on Linux; for everything else sshd reads the shadow file itself.
        format!("UsePAM {}", if options.method == Some("keyboard-interactive") { "yes" } else { "no" }),
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
    // It wants its own name with a path: it executes itself for every connection.
    let mut command = match &options.netns {
        Some((name, _)) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", name, sshd]);
            command
        }
        None => Command::new(sshd),
    };
    let mut child = command
        .args(["-D", "-e", "-f"])
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
    run(Command::new("ssh-keygen").args(["-q", "-N", passphrase, "-C", "test", "-f"]).arg(file).args(kind), None);
    file.to_owned()
}

/// A user of this system with a random name and password, removed when dropped.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl User {
    pub(crate) fn new() -> Self {
        Self::with_shell("/bin/sh", &[])
    }

    /// A user whose login shell is the router's CLI, for instance `/usr/bin/vtysh` with the group `frrvty`.
    pub(crate) fn with_shell(shell: &str, groups: &[&str]) -> Self {
        need_root();
        let user = Self { name: format!("ddlt{}", random()), password: format!("pw-{}", random()) };
        let mut add = Command::new("useradd");
        add.args(["--no-create-home", "--home-dir", "/", "--shell", shell]);
        if !groups.is_empty() {
            add.args(["--groups", &groups.join(",")]);
        }
        change_users(add.arg(&user.name), None);
        change_users(&mut Command::new("chpasswd"), Some(&format!("{}:{}\n", user.name, user.password)));
        user
    }

    /// Makes the system demand a new password at the next login.
    pub(crate) fn expire_password(&self) {
        change_users(Command::new("chage").args(["--lastday", "0", &self.name]), None);
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // --force: processes of a session that is just ending do not keep it.
        change_users(Command::new("userdel").args(["--force", &self.name]), None);
    }
}

/// Tests run at once, and these programs give up when another of them holds /etc/passwd.
fn change_users(command: &mut Command, input: Option<&str>) {
    let lock = fs::File::create(std::env::temp_dir().join("ddl-monitor-tests-users.lock")).unwrap();
    lock.lock().unwrap();
    run(command, input);
}

fn run(command: &mut Command, input: Option<&str>) {
    use std::io::Write;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{:?}: {e}", command.get_program()));
    child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (program, said) = (command.get_program(), String::from_utf8_lossy(&output.stderr).into_owned());
    // A second panic while a test unwinds would hide the first.
    assert!(output.status.success() || std::thread::panicking(), "{program:?}: {}: {said}", output.status);
}

fn random() -> String {
    let mut bytes = [0; 5];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty()).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
