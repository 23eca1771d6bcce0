//! What a platform knows of pinging: which commands, within which ranges, how long they take, and what their answers mean.

use super::command::{Slot, Template, Values};
use super::definition::{PacingFile as Pacing, PingFile, SizeFile};
use super::indicator::{self, Indicator, Verdict, excerpt};
use super::mistake::Source;
use super::pending::Aborted;
use super::reply::{Answer, Counters, NoAnswer, ReplyForm, duration};
use super::{Ending, Failure, Run, Unread};
use crate::failure::{Kind, Stage};
use crate::probe::{Ping, PingResult, Reason, Source as PingSource};
use std::net::IpAddr;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct PingForm {
    /// Modes that take the full command.
    modes: Vec<String>,
    ipv4: Commands,
    ipv6: Commands,
    plain: Option<Plain>,
    count: (u32, u32),
    timeout: (u32, u32),
    timeout_unit: Duration,
    size: Option<SizeFile>,
    vrf_max: usize,
    pacing: Pacing,
    gap: Duration,
    endless: bool,
    reply: ReplyForm,
}

#[derive(Debug)]
struct Commands {
    before: Vec<Template>,
    command: Template,
}

/// What an unprivileged mode takes.
#[derive(Debug)]
struct Plain {
    modes: Vec<String>,
    command: Template,
    count: u32,
    timeout: Duration,
}

/// On top of what a router needs when everything is lost: starting the command, printing, the way back.
const SLACK: Duration = Duration::from_secs(3);

