//! What a batch prints: what is the same for all lines once, then each line as `poll` would print it.

use crate::cli::output::{Document, columns, one_line, rounded};
use crate::cli::port;
use crate::failure::{Failure, Kind, Stage};
use crate::probe::{Measurement, ProbeKind};
use crate::wire::{Answers, Batch, Session};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// A line's message is cut after so many bytes: all of them together must fit a value of Zabbix.
const MESSAGE: usize = 160;

pub(super) struct BatchDocument {
    pub(super) router: Option<String>,
    pub(super) address: Option<String>,
    pub(super) platform: Option<String>,
    /// Why the router could not be asked.
    pub(super) failure: Option<Failure>,
    /// Seconds since 1970.
    pub(super) time: f64,
    /// How long this run took, in seconds.
    pub(super) elapsed: f64,
    pub(super) lanes: usize,
    pub(super) session_age: Option<f64>,
    pub(super) lines: Vec<Row>,
}

pub(super) struct Row {
    pub(super) id: String,
    pub(super) target: String,
    pub(super) answer: RowAnswer,
}

pub(super) enum RowAnswer {
    Line(Document),
    /// The router could not be asked: it says why, once.
    Unasked(Kind),
}

/// The line's place in the inventory, and its far end.
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) target: String,
}

/// Why no line of the router could be asked, if so: its own failure counts unless one of its lines was answered since. What an
/// earlier batch left for this one was asked before the router failed.
pub(super) fn router_failure(batch: &Batch) -> Option<Failure> {
    let since = |answers: &&Answers| batch.failure.is_none() || answers.age == 0.0;
    let new = |answers: &&Answers| answers.session != Session::Cached;
    let fresh = || batch.lines.iter().flatten().filter(new).filter(since);
    let failures = || fresh().flat_map(|answers| &answers.answers).map(|answer| answer.outcome.as_ref().err());
    let is_lines = |failure: &Failure| !failure.kind.is_of_router() && failure.kind != Kind::Deadline;
    if failures().any(|failure| failure.is_none_or(is_lines)) {
        return None;
    }
    let of_all_lines = failures().flatten().last();
    batch.failure.as_ref().or(of_all_lines).cloned()
}

/// The rows of a batch that the master answered. Of a router that could not be asked no old numbers are shown: they would look
/// as if the line were known to be up.
pub(super) fn rows(asked: Vec<Asked>, batch: Batch, time: f64) -> (Option<Failure>, Vec<Row>) {
    let failure = router_failure(&batch);
    // What the router's own failure is to a line that it left unanswered.
    let kind = failure.as_ref().or(batch.failure.as_ref()).map(|failure| failure.kind);
    let rows = asked.into_iter().zip(batch.lines.into_iter().chain(std::iter::repeat_with(|| None)));
    let rows = rows.map(|(Asked { id, target }, answers)| {
        let is_old = |answers: &Answers| failure.is_some() && answers.session == Session::Cached;
        let answer = match (answers.filter(|answers| !is_old(answers)), kind) {
            (Some(answers), _) => RowAnswer::Line(line(&target, answers)),
            (None, Some(kind)) => RowAnswer::Unasked(kind),
            (None, None) => RowAnswer::Line(not_yet(&target, time)),
        };
        Row { id, target, answer }
    });
    let rows = rows.collect();
    (failure, rows)
}

fn line(target: &str, mut answers: Answers) -> Document {
    for failure in answers.answers.iter_mut().filter_map(|answer| answer.outcome.as_mut().err()) {
        if failure.message.len() > MESSAGE {
            let ends = failure.message.char_indices().map(|(at, c)| at + c.len_utf8());
            let end = ends.take_while(|end| *end <= MESSAGE).last().unwrap_or_default();
            failure.message.truncate(end);
            failure.message.push('…');
        }
    }
    Document {
        line: None,
        target: Some(target.to_owned()),
        router: None,
        platform: None,
        time: answers.time,
        age: answers.age,
        elapsed: answers.elapsed,
        session: Some(answers.session),
        answers: Ok(answers.answers),
    }
}

