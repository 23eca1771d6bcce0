//! The arguments of one line, each also a macro of its host in Zabbix: their names, what counts as not given, macros that
//! Zabbix left unresolved, and how a refusal reads. Knows nothing of what a value means.

use crate::failure::Failure;
use crate::quote::quoted;

/// One argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    pub flag: &'static str,
    /// The macro that templates pass; empty where there is none.
    pub macro_name: &'static str,
}

const fn argument(flag: &'static str, macro_name: &'static str) -> Argument {
    Argument { flag, macro_name }
}

pub const LINE: Argument = argument("--line", "{$LINE_ID}");
pub const TARGET: Argument = argument("--target", "{$LINE_TARGET}");
pub const ROUTER: Argument = argument("--router", "{$LINE_ROUTER_IP}");
/// A router by its name in the inventory, where a command takes no address.
pub const ROUTER_NAME: Argument = argument("--router", "{$LINE_ROUTER_NAME}");
pub const USER: Argument = argument("--user", "{$LINE_ROUTER_USERNAME}");
pub const PASSWORD: Argument = argument("--password", "{$LINE_ROUTER_PASSWORD}");
pub const KEY: Argument = argument("--key", "{$LINE_ROUTER_KEY}");
pub const PASSPHRASE: Argument = argument("--passphrase", "{$LINE_ROUTER_PASSPHRASE}");
pub const ENABLE_PASSWORD: Argument = argument("--enable-password", "{$LINE_ROUTER_ENABLE_PASSWORD}");
pub const PLATFORM: Argument = argument("--platform", "{$LINE_ROUTER_PLATFORM}");
pub const COUNT: Argument = argument("--count", "{$LINE_PING_COUNT}");
pub const TIMEOUT: Argument = argument("--timeout", "{$LINE_PING_TIMEOUT}");
pub const SIZE: Argument = argument("--size", "{$LINE_PING_SIZE}");
pub const VRF: Argument = argument("--vrf", "{$LINE_VRF}");
pub const SOURCE: Argument = argument("--source", "{$LINE_SOURCE}");
pub const INTERFACE: Argument = argument("--interface", "{$LINE_INTERFACE}");
pub const EVIDENCE: Argument = argument("--evidence", "{$LINE_EVIDENCE}");
pub const DF: Argument = argument("--df", "{$LINE_PING_DF}");
pub const DEADLINE: Argument = argument("--deadline", "{$LINE_DEADLINE}");
pub const MAX_AGE: Argument = argument("--max-age", "");
pub const ITEM: Argument = argument("--item", "");
pub const HOST_KEYS: Argument = argument("--host-keys", "");
pub const CRYPTO: Argument = argument("--crypto", "");
pub const PROXY_COMMAND: Argument = argument("--proxy-command", "");
pub const CONFIG: Argument = argument("--config", "");
pub const MAX_INVENTORY_AGE: Argument = argument("--max-inventory-age", "");
pub const STATE_DIR: Argument = argument("--state-dir", "");

impl Argument {
    /// `--target ({$LINE_TARGET})`, as every message names it.
    pub fn name(&self) -> String {
        if self.macro_name.is_empty() { self.flag.to_owned() } else { format!("{} ({})", self.flag, self.macro_name) }
    }

    /// The value, if one was given: an empty one is none, and an unresolved macro is refused.
    pub fn given(&self, value: Option<String>) -> Result<Option<String>, Failure> {
        match value {
            Some(value) if is_unresolved_macro(&value) => Err(Failure::settings(format!(
                "{}: macro {} has no value; set it on the host or its template",
                self.name(),
                quoted(&value).trim_matches('"')
            ))),
            Some(value) if value.is_empty() => Ok(None),
            value => Ok(value),
        }
    }

    /// The value of an argument that must be given.
    pub fn required(&self, value: Option<String>, allowed: &str) -> Result<String, Failure> {
        self.given(value)?.ok_or_else(|| self.missing(allowed))
    }

