//! Is this the router we knew? Host keys on record, in the format of OpenSSH's known_hosts. Knows nothing of connections:
//! it is given a name and a key. The check is by the address as the user named it.
//!
//! Unlike OpenSSH, a router with a key of any type on record is never new: whoever could offer a type of his own choice
//! would pass.

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::{Address, HostKeyPolicy};
use crate::small_file;
use crate::state::{self, Lock};
use openssl::{base64, hash::MessageDigest, pkey::PKey, sha::sha256, sign::Signer};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The most bytes of a known_hosts file. One with every router of a large network has a tenth of that.
const LARGEST: u64 = 64 << 20;

/// A known_hosts file and the name under which it has a router.
pub(super) struct HostKeys {
    file: PathBuf,
    name: String,
    /// The name without its port, where the port is not 22. As with OpenSSH a key on record under it counts.
    bare: Option<String>,
}

/// One line about our router.
struct Entry {
    line: usize,
    revoked: bool,
    kind: String,
    /// As in the file: base64.
    key: String,
}

enum Verdict {
    Known,
    New,
    Changed(Entry),
    Revoked(Entry),
}

impl HostKeys {
    pub(super) fn of(address: &Address, file: &Path) -> Self {
        let host = address.host.to_ascii_lowercase();
        let (name, bare) = match address.port {
            22 => (host, None),
            port => (format!("[{host}]:{port}"), Some(host)),
        };
        // A link is followed: the file behind it is the one to be replaced.
        Self { file: fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()), name, bare }
    }

    /// The types of key on record (`ssh-ed25519`, …).
    pub(super) fn types(&self) -> Result<Vec<String>, Failure> {
        let text = self.read()?;
        let kinds = |name: &str| -> Vec<String> {
            entries(&text, name).into_iter().filter(|entry| !entry.revoked).map(|entry| entry.kind).collect()
        };
        let own = kinds(&self.name);
        Ok(if own.is_empty() { self.bare.as_deref().map(kinds).unwrap_or_default() } else { own })
    }

    /// Permits the login or says why not; a new key is recorded where the policy says so. `key` is the blob of the wire.
    pub(super) fn check(&self, key: &[u8], policy: HostKeyPolicy, deadline: Deadline) -> Result<(), Failure> {
        if policy == HostKeyPolicy::Off {
            return Ok(());
        }
        let text = self.read()?;
        match self.verdict(&text, key) {
            Verdict::New if policy == HostKeyPolicy::AcceptNew => self.record(key, deadline),
            verdict => self.judge(verdict, key, &text),
        }
    }

    fn read(&self) -> Result<String, Failure> {
        match read(&self.file) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(e) => Err(Failure::settings(format!(
                "reading host keys in {}: {e}; see ssh.known_hosts",
                self.file.display()
            ))),
        }
    }

    fn verdict(&self, text: &str, key: &[u8]) -> Verdict {
        match (verdict(text, &self.name, key), &self.bare) {
            (Verdict::New, Some(bare)) => match verdict(text, bare, key) {
                // A key of another service of that host says nothing about this port.
                Verdict::Changed(_) => Verdict::New,
                verdict => verdict,
            },
            (verdict, _) => verdict,
        }
    }

    /// Returns a remark for messages if a certificate authority is on record for this router: it does not count.
    fn unused_authority(&self, text: &str) -> String {
        let is_meant =
            |names: &str| [Some(&self.name), self.bare.as_ref()].into_iter().flatten().any(|name| matches(names, name));
        let line = text.lines().position(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next() == Some("@cert-authority") && words.next().is_some_and(is_meant)
        });
        line.map_or_else(String::new, |at| {
            format!(
                "; the @cert-authority in line {} is not used: ddl-monitor compares host keys, not host certificates",
                at + 1
            )
        })
    }

    /// `text`: the file, for what else it says about the router.
    fn judge(&self, verdict: Verdict, key: &[u8], text: &str) -> Result<(), Failure> {
        let (name, file) = (&self.name, self.file.display());
        let now = format!("{} {}", kind_of(key), fingerprint(key));
        let message = match verdict {
            Verdict::Known => return Ok(()),
            Verdict::New => format!(
                "host key {now} of {name} is not in {file} and ssh.host_keys is strict: compare it with the router's own, \
                 then add it there (ssh-keyscan prints the line)"
            ),
            Verdict::Changed(entry) => {
                let old =
                    base64::decode_block(&entry.key).map_or_else(|_| "unreadable".to_owned(), |k| fingerprint(&k));
                format!(
                    "host key of {name} has changed: it is {now} and was {} {old} ({file} line {}); no password was sent; \
                     if the router's key was renewed, remove that line, else somebody may be in between",
                    entry.kind, entry.line
                )
            }
            Verdict::Revoked(entry) => {
                format!("host key {now} of {name} is revoked ({file} line {}); no password was sent", entry.line)
            }
        };
        Err(Failure::new(Kind::HostKey, Stage::HostKey, message + &self.unused_authority(text)))
    }

    /// Under a lock, and looked at again: the masters of one state directory write to one file.
    fn record(&self, key: &[u8], deadline: Deadline) -> Result<(), Failure> {
        let failed = |e: io::Error| {
            Failure::settings(format!(
                "recording the host key of {} in {}: {e}; make it writable or set ssh.known_hosts",
                self.name,
                self.file.display()
            ))
        };
        let mut beside = self.file.clone().into_os_string();
        beside.push(".lock");
        let _lock = Lock::acquire(Path::new(&beside), deadline).map_err(failed)?;
        let mut text = match read(&self.file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(failed(e)),
        };
        let known = String::from_utf8_lossy(&text).into_owned();
        match self.verdict(&known, key) {
            Verdict::New => {}
            verdict => return self.judge(verdict, key, &known),
        }
        if text.last().is_some_and(|last| *last != b'\n') {
            text.push(b'\n');
        }
        text.extend(format!("{} {} {}\n", self.name, kind_of(key), base64::encode_block(key)).into_bytes());
        // A file that others read must stay readable to them.
        let before = fs::metadata(&self.file).ok();
        state::replace(&self.file, &text).map_err(failed)?;
        if let Some(before) = before.filter(|before| before.mode() & 0o7777 != 0o600) {
            fs::set_permissions(&self.file, before.permissions()).map_err(failed)?;
        }
        let remark = self.unused_authority(&known);
        let level = if remark.is_empty() { log::Level::Info } else { log::Level::Warn };
        log::log!(level, router = self.name.as_str(), key = fingerprint(key).as_str(); "host key recorded{remark}");
        Ok(())
    }
}

