//! A line as the inventory holds it: the texts of its arguments, how often it is measured, and what people call it. Whoever
//! made the record has checked it.

use super::line::RawLine;
use super::router_record::RouterRecord;
use crate::duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a line is measured that does not say so itself.
pub const INTERVAL: &str = "180";

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineRecord {
    /// A name in the form of [`super::name::is_name`].
    pub id: String,
    /// For people; absent = the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The far end: one address.
    pub target: String,
    /// The router's name.
    pub router: String,
    /// A time as Zabbix writes it: `180`, `3m`; absent = [`INTERVAL`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Yes or no, as an argument has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub df: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The router's own port of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// When a traceroute is run, as an argument has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's own name of the circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit: Option<String>,
    /// The technical name of the host in Zabbix that it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl LineRecord {
    /// The arguments of a poll of this line, as if they had been typed.
    pub fn raw(&self, router: &RouterRecord) -> RawLine {
        RawLine {
            line: Some(self.id.clone()),
            targets: vec![self.target.clone()],
            router: router.raw(),
            count: self.count.clone(),
            timeout: self.timeout.clone(),
            size: self.size.clone(),
            df: self.df.clone(),
            vrf: self.vrf.clone(),
            source: self.source.clone(),
            interface: self.interface.clone(),
            evidence: self.evidence.clone(),
            deadline: None,
            max_age: None,
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// As the inventory has it, else the default.
    pub fn interval_text(&self) -> &str {
        self.interval.as_deref().unwrap_or(INTERVAL)
    }

    pub fn interval(&self) -> Duration {
        duration::parse(self.interval_text()).unwrap_or(Duration::from_secs(180))
    }
}
