//! What differs between two inventories.

use super::compiled::RouterLines;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

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
    /// The order of routers and lines does not count.
    pub fn between(old: &[RouterLines], new: &[RouterLines]) -> Self {
        let routers =
            |all: &[RouterLines]| all.iter().map(|(router, _)| (router.name.clone(), router.clone())).collect();
        let lines = |all: &[RouterLines]| {
            all.iter().flat_map(|(_, lines)| lines).map(|line| (line.id.clone(), line.clone())).collect()
        };
        let [routers_added, routers_removed, routers_changed] = differences(&routers(old), &routers(new));
        let [lines_added, lines_removed, lines_changed] = differences(&lines(old), &lines(new));
        Self {
            added: Count { lines: lines_added, routers: routers_added },
            removed: Count { lines: lines_removed, routers: routers_removed },
            changed: Count { lines: lines_changed, routers: routers_changed },
        }
    }

    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Added, removed, changed.
fn differences<T: PartialEq>(old: &HashMap<String, T>, new: &HashMap<String, T>) -> [usize; 3] {
    let added = new.keys().filter(|name| !old.contains_key(*name)).count();
    let removed = old.keys().filter(|name| !new.contains_key(*name)).count();
    let changed = old.iter().filter(|(name, value)| new.get(*name).is_some_and(|now| now != *value)).count();
    [added, removed, changed]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::line_record::LineRecord;
    use crate::inventory::router_record::RouterRecord;

    fn of(routers: &[(&str, &[(&str, &str)])]) -> Vec<RouterLines> {
        let line = |(id, target): &(&str, &str), router: &str| LineRecord {
            id: (*id).to_owned(),
            target: (*target).to_owned(),
            router: router.to_owned(),
            ..LineRecord::default()
        };
        let router = |(name, lines): &(&str, &[(&str, &str)])| {
            let record = RouterRecord { name: (*name).to_owned(), ..RouterRecord::default() };
            (record, lines.iter().map(|one| line(one, name)).collect())
        };
        routers.iter().map(router).collect()
    }

    #[test]
    fn what_was_added_removed_and_changed_is_counted() {
        let old = of(&[("r1", &[("a", "1"), ("b", "1")]), ("r2", &[("c", "1")])]);
        let new = of(&[("r3", &[("c", "1"), ("d", "1")]), ("r1", &[("a", "2")])]);
        let changes = Changes::between(&old, &new);
        assert_eq!((changes.added, changes.removed), (Count { lines: 1, routers: 1 }, Count { lines: 1, routers: 1 }));
        assert_eq!(changes.changed, Count { lines: 2, routers: 0 });
    }

    #[test]
    fn another_order_is_no_change() {
        let old = of(&[("r1", &[("a", "1"), ("b", "1")]), ("r2", &[])]);
        let new = of(&[("r2", &[]), ("r1", &[("b", "1"), ("a", "1")])]);
        assert!(Changes::between(&old, &new).is_none());
    }
}
