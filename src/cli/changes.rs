//! How a difference between two inventories is printed: for people line by line, as JSON with counts and the first of each kind.

use super::output::one_line;
use crate::inventory::difference::{Difference, FieldChange};
use crate::inventory::line_record::LineRecord;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// So many of each kind are in the JSON, as a value of Zabbix is bounded.
const NAMED: usize = 100;

/// `1 line`, `2 lines`.
pub(super) fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `  added: 3 lines, 1 router`, one line for each kind of which there are some.
pub(super) fn summary(difference: &Difference) -> String {
    let counts = difference.counts();
    let mut text = String::new();
    for (what, count) in [("added", counts.added), ("removed", counts.removed), ("changed", counts.changed)] {
        let parts = [(count.lines, "line"), (count.routers, "router")];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, name)| plural(*n, name)).collect();
        if !parts.is_empty() {
            let _ = writeln!(text, "  {what}: {}", parts.join(", "));
        }
    }
    text
}

/// Each change on a line of its own.
pub(super) fn text(difference: &Difference) -> String {
    let mut rows = Vec::new();
    let mut row = |mark: &str, what: String| rows.push(format!("{mark} {}", one_line(&what)));
    for router in &difference.routers_removed {
        row("-", format!("router {} ({})", router.name, router.address));
    }
    for router in &difference.routers_added {
        row("+", format!("router {} ({}, {})", router.name, router.address, router.platform));
    }
    for changed in &difference.routers_changed {
        row("~", format!("router {}: {}", changed.after.name, fields(&changed.fields())));
    }
    for line in &difference.removed {
        row("-", format!("line {}: {} by {}", line.id, line.target, line.router));
    }
    for line in &difference.added {
        row("+", format!("line {}: {} by {}", line.id, line.target, line.router));
    }
    for changed in &difference.changed {
        row("~", format!("line {}: {}", changed.after.id, fields(&changed.fields())));
    }
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn fields(changes: &[FieldChange]) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
    let one = |change: &FieldChange| format!("{} {} → {}", change.field, shown(&change.before), shown(&change.after));
    changes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Counts, and the first of each kind.
pub(super) fn json(difference: &Difference) -> Value {
    let line = |line: &LineRecord| json!({"id": line.id, "target": line.target, "router": line.router});
    let routers = |all: &[crate::inventory::router_record::RouterRecord]| -> Vec<Value> {
        all.iter().take(NAMED).map(|router| json!({"name": router.name, "address": router.address})).collect()
    };
    let changed = difference.changed.iter().take(NAMED);
    let routers_changed = difference.routers_changed.iter().take(NAMED);
    json!({
        "lines": {
            "added": difference.added.iter().take(NAMED).map(line).collect::<Vec<_>>(),
            "removed": difference.removed.iter().take(NAMED).map(line).collect::<Vec<_>>(),
            "changed": changed.map(|one| json!({"id": one.after.id, "fields": one.fields()})).collect::<Vec<_>>(),
            "moved": difference.moved().take(NAMED).map(|one| {
                json!({"id": one.after.id, "from": one.before.router, "to": one.after.router})
            }).collect::<Vec<_>>(),
        },
        "routers": {
            "added": routers(&difference.routers_added),
            "removed": routers(&difference.routers_removed),
            "changed": routers_changed
                .map(|one| json!({"name": one.after.name, "fields": one.fields()}))
                .collect::<Vec<_>>(),
        },
    })
}
