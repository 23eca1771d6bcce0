//! A host of Zabbix as a line and its router, or the reason why it is none. What its texts mean is for the inventory to judge.

use super::credential::Rules;
use super::field::{FIELDS, Field, Names};
use super::host::Host;
use super::macros::{self, Macro, Value};
use super::select::Wanted;
use super::template::{Template, Templates};
use crate::inventory::address::{self, ROUTER_ALLOWED};
use crate::inventory::arguments::is_unresolved_macro;
use crate::inventory::line_record::LineRecord;
use crate::inventory::router::Address;
use crate::inventory::router_record::RouterRecord;
use crate::quote::quoted;
use std::collections::BTreeMap;

/// What all hosts are judged by.
pub(super) struct Rulebook<'a> {
    pub(super) names: &'a Names,
    pub(super) tag: Wanted<'a>,
    pub(super) credentials: Rules<'a>,
    pub(super) global: &'a [Macro],
}

pub(super) const UNREADABLE: &str = "it has a template that the user of the API may not read, so its macros are not known; give that \
                                     user's group read rights on the templates' groups";

const STRANGE: &str = "has a value that is no text, or too long a one";

/// What became of a host.
pub(super) enum Outcome {
    Line(Box<(LineRecord, RouterRecord)>),
    /// It is no line at all.
    Other,
    /// For [`UNREADABLE`].
    Unreadable,
    Skipped(String),
}

/// The values of a host's macros, by field.
struct Values<'a> {
    found: Vec<Option<&'a Value>>,
    names: &'a Names,
}

