//! Files of routers and lines, TOML or CSV, as people keep them: read, checked as a whole, every mistake told with file and line.
//! A value is judged by the same parse that a poll's arguments go through.

mod csv_file;
mod draft;
mod key;
mod line_check;
pub mod mistake;
mod platforms;
pub mod records;
mod references;
mod router_check;
mod text;
mod toml_file;
mod wording;

use super::compiled::RouterLines;
use super::line_record::LineRecord;
use crate::quote::quoted;
use crate::settings::Settings;
use crate::settings::suggestion::nearest;
use draft::Draft;
use key::Kind;
use line_check::Beside;
use mistake::{Findings, Mistakes, Place};
use platforms::Platforms;
use references::References;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What files say, when there is no mistake in them.
pub struct Imported {
    /// In the order of the files.
    pub routers: Vec<RouterLines>,
    /// Absolute.
    pub files: Vec<String>,
    /// What someone may want to know and is no mistake.
    pub remarks: Mistakes,
}

/// The keys of a router and those of a line, as files name them.
pub fn keys() -> [Vec<&'static str>; 2] {
    let names = |kind: Kind| kind.keys().iter().map(|key| key.name);
    [names(Kind::Router).collect(), names(Kind::Line).chain(["tags"]).collect()]
}

/// Reads the files as one inventory. The error is the mistakes, by file and line.
pub fn read(files: &[PathBuf], settings: &Settings) -> Result<Imported, Mistakes> {
    let names: Vec<Rc<str>> = files.iter().map(|path| Rc::from(path.to_string_lossy())).collect();
    let mut findings = Findings::of(names.clone());
    let mut drafts = Vec::new();
    for (path, name) in files.iter().zip(&names) {
        drafts.extend(read_one(path, name, &mut findings));
    }
    if let (Some(name), true) = (names.first(), drafts.is_empty() && findings.count() == 0) {
        let whole = Place { file: Rc::clone(name), line: 0 };
        findings.mistake(&whole, "no router and no line in it; an empty inventory would delete all lines in Zabbix");
    }
    let routers = check(&drafts, settings, &mut findings);
    let (mistakes, remarks) = findings.told();
    if mistakes.count > 0 {
        return Err(mistakes);
    }
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string();
    Ok(Imported { routers, files: files.iter().map(absolute).collect(), remarks })
}

fn read_one(path: &Path, name: &Rc<str>, findings: &mut Findings) -> Vec<Draft> {
    let whole = Place { file: Rc::clone(name), line: 0 };
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let drafts = match extension.as_deref() {
        Some("toml") => toml_file::drafts,
        Some("csv" | "tsv") => csv_file::drafts,
        _ => {
            findings.torn(&whole, "its name must end in .toml, .csv or .tsv, by what is in it");
            return Vec::new();
        }
    };
    match text::read(path) {
        Ok(bytes) => drafts(name, &bytes, findings),
        Err(why) => {
            findings.torn(&whole, why);
            Vec::new()
        }
    }
}

/// Routers first, then lines, each by itself and against the others.
fn check(drafts: &[Draft], settings: &Settings, findings: &mut Findings) -> Vec<RouterLines> {
    let mut platforms = Platforms::new(settings.platforms.dir.clone());
    let mut references = References::new(&settings.secrets);
    let of = |kind: Kind| drafts.iter().filter(move |draft| draft.kind == kind);
    let names = first_of_each(of(Kind::Router), "name", findings);
    first_of_each(of(Kind::Line), "id", findings);

    let mut routers: Vec<RouterLines> = Vec::new();
    let mut sound: HashMap<String, usize> = HashMap::new();
    for draft in of(Kind::Router) {
        if let Some(record) = router_check::check(draft, &mut platforms, &mut references, findings) {
            sound.insert(record.name.clone(), routers.len());
            routers.push((record, Vec::new()));
        }
    }
    let mut dangling = Dangling { names: &names, near: HashMap::new(), said: false };
    for draft in of(Kind::Line) {
        let at = draft.value("router").and_then(|name| sound.get(name)).copied();
        let router = at.and_then(|at| routers.get(at)).map(|(router, _)| router);
        let router = router.and_then(|router| Some((router, platforms.get(&router.platform).ok()?)));
        let line: Option<LineRecord> = line_check::check(draft, Beside { defaults: &settings.poll, router }, findings);
        dangling.check(draft, findings);
        if let (Some(line), Some((_, lines))) = (line, at.and_then(|at| routers.get_mut(at))) {
            lines.push(line);
        }
    }
    routers
}

