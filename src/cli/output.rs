//! What is printed: one line of JSON for Zabbix, a short summary for people, or one value of the document (`--item`).

use super::format::Format;
use super::path;
use super::port;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::Address;
use crate::probe::{Answer, Measurement, PingResult, ProbeKind, Reason};
use crate::quote::visible;
use crate::wire::{Reply, Said, Session};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// A router as people write it: without the port when it is SSH's own.
pub(super) fn router_name(address: &Address) -> String {
    address.short()
}

/// One line's answer. What an argument did not say is absent.
pub(super) struct Document {
    pub(super) line: Option<String>,
    pub(super) target: Option<String>,
    pub(super) router: Option<String>,
    pub(super) platform: Option<String>,
    /// When it was measured, seconds since 1970.
    pub(super) time: f64,
    /// How old the measurement is, in seconds.
    pub(super) age: f64,
    /// How long this run took, in seconds.
    pub(super) elapsed: f64,
    pub(super) session: Option<Session>,
    /// Ping is the one whose failure is the document's.
    pub(super) answers: Result<Vec<Answer>, Failure>,
}

impl Document {
    /// Why the line was not measured, if it was not.
    pub(super) fn failure(&self) -> Option<&Failure> {
        match &self.answers {
            Err(failure) => Some(failure),
            Ok(answers) => answers.iter().find(|a| a.kind == ProbeKind::Ping).and_then(|a| a.outcome.as_ref().err()),
        }
    }

    /// Why there is nothing at a dotted path: the failure of its own member, else the line's.
    fn failure_of(&self, path: &str) -> Option<&Failure> {
        let member = path.split('.').next().unwrap_or_default();
        let own = self.answers.iter().flatten().find(|answer| answer.kind.name() == member);
        own.map_or_else(|| self.failure(), |answer| answer.outcome.as_ref().err())
    }
}

/// `42s`, `3m07s`, `2h05m`, `3d04h`.
pub(super) fn age(seconds: f64) -> String {
    let s = Duration::from_secs_f64(seconds.clamp(0.0, 1e12)).as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86400 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d{:02}h", s / 86400, s % 86400 / 3600),
    }
}

/// Milliseconds are enough, and no binary fractions are printed.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in
            [("line", &self.line), ("target", &self.target), ("router", &self.router), ("platform", &self.platform)]
        {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        let failure = self.failure();
        map.serialize_entry("state", &failure.map_or(0, |failure| failure.kind.number()))?;
        map.serialize_entry("time", &rounded(self.time))?;
        map.serialize_entry("age", &rounded(self.age))?;
        map.serialize_entry("elapsed", &rounded(self.elapsed))?;
        if let Some(session) = self.session {
            map.serialize_entry("session", &session)?;
        }
        for answer in self.answers.iter().flatten() {
            match &answer.outcome {
                Ok(measurement) => map.serialize_entry(answer.kind.name(), measurement)?,
                Err(_) if answer.kind == ProbeKind::Ping => {}
                Err(failure) => map.serialize_entry(answer.kind.name(), &serde_json::json!({ "failure": failure }))?,
            }
        }
        if let Some(failure) = failure {
            map.serialize_entry("failure", failure)?;
        }
        map.end()
    }
}

/// Writes to stdout. A reader that went away is not our failure.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints a value as one line of JSON.
pub(super) fn print_json<T: Serialize>(value: &T) -> io::Result<()> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    print(&line)
}

