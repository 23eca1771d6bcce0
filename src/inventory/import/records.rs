//! Records that did not come from a file, judged as those of a file are: by the parse that a poll's arguments go through, by the
//! platform, by what the credentials file has. A refusal names arguments and their macros; whoever asked puts their own
//! names in that place.

use super::line_check::{INTERVAL_ALLOWED, is_interval};
use super::platforms::Platforms;
use super::references::BETTER;
use crate::inventory::credentials;
use crate::inventory::line::{self, LABEL_ALLOWED, Line, Router};
use crate::inventory::line_record::LineRecord;
use crate::inventory::name;
use crate::inventory::reference::Reference;
use crate::inventory::router_record::RouterRecord;
use crate::probe;
use crate::quote::quoted;
use crate::settings::Settings;
use crate::settings::suggestion::nearest;

/// Judges records, one after the other.
pub struct Judge<'a> {
    settings: &'a Settings,
    platforms: Platforms,
    /// Names of the logins in the credentials file; absent where it cannot be read by us.
    logins: Option<Vec<String>>,
    /// Routers whose password is in the clear.
    pub plain: usize,
    /// Routers whose login could not be looked up.
    pub unchecked: usize,
}

impl<'a> Judge<'a> {
    pub fn new(settings: &'a Settings) -> Self {
        let logins = settings.secrets.file.as_deref().and_then(|file| credentials::names(file).ok());
        let platforms = Platforms::new(settings.platforms.dir.clone());
        Self { settings, platforms, logins, plain: 0, unchecked: 0 }
    }

    /// What is wrong with a router, if anything is.
    pub fn router(&mut self, record: &RouterRecord) -> Result<(), String> {
        if !name::is_name(&record.name) {
            return Err(format!("router name {}: allowed is {}", quoted(&record.name), name::ALLOWED));
        }
        let router = Router::parse(record.raw()).map_err(|failure| failure.message)?;
        self.platforms.get(&router.platform).map_err(str::to_owned)?;
        if router.password.is_none() && router.key.is_none() {
            return Err("neither a password nor a key is given: allowed is one of them, or both".to_owned());
        }
        if let Some(key) = record.key.as_ref().filter(|key| !key.starts_with('/')) {
            return Err(format!("key {}: allowed is an absolute path", quoted(key)));
        }
        if router.user.is_none() && router.password.as_ref().and_then(Reference::login).is_none() {
            return Err("no user is given, and no password secret:NAME whose login has one".to_owned());
        }
        let references = || [&router.password, &router.passphrase, &router.enable].into_iter().flatten();
        references().try_for_each(|reference| self.reference(reference))?;
        self.plain += usize::from(references().any(Reference::is_plain));
        Ok(())
    }

    fn reference(&mut self, reference: &Reference) -> Result<(), String> {
        if reference.is_relative() {
            return Err(format!("{}: allowed is an absolute path", reference.name()));
        }
        if reference.is_plain() && !self.settings.secrets.allow_plain_password {
            let why = "a plain password is forbidden by secrets.allow_plain_password = false";
            return Err(format!("{}: {why}: allowed is {BETTER}", reference.name()));
        }
        let Some(login) = reference.login() else { return Ok(()) };
        match &self.logins {
            None => self.unchecked += 1,
            Some(logins) if logins.iter().any(|known| known == login) => {}
            Some(logins) => {
                let near = nearest(login, logins.iter().map(String::as_str));
                let near = near.map_or(String::new(), |near| format!("; did you mean secret:{near}"));
                return Err(format!("secret:{login}: the credentials file has no [{login}]{near}"));
            }
        }
        Ok(())
    }

    /// Makes a line what it would be in a file, or says what is wrong with it. The router has been judged.
    pub fn line(&mut self, record: &mut LineRecord, router: &RouterRecord) -> Result<(), String> {
        if let Some(interval) = record.interval.as_ref().filter(|interval| !is_interval(interval)) {
            return Err(format!("interval {}: allowed is {INTERVAL_ALLOWED}", quoted(interval)));
        }
        let labels = [("name", &record.name), ("carrier", &record.carrier), ("circuit", &record.circuit)];
        for (what, label) in labels {
            if let Some(label) = label.as_ref().filter(|label| !line::is_label(label)) {
                return Err(format!("{what} {}: allowed is {LABEL_ALLOWED}", quoted(label)));
            }
        }
        record.tags.retain(|name, value| line::is_label(name) && line::is_label(value));
        let platform = self.platforms.get(&router.platform).map_err(str::to_owned)?;
        let whole = Line::parse(record.raw(router), &self.settings.poll).map_err(|failure| failure.message)?;
        // After the target, which is the id where there is no other.
        if !name::is_name(&record.id) {
            return Err(format!("id {}: allowed is {}", quoted(&record.id), name::ALLOWED));
        }
        probe::asked(&whole.probes)
            .iter()
            .try_for_each(|probe| platform.check(probe))
            .map_err(|failure| failure.message)?;
        record.target = whole.target.to_string();
        Ok(())
    }
}
