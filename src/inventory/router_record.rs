//! A router as the inventory holds it: the texts of its arguments, and the settings that are its own. Whoever made the record
//! has checked it; nothing is resolved here.

use super::line::RawRouter;
use super::router::Crypto;
use crate::failure::Failure;
use crate::settings::{Loaded, Setting, Settings, Source};
use serde::{Deserialize, Serialize};

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

    /// Names of settings and the texts that this router has for them.
    pub(super) fn own_settings(&self) -> [(&'static str, Option<String>); 3] {
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
