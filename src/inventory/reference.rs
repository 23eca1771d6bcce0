//! REF: where a password, passphrase or enable secret comes from. `secret:NAME` (credentials file), `file:PATH`,
//! `env:NAME`, `exec:COMMAND`, else the text is the secret itself. So a secret that begins with one of the four words and a
//! colon, or nearly so, must be given in one of these ways: a mistyped reference is not sent as a password. No message holds
//! a value.

use super::arguments::Argument;
use super::command::{self, Command};
use super::credentials::{self, Credentials};
use super::private_file;
use super::secret::Secret;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::quote::quoted;
use crate::settings::suggestion::nearest;
use crate::settings::{self, Secrets};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A `file:` holds one line.
const FILE_LIMIT: usize = 4096;
/// The words that a reference begins with.
const FORMS: [&str; 4] = ["secret", "file", "env", "exec"];
const ALLOWED: &str = "secret:NAME, file:PATH, env:NAME, exec:COMMAND or the secret itself";

/// A reference whose form was checked; nothing has been read yet.
#[derive(Clone)]
pub struct Reference {
    argument: Argument,
    form: Form,
}

#[derive(Clone)]
enum Form {
    Stored(String),
    File(PathBuf),
    Variable(String),
    Command(Command, Secret),
    Literal(Secret),
}

/// A secret at hand, or the command that is still to be run for it.
#[derive(Clone)]
pub struct Held {
    /// For messages: the argument and the reference.
    name: String,
    /// What counts for a master's name: the secret, or the text of an `exec:`.
    identity: Secret,
    command: Option<Command>,
    plain: bool,
}

impl Reference {
    /// Reads a reference. `argument` is named in every message about it, now and later.
    pub fn parse(argument: Argument, text: &str) -> Result<Self, Failure> {
        let refused = |what: &str| Failure::settings(format!("{} {what}: allowed is {ALLOWED}", argument.name()));
        let form = match text.split_once(':') {
            Some(("secret", name)) if is_name(name, "._-") => Form::Stored(name.to_owned()),
            // What follows may be a password that begins like a reference, so no message quotes it.
            Some(("secret", _)) => {
                return Err(refused("secret: needs a name of 1 to 64 letters, digits or . _ -"));
            }
            Some(("env", name)) if is_name(name, "_") => Form::Variable(name.to_owned()),
            Some(("env", _)) => return Err(refused("env: needs a name of 1 to 64 letters, digits or _")),
            Some(("file", path)) if !path.is_empty() && !path.chars().any(char::is_control) => Form::File(path.into()),
            Some(("file", _)) => return Err(refused("file: needs a path without control characters")),
            Some(("exec", line)) => match Command::parse(line) {
                Some(command) => Form::Command(command, Secret::new(text.to_owned())),
                // An argument of it may be a secret.
                None => {
                    let what = format!("exec: needs {}", command::ALLOWED);
                    return Err(Failure::settings(format!("{} {what}", argument.name())));
                }
            },
            Some((word, _)) if let Some(meant) = nearest(word, FORMS) => {
                return Err(refused(&format!(
                    "(hidden): did you mean {meant}:? a secret that begins like this is given by file:, env: or exec:"
                )));
            }
            _ => Form::Literal(
                Secret::checked(text.to_owned()).map_err(|what| refused(&format!("(hidden): the secret {what}")))?,
            ),
        };
        Ok(Self { argument, form })
    }

    /// The argument and the reference, for messages.
    pub(super) fn name(&self) -> String {
        let form = match &self.form {
            Form::Stored(name) => format!("secret:{name}"),
            Form::File(path) => quoted(&format!("file:{}", path.display())),
            Form::Variable(name) => format!("env:{name}"),
            Form::Command(command, _) => quoted(&format!("exec:{}", command.program())),
            Form::Literal(_) => "(hidden)".to_owned(),
        };
        format!("{} {form}", self.argument.name())
    }

    pub(super) fn failed(&self, what: &str) -> Failure {
        Failure::settings(format!("{}: {what}", self.name()))
    }