    /// An argument that must be given and was not.
    pub fn missing(&self, allowed: &str) -> Failure {
        Failure::settings(format!("{} is not given: allowed is {allowed}", self.name()))
    }

    /// A message that begins with this argument, with `name` in place of flag and macro; None for any other message.
    pub fn renamed(&self, message: &str, name: &str) -> Option<String> {
        let rest = message.strip_prefix(self.flag).filter(|rest| !rest.starts_with('-'))?;
        let written = format!(" ({})", self.macro_name);
        Some(format!(
            "{name}{}",
            if self.macro_name.is_empty() { rest.to_owned() } else { rest.replacen(&written, "", 1) }
        ))
    }

    /// A value that is not allowed. Never for secrets.
    pub fn refused(&self, value: &str, allowed: &str) -> Failure {
        Failure::settings(format!("{} {}: allowed is {allowed}", self.name(), quoted(value)))
    }
}

/// The first value that is not empty; an unresolved macro is refused.
pub fn first_given(argument: Argument, values: &[String]) -> Result<Option<&str>, Failure> {
    let first = values.iter().find(|text| !text.is_empty());
    argument.given(first.cloned())?;
    Ok(first.map(String::as_str))
}

/// The whole value is `{$NAME}`, `{$NAME:context}`, `{HOST.…}` or `{ITEM.…}`: Zabbix passes a macro that it cannot resolve
/// as it is.
pub fn is_unresolved_macro(value: &str) -> bool {
    let Some(inner) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) else { return false };
    let named = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"._".contains(&b))
    };
    match inner.strip_prefix('$') {
        Some(user) => named(user.split_once(':').map_or(user, |(name, _context)| name)),
        None => ["HOST.", "ITEM."].iter().any(|kind| inner.strip_prefix(kind).is_some_and(named)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_that_zabbix_left_unresolved_is_known_by_its_form() {
        for value in [
            "{$LINE_TARGET}",
            "{$A.B_1}",
            "{$X:ctx}",
            "{$X:\"a}b\"}",
            "{$X:regex:^a$}",
            "{HOST.HOST}",
            "{HOST.IP1}",
            "{ITEM.KEY.ORIG}",
        ] {
            assert!(is_unresolved_macro(value), "{value}");
        }
        for value in [
            "",
            "{}",
            "{$}",
            "{$:x}",
            "{$lower}",
            "x{$A}",
            "{$A} ",
            "{HOST.}",
            "{HOST}",
            "{#LLD}",
            "{TRIGGER.ID}",
            "pa{ss}",
        ] {
            assert!(!is_unresolved_macro(value), "{value}");
        }
    }

    #[test]
    fn an_empty_value_is_none_and_an_unresolved_macro_is_refused_by_both_names() {
        assert_eq!(TARGET.given(None).unwrap(), None);
        assert_eq!(TARGET.given(Some(String::new())).unwrap(), None);
        assert_eq!(TARGET.given(Some(" ".into())).unwrap().as_deref(), Some(" "));
        assert_eq!(
            PASSWORD.given(Some("{$CORE_PW:\"a\nb\"}".into())).unwrap_err().message,
            r#"--password ({$LINE_ROUTER_PASSWORD}): macro {$CORE_PW:\"a\nb\"} has no value; set it on the host or its template"#
        );
        assert_eq!(
            MAX_AGE.given(Some("{HOST.IP}".into())).unwrap_err().message,
            "--max-age: macro {HOST.IP} has no value; set it on the host or its template"
        );
    }

    #[test]
    fn a_refusal_names_flag_macro_value_and_what_is_allowed() {
        assert_eq!(
            COUNT.refused("5;reload", "a whole number").message,
            r#"--count ({$LINE_PING_COUNT}) "5;reload": allowed is a whole number"#
        );
        assert_eq!(
            ROUTER.required(Some(String::new()), "an address").unwrap_err().message,
            "--router ({$LINE_ROUTER_IP}) is not given: allowed is an address"
        );
    }
}
