//! `batch`: all lines of one router, or some of them, in one document.

mod document;

use super::arguments::text;
use super::choice::Choice;
use super::format::Format;
use super::router_lines::{self, Wish};
use super::{Context, complain, known, output};
use crate::clock;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind};
use crate::inventory::address;
use crate::inventory::arguments as argument;
use crate::inventory::line::{self, Line};
use crate::probe::{self, Probe};
use document::{Asked, BatchDocument};
use std::io;
use std::process::ExitCode;
use std::time::Instant;

const EXAMPLES: &str = "\
The inventory says which lines a router has: `ddl-monitor inventory import FILE` makes one.

Lines that are not done by the deadline are measured all the same: the next batch brings them, with their age. `plan` says how \
long a round of all lines takes.

Examples:
  ddl-monitor batch --router edge-1
  ddl-monitor batch --line L-1001 --line L-1002      only these, all of one router
  … --deadline 28s                                   with a longer item time-out (Zabbix 7.0)";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Time until an answer is printed, whatever happens ({$LINE_DEADLINE}) [default: 2.5s]
    #[arg(long, value_name = "TIME", value_parser = text(), allow_hyphen_values = true)]
    deadline: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    let mut document = BatchDocument { router: args.choice.router(), ..blank() };
    if let Err(failure) = measure(context, args, &mut document) {
        if failure.kind == Kind::Settings && context.format == Format::Text {
            return complain(&failure);
        }
        document.failure = Some(failure);
    }
    document.elapsed = context.started.elapsed().as_secs_f64();
    match context.format {
        Format::Json => output::print_json(&document)?,
        Format::Text => output::print(&document::summary(&document))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(context: &Context, args: &Args, document: &mut BatchDocument) -> Result<(), Failure> {
    let deadline = argument::DEADLINE.given(args.deadline.clone())?;
    let inventory = known::inventory(context)?;
    let (record, records) = args.choice.look_up(&inventory)?;
    document.router = Some(record.name.clone());
    document.address = address::router(&record.address).as_ref().map(output::router_name);
    document.platform = Some(record.platform.clone());
    let settings = record.settings(&context.loaded)?;
    let mut lines = Vec::with_capacity(records.len());
    for line in &records {
        lines.push(Line::parse(line.raw(&record), &settings.poll)?);
    }
    let Some(router) = lines.first().map(|line| line.router.clone()) else { return Ok(()) };
    let asked = || lines.iter().map(|line| Asked { id: line.id.clone(), target: line.target.to_string() }).collect();
    let deadline = Deadline::at(context.started + line::deadline(deadline, &settings.poll)?);
    let probes: Vec<Vec<Probe>> = lines.iter().map(|line| probe::asked(&line.probes).to_vec()).collect();
    let look = context.format == Format::Text;
    let wish = Wish { deadline, look, tied: false };
    let batch = router_lines::ask(context, &settings, &router, &probes, wish);
    document.lanes = batch.lanes;
    document.session_age = batch.session_age;
    (document.failure, document.lines) = document::rows(asked(), batch, document.time);
    Ok(())
}

fn blank() -> BatchDocument {
    BatchDocument {
        router: None,
        address: None,
        platform: None,
        failure: None,
        time: clock::now(),
        elapsed: 0.0,
        lanes: 0,
        session_age: None,
        lines: Vec::new(),
    }
}

/// The settings themselves are wrong.
pub(super) fn refuse(args: &Args, failure: &Failure, format: Format, started: Instant) -> io::Result<ExitCode> {
    if format == Format::Text {
        return complain(failure);
    }
    let elapsed = started.elapsed().as_secs_f64();
    let document = BatchDocument { router: args.choice.router(), failure: Some(failure.clone()), elapsed, ..blank() };
    output::print_json(&document)?;
    Ok(ExitCode::SUCCESS)
}
