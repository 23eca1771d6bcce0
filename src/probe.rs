//! What is asked of a router for one line (probe) and what came back (measurement). Pure data: the platform turns a probe
//! into text and text into a measurement; shell, ssh, wire, master and client carry both without looking inside.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

mod traceroute;

pub use traceroute::{Hop, Traceroute, TracerouteResult, When};

/// One question. A poll asks a list of them, answered on one shell, in order, within one deadline.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Probe {
    Ping(Ping),
    /// The state of one interface of the router.
    Interface {
        /// As the router knows it, e.g. `GigabitEthernet0/0/1`.
        name: Name,
    },
    Traceroute(Traceroute),
}

impl Probe {
    /// The member of the printed document that the answer becomes.
    pub fn kind(&self) -> ProbeKind {
        match self {
            Self::Ping(_) => ProbeKind::Ping,
            Self::Interface { .. } => ProbeKind::Interface,
            Self::Traceroute(_) => ProbeKind::Traceroute,
        }
    }
}

/// The kinds of probe, named as in platform files and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    Interface,
    Ping,
    Traceroute,
}

impl ProbeKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Ping => "ping",
            Self::Traceroute => "traceroute",
        }
    }
}

/// ICMP echo from the router to the line's far end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ping {
    pub target: IpAddr,
    /// Packets, 1 or more; the platform has its own upper limit.
    pub count: u32,
    /// Time-out of each packet; rounded up to the platform's unit.
    pub timeout: Duration,
    /// ICMP data bytes; absent = the platform's default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vrf: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Source>,
    /// Do not fragment.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub df: bool,
}

/// Where a ping leaves from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Address(IpAddr),
    Interface(Name),
}

/// A VRF or interface name that is safe on any router's command line: 1 to 63 of `A–Z a–z 0–9 . _ : / @ -`, first one a
/// letter or digit. No blank, quote, `|`, `;`, `?`, control character.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b);
        if text.len() <= 63 && text.bytes().all(safe) && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        {
            Ok(Self(text))
        } else {
            Err(format!(
                "{:?} is not a name: 1 to 63 letters, digits or . _ : / @ -, a letter or digit first",
                text.chars().take(80).collect::<String>()
            ))
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What came back for one probe. Each kind has members that no other kind has: they tell it on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Measurement {
    Ping(PingResult),
    Interface(InterfaceResult),
    Traceroute(TracerouteResult),
}

impl Measurement {
    /// The member of the printed document that it becomes.
    pub fn kind(&self) -> ProbeKind {
        match self {
            Self::Ping(_) => ProbeKind::Ping,
            Self::Interface(_) => ProbeKind::Interface,
            Self::Traceroute(_) => ProbeKind::Traceroute,
        }
    }
}

/// The router's own counters. Loss in percent, times in seconds; a field is absent where nothing was printed or can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PingResult {
    /// 1 = at least one reply, 0 = down.
    pub up: u8,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub received: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_avg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_max: Option<f64>,
    /// 95 % of the replies took no longer; absent, as the two below, where the router prints no line per reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p95: Option<f64>,
    /// Mean absolute difference of consecutive round-trip times, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jitter: Option<f64>,
    /// Packets lost in a row, at most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub loss_burst: Option<u32>,
    /// False: the ping goes on and only `up` is certain, or it was cut short and the counters are those so far.
    pub complete: bool,
    /// Packets whose time-out was not over when the ping was aborted; not part of `sent`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<u32>,
    /// Replies beyond `sent`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicates: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Reason>,
    /// The largest packet that a link takes, in bytes; where the reason is that ours was too big and the router names it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mtu: Option<u32>,
    /// True: the router took only the plain form of the command; count, time-out, size and source are its own.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub plain: bool,
}

/// Why a line is down, where the router says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoRoute,
    Unreachable,
    /// The packet may not be fragmented and is longer than a link takes.
    TooBig,
}