fn not_yet(target: &str, time: f64) -> Document {
    let failure = Failure::new(Kind::Deadline, Stage::Probe, "not reached in time; the next batch has it");
    Document {
        line: None,
        target: Some(target.to_owned()),
        router: None,
        platform: None,
        time,
        age: 0.0,
        elapsed: 0.0,
        session: None,
        answers: Err(failure),
    }
}

impl Serialize for BatchDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in [("router", &self.router), ("address", &self.address), ("platform", &self.platform)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.serialize_entry("state", &self.failure.as_ref().map_or(0, |failure| failure.kind.number()))?;
        map.serialize_entry("time", &rounded(self.time))?;
        map.serialize_entry("elapsed", &rounded(self.elapsed))?;
        map.serialize_entry("lanes", &self.lanes)?;
        if let Some(age) = self.session_age {
            map.serialize_entry("session_age", &rounded(age))?;
        }
        if let Some(failure) = &self.failure {
            map.serialize_entry("failure", failure)?;
        }
        map.serialize_entry("lines", &Rows(&self.lines))?;
        map.end()
    }
}

struct Rows<'a>(&'a [Row]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|row| (&row.id, row)))
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.answer {
            RowAnswer::Line(document) => document.serialize(serializer),
            RowAnswer::Unasked(kind) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("target", &self.target)?;
                map.serialize_entry("state", &kind.number())?;
                map.end()
            }
        }
    }
}

/// A table for people.
pub(super) fn summary(document: &BatchDocument) -> String {
    let part = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
    let mut text =
        format!("{} at {} ({})\n", part(&document.router), part(&document.address), part(&document.platform));
    if let Some(failure) = &document.failure {
        text.push_str(&format!("  not measured  {}\n", one_line(&failure.to_string())));
        if let Some(retry_in) = failure.retry_in {
            text.push_str(&format!("  the next login is tried in {retry_in:.0} s\n"));
        }
    }
    let mut table = vec![["LINE", "TARGET", "IS", "LOSS", "RTT", "AGE", ""].map(str::to_owned)];
    table.extend(document.lines.iter().map(Row::cells));
    if table.len() > 1 {
        text.push_str(&columns(&table));
    }
    let age = document.session_age.map_or(String::new(), |age| format!(", the oldest logged in {age:.0} s ago"));
    let lanes = if document.lanes == 1 { "1 lane".to_owned() } else { format!("{} lanes", document.lanes) };
    text.push_str(&format!("  {:.3} s, {lanes}{age}\n", document.elapsed));
    text
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let none = String::new;
        let (id, target) = (self.id.clone(), self.target.clone());
        let RowAnswer::Line(document) = &self.answer else {
            return [id, target, "unknown".into(), none(), none(), none(), none()];
        };
        let age = if document.age < 0.001 { none() } else { format!("{:.1} s", document.age) };
        if let Some(failure) = document.failure() {
            let why = one_line(&failure.to_string());
            return [id, target, "unknown".into(), none(), none(), age, why];
        }
        let port = document.answers.iter().flatten().find(|answer| answer.kind == ProbeKind::Interface);
        let port = port.map_or(none(), |answer| match &answer.outcome {
            Ok(Measurement::Interface(found)) => port::trouble(found)
                .map_or(none(), |trouble| format!("our port {} is {trouble}", one_line(&found.name))),
            Ok(_) => none(),
            Err(failure) => format!("our port: {}", one_line(&failure.to_string())),
        });
        for answer in document.answers.iter().flatten() {
            let Ok(Measurement::Ping(ping)) = &answer.outcome else { continue };
            let is = if ping.up == 0 { "down" } else { "up" };
            let loss = ping.loss.map_or(none(), |loss| format!("{} %", (loss * 100.0).round() / 100.0));
            let rtt = ping.rtt_avg.map_or(none(), |rtt| format!("{} ms", (rtt * 1_000_000.0).round() / 1000.0));
            return [id, target, is.into(), loss, rtt, age, port];
        }
        [id, target, none(), none(), none(), age, port]
    }
}

#[cfg(test)]
mod tests;
