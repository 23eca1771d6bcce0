//! `status`: the masters of this state directory; a table for people, else JSON.

use super::format::Format;
use super::output;
use super::sweep::status::{SweepStatus, look as sweep};
use super::{Context, complain};
use crate::client::masters;
use crate::clock;
use crate::failure::Failure;
use crate::wire::Status;
use serde::Serialize;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Serialize)]
struct Document {
    directory: String,
    masters: Vec<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepStatus>,
}

pub(super) fn run(context: &Context) -> io::Result<ExitCode> {
    let look = || -> Result<Document, Failure> {
        let state = context.state()?;
        Ok(Document {
            directory: state.dir().display().to_string(),
            masters: masters::status(state)?,
            sweep: sweep(context),
        })
    };
    match look() {
        Ok(document) if context.format == Format::Text => {
            let sweep = document.sweep.as_ref().map(SweepStatus::table).unwrap_or_default();
            output::print(&format!("{}{sweep}", table(&document)))?;
        }
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
                age(now - last.time),
                output::one_line(&last.failure.message)
            )
        });
        [
            master.router.clone(),
            master.user.clone(),
            master.platform.clone(),
            master.pid.to_string(),
            master.state.clone(),
            age(now - master.since),
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

/// `42s`, `3m07s`, `2h05m`, `3d04h`.
fn age(seconds: f64) -> String {
    let s = Duration::from_secs_f64(seconds.clamp(0.0, 1e12)).as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86400 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d{:02}h", s / 86400, s % 86400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        assert_eq!([5.0, 187.0, 7500.0, 273_600.0].map(age), ["5s", "3m07s", "2h05m", "3d04h"]);
        assert_eq!(age(-3.0), "0s");
    }
}
