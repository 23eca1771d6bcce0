//! `status`: the masters of this state directory; a table for people, else JSON.

use super::format::Format;
use super::sweep::status::{SweepStatus, look as sweep};
use super::{Context, background, changes, complain, output};
use crate::client::masters;
use crate::clock;
use crate::failure::Failure;
use crate::inventory::compiled::{Inventory, Source};
use crate::state::State;
use crate::wire::Status;
use crate::zabbix::outcome::Outcome;
use serde::Serialize;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

#[derive(Serialize)]
struct Document {
    directory: String,
    masters: Vec<Status>,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    inventory: Option<Known>,
    /// Absent where nothing was ever swept.
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepStatus>,
}

/// The inventory that is in force.
#[derive(Serialize)]
struct Known {
    generation: u64,
    lines: u64,
    routers: u64,
    source: Source,
    /// Seconds since the last good sync; absent for one that came from files.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<f64>,
    /// Why the last sync was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

impl Known {
    fn look(state: &State) -> Option<Self> {
        // One that is broken is for those to tell who need it.
        let inventory = Inventory::open_if_there(&state.inventory()).ok()??;
        let header = inventory.header();
        let age = background::age(state, header).map(output::rounded);
        let failure = age.and_then(|_| Outcome::load(state)?.failure);
        let source = header.source.clone();
        Some(Self { generation: header.generation, lines: header.lines, routers: header.routers, source, age, failure })
    }

    fn text(&self) -> String {
        let lines = changes::plural(usize::try_from(self.lines).unwrap_or(usize::MAX), "line");
        let age = self.age.map_or(String::new(), |age| format!(", synced {} ago", output::age(age)));
        let failure =
            self.failure.as_ref().map_or(String::new(), |failure| format!("; the last sync failed: {failure}"));
        output::one_line(&format!("inventory: generation {}, {lines}{age}{failure}", self.generation))
    }
}

pub(super) fn run(context: &Context) -> io::Result<ExitCode> {
    let look = || -> Result<Document, Failure> {
        let state = context.state()?;
        let (directory, masters) = (state.dir().display().to_string(), masters::status(state)?);
        Ok(Document { directory, masters, inventory: Known::look(state), sweep: sweep(context) })
    };
    match look() {
        Ok(document) if context.format == Format::Text => {
            let known = document.inventory.as_ref().map_or(String::new(), |known| format!("{}\n", known.text()));
            let sweep = document.sweep.as_ref().map(SweepStatus::table).unwrap_or_default();
            output::print(&format!("{}{known}{sweep}", table(&document)))?;
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
