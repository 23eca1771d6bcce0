//! Who logs in and with what: the arguments and a `secret:NAME` login put together. Secrets are at hand, but no command was
//! run: that is for a master's start.

use super::arguments::{ENABLE_PASSWORD, KEY, PASSWORD, USER};
use super::credentials::Credentials;
use super::line::{Router, USER_ALLOWED};
use super::private_file;
use super::reference::{Held, Reference};
use super::router::Credential;
use super::secret::Secret;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::quote::quoted;
use crate::settings::Secrets;
use std::path::{Path, PathBuf};

/// A user and how they prove who they are.
#[derive(Clone)]
pub struct Access {
    pub user: String,
    proof: Proof,
    enable: Option<Held>,
}

#[derive(Clone)]
enum Proof {
    Password(Held),
    /// `name`: the argument that says so, for messages.
    Key {
        name: String,
        file: PathBuf,
        passphrase: Option<Held>,
    },
}

impl Access {
    /// What a router's arguments give, with the rest out of the login that `--password secret:NAME` names: its user when no
    /// `--user` is given, its key when it has no password, its enable secret when no `--enable-password` is given.
    pub fn of(router: &Router, secrets: &Secrets) -> Result<Self, Failure> {
        let given = |reference: &Option<Reference>, field| {
            reference.as_ref().map(|reference| reference.open(secrets, field)).transpose()
        };
        let enable = given(&router.enable, "enable_password")?;
        let passphrase = given(&router.passphrase, "passphrase")?;
        let (proof, stored) = match (&router.password, &router.key) {
            (Some(_), Some(_)) => {
                return Err(Failure::settings(format!(
                    "{} and {} are both given: allowed is one of them",
                    PASSWORD.name(),
                    KEY.name()
                )));
            }
            (None, None) => {
                return Err(Failure::settings(format!(
                    "neither {} nor {} is given: allowed is one of them",
                    PASSWORD.name(),
                    KEY.name()
                )));
            }
            (None, Some(file)) => {
                (Proof::Key { name: KEY.name(), file: file.clone(), passphrase }, Credentials::default())
            }
            (Some(reference), None) => match reference.credentials(secrets)? {
                None => (Proof::Password(reference.open(secrets, "password")?), Credentials::default()),
                Some(mut stored) => (stored_proof(reference, &mut stored, passphrase)?, stored),
            },
        };
        let user = router
            .user
            .clone()
            .or(stored.user)
            .ok_or_else(|| Failure::settings(format!("{} is not given: allowed is {USER_ALLOWED}", USER.name())))?;
        let enable = enable.or_else(|| Some(Held::stored(ENABLE_PASSWORD.name(), stored.enable_password?)));
        Ok(Self { user, proof, enable })
    }

    /// What counts for a master's name of password or passphrase; see [`Held::identity`].
    pub fn secret_identity(&self) -> Option<&str> {
        match &self.proof {
            Proof::Password(held) => Some(held.identity().expose()),
            Proof::Key { passphrase, .. } => passphrase.as_ref().map(|held| held.identity().expose()),
        }
    }

    /// What counts for a master's name of the enable secret.
    pub fn enable_identity(&self) -> Option<&str> {
        self.enable.as_ref().map(|held| held.identity().expose())
    }

    /// The private key's file; absolute.
    pub fn key(&self) -> Option<&Path> {
        match &self.proof {
            Proof::Password(_) => None,
            Proof::Key { file, .. } => Some(file),
        }
    }

    /// Whether the key file, if there is one, is there and private; a master could not say which argument named it.
    pub fn check_key(&self) -> Result<(), Failure> {
        let Proof::Key { name, file, .. } = &self.proof else { return Ok(()) };
        let refused = |what| Failure::settings(format!("{name} {}: {what}", quoted(&file.to_string_lossy())));
        private_file::open(file).map(drop).map_err(refused)
    }

    /// The credential and the enable secret themselves; runs what `exec:` references say. For a master's start only.
    pub fn resolve(&self, deadline: Deadline) -> Result<(Credential, Option<Secret>), Failure> {
        let resolve = |held: &Option<Held>| held.as_ref().map(|held| held.resolve(deadline)).transpose();
        let credential = match &self.proof {
            Proof::Password(held) => Credential::Password(held.resolve(deadline)?),
            Proof::Key { file, passphrase, .. } => {
                Credential::Key { file: file.clone(), passphrase: resolve(passphrase)? }
            }
        };
        Ok((credential, resolve(&self.enable)?))
    }
}

fn stored_proof(reference: &Reference, stored: &mut Credentials, passphrase: Option<Held>) -> Result<Proof, Failure> {
    match (stored.password.take(), stored.key.take()) {
        (Some(password), None) => Ok(Proof::Password(Held::stored(reference.name(), password))),
        (None, Some(file)) => {
            let passphrase = passphrase.or_else(|| Some(Held::stored(reference.name(), stored.passphrase.take()?)));
            Ok(Proof::Key { name: format!("{}: key", reference.name()), file, passphrase })
        }
        (Some(_), Some(_)) => {
            Err(reference.failed("the login has both a password and a key in the credentials file; keep one of them"))
        }
        (None, None) => Err(reference.failed("the login has neither password nor key in the credentials file")),
    }
}
