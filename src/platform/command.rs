//! Commands with typed slots. A slot takes an address, a number or a name from a safe alphabet, so that no argument can ever
//! put a blank, a control character or a second command on the wire.

use crate::probe::{Name, Source};
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Target,
    Count,
    Timeout,
    Size,
    Vrf,
    Source,
    SourceAddress,
    SourceInterface,
}

const SLOTS: [(&str, Slot); 8] = [
    ("target", Slot::Target),
    ("count", Slot::Count),
    ("timeout", Slot::Timeout),
    ("size", Slot::Size),
    ("vrf", Slot::Vrf),
    ("source", Slot::Source),
    ("source_address", Slot::SourceAddress),
    ("source_interface", Slot::SourceInterface),
];

impl Slot {
    /// Values that a probe may lack.
    fn is_optional(self) -> bool {
        !matches!(self, Self::Target | Self::Count | Self::Timeout)
    }
}

/// Numbers are as the platform takes them.
pub(super) struct Values<'a> {
    pub(super) target: IpAddr,
    pub(super) count: u32,
    pub(super) timeout: u64,
    pub(super) size: Option<u32>,
    pub(super) vrf: Option<&'a Name>,
    pub(super) source: Option<&'a Source>,
}

impl Values<'_> {
    fn get(&self, slot: Slot) -> Option<String> {
        match (slot, self.source) {
            (Slot::Target, _) => Some(self.target.to_string()),
            (Slot::Count, _) => Some(self.count.to_string()),
            (Slot::Timeout, _) => Some(self.timeout.to_string()),
            (Slot::Size, _) => self.size.map(|size| size.to_string()),
            (Slot::Vrf, _) => self.vrf.map(|vrf| vrf.as_str().to_owned()),
            (Slot::Source | Slot::SourceAddress, Some(Source::Address(address))) => Some(address.to_string()),
            (Slot::Source | Slot::SourceInterface, Some(Source::Interface(name))) => Some(name.as_str().to_owned()),
            (Slot::Source | Slot::SourceAddress | Slot::SourceInterface, _) => None,
        }
    }
}

/// A command such as `ping[ vrf {vrf}] {target} repeat {count}`: a group in brackets is left out when a value in it is absent.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Slot(Slot),
    Group(Vec<Part>),
}

impl Template {
    /// The error says what is wrong and what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut group: Option<Vec<Part>> = None;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            match first {
                '{' => {
                    let end = rest.find('}').ok_or("a slot is not closed; write {target}")?;
                    let slot = slot_named(&rest[1..end])?;
                    if slot.is_optional() && group.is_none() {
                        let name = &rest[1..end];
                        return Err(format!("{{{name}}} may be absent; put it in a group, e.g. [ {name} {{{name}}}]"));
                    }
                    group.as_mut().unwrap_or(&mut parts).push(Part::Slot(slot));
                    rest = &rest[end + 1..];
                }
                '[' if group.is_some() => return Err("a group within a group; close the first one with ]".to_owned()),
                '[' => {
                    group = Some(Vec::new());
                    rest = &rest[1..];
                }
                ']' => {
                    let closed = group.take().ok_or("a ] without a [; remove it")?;
                    if !closed.iter().any(|part| matches!(part, Part::Slot(_))) {
                        return Err("a group without a slot; write its text without the brackets".to_owned());
                    }
                    parts.push(Part::Group(closed));
                    rest = &rest[1..];
                }
                '}' => return Err("a } without a {; remove it".to_owned()),
                _ => {
                    let end = rest.find(['{', '}', '[', ']']).unwrap_or(rest.len());
                    if let Some(bad) = rest[..end].chars().find(|c| !matches!(c, ' '..='~')) {
                        return Err(format!("a command may not contain {bad:?}; write printable ASCII on one line"));
                    }
                    group.as_mut().unwrap_or(&mut parts).push(Part::Text(rest[..end].to_owned()));
                    rest = &rest[end..];
                }
            }
        }
        match group {
            Some(_) => Err("a group is not closed; write ]".to_owned()),
            None => Ok(Self { parts }),
        }
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        fn within(parts: &[Part], slot: Slot) -> bool {
            parts.iter().any(|part| match part {
                Part::Text(_) => false,
                Part::Slot(one) => *one == slot,
                Part::Group(parts) => within(parts, slot),
            })
        }
        within(&self.parts, slot)
    }

    pub(super) fn fill(&self, values: &Values) -> String {
        let mut line = String::new();
        for part in &self.parts {
            match part {
                Part::Group(parts) => line.push_str(&fill(parts, values).unwrap_or_default()),
                part => line.push_str(&fill(std::slice::from_ref(part), values).unwrap_or_default()),
            }
        }
        line
    }
}

/// None when a value is absent.
fn fill(parts: &[Part], values: &Values) -> Option<String> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Slot(slot) => values.get(*slot),
            Part::Group(parts) => fill(parts, values),
        })
        .collect()
}

fn slot_named(name: &str) -> Result<Slot, String> {
    SLOTS.iter().find(|(known, _)| *known == name).map(|(_, slot)| *slot).ok_or_else(|| {
        let known: Vec<String> = SLOTS.iter().map(|(known, _)| format!("{{{known}}}")).collect();
        format!("slot {{{name}}} is not known; known are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(source: Option<&Source>) -> Values<'_> {
        Values { target: [192, 0, 2, 1].into(), count: 5, timeout: 2, size: None, vrf: None, source }
    }

    #[test]
    fn a_group_is_left_out_when_its_value_is_absent() {
        let template = Template::parse("ping[ vrf {vrf}] {target} repeat {count}[ source {source}]").unwrap();
        assert_eq!(template.fill(&values(None)), "ping 192.0.2.1 repeat 5");
        let source = Source::Interface(Name::try_from("Loopback0".to_owned()).unwrap());
        assert_eq!(template.fill(&values(Some(&source))), "ping 192.0.2.1 repeat 5 source Loopback0");
    }

    #[test]
    fn a_source_goes_into_the_slot_of_its_type() {
        let template = Template::parse("ping {target}[ a {source_address}][ i {source_interface}]").unwrap();
        let source = Source::Address([192, 0, 2, 9].into());
        assert_eq!(template.fill(&values(Some(&source))), "ping 192.0.2.1 a 192.0.2.9");
    }

    #[test]
    fn a_bad_template_is_refused_with_what_to_write() {
        for (text, says) in [
            ("ping {tarjet}", "known are {target}"),
            ("ping {target", "not closed"),
            ("ping {size}", "[ size {size}]"),
            ("ping [ df]", "without the brackets"),
            ("ping [[ {size}]]", "group within a group"),
            ("ping {target}\nreload", "one line"),
            ("ping ] x", "without a ["),
            ("ping } x", "without a {"),
            ("ping [ {vrf}", "write ]"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