/// Prints the document; the exit code says whether what was asked for could be printed.
pub(super) fn print_document(
    document: &Document,
    format: Format,
    item: Option<&str>,
    colour: bool,
) -> io::Result<ExitCode> {
    if let Some(path) = item {
        return print_item(&serde_json::to_value(document)?, document.failure_of(path), path);
    }
    match format {
        Format::Json => print_json(document)?,
        Format::Text => print(&summary(document, colour))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The bare value at a dotted path; `kind: message` and exit 1 where there is none.
fn print_item(whole: &serde_json::Value, failure: Option<&Failure>, path: &str) -> io::Result<ExitCode> {
    let value = path.split('.').try_fold(whole, |value, name| value.get(name));
    let text = match value {
        Some(serde_json::Value::String(text)) => one_line(text),
        Some(value) => value.to_string(),
        None => {
            let why = match failure {
                Some(failure) => one_line(&failure.to_string()),
                None if path.split('.').next() == Some("traceroute") && whole.get("traceroute").is_none() => {
                    "settings: no traceroute came with this answer; with --evidence one comes once, after the line went down"
                        .to_owned()
                }
                None if path.starts_with("ping.") && whole["ping"]["up"] == 0 => {
                    format!("down: nothing came back, so there is no {}", one_line(path))
                }
                None => format!("settings: --item {}: this answer has no such field", one_line(path)),
            };
            print(&format!("{why}\n"))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Messages quote routers; a line stays a line.
pub(super) fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible(&text).into_owned()
}

/// Lays out a table for people: every column as wide as its widest cell. Cells may come from files that another user wrote, so
/// hidden characters are escaped.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let shown = |row: &[String; N]| row.each_ref().map(|cell| visible(cell).into_owned());
    let rows: Vec<[String; N]> = rows.iter().map(shown).collect();
    let widths: [usize; N] = std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What `parse` prints: the same members that `poll` prints for the same text.
pub(super) fn print_parsed(
    platform: &str,
    outcome: Result<Measurement, Failure>,
    format: Format,
    item: Option<&str>,
    colour: bool,
) -> io::Result<ExitCode> {
    let parsed = Parsed { platform, outcome: &outcome };
    match (format, item) {
        (_, Some(path)) => print_item(&serde_json::to_value(&parsed)?, outcome.as_ref().err(), path),
        (Format::Json, None) => print_json(&parsed).map(|()| ExitCode::SUCCESS),
        (Format::Text, None) => {
            let paint = Paint(colour);
            let mut text = String::new();
            match &outcome {
                Ok(measurement) => summarize(&mut text, measurement, &paint),
                Err(failure) => {
                    let _ = writeln!(text, "  {}  {}", paint.warning("not measured"), one_line(&failure.to_string()));
                }
            }
            print(&text).map(|()| ExitCode::SUCCESS)
        }
    }
}

struct Parsed<'a> {
    platform: &'a str,
    outcome: &'a Result<Measurement, Failure>,
}

impl Serialize for Parsed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("platform", self.platform)?;
        match self.outcome {
            Ok(measurement) => {
                map.serialize_entry("state", &0)?;
                map.serialize_entry(measurement.kind().name(), measurement)?;
            }
            Err(failure) => {
                map.serialize_entry("state", &failure.kind.number())?;
                map.serialize_entry("failure", failure)?;
            }
        }
        map.end()
    }
}

/// Colours for people, or none.
pub(super) struct Paint(bool);

impl Paint {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(super) fn good(&self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default().bold(), text)
    }

    pub(super) fn warning(&self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default().bold(), text)
    }

    pub(super) fn bad(&self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }
}

fn summary(document: &Document, colour: bool) -> String {
    let paint = Paint(colour);
    let mut text = String::new();
    let part = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
    let line = part(&document.line);
    let target = part(&document.target);
    let name = if line == target { target } else { format!("{line}  {target}") };
    let _ = writeln!(text, "{name}  from {} ({})", part(&document.router), part(&document.platform));
    for answer in document.answers.iter().flatten() {
        match &answer.outcome {
            Ok(measurement) => summarize(&mut text, measurement, &paint),
            Err(failure) => {
                let _ = writeln!(text, "  {}  {}", paint.warning(answer.kind.name()), one_line(&failure.to_string()));
            }
        }
    }
    if let Err(failure) = &document.answers {
        let _ = writeln!(text, "  {}  {}", paint.warning("not measured"), one_line(&failure.to_string()));
    }
    if let Some(retry_in) = document.failure().and_then(|failure| failure.retry_in) {
        let _ = writeln!(text, "  the next login is tried in {retry_in:.0} s");
    }
    let _ = write!(text, "  {:.3} s", document.elapsed);
    if let Some(session) = document.session {
        let how = match session {
            Session::Opened => "session opened",
            Session::Reused => "session reused",
            Session::Cached => "served from memory",
        };
        let _ = write!(text, ", {how}");
    }
    if document.age >= 0.001 {
        let _ = write!(text, ", measured {:.1} s ago", document.age);
    }
    text.push('\n');
    text
}

