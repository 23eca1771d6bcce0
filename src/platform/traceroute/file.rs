//! `[probe.traceroute]` of a platform file, as it is written.

use super::super::definition::{IndicatorFile, Text};
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TracerouteFile {
    /// Modes that take the command; absent = every usable mode that no variant names.
    pub(super) modes: Option<Vec<Text>>,
    /// With {target} in it, and the router's own bounds: hops, probes per hop, time-out, no names.
    pub(in super::super) command: Text,
    /// Absent = no traceroute over IPv6.
    pub(super) command_ipv6: Option<Text>,
    /// Other words for other modes.
    #[serde(default)]
    pub(super) variant: Vec<VariantFile>,
    pub(super) vrf_max: Option<usize>,
    /// What begins the answer and names its target.
    pub(super) header: Spanned<Vec<Text>>,
    /// A whole line about a hop: its number and the replies. Without a number it goes on with the hop before it. Absent, as
    /// the two below = as most systems write it.
    pub(super) hop: Option<Spanned<Vec<Text>>>,
    /// A round-trip time among the replies.
    pub(super) time: Option<Text>,
    pub(super) time_unit: Option<Text>,
    /// Lines among the hops that say nothing about them, e.g. labels.
    #[serde(default)]
    pub(super) noise: Vec<Text>,
    /// Refusals of this command; asked before those of the platform.
    #[serde(default)]
    pub(super) failure_indicator: Vec<IndicatorFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariantFile {
    pub(super) modes: Vec<Text>,
    pub(super) command: Text,
    pub(super) command_ipv6: Option<Text>,
}
