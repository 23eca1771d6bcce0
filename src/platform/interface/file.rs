//! `[probe.interface]` of a platform file, as it is written.

use super::super::definition::{IndicatorFile, Text};
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct InterfaceFile {
    /// Modes that take the command; absent = every usable mode.
    pub(super) modes: Option<Vec<Text>>,
    /// With {interface} in it.
    pub(in super::super) command: Text,
    #[serde(default)]
    pub(super) name: NameFile,
    /// The line that holds free text: taken out before anything else is looked for.
    #[serde(default)]
    pub(super) description: Vec<Text>,
    /// What begins the part about one interface and names it.
    pub(super) header: Spanned<Vec<Text>>,
    /// What ends it, beside the next header.
    #[serde(default)]
    pub(super) end: Vec<Text>,
    /// The first rule that fits decides.
    pub(super) admin: Spanned<Vec<Spanned<StateFile>>>,
    pub(super) oper: Spanned<Vec<Spanned<StateFile>>>,
    #[serde(default)]
    pub(super) in_errors: Vec<Spanned<ValueFile>>,
    #[serde(default)]
    pub(super) out_errors: Vec<Spanned<ValueFile>>,
    #[serde(default)]
    pub(super) crc: Vec<Spanned<ValueFile>>,
    #[serde(default)]
    pub(super) in_rate: Vec<Spanned<ValueFile>>,
    #[serde(default)]
    pub(super) out_rate: Vec<Spanned<ValueFile>>,
    #[serde(default)]
    pub(super) bandwidth: Vec<Spanned<ValueFile>>,
    /// How long ago, or when.
    #[serde(default)]
    pub(super) last_change: Vec<Text>,
    /// The router's own clock in the same answer; without it no date is used.
    pub(super) now: Option<Text>,
    /// Refusals of this command; asked before those of the platform.
    #[serde(default)]
    pub(super) failure_indicator: Vec<IndicatorFile>,
}

/// What a name may be, beyond a safe one.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NameFile {
    pub(super) max: usize,
    /// Without one it is a type, and the router lists all its ports.
    pub(super) digit: bool,
    pub(super) slash: bool,
    /// The answer has the very name that was asked for, not a longer form of it.
    pub(super) exact: bool,
}

impl Default for NameFile {
    fn default() -> Self {
        Self { max: 63, digit: true, slash: true, exact: false }
    }
}

/// `up` or `down`: a pattern that says so; unless the other one is found as well.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateFile {
    pub(super) up: Option<Text>,
    pub(super) down: Option<Text>,
    pub(super) unless: Option<Text>,
}

/// A number by its `line`, within the parts that begin with `from` and end with `to`, or with `until` where that comes; or by the
/// `column` of a table whose `head` names its columns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueFile {
    pub(super) line: Option<Text>,
    pub(super) from: Option<Text>,
    pub(super) to: Option<Text>,
    pub(super) until: Option<Text>,
    pub(super) head: Option<Text>,
    pub(super) column: Option<Text>,
}
