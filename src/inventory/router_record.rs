//! A router as the inventory holds it: the texts of its arguments, and the settings that are its own. Whoever made the record
//! has checked it; nothing is resolved here.

use super::arguments::PASSWORD;
use super::line::RawRouter;
use super::reference::Reference;
use super::router::Crypto;
use crate::failure::Failure;
use crate::settings::{Loaded, Setting, Settings, Source};
use serde::{Deserialize, Serialize};

const HIDDEN: &str = "(hidden)";

/// One router. Not `Debug`: a reference may be the password itself.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouterRecord {
    /// A name in the form of [`super::name::is_name`].
    pub name: String,
    /// Address or host name, with its port where that is not 22; as [`super::address::router`] reads it.
    pub address: String,
    pub platform: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The private key's file; absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_password: Option<String>,
    /// Instead of the setting `ssh.proxy_command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_command: Option<String>,
    /// Instead of the setting `master.lanes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lanes: Option<u32>,
    /// Instead of the setting `ssh.crypto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crypto: Option<Crypto>,
}

impl RouterRecord {
    /// Its arguments, as if they had been typed.
    pub fn raw(&self) -> RawRouter {
        RawRouter {
            address: Some(self.address.clone()),
            user: self.user.clone(),
            password: self.password.clone(),
            key: self.key.clone(),
            passphrase: self.passphrase.clone(),
            enable_password: self.enable_password.clone(),
            platform: Some(self.platform.clone()),
        }
    }

    /// The settings that count for this router: its own go before file and environment, a flag before both.
    pub fn settings(&self, loaded: &Loaded) -> Result<Settings, Failure> {
        let mut settings = loaded.settings.clone();
        for (name, value) in self.own_settings() {
            if let (Some(setting), Some(value)) = (Setting::named(name), value)
                && !matches!(loaded.source(name), Source::Flag(_))
            {
                setting
                    .set(&mut settings, &value)
                    .map_err(|what| Failure::settings(format!("router {} of the inventory: {what}", self.name)))?;
            }
        }
        Ok(settings)
    }

    /// The same, to be shown: a secret that is given in the clear is not, nor is a command that may hold one.
    pub fn redacted(&self) -> Self {
        let hide = |text: &Option<String>| {
            text.as_ref().map(|text| match Reference::parse(PASSWORD, text) {
                Ok(reference) => reference.shown(),
                Err(_) => HIDDEN.to_owned(),
            })
        };
        Self {
            password: hide(&self.password),
            passphrase: hide(&self.passphrase),
            enable_password: hide(&self.enable_password),
            proxy_command: self.proxy_command.as_ref().map(|_| HIDDEN.to_owned()),
            ..self.clone()
        }
    }

    /// Names of settings and the texts that this router has for them.
    fn own_settings(&self) -> [(&'static str, Option<String>); 3] {
        let crypto = self.crypto.map(|crypto| match crypto {
            Crypto::Modern => "modern".to_owned(),
            Crypto::Legacy => "legacy".to_owned(),
        });
        [
            ("ssh.proxy_command", self.proxy_command.clone()),
            ("master.lanes", self.lanes.map(|lanes| lanes.to_string())),
            ("ssh.crypto", crypto),
        ]
    }
}
