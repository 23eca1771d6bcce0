//! Arguments that more than one command takes. Whatever a Zabbix macro may carry is taken as text, empty or not: what it
//! means, and what is wrong with it, is said by the inventory.

use crate::failure::Failure;
use crate::inventory::arguments as argument;
use crate::inventory::line::{self, RawRouter};
use crate::settings::Poll;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::time::Duration;

/// A value as a macro may carry it; bytes that are not UTF-8 are replaced and then refused by name.
pub(super) fn text() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|value| value.to_string_lossy().into_owned())
}

/// The router and the login on it. Not `Debug`: an argument may be a password.
#[derive(clap::Args)]
pub(super) struct Router {
    /// Router to log in to, address or name ({$LINE_ROUTER_IP})
    #[arg(long = "router", value_name = "ADDR[:PORT]", value_parser = text(), allow_hyphen_values = true)]
    pub(super) address: Option<String>,
    /// User to log in as; the login of secret:NAME may have it ({$LINE_ROUTER_USERNAME})
    #[arg(long, value_name = "NAME", value_parser = text(), allow_hyphen_values = true)]
    pub(super) user: Option<String>,
    /// Password, as a reference: secret:NAME, file:PATH, env:NAME, exec:COMMAND ({$LINE_ROUTER_PASSWORD})
    #[arg(long, value_name = "REF", value_parser = text(), allow_hyphen_values = true)]
    pub(super) password: Option<String>,
    /// Private key file, instead of a password or besides it; FILE-cert.pub is its certificate ({$LINE_ROUTER_KEY})
    #[arg(long, value_name = "FILE", value_parser = text(), allow_hyphen_values = true)]
    pub(super) key: Option<String>,
    /// Passphrase of the private key, as a reference ({$LINE_ROUTER_PASSPHRASE})
    #[arg(long, value_name = "REF", value_parser = text(), allow_hyphen_values = true)]
    pub(super) passphrase: Option<String>,
    /// Enable secret, as a reference; only for platforms that have one ({$LINE_ROUTER_ENABLE_PASSWORD})
    #[arg(long, value_name = "REF", value_parser = text(), allow_hyphen_values = true)]
    pub(super) enable_password: Option<String>,
    /// Platform of the router, see `ddl-monitor platform list` ({$LINE_ROUTER_PLATFORM})
    #[arg(long, value_name = "NAME", value_parser = text(), allow_hyphen_values = true)]
    pub(super) platform: Option<String>,
    /// A host key that is not on record is: recorded (accept-new), refused (strict), not looked at (off) [default: accept-new]
    #[arg(long, value_name = "POLICY", value_parser = text(), allow_hyphen_values = true)]
    host_keys: Option<String>,
    /// SSH algorithms: modern, or legacy (also SHA-1, 3DES, DSA) for old routers [default: the platform's]
    #[arg(long, value_name = "PROFILE", value_parser = text(), allow_hyphen_values = true)]
    crypto: Option<String>,
    /// Command whose stdin and stdout are the connection, as OpenSSH's ProxyCommand (%h host, %p port, %r user)
    #[arg(long, value_name = "COMMAND", value_parser = text(), allow_hyphen_values = true)]
    proxy_command: Option<String>,
    /// Time until an answer is printed, whatever happens ({$LINE_DEADLINE}) [default: 2.5s]
    #[arg(long, value_name = "TIME", value_parser = text(), allow_hyphen_values = true)]
    pub(super) deadline: Option<String>,
}

impl Router {
    pub(super) fn raw(&self) -> RawRouter {
        RawRouter {
            address: self.address.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            key: self.key.clone(),
            passphrase: self.passphrase.clone(),
            enable_password: self.enable_password.clone(),
            platform: self.platform.clone(),
        }
    }

    /// Commands to be run that these arguments name, where none may: a macro is written by people who need not be allowed to run
    /// anything on this machine.
    pub(super) fn check_commands(&self) -> Result<(), Failure> {
        let references = [
            (argument::PASSWORD, &self.password),
            (argument::ENABLE_PASSWORD, &self.enable_password),
            (argument::PASSPHRASE, &self.passphrase),
        ];
        let is_command = |text: &Option<String>| text.as_ref().is_some_and(|text| text.starts_with("exec:"));
        let named = references.into_iter().find(|(_, text)| is_command(text)).map(|(argument, _)| argument);
        let proxy = self.proxy_command.as_ref().filter(|text| !text.is_empty()).map(|_| argument::PROXY_COMMAND);
        match named.or(proxy) {
            None => Ok(()),
            Some(argument) => Err(Failure::settings(format!(
                "{} names a command, which secrets.allow_commands = false forbids: name it in the settings file or the inventory",
                argument.name()
            ))),
        }
    }

    pub(super) fn deadline(&self, defaults: &Poll) -> Result<Duration, Failure> {
        line::deadline(self.deadline.clone(), defaults)
    }

    /// The flags that are settings.
    pub(super) fn settings(&self, flags: &mut Vec<(&'static str, String)>) -> Result<(), Failure> {
        for (name, argument, value) in [
            ("ssh.host_keys", argument::HOST_KEYS, &self.host_keys),
            ("ssh.crypto", argument::CRYPTO, &self.crypto),
            ("ssh.proxy_command", argument::PROXY_COMMAND, &self.proxy_command),
        ] {
            if let Some(value) = argument.given(value.clone())? {
                flags.push((name, value));
            }
        }
        Ok(())
    }
}
