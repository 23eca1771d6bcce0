//! The keys of a router and of a line, as a TOML file and the columns of a CSV file name them.

use crate::inventory::arguments::{self as argument, Argument};
use crate::settings::suggestion::nearest;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Router,
    Line,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// The argument of a poll that means the same; in messages the key stands in its place.
    pub(super) argument: Option<Argument>,
    /// What TOML may give without quotes.
    pub(super) bare: Bare,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    Nothing,
    Number,
    YesOrNo,
}

const fn key(name: &'static str, argument: Option<Argument>) -> Key {
    Key { name, argument, bare: Bare::Nothing }
}

const fn number(name: &'static str, argument: Option<Argument>) -> Key {
    Key { name, argument, bare: Bare::Number }
}

const fn yes_or_no(name: &'static str, argument: Option<Argument>) -> Key {
    Key { name, argument, bare: Bare::YesOrNo }
}

const ROUTER: &[Key] = &[
    key("name", None),
    key("address", Some(argument::ROUTER)),
    number("port", None),
    key("platform", Some(argument::PLATFORM)),
    key("user", Some(argument::USER)),
    key("password", Some(argument::PASSWORD)),
    key("key", Some(argument::KEY)),
    key("passphrase", Some(argument::PASSPHRASE)),
    key("enable_password", Some(argument::ENABLE_PASSWORD)),
    key("proxy_command", Some(argument::PROXY_COMMAND)),
    number("lanes", None),
    key("crypto", Some(argument::CRYPTO)),
];

const LINE: &[Key] = &[
    number("id", Some(argument::LINE)),
    number("name", None),
    key("target", Some(argument::TARGET)),
    key("router", None),
    number("interval", None),
    number("count", Some(argument::COUNT)),
    number("timeout", Some(argument::TIMEOUT)),
    number("size", Some(argument::SIZE)),
    yes_or_no("df", Some(argument::DF)),
    number("vrf", Some(argument::VRF)),
    key("source", Some(argument::SOURCE)),
    key("interface", Some(argument::INTERFACE)),
    key("evidence", Some(argument::EVIDENCE)),
    key("carrier", None),
    number("circuit", None),
];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Line => "line",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Router => Self::Line,
            Self::Line => Self::Router,
        }
    }

    /// All but `tags`, which a line has, too.
    pub(super) fn keys(self) -> &'static [Key] {
        match self {
            Self::Router => ROUTER,
            Self::Line => LINE,
        }
    }

    /// Those that must be given.
    pub(super) fn required(self) -> &'static [&'static str] {
        match self {
            Self::Router => &["name", "address", "platform"],
            Self::Line => &["id", "target", "router"],
        }
    }

    pub(super) fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().iter().find(|key| key.name == name)
    }

    /// What to say of a key that there is not. `word`: what the file calls one.
    pub(super) fn unknown(self, word: &str, name: &str, tags: &'static str) -> String {
        let shown = crate::quote::quoted(name);
        let mine = self.name();
        let names = || self.keys().iter().map(|key| key.name).chain((self == Self::Line).then_some(tags));
        if let Some(meant) = nearest(name, names()) {
            return format!("a {mine} has no {word} {shown}, did you mean {meant}?");
        }
        if self.other().key(name).is_some() {
            return format!("a {mine} has no {word} {shown}, a {} has", self.other().name());
        }
        format!("a {mine} has no {word} {shown}; it has {}", names().collect::<Vec<_>>().join(", "))
    }
}
