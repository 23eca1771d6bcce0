//! A TOML file of routers and lines, as drafts: `[[router]]` and `[[line]]`.

use super::draft::{Draft, Field};
use super::key::{Bare, Key, Kind};
use super::mistake::{Findings, Place};
use super::text::Lines;
use crate::quote::quoted;
use crate::settings::suggestion::nearest;
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

struct File<'a> {
    name: &'a Rc<str>,
    lines: Lines,
}

impl File<'_> {
    fn line(&self, line: usize) -> Place {
        Place { file: Rc::clone(self.name), line }
    }

    fn place<T>(&self, at: &Spanned<T>) -> Place {
        self.line(self.lines.number(at.span().start))
    }
}

pub(super) fn drafts(name: &Rc<str>, bytes: &[u8], findings: &mut Findings) -> Vec<Draft> {
    let mut file = File { name, lines: Lines::of(bytes) };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(e) => {
            findings.torn(&file.line(file.lines.number(e.valid_up_to())), "not valid UTF-8, which TOML has to be");
            return Vec::new();
        }
    };
    file.lines = Lines::of(text.as_bytes());
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = file.lines.number(error.span().unwrap_or_default().start);
        findings.torn(&file.line(line), error.message().trim().replace('\n', ", "));
    }
    let mut drafts = Vec::new();
    for (key, value) in table.get_ref() {
        let kind = match key.get_ref().as_ref() {
            "router" => Kind::Router,
            "line" => Kind::Line,
            other => {
                findings.mistake(&file.place(key), unknown_table(other));
                continue;
            }
        };
        match value.get_ref() {
            DeValue::Array(records) => {
                for record in records {
                    match record.get_ref() {
                        DeValue::Table(keys) => drafts.push(draft(kind, file.place(record), keys, &file, findings)),
                        _ => findings.mistake(&file.place(record), brackets(kind)),
                    }
                }
            }
            _ => findings.mistake(&file.place(key), brackets(kind)),
        }
    }
    // Routers and lines as they are mixed in the file.
    drafts.sort_by_key(|draft| draft.place.line);
    drafts
}

fn unknown_table(name: &str) -> String {
    let shown = quoted(name);
    match nearest(name, ["router", "line"]) {
        Some(meant) => format!("nothing is called {shown} here, did you mean [[{meant}]]?"),
        None => format!("nothing is called {shown} here; there are [[router]] and [[line]]"),
    }
}

fn brackets(kind: Kind) -> String {
    let name = kind.name();
    format!("write [[{name}]] and the {name}'s keys below it, once for each {name}")
}

fn draft(kind: Kind, place: Place, keys: &DeTable<'_>, file: &File<'_>, findings: &mut Findings) -> Draft {
    let mut draft = Draft::new(kind, place);
    for (name, value) in keys {
        let place = file.place(name);
        let name = name.get_ref().as_ref();
        match kind.key(name) {
            Some(key) => match text(key, value.get_ref()) {
                Ok(value) if value.is_empty() => {}
                Ok(value) => draft.fields.push(Field { key, value, place }),
                Err(what) => findings.mistake(&place, what),
            },
            None if kind == Kind::Line && name == "tags" => tags(&mut draft, value, &place, file, findings),
            None => findings.mistake(&place, kind.unknown("key", name, "tags")),
        }
    }
    draft
}

fn tags(draft: &mut Draft, value: &Spanned<DeValue<'_>>, place: &Place, file: &File<'_>, findings: &mut Findings) {
    const FORM: &str = r#"tags are written as tags = { site = "Bern", customer = "ACME" }"#;
    let DeValue::Table(tags) = value.get_ref() else { return findings.mistake(place, FORM) };
    for (name, value) in tags {
        match scalar(value.get_ref()) {
            Some(text) => draft.tags.push((name.get_ref().to_string(), text, file.place(name))),
            None => findings.mistake(&file.place(name), FORM),
        }
    }
}

/// The text of a value, if its type is one that the key takes.
fn text(key: &Key, value: &DeValue<'_>) -> Result<String, String> {
    let taken = match value {
        DeValue::String(_) => true,
        DeValue::Integer(_) | DeValue::Float(_) => key.bare == Bare::Number,
        DeValue::Boolean(_) => key.bare == Bare::YesOrNo,
        _ => false,
    };
    if let Some(text) = scalar(value).filter(|_| taken) {
        return Ok(text);
    }
    if taken {
        return Err(format!("{} is a number that is too large", key.name));
    }
    let kind = match value.type_str() {
        kind @ ("integer" | "array") => format!("an {kind}"),
        kind => format!("a {kind}"),
    };
    let bare = match key.bare {
        Bare::Nothing => "",
        Bare::Number => ", or a number",
        Bare::YesOrNo => ", true or false",
    };
    Err(format!("{} is {kind}: allowed is text in quotes{bare}", key.name))
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