    /// The reference without what may be a secret in it.
    pub(super) fn shown(&self) -> String {
        match &self.form {
            Form::Stored(name) => format!("secret:{name}"),
            Form::File(path) => format!("file:{}", path.display()),
            Form::Variable(name) => format!("env:{name}"),
            Form::Command(command, _) => format!("exec:{} …", command.program()),
            Form::Literal(_) => "(hidden)".to_owned(),
        }
    }

    /// The name of the login, for a `secret:NAME`.
    pub(super) fn login(&self) -> Option<&str> {
        if let Form::Stored(name) = &self.form { Some(name) } else { None }
    }

    /// The text is the secret itself.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.form, Form::Literal(_))
    }

    /// A `file:` whose path counts from wherever the program runs.
    pub(super) fn is_relative(&self) -> bool {
        matches!(&self.form, Form::File(path) if !path.is_absolute())
    }

    /// The whole login, for a `secret:NAME`; None for every other form.
    pub fn credentials(&self, secrets: &Secrets) -> Result<Option<Credentials>, Failure> {
        let Form::Stored(name) = &self.form else { return Ok(None) };
        let file = secrets.file.as_ref().ok_or_else(|| {
            self.failed(
                "no credentials file is known; set secrets.file, or put credentials.toml beside the settings file",
            )
        })?;
        credentials::find(file, name).map(Some).map_err(|what| self.failed(&what))
    }

    /// Reads the secret, unless a command has to be run for it. `field` says which one of a `secret:NAME` login is meant.
    pub fn open(&self, secrets: &Secrets, field: &str) -> Result<Held, Failure> {
        let secret = match &self.form {
            Form::Stored(name) => {
                let found = self.credentials(secrets)?.unwrap_or_default();
                let secret = match field {
                    "enable_password" => found.enable_password,
                    "passphrase" => found.passphrase,
                    _ => found.password,
                };
                secret.ok_or_else(|| self.failed(&format!("[{name}] of the credentials file has no {field}")))?
            }
            Form::File(path) => {
                let text = private_file::read(path, FILE_LIMIT).map_err(|what| self.failed(&what))?;
                Secret::line(&text).map_err(|what| self.failed(&what))?
            }
            Form::Variable(name) => match settings::variable(name).map(|value| value.into_string()) {
                None => return Err(self.failed("no such variable in the environment")),
                Some(Err(_)) => return Err(self.failed("is not valid UTF-8")),
                Some(Ok(value)) => Secret::line(&Zeroizing::new(value)).map_err(|what| self.failed(&what))?,
            },
            Form::Literal(_) if !secrets.allow_plain_password => {
                return Err(self.failed(
                    "a plain password is forbidden by secrets.allow_plain_password = false: \
                     allowed is secret:NAME, file:PATH, env:NAME or exec:COMMAND",
                ));
            }
            Form::Literal(secret) | Form::Command(_, secret) => secret.clone(),
        };
        let command = match &self.form {
            Form::Command(command, _) => Some(command.clone()),
            _ => None,
        };
        Ok(Held { name: self.name(), identity: secret, command, plain: matches!(self.form, Form::Literal(_)) })
    }
}

impl Held {
    /// A secret of a login in the credentials file.
    pub(super) fn stored(name: String, secret: Secret) -> Self {
        Self { name, identity: secret, command: None, plain: false }
    }

    /// What counts for a master's name: the secret, or the text of an `exec:`, which is not run for it.
    pub fn identity(&self) -> &Secret {
        &self.identity
    }

    /// The secret. Runs the command of an `exec:`; logs that a literal is unsafe. Call it when a master is started, not
    /// before: so it is logged once per master, and no command is run on a warm poll.
    pub fn resolve(&self, deadline: Deadline) -> Result<Secret, Failure> {
        if self.plain {
            log::warn!(
                argument = self.name.as_str();
                "a password on the command line can be read by everybody in the list of processes; \
                 use secret:NAME, file:PATH, env:NAME or exec:COMMAND"
            );
        }
        match &self.command {
            None => Ok(self.identity.clone()),
            Some(command) => command.run(deadline).map_err(|what| Failure::settings(format!("{}: {what}", self.name))),
        }
    }
}

fn is_name(name: &str, marks: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}
