//! What differs between two inventories, line by line and router by router, with the fields. Pure. Secrets are never part of
//! it, only that one changed.

use super::compiled::RouterLines;
use super::line_record::LineRecord;
use super::router_record::RouterRecord;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub lines: usize,
    pub routers: usize,
}

/// From one inventory to the next. A line that has another router is a changed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub added: Count,
    pub removed: Count,
    pub changed: Count,
}

impl Changes {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// From one inventory to the next. All lists are sorted by id or name.
#[derive(Clone, Default)]
pub struct Difference {
    pub added: Vec<LineRecord>,
    pub removed: Vec<LineRecord>,
    pub changed: Vec<ChangedLine>,
    pub routers_added: Vec<RouterRecord>,
    pub routers_removed: Vec<RouterRecord>,
    pub routers_changed: Vec<ChangedRouter>,
}

#[derive(Clone)]
pub struct ChangedLine {
    pub before: LineRecord,
    pub after: LineRecord,
}

#[derive(Clone)]
pub struct ChangedRouter {
    pub before: RouterRecord,
    pub after: RouterRecord,
}

/// One field of a changed record; absent = it had, or has, none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Difference {
    /// The order of routers and lines does not count.
    pub fn between(old: &[RouterLines], new: &[RouterLines]) -> Self {
        let (old_lines, new_lines) = (lines(old), lines(new));
        let (old_routers, new_routers) = (routers(old), routers(new));
        let [added, removed] = [only(&new_lines, &old_lines), only(&old_lines, &new_lines)];
        let [routers_added, routers_removed] = [only(&new_routers, &old_routers), only(&old_routers, &new_routers)];
        let changed = both(&old_lines, &new_lines).map(|(before, after)| ChangedLine { before, after });
        let routers_changed = both(&old_routers, &new_routers).map(|(before, after)| ChangedRouter { before, after });
        Self {
            added,
            removed,
            changed: changed.collect(),
            routers_added,
            routers_removed,
            routers_changed: routers_changed.collect(),
        }
    }

    /// A line that has another router is a changed one.
    pub fn counts(&self) -> Changes {
        Changes {
            added: Count { lines: self.added.len(), routers: self.routers_added.len() },
            removed: Count { lines: self.removed.len(), routers: self.routers_removed.len() },
            changed: Count { lines: self.changed.len(), routers: self.routers_changed.len() },
        }
    }

    /// Lines that have another router now.
    pub fn moved(&self) -> impl Iterator<Item = &ChangedLine> {
        self.changed.iter().filter(|changed| changed.before.router != changed.after.router)
    }
}

impl ChangedLine {
    pub fn fields(&self) -> Vec<FieldChange> {
        fields(&serde_json::to_value(&self.before), &serde_json::to_value(&self.after))
    }
}

impl ChangedRouter {
    /// A secret that changed is shown as a reference, or hidden.
    pub fn fields(&self) -> Vec<FieldChange> {
        let redacted = [&self.before, &self.after].map(|record| serde_json::to_value(record.redacted()));
        let mut found = fields(&redacted[0], &redacted[1]);
        // What is hidden looks the same before and after.
        let real = [&self.before, &self.after].map(serde_json::to_value);
        for change in fields(&real[0], &real[1]) {
            if !found.iter().any(|shown| shown.field == change.field) {
                let hidden = |value: Option<String>| value.map(|_| "(hidden)".to_owned());
                found.push(FieldChange { before: hidden(change.before), after: hidden(change.after), ..change });
            }
        }
        found.sort_by(|a, b| a.field.cmp(&b.field));
        found
    }
}

fn fields(before: &serde_json::Result<Value>, after: &serde_json::Result<Value>) -> Vec<FieldChange> {
    let none = Map::new();
    let object = |value: &'_ serde_json::Result<Value>| value.as_ref().ok().and_then(Value::as_object).cloned();
    let (before, after) = (object(before).unwrap_or_else(|| none.clone()), object(after).unwrap_or(none));
    let text =
        |value: Option<&Value>| value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| FieldChange { field: name.clone(), before: text(before.get(name)), after: text(after.get(name)) })
        .filter(|change| change.before != change.after)
        .collect()
}

fn lines(all: &[RouterLines]) -> BTreeMap<&str, &LineRecord> {
    all.iter().flat_map(|(_, lines)| lines).map(|line| (line.id.as_str(), line)).collect()
}

fn routers(all: &[RouterLines]) -> BTreeMap<&str, &RouterRecord> {
    all.iter().map(|(router, _)| (router.name.as_str(), router)).collect()
}

fn only<T: Clone>(these: &BTreeMap<&str, &T>, not: &BTreeMap<&str, &T>) -> Vec<T> {
    these.iter().filter(|(name, _)| !not.contains_key(*name)).map(|(_, record)| (*record).clone()).collect()
}

