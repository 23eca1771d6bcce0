//! A host of Zabbix as far as a line needs it, and how it is asked for.

use super::answer;
use super::api::{Api, Version};
use super::macros::Macro;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Host {
    pub(super) id: u64,
    /// The technical name.
    pub(super) host: String,
    /// The one that is shown.
    pub(super) name: String,
    pub(super) tags: Vec<(String, String)>,
    /// Of its templates, whether the user of the API may see those or not; None where the API does not tell.
    pub(super) inherited_tags: Option<Vec<(String, String)>>,
    pub(super) groups: Vec<String>,
    pub(super) parents: Vec<u64>,
    pub(super) macros: Vec<Macro>,
}

/// A host whose answer is not what it should be.
pub(super) struct Unclear {
    pub(super) id: u64,
    pub(super) host: String,
    pub(super) what: answer::Strange,
}

/// All about these hosts, by id. One that was deleted in between is left out; one that is there and not in the answer is an
/// answer cut in half.
pub(super) fn fetch(api: &Api, ids: &[u64]) -> Result<Vec<Result<Host, Unclear>>, Failure> {
    let wanted: BTreeSet<u64> = ids.iter().copied().collect();
    let mut found = BTreeMap::new();
    api.each("host.get", &request(api.version(), ids), |one| {
        let id = answer::id(&one, "hostid").ok_or_else(|| api.strange("a host without an id"))?;
        // Nobody asked for it: a parameter had no effect.
        if wanted.contains(&id) && answer::choice(&one, "status") == 0 {
            found.entry(id).or_insert_with(|| parse(&one, id));
        }
        Ok(())
    })?;
    let missing: Vec<u64> = wanted.into_iter().filter(|id| !found.contains_key(id)).collect();
    if !missing.is_empty() {
        let query = json!({"hostids": missing, "output": ["hostid"], "filter": {"status": 0}});
        let mut there = 0;
        api.each("host.get", &query, |one| {
            there += usize::from(answer::id(&one, "hostid").is_some_and(|id| missing.contains(&id)));
            Ok(())
        })?;
        if there > 0 {
            return Err(api.strange(&format!("host.get left out {there} of {} hosts that are there", ids.len())));
        }
    }
    Ok(found.into_values().collect())
}

fn request(version: &Version, ids: &[u64]) -> Value {
    let mut request = json!({
        "hostids": ids, "output": ["hostid", "host", "name", "status"], "filter": {"status": 0},
        "selectMacros": ["macro", "value", "type"], "selectParentTemplates": ["templateid"], "selectTags": ["tag", "value"],
    });
    if version.finds_inherited_tags() {
        request["selectInheritedTags"] = json!(["tag", "value"]);
    }
    request[if version.has_host_groups() { "selectHostGroups" } else { "selectGroups" }] = json!(["name"]);
    request
}

fn parse(one: &Value, id: u64) -> Result<Host, Unclear> {
    let host = answer::text(one, "host").unwrap_or_default().to_owned();
    let unclear = |what| Unclear { id, host: host.clone(), what };
    if host.is_empty() {
        return Err(unclear("name"));
    }
    let groups = if one.get("hostgroups").is_some() { "hostgroups" } else { "groups" };
    let groups = answer::list(one, groups).ok_or_else(|| unclear("host groups"))?;
    Ok(Host {
        id,
        name: answer::text(one, "name").filter(|name| !name.is_empty()).unwrap_or(&host).to_owned(),
        tags: answer::tags(one, "tags").map_err(unclear)?,
        inherited_tags: one
            .get("inheritedTags")
            .map(|_| answer::tags(one, "inheritedTags"))
            .transpose()
            .map_err(unclear)?,
        groups: groups.iter().filter_map(|group| answer::text(group, "name")).map(str::to_owned).collect(),
        parents: answer::ids(one, "parentTemplates", "templateid").ok_or_else(|| unclear("templates"))?,
        macros: answer::macros(one).map_err(unclear)?,
        host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any JSON; its objects have the names that are looked for.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}|\\{\\$[A-Z:\"]{1,6}\\}|[0-9]{1,25}".prop_map(Value::from),
        ];
        let names =
            "host|name|status|macros|macro|value|type|tags|tag|parentTemplates|templateid|hostgroups|inheritedTags";
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..8).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_api_says_of_a_host_it_is_one_or_it_is_named(answer in json()) {
            match parse(&answer, 7) {
                Ok(host) => prop_assert!(host.id == 7 && !host.host.is_empty()),
                Err(unclear) => prop_assert!(unclear.id == 7 && !unclear.what.is_empty()),
            }
        }
    }
}
