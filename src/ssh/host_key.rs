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

/// A file of every router of a large network is a tenth of it.
const LARGEST: u64 = 64 << 20;

/// A known_hosts file and the name under which it has a router.
pub(super) struct HostKeys {
    file: PathBuf,
    name: String,
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
        let name = if address.port == 22 { host } else { format!("[{host}]:{}", address.port) };
        // A link is followed: the file behind it is the one to be replaced.
        Self { file: fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()), name }
    }

    /// The types of key on record (`ssh-ed25519`, …).
    pub(super) fn types(&self) -> Result<Vec<String>, Failure> {
        Ok(self.entries(&self.read()?).into_iter().filter(|entry| !entry.revoked).map(|entry| entry.kind).collect())
    }

    /// Permits the login or says why not; a new key is recorded where the policy says so. `key` is the blob of the wire.
    pub(super) fn check(&self, key: &[u8], policy: HostKeyPolicy, deadline: Deadline) -> Result<(), Failure> {
        if policy == HostKeyPolicy::Off {
            return Ok(());
        }
        match self.verdict(&self.read()?, key) {
            Verdict::New if policy == HostKeyPolicy::AcceptNew => self.record(key, deadline),
            verdict => self.judge(verdict, key),
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

    fn entries(&self, text: &str) -> Vec<Entry> {
        text.lines().enumerate().filter_map(|(at, line)| self.entry(at + 1, line)).collect()
    }

    fn entry(&self, line: usize, text: &str) -> Option<Entry> {
        let mut words = text.split_ascii_whitespace();
        let mut names = words.next().filter(|word| !word.starts_with('#'))?;
        let revoked = names == "@revoked";
        if names == "@cert-authority" {
            return None;
        }
        if revoked {
            names = words.next()?;
        }
        if !matches(names, &self.name) {
            return None;
        }
        Some(Entry { line, revoked, kind: words.next()?.to_owned(), key: words.next()?.to_owned() })
    }

    fn verdict(&self, text: &str, key: &[u8]) -> Verdict {
        let encoded = base64::encode_block(key);
        let (mut known, mut other) = (false, None);
        for entry in self.entries(text) {
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

    fn judge(&self, verdict: Verdict, key: &[u8]) -> Result<(), Failure> {
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
        Err(Failure::new(Kind::HostKey, Stage::HostKey, message))
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
        match self.verdict(&String::from_utf8_lossy(&text), key) {
            Verdict::New => {}
            verdict => return self.judge(verdict, key),
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
        log::info!(router = self.name.as_str(), key = fingerprint(key).as_str(); "host key recorded");
        Ok(())
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
mod tests {
    use super::*;
    use std::time::Duration;

    fn key(kind: &str, body: u8) -> Vec<u8> {
        [&(kind.len() as u32).to_be_bytes()[..], kind.as_bytes(), &[body; 32]].concat()
    }

    fn hosts(dir: &tempfile::TempDir, host: &str, port: u16) -> HostKeys {
        HostKeys::of(&Address { host: host.into(), port }, &dir.path().join("known_hosts"))
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    #[test]
    fn a_new_key_is_recorded_once_and_then_known() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir, "R1.example", 2222);
        let ed = key("ssh-ed25519", 1);
        for _ in 0..2 {
            hosts.check(&ed, HostKeyPolicy::AcceptNew, soon()).unwrap();
        }
        let text = fs::read_to_string(&hosts.file).unwrap();
        assert_eq!(text, format!("[r1.example]:2222 ssh-ed25519 {}\n", base64::encode_block(&ed)));
        assert_eq!(hosts.types().unwrap(), ["ssh-ed25519"]);
        hosts.check(&ed, HostKeyPolicy::Strict, soon()).unwrap();
    }

    #[test]
    fn a_changed_key_is_refused_with_both_fingerprints_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir, "r1", 22);
        fs::write(dir.path().join("known_hosts"), "# ours\n\n").unwrap();
        let (old, new) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
        hosts.check(&old, HostKeyPolicy::AcceptNew, soon()).unwrap();
        let failure = hosts.check(&new, HostKeyPolicy::AcceptNew, soon()).unwrap_err();
        assert_eq!((failure.kind, failure.stage), (Kind::HostKey, Stage::HostKey));
        for part in [fingerprint(&old), fingerprint(&new), "line 3".into(), hosts.file.display().to_string()] {
            assert!(failure.message.contains(&part), "{}", failure.message);
        }
        hosts.check(&new, HostKeyPolicy::Off, soon()).unwrap();
    }

    #[test]
    fn a_router_with_a_key_of_another_type_on_record_is_not_new() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir, "r1", 22);
        hosts.check(&key("ssh-rsa", 1), HostKeyPolicy::AcceptNew, soon()).unwrap();
        let failure = hosts.check(&key("ssh-ed25519", 1), HostKeyPolicy::AcceptNew, soon()).unwrap_err();
        assert_eq!(failure.kind, Kind::HostKey);
    }

    #[test]
    fn strict_records_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir, "r1", 22);
        let failure = hosts.check(&key("ssh-rsa", 1), HostKeyPolicy::Strict, soon()).unwrap_err();
        assert_eq!(failure.kind, Kind::HostKey);
        assert!(!hosts.file.exists());
    }

    #[test]
    fn a_port_is_part_of_the_name_and_an_ipv6_address_has_brackets_only_with_one() {
        let dir = tempfile::tempdir().unwrap();
        for (host, port, name) in [("2001:db8::1", 22, "2001:db8::1"), ("2001:db8::1", 830, "[2001:db8::1]:830")] {
            assert_eq!(hosts(&dir, host, port).name, name);
        }
    }

    #[test]
    fn lines_of_other_programs_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir, "r1.example", 22);
        let ed = key("ssh-ed25519", 1);
        let encoded = base64::encode_block(&ed);
        // The hashed line: printf r1.example | openssl dgst -sha1 -mac HMAC -macopt key:salt, salt = "salt", in base64.
        let hashed = {
            let pkey = PKey::hmac(b"salt").unwrap();
            let mut signer = Signer::new(MessageDigest::sha1(), &pkey).unwrap();
            let hash = signer.sign_oneshot_to_vec(b"r1.example").unwrap();
            format!("|1|{}|{}", base64::encode_block(b"salt"), base64::encode_block(&hash))
        };
        for (names, known) in [
            ("r1.example,192.0.2.1", true),
            ("*.example", true),
            ("r?.exam*e", true),
            (&*hashed, true),
            ("R1.Example", true),
            ("*.example,!r1.*", false),
            ("[r1.example]:2222", false),
            ("@cert-authority *.example", false),
        ] {
            fs::write(&hosts.file, format!("{names} ssh-ed25519 {encoded} a comment\n")).unwrap();
            let verdict = hosts.check(&ed, HostKeyPolicy::Strict, soon());
            assert_eq!(verdict.is_ok(), known, "{names}");
        }
        fs::write(&hosts.file, format!("* ssh-ed25519 {encoded}\n@revoked * ssh-ed25519 {encoded}\n")).unwrap();
        let failure = hosts.check(&ed, HostKeyPolicy::AcceptNew, soon()).unwrap_err();
        assert!(failure.message.contains("revoked"), "{}", failure.message);
    }

    #[test]
    fn masters_that_record_at_once_lose_no_line() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for port in 1000..1020 {
                let hosts = hosts(&dir, "r1", port);
                scope.spawn(move || hosts.check(&key("ssh-ed25519", 1), HostKeyPolicy::AcceptNew, soon()).unwrap());
            }
        });
        assert_eq!(fs::read_to_string(dir.path().join("known_hosts")).unwrap().lines().count(), 20);
    }

    #[test]
    fn a_file_that_others_read_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let hosts = hosts(&dir, "r1", 22);
        fs::write(&hosts.file, "").unwrap();
        fs::set_permissions(&hosts.file, fs::Permissions::from_mode(0o644)).unwrap();
        hosts.check(&key("ssh-rsa", 1), HostKeyPolicy::AcceptNew, soon()).unwrap();
        assert_eq!(fs::metadata(&hosts.file).unwrap().mode() & 0o777, 0o644);
    }
}
