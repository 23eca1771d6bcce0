//! How a platform is asked to ping: which commands, within which ranges, and how long they may take.

use super::command::{Slot, Template, Values};
use super::definition::{PacingFile as Pacing, PingFile, SizeFile, Text};
use super::mistake::Source;
use super::reply::{ReplyForm, duration, unit};
use super::sending::SendingForm;
use super::variant::{self, Variant};
use super::{Failure, Run};
use crate::failure::{Kind, Stage};
use crate::probe::{Ping, Source as PingSource};
use std::net::IpAddr;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct PingForm {
    /// The full command, as the modes take it.
    variants: Vec<Variant>,
    pub(super) plain: Option<Plain>,
    count: (u32, u32),
    timeout: (u32, u32),
    timeout_unit: Duration,
    size: Option<SizeFile>,
    vrf_max: usize,
    pub(super) pacing: Pacing,
    gap: Gap,
    pub(super) endless: bool,
    /// The command does not take the time-out: the run is ended by us.
    no_timeout: bool,
    before_is_kept: bool,
    pub(super) reply: ReplyForm,
    pub(super) sending: SendingForm,
}

/// Between two packets.
#[derive(Clone, Copy, Debug)]
enum Gap {
    Fixed(Duration),
    Timeout,
}

/// What an unprivileged mode takes.
#[derive(Debug)]
pub(super) struct Plain {
    modes: Vec<String>,
    command: Template,
    pub(super) count: u32,
    pub(super) timeout: Duration,
}

/// On top of what a router needs when everything is lost: starting the command, printing, the way back.
const SLACK: Duration = Duration::from_secs(3);

impl PingForm {
    pub(super) fn new(source: &Source, file: &PingFile, usable: &[&str], all: &[&str]) -> Result<Self, Failure> {
        let time = |text: &Text| duration(text.get_ref()).map_err(|reason| source.mistake(text, &reason));
        let plain = match &file.plain {
            Some(plain) => Some(Plain {
                modes: variant::named(source, &plain.command, &plain.modes, all)?,
                command: variant::template(source, &plain.command)?,
                count: plain.count,
                timeout: time(&plain.timeout)?,
            }),
            None => None,
        };
        let (count, timeout) = (file.count.get_ref(), file.timeout.get_ref());
        if count.min == 0 || count.min > count.max {
            return Err(source.mistake_in(
                &file.count,
                "count must be 1 or more, and max not less than min; write { min = 1, max = … }",
            ));
        }
        if timeout.min == 0 || timeout.min > timeout.max {
            return Err(source.mistake_in(
                &file.timeout,
                "a time-out of 0 sends a burst, and max may not be less than min; write { unit = …, min = 1, max = … }",
            ));
        }
        let timeout_unit = unit(source, &timeout.unit)?;
        if let Some(size) = file.size.as_ref().filter(|size| size.get_ref().min > size.get_ref().max) {
            return Err(source.mistake_in(size, "max is less than min; write { min = 0, max = … }"));
        }
        let is_plain = |mode: &str| plain.as_ref().is_some_and(|plain| plain.modes.iter().any(|m| m == mode));
        let full: Vec<&str> = usable.iter().copied().filter(|mode| !is_plain(mode)).collect();
        let gap = match file.gap.get_ref().as_str() {
            "timeout" => Gap::Timeout,
            _ => Gap::Fixed(time(&file.gap)?),
        };
        Ok(Self {
            variants: variant::variants(source, file, &full, all)?,
            plain,
            count: (count.min, count.max),
            timeout: (timeout.min, timeout.max),
            timeout_unit,
            size: file.size.as_ref().map(|size| *size.get_ref()),
            vrf_max: file.vrf_max.unwrap_or(63),
            pacing: file.pacing,
            gap,
            endless: file.endless,
            no_timeout: file.no_timeout,
            before_is_kept: file.before_is_kept,
            reply: ReplyForm::new(source, file)?,
            sending: SendingForm::new(source, file)?,
        })
    }

    /// For the check against the read-only list.
    pub(super) fn commands(&self) -> Vec<String> {
        let plain = self.plain.as_ref().map(|plain| &plain.command);
        self.variants
            .iter()
            .flat_map(Variant::templates)
            .chain(plain)
            .flat_map(Template::forms)
            .filter(|command| !command.is_empty())
            .collect()
    }

    /// Everything about the probe that the platform cannot do, before any login.
    pub(super) fn check(&self, platform: &str, ping: &Ping) -> Result<(), Failure> {
        self.any_values(platform, ping).map(drop)
    }