fn summarize(text: &mut String, measurement: &Measurement, paint: &Paint) {
    match measurement {
        Measurement::Ping(ping) => summarize_ping(text, ping, paint),
        Measurement::Interface(interface) => port::summarize(text, interface, paint),
        Measurement::Traceroute(traceroute) => path::summarize(text, traceroute, paint),
    }
}

fn summarize_ping(text: &mut String, ping: &PingResult, paint: &Paint) {
    let word = match (ping.up, ping.loss) {
        (0, _) => paint.bad("down"),
        (_, Some(loss)) if loss > 0.0 => paint.warning("up"),
        _ => paint.good("up"),
    };
    let _ = write!(text, "  {word}");
    if let (Some(received), Some(sent)) = (ping.received, ping.sent) {
        let _ = write!(text, "  {received} of {sent} came back");
    }
    if let Some(loss) = ping.loss {
        let _ = write!(text, ", loss {} %", (loss * 100.0).round() / 100.0);
    }
    if let (Some(min), Some(avg), Some(max)) = (ping.rtt_min, ping.rtt_avg, ping.rtt_max) {
        let ms = |seconds: f64| (seconds * 1_000_000.0).round() / 1000.0;
        let _ = write!(text, ", {}/{}/{} ms (min/avg/max)", ms(min), ms(avg), ms(max));
    }
    match ping.reason {
        Some(Reason::NoRoute) => text.push_str(", the router has no route to it"),
        Some(Reason::Unreachable) => text.push_str(", the router says it is unreachable"),
        Some(Reason::TooBig) => text.push_str(", the packets are too big to leave unfragmented"),
        None => {}
    }
    if let Some(mtu) = ping.mtu {
        let _ = write!(text, " (a link takes {mtu} bytes)");
    }
    if let Some(pending) = ping.pending {
        let _ = write!(text, ", {pending} more {} still under way", if pending == 1 { "was" } else { "were" });
    }
    if !ping.complete {
        // A ping that goes on has no counters yet.
        text.push_str(if ping.sent.is_some() {
            ", cut short"
        } else {
            ", not finished in time: the next poll has the counters"
        });
    }
    if ping.plain {
        text.push_str(", plain ping: the router took no options");
    }
    text.push('\n');
}

/// The failure in a master's reply, its conversation shown.
pub(super) fn failure_of(reply: Reply) -> Failure {
    let (failure, said) = failure_and_said(reply);
    print_conversation(&said);
    failure
}

/// The failure in a master's reply, and its conversation.
pub(super) fn failure_and_said(reply: Reply) -> (Failure, Vec<Said>) {
    match reply {
        Reply::Failed { failure, conversation } => (failure, conversation),
        other => {
            let message = format!("the master answered something else: {other:?}");
            (Failure::new(Kind::Master, Stage::Reply, message), Vec::new())
        }
    }
}

/// What was said on the router's line, for `-v`.
pub(super) fn print_conversation(said: &[Said]) {
    let mut stderr = io::stderr().lock();
    for piece in said {
        for line in piece.text.lines() {
            let _ = writeln!(stderr, "{} {line}", if piece.ours { ">" } else { "<" });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        assert_eq!([5.0, 187.0, 7500.0, 273_600.0].map(age), ["5s", "3m07s", "2h05m", "3d04h"]);
        assert_eq!(age(-3.0), "0s");
    }

    #[test]
    fn columns_line_up() {
        let rows = [["A", "B"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "A     B\nlong  x\n");
        assert_eq!(columns(&[["a\u{1b}]0;x\u{7}\u{202e}".to_owned()]]), "a\\u{1b}]0;x\\u{7}\\u{202e}\n");
    }
}
