//! Who logs in and with what: the arguments and a `secret:NAME` login put together. Secrets are at hand, but no command was
//! run: that is for a master's start.

use super::arguments::{ENABLE_PASSWORD, KEY, PASSWORD, USER};
use super::credentials::Credentials;
use super::line::{Router, USER_ALLOWED};
use super::private_file;
use super::reference::{Held, Reference};
use super::router::{Credential, Key, certificate_of};
use super::secret::Secret;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::quote::quoted;
use crate::settings::Secrets;
use crate::small_file;
use std::path::PathBuf;

/// A user and how they prove who they are: by a password, a key, or both.
#[derive(Clone)]
pub struct Access {
    pub user: String,
    password: Option<Held>,
    key: Option<HeldKey>,
    enable: Option<Held>,
}

/// A private key whose passphrase may still have to be resolved.
#[derive(Clone)]
struct HeldKey {
    /// The argument that names it, for messages.
    name: String,
    file: PathBuf,
    passphrase: Option<Held>,
}

impl Access {
    /// Combines a router's arguments with the login that `--password secret:NAME` names. That login supplies what the
    /// arguments do not give: user, password, key with passphrase, enable secret.
    pub fn of(router: &Router, secrets: &Secrets) -> Result<Self, Failure> {
        let given = |reference: &Option<Reference>, field| {
            reference.as_ref().map(|reference| reference.open(secrets, field)).transpose()
        };
        let enable = given(&router.enable, "enable_password")?;
        let passphrase = given(&router.passphrase, "passphrase")?;
        let stored = router.password.as_ref().map(|reference| reference.credentials(secrets)).transpose()?.flatten();
        let (password, mut stored) = match (&router.password, stored) {
            (Some(reference), Some(mut stored)) => {
                (stored.password.take().map(|password| Held::stored(reference.name(), password)), stored)
            }
            (Some(reference), None) => (Some(reference.open(secrets, "password")?), Credentials::default()),
            (None, _) => (None, Credentials::default()),
        };
        let stored_name = router.password.as_ref().map(Reference::name).unwrap_or_default();
        let key = match (&router.key, stored.key.take()) {
            (Some(file), _) => Some(HeldKey { name: KEY.name(), file: file.clone(), passphrase }),
            (None, Some(file)) => {
                let passphrase =
                    passphrase.or_else(|| Some(Held::stored(stored_name.clone(), stored.passphrase.take()?)));
                Some(HeldKey { name: format!("{stored_name}: key"), file, passphrase })
            }
            (None, None) => None,
        };
        if password.is_none() && key.is_none() {
            return Err(match &router.password {
                Some(reference) => reference.failed("the login has neither password nor key in the credentials file"),
                None => Failure::settings(format!(
                    "neither {} nor {} is given: allowed is one of them, or both",
                    PASSWORD.name(),
                    KEY.name()
                )),
            });
        }
        let user = router
            .user
            .clone()
            .or(stored.user)
            .ok_or_else(|| Failure::settings(format!("{} is not given: allowed is {USER_ALLOWED}", USER.name())))?;
        let enable = enable.or_else(|| Some(Held::stored(ENABLE_PASSWORD.name(), stored.enable_password?)));
        Ok(Self { user, password, key, enable })
    }

    /// What counts of the password for a master's name; see [`Held::identity`].
    pub fn password_identity(&self) -> Option<&str> {
        self.password.as_ref().map(|held| held.identity().expose())
    }

    /// What counts of the key's passphrase for a master's name.
    pub fn passphrase_identity(&self) -> Option<&str> {
        self.key.as_ref()?.passphrase.as_ref().map(|held| held.identity().expose())
    }

    /// What counts for a master's name of the enable secret.
    pub fn enable_identity(&self) -> Option<&str> {
        self.enable.as_ref().map(|held| held.identity().expose())
    }

    /// The private key's file (absolute) and the state in which it and its certificate are now. A replaced key is another
    /// login.
    pub fn key_identity(&self) -> Option<String> {
        let file = &self.key.as_ref()?.file;
        let stamps = [file.clone(), certificate_of(file)].map(|file| small_file::stamp(&file));
        Some(format!("{} {}", file.display(), stamps.join(" ")))
    }

    /// Whether the key file, if there is one, is there and private; a master could not say which argument named it.
    pub fn check_key(&self) -> Result<(), Failure> {
        let Some(HeldKey { name, file, .. }) = &self.key else { return Ok(()) };
        let refused = |what| Failure::settings(format!("{name} {}: {what}", quoted(&file.to_string_lossy())));
        private_file::open(file).map(drop).map_err(refused)
    }

    /// The credential and the enable secret themselves; runs what `exec:` references say. For a master's start only.
    pub fn resolve(&self, deadline: Deadline) -> Result<(Credential, Option<Secret>), Failure> {
        let resolve = |held: &Option<Held>| held.as_ref().map(|held| held.resolve(deadline)).transpose();
        let key = match &self.key {
            Some(HeldKey { file, passphrase, .. }) => {
                Some(Key { file: file.clone(), passphrase: resolve(passphrase)? })
            }
            None => None,
        };
        let credential = Credential { password: resolve(&self.password)?, key };
        Ok((credential, resolve(&self.enable)?))
    }
}
