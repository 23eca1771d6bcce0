//! Starts the master of a router: a re-exec of this program with its login on stdin and stdout as the readiness pipe. Also
//! the form of that message. A master is never forked from a client: Zabbix would wait for every descriptor that it held.

use crate::deadline::Deadline;
use crate::descriptors;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::{Address, Credential, Crypto, HostKeyPolicy, Key, Login};
use crate::inventory::secret::Secret;
use crate::record::TITLE;
use crate::settings::Settings;
use rustix::event::{PollFd, PollFlags, poll};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// What the master says once its socket listens.
pub const READY: &[u8] = b"ready\n";

/// Everything that a master needs to know.
#[derive(Clone)]
pub struct Start {
    /// 16 hex digits, from [`crate::identity`].
    pub name: String,
    pub login: Login,
    /// The name under which the credential is held down.
    pub credential: String,
    pub platform: String,
    /// The text of the platform's definition, so that client and master cannot disagree.
    pub definition: String,
    pub settings: Settings,
    /// `-vvv`: conversations are traced in the log.
    pub verbosity: u8,
}

/// The message on stdin, first line: all but the secrets.
#[derive(Serialize, Deserialize)]
struct Header {
    name: String,
    credential: String,
    address: Address,
    user: String,
    key: Option<PathBuf>,
    proxy_command: Option<String>,
    crypto: Crypto,
    host_keys: HostKeyPolicy,
    known_hosts: PathBuf,
    platform: String,
    definition: String,
    settings: Settings,
    verbosity: u8,
    /// Lengths in bytes of password, passphrase and enable secret, which follow in this order.
    secrets: [Option<usize>; 3],
}

impl Start {
    fn write(&self, mut to: impl Write) -> io::Result<()> {
        let Credential { password, key } = &self.login.credential;
        let passphrase = key.as_ref().and_then(|key| key.passphrase.as_ref());
        let secrets = [password.as_ref(), passphrase, self.login.enable.as_ref()];
        let header = Header {
            name: self.name.clone(),
            credential: self.credential.clone(),
            address: self.login.address.clone(),
            user: self.login.user.clone(),
            key: key.as_ref().map(|key| key.file.clone()),
            proxy_command: self.login.proxy_command.clone(),
            crypto: self.login.crypto,
            host_keys: self.login.host_keys,
            known_hosts: self.login.known_hosts.clone(),
            platform: self.platform.clone(),
            definition: self.definition.clone(),
            settings: self.settings.clone(),
            verbosity: self.verbosity,
            secrets: secrets.map(|s| s.map(|s| s.expose().len())),
        };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        to.write_all(&line)?;
        for secret in secrets.into_iter().flatten() {
            to.write_all(secret.expose().as_bytes())?;
        }
        Ok(())
    }

    /// Reads the message to its end, in the master.
    pub fn read(mut from: impl Read) -> io::Result<Self> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("launch message: {what}"));
        let mut message = Zeroizing::new(Vec::with_capacity(64 << 10));
        from.read_to_end(&mut message)?;
        let end = message.iter().position(|b| *b == b'\n').ok_or_else(|| bad("no header"))?;
        let header: Header = serde_json::from_slice(&message[..end])?;
        let mut rest = &message[end + 1..];
        let mut secret = |length: Option<usize>| -> io::Result<Option<Secret>> {
            let Some(length) = length else { return Ok(None) };
            let (value, after) = rest.split_at_checked(length).ok_or_else(|| bad("secret cut short"))?;
            rest = after;
            let text = std::str::from_utf8(value).map_err(|_| bad("secret is not UTF-8"))?;
            Ok(Some(Secret::new(text.to_owned())))
        };
        let password = secret(header.secrets[0])?;
        let passphrase = secret(header.secrets[1])?;
        let enable = secret(header.secrets[2])?;
        let credential = Credential { password, key: header.key.map(|file| Key { file, passphrase }) };
        if credential.password.is_none() && credential.key.is_none() {
            return Err(bad("needs a password or a key"));
        }
        message.zeroize();
        Ok(Self {
            name: header.name,
            credential: header.credential,
            platform: header.platform,
            definition: header.definition,
            settings: header.settings,
            verbosity: header.verbosity,
            login: Login {
                address: header.address,
                user: header.user,
                credential,
                enable,
                proxy_command: header.proxy_command,
                crypto: header.crypto,
                host_keys: header.host_keys,
                known_hosts: header.known_hosts,
            },
        })
    }
}

/// What became of a master that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launched {
    /// Its socket listens.
    Ready,
    /// It died before that and did not say why: somebody killed it.
    Died,
}

/// Masters that this process has started: a sweep goes on for months, and each that leaves must be waited for.
static STARTED: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Lets the kernel forget masters of ours that have ended.
pub fn reap() {
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    started.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// Starts a master and waits until its socket listens. What the master says instead of `ready` is the failure's text.
pub fn launch(
    start: &Start,
    environment: &[(String, std::ffi::OsString)],
    deadline: Deadline,
) -> Result<Launched, Failure> {
    let failed = |e: io::Error| {
        Failure::new(Kind::Master, Stage::Connect, format!("starting a master for {}: {e}", start.login.address))
    };
    descriptors::close_on_exec().map_err(failed)?;
    // /proc/self/exe is this very build even when the file was replaced or removed meanwhile.
    let mut child = Command::new("/proc/self/exe")
        .arg0(format!("{TITLE}{}@{}", start.login.user, start.login.address))
        .arg("master")
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        // One arena for all threads and no caches beside it: a master is idle nearly always, and memory is counted per router.
        .env("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let (Some(stdin), Some(mut ready)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed(io::Error::other("no pipes")));
    };
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    match start.write(stdin) {
        // Its end, or what it has to say, is read below.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(failed)?,
    }
    // From here on the master must be left alone: it is its own process, and nobody waits for it.
    let mut said = Vec::new();
    loop {
        match poll(&mut [PollFd::new(&ready, PollFlags::IN)], Some(&deadline.timeout())) {
            Ok(0) => return Err(failed(io::Error::new(io::ErrorKind::TimedOut, "not ready in time"))),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(failed(e.into())),
        }
        let mut buffer = [0; 4096];
        let n = ready.read(&mut buffer).map_err(failed)?;
        said.extend_from_slice(&buffer[..n]);
        if said == READY {
            return Ok(Launched::Ready);
        }
        if n == 0 || said.len() > 16 << 10 {
            let text = String::from_utf8_lossy(&said);
            return match serde_json::from_slice(&said) {
                Ok(failure) => Err(failure),
                Err(_) if text.trim().is_empty() => Ok(Launched::Died),
                Err(_) => Err(failed(io::Error::other(text.trim().to_owned()))),
            };
        }
    }
}
