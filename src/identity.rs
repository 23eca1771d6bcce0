//! The name of a master: a keyed hash of everything that its login depends on. A wrong password never rides on somebody's
//! live session, and a changed password, key file, platform file or program simply meets another master.

use crate::inventory::router::{Address, Crypto, HostKeyPolicy};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a login depends on, with the credentials as they count for the name: the value of a literal, `env:`, `file:` or
/// `secret:` reference, the text of an `exec:`.
pub struct Identity<'a> {
    pub build: &'a str,
    pub address: &'a Address,
    pub user: &'a str,
    pub password: Option<&'a str>,
    /// The key's file and the state in which it is.
    pub key: Option<&'a str>,
    pub passphrase: Option<&'a str>,
    pub enable: Option<&'a str>,
    pub proxy_command: Option<&'a str>,
    pub platform: &'a str,
    /// The text of the platform's definition.
    pub definition: &'a str,
    pub crypto: Option<Crypto>,
    pub host_keys: HostKeyPolicy,
    pub known_hosts: Option<&'a Path>,
}

impl Identity<'_> {
    /// 16 hex digits.
    pub fn name(&self, key: &[u8; 16]) -> String {
        let mut hash = Fields(SipHasher24::new_with_key(key));
        hash.field(Some(self.build.as_bytes()));
        hash.field(Some(self.address.host.as_bytes()));
        hash.field(Some(&self.address.port.to_be_bytes()));
        hash.field(Some(self.user.as_bytes()));
        hash.field(self.password.map(str::as_bytes));
        hash.field(self.key.map(str::as_bytes));
        hash.field(self.passphrase.map(str::as_bytes));
        hash.field(self.enable.map(str::as_bytes));
        hash.field(self.proxy_command.map(str::as_bytes));
        hash.field(Some(self.platform.as_bytes()));
        hash.field(Some(self.definition.as_bytes()));
        hash.field(self.crypto.map(|c| match c {
            Crypto::Modern => &b"modern"[..],
            Crypto::Legacy => b"legacy",
        }));
        hash.field(Some(match self.host_keys {
            HostKeyPolicy::AcceptNew => b"accept-new",
            HostKeyPolicy::Strict => b"strict",
            HostKeyPolicy::Off => b"off",
        }));
        hash.field(self.known_hosts.map(|p| p.as_os_str().as_encoded_bytes()));
        format!("{:016x}", hash.0.finish())
    }
}

/// Identifies the build of the program that this process runs: its version, and the size and time of change of its file.
/// Another build may speak another form of [`crate::wire`], and has other defects. The inode does not count: containers share
/// a state directory, and each has its own copy of the file.
pub fn build() -> String {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    // The file that runs, also when its name leads to a newer one by now.
    match std::fs::metadata("/proc/self/exe") {
        Ok(file) => format!("{VERSION} {} {}.{:09}", file.size(), file.mtime(), file.mtime_nsec()),
        Err(_) => VERSION.to_owned(),
    }
}

/// The name under which a credential is held down: user and proofs (secrets, key file), the same on every router.
pub fn credential(key: &[u8; 16], user: &str, proof: &[Option<&str>]) -> String {
    let mut hash = Fields(SipHasher24::new_with_key(key));
    hash.field(Some(b"credential"));
    hash.field(Some(user.as_bytes()));
    proof.iter().for_each(|part| hash.field(part.map(str::as_bytes)));
    format!("{:016x}", hash.0.finish())
}

/// Each field with its length, so that no two lists of fields read the same.
struct Fields(SipHasher24);

impl Fields {
    fn field(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.0.write_u8(0),
            Some(bytes) => {
                self.0.write_u8(1);
                self.0.write_u64(bytes.len() as u64);
                self.0.write(bytes);
            }
        }
    }
}
