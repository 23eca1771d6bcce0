//! The samples inside a definition: a text and what must come out of it, so that a file proves itself before it is used.

use super::definition::{SampleFile, Text};
use super::indicator::kind_named;
use super::mistake::Source;
use super::{Failure, Platform};
use crate::probe::ProbeKind;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use toml::Spanned;

/// All that a ping's result may have.
const PING: [&str; 16] = [
    "up",
    "sent",
    "received",
    "loss",
    "rtt_min",
    "rtt_avg",
    "rtt_max",
    "rtt_p95",
    "jitter",
    "loss_burst",
    "complete",
    "pending",
    "duplicates",
    "reason",
    "mtu",
    "plain",
];

/// And an interface's.
const INTERFACE: [&str; 11] = [
    "name",
    "admin",
    "oper",
    "description",
    "in_errors",
    "out_errors",
    "crc",
    "in_rate",
    "out_rate",
    "bandwidth",
    "last_change",
];

/// And a traceroute's.
const TRACEROUTE: [&str; 4] = ["reached", "hops", "complete", "text"];

#[derive(Debug)]
pub(super) struct Sample {
    name: String,
    line: usize,
    asked: Asked,
    text: String,
    expected: Expected,
}

/// The probe whose answer it is, and what that has to name.
#[derive(Debug)]
enum Asked {
    Ping(Option<IpAddr>),
    Traceroute(Option<IpAddr>),
    Interface(Option<String>),
}

#[derive(Debug)]
enum Expected {
    Members(Map<String, Value>),
    Failure(String),
}

/// What became of one sample.
#[derive(Debug)]
pub struct SampleResult {
    pub name: String,
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// None = as expected; else what differs, one line per member.
    pub difference: Option<String>,
}

impl Sample {
    pub(super) fn new(source: &Source, spanned: &Spanned<SampleFile>) -> Result<Self, Failure> {
        let file = spanned.get_ref();
        let kind = file.probe.unwrap_or(ProbeKind::Ping);
        let (one, known): (_, &[&str]) = match kind {
            ProbeKind::Ping => ("a ping", &PING),
            ProbeKind::Interface => ("an interface", &INTERFACE),
            ProbeKind::Traceroute => ("a traceroute", &TRACEROUTE),
        };
        let expected = match (&file.expect, &file.fails) {
            (Some(table), None) => match serde_json::to_value(table) {
                Ok(Value::Object(members)) => match members.keys().find(|name| !known.contains(&name.as_str())) {
                    Some(unknown) => {
                        let known = known.join(", ");
                        return Err(
                            source.mistake(&file.name, &format!("expect: {one} has no {unknown:?}; it has {known}"))
                        );
                    }
                    None => Expected::Members(members),
                },
                _ => return Err(source.mistake(&file.name, "expect is no table; write { up = 1, sent = 5, … }")),
            },
            (None, Some(kind)) if kind_named(kind.get_ref()).is_none() => {
                return Err(source.mistake(kind, "not a kind of failure; write e.g. rejected or reply"));
            }
            (None, Some(kind)) => Expected::Failure(kind.get_ref().clone()),
            _ => return Err(source.mistake_in(spanned, "a sample has expect or fails; write one of the two")),
        };
        let address = |text: &Text| text.get_ref().parse().map_err(|_| source.mistake(text, "not an address"));
        let asked = match (kind, &file.target, &file.interface) {
            (ProbeKind::Ping, target, None) => Asked::Ping(target.as_ref().map(address).transpose()?),
            (ProbeKind::Traceroute, target, None) => Asked::Traceroute(target.as_ref().map(address).transpose()?),
            (ProbeKind::Interface, None, name) => Asked::Interface(name.as_ref().map(|name| name.get_ref().clone())),
            (ProbeKind::Ping | ProbeKind::Traceroute, _, Some(text)) | (ProbeKind::Interface, Some(text), _) => {
                return Err(source.mistake(
                    text,
                    "target is for a ping or a traceroute, interface for probe = \"interface\"; remove it",
                ));
            }
        };
        Ok(Self {
            name: file.name.get_ref().clone(),
            line: source.line_of(&file.name),
            asked,
            text: file.text.clone(),
            expected,
        })
    }

    pub(super) fn run(&self, platform: &Platform) -> SampleResult {
        let text = self.text.as_bytes();
        let read = match &self.asked {
            Asked::Ping(target) => platform.read_recorded(ProbeKind::Ping, text, *target),
            Asked::Traceroute(target) => platform.read_recorded(ProbeKind::Traceroute, text, *target),
            Asked::Interface(name) => platform.read_recorded_interface(text, name.as_deref()),
        };
        let difference = match (&self.expected, read) {
            (Expected::Failure(kind), Err(failure)) if failure.kind.name() == kind => None,
            (Expected::Failure(kind), Err(failure)) => Some(format!("expected failure {kind}, got {failure}")),
            (Expected::Failure(kind), Ok(got)) => Some(format!("expected failure {kind}, got {}", json!(got))),
            (Expected::Members(_), Err(failure)) => Some(format!("expected a measurement, got {failure}")),
            (Expected::Members(expected), Ok(got)) => differences(expected, &json!(got)),
        };
        SampleResult { name: self.name.clone(), line: self.line, difference }
    }
}

/// A float without a fraction is shown as people write it.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(value) => value.as_f64().map_or_else(|| value.to_string(), |number| number.to_string()),
    }
}

/// Members that differ, as printed; of what is expected `complete` may be left out, and the router's own `text`.
fn differences(expected: &Map<String, Value>, got: &Value) -> Option<String> {
    let mut members: Vec<&String> = expected.keys().chain(got.as_object().into_iter().flat_map(Map::keys)).collect();
    members.sort();
    members.dedup();
    let lines: Vec<String> = members
        .into_iter()
        .filter_map(|name| {
            let want = match expected.get(name) {
                None if name == "complete" && got.get(name).is_some() => Some(&Value::Bool(true)),
                None if name == "text" => got.get(name),
                want => want,
            };
            let got = got.get(name);
            let same = match (want.and_then(Value::as_f64), got.and_then(Value::as_f64)) {
                (Some(want), Some(got)) => (want - got).abs() < 1e-9,
                _ => want == got,
            };
            (!same).then(|| format!("{name}: expected {}, got {}", shown(want), shown(got)))
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
