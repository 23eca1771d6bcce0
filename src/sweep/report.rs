//! What is said of a line: its measurement, or why there is none, as values of the items of its host. Unchanged state text is said
//! once and then once per heartbeat; numbers always. Pure.

use super::table::Reported;
use crate::failure::Failure;
use crate::probe::{InterfaceResult, Measurement, PingResult, ProbeKind, Reason};
use crate::wire::Answers;
use crate::zabbix::sender::Value;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::time::Duration;

/// A longer message is cut.
const LONGEST_TEXT: usize = 1024;

/// Which items the values are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// `line.up`, `line.loss`, … of the template "Leased Line by SSH trapper".
    Template,
    /// The two of the earlier tool: loss in percent, and why there is none.
    DedicatedLine,
}

/// How it is said.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub items: Items,
    /// Unchanged text is said again after this.
    pub heartbeat: Duration,
}

/// What came of a check.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// The answers to the line's probes.
    Answered(&'a Answers),
    /// It could not be asked, and when that was clear, in seconds since 1970.
    Unasked(&'a Failure, f64),
}

impl Outcome<'_> {
    /// Why there is no measurement.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unasked(failure, _) => Some(failure),
            Self::Answered(answers) => {
                let ping = answers.answers.iter().find(|answer| answer.kind == ProbeKind::Ping)?;
                ping.outcome.as_ref().err()
            }
        }
    }

    fn time(&self) -> f64 {
        match self {
            Self::Unasked(_, time) => *time,
            Self::Answered(answers) => answers.time,
        }
    }

    fn ping(&self) -> Option<&PingResult> {
        let Self::Answered(answers) = self else { return None };
        answers.answers.iter().find_map(|answer| match &answer.outcome {
            Ok(Measurement::Ping(ping)) => Some(ping),
            _ => None,
        })
    }

    /// The router's own port, where the line has one.
    fn port(&self) -> Option<Result<&InterfaceResult, &Failure>> {
        let Self::Answered(answers) = self else { return None };
        answers.answers.iter().find_map(|answer| match &answer.outcome {
            Ok(Measurement::Interface(port)) => Some(Ok(port)),
            Err(failure) if answer.kind == ProbeKind::Interface => Some(Err(failure)),
            _ => None,
        })
    }

    fn message(&self) -> String {
        match (self.failure(), self.ping()) {
            (Some(failure), _) => failure.message.clone(),
            (None, None) => "not measured: the router could not be asked".to_owned(),
            (None, Some(ping)) if ping.up == 1 => "the far end answers".to_owned(),
            (None, Some(ping)) => match ping.reason {
                Some(Reason::NoRoute) => "the router has no route to the far end".to_owned(),
                Some(Reason::Unreachable) => "the router says that the far end is unreachable".to_owned(),
                Some(Reason::TooBig) => match ping.mtu {
                    Some(mtu) => format!("the packets are too big to leave unfragmented: a link takes {mtu} bytes"),
                    None => "the packets are too big to leave unfragmented".to_owned(),
                },
                None => "no packet came back".to_owned(),
            },
        }
    }
}

/// The values for a host; none where this was said before. `reported` is what was last said of the line, and is changed to what
/// is said now. `again`: an item of which the last text may not have arrived, so that it is said whether it has changed or not.
pub fn values(
    host: &str,
    outcome: Outcome<'_>,
    form: Form,
    again: &dyn Fn(&str) -> bool,
    reported: &mut Reported,
) -> Vec<Value> {
    let (clock, ns) = split(outcome.time());
    let measured = clock.saturating_mul(1_000_000_000).saturating_add(ns.into());
    if measured == reported.measured {
        return Vec::new();
    }
    reported.measured = measured;
    let (mut said, texts) = match form.items {
        Items::Template => (numbers(outcome), texts(outcome)),
        Items::DedicatedLine => {
            let loss = outcome.ping().and_then(|ping| ping.loss);
            let error = outcome.failure().map(|_| outcome.message()).unwrap_or_default();
            (
                loss.map(|loss| ("dedicatedLinePing", loss.to_string())).into_iter().collect(),
                vec![("dedicatedLineErrorDetail", error)],
            )
        }
    };
    let texts: Vec<_> = texts.into_iter().map(|(key, text)| (key, cut(text))).collect();
    let seconds = u32::try_from(clock).unwrap_or(u32::MAX);
    let heartbeat = u32::try_from(form.heartbeat.as_secs()).unwrap_or(u32::MAX);
    let hash = hash(&texts);
    // A clock that was set back says it once more.
    let is_due = seconds < reported.text_at || seconds - reported.text_at >= heartbeat;
    if hash != reported.text || is_due || texts.iter().any(|(key, _)| again(key)) {
        (reported.text, reported.text_at) = (hash, seconds);
        said.extend(texts);
    }
    if form.items == Items::Template {
        said.extend(traceroute(outcome).map(|text| ("line.traceroute", text)));
    }
    let value = |(key, value): (&str, String)| Value { host: host.to_owned(), key: key.to_owned(), value, clock, ns };
    said.into_iter().map(value).collect()
}

