//! A CSV file of lines or of routers, as drafts: RFC 4180, and what spreadsheets make of it (a mark at the beginning, semicolons or
//! tabs, blanks around a value, empty columns and rows).

use super::draft::{Draft, Field};
use super::key::{Key, Kind};
use super::mistake::{Findings, Place};
use super::text::Lines;
use crate::quote::quoted;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The most rows of one file: more than any network has lines.
pub(super) const ROWS: usize = 200_000;
const SEPARATORS: [u8; 3] = *b",;\t";

/// What a column is.
enum Column {
    Key(&'static Key),
    Tag(String),
    /// Its header is empty, or wrong and that has been said.
    Nothing,
}

struct Table<'a> {
    name: &'a Rc<str>,
    text: &'a str,
    lines: Lines,
}

impl Table<'_> {
    fn line(&self, line: usize) -> Place {
        Place { file: Rc::clone(self.name), line }
    }

    /// Where a record begins. The reader counts the empty lines before it to it.
    fn place(&self, record: &csv::StringRecord) -> Place {
        let at = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        let rest = self.text.get(at..).unwrap_or_default();
        self.line(self.lines.number(at + rest.len() - rest.trim_start_matches(['\r', '\n']).len()))
    }
}

pub(super) fn drafts(name: &Rc<str>, bytes: &[u8], findings: &mut Findings) -> Vec<Draft> {
    let Some(text) = text(name, bytes, findings) else { return Vec::new() };
    let table = Table { name, text, lines: Lines::of(text.as_bytes()) };
    let separator = separator(text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut last = csv::StringRecord::new();
    for record in reader.records().flatten() {
        last = record;
    }
    if is_open(text, &last, separator) {
        findings.torn(&table.place(&last), "a quote that is opened in this row is never closed");
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let records = reader.records().flatten().filter(|record| !is_empty(record));
    // Excel says so in a row of its own.
    let mut records = records.skip_while(|record| is_hint(record, separator));
    let Some(header) = records.next() else {
        findings.mistake(&table.line(0), "empty; the first row names the columns");
        return Vec::new();
    };
    let place = table.place(&header);
    let Some(kind) = kind(&header) else {
        let names: Vec<String> = header.iter().map(|cell| quoted(cell.trim())).collect();
        let what =
            "the first row has neither a column id (a file of lines) nor columns name and address (one of routers)";
        findings.torn(&place, format!("{what}; it has {}", names.join(", ")));
        return Vec::new();
    };
    let columns = columns(kind, &header, &place, findings);
    let absent: Vec<&'static str> = kind.required().iter().copied().filter(|name| !has(&columns, name)).collect();
    for name in &absent {
        findings.mistake(&place, format!("there is no column {name}, which every {} needs", kind.name()));
    }
    let mut drafts = Vec::new();
    for record in records {
        let place = table.place(&record);
        if drafts.len() == ROWS {
            findings.torn(&place, format!("more than {ROWS} rows; what follows was not read"));
            break;
        }
        drafts.push(draft(kind, &columns, &absent, &record, place, findings));
    }
    drafts
}

/// The text, if it is UTF-8; else each line that is not is named.
fn text<'a>(name: &Rc<str>, bytes: &'a [u8], findings: &mut Findings) -> Option<&'a str> {
    const ADVICE: &str = "not valid UTF-8, perhaps Latin-1; save the table as \"CSV UTF-8\"";
    let whole = Place { file: Rc::clone(name), line: 0 };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        findings.torn(&whole, "UTF-16; save the table as \"CSV UTF-8\"");
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.strip_prefix('\u{feff}').unwrap_or(text));
    } else {
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if std::str::from_utf8(line).is_err() {
                findings.torn(&Place { line: at + 1, ..whole.clone() }, ADVICE);
            }
        }
    }
    None
}

