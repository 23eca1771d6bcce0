//! How a router speaks SSH: its identification, its host key, the algorithms and login methods that it offers.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{Algorithm, PrivateKey};
use russh::server::Config;
use russh::{MethodKind, MethodSet, Preferred, SshId, kex, mac};

use crate::options::{Method, Options};
use crate::persona::Persona;

/// Made for this program and used nowhere else: making an RSA key takes seconds.
const LEGACY_HOST_KEY: &str = include_str!("legacy_host_key.pem");

pub(crate) fn config(options: &Options, persona: &Persona) -> anyhow::Result<Config> {
    let mut methods = MethodSet::empty();
    for method in &options.auth {
        methods.push(match method {
            Method::Password => MethodKind::Password,
            Method::KeyboardInteractive => MethodKind::KeyboardInteractive,
            Method::PublicKey if options.authorized_key.is_empty() => continue,
            Method::PublicKey => MethodKind::PublicKey,
        });
    }
    for file in &options.authorized_key {
        russh::keys::load_public_key(file).with_context(|| format!("reading the accepted key {}", file.display()))?;
    }
    Ok(Config {
        server_id: SshId::Standard(Cow::Owned(persona.ssh_id.clone())),
        methods,
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key(options)?],
        preferred: if options.legacy { legacy() } else { Preferred::default() },
        inactivity_timeout: None,
        max_auth_attempts: 3,
        nodelay: true,
        ..Config::default()
    })
}

fn host_key(options: &Options) -> anyhow::Result<PrivateKey> {
    match options.host_key.as_str() {
        "fixed" if options.legacy => PrivateKey::from_openssh(LEGACY_HOST_KEY).context("reading the built-in host key"),
        "fixed" => {
            let mut seed = [0; 32];
            for (index, piece) in seed.chunks_mut(8).enumerate() {
                let mut hasher = DefaultHasher::new();
                ("router-sim host key", index, &options.name).hash(&mut hasher);
                piece.copy_from_slice(&hasher.finish().to_be_bytes());
            }
            PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&seed)), "router-sim")
                .context("making a host key")
        }
        "random" => {
            let algorithm = if options.legacy { Algorithm::Rsa { hash: None } } else { Algorithm::Ed25519 };
            PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).context("making a host key")
        }
        file => russh::keys::load_secret_key(Path::new(file), None).with_context(|| format!("reading host key {file}")),
    }
}

fn legacy() -> Preferred {
    Preferred {
        kex: Cow::Borrowed(&[kex::DH_G14_SHA1]),
        key: Cow::Owned(vec![Algorithm::Rsa { hash: None }]),
        mac: Cow::Borrowed(&[mac::HMAC_SHA1]),
        cipher: Cow::Borrowed(&[russh::cipher::AES_128_CTR, russh::cipher::AES_128_CBC]),
        ..Preferred::default()
    }
}
