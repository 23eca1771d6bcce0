//! Where a file's secrets are to be had: what is dangling, relative, or in the clear. No value is ever shown.

use super::draft::Field;
use super::mistake::Findings;
use crate::inventory::credentials;
use crate::inventory::reference::Reference;
use crate::quote::quoted;
use crate::settings::Secrets;
use crate::settings::suggestion::nearest;

pub(super) struct References<'a> {
    secrets: &'a Secrets,
    /// Names of the logins in the credentials file; absent where there is none, or it cannot be read by us.
    logins: Option<Vec<String>>,
    plain: usize,
}

impl<'a> References<'a> {
    pub(super) fn new(secrets: &'a Secrets) -> Self {
        let logins = secrets.file.as_deref().and_then(|file| credentials::names(file).ok());
        Self { secrets, logins, plain: 0 }
    }

    /// What the form of a reference does not tell.
    pub(super) fn check(&mut self, field: &Field, reference: &Reference, findings: &mut Findings) {
        let name = field.key.name;
        if reference.is_relative() {
            findings.mistake(&field.place, format!("{name} {}: allowed is an absolute path", quoted(&field.value)));
        }
        if reference.is_plain() {
            if self.secrets.allow_plain_password {
                self.plain += 1;
                if self.plain == 1 {
                    findings.remark(&field.place, format!("{name} is in the clear; better {BETTER}"));
                }
            } else {
                let why = "a plain password is forbidden by secrets.allow_plain_password = false";
                findings.mistake(&field.place, format!("{name} (hidden): {why}: allowed is {BETTER}"));
            }
        }
        let Some(login) = reference.login() else { return };
        let file = self.secrets.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        match &self.logins {
            Some(logins) if logins.iter().any(|known| known == login) => {}
            Some(logins) => {
                let near = nearest(login, logins.iter().map(String::as_str));
                let near = near.map_or(String::new(), |near| format!("; did you mean secret:{near}"));
                let what = format!("{name} secret:{login}: credentials file {file} has no [{login}]{near}");
                findings.mistake(&field.place, what);
            }
            None => {
                let what =
                    format!("{name} secret:{login} could not be looked up: no credentials file that we can read");
                if !findings.has_remark("that we can read") {
                    findings.remark(&field.place, what);
                }
            }
        }
    }
}

pub(super) const BETTER: &str = "secret:NAME, file:PATH, env:NAME or exec:COMMAND";
