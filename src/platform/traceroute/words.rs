//! The words in which a traceroute is asked for, by mode and address family. Knows nothing of answers.

use super::super::Failure;
use super::super::command::{Slot, Template, Values};
use super::super::definition::Text;
use super::super::mistake::Source;
use super::super::ping::check_source;
use super::super::variant;
use super::file::TracerouteFile;
use crate::failure::{Kind, Stage};
use crate::probe::Traceroute;
use std::net::IpAddr;

#[derive(Debug)]
pub(super) struct Words {
    /// The first one is the command itself.
    variants: Vec<Variant>,
    vrf_max: usize,
}

#[derive(Debug)]
struct Variant {
    modes: Vec<String>,
    ipv4: Template,
    ipv6: Option<Template>,
}

impl Words {
    pub(super) fn new(source: &Source, file: &TracerouteFile, usable: &[&str]) -> Result<Self, Failure> {
        let mut others = Vec::new();
        for other in &file.variant {
            let modes = variant::named(source, &other.command, &other.modes, usable)?;
            others.push(Variant::new(source, modes, &other.command, other.command_ipv6.as_ref())?);
        }
        let taken: Vec<&Text> = file.variant.iter().flat_map(|other| &other.modes).collect();
        let modes = match &file.modes {
            Some(texts) => variant::named(source, &file.command, texts, usable)?,
            None => variant::left(usable, &taken),
        };
        variant::not_taken(source, &modes, &taken)?;
        let mut variants = vec![Variant::new(source, modes, &file.command, file.command_ipv6.as_ref())?];
        variants.append(&mut others);
        Ok(Self { variants, vrf_max: file.vrf_max.unwrap_or(63) })
    }

    /// For the check against the read-only list.
    pub(super) fn commands(&self) -> Vec<String> {
        let templates = self.variants.iter().flat_map(|variant| [Some(&variant.ipv4), variant.ipv6.as_ref()]);
        templates.flatten().flat_map(Template::forms).collect()
    }

    /// Of the first variant that takes the values: which mode a login ends in is not known beforehand.
    pub(super) fn check(&self, platform: &str, asked: &Traceroute) -> Result<(), Failure> {
        let mut taken = self.variants.iter().map(|variant| self.line(platform, asked, variant).map(drop));
        match taken.next() {
            Some(Err(refused)) => taken.find_map(Result::ok).ok_or(refused),
            _ => Ok(()),
        }
    }

    /// The line to send in a mode.
    pub(super) fn command(&self, platform: &str, asked: &Traceroute, mode: &str) -> Result<String, Failure> {
        match self.variants.iter().find(|variant| variant.takes(mode)) {
            Some(variant) => self.line(platform, asked, variant),
            None => {
                self.check(platform, asked)?;
                let modes: Vec<&str> =
                    self.variants.iter().flat_map(|variant| &variant.modes).map(String::as_str).collect();
                let modes = modes.join(" or ");
                Err(Failure::new(
                    Kind::Shell,
                    Stage::Prompt,
                    format!(
                        "mode {mode} of {platform} takes no traceroute; log in with a user whose session starts in {modes}"
                    ),
                ))
            }
        }
    }

    fn line(&self, platform: &str, asked: &Traceroute, variant: &Variant) -> Result<String, Failure> {
        let template = match (asked.target, &variant.ipv6) {
            (IpAddr::V4(_), _) => &variant.ipv4,
            (IpAddr::V6(_), Some(template)) => template,
            (IpAddr::V6(_), None) => {
                return Err(Failure::settings(format!("platform {platform} has no traceroute over IPv6")));
            }
        };
        let refuse = |flag: &str, value: &str, takes: &str| {
            let named = flag.to_uppercase();
            Failure::settings(format!("--{flag} {value} ({{$LINE_{named}}}): traceroute of {platform} {takes}"))
        };
        if let Some(vrf) = &asked.vrf {
            if !template.has(Slot::Vrf) {
                return Err(refuse("vrf", vrf.as_str(), "has no VRF option"));
            }
            if vrf.as_str().len() > self.vrf_max {
                let takes = format!("takes names of 1 to {} characters", self.vrf_max);
                return Err(refuse("vrf", vrf.as_str(), &takes));
            }
        }
        if let Some(from) = &asked.source {
            check_source(|slot| template.has(slot), from, asked.target)
                .map_err(|(value, takes)| refuse("source", &value, &takes))?;
        }
        Ok(template.fill(&Values {
            target: asked.target,
            count: 0,
            timeout: 0,
            size: None,
            vrf: asked.vrf.as_ref(),
            source: asked.source.as_ref(),
            df: false,
        }))
    }
}

impl Variant {
    fn new(source: &Source, modes: Vec<String>, ipv4: &Text, ipv6: Option<&Text>) -> Result<Self, Failure> {
        Ok(Self { modes, ipv4: template(source, ipv4)?, ipv6: ipv6.map(|text| template(source, text)).transpose()? })
    }

    fn takes(&self, mode: &str) -> bool {
        self.modes.iter().any(|known| known == mode)
    }
}

fn template(source: &Source, text: &Text) -> Result<Template, Failure> {
    let template = variant::template(source, text)?;
    if !template.has(Slot::Target) {
        return Err(source.mistake(text, "the command has no target; write {target}"));
    }
    let of_ping = [("count", Slot::Count), ("timeout", Slot::Timeout), ("size", Slot::Size), ("df", Slot::Df)];
    match of_ping.into_iter().find(|(_, slot)| template.has(*slot)) {
        Some((name, _)) => Err(source.mistake(
            text,
            &format!("{{{name}}} is of a ping; write the bounds of a traceroute as plain text, e.g. timeout 1"),
        )),
        None => Ok(template),
    }
}