/// Names and where each is given first; a second one is a mistake.
fn first_of_each<'a>(
    drafts: impl Iterator<Item = &'a Draft>,
    key: &str,
    findings: &mut Findings,
) -> HashMap<&'a str, Place> {
    let mut first: HashMap<&str, Place> = HashMap::new();
    for draft in drafts {
        let Some(name) = draft.value(key) else { continue };
        let place = draft.place_of(key);
        match first.get(name) {
            None => drop(first.insert(name, place)),
            Some(there) => {
                let what = format!("{} {} is given twice, first in {there}", draft.kind.name(), quoted(name));
                findings.mistake(&place, what);
            }
        }
    }
    first
}

/// Lines of routers that there are not.
struct Dangling<'a> {
    names: &'a HashMap<&'a str, Place>,
    near: HashMap<String, String>,
    said: bool,
}

impl Dangling<'_> {
    fn check(&mut self, draft: &Draft, findings: &mut Findings) {
        let Some(name) = draft.value("router").filter(|name| !self.names.contains_key(name)) else { return };
        let place = draft.place_of("router");
        if self.names.is_empty() {
            if !self.said {
                findings.missing_everywhere(&place, "lines, but no router is given; name the file of the routers, too");
            }
            self.said = true;
            return;
        }
        let near = self.near.entry(name.to_owned()).or_insert_with(|| {
            let near = nearest(name, self.names.keys().copied());
            near.map_or(String::new(), |near| format!(", did you mean {}?", quoted(near)))
        });
        findings.missing_everywhere(&place, format!("no router is called {}{near}", quoted(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mistake::NAMED;
    use proptest::prelude::*;

    /// The mistakes in a file of this name and text.
    fn mistakes(name: &str, text: &str) -> Mistakes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&[path], &Settings::default()).err().unwrap()
    }

    #[test]
    fn first_hundred_mistakes_are_named_and_all_are_counted() {
        let rows = "L 1,x\n".repeat(5000);
        for text in [
            format!("id,target,router\n{rows}"),
            format!("id,nothing\n{rows}"),
            format!("id,target\n{}", rows.replace('L', "\u{1}")),
        ] {
            let mistakes = mistakes("f.csv", &text);
            assert_eq!(mistakes.named.len(), NAMED);
            assert!(mistakes.count >= 5000, "{}", mistakes.count);
            assert!(mistakes.named.is_sorted_by_key(|mistake| mistake.place.line));
            assert!(mistakes.named.last().unwrap().place.line <= NAMED + 1);
        }
    }

    #[test]
    fn mistake_is_one_line_of_bounded_length() {
        let header: Vec<String> = (0..5000).map(|n| format!("column {n}")).collect();
        for text in [header.join(","), format!("id,{}\n", header.join(","))] {
            for mistake in mistakes("f.csv", &text).named {
                assert!(mistake.text.chars().count() <= 601 && !mistake.text.contains('\n'), "{mistake}");
            }
        }
    }

    #[test]
    fn file_with_more_rows_than_an_inventory_holds_is_refused() {
        let rows: String = (0..=csv_file::ROWS).map(|n| format!("L{n},10.1.1.2,r\n")).collect();
        let mistakes = mistakes("f.csv", &format!("id,target,router\n{rows}"));
        let too_many = mistakes.named.iter().find(|mistake| mistake.text.contains("rows")).unwrap();
        assert_eq!(too_many.place.line, csv_file::ROWS + 2);
    }

    /// Pieces of which files are made, and what breaks them.
    const PIECES: [&str; 32] = [
        "id",
        "name",
        "address",
        "target",
        "router",
        "tag:x",
        "platform",
        "password",
        ",",
        ",",
        ";",
        "\t",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "\"\"",
        " ",
        "10.1.1.2",
        "linux",
        "ü",
        "\u{feff}",
        "[[router]]",
        "[[line]]",
        "=",
        "'",
        "{",
        "}",
        "[line.tags]",
        "#",
        "0",
    ];

    proptest! {
        #[test]
        fn no_file_makes_an_import_panic_or_pass_unseen(picks in prop::collection::vec(0..PIECES.len(), 0..60)) {
            let text: String = picks.iter().map(|pick| PIECES[*pick]).collect();
            let dir = tempfile::tempdir().unwrap();
            for extension in ["csv", "toml"] {
                let path = dir.path().join(format!("f.{extension}"));
                std::fs::write(&path, &text).unwrap();
                match read(std::slice::from_ref(&path), &Settings::default()) {
                    Ok(imported) => prop_assert!(!imported.routers.is_empty(), "{text:?}"),
                    Err(mistakes) => {
                        let last = text.split(['\n', '\r']).count();
                        prop_assert!(mistakes.named.iter().all(|mistake| mistake.place.line <= last), "{text:?}: {mistakes:?}");
                    }
                }
            }
        }
    }
}
