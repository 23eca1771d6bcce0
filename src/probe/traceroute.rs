//! The way from the router to the line's far end: what is asked, and what came back. Evidence for people; nothing is triggered
//! by a single hop.

use super::{Name, Source};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The hops between the router and the line's far end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Traceroute {
    pub target: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vrf: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Source>,
    pub when: When,
}

/// When a master runs it; a platform does not care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Once, when the line goes from up to down.
    Edge,
    /// With every poll that asks.
    Now,
}

/// The hops that the router printed, and its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TracerouteResult {
    /// 1 = the target itself answered.
    pub reached: u8,
    /// In the order printed; none where the router has no route.
    pub hops: Vec<Hop>,
    /// When it was run, seconds since 1970; absent in recorded text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<f64>,
    /// False: its limit, or a poll that wanted the lane, came first.
    pub complete: bool,
    /// As the router printed it, at most 4 KiB, cut at a line.
    pub text: String,
}

/// One hop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Its distance, as the router counts it, from 1.
    pub hop: u32,
    /// Who sent the first reply; absent where nobody did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<IpAddr>,
    /// The shortest round trip printed, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt: Option<f64>,
}