impl PingForm {
    pub(super) fn new(source: &Source, file: &PingFile, usable: &[&str], all: &[&str]) -> Result<Self, Failure> {
        let template = |text: &super::definition::Text| {
            Template::parse(text.get_ref()).map_err(|reason| source.mistake(text, &reason))
        };
        let templates = |texts: &[super::definition::Text]| texts.iter().map(template).collect::<Result<Vec<_>, _>>();
        let commands = |before: &[super::definition::Text], text: &super::definition::Text| {
            let commands = Commands { before: templates(before)?, command: template(text)? };
            if !commands.command.has(Slot::Target) {
                return Err(source.mistake(text, "the command has no target; write {target}"));
            }
            if !file.endless && !commands.has(Slot::Count) {
                return Err(source.mistake(text, "the command has no count; write {count}, or endless = true"));
            }
            if !file.endless && !commands.has(Slot::Timeout) {
                return Err(source.mistake(text, "the command has no time-out; write {timeout}, or endless = true"));
            }
            Ok(commands)
        };
        let time =
            |text: &super::definition::Text| duration(text.get_ref()).map_err(|reason| source.mistake(text, &reason));
        let modes = |texts: &[super::definition::Text]| {
            texts
                .iter()
                .map(|text| match all.contains(&text.get_ref().as_str()) {
                    true => Ok(text.get_ref().clone()),
                    false => Err(source.mistake(
                        text,
                        &format!("mode {:?} is not defined; defined are {}", text.get_ref(), all.join(", ")),
                    )),
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let plain = match &file.plain {
            Some(plain) => Some(Plain {
                modes: modes(&plain.modes)?,
                command: template(&plain.command)?,
                count: plain.count,
                timeout: time(&plain.timeout)?,
            }),
            None => None,
        };
        let is_plain = |mode: &str| plain.as_ref().is_some_and(|plain| plain.modes.iter().any(|m| m == mode));
        let (count, timeout) = (file.count.get_ref(), file.timeout.get_ref());
        if count.min == 0 || count.min > count.max {
            return Err(source.mistake_in(&file.count, "count must be 1 or more; write { min = 1, max = … }"));
        }
        if timeout.min == 0 || timeout.min > timeout.max {
            return Err(
                source.mistake_in(&file.timeout, "a time-out of 0 sends a burst; write { unit = …, min = 1, max = … }")
            );
        }
        let timeout_unit = time(&timeout.unit)?;
        if timeout_unit.is_zero() {
            return Err(source.mistake(&timeout.unit, "a unit of 0; write \"1s\" or \"1ms\""));
        }
        Ok(Self {
            modes: match &file.modes {
                Some(named) => modes(named)?,
                None => usable.iter().filter(|mode| !is_plain(mode)).map(|mode| (*mode).to_owned()).collect(),
            },
            ipv4: commands(&file.before, &file.command)?,
            ipv6: commands(
                file.before_ipv6.as_deref().unwrap_or(&file.before),
                file.command_ipv6.as_ref().unwrap_or(&file.command),
            )?,
            plain,
            count: (count.min, count.max),
            timeout: (timeout.min, timeout.max),
            timeout_unit,
            size: file.size.as_ref().map(|size| *size.get_ref()),
            vrf_max: file.vrf_max.unwrap_or(63),
            pacing: file.pacing,
            gap: time(&file.gap)?,
            endless: file.endless,
            reply: ReplyForm::new(source, file)?,
        })
    }

    /// The commands as they are sent with every value given; for the check against the read-only list.
    pub(super) fn commands(&self) -> Vec<String> {
        let values = Values {
            target: [192, 0, 2, 1].into(),
            count: self.count.0,
            timeout: self.timeout.0.into(),
            size: None,
            vrf: None,
            source: None,
        };
        let plain = self.plain.as_ref().map(|plain| &plain.command);
        [&self.ipv4, &self.ipv6]
            .into_iter()
            .flat_map(|commands| commands.before.iter().chain([&commands.command]))
            .chain(plain)
            .map(|template| template.fill(&values))
            .collect()
    }

    fn commands_for(&self, target: IpAddr) -> &Commands {
        if target.is_ipv4() { &self.ipv4 } else { &self.ipv6 }
    }

    /// Everything about the probe that the platform cannot do, before any login.
    pub(super) fn check(&self, platform: &str, ping: &Ping) -> Result<(), Failure> {
        self.values(platform, ping).map(drop)
    }

    /// The values of the slots, ranges checked.
    fn values<'p>(&self, platform: &str, ping: &'p Ping) -> Result<Values<'p>, Failure> {
        let commands = self.commands_for(ping.target);
        let family = if ping.target.is_ipv4() { "IPv4" } else { "IPv6" };
        let refuse = |flag: &str, value: &dyn std::fmt::Display, takes: String| {
            let macro_name = flag.to_uppercase();
            let macro_name = match flag {
                "count" | "timeout" | "size" => format!("PING_{macro_name}"),
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
            (Some(data), _) => return Err(refuse("size", &data, "has no size option, leave it empty".to_owned())),
        };
        if let Some(vrf) = &ping.vrf {
            if !commands.has(Slot::Vrf) {
                return Err(refuse("vrf", vrf, "has no VRF option, leave it empty".to_owned()));
            }
            if vrf.as_str().len() > self.vrf_max {
                return Err(refuse("vrf", vrf, format!("takes names of 1 to {} characters", self.vrf_max)));
            }
        }
        if let Some(source) = &ping.source {
            check_source(commands, source, ping.target).map_err(|(value, takes)| refuse("source", &value, takes))?;
        }
        Ok(Values {
            target: ping.target,
            count: ping.count,
            timeout,
            size,
            vrf: ping.vrf.as_ref(),
            source: ping.source.as_ref(),
        })
    }

    /// Rounded up, never 0.
    fn units(&self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos().div_ceil(self.timeout_unit.as_nanos()).max(1)).unwrap_or(u64::MAX)
    }

    /// A packet's time-out as the platform rounds it.
    fn effective_timeout(&self, ping: &Ping) -> Duration {
        self.timeout_unit.saturating_mul(u32::try_from(self.units(ping.timeout)).unwrap_or(u32::MAX))
    }

    pub(super) fn run(&self, platform: &str, ping: &Ping, mode: &str) -> Result<Run, Failure> {
        let values = self.values(platform, ping)?;
        if self.modes.iter().any(|known| known == mode) {
            let commands = self.commands_for(ping.target);
            let timeout = self.effective_timeout(ping);
            return Ok(Run {
                before: commands.before.iter().map(|template| template.fill(&values)).collect(),
                command: commands.command.fill(&values),
                limit: self.worst(ping.count, timeout).saturating_add(SLACK),
                end_after: self.endless.then(|| self.gap.saturating_mul(ping.count - 1).saturating_add(timeout)),
                plain: false,
            });
        }
        match self.plain.as_ref().filter(|plain| plain.modes.iter().any(|known| known == mode)) {
            Some(_) if ping.vrf.is_some() => Err(Failure::new(
                Kind::Rejected,
                Stage::Probe,
                format!(
                    "{platform} pings within a VRF only in mode {}: give --enable-password ({{$LINE_ROUTER_ENABLE_PASSWORD}}) \
                     or a user with more rights",
                    self.modes.join(" or ")
                ),
            )),
            Some(plain) => Ok(Run {
                before: Vec::new(),
                command: plain.command.fill(&values),
                limit: self.worst(plain.count, plain.timeout).saturating_add(SLACK),
                end_after: None,
                plain: true,
            }),
            None => Err(Failure::new(
                Kind::Shell,
                Stage::Prompt,
                format!(
                    "mode {mode} of {platform} takes no ping; log in with a user whose session starts in {}",
                    self.modes.join(" or ")
                ),
            )),
        }
    }

    /// When everything is lost.
    fn worst(&self, count: u32, timeout: Duration) -> Duration {
        match self.pacing {
            Pacing::Interval => self.gap.saturating_mul(count.saturating_sub(1)).saturating_add(timeout),
            Pacing::OneOutstanding | Pacing::Lines => timeout.saturating_add(self.gap).saturating_mul(count),
        }
    }

    /// An answer to one of our own runs.
    pub(super) fn read(
        &self,
        indicators: &[Indicator],
        ping: &Ping,
        run: &Run,
        text: &str,
        ending: Ending,
    ) -> Result<PingResult, Unread> {
        let answer = self.find(text, Some(ping.target))?;
        let Some(counters) = answer.counters else { return without_counters(indicators, answer.text, ending) };
        if !run.plain && !self.endless && counters.sent > ping.count {
            return Err(Unread {
                failure: unreadable(format!("{} packets sent where {} were asked for", counters.sent, ping.count)),
                not_ours: true,
            });
        }
        let mut result = measured(&counters);
        result.plain = run.plain;
        if let Ending::Aborted { after, planned } = ending {
            self.settle(&mut result, &counters, answer.text, ping, run, after, planned)?;
        } else if counters.sent == 0 {
            return Err(unreadable("the router sent no packet".to_owned()).into());
        }
        result.reason = self.reason(indicators, answer.text, &counters);
        Ok(result)
    }

    /// Recorded text: no clock, so counters as printed.
    pub(super) fn read_recorded(
        &self,
        indicators: &[Indicator],
        text: &str,
        target: Option<IpAddr>,
    ) -> Result<PingResult, Failure> {
        let answer = self.find(text, target).map_err(|unread| unread.failure)?;
        let Some(counters) = answer.counters else {
            return without_counters(indicators, answer.text, Ending::Complete).map_err(|unread| unread.failure);
        };
        if counters.sent == 0 {
            return Err(unreadable("the router sent no packet".to_owned()));
        }
        Ok(PingResult { reason: self.reason(indicators, answer.text, &counters), ..measured(&counters) })
    }

    fn find<'t>(&self, text: &'t str, target: Option<IpAddr>) -> Result<Answer<'t>, Unread> {
        self.reply.find(text, target).map_err(|why| match why {
            NoAnswer::OtherTarget(name) => Unread {
                failure: unreadable(format!("it is about {:?}, not the target asked", excerpt(&name))),
                not_ours: true,
            },
            NoAnswer::DoesNotAddUp(why) => unreadable(why).into(),
        })
    }

    fn reason(&self, indicators: &[Indicator], text: &str, counters: &Counters) -> Option<Reason> {
        if counters.received > 0 {
            None
        } else if indicator::says_no_route(indicators, text) {
            Some(Reason::NoRoute)
        } else {
            self.reply.all_unreachable(text, counters.sent).then_some(Reason::Unreachable)
        }
    }

    /// Takes the packets that were still on their way out of an aborted run's result.
    #[expect(clippy::too_many_arguments, reason = "the facts of one abort, used once")]
    fn settle(
        &self,
        result: &mut PingResult,
        counters: &Counters,
        text: &str,
        ping: &Ping,
        run: &Run,
        after: Duration,
        planned: bool,
    ) -> Result<(), Unread> {
        let answered = self.reply.answered(text);
        let (timed_out, given_up) = self.reply.timed_out(text);
        let plain = self.plain.as_ref().filter(|_| run.plain);
        let pending = Aborted {
            pacing: self.pacing,
            gap: self.gap,
            timeout: plain.map_or_else(|| self.effective_timeout(ping), |plain| plain.timeout),
            after,
            planned,
            sent: counters.sent,
            received: counters.received,
            average: counters.times.map(|[_, average, _]| Duration::from_secs_f64(average)),
            answered: &answered,
            timed_out,
            given_up: &given_up,
        }
        .pending();
        let asked = plain.map_or(ping.count, |plain| plain.count);
        result.complete = planned || (counters.received >= asked && counters.received >= counters.sent);
        match pending {
            Some(0) if counters.sent > 0 => {}
            Some(pending) => {
                let settled = counters.sent.saturating_sub(pending);
                if settled == 0 {
                    return Err(Failure::new(
                        Kind::Deadline,
                        Stage::Reply,
                        format!(
                            "the ping was aborted after {} before any packet had its time-out; give more time or a shorter time-out",
                            shown(after)
                        ),
                    )
                    .into());
                }
                *result = PingResult {
                    complete: result.complete,
                    pending: Some(pending),
                    plain: result.plain,
                    ..measured(&Counters { sent: settled, ..counters.clone() })
                };
            }
            None => result.loss = None,
        }
        Ok(())
    }
}

