//! Which hosts of Zabbix are lines of ours: enabled, with the tag, monitored by the proxy. What the API filters is looked at
//! again: it ignores parameters that it does not know.

use super::answer;
use super::api::Api;
use crate::failure::Failure;
use crate::quote::quoted;
use crate::settings::Sync;
use crate::settings::suggestion::nearest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A tag that a host must have.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    /// Any when absent.
    pub(super) value: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        match text.split_once('=') {
            Some((name, value)) => Self { name: name.trim(), value: Some(value.trim()) },
            None => Self { name: text.trim(), value: None },
        }
    }

    pub(super) fn fits(&self, (name, value): &(String, String)) -> bool {
        name == self.name && self.value.is_none_or(|wanted| wanted == value)
    }

    fn query(&self) -> Value {
        match self.value {
            // 1 = equals, 4 = exists.
            Some(value) => json!([{"tag": self.name, "value": value, "operator": 1}]),
            None => json!([{"tag": self.name, "operator": 4}]),
        }
    }
}

/// Who monitors the hosts that are wanted.
enum By {
    Anybody,
    Server,
    Proxy(u64),
    Group(u64),
}

/// Ids of enabled hosts, in order; where the version cannot find tags of templates, all that the proxy monitors.
pub(super) fn host_ids(api: &Api, settings: &Sync) -> Result<Vec<u64>, Failure> {
    let by = monitored_by(api, settings)?;
    let groups = api.version().has_proxy_groups();
    let own = if groups {
        ["monitored_by", "proxyid", "proxy_groupid", "assigned_proxyid"].as_slice()
    } else {
        &["proxy_hostid"]
    };
    let output: Vec<&str> = ["hostid", "status"].iter().chain(own).copied().collect();
    let mut query = json!({"output": output, "filter": {"status": 0}});
    if api.version().finds_inherited_tags() {
        query["tags"] = Wanted::parse(&settings.tag).query();
        query["evaltype"] = 0.into();
        query["inheritedTags"] = true.into();
    }
    let mut ids = BTreeSet::new();
    api.each("host.get", &query, |host| {
        let id = answer::id(&host, "hostid").ok_or_else(|| api.strange("a host without an id"))?;
        if answer::choice(&host, "status") == 0 && is_by(&host, &by, groups) {
            ids.insert(id);
        }
        Ok(())
    })?;
    Ok(ids.into_iter().collect())
}

fn is_by(host: &Value, by: &By, groups: bool) -> bool {
    let of = |key: &str| answer::choice(host, key);
    match (by, groups) {
        (By::Anybody, _) => true,
        (By::Server, false) => of("proxy_hostid") == 0,
        (By::Proxy(id), false) => of("proxy_hostid") == *id,
        (By::Group(_), false) => false,
        (By::Server, true) => of("monitored_by") == 0,
        // A proxy of a group has those hosts that the group gave it.
        (By::Proxy(id), true) => match of("monitored_by") {
            1 => of("proxyid") == *id,
            2 => of("assigned_proxyid") == *id,
            _ => false,
        },
        (By::Group(id), true) => of("monitored_by") == 2 && of("proxy_groupid") == *id,
    }
}

fn monitored_by(api: &Api, settings: &Sync) -> Result<By, Failure> {
    match (settings.proxy.as_deref(), settings.proxy_group.as_deref()) {
        (None, None) => Ok(By::Anybody),
        (Some("none"), None) => Ok(By::Server),
        (Some(proxy), None) => {
            let name = if api.version().has_proxy_groups() { "name" } else { "host" };
            find(api, "sync.proxy", proxy, "proxy.get", ["proxyid", name]).map(By::Proxy)
        }
        (None, Some(group)) if api.version().has_proxy_groups() => {
            find(api, "sync.proxy_group", group, "proxygroup.get", ["proxy_groupid", "name"]).map(By::Group)
        }
        (None, Some(_)) => Err(Failure::settings(format!(
            "sync.proxy_group: Zabbix {} has no proxy groups; set sync.proxy",
            api.version()
        ))),
        (Some(_), Some(_)) => {
            Err(Failure::settings("sync.proxy and sync.proxy_group are both set: allowed is one of them"))
        }
    }
}

/// The id of a proxy or group by its name or, where none is called so, by its id.
fn find(api: &Api, setting: &str, wanted: &str, method: &str, [id, name]: [&str; 2]) -> Result<u64, Failure> {
    let all: Vec<Value> = api.call(method, &json!({"output": [id, name]}))?;
    let named = all.iter().find(|one| answer::text(one, name) == Some(wanted));
    let numbered = || all.iter().find(|one| answer::id(one, id).is_some_and(|id| id.to_string() == wanted));
    if let Some(found) = named.or_else(numbered).and_then(|one| answer::id(one, id)) {
        return Ok(found);
    }
    let near = nearest(wanted, all.iter().filter_map(|one| answer::text(one, name)));
    let near = near.map_or(String::new(), |near| format!(", did you mean {}?", quoted(near)));
    let none = if all.is_empty() { "; the user of the API may not see any" } else { "" };
    Err(Failure::settings(format!("{setting} {}: Zabbix has none that is called so{near}{none}", quoted(wanted))))
}