/// What a router prints of one of its interfaces. A field is absent where it printed nothing of the kind: no counter is not a
/// counter of 0. Counters grow since the router's boot or their last clearing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InterfaceResult {
    /// As the router writes it.
    pub name: String,
    /// 0 = somebody has shut it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub admin: Option<u8>,
    /// 1 = the port is up and its line protocol runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub oper: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// All input errors; not drops.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_errors: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub out_errors: Option<u64>,
    /// Frames that came in damaged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crc: Option<u64>,
    /// Bit/s, over the router's first averaging window.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_rate: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub out_rate: Option<u64>,
    /// Bit/s, as configured or negotiated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bandwidth: Option<u64>,
    /// Seconds since its state changed last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_change: Option<u64>,
}

/// The answer to one probe of a batch: a measurement, or its own failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub kind: ProbeKind,
    #[serde(with = "outcome")]
    pub outcome: Result<Measurement, Failure>,
}

/// On the wire an outcome is `{"ok":…}` or `{"failure":…}`.
mod outcome {
    use super::{Failure, Measurement};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Outcome<M, F> {
        Ok(M),
        Failure(F),
    }

    pub(super) fn serialize<S: Serializer>(
        value: &Result<Measurement, Failure>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Ok(m) => Outcome::<_, &Failure>::Ok(m).serialize(serializer),
            Err(f) => Outcome::<&Measurement, _>::Failure(f).serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<Measurement, Failure>, D::Error> {
        Ok(match Outcome::<Measurement, Failure>::deserialize(deserializer)? {
            Outcome::Ok(m) => Ok(m),
            Outcome::Failure(f) => Err(f),
        })
    }
}

impl Answer {
    /// Why a probe that was asked for has no measurement. That of evidence is its own matter.
    pub fn own_failure(&self) -> Option<&Failure> {
        self.outcome.as_ref().err().filter(|_| self.kind != ProbeKind::Traceroute)
    }
}

/// The probes that are answered at once: all but the traceroute, which is run later and stands last.
pub fn asked(probes: &[Probe]) -> &[Probe] {
    let is_later = |probe: &Probe| probe.kind() == ProbeKind::Traceroute;
    &probes[..probes.iter().position(is_later).unwrap_or(probes.len())]
}

/// What was asked and nobody could run.
pub fn unanswered(probes: &[Probe], failure: &Failure) -> Vec<Answer> {
    asked(probes).iter().map(|p| Answer { kind: p.kind(), outcome: Err(failure.clone()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_measurement_comes_back_from_the_wire_as_itself() {
        let ping = json!({ "up": 0, "loss": 100.0, "complete": true, "reason": "no_route" });
        let interface = json!({ "name": "wan0", "admin": 1 });
        let hops = json!([{ "hop": 1, "address": "192.0.2.1", "rtt": 0.001 }, { "hop": 2 }]);
        let traceroute = json!({ "reached": 0, "hops": hops, "complete": false, "text": "1 192.0.2.1 1 ms\n2 *" });
        let empty = json!({ "reached": 0, "hops": [], "complete": true, "text": "" });
        for (kind, document) in [
            (ProbeKind::Ping, ping),
            (ProbeKind::Interface, interface),
            (ProbeKind::Traceroute, traceroute),
            (ProbeKind::Traceroute, empty),
        ] {
            let read: Measurement = serde_json::from_value(document.clone()).unwrap();
            assert_eq!(read.kind(), kind);
            assert_eq!(json!(read), document);
        }
    }

    #[test]
    fn a_traceroute_is_asked_for_by_its_kind() {
        let asked = json!({ "kind": "traceroute", "target": "192.0.2.1", "vrf": "blue", "when": "edge" });
        let probe: Probe = serde_json::from_value(asked.clone()).unwrap();
        assert_eq!((probe.kind(), json!(probe)), (ProbeKind::Traceroute, asked));
        assert_eq!(ProbeKind::Traceroute.name(), json!(ProbeKind::Traceroute));
    }
}
