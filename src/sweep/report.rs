//! What is said of a line: its measurement, or why there is none, as values of the items of its host. Unchanged state text is said
//! once and then once per heartbeat; numbers always. Pure.

use super::table::Reported;
use crate::failure::Failure;
use crate::probe::{Measurement, PingResult, ProbeKind, Reason};
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

    fn text(&self) -> String {
        let mut text = match (self.failure(), self.ping()) {
            (Some(failure), _) => failure.message.clone(),
            (None, None) => "not measured: the router could not be asked".to_owned(),
            (None, Some(ping)) if ping.up == 1 => "the far end answers".to_owned(),
            (None, Some(ping)) => match ping.reason {
                Some(Reason::NoRoute) => "the router has no route to the far end".to_owned(),
                Some(Reason::Unreachable) => "the router says that the far end is unreachable".to_owned(),
                None => "no packet came back".to_owned(),
            },
        };
        if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
            text.truncate(end);
        }
        text
    }
}

/// The values for a host; none where this was said before. `reported` is what was last said of the line, and is changed to what
/// is said now.
pub fn values(host: &str, outcome: Outcome<'_>, form: Form, reported: &mut Reported) -> Vec<Value> {
    let (clock, ns) = split(outcome.time());
    let measured = clock.saturating_mul(1_000_000_000).saturating_add(ns.into());
    if measured == reported.measured {
        return Vec::new();
    }
    reported.measured = measured;
    let mut said = match form.items {
        Items::Template => numbers(outcome),
        Items::DedicatedLine => {
            let loss = outcome.ping().and_then(|ping| ping.loss);
            loss.map(|loss| ("dedicatedLinePing", loss.to_string())).into_iter().collect()
        }
    };
    let (key, text) = match form.items {
        Items::Template => ("line.message", outcome.text()),
        Items::DedicatedLine => {
            ("dedicatedLineErrorDetail", outcome.failure().map(|_| outcome.text()).unwrap_or_default())
        }
    };
    let seconds = u32::try_from(clock).unwrap_or(u32::MAX);
    let heartbeat = u32::try_from(form.heartbeat.as_secs()).unwrap_or(u32::MAX);
    let hash = hash(key, &text);
    // A clock that was set back says it once more.
    let is_due = seconds < reported.text_at || seconds - reported.text_at >= heartbeat;
    if hash != reported.text || is_due {
        (reported.text, reported.text_at) = (hash, seconds);
        said.push((key, text));
    }
    let value = |(key, value): (&str, String)| Value { host: host.to_owned(), key: key.to_owned(), value, clock, ns };
    said.into_iter().map(value).collect()
}

fn numbers(outcome: Outcome<'_>) -> Vec<(&'static str, String)> {
    let mut said = vec![("line.state", outcome.failure().map_or(0, |failure| failure.kind.number()).to_string())];
    if let Some(ping) = outcome.ping() {
        said.push(("line.up", ping.up.to_string()));
        said.push(("line.complete", u8::from(ping.complete).to_string()));
        for (key, count) in [("line.sent", ping.sent), ("line.received", ping.received)] {
            said.extend(count.map(|count| (key, count.to_string())));
        }
        let fractions = [
            ("line.loss", ping.loss),
            ("line.rtt.min", ping.rtt_min),
            ("line.rtt.avg", ping.rtt_avg),
            ("line.rtt.max", ping.rtt_max),
        ];
        said.extend(fractions.into_iter().filter_map(|(key, value)| Some((key, value?.to_string()))));
    }
    if let Outcome::Answered(answers) = outcome {
        let milliseconds = |seconds: f64| format!("{:.3}", seconds.max(0.0));
        said.push(("line.age", milliseconds(answers.age)));
        said.push(("line.elapsed", milliseconds(answers.elapsed)));
    }
    said
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
fn hash(key: &str, text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(key.as_bytes());
    hasher.write_u8(0);
    hasher.write(text.as_bytes());
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
        let found = values("10.1.1.2", Outcome::Answered(&answers(1, 1_764_000_000.25)), FORM, &mut reported);
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
        assert_eq!(values("10.1.1.2", Outcome::Answered(&answers(1, 1_764_000_000.25)), FORM, &mut reported), []);
    }

    #[test]
    fn text_is_said_when_it_changes_and_once_per_heartbeat_and_numbers_always() {
        let mut reported = Reported::default();
        let mut texts = |up: u8, time: f64| -> Vec<String> {
            let found = values("h", Outcome::Answered(&answers(up, time)), FORM, &mut reported);
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
    fn a_failure_is_a_number_and_a_text_and_never_a_line_that_is_down() {
        let failure = Failure::new(Kind::Auth, Stage::Login, "router 192.0.2.1 refused user ddl");
        let found = values("h", Outcome::Unasked(&failure, 5.0), FORM, &mut Reported::default());
        assert_eq!(said(&found), ["line.state=3", "line.message=router 192.0.2.1 refused user ddl"]);
    }

    #[test]
    fn the_earlier_tool_s_two_items_are_loss_and_error() {
        let mut reported = Reported::default();
        let found = values("h", Outcome::Answered(&answers(0, 5.0)), OLD, &mut reported);
        assert_eq!(said(&found), ["dedicatedLinePing=100", "dedicatedLineErrorDetail="]);
        let failure = Failure::new(Kind::Connect, Stage::Connect, "no answer");
        let found = values("h", Outcome::Unasked(&failure, 6.0), OLD, &mut reported);
        assert_eq!(said(&found), ["dedicatedLineErrorDetail=no answer"]);
    }
}