/// Whichever of them the first row has most of, outside of quotes.
fn separator(text: &str) -> u8 {
    let first = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    let bare: String = first.split('"').step_by(2).collect();
    let count = |separator: u8| bare.bytes().filter(|byte| *byte == separator).count();
    // Of equally many the first counts.
    SEPARATORS.into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

/// `sep=;`
fn is_hint(record: &csv::StringRecord, separator: u8) -> bool {
    let whole = record.iter().collect::<Vec<_>>().join(&char::from(separator).to_string());
    whole.len() <= 5 && whole.to_ascii_lowercase().starts_with("sep=")
}

fn is_empty(record: &csv::StringRecord) -> bool {
    record.iter().all(|cell| cell.trim().is_empty())
}

/// Whether the text ends in the middle of a quoted value of this record, the last one.
fn is_open(text: &str, record: &csv::StringRecord, separator: u8) -> bool {
    let at = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
    let (mut open, mut begins) = (false, true);
    for byte in text.get(at..).unwrap_or_default().bytes() {
        // A doubled quote closes and opens again.
        open = if byte == b'"' && (open || begins) { !open } else { open };
        begins = !open && (byte == b'"' || byte == separator || byte == b'\n' || byte == b'\r');
    }
    open
}

fn kind(header: &csv::StringRecord) -> Option<Kind> {
    let has = |name: &str| header.iter().any(|cell| cell.trim().eq_ignore_ascii_case(name));
    match (has("id"), has("name") && has("address")) {
        (true, _) => Some(Kind::Line),
        (false, true) => Some(Kind::Router),
        (false, false) => None,
    }
}

fn has(columns: &[Column], name: &str) -> bool {
    columns.iter().any(|column| matches!(column, Column::Key(key) if key.name == name))
}

fn columns(kind: Kind, header: &csv::StringRecord, place: &Place, findings: &mut Findings) -> Vec<Column> {
    let mut seen = BTreeSet::new();
    let mut column = |cell: &str| {
        let name = cell.trim();
        if name.is_empty() {
            return Column::Nothing;
        }
        if !seen.insert(name.to_ascii_lowercase()) {
            findings.mistake(place, format!("column {} is there twice", quoted(name)));
            return Column::Nothing;
        }
        let lower = name.to_ascii_lowercase();
        if let (Kind::Line, true) = (kind, lower.starts_with("tag:")) {
            return Column::Tag(name[4..].trim().to_owned());
        }
        match kind.key(&lower) {
            Some(key) => Column::Key(key),
            None => {
                findings.mistake(place, kind.unknown("column", name, "tag:NAME"));
                Column::Nothing
            }
        }
    };
    header.iter().map(&mut column).collect()
}

fn draft(
    kind: Kind,
    columns: &[Column],
    absent: &[&'static str],
    record: &csv::StringRecord,
    place: Place,
    findings: &mut Findings,
) -> Draft {
    let mut draft = Draft::new(kind, place.clone());
    draft.absent = absent.to_vec();
    for (at, cell) in record.iter().map(str::trim).enumerate().filter(|(_, cell)| !cell.is_empty()) {
        match columns.get(at) {
            Some(Column::Key(key)) => {
                draft.fields.push(Field { key, value: cell.to_owned(), place: place.clone() });
            }
            Some(Column::Tag(name)) => draft.tags.push((name.clone(), cell.to_owned(), place.clone())),
            Some(Column::Nothing) => {}
            None => {
                let what = "the row has more cells than the first one has columns; a value with a separator in it needs quotes";
                findings.mistake(&place, what);
                break;
            }
        }
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drafts as `key=value` texts with their lines, and mistakes.
    fn read(text: &[u8]) -> (Vec<String>, Vec<String>) {
        let mut findings = Findings::default();
        let drafts = drafts(&Rc::from("f"), text, &mut findings);
        let shown = drafts.iter().map(|draft| {
            let fields = draft.fields.iter().map(|field| format!("{}={}", field.key.name, field.value));
            let tags = draft.tags.iter().map(|(name, value, _)| format!("tag:{name}={value}"));
            format!("{} {}", draft.place.line, fields.chain(tags).collect::<Vec<_>>().join(" "))
        });
        (shown.collect(), findings.told().0.named.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn all_that_spreadsheets_write_reads_the_same() {
        let right = ["2 id=L-1 name=a,b target=10.1.1.2 router=r tag:site=Bern", "3 id=L-2 target=10.1.1.6 router=r"];
        for text in [
            "id,name,target,router,tag:site\nL-1,\"a,b\",10.1.1.2,r,Bern\nL-2,,10.1.1.6,r,\n",
            "\u{feff}id;name;target;router;tag:site\r\nL-1;a,b;10.1.1.2;r;Bern\r\nL-2;;10.1.1.6;r;",
            "ID\tName\tTarget\tRouter\ttag:site\nL-1\ta,b\t10.1.1.2\tr\tBern\nL-2\t\t10.1.1.6\tr\n\n\n",
            "\"id\";\"name\";\"target\";router;\"tag:site\";;;\nL-1; a,b ;10.1.1.2 ;r;Bern;;;\nL-2;;10.1.1.6; r\n;;;;;;\n",
            "id;name;target;router;tag:site\rL-1;a,b;10.1.1.2;r;Bern\rL-2;;10.1.1.6;r\r",
        ] {
            let (drafts, mistakes) = read(text.as_bytes());
            assert_eq!(mistakes, [""; 0], "{text:?}");
            assert_eq!(drafts, right, "{text:?}");
        }
    }

    #[test]
    fn a_row_keeps_its_line_behind_empty_rows_hints_and_values_of_several_lines() {
        let (drafts, mistakes) = read(b"sep=;\r\nid;name\r\n\r\n\r\nL-1;\"a\r\nb \"\"c\"\"\"\r\n;;\r\nL-2;x\r\n");
        let absent = ["target", "router"].map(|name| format!("f:2: there is no column {name}, which every line needs"));
        assert_eq!(mistakes, absent);
        assert_eq!(drafts, ["5 id=L-1 name=a\r\nb \"c\"", "8 id=L-2 name=x"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_named_and_one_inside_a_value_is_none() {
        let (_, mistakes) = read(b"id,target,router\nL-1,10.1.1.2,r\nL-2,\"10.1.1.6,r\nL-3,10.1.1.7,r\n");
        assert_eq!(mistakes, ["f:3: a quote that is opened in this row is never closed"]);
        let (drafts, mistakes) = read(b"id,name,target,router\nL-1,19\" rack,10.1.1.2,r");
        assert_eq!((drafts, mistakes.len()), (vec!["2 id=L-1 name=19\" rack target=10.1.1.2 router=r".to_owned()], 0));
    }

    #[test]
    fn what_is_no_table_of_ours_is_named() {
        for (text, what) in [
            (&b""[..], "f: empty; the first row names the columns"),
            (b"\n;;\n", "f: empty; the first row names the columns"),
            (b"\xff\xfei\0d\0", "f: UTF-16; save the table as \"CSV UTF-8\""),
            (b"id\nK\xf6ln\nx\n\xe4\n", "f:2: not valid UTF-8, perhaps Latin-1; save the table as \"CSV UTF-8\""),
            (b"line|target\nL-1|10.1.1.2\n", "f:1: the first row has neither a column id"),
            (b"name,address,platform,target\n", "f:1: a router has no column \"target\", a line has"),
            (b"id,target,router,colour\n", "f:1: a line has no column \"colour\"; it has id, name"),
            (b"id,target,router,cuont\n", "f:1: a line has no column \"cuont\", did you mean count?"),
            (b"id,target,router,ID\n", "f:1: column \"ID\" is there twice"),
            (b"id,target,router\nL-1,10.1.1.2,r,x\n", "f:2: the row has more cells than the first one has columns"),
        ] {
            let (_, mistakes) = read(text);
            assert!(mistakes.first().is_some_and(|mistake| mistake.starts_with(what)), "{text:?}: {mistakes:?}");
        }
        let (_, mistakes) = read(b"id\nK\xf6ln\nx\n\xe4\n");
        assert_eq!(mistakes.len(), 2, "every line that is none: {mistakes:?}");
    }
}