impl Rulebook<'_> {
    /// `blind`: the host has an item of a template that is not to be seen.
    pub(super) fn read(&self, host: &Host, templates: &Templates, blind: bool) -> Outcome {
        let levels = templates.levels(&host.parents);
        let visible = || levels.iter().flatten().flat_map(|template| &template.tags);
        let own = host.tags.iter().chain(visible());
        if !own.chain(host.inherited_tags.iter().flatten()).any(|tag| self.tag.fits(tag)) {
            return Outcome::Other;
        }
        let hidden_tag = host.inherited_tags.iter().flatten().any(|tag| !visible().any(|known| known == tag));
        if blind || hidden_tag || levels.iter().flatten().any(|template| template.blind) {
            return Outcome::Unreadable;
        }
        if let Some(what) = levels.iter().flatten().find_map(|template| template.strange) {
            return Outcome::Skipped(format!("the {what} of one of its templates could not be understood"));
        }
        match self.line(host, &levels) {
            Ok(found) => Outcome::Line(Box::new(found)),
            Err(why) => Outcome::Skipped(why),
        }
    }

    fn line(&self, host: &Host, levels: &[Vec<&Template>]) -> Result<(LineRecord, RouterRecord), String> {
        let values = self.values(host, levels)?;
        self.check_protocol(&values)?;
        let target = values.text(Field::Target)?.unwrap_or(&host.host).to_owned();
        let router = self.router(host, &values)?;
        let owned = |field| Ok::<_, String>(values.text(field)?.map(str::to_owned));
        let line = LineRecord {
            id: owned(Field::Id)?.unwrap_or_else(|| target.clone()),
            name: (host.name != host.host || host.host != target).then(|| host.name.clone()),
            target,
            router: router.name.clone(),
            interval: owned(Field::Interval)?,
            count: owned(Field::Count)?,
            timeout: owned(Field::Timeout)?,
            size: owned(Field::Size)?,
            df: owned(Field::Df)?,
            vrf: owned(Field::Vrf)?,
            source: owned(Field::Source)?,
            interface: owned(Field::Interface)?,
            evidence: owned(Field::Evidence)?,
            carrier: owned(Field::Carrier)?,
            circuit: owned(Field::Circuit)?,
            tags: self.tags(host),
            host: Some(host.host.clone()),
        };
        Ok((line, router))
    }

    fn values<'a>(&'a self, host: &'a Host, levels: &[Vec<&'a Template>]) -> Result<Values<'a>, String> {
        let own: [Vec<&'a [Macro]>; 1] = [vec![host.macros.as_slice()]];
        let of_templates =
            levels.iter().map(|level| level.iter().map(|template| template.macros.as_slice()).collect::<Vec<_>>());
        let levels: Vec<Vec<&'a [Macro]>> = own.into_iter().chain(of_templates).collect();
        let found = FIELDS.iter().map(|(field, ..)| macros::resolve(&levels, self.global, self.names.of_field(*field)));
        let found = found
            .collect::<Result<_, _>>()
            .map_err(|bad| format!("macro {}: its regular expression was not understood", quoted(&bad.0)))?;
        Ok(Values { found, names: self.names })
    }

    /// What the earlier tool called its ways to a router was SSH each time.
    fn check_protocol(&self, values: &Values<'_>) -> Result<(), String> {
        let Some(protocol) = values.text(Field::Protocol)? else { return Ok(()) };
        let word = protocol.trim().to_ascii_lowercase();
        if word == "ssh" || word == "scrapli" || word.starts_with("scrapli-") {
            return Ok(());
        }
        Err(format!("{} {} is not supported: allowed is ssh", self.names.of_field(Field::Protocol), quoted(protocol)))
    }

    fn router(&self, host: &Host, values: &Values<'_>) -> Result<RouterRecord, String> {
        let text = |field| values.required(field);
        let given = text(Field::Router)?;
        let address = address::router(given).ok_or_else(|| {
            format!("{} {}: allowed is {ROUTER_ALLOWED}", self.names.of_field(Field::Router), quoted(given))
        })?;
        let name = values.text(Field::RouterName)?.map_or_else(|| router_name(&address), str::to_owned);
        let owned = |field| Ok::<_, String>(values.text(field)?.map(str::to_owned));
        let rule = self.credentials.find(&name, &address.short(), &host.groups);
        let key = owned(Field::Key)?;
        let password = match values.get(Field::Password) {
            Some(Value::Text(password)) if !password.is_empty() => {
                self.no_command(Field::Password, password)?;
                Some(password.clone())
            }
            Some(Value::Strange) => return Err(format!("{} {STRANGE}", self.names.of_field(Field::Password))),
            _ if key.is_some() => None,
            told => Some(rule.map(str::to_owned).ok_or_else(|| self.no_password(told))?),
        };
        // A stored login has all secrets of a user.
        let stored = password.as_deref().is_some_and(|password| password.starts_with("secret:"));
        let secret = |field| match values.get(field) {
            Some(Value::Secret | Value::Vault) if stored => Ok(None),
            Some(Value::Secret | Value::Vault) => Err(format!(
                "{} is a secret, which the API does not tell; set sync.credential (or one by router or group) to a \
                 secret:NAME whose login has it",
                self.names.of_field(field)
            )),
            Some(Value::Text(text)) => self.no_command(field, text).and_then(|()| owned(field)),
            _ => owned(field),
        };
        Ok(RouterRecord {
            platform: text(Field::Platform)?.to_owned(),
            user: secret(Field::User)?,
            passphrase: secret(Field::Passphrase)?,
            enable_password: secret(Field::EnablePassword)?,
            address: address.short(),
            name,
            password,
            key,
            ..RouterRecord::default()
        })
    }

    /// Who may edit a macro in Zabbix may not run programs here.
    fn no_command(&self, field: Field, text: &str) -> Result<(), String> {
        if !text.starts_with("exec:") {
            return Ok(());
        }
        Err(format!(
            "{} is a command (exec:), which is not run for Zabbix; set it here, with sync.credential, sync.group_credentials or \
             sync.router_credentials",
            self.names.of_field(field)
        ))
    }

    fn no_password(&self, told: Option<&Value>) -> String {
        let name = self.names.of_field(Field::Password);
        let rule = "set sync.credential, sync.group_credentials or sync.router_credentials";
        match told {
            Some(Value::Secret) => format!("{name} is secret text, which the API does not tell; {rule}"),
            Some(Value::Vault) => format!("{name} is in a vault, which is not read; {rule}"),
            _ => format!("it has neither {name} nor {}; set one, or {rule}", self.names.of_field(Field::Key)),
        }
    }

    /// Its own tags but the one that makes it a line; several values of one name together.
    fn tags(&self, host: &Host) -> BTreeMap<String, String> {
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in host.tags.iter().filter(|tag| !self.tag.fits(tag) && !tag.1.is_empty()) {
            tags.entry(name.clone())
                .and_modify(|all| {
                    all.push_str(", ");
                    all.push_str(value);
                })
                .or_insert_with(|| value.clone());
        }
        tags
    }
}

/// The address as a name: no bracket is allowed in one.
fn router_name(address: &Address) -> String {
    if address.host.contains(':') && address.port != 22 {
        format!("{}_{}", address.host, address.port)
    } else {
        address.short()
    }
}

impl<'a> Values<'a> {
    fn get(&self, field: Field) -> Option<&'a Value> {
        self.found[field as usize]
    }

    /// An empty one is none.
    fn text(&self, field: Field) -> Result<Option<&'a str>, String> {
        let name = self.names.of_field(field);
        match self.get(field) {
            None => Ok(None),
            Some(Value::Text(text)) if text.is_empty() => Ok(None),
            // Zabbix puts nothing in the place of a macro within a macro's value.
            Some(Value::Text(text)) if is_unresolved_macro(text) => {
                Err(format!("{name} is {}: a macro within a macro's value has no effect in Zabbix", quoted(text)))
            }
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Secret | Value::Vault) => {
                Err(format!("{name} is a secret, which the API does not tell; make its type text"))
            }
            Some(Value::Strange) => Err(format!("{name} {STRANGE}")),
        }
    }

    fn required(&self, field: Field) -> Result<&'a str, String> {
        self.text(field)?
            .ok_or_else(|| format!("it has no {}; set it on the host or its template", self.names.of_field(field)))
    }
}
