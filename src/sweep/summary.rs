//! What a sweep did, for people and for Zabbix.

use super::deliver::Delivered;
use crate::zabbix::servers::Server;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts are of this sweep, unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// When it began, seconds since 1970, and how long it took.
    pub time: f64,
    pub elapsed: f64,
    /// Lines of the inventory.
    pub lines: usize,
    /// Lines whose time had come and that no other sweep had in hand.
    pub due: usize,
    pub measured: usize,
    /// Begun later than a tenth of their interval (and than 2 s) after their time.
    pub late: usize,
    /// Checks that nobody made since the last one.
    pub missed: u64,
    /// Due, and still in hand by another sweep.
    pub in_hand: usize,
    /// Lines that could not be measured, by kind of failure.
    pub failed: BTreeMap<String, usize>,
    /// Due and given up: the sweep was told to end.
    pub given_up: usize,
    /// Values that Zabbix has taken; refused; dropped; of all servers.
    pub sent: u64,
    pub refused: u64,
    pub dropped: u64,
    /// Values that wait to be sent, now.
    pub spooled: u64,
    pub servers: Vec<ServerSummary>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerSummary {
    pub server: String,
    pub sent: u64,
    pub refused: u64,
    pub dropped: u64,
    pub spooled: u64,
    /// Why values are left, if so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

impl Summary {
    pub(super) fn fail(&mut self, kind: &str) {
        *self.failed.entry(kind.to_owned()).or_default() += 1;
    }

    pub(super) fn add_servers(&mut self, servers: Vec<ServerSummary>) {
        for server in &servers {
            self.sent += server.sent;
            self.refused += server.refused;
            self.dropped += server.dropped;
            self.spooled += server.spooled;
        }
        self.servers = servers;
    }
}

impl ServerSummary {
    pub(super) fn of(server: &Server) -> Self {
        Self { server: server.to_string(), ..Self::default() }
    }

    pub(super) fn add(&mut self, delivered: Delivered) {
        self.sent += delivered.processed;
        self.refused += delivered.failed;
        self.dropped += delivered.dropped;
        self.failure = delivered.stopped;
    }
}
