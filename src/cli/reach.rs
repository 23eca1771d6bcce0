//! How a command reaches the master of a router: its name, and what a new one needs.

use super::Context;
use crate::client::{self, Starter};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::identity::{self, Identity};
use crate::inventory::access::Access;
use crate::inventory::arguments::PLATFORM;
use crate::inventory::line::Router;
use crate::inventory::router::{Crypto, Login};
use crate::inventory::router_record::RouterRecord;
use crate::inventory::secret::Secret;
use crate::launch::Start;
use crate::master::hold_down::{LoginId, Logins};
use crate::platform::{self, Definition, Platform};
use crate::settings::{self, Settings};
use crate::state::State;
use crate::wire::{Reply, Request};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub(super) struct Reach<'a> {
    settings: &'a Settings,
    verbosity: u8,
    state: &'a State,
    router: &'a Router,
    access: Access,
    definition: Definition,
    /// The master's.
    name: String,
    key: [u8; 16],
    deadline: Deadline,
}

impl<'a> Reach<'a> {
    /// `settings`: those that count for this router.
    pub(super) fn new(
        context: &'a Context,
        settings: &'a Settings,
        router: &'a Router,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let state = context.state()?;
        let access = Access::of(router, &settings.secrets)?;
        let definition = platform::find(&router.platform, settings.platforms.dir.as_deref())
            .map_err(|failure| Failure::settings(format!("{}: {}", PLATFORM.name(), failure.message)))?;
        let key = state.key()?;
        let name = name(settings, router, &access, &definition, &key);
        Ok(Self { settings, verbosity: context.verbose, state, router, access, definition, name, key, deadline })
    }

    /// The user who logs in.
    pub(super) fn user(&self) -> &str {
        &self.access.user
    }

    /// One request to the master, which is started where there is none.
    pub(super) fn ask(&self, request: &dyn Fn(Duration) -> Request) -> Result<Reply, Failure> {
        client::ask(self.state, &self.name, &self.router.address.to_string(), self.deadline, request, self)
    }
}

/// The name of a router's master.
fn name(settings: &Settings, router: &Router, access: &Access, definition: &Definition, key: &[u8; 16]) -> String {
    Identity {
        build: &identity::build(),
        address: &router.address,
        user: &access.user,
        password: access.password_identity(),
        key: access.key_identity().as_deref(),
        passphrase: access.passphrase_identity(),
        enable: access.enable_identity(),
        proxy_command: settings.ssh.proxy_command.as_deref(),
        platform: &definition.name,
        definition: &definition.text,
        crypto: settings.ssh.crypto,
        host_keys: settings.ssh.host_keys,
        known_hosts: settings.ssh.known_hosts.as_deref(),
    }
    .name(key)
}

/// The name of the master of a router of the inventory, as polls know it.
pub(super) fn master_name(context: &Context, record: &RouterRecord) -> Result<String, Failure> {
    let settings = record.settings(&context.loaded)?;
    let router = Router::parse(record.raw())?;
    let access = Access::of(&router, &settings.secrets)?;
    let definition = platform::find(&router.platform, settings.platforms.dir.as_deref())?;
    Ok(name(&settings, &router, &access, &definition, &context.state()?.key()?))
}

impl Reach<'_> {
    /// The name under which a credential is held down: its user and all that proves who they are.
    fn credential(&self, password: Option<&str>, passphrase: Option<&str>, enable: Option<&str>) -> String {
        let file = self.access.key_identity();
        identity::credential(&self.key, &self.access.user, &[password, file.as_deref(), passphrase, enable])
    }

    fn known_hosts(&self) -> PathBuf {
        self.settings.ssh.known_hosts.clone().unwrap_or_else(|| self.state.known_hosts())
    }

    fn held_as(&self, credential: &str) -> Option<Failure> {
        let logins = Logins::new(self.state.logins(), self.settings.login.clone());
        logins.held(&LoginId {
            router: self.router.address.to_string(),
            way: self.name.clone(),
            credential: credential.to_owned(),
            known_hosts: self.known_hosts(),
        })
    }
}

impl Starter for Reach<'_> {
    fn held(&self) -> Option<Failure> {
        let (password, passphrase) = (self.access.password_identity(), self.access.passphrase_identity());
        self.held_as(&self.credential(password, passphrase, self.access.enable_identity()))
    }

    fn start(&self) -> Result<Start, Failure> {
        // A user's file is tried here: the master gets its text only, and could not name the file in which a mistake is.
        if self.definition.origin.is_some() {
            Platform::compile(&self.definition)?;
        }
        self.access.check_key()?;
        let (credential, enable) = self.access.resolve(self.deadline)?;
        // What an `exec:` prints today may be another secret than the one that was refused: it counts, not the command.
        let passphrase = credential.key.as_ref().and_then(|key| key.passphrase.as_ref());
        let [password, passphrase, secret] =
            [credential.password.as_ref(), passphrase, enable.as_ref()].map(|secret| secret.map(Secret::expose));
        let held_as = self.credential(password, passphrase, secret);
        if let Some(failure) = self.held_as(&held_as) {
            return Err(failure);
        }
        let ssh = &self.settings.ssh;
        Ok(Start {
            name: self.name.clone(),
            login: Login {
                address: self.router.address.clone(),
                user: self.access.user.clone(),
                credential,
                enable,
                proxy_command: ssh.proxy_command.clone(),
                // Where nothing is set the master asks the definition, which the client does not read.
                crypto: ssh.crypto.unwrap_or(Crypto::Modern),
                host_keys: ssh.host_keys,
                known_hosts: self.known_hosts(),
            },
            credential: held_as,
            platform: self.definition.name.clone(),
            definition: self.definition.text.to_string(),
            settings: self.settings.for_master(),
            verbosity: self.verbosity,
        })
    }

    fn environment(&self) -> Vec<(String, OsString)> {
        settings::master_environment()
    }
}
