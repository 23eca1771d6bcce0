//! A draft of a line: everything that is wrong with it, or its record.

use super::draft::{Draft, Field};
use super::mistake::Findings;
use super::router_check;
use super::wording;
use crate::duration;
use crate::inventory::address;
use crate::inventory::line::{self, LABEL_ALLOWED, Line, RawLine};
use crate::inventory::line_record::LineRecord;
use crate::inventory::name;
use crate::inventory::router_record::RouterRecord;
use crate::platform::Platform;
use crate::probe;
use crate::quote::quoted;
use crate::settings::Poll;
use std::time::Duration;

pub(super) const INTERVAL_ALLOWED: &str = "a whole number of seconds, or one with s, m, h or d, from 1s to 1d";

/// What a line is judged by beside itself: the settings' defaults, and its router, where that is sound.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) defaults: &'a Poll,
    pub(super) router: Option<(&'a RouterRecord, &'a Platform)>,
}

pub(super) fn check(draft: &Draft, beside: Beside<'_>, findings: &mut Findings) -> Option<LineRecord> {
    let before = findings.count();
    for name in draft.missing() {
        findings.missing(&draft.place, format!("the line has no {name}"));
    }
    for field in &draft.fields {
        if field.is_macro(findings) {
            continue;
        }
        if let Err(what) = one(draft, field, beside) {
            findings.mistake(&field.place, what);
        }
    }
    for (name, value, place) in &draft.tags {
        if !line::is_label(name) {
            findings.mistake(place, format!("tag name {}: allowed is {LABEL_ALLOWED}", quoted(name)));
        } else if !line::is_label(value) {
            findings.mistake(place, format!("tag {name} {}: allowed is {LABEL_ALLOWED}", quoted(value)));
        }
    }
    if findings.count() > before || draft.lacks_one() {
        return None;
    }
    let record = record(draft);
    // What no key alone tells.
    if let Some((router, platform)) = beside.router {
        let whole = Line::parse(record.raw(router), beside.defaults);
        if let Err(failure) =
            whole.and_then(|line| probe::asked(&line.probes).iter().try_for_each(|probe| platform.check(probe)))
        {
            findings.mistake(&draft.place, failure.message);
            return None;
        }
    }
    Some(record)
}

/// What is wrong with one value, all others being right.
fn one(draft: &Draft, field: &Field, beside: Beside<'_>) -> Result<(), String> {
    let value = Some(field.value.clone());
    let refused = |allowed: &str| Err(format!("{} {}: allowed is {allowed}", field.key.name, quoted(&field.value)));
    let mut raw = RawLine { targets: vec![sound_target(draft)], router: router_check::sound(), ..RawLine::default() };
    match field.key.name {
        "id" | "router" => return if name::is_name(&field.value) { Ok(()) } else { refused(name::ALLOWED) },
        "name" | "carrier" | "circuit" => {
            return if line::is_label(&field.value) { Ok(()) } else { refused(LABEL_ALLOWED) };
        }
        "interval" => return if is_interval(&field.value) { Ok(()) } else { refused(INTERVAL_ALLOWED) },
        "target" => raw.targets = vec![field.value.clone()],
        "count" => raw.count = value,
        "timeout" => raw.timeout = value,
        "size" => raw.size = value,
        "df" => raw.df = value,
        "vrf" => raw.vrf = value,
        "source" => raw.source = value,
        "interface" => raw.interface = value,
        "evidence" => raw.evidence = value,
        _ => return Ok(()),
    }
    let platform = beside.router.map(|(_, platform)| platform);
    Line::parse(raw, beside.defaults)
        .and_then(|line| {
            let mut probes = probe::asked(&line.probes).iter();
            platform.map_or(Ok(()), |platform| probes.try_for_each(|probe| platform.check(probe)))
        })
        .map_err(|failure| wording::of_key(field.key, &failure))
}

/// The line's target if it is one: a source is judged by its family.
fn sound_target(draft: &Draft) -> String {
    let own = draft.value("target").filter(|target| address::target(target).is_some());
    own.unwrap_or("192.0.2.1").to_owned()
}

/// An update interval of Zabbix.
pub(super) fn is_interval(text: &str) -> bool {
    let digits = text.trim_end_matches(['s', 'm', 'h', 'd']);
    let whole = text.len() - digits.len() <= 1 && digits.bytes().all(|b| b.is_ascii_digit());
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    whole && duration::parse(text).is_some_and(|time| range.contains(&time))
}

fn record(draft: &Draft) -> LineRecord {
    LineRecord {
        id: draft.owned("id").unwrap_or_default(),
        name: draft.owned("name"),
        target: draft.value("target").and_then(address::target).map(|target| target.to_string()).unwrap_or_default(),
        router: draft.owned("router").unwrap_or_default(),
        interval: draft.owned("interval"),
        count: draft.owned("count"),
        timeout: draft.owned("timeout"),
        size: draft.owned("size"),
        df: draft.owned("df"),
        vrf: draft.owned("vrf"),
        source: draft.owned("source"),
        interface: draft.owned("interface"),
        evidence: draft.owned("evidence"),
        carrier: draft.owned("carrier"),
        circuit: draft.owned("circuit"),
        host: None,
        tags: draft.tags.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_interval;

    #[test]
    fn intervals_are_those_of_zabbix() {
        for text in ["1", "30", "30s", "3m", "1h", "1d", "86400"] {
            assert!(is_interval(text), "{text}");
        }
        for text in ["", "0", "0s", "1.5m", "500ms", "1w", "86401", "2d", "s", "1ss", "-1", "1 m", "{$X}"] {
            assert!(!is_interval(text), "{text}");
        }
    }
}
