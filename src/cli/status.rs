//! `status`: the masters of this state directory; a table for people, else JSON.

use super::format::Format;
use super::output;
use super::{Context, complain};
use crate::client::masters;
use crate::clock;
use crate::failure::Failure;
use crate::wire::Status;
use serde::Serialize;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

#[derive(Serialize)]
struct Document {
    directory: String,
    masters: Vec<Status>,
}

pub(super) fn run(context: &Context) -> io::Result<ExitCode> {
    let look = || -> Result<Document, Failure> {
        let state = context.state()?;
        Ok(Document { directory: state.dir().display().to_string(), masters: masters::status(state)? })
    };
    match look() {
        Ok(document) if context.format == Format::Text => output::print(&table(&document))?,
        Ok(document) => output::print_json(&document)?,
        Err(failure) => return complain(&failure),
    }
    Ok(ExitCode::SUCCESS)
}

fn table(document: &Document) -> String {
    if document.masters.is_empty() {
        return format!("no masters in {}\n", document.directory);
    }
    let now = clock::now();
    let mut rows = vec![
        ["ROUTER", "USER", "PLATFORM", "PID", "STATE", "AGE", "LANES", "RUNS", "QUEUE", "LAST FAILURE"]
            .map(str::to_owned),
    ];
    rows.extend(document.masters.iter().map(|master| {
        let lanes: Vec<&str> = master.lanes.iter().map(|lane| lane.state.as_str()).collect();
        let failure = master.last_failure.as_ref().map_or(String::new(), |last| {
            format!(
                "{} {} ago: {}",
                last.failure.kind.name(),
                output::age(now - last.time),
                output::one_line(&last.failure.message)
            )
        });
        [
            master.router.clone(),
            master.user.clone(),
            master.platform.clone(),
            master.pid.to_string(),
            master.state.clone(),
            output::age(now - master.since),
            if lanes.is_empty() { "-".to_owned() } else { lanes.join(",") },
            master.lanes.iter().map(|lane| lane.jobs).sum::<u64>().to_string(),
            master.queued.to_string(),
            failure,
        ]
    }));
    let mut text = output::columns(&rows);
    let _ = writeln!(text, "{} in {}", plural(document.masters.len()), document.directory);
    text
}

fn plural(masters: usize) -> String {
    if masters == 1 { "1 master".to_owned() } else { format!("{masters} masters") }
}
