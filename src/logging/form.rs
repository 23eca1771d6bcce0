//! The two forms of a log line. A line is one line, whatever a router put into a message.

use crate::quote::{is_hidden, visible_but};
use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde::Serializer as _;
use serde::ser::SerializeMap;
use std::borrow::Cow;
use std::io::{self, Write};

/// `2026-11-25T13:00:00.123Z WARN  [4711] master: login refused router=192.0.2.1:22`
pub(super) fn text(line: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let (time, level) = (line.timestamp_millis(), record.level());
    let style = line.default_level_style(level);
    let (pid, module) = (std::process::id(), module(record));
    write!(line, "{time} {style}{level:<5}{style:#} [{pid}] {module}: {}", printable(&record.args().to_string()))?;
    record.key_values().visit(&mut Text(line)).map_err(io::Error::other)?;
    writeln!(line)
}

struct Text<'a>(&'a mut Formatter);

impl<'kvs> VisitSource<'kvs> for Text<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = value.to_string();
        if value.is_empty() || value.contains(|c: char| c.is_whitespace() || is_hidden(c) || c == '"') {
            write!(self.0, " {key}={value:?}")?;
        } else {
            write!(self.0, " {key}={value}")?;
        }
        Ok(())
    }
}

/// The same as members of one JSON object.
pub(super) fn json(line: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let mut text = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut text);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("time", &line.timestamp_millis().to_string())?;
    map.serialize_entry("level", record.level().as_str().to_ascii_lowercase().as_str())?;
    map.serialize_entry("pid", &std::process::id())?;
    map.serialize_entry("module", module(record))?;
    map.serialize_entry("message", &shown(&record.args().to_string()))?;
    record.key_values().visit(&mut Json(&mut map)).map_err(io::Error::other)?;
    map.end()?;
    text.push(b'\n');
    line.write_all(&text)
}

struct Json<'a, M>(&'a mut M);

impl<'kvs, M: SerializeMap> VisitSource<'kvs> for Json<'_, M> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let taken = ["time", "level", "pid", "module", "message"].contains(&key.as_str());
        let key = if taken { Cow::Owned(format!("{key}_")) } else { Cow::Borrowed(key.as_str()) };
        let entry = if let Some(value) = value.to_bool() {
            self.0.serialize_entry(&key, &value)
        } else if let Some(value) = value.to_u64() {
            self.0.serialize_entry(&key, &value)
        } else if let Some(value) = value.to_i64() {
            self.0.serialize_entry(&key, &value)
        } else if let Some(value) = value.to_f64() {
            self.0.serialize_entry(&key, &value)
        } else {
            self.0.serialize_entry(&key, &shown(&value.to_string()))
        };
        entry.map_err(|_| Error::msg("a pair that is no JSON"))
    }
}

/// Where it was logged, without what all lines share.
fn module<'a>(record: &'a Record<'_>) -> &'a str {
    let target = record.target();
    target.strip_prefix(concat!(env!("CARGO_CRATE_NAME"), "::")).unwrap_or(target)
}

/// Hidden characters escaped: no second line, no escape sequence.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    shown.into()
}

/// For JSON, which escapes the first controls itself.
fn shown(text: &str) -> Cow<'_, str> {
    visible_but(text, "\n\r\t")
}
