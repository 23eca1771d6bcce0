//! The credentials file: TOML, one `[NAME]` per login with user, password, enable_password, key, passphrase. No value of it
//! is ever part of a message.

use super::private_file;
use super::secret::Secret;
use crate::quote::quoted;
use crate::settings::suggestion::nearest;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

const LIMIT: usize = 256 << 10;
const FIELDS: [&str; 5] = ["user", "password", "enable_password", "key", "passphrase"];

/// One login of the file.
#[derive(Clone, Default)]
pub struct Credentials {
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub enable_password: Option<Secret>,
    /// The private key's file; absolute.
    pub key: Option<PathBuf>,
    pub passphrase: Option<Secret>,
}

/// The login called `name`. The error's text is the end of a message.
pub fn find(path: &Path, name: &str) -> Result<Credentials, String> {
    let refused = |what: String| format!("credentials file {}: {what}", path.display());
    let text = private_file::read(path, LIMIT).map_err(refused)?;
    let table = parse(path, &text).map_err(|mistakes| mistakes.join("; "))?;
    let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
        let names = table.keys().map(|key| key.get_ref().as_ref());
        return Err(refused(match nearest(name, names) {
            Some(meant) => format!("no [{name}] in it; did you mean [{meant}]"),
            None => format!("no [{name}] in it"),
        }));
    };
    let mut mistakes = Vec::new();
    let credentials = login(&text, key.get_ref(), (key.span().start, value.get_ref()), &mut mistakes);
    if mistakes.is_empty() { Ok(credentials) } else { Err(placed(path, mistakes).join("; ")) }
}

/// The names of the logins, if the file can be read.
pub(super) fn names(path: &Path) -> Result<Vec<String>, String> {
    let text = private_file::read(path, LIMIT)?;
    let table = parse(path, &text).map_err(|mistakes| mistakes.join("; "))?;
    Ok(table.keys().map(|key| key.get_ref().to_string()).collect())
}

/// Everything that is wrong with the file, each with its line.
pub fn mistakes(path: &Path) -> Vec<String> {
    let text = match private_file::read(path, LIMIT) {
        Ok(text) => text,
        Err(what) => return vec![format!("credentials file {}: {what}", path.display())],
    };
    let table = match parse(path, &text) {
        Ok(table) => table,
        Err(mistakes) => return mistakes,
    };
    let mut mistakes = Vec::new();
    for (key, value) in &table {
        login(&text, key.get_ref(), (key.span().start, value.get_ref()), &mut mistakes);
    }
    placed(path, mistakes)
}

fn placed(path: &Path, mut mistakes: Vec<(usize, String)>) -> Vec<String> {
    mistakes.sort_by_key(|(line, _)| *line);
    mistakes.into_iter().map(|(line, what)| format!("credentials file {}:{line}: {what}", path.display())).collect()
}

fn line(text: &str, at: usize) -> usize {
    1 + text[..at.min(text.len())].matches('\n').count()
}

fn parse<'a>(path: &Path, text: &'a str) -> Result<DeTable<'a>, Vec<String>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table.into_inner());
    }
    let mistakes =
        errors.iter().map(|e| (line(text, e.span().unwrap_or_default().start), e.message().trim().replace('\n', ", ")));
    Err(placed(path, mistakes.collect()))
}

fn login(
    text: &str,
    name: &str,
    (at, value): (usize, &DeValue<'_>),
    mistakes: &mut Vec<(usize, String)>,
) -> Credentials {
    let mut found = Credentials::default();
    let DeValue::Table(fields) = value else {
        mistakes.push((line(text, at), "a value outside of any login; write [NAME] above it".to_owned()));
        return found;
    };
    for (key, value) in fields {
        let at = line(text, key.span().start);
        let field = key.get_ref().as_ref();
        if !FIELDS.contains(&field) {
            mistakes.push((
                at,
                match nearest(field, FIELDS) {
                    Some(meant) => format!("[{name}] has no field {}; did you mean {meant}", quoted(field)),
                    None => format!("[{name}] has no field {}; it has {}", quoted(field), FIELDS.join(", ")),
                },
            ));
            continue;
        }
        let DeValue::String(value) = value.get_ref() else {
            mistakes.push((at, format!("{field} of [{name}] is not text in quotes")));
            continue;
        };
        let secret = || Secret::checked(value.to_string());
        let outcome = match field {
            "user" => super::line::user(value)
                .map(|user| found.user = Some(user))
                .ok_or_else(|| format!("allowed is {}", super::line::USER_ALLOWED)),
            "password" => secret().map(|secret| found.password = Some(secret)),
            // Some routers have an empty one: `enable` asks, and a bare Enter is the answer.
            "enable_password" if value.is_empty() => {
                found.enable_password = Some(Secret::new(String::new()));
                Ok(())
            }
            "enable_password" => secret().map(|secret| found.enable_password = Some(secret)),
            "passphrase" => secret().map(|secret| found.passphrase = Some(secret)),
            _ if Path::new(value.as_ref()).is_absolute() => {
                found.key = Some(PathBuf::from(value.as_ref()));
                Ok(())
            }
            _ => Err("allowed is an absolute path".to_owned()),
        };
        if let Err(what) = outcome {
            mistakes.push((at, format!("{field} of [{name}]: {what}")));
        }
    }
    found
}
