//! Hosts and templates that have a template which the user of the API may not see: the API does not say so, it leaves it out,
//! and a macro would be resolved wrongly. What tells is an item, or a discovery rule, that came from a template, while that
//! template's own is not to be seen. A template without any of them and without tags cannot be noticed.

use super::answer;
use super::api::Api;
use crate::failure::Failure;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Items asked for at once.
const AT_ONCE: usize = 5000;

/// Who tells of items; discovery rules are items with other methods. An id is one of either.
const METHODS: [&str; 2] = ["item.get", "discoveryrule.get"];

/// The items of templates that were looked for.
#[derive(Default)]
pub(super) struct Rights {
    seen: BTreeSet<u64>,
    unseen: BTreeSet<u64>,
}

/// Of each owner the items of templates that its own come from.
pub(super) type Origins = BTreeMap<u64, BTreeSet<u64>>;

/// Asks for the origins of the items of these hosts (`hostids`) or templates (`templateids`).
pub(super) fn origins(api: &Api, key: &str, ids: &[u64]) -> Result<Origins, Failure> {
    let mut origins = Origins::new();
    if ids.is_empty() {
        return Ok(origins);
    }
    let mut query = json!({"inherited": true, "output": ["itemid", "hostid", "templateid"]});
    query[key] = json!(ids);
    if key == "templateids" {
        query["templated"] = true.into();
    }
    for method in METHODS {
        api.each(method, &query, |item| {
            if let (Some(owner), Some(origin @ 1..)) = (answer::id(&item, "hostid"), answer::id(&item, "templateid")) {
                origins.entry(owner).or_default().insert(origin);
            }
            Ok(())
        })?;
    }
    Ok(origins)
}

impl Rights {
    /// The owners that have an item of a template that is not to be seen.
    pub(super) fn blind(&mut self, api: &Api, origins: &Origins) -> Result<BTreeSet<u64>, Failure> {
        let new: BTreeSet<u64> = origins.values().flatten().copied().filter(|id| !self.is_known(*id)).collect();
        let new: Vec<u64> = new.into_iter().collect();
        for some in new.chunks(AT_ONCE) {
            let mut found = BTreeSet::new();
            for method in METHODS {
                let query = json!({"itemids": some, "templated": true, "output": ["itemid"]});
                api.each(method, &query, |item| {
                    found.extend(answer::id(&item, "itemid"));
                    Ok(())
                })?;
            }
            let (seen, unseen): (Vec<u64>, Vec<u64>) = some.iter().partition(|id| found.contains(id));
            self.seen.extend(seen);
            self.unseen.extend(unseen);
        }
        let blind = |origins: &BTreeSet<u64>| origins.iter().any(|id| self.unseen.contains(id));
        Ok(origins.iter().filter(|(_, origins)| blind(origins)).map(|(owner, _)| *owner).collect())
    }

    fn is_known(&self, item: u64) -> bool {
        self.seen.contains(&item) || self.unseen.contains(&item)
    }
}
