//! A router and everything that a login on it depends on.

use super::secret::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a router answers SSH: address or name, and port (22 when not given).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// An IPv4 or IPv6 address (without brackets) or a host name.
    pub host: String,
    pub port: u16,
}

/// SSH algorithms offered: modern only, or modern first and then what old IOS, VRP and Comware need (SHA-1, 3DES, DSA).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crypto {
    #[default]
    Modern,
    Legacy,
}

/// What happens to a host key that is not on record. A key that differs from the one on record is refused by the first two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyPolicy {
    /// Record it, as OpenSSH's `StrictHostKeyChecking accept-new`.
    #[default]
    AcceptNew,
    /// Refuse it.
    Strict,
    /// Do not look at host keys at all.
    Off,
}

/// How we prove who we are: with a password, a key, or both where the router asks for both. Wiped on drop; never printed.
#[derive(Clone, Default)]
pub struct Credential {
    pub password: Option<Secret>,
    pub key: Option<Key>,
}

/// A private key.
#[derive(Clone)]
pub struct Key {
    pub file: PathBuf,
    pub passphrase: Option<Secret>,
}

/// Everything that a login depends on.
#[derive(Clone)]
pub struct Login {
    pub address: Address,
    pub user: String,
    pub credential: Credential,
    /// The enable secret, where the platform has one.
    pub enable: Option<Secret>,
    /// As OpenSSH's ProxyCommand: `%h` host, `%p` port, `%r` user; its stdin and stdout are the connection.
    pub proxy_command: Option<String>,
    pub crypto: Crypto,
    pub host_keys: HostKeyPolicy,
    /// The file of host keys, OpenSSH known_hosts format.
    pub known_hosts: PathBuf,
}

impl Credential {
    pub fn password(password: Secret) -> Self {
        Self { password: Some(password), key: None }
    }

    pub fn key(file: PathBuf, passphrase: Option<Secret>) -> Self {
        Self { password: None, key: Some(Key { file, passphrase }) }
    }
}

impl Key {
    /// The user certificate beside the key, if there is one.
    pub fn certificate(&self) -> Option<PathBuf> {
        Some(certificate_of(&self.file)).filter(|file| file.exists())
    }
}

/// Where the user certificate of a private key lies: `K-cert.pub` beside `K`, as ssh-keygen writes it.
pub fn certificate_of(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push("-cert.pub");
    PathBuf::from(name)
}

impl Login {
    /// Returns the secrets of the login.
    pub fn secrets(&self) -> Vec<&Secret> {
        let passphrase = self.credential.key.as_ref().and_then(|key| key.passphrase.as_ref());
        self.credential.password.iter().chain(passphrase).chain(&self.enable).collect()
    }
}

impl Address {
    /// As people write it: without the port when it is SSH's own, and then without brackets.
    pub fn short(&self) -> String {
        if self.port == 22 { self.host.clone() } else { self.to_string() }
    }
}

impl fmt::Display for Address {
    /// `host:port`, `[v6]:port`: the router's name in books and logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
