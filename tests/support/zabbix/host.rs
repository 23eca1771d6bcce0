//! A host of the real Zabbix: made by the API, its items and their values, its problems; deleted on drop.

use super::{Part, Zabbix};
use crate::support::wait;
use serde_json::{Value as Json, json};

/// The group of the tests' hosts.
const GROUP: &str = "Lab";

/// A host to be created.
#[must_use]
pub struct NewHost<'a> {
    zabbix: &'a Zabbix,
    agent: bool,
    request: Json,
}

impl<'a> NewHost<'a> {
    pub(super) fn new(zabbix: &'a Zabbix, name: &str) -> Self {
        // Zabbix 6.0 wants an interface also for external checks, which do not use it.
        let interface = json!({"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "10050"});
        let request = json!({"host": name, "templates": [], "macros": [], "interfaces": [interface], "tags": []});
        Self { zabbix, agent: false, request }
    }

    /// Who runs its checks: the proxy, or an agent. Without it the server does.
    pub fn by(mut self, part: Part) -> Self {
        self.agent = matches!(part, Part::Agentd | Part::Agent2);
        match part {
            Part::Server => {}
            Part::Proxy if self.zabbix.version == "6.0" => self.request["proxy_hostid"] = self.zabbix.proxy_id(),
            Part::Proxy => {
                self.request["monitored_by"] = 1.into();
                self.request["proxyid"] = self.zabbix.proxy_id();
            }
            Part::Agentd | Part::Agent2 => {
                self.request["interfaces"][0]["port"] = self.zabbix.description[part.name()]["port"].to_string().into();
            }
        }
        self
    }

    /// A proxy of this group runs its checks; of 7.0.
    pub fn of_group(mut self, id: &Json) -> Self {
        self.request["monitored_by"] = 2.into();
        self.request["proxy_groupid"] = id.clone();
        self
    }

    /// Links a template that was imported.
    #[track_caller]
    pub fn template(mut self, name: &str) -> Self {
        let found = self.zabbix.call("template.get", json!({"filter": {"host": name}, "output": ["templateid"]}));
        let id = found[0]["templateid"].clone();
        assert!(id.is_string(), "no template is called {name}");
        push(&mut self.request["templates"], json!({"templateid": id}));
        self
    }

    /// `{$NAME}` and its value.
    pub fn user_macro(mut self, name: &str, value: &str) -> Self {
        push(&mut self.request["macros"], json!({"macro": name, "value": value}));
        self
    }

    pub fn tag(mut self, name: &str, value: &str) -> Self {
        push(&mut self.request["tags"], json!({"tag": name, "value": value}));
        self
    }

    /// Another name to be shown.
    pub fn shown_as(mut self, name: &str) -> Self {
        self.request["name"] = name.into();
        self
    }

    /// Creates it; server and proxy know it when this returns or a second later.
    #[track_caller]
    pub fn create(mut self) -> Host<'a> {
        self.request["groups"] = json!([{"groupid": group(self.zabbix)}]);
        let id = self.zabbix.call("host.create", self.request)["hostids"][0].as_str().expect("an id").to_owned();
        self.zabbix.reload();
        Host { zabbix: self.zabbix, agent: self.agent, id }
    }
}

fn push(list: &mut Json, value: Json) {
    list.as_array_mut().expect("a list").push(value);
}

fn group(zabbix: &Zabbix) -> Json {
    // Of two tests that create it one is refused and finds that of the other.
    let _ = zabbix.try_call("hostgroup.create", json!({"name": GROUP}));
    zabbix.call("hostgroup.get", json!({"filter": {"name": GROUP}}))[0]["groupid"].clone()
}

impl Zabbix {
    fn proxy_id(&self) -> Json {
        let name = if self.version == "6.0" { "host" } else { "name" };
        self.call("proxy.get", json!({"filter": {name: self.description["proxy"]["name"]}}))[0]["proxyid"].clone()
    }
}

pub struct Host<'a> {
    zabbix: &'a Zabbix,
    agent: bool,
    pub id: String,
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Seconds and nanoseconds since 1970.
    pub time: (u64, u32),
    pub text: String,
}

impl Value {
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {:?}", self.text))
    }
}

