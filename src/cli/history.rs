//! `inventory history` and `inventory diff`: the generations that are kept, and what differs between two of them.

use super::changes::{self, plural};
use super::format::Format;
use super::{Context, complain, output};
use crate::clock;
use crate::failure::Failure;
use crate::inventory::compiled::{Header, Source};
use crate::inventory::difference::Difference;
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
    let state = context.state()?;
    let headers = history::headers(state)?;
    let mut rows = Vec::with_capacity(headers.len());
    for (at, header) in headers.iter().enumerate() {
        let before = headers.get(at + 1).map(|before| difference(context, before.generation, header.generation));
        rows.push((header, before.transpose()?));
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
        let count = |of: fn(&crate::inventory::compare::Changes) -> usize| {
            difference.as_ref().map_or("-".to_owned(), |difference| of(&difference.counts()).to_string())
        };
        [
            header.generation.to_string(),
            output::age(now - header.time),
            header.lines.to_string(),
            header.routers.to_string(),
            count(|changes| changes.added.lines),
            count(|changes| changes.removed.lines),
            count(|changes| changes.changed.lines),
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
    let found = pair(context, args).and_then(|(from, to)| Ok((from, to, difference(context, from, to)?)));
    let (from, to, difference) = match found {
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

fn pair(context: &Context, args: &Diff) -> Result<(u64, u64), Failure> {
    let headers = history::headers(context.state()?)?;
    let current = headers.first().map_or(0, |header| header.generation);
    let before = headers.get(1).map(|header| header.generation);
    match args.from.or(before) {
        Some(from) => Ok((from, args.to.unwrap_or(current))),
        None => Err(Failure::settings(format!(
            "{} is kept, generation {current}; there is nothing to compare it with",
            plural(headers.len(), "generation")
        ))),
    }
}

fn difference(context: &Context, from: u64, to: u64) -> Result<Difference, Failure> {
    let state = context.state()?;
    let [before, after] = [history::open(state, from)?.routers()?, history::open(state, to)?.routers()?];
    Ok(Difference::between(&before, &after))
}