fn both<T: Clone + PartialEq>(old: &BTreeMap<&str, &T>, new: &BTreeMap<&str, &T>) -> impl Iterator<Item = (T, T)> {
    old.iter().filter_map(|(name, before)| {
        let after = new.get(name).filter(|after| **after != *before)?;
        Some(((*before).clone(), (*after).clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The inventory after a difference was applied, change by change, to the one before.
    fn apply(
        difference: &Difference,
        lines: &mut BTreeMap<String, LineRecord>,
        routers: &mut BTreeMap<String, RouterRecord>,
    ) {
        for line in &difference.removed {
            assert_eq!(lines.remove(&line.id).as_ref(), Some(line), "what is removed was there");
        }
        for changed in &difference.changed {
            assert_eq!(lines.insert(changed.after.id.clone(), changed.after.clone()).as_ref(), Some(&changed.before));
            assert!(!changed.fields().is_empty());
        }
        for line in &difference.added {
            assert!(lines.insert(line.id.clone(), line.clone()).is_none(), "what is added was not there");
        }
        for router in &difference.routers_removed {
            assert!(routers.remove(&router.name).as_ref() == Some(router));
        }
        for changed in &difference.routers_changed {
            assert!(
                routers.insert(changed.after.name.clone(), changed.after.clone()).as_ref() == Some(&changed.before)
            );
            assert!(!changed.fields().is_empty());
        }
        for router in &difference.routers_added {
            assert!(routers.insert(router.name.clone(), router.clone()).is_none());
        }
    }

    /// Routers: name, address, password. Lines: id, router, target, carrier.
    type Plain = (Vec<(u8, String, Option<String>)>, Vec<(u8, u8, String, Option<String>)>);

    fn inventory() -> impl Strategy<Value = Plain> {
        let router = (0..4_u8, "[ab]", prop::option::of("[ab]"));
        let line = (0..6_u8, 0..4_u8, "[ab]", prop::option::of("[ab]"));
        (prop::collection::vec(router, 0..5), prop::collection::vec(line, 0..8))
    }

    fn built((routers, lines): Plain) -> Vec<RouterLines> {
        let mut all: BTreeMap<String, RouterLines> = BTreeMap::new();
        for (name, address, password) in routers {
            let record = RouterRecord { name: format!("r{name}"), address, password, ..RouterRecord::default() };
            all.insert(record.name.clone(), (record, Vec::new()));
        }
        let mut seen = std::collections::BTreeSet::new();
        for (id, router, target, carrier) in lines {
            if let Some((record, lines)) = all.get_mut(&format!("r{router}")).filter(|_| seen.insert(id)) {
                let (id, router) = (format!("l{id}"), record.name.clone());
                lines.push(LineRecord { id, target, router, carrier, ..LineRecord::default() });
            }
        }
        all.into_values().collect()
    }

    proptest! {
        #[test]
        fn inventories_applied_change_by_change_are_the_last_one(all in prop::collection::vec(inventory(), 1..6)) {
            let (mut lines_now, mut routers_now) = (BTreeMap::new(), BTreeMap::new());
            let mut before: &[RouterLines] = &[];
            let all: Vec<Vec<RouterLines>> = all.into_iter().map(built).collect();
            for next in &all {
                let difference = Difference::between(before, next);
                apply(&difference, &mut lines_now, &mut routers_now);
                before = next;
            }
            let lines: BTreeMap<String, LineRecord> =
                lines(before).into_iter().map(|(id, line)| (id.to_owned(), line.clone())).collect();
            let routers: BTreeMap<String, RouterRecord> =
                routers(before).into_iter().map(|(name, router)| (name.to_owned(), router.clone())).collect();
            prop_assert_eq!(lines_now, lines);
            prop_assert!(routers_now == routers);
        }
    }

    #[test]
    fn what_was_added_removed_and_changed_is_counted_and_another_order_is_no_change() {
        let of = |routers: &[u8], lines: &[(u8, u8, &str)]| {
            let routers = routers.iter().map(|name| (*name, String::new(), None)).collect();
            built((
                routers,
                lines.iter().map(|(id, router, target)| (*id, *router, (*target).to_owned(), None)).collect(),
            ))
        };
        let old = of(&[1, 2], &[(1, 1, "a"), (2, 1, "a"), (3, 2, "a")]);
        let new = of(&[3, 1], &[(3, 3, "a"), (4, 3, "a"), (1, 1, "b")]);
        let Changes { added, removed, changed } = Difference::between(&old, &new).counts();
        assert_eq!((added, removed), (Count { lines: 1, routers: 1 }, Count { lines: 1, routers: 1 }));
        assert_eq!(changed, Count { lines: 2, routers: 0 });
        let turned: Vec<RouterLines> =
            old.iter().rev().map(|(router, lines)| (router.clone(), lines.iter().rev().cloned().collect())).collect();
        assert!(Difference::between(&old, &turned).counts().is_none());
    }

    #[test]
    fn a_changed_secret_is_named_and_not_shown() {
        let of = |password: &str| RouterRecord { password: Some(password.into()), ..RouterRecord::default() };
        let change = |before, after| ChangedRouter { before: of(before), after: of(after) }.fields();
        let hidden = Some("(hidden)".to_owned());
        assert_eq!(
            change("canary-1", "canary-2"),
            [FieldChange { field: "password".into(), before: hidden.clone(), after: hidden.clone() }]
        );
        assert_eq!(change("canary-1", "secret:core")[0].after.as_deref(), Some("secret:core"));
    }
}