/// What [`values`] says only now and then.
pub(super) fn is_text(key: &str) -> bool {
    ["line.message", "line.port.message", "line.port.name", "dedicatedLineErrorDetail"].contains(&key)
}

fn texts(outcome: Outcome<'_>) -> Vec<(&'static str, String)> {
    let mut said = vec![("line.message", outcome.message())];
    match outcome.port() {
        None => {}
        Some(Err(failure)) => said.push(("line.port.message", failure.message.clone())),
        Some(Ok(port)) => {
            let what = match (port.admin, port.oper) {
                (Some(0), _) => "is shut down",
                (_, Some(0)) => "is down",
                (_, Some(_)) => "is up",
                (_, None) => "says nothing of its state",
            };
            said.push(("line.port.message", format!("{} {what}", port.name)));
            said.push((
                "line.port.name",
                match &port.description {
                    Some(description) => format!("{} ({description})", port.name),
                    None => port.name.clone(),
                },
            ));
        }
    }
    said
}

/// What a master found out since the check before; it tells it once.
fn traceroute(outcome: Outcome<'_>) -> Option<String> {
    let Outcome::Answered(answers) = outcome else { return None };
    answers.answers.iter().find_map(|answer| match &answer.outcome {
        Ok(Measurement::Traceroute(found)) => Some(found.text.clone()),
        Err(failure) if answer.kind == ProbeKind::Traceroute => Some(failure.message.clone()),
        _ => None,
    })
}

fn cut(mut text: String) -> String {
    // Zabbix would end the text there.
    text.retain(|c| c != '\0');
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(end);
    }
    text
}

fn numbers(outcome: Outcome<'_>) -> Vec<(&'static str, String)> {
    let mut said = vec![("line.state", outcome.failure().map_or(0, |failure| failure.kind.number()).to_string())];
    if let Some(ping) = outcome.ping() {
        said.push(("line.up", ping.up.to_string()));
        said.push(("line.complete", u8::from(ping.complete).to_string()));
        let counts = [("line.sent", ping.sent), ("line.received", ping.received), ("line.loss.burst", ping.loss_burst)];
        said.extend(counts.into_iter().filter_map(|(key, count)| Some((key, count?.to_string()))));
        let fractions = [
            ("line.loss", ping.loss),
            ("line.rtt.min", ping.rtt_min),
            ("line.rtt.avg", ping.rtt_avg),
            ("line.rtt.max", ping.rtt_max),
            ("line.rtt.p95", ping.rtt_p95),
            ("line.jitter", ping.jitter),
        ];
        said.extend(fractions.into_iter().filter_map(|(key, value)| Some((key, value?.to_string()))));
    }
    if let Some(Ok(port)) = outcome.port() {
        said.extend(port_numbers(port));
    }
    if let Outcome::Answered(answers) = outcome {
        let milliseconds = |seconds: f64| format!("{:.3}", seconds.max(0.0));
        said.push(("line.age", milliseconds(answers.age)));
        said.push(("line.elapsed", milliseconds(answers.elapsed)));
    }
    said
}

fn port_numbers(port: &InterfaceResult) -> impl Iterator<Item = (&'static str, String)> {
    // 2: somebody has shut it.
    let status = if port.admin == Some(0) { Some(2) } else { port.oper };
    // A port that went down keeps its rates for a while.
    let rate = |rate: Option<u64>| rate.filter(|_| port.oper == Some(1));
    [
        ("line.port.status", status.map(u64::from)),
        ("line.port.oper", port.oper.map(u64::from)),
        ("line.port.admin", port.admin.map(u64::from)),
        ("line.port.in.errors", port.in_errors),
        ("line.port.out.errors", port.out_errors),
        ("line.port.crc", port.crc),
        ("line.port.in.rate", rate(port.in_rate)),
        ("line.port.out.rate", rate(port.out_rate)),
        ("line.port.bandwidth", port.bandwidth),
        ("line.port.last.change", port.last_change),
    ]
    .into_iter()
    .filter_map(|(key, number)| Some((key, number?.to_string())))
}

/// Seconds and nanoseconds since 1970. As a float has it: to some hundred nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time since 1970, its fraction below one"
)]
fn split(time: f64) -> (u64, u32) {
    let time = time.max(0.0);
    (time as u64, ((time.fract() * 1e9) as u32).min(999_999_999))
}

/// Never 0, which is no text at all.
fn hash(texts: &[(&str, String)]) -> u64 {
    let mut hasher = SipHasher13::new();
    for (key, text) in texts {
        hasher.write(key.as_bytes());
        hasher.write_u8(0);
        hasher.write(text.as_bytes());
        // No text has it.
        hasher.write_u8(0xff);
    }
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests;