/// The error is the value as given, and what the platform takes.
fn check_source(commands: &Commands, source: &PingSource, target: IpAddr) -> Result<(), (String, String)> {
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
        _ if !commands.has(Slot::Source) && !commands.has(slot) => {
            let takes = if commands.has(other) { takes } else { "has no source option, leave it empty" };
            Err((value, takes.to_owned()))
        }
        PingSource::Address(address) if address.is_ipv4() != target.is_ipv4() => {
            Err((value, format!("needs an {family} source for an {family} target")))
        }
        _ => Ok(()),
    }
}

impl Commands {
    fn has(&self, slot: Slot) -> bool {
        self.command.has(slot) || self.before.iter().any(|template| template.has(slot))
    }
}

fn without_counters(indicators: &[Indicator], text: &str, ending: Ending) -> Result<PingResult, Unread> {
    match indicator::verdict(indicators, text) {
        Some(Verdict::NoRoute) => Ok(PingResult {
            up: 0,
            sent: None,
            received: None,
            loss: Some(100.0),
            rtt_min: None,
            rtt_avg: None,
            rtt_max: None,
            complete: true,
            pending: None,
            duplicates: None,
            reason: Some(Reason::NoRoute),
            plain: false,
        }),
        Some(Verdict::Failure(failure)) => Err(failure.into()),
        // What a shell echoed late, or a ping that was killed: asked again it may have counters.
        None if matches!(ending, Ending::Complete) => {
            Err(Unread { failure: unreadable(format!("no statistics in {:?}", excerpt(text))), not_ours: true })
        }
        None => Err(match ending {
            Ending::Complete => unreadable("no statistics".to_owned()),
            Ending::Aborted { after, .. } => Failure::new(
                Kind::Deadline,
                Stage::Reply,
                format!("the ping was aborted after {} and the router printed no counters", shown(after)),
            ),
            Ending::Cut => {
                Failure::new(Kind::Shell, Stage::Reply, "the session was lost before the router printed its counters")
            }
        }
        .into()),
    }
}

fn unreadable(why: String) -> Failure {
    Failure::new(Kind::Reply, Stage::Reply, format!("the router's answer to the ping was not understood: {why}"))
}

fn measured(counters: &Counters) -> PingResult {
    let Counters { sent, received, times } = *counters;
    let loss = 100.0 * f64::from(sent.saturating_sub(received)) / f64::from(sent.max(1));
    PingResult {
        up: u8::from(received > 0),
        sent: Some(sent),
        received: Some(received),
        loss: Some((loss * 1e4).round() / 1e4),
        rtt_min: times.map(|[min, _, _]| min),
        rtt_avg: times.map(|[_, avg, _]| avg),
        rtt_max: times.map(|[_, _, max]| max),
        complete: true,
        pending: None,
        duplicates: (received > sent).then(|| received - sent),
        reason: None,
        plain: false,
    }
}

/// A time for people: `40s`, `0.5s`.
fn shown(time: Duration) -> String {
    format!("{}s", time.as_secs_f64())
}