/// The lines of a file about a name.
fn entries(text: &str, name: &str) -> Vec<Entry> {
    text.lines().enumerate().filter_map(|(at, line)| entry(at + 1, line, name)).collect()
}

fn entry(line: usize, text: &str, name: &str) -> Option<Entry> {
    let mut words = text.split_ascii_whitespace();
    let mut names = words.next().filter(|word| !word.starts_with('#'))?;
    let revoked = names == "@revoked";
    if names == "@cert-authority" {
        return None;
    }
    if revoked {
        names = words.next()?;
    }
    if !matches(names, name) {
        return None;
    }
    Some(Entry { line, revoked, kind: words.next()?.to_owned(), key: words.next()?.to_owned() })
}

/// What a file says about a key of a name.
fn verdict(text: &str, name: &str, key: &[u8]) -> Verdict {
    let encoded = base64::encode_block(key);
    let (mut known, mut other) = (false, None);
    for entry in entries(text, name) {
        match (entry.key == encoded, entry.revoked) {
            (true, true) => return Verdict::Revoked(entry),
            (true, false) => known = true,
            // The entry to name is one of the same type, if there is one.
            (false, false) if other.is_none() || entry.kind == kind_of(key) => other = Some(entry),
            (false, _) => {}
        }
    }
    match (known, other) {
        (true, _) => Verdict::Known,
        (false, Some(entry)) => Verdict::Changed(entry),
        (false, None) => Verdict::New,
    }
}

/// The type that a key's blob begins with.
fn kind_of(key: &[u8]) -> String {
    let name = key.split_first_chunk::<4>().and_then(|(length, rest)| rest.get(..u32::from_be_bytes(*length) as usize));
    super::clean(name.unwrap_or(b"unknown"))
}

/// As `ssh-keygen -l` prints it.
fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", base64::encode_block(&sha256(key)).trim_end_matches('='))
}

/// Is `name` meant by the first field of a line: names and patterns (`*`, `?`, `!`), or one hashed name.
fn matches(field: &str, name: &str) -> bool {
    if let Some(hashed) = field.strip_prefix("|1|") {
        return is_hash_of(hashed, name).unwrap_or(false);
    }
    let mut found = false;
    for pattern in field.split(',') {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('!') {
            Some(not) if glob(not.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(pattern.as_bytes(), name.as_bytes()),
        }
    }
    found
}

/// `salt|hash` in base64, hash = HMAC-SHA1(salt, name).
fn is_hash_of(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let key = PKey::hmac(&base64::decode_block(salt).ok()?).ok()?;
    let mut signer = Signer::new(MessageDigest::sha1(), &key).ok()?;
    let ours = signer.sign_oneshot_to_vec(name.as_bytes()).ok()?;
    Some(ours == base64::decode_block(hash).ok()?)
}

fn glob(pattern: &[u8], name: &[u8]) -> bool {
    // The place to go back to: after the last star, and one more byte of the name for it.
    let (mut p, mut n, mut back) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match back {
                Some((star, taken)) => {
                    back = Some((star, taken + 1));
                    (p, n) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    small_file::open(path).and_then(|(file, _)| small_file::bytes(file, LARGEST))
}

#[cfg(test)]
mod tests;
