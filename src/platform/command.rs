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
    Df,
}

const SLOTS: [(&str, Slot); 9] = [
    ("target", Slot::Target),
    ("count", Slot::Count),
    ("timeout", Slot::Timeout),
    ("size", Slot::Size),
    ("vrf", Slot::Vrf),
    ("source", Slot::Source),
    ("source_address", Slot::SourceAddress),
    ("source_interface", Slot::SourceInterface),
    ("df", Slot::Df),
];

impl Slot {
    /// Values that a probe may lack.
    fn is_optional(self) -> bool {
        !matches!(self, Self::Target | Self::Count | Self::Timeout)
    }

    fn example(self) -> String {
        let text = match self {
            Self::Target | Self::Source | Self::SourceAddress => "192.0.2.1",
            Self::Count | Self::Timeout | Self::Size => "1",
            Self::Vrf | Self::SourceInterface => "name1",
            Self::Df => "",
        };
        text.to_owned()
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
    /// Do not fragment.
    pub(super) df: bool,
}

impl Values<'_> {
    fn get(&self, slot: Slot) -> Option<String> {
        match (slot, self.source) {
            (Slot::Target, _) => Some(self.target.to_string()),
            (Slot::Count, _) => Some(self.count.to_string()),
            (Slot::Timeout, _) => Some(self.timeout.to_string()),
            (Slot::Size, _) => self.size.map(|size| size.to_string()),
            // A switch has no text of its own: the words around it in its group are what is sent.
            (Slot::Df, _) => self.df.then(String::new),
            (Slot::Vrf, _) => self.vrf.map(|vrf| vrf.as_str().to_owned()),
            (Slot::Source | Slot::SourceAddress, Some(Source::Address(address))) => Some(address.to_string()),
            (Slot::Source | Slot::SourceInterface, Some(Source::Interface(name))) => Some(name.as_str().to_owned()),
            (Slot::Source | Slot::SourceAddress | Slot::SourceInterface, _) => None,
        }
    }
}

/// A command such as `ping[ vrf {vrf}] {target} repeat {count}`: a group in brackets is left out when a value in it is absent;
/// in `[{size}|56]` what stands behind the bar is sent instead. `{df}` is a switch: `[ df-bit{df}]`, `[yes{df}|no]`.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Slot(Slot),
    Group { parts: Vec<Part>, instead: String },
}

impl Template {
    /// The error says what is wrong and what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut group: Option<Vec<Part>> = None;
        let mut instead: Option<String> = None;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            match first {
                '{' | '|' if instead.is_some() => {
                    return Err("behind the | of a group stands plain text; write e.g. [{size}|56]".to_owned());
                }
                '{' => {
                    let end = rest.find('}').ok_or("a slot is not closed; write {target}")?;
                    let slot = slot_named(&rest[1..end])?;
                    if slot.is_optional() && group.is_none() {
                        let name = &rest[1..end];
                        if slot == Slot::Df {
                            return Err(
                                "{df} is a switch; put it in a group with the words to send, e.g. [ df-bit{df}]"
                                    .to_owned(),
                            );
                        }
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
                    parts.push(Part::Group { parts: closed, instead: instead.take().unwrap_or_default() });
                    rest = &rest[1..];
                }
                '|' if group.is_some() => {
                    instead = Some(String::new());
                    rest = &rest[1..];
                }
                '}' => return Err("a } without a {; remove it".to_owned()),
                _ => {
                    let stops: &[char] =
                        if group.is_some() { &['{', '}', '[', ']', '|'] } else { &['{', '}', '[', ']'] };
                    let end = rest.find(stops).unwrap_or(rest.len());
                    if let Some(bad) = rest[..end].chars().find(|c| !matches!(c, ' '..='~')) {
                        return Err(format!("a command may not contain {bad:?}; write printable ASCII on one line"));
                    }
                    match &mut instead {
                        Some(instead) => instead.push_str(&rest[..end]),
                        None => group.as_mut().unwrap_or(&mut parts).push(Part::Text(rest[..end].to_owned())),
                    }
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
                Part::Group { parts, .. } => within(parts, slot),
            })
        }
        within(&self.parts, slot)
    }

    pub(super) fn fill(&self, values: &Values) -> String {
        fill(&self.parts, &|slot| values.get(slot)).unwrap_or_default()
    }

    /// All words that it can send: without any value that may be absent, and with every one; for the check against the
    /// read-only list.
    pub(super) fn forms(&self) -> [String; 2] {
        let bare = fill(&self.parts, &|slot| (!slot.is_optional()).then(|| slot.example()));
        let full = fill(&self.parts, &|slot| Some(slot.example()));
        [bare, full].map(Option::unwrap_or_default)
    }
}

/// None when a value is absent.
fn fill(parts: &[Part], value: &dyn Fn(Slot) -> Option<String>) -> Option<String> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Slot(slot) => value(*slot),
            Part::Group { parts, instead } => Some(fill(parts, value).unwrap_or_else(|| instead.clone())),
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
        Values { target: [192, 0, 2, 1].into(), count: 5, timeout: 2, size: None, vrf: None, source, df: false }
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
    fn what_stands_behind_the_bar_of_a_group_is_sent_when_its_value_is_absent() {
        let template =
            Template::parse("option size [{size}|56] source [{source_address}|auto] df [yes{df}|no]").unwrap();
        assert_eq!(template.fill(&values(None)), "option size 56 source auto df no");
        let source = Source::Address([192, 0, 2, 9].into());
        let all = Values { size: Some(100), df: true, ..values(Some(&source)) };
        assert_eq!(template.fill(&all), "option size 100 source 192.0.2.9 df yes");
    }

    #[test]
    fn a_switch_sends_the_words_of_its_group() {
        let template = Template::parse("ping {target}[ df-bit{df}]").unwrap();
        assert_eq!(template.fill(&values(None)), "ping 192.0.2.1");
        assert_eq!(template.fill(&Values { df: true, ..values(None) }), "ping 192.0.2.1 df-bit");
    }

    #[test]
    fn the_forms_of_a_command_have_all_words_that_it_can_send() {
        let template =
            Template::parse("ping[ vrf {vrf}] {target} size [{size}|56][ a {source_address}][ i {source_interface}]");
        assert_eq!(
            template.unwrap().forms(),
            ["ping 192.0.2.1 size 56", "ping vrf name1 192.0.2.1 size 1 a 192.0.2.1 i name1"]
        );
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
            ("ping {target} {df}", "[ df-bit{df}]"),
            ("ping [{size}|{count}]", "plain text"),
            ("ping [{size}|1|2]", "plain text"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
