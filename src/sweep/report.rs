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
mod tests {
    use super::*;
    use crate::failure::{Kind, Stage};
    use crate::probe::Answer;
    use crate::wire::Session;

    const FORM: Form = Form { items: Items::Template, heartbeat: Duration::from_secs(3600) };
    const OLD: Form = Form { items: Items::DedicatedLine, ..FORM };

    fn never(_: &str) -> bool {
        false
    }

    fn answers(up: u8, time: f64) -> Answers {
        let rtt = Some(0.0125).filter(|_| up == 1);
        let ping = PingResult {
            up,
            sent: Some(5),
            received: Some(5 * u32::from(up)),
            loss: Some(if up == 1 { 0.0 } else { 100.0 }),
            rtt_min: rtt,
            rtt_avg: rtt,
            rtt_max: rtt,
            rtt_p95: None,
            jitter: None,
            loss_burst: None,
            complete: true,
            pending: None,
            duplicates: None,
            reason: None,
            plain: false,
        };
        let answers = vec![Answer { kind: ProbeKind::Ping, outcome: Ok(Measurement::Ping(ping)) }];
        Answers { answers, time, age: 0.0, elapsed: 0.2504, session: Session::Reused, conversation: Vec::new() }
    }

    fn said(values: &[Value]) -> Vec<String> {
        values.iter().map(|value| format!("{}={}", value.key, value.value)).collect()
    }

    #[test]
    fn a_measurement_becomes_the_template_s_items_with_its_own_time() {
        let mut reported = Reported::default();
        let found = values("10.1.1.2", Outcome::Answered(&answers(1, 1_764_000_000.25)), FORM, &never, &mut reported);
        let expected = [
            "line.state=0",
            "line.up=1",
            "line.complete=1",
            "line.sent=5",
            "line.received=5",
            "line.loss=0",
            "line.rtt.min=0.0125",
            "line.rtt.avg=0.0125",
            "line.rtt.max=0.0125",
            "line.age=0.000",
            "line.elapsed=0.250",
            "line.message=the far end answers",
        ];
        assert_eq!(said(&found), expected);
        assert!(found.iter().all(|v| (v.host.as_str(), v.clock, v.ns) == ("10.1.1.2", 1_764_000_000, 250_000_000)));
        // The same measurement again is nothing new.
        assert_eq!(
            values("10.1.1.2", Outcome::Answered(&answers(1, 1_764_000_000.25)), FORM, &never, &mut reported),
            []
        );
    }

    #[test]
    fn text_is_said_when_it_changes_and_once_per_heartbeat_and_numbers_always() {
        let mut reported = Reported::default();
        let mut texts = |up: u8, time: f64| -> Vec<String> {
            let found = values("h", Outcome::Answered(&answers(up, time)), FORM, &never, &mut reported);
            assert!(found.len() >= 8);
            found.into_iter().filter(|value| value.key == "line.message").map(|value| value.value).collect()
        };
        assert_eq!(texts(1, 1000.0), ["the far end answers"]);
        assert_eq!(texts(1, 1180.0), [""; 0]);
        assert_eq!(texts(0, 1360.0), ["no packet came back"]);
        assert_eq!(texts(1, 1540.0), ["the far end answers"]);
        assert_eq!(texts(1, 1540.0 + 3599.0), [""; 0]);
        assert_eq!(texts(1, 1540.0 + 3600.0), ["the far end answers"]);
        assert_eq!(texts(1, 10.0), ["the far end answers"], "the clock was set back");
    }

    #[test]
    fn text_that_may_not_have_arrived_is_said_again_until_it_has() {
        let mut reported = Reported::default();
        let mut texts = |doubted: bool, time: f64| -> usize {
            let again = |key: &str| doubted && key == "line.message";
            let found = values("h", Outcome::Answered(&answers(1, time)), FORM, &again, &mut reported);
            found.iter().filter(|value| is_text(&value.key)).count()
        };
        assert_eq!(
            [texts(false, 1000.0), texts(true, 1060.0), texts(true, 1120.0), texts(false, 1180.0)],
            [1, 1, 1, 0]
        );
    }

