//! The Zabbix API: JSON-RPC over HTTP, one login, the differences between versions in one place (`version`). The only user of
//! ureq. Knows nothing of what the answers are for; what they say is data of a stranger.

mod envelope;
mod transport;
mod version;

pub use version::Version;

use crate::deadline::Deadline;
use crate::failure::{Failure, Kind};
use crate::inventory::arguments::Argument;
use crate::inventory::reference::Reference;
use crate::inventory::secret::Secret;
use crate::quote::excerpt;
use crate::settings::{Secrets, Settings, Zabbix};
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_json::{Value, json};
use std::marker::PhantomData;
use std::time::Duration;
use transport::Transport;
use zeroize::Zeroizing;

/// A logout is a courtesy.
const LOGOUT_LIMIT: Duration = Duration::from_secs(2);
const TOKEN: Argument = Argument { flag: "zabbix.token", macro_name: "" };
const PASSWORD: Argument = Argument { flag: "zabbix.password", macro_name: "" };

/// A session of the API. Not `Debug`: it holds a token.
pub struct Api {
    transport: Transport,
    version: Version,
    token: Option<Secret>,
    /// The token is of a login of ours, and ends with it.
    own: bool,
    deadline: Deadline,
}

/// What an error of the API says.
struct Refusal {
    text: String,
    login: bool,
    /// Whoever asks may log in and may not call this method.
    role: bool,
}

impl Api {
    /// Asks for the version and logs in. Every later request ends at `deadline`, too.
    pub fn connect(settings: &Settings, deadline: Deadline) -> Result<Self, Failure> {
        let Zabbix { url, .. } = &settings.zabbix;
        let url = url.as_deref().ok_or_else(|| {
            Failure::settings("zabbix.url is not set: allowed is the address of a Zabbix frontend, like https://zabbix.example.net/zabbix")
        })?;
        let transport = Transport::new(&settings.zabbix, url)?;
        let mut api = Self { transport, version: Version::unknown(), token: None, own: false, deadline };
        let text: String = api.call("apiinfo.version", &json!([]))?;
        api.version = Version::parse(&text).ok_or_else(|| api.strange("its version is no version"))?;
        if api.version.is_too_old() {
            return Err(api
                .transport
                .failure(Kind::Settings, &format!("Zabbix {} is too old: 5.0 is the oldest", api.version)));
        }
        api.log_in(&settings.zabbix, &settings.secrets)?;
        Ok(api)
    }

    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The address that is asked.
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// The result of a method.
    pub fn call<T: DeserializeOwned>(&self, method: &str, parameters: &Value) -> Result<T, Failure> {
        self.ask(method, parameters, self.deadline, PhantomData)
    }

    /// Takes the members of the list that is the result of a method, one after the other, until one is a failure.
    pub fn each(
        &self,
        method: &str,
        parameters: &Value,
        mut take: impl FnMut(Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut failed = None;
        let wants_more = |one| take(one).map_err(|failure| failed = Some(failure)).is_ok();
        let read = self.ask(method, parameters, self.deadline, envelope::List(wants_more));
        failed.map_or(read, Err)
    }

    /// An answer that is none of the API.
    pub fn strange(&self, what: &str) -> Failure {
        self.transport.failure(Kind::Reply, &format!("the answer was not understood: {what}"))
    }

    fn log_in(&mut self, settings: &Zabbix, secrets: &Secrets) -> Result<(), Failure> {
        match (&settings.token, &settings.password) {
            (Some(_), Some(_)) => {
                Err(Failure::settings("zabbix.token and zabbix.password are both set: allowed is one of them"))
            }
            (None, None) => {
                Err(Failure::settings("neither zabbix.token nor zabbix.password is set: allowed is one of them"))
            }
            (Some(token), None) => {
                if !self.version.has_tokens() {
                    let what =
                        format!("Zabbix {} has no API tokens; set zabbix.user and zabbix.password", self.version);
                    return Err(self.transport.failure(Kind::Settings, &what));
                }
                let token = Reference::parse(TOKEN, token)?.open(secrets, "password")?.resolve(self.deadline)?;
                if !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(Failure::settings("zabbix.token: it has blanks or marks in it that no token has"));
                }
                self.token = Some(token);
                Ok(())
            }
            (None, Some(password)) => {
                let reference = Reference::parse(PASSWORD, password)?;
                let stored = reference.credentials(secrets)?.and_then(|login| login.user);
                let user = settings.user.clone().or(stored).ok_or_else(|| {
                    Failure::settings(
                        "zabbix.user is not set, and zabbix.password is no secret:NAME whose login has one",
                    )
                })?;
                let password = reference.open(secrets, "password")?.resolve(self.deadline)?;
                let login = json!({self.version.login_name(): user, "password": password.expose()});
                let token: Zeroizing<String> = Zeroizing::new(self.call("user.login", &login)?);
                if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(self.strange("user.login gave no token"));
                }
                self.token = Some(Secret::new(token.to_string()));
                self.own = true;
                Ok(())
            }
        }
    }

    fn ask<T>(
        &self,
        method: &str,
        parameters: &Value,
        deadline: Deadline,
        result: impl for<'a> DeserializeSeed<'a, Value = T>,
    ) -> Result<T, Failure> {
        let mut request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let bearer = self.token.as_ref().filter(|_| self.version.takes_bearer());
        if let (Some(token), None) = (&self.token, bearer) {
            request["auth"] = token.expose().into();
        }
        let body = Zeroizing::new(serde_json::to_vec(&request).map_err(|e| self.strange(&e.to_string()))?);
        let answer = self.transport.post(&body, bearer, deadline)?;
        let read = envelope::read(&answer, result).map_err(|e| {
            if e.is_data() {
                return self.strange(&format!("{method}: {e}"));
            }
            let begin = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
            self.strange(&format!("{method}: no JSON but {:?}; is zabbix.url right?", excerpt(&begin, 80)))
        })?;
        match (read.result, read.error) {
            (_, Some(error)) => Err(self.refused(method, &error)),
            (Some(result), None) => Ok(result),
            (None, None) => Err(self.strange(&format!("{method}: neither result nor error"))),
        }
    }

    fn refused(&self, method: &str, error: &Value) -> Failure {
        let refusal = Refusal::of(method, error);
        if refusal.login {
            let hint = if refusal.role {
                "; allow it in the role of the API's user"
            } else if method == "user.login" {
                "; check zabbix.user and zabbix.password"
            } else if self.own {
                "; the session ended, the next sync logs in again"
            } else {
                "; check zabbix.token, which may have expired"
            };
            return self.transport.failure(Kind::Auth, &format!("{method} was refused: {}{hint}", refusal.text));
        }
        self.transport.failure(Kind::Rejected, &format!("{method} was refused: {}", refusal.text))
    }
}

impl Refusal {
    fn of(method: &str, error: &Value) -> Self {
        let part =
            |name: &str| error.get(name).and_then(Value::as_str).map(|text| excerpt(text, 200)).unwrap_or_default();
        let text = [part("message"), part("data")].join(" ").trim().trim_end_matches('.').to_owned();
        let lower = text.to_lowercase();
        // Texts of 5.0 to 7.4; there is no code that tells.
        let login = method == "user.login"
            || ["not authori", "session terminated", "re-login", "token expired", "no permissions"]
                .iter()
                .any(|said| lower.contains(said));
        let role = lower.contains("no permissions to call");
        Self { text: if text.is_empty() { "without a reason".to_owned() } else { text }, login, role }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if self.own {
            let _ = self.ask("user.logout", &json!([]), Deadline::after(LOGOUT_LIMIT), PhantomData::<Value>);
        }
    }
}