impl Host<'_> {
    /// Has the server or the proxy run its checks from now on.
    #[track_caller]
    pub fn move_to(&self, part: Part) {
        let zabbix = self.zabbix;
        let mut request = match (part, zabbix.version) {
            (Part::Proxy, "6.0") => json!({"proxy_hostid": zabbix.proxy_id()}),
            (Part::Proxy, _) => json!({"monitored_by": 1, "proxyid": zabbix.proxy_id()}),
            (_, "6.0") => json!({"proxy_hostid": 0}),
            _ => json!({"monitored_by": 0}),
        };
        request["hostid"] = self.id.clone().into();
        zabbix.call("host.update", request);
        zabbix.reload();
    }

    /// A text item that the server or the proxy fills by an external check, or (for a host of an agent) the agent.
    #[track_caller]
    pub fn text_item(&self, key: &str, interval: &str) -> String {
        let interfaces = self.zabbix.call("hostinterface.get", json!({"hostids": self.id}));
        let item = json!({
            "hostid": self.id, "interfaceid": interfaces[0]["interfaceid"], "name": key, "key_": key, "delay": interval,
            "type": if self.agent { 0 } else { 10 }, "value_type": 4, "history": "1d",
        });
        let made = self.zabbix.call("item.create", item);
        self.zabbix.reload();
        made["itemids"][0].as_str().expect("an id").to_owned()
    }

    /// The item as the API shows it: `itemid`, `value_type`, `state`, `error`, `lastvalue`, `lastclock`, …; none when there is
    /// no such item (yet).
    pub fn item(&self, key: &str) -> Option<Json> {
        let found = self.zabbix.call("item.get", json!({"hostids": self.id, "filter": {"key_": key}}));
        found.get(0).cloned()
    }

    /// Keys of all items, sorted.
    pub fn keys(&self) -> Vec<String> {
        let found = self.zabbix.call("item.get", json!({"hostids": self.id, "output": ["key_"]}));
        let items = found.as_array().expect("a list").iter();
        let mut keys: Vec<String> = items.map(|item| item["key_"].as_str().expect("a key").to_owned()).collect();
        keys.sort();
        keys
    }

    /// All values of an item, oldest first.
    pub fn values(&self, key: &str) -> Vec<Value> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let kind: u32 = number(&item["value_type"]);
        let query = json!({"itemids": item["itemid"], "history": kind, "output": "extend"});
        let found = self.zabbix.call("history.get", query);
        let rows = found.as_array().expect("a list").iter();
        let mut values: Vec<Value> = rows
            .map(|row| Value {
                time: (number(&row["clock"]), number(&row["ns"])),
                text: row["value"].as_str().expect("text").to_owned(),
            })
            .collect();
        values.sort_by_key(|value| value.time);
        values
    }

    /// Waits for a value that `fits`, among all there are; the first such.
    #[track_caller]
    pub fn wait_for(&self, key: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait::patiently(&format!("{what} in {key}"), || {
            let values = self.values(key);
            let shown = || self.item(key).map(|item| format!("{} {}", item["lastvalue"], item["error"]));
            values.iter().find(|value| fits(value)).cloned().ok_or_else(|| format!("{:?}", shown()))
        })
    }

    /// Waits for the first value.
    #[track_caller]
    pub fn first(&self, key: &str) -> Value {
        self.wait_for(key, "a value", |_| true)
    }

    /// Waits for a value that is newer than this one.
    #[track_caller]
    pub fn next(&self, key: &str, than: &Value) -> Value {
        self.wait_for(key, "a newer value", |value| value.time > than.time)
    }

    /// Waits until the item is not supported; the error that Zabbix shows.
    #[track_caller]
    pub fn error(&self, key: &str) -> String {
        wait::patiently(&format!("an error of {key}"), || {
            let item = self.item(key).ok_or("no such item")?;
            if item["state"] == "1" {
                Ok(item["error"].as_str().unwrap_or_default().to_owned())
            } else {
                Err(item.to_string())
            }
        })
    }

    /// The error that Zabbix shows at a discovery rule; empty while it is supported.
    pub fn discovery_error(&self, key: &str) -> String {
        let found = self.zabbix.call("discoveryrule.get", json!({"hostids": self.id, "filter": {"key_": key}}));
        found[0]["error"].as_str().unwrap_or_else(|| panic!("no rule {key}")).to_owned()
    }

    /// "Execute now" of an item, again and again until the item has a value newer than this one: Zabbix
    /// forgets the order while the server does not know the item yet.
    #[track_caller]
    pub fn check_now(&self, key: &str, than: Option<&Value>) -> Value {
        let item = self.item(key).unwrap_or_else(|| panic!("no item {key}"));
        wait::patiently(&format!("a value of {key}"), || {
            self.zabbix.call("task.create", json!([{"type": 6, "request": {"itemid": item["itemid"]}}]));
            let newest = self.values(key).pop();
            newest.filter(|value| than.is_none_or(|than| value.time > than.time)).ok_or("none")
        })
    }

    /// Names of the problems that are open now, sorted.
    pub fn problems(&self) -> Vec<String> {
        let found = self.zabbix.call("problem.get", json!({"hostids": self.id, "output": ["name"]}));
        let problems = found.as_array().expect("a list").iter();
        let mut names: Vec<String> = problems.map(|p| p["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    }

    /// Waits until exactly these problems are open, in any order; each is named by how its name begins.
    #[track_caller]
    pub fn wait_for_problems(&self, beginnings: &[&str]) {
        let mut wanted = beginnings.to_vec();
        wanted.sort_unstable();
        wait::patiently(&format!("the problems {wanted:?}"), || {
            let found = self.problems();
            let fits =
                found.len() == wanted.len() && found.iter().zip(&wanted).all(|(name, begin)| name.starts_with(begin));
            if fits { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }

    #[track_caller]
    pub fn set_macro(&self, name: &str, value: &str) {
        let found = self.zabbix.call("usermacro.get", json!({"hostids": self.id, "filter": {"macro": name}}));
        match found[0]["hostmacroid"].as_str() {
            Some(id) => self.zabbix.call("usermacro.update", json!({"hostmacroid": id, "value": value})),
            None => self.zabbix.call("usermacro.create", json!({"hostid": self.id, "macro": name, "value": value})),
        };
        self.zabbix.reload();
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Json) -> T {
    value.as_str().expect("a number as text").parse().expect("a number")
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        // The frontend may be gone in a test that fails; a second panic would hide the first.
        if !std::thread::panicking() {
            self.zabbix.call("host.delete", json!([self.id]));
        }
    }
}
