//! The settings file, `ddl-monitor.toml`: where it is looked for, and what is wrong with it, mistake by mistake, each with its
//! line.

use super::Settings;
use super::suggestion::nearest;
use super::table::{SETTINGS, Setting};
use crate::quote::quoted;
use crate::small_file::{self, reason};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Looked for where nobody names a file, before the user's own.
pub const SYSTEM: &str = "/etc/zabbix/ddl-monitor.toml";

/// The file that counts, and its text. A file that was named must be there, any other may be missing. `user` is the folder of
/// the user's own, asked for only when it comes to that: without `$HOME` it costs a look into the user database.
pub(super) fn find(
    named: Option<&Path>,
    user: impl FnOnce() -> Option<PathBuf>,
) -> Result<Option<(PathBuf, String)>, String> {
    if let Some(path) = named {
        let path = std::path::absolute(path).map_err(|e| format!("settings file {}: {e}", path.display()))?;
        return match read(&path) {
            Ok(text) => Ok(Some((path, text))),
            Err(e) => Err(format!("settings file {}: {}", path.display(), reason(&e))),
        };
    }
    if let Some(found) = read_if_there(PathBuf::from(SYSTEM))? {
        return Ok(Some(found));
    }
    user().map(|dir| read_if_there(dir.join("ddl-monitor.toml"))).transpose().map(Option::flatten)
}

fn read_if_there(path: PathBuf) -> Result<Option<(PathBuf, String)>, String> {
    match read(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        // A folder that we may not enter is like one that is not there; a file that we may not read has a say.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && path.symlink_metadata().is_err() => Ok(None),
        Err(e) => Err(format!("settings file {}: {}; name another with --config", path.display(), reason(&e))),
    }
}

fn read(path: &Path) -> io::Result<String> {
    // No settings at all.
    if path == Path::new("/dev/null") {
        return Ok(String::new());
    }
    let (file, meta) = small_file::open(path)?;
    // It may name a command to run.
    if meta.mode() & 0o002 != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "writable by everybody; chmod o-w"));
    }
    small_file::read(file)
}

/// Sets what the text of a file says. Each setting with its line goes to `given`, each mistake to `mistakes`, by line.
pub(super) fn apply(
    path: &Path,
    text: &str,
    settings: &mut Settings,
    given: &mut Vec<(&'static Setting, usize)>,
    mistakes: &mut Vec<String>,
) {
    let line = |span: Range<usize>| 1 + text[..span.start.min(text.len())].matches('\n').count();
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found: Vec<(usize, String)> = errors
        .iter()
        .map(|error| (line(error.span().unwrap_or_default()), error.message().trim().replace('\n', ", ")))
        .collect();
    // The parser says more than one thing about a broken line; the first one is the mistake.
    found.dedup_by_key(|(line, _)| *line);
    let broken: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    for (section, value) in table.get_ref() {
        let (at, section) = (line(section.span()), section.get_ref().as_ref());
        if !SETTINGS.iter().any(|s| s.section() == section) {
            if !broken.contains(&at) {
                found.push((at, unknown_section(section)));
            }
            continue;
        }
        let DeValue::Table(keys) = value.get_ref() else {
            found.push((at, format!("{section} is a section; write [{section}] and its settings below")));
            continue;
        };
        for (key, value) in keys {
            let (at, key) = (line(key.span()), key.get_ref().as_ref());
            let Some(setting) = Setting::named(&format!("{section}.{key}")) else {
                if !broken.contains(&at) {
                    found.push((at, unknown_key(section, key)));
                }
                continue;
            };
            match scalar(setting, value.get_ref()).and_then(|text| setting.set(settings, &text)) {
                Ok(()) => given.push((setting, at)),
                // What the parser made of a broken line says nothing.
                Err(_) if broken.contains(&at) => {}
                Err(what) => found.push((at, what)),
            }
        }
    }
    found.sort_by_key(|(line, _)| *line);
    mistakes.extend(found.into_iter().map(|(line, what)| format!("{}:{line}: {what}", path.display())));
}

/// The text of a value, if its type is one that the setting takes.
fn scalar(setting: &Setting, value: &DeValue<'_>) -> Result<String, String> {
    let kind = value.type_str();
    let text = match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    if let Some(text) = text.filter(|_| setting.toml_types().contains(&kind)) {
        return Ok(text);
    }
    let kind = match kind {
        "string" => "text in quotes".to_owned(),
        "integer" | "array" => format!("an {kind}"),
        _ => format!("a {kind}"),
    };
    Err(format!("{} is {kind}: allowed is {}", setting.name, setting.allowed()))
}

fn unknown_section(section: &str) -> String {
    let mut sections: Vec<&str> = SETTINGS.iter().map(Setting::section).collect();
    sections.dedup();
    if let Some(setting) = SETTINGS.iter().find(|s| s.key() == section) {
        return format!("{section} belongs below [{}]", setting.section());
    }
    match nearest(section, sections.iter().copied()) {
        Some(meant) => format!("no section is called {}; did you mean [{meant}]", quoted(section)),
        None => format!("no section is called {}; there are {}", quoted(section), sections.join(", ")),
    }
}

fn unknown_key(section: &str, key: &str) -> String {
    let keys: Vec<&str> = SETTINGS.iter().filter(|s| s.section() == section).map(Setting::key).collect();
    if let Some(meant) = nearest(key, keys.iter().copied()) {
        return format!("[{section}] has no setting {}; did you mean {meant}", quoted(key));
    }
    match SETTINGS.iter().find(|s| s.key() == key) {
        Some(elsewhere) => format!("{key} belongs below [{}], not [{section}]", elsewhere.section()),
        None => format!("[{section}] has no setting {}; it has {}", quoted(key), keys.join(", ")),
    }
}