    /// The values of the first variant that takes them: which mode a login ends in is not known beforehand.
    fn any_values<'p>(&self, platform: &str, ping: &'p Ping) -> Result<Values<'p>, Failure> {
        let mut taken = self.variants.iter().map(|variant| self.values(platform, ping, variant));
        match taken.next() {
            Some(Err(refused)) => taken.find_map(Result::ok).ok_or(refused),
            Some(first) => first,
            None => Err(Failure::settings(format!("platform {platform} defines no ping"))),
        }
    }

    /// The values of the slots, ranges checked.
    fn values<'p>(&self, platform: &str, ping: &'p Ping, variant: &Variant) -> Result<Values<'p>, Failure> {
        let commands = variant.commands_for(ping.target);
        let family = if ping.target.is_ipv4() { "IPv4" } else { "IPv6" };
        let lacks = |what: &str, slot| match variant.has(slot) {
            true => format!("has no {what} option for {family}, leave it empty"),
            false => format!("has no {what} option, leave it empty"),
        };
        let refuse = |flag: &str, value: &dyn std::fmt::Display, takes: String| {
            let macro_name = flag.to_uppercase();
            let macro_name = match flag {
                "count" | "timeout" | "size" | "df" => format!("PING_{macro_name}"),
                _ => macro_name,
            };
            Failure::settings(format!("--{flag} {value} ({{$LINE_{macro_name}}}): {platform} {takes}"))
        };
        let (min, max) = self.count;
        if !(min..=max).contains(&ping.count) {
            return Err(refuse("count", &ping.count, format!("takes {min} to {max} packets")));
        }
        let timeout = self.units(ping.timeout);
        let (min, max) = self.timeout;
        if ping.timeout.is_zero() || !(u64::from(min)..=u64::from(max)).contains(&timeout) {
            let takes = match self.timeout_unit.as_millis() {
                1 => format!("takes {min} to {max} ms"),
                millis if millis % 1000 == 0 => {
                    let seconds = u64::try_from(millis / 1000).unwrap_or(u64::MAX);
                    let (min, max) = (u64::from(min) * seconds, u64::from(max) * seconds);
                    format!("takes {min} to {max} s, rounded up to whole seconds")
                }
                millis => format!("takes {min} to {max} times {millis} ms"),
            };
            return Err(refuse("timeout", &shown(ping.timeout), takes));
        }
        let size = match (ping.size, &self.size) {
            (None, _) => None,
            (Some(data), Some(size)) if commands.has(Slot::Size) => {
                let add = if ping.target.is_ipv4() { size.add_ipv4 } else { size.add_ipv6 };
                let total = data.saturating_add(add);
                if !(size.min..=size.max).contains(&total) {
                    let (min, max) = (size.min.saturating_sub(add), size.max.saturating_sub(add));
                    return Err(refuse("size", &data, format!("takes {min} to {max} bytes of ICMP data ({family})")));
                }
                Some(total)
            }
            (Some(data), _) => return Err(refuse("size", &data, lacks("size", Slot::Size))),
        };
        if let Some(vrf) = &ping.vrf {
            if !commands.has(Slot::Vrf) {
                return Err(refuse("vrf", vrf, lacks("VRF", Slot::Vrf)));
            }
            if vrf.as_str().len() > self.vrf_max {
                return Err(refuse("vrf", vrf, format!("takes names of 1 to {} characters", self.vrf_max)));
            }
        }
        if let Some(source) = &ping.source {
            check_source(|slot| commands.has(slot), source, ping.target)
                .map_err(|(value, takes)| refuse("source", &value, takes))?;
        }
        if ping.df && !commands.has(Slot::Df) {
            return Err(refuse("df", &"1", lacks("do-not-fragment", Slot::Df)));
        }
        Ok(Values {
            target: ping.target,
            count: ping.count,
            timeout,
            size,
            vrf: ping.vrf.as_ref(),
            source: ping.source.as_ref(),
            df: ping.df,
        })
    }

    /// Rounded up, never 0.
    fn units(&self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos().div_ceil(self.timeout_unit.as_nanos()).max(1)).unwrap_or(u64::MAX)
    }

    /// A packet's time-out as the platform rounds it.
    pub(super) fn effective_timeout(&self, ping: &Ping) -> Duration {
        self.timeout_unit.saturating_mul(u32::try_from(self.units(ping.timeout)).unwrap_or(u32::MAX))
    }

    /// Between two packets.
    pub(super) fn gap(&self, timeout: Duration) -> Duration {
        match self.gap {
            Gap::Fixed(gap) => gap,
            Gap::Timeout => timeout,
        }
    }

    /// `enables`: an enable secret leads out of this mode.
    pub(super) fn run(&self, platform: &str, ping: &Ping, mode: &str, enables: bool) -> Result<Run, Failure> {
        let variant = self.variants.iter().find(|variant| variant.takes(mode));
        if let Some(variant) = variant {
            let values = self.values(platform, ping, variant)?;
            let commands = variant.commands_for(ping.target);
            let timeout = self.effective_timeout(ping);
            let ends_by_us = self.endless || self.no_timeout;
            return Ok(Run {
                before: commands.before(&values),
                before_is_kept: self.before_is_kept,
                command: commands.command(&values),
                limit: self.worst(ping.count, timeout).saturating_add(SLACK),
                end_after: ends_by_us.then(|| self.gap(timeout).saturating_mul(ping.count - 1).saturating_add(timeout)),
                plain: false,
            });
        }
        let modes: Vec<&str> = self.variants.iter().flat_map(Variant::modes).collect();
        let modes = modes.join(" or ");
        match self.plain.as_ref().filter(|plain| plain.modes.iter().any(|known| known == mode)) {
            Some(_) if ping.vrf.is_some() => Err(Failure::new(
                Kind::Rejected,
                Stage::Probe,
                format!(
                    "{platform} pings within a VRF only in mode {modes}: give --enable-password \
                     ({{$LINE_ROUTER_ENABLE_PASSWORD}}) or a user with more rights"
                ),
            )),
            Some(plain) => Ok(Run {
                before: Vec::new(),
                before_is_kept: false,
                command: plain.command.fill(&self.any_values(platform, ping)?),
                limit: self.worst(plain.count, plain.timeout).saturating_add(SLACK),
                end_after: None,
                plain: true,
            }),
            None => Err(Failure::new(
                Kind::Shell,
                Stage::Prompt,
                format!(
                    "mode {mode} of {platform} takes no ping: {}log in with a user whose session starts in {modes}",
                    if enables { "give --enable-password ({$LINE_ROUTER_ENABLE_PASSWORD}), or " } else { "" }
                ),
            )),
        }
    }

    /// Between sending the command and its last line: when every packet is back after `trip`, and when none comes back.
    pub(super) fn lasts(&self, ping: &Ping, trip: Duration) -> (Duration, Duration) {
        let timeout = self.effective_timeout(ping);
        // An endless command ends when we end it.
        let dead = self.worst(ping.count, timeout);
        (if self.endless { dead } else { self.worst(ping.count, trip.min(timeout)) }, dead)
    }

    /// When everything is lost.
    fn worst(&self, count: u32, timeout: Duration) -> Duration {
        let gap = self.gap(timeout);
        match self.pacing {
            Pacing::Interval => gap.saturating_mul(count.saturating_sub(1)).saturating_add(timeout),
            Pacing::OneOutstanding | Pacing::Lines | Pacing::Unknown => {
                timeout.saturating_add(gap).saturating_mul(count)
            }
        }
    }
}

/// The error is the value as given, and what the platform takes.
pub(super) fn check_source(
    has: impl Fn(Slot) -> bool,
    source: &PingSource,
    target: IpAddr,
) -> Result<(), (String, String)> {
    let (value, slot, other, takes) = match source {
        PingSource::Address(address) => (
            address.to_string(),
            Slot::SourceAddress,
            Slot::SourceInterface,
            "takes an interface as source, not an address",
        ),
        PingSource::Interface(name) => (
            name.to_string(),
            Slot::SourceInterface,
            Slot::SourceAddress,
            "takes an address as source, not an interface",
        ),
    };
    let family = if target.is_ipv4() { "IPv4" } else { "IPv6" };
    match source {
        _ if !has(Slot::Source) && !has(slot) => {
            let takes = if has(other) { takes } else { "has no source option, leave it empty" };
            Err((value, takes.to_owned()))
        }
        PingSource::Address(address) if address.is_ipv4() != target.is_ipv4() => {
            Err((value, format!("needs an {family} source for an {family} target")))
        }
        _ => Ok(()),
    }
}

/// A time for people: `40s`, `0.5s`.
pub(super) fn shown(time: Duration) -> String {
    format!("{}s", time.as_secs_f64())
}
