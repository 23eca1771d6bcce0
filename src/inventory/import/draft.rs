//! A record as a file gives it: texts with their places, nothing checked but the names of its keys.

use super::key::{Key, Kind};
use super::mistake::{Findings, Place};
use crate::inventory::arguments;
use crate::quote::quoted;

/// Not `Debug`: a value may be a password.
pub(super) struct Draft {
    pub(super) kind: Kind,
    /// Where it begins.
    pub(super) place: Place,
    /// Values that were given; an empty one is none, and a key is there once at most.
    pub(super) fields: Vec<Field>,
    /// Name, value, place.
    pub(super) tags: Vec<(String, String, Place)>,
    /// Keys that are missing, and that has been said.
    pub(super) absent: Vec<&'static str>,
}

pub(super) struct Field {
    pub(super) key: &'static Key,
    pub(super) value: String,
    pub(super) place: Place,
}

impl Field {
    /// A value that only Zabbix can know.
    pub(super) fn is_macro(&self, findings: &mut Findings) -> bool {
        let is_macro = arguments::is_unresolved_macro(&self.value);
        if is_macro {
            let what = format!("{} {} is a macro of Zabbix: write its value here", self.key.name, quoted(&self.value));
            findings.mistake(&self.place, what);
        }
        is_macro
    }
}

impl Draft {
    pub(super) fn new(kind: Kind, place: Place) -> Self {
        Self { kind, place, fields: Vec::new(), tags: Vec::new(), absent: Vec::new() }
    }

    /// Whether a key is not there that must be.
    pub(super) fn lacks_one(&self) -> bool {
        self.kind.required().iter().any(|name| self.field(name).is_none())
    }

    /// Keys that it must have and has not, and nobody has said so.
    pub(super) fn missing(&self) -> impl Iterator<Item = &'static str> {
        let required = self.kind.required().iter().copied();
        required.filter(|name| self.field(name).is_none() && !self.absent.contains(name))
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key.name == name)
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.field(name).map(|field| field.value.as_str())
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }

    /// Where a key is given, else where the record begins.
    pub(super) fn place_of(&self, name: &str) -> Place {
        self.field(name).map_or(&self.place, |field| &field.place).clone()
    }
}