    #[test]
    fn the_port_and_the_packets_are_said_where_the_router_prints_them() {
        let port = InterfaceResult {
            name: "Gi0/0/1".into(),
            admin: Some(1),
            oper: Some(1),
            description: Some("to Ghent".into()),
            in_errors: Some(7),
            in_rate: Some(64_000),
            out_rate: Some(0),
            last_change: Some(3600),
            ..InterfaceResult::default()
        };
        let with = |port: Result<InterfaceResult, Failure>, time: f64| {
            let mut answers = answers(1, time);
            let outcome = port.map(Measurement::Interface);
            answers.answers.insert(0, Answer { kind: ProbeKind::Interface, outcome });
            if let Ok(Measurement::Ping(ping)) = &mut answers.answers[1].outcome {
                (ping.rtt_p95, ping.jitter, ping.loss_burst) = (Some(0.5), Some(0.25), Some(2));
            }
            answers
        };
        let mut reported = Reported::default();
        let mut port_of = |port: Result<InterfaceResult, Failure>, time: f64| {
            let mut found = said(&values("h", Outcome::Answered(&with(port, time)), FORM, &never, &mut reported));
            found.retain(|value| {
                value.contains("port") || value.contains("p95") || value.contains("j") || value.contains("burst")
            });
            found
        };
        let expected = [
            "line.loss.burst=2",
            "line.rtt.p95=0.5",
            "line.jitter=0.25",
            "line.port.status=1",
            "line.port.oper=1",
            "line.port.admin=1",
            "line.port.in.errors=7",
            "line.port.in.rate=64000",
            "line.port.out.rate=0",
            "line.port.last.change=3600",
            "line.port.message=Gi0/0/1 is up",
            "line.port.name=Gi0/0/1 (to Ghent)",
        ];
        assert_eq!(port_of(Ok(port.clone()), 1.0), expected);
        assert_eq!(port_of(Ok(port.clone()), 2.0), expected[..10], "texts only when they change");
        let shut = InterfaceResult { admin: Some(0), oper: Some(0), ..port };
        let shut = port_of(Ok(shut), 3.0);
        assert!(
            shut.contains(&"line.port.status=2".into())
                && shut.contains(&"line.port.message=Gi0/0/1 is shut down".into())
        );
        assert!(!shut.iter().any(|value| value.contains("rate")), "{shut:?}");
        let failure = Failure::new(Kind::Rejected, Stage::Probe, "no such interface");
        let failed = port_of(Err(failure), 4.0);
        assert_eq!(failed[3..], ["line.port.message=no such interface"], "{failed:?}");
    }

    #[test]
    fn a_failure_is_a_number_and_a_text_and_never_a_line_that_is_down() {
        let failure = Failure::new(Kind::Auth, Stage::Login, "router 192.0.2.1 refused user ddl");
        let found = values("h", Outcome::Unasked(&failure, 5.0), FORM, &never, &mut Reported::default());
        assert_eq!(said(&found), ["line.state=3", "line.message=router 192.0.2.1 refused user ddl"]);
    }

    #[test]
    fn the_earlier_tool_s_two_items_are_loss_and_error() {
        let mut reported = Reported::default();
        let found = values("h", Outcome::Answered(&answers(0, 5.0)), OLD, &never, &mut reported);
        assert_eq!(said(&found), ["dedicatedLinePing=100", "dedicatedLineErrorDetail="]);
        let failure = Failure::new(Kind::Connect, Stage::Connect, "no answer");
        let found = values("h", Outcome::Unasked(&failure, 6.0), OLD, &never, &mut reported);
        assert_eq!(said(&found), ["dedicatedLineErrorDetail=no answer"]);
    }
}
