//! `inventory history` and `inventory diff`: the generations that are kept, and what differs between two of them.

use super::changes::{self, plural};
use super::format::Format;
use super::{Context, complain, known, output};
use crate::clock;
use crate::failure::Failure;
use crate::inventory::compiled::{Header, Inventory, Source};
use crate::inventory::difference::{Changes, Count, Difference};
use crate::inventory::history;
use serde_json::{Value, json};
use std::io;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// The generation before [default: the one before the last]
    from: Option<u64>,
    /// The generation after [default: the one that counts]
    to: Option<u64>,
}

pub(super) fn run(context: &Context) -> io::Result<ExitCode> {
    match list(context) {
        Ok(text) => output::print(&text).map(|()| ExitCode::SUCCESS),
        Err(failure) => complain(&failure),
    }
}

fn list(context: &Context) -> Result<String, Failure> {
    let all = history::all(context.state()?)?;
    let mut rows = Vec::with_capacity(all.len());
    for (at, inventory) in all.iter().enumerate() {
        let before = all.get(at + 1).map(|before| difference(before, inventory));
        rows.push((inventory.header(), before.transpose()?));
    }
    if context.format == Format::Json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(header, difference)| {
                let changes = difference.as_ref().map(Difference::counts);
                let (generation, lines, routers) = (header.generation, header.lines, header.routers);
                json!({
                    "generation": generation, "time": output::rounded(header.time), "lines": lines, "routers": routers,
                    "source": header.source, "changes": changes,
                })
            })
            .collect();
        return Ok(format!("{}\n", json!({"generations": rows})));
    }
    let now = clock::now();
    let titles = ["GENERATION", "AGE", "LINES", "ROUTERS", "ADDED", "REMOVED", "CHANGED", "FROM"].map(str::to_owned);
    let body = rows.iter().map(|(header, difference)| {
        let count = |of: fn(&Changes) -> Count| {
            difference.as_ref().map_or("-".to_owned(), |difference| match of(&difference.counts()) {
                Count { lines, routers: 0 } => lines.to_string(),
                Count { lines, routers } => format!("{lines}, {}", plural(routers, "router")),
            })
        };
        [
            header.generation.to_string(),
            output::age(now - header.time),
            header.lines.to_string(),
            header.routers.to_string(),
            count(|changes| changes.added),
            count(|changes| changes.removed),
            count(|changes| changes.changed),
            from(header),
        ]
    });
    Ok(output::columns(&std::iter::once(titles).chain(body).collect::<Vec<_>>()))
}

fn from(header: &Header) -> String {
    match &header.source {
        Source::File { files } => files.join(", "),
        Source::Api { url } => url.clone(),
    }
}

pub(super) fn diff(context: &Context, args: &Diff) -> io::Result<ExitCode> {
    let (from, to, difference) = match compare(context, args) {
        Ok(found) => found,
        Err(failure) => return complain(&failure),
    };
    match context.format {
        Format::Json => output::print_json(&json!({
            "from": from, "to": to, "changes": difference.counts(), "difference": changes::json(&difference),
        }))?,
        Format::Text => {
            let head = format!("generation {from} → {to}\n");
            output::print(&format!("{}{head}{}", changes::text(&difference), changes::summary(&difference)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(context: &Context, args: &Diff) -> Result<(u64, u64, Difference), Failure> {
    let state = context.state()?;
    let [to, from] = match (args.to, args.from) {
        (Some(to), Some(from)) => [history::open(state, to)?, history::open(state, from)?],
        (None, Some(from)) => [known::inventory(context)?, history::open(state, from)?],
        (_, None) => {
            let mut all = history::all(state)?.into_iter();
            let two = all
                .next()
                .zip(all.next())
                .ok_or_else(|| Failure::settings("one generation is kept; there is nothing to compare it with"))?;
            two.into()
        }
    };
    let generation = |inventory: &Inventory| inventory.header().generation;
    Ok((generation(&from), generation(&to), difference(&from, &to)?))
}

fn difference(from: &Inventory, to: &Inventory) -> Result<Difference, Failure> {
    Ok(Difference::between(&from.routers()?, &to.routers()?))
}
