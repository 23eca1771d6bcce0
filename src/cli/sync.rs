//! `sync`: the inventory kept in step with Zabbix. What cannot be read leaves the last good inventory in force.

use super::changes::{self, plural};
use super::format::Format;
use super::{Context, background, follow, output, tell};
use crate::clock;
use crate::deadline::Deadline;
use crate::detach;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::compiled::Source;
use crate::inventory::difference::Difference;
use crate::inventory::keep::{self, Guard, Wish};
use crate::quote::quoted;
use crate::state::{Lock, State};
use crate::zabbix::outcome::{NAMED, Outcome};
use crate::zabbix::reading::{self, Reading, Skipped};
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
Lines are the enabled hosts with the tag TempType=LINE (setting sync.tag), their macros {$LINE_…} tell what a poll's arguments \
would. A host that is no valid line is named with the reason, the others count. When Zabbix cannot be read, or would leave \
less than 70 % of the lines, the inventory that is there stays in force and the exit status is 1.

Examples:
  ddl-monitor sync
  ddl-monitor sync --diff
  ddl-monitor sync --dry-run --diff
  ddl-monitor sync --accept-shrink      after hosts were deleted on purpose";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print each change, for people
    #[arg(long)]
    diff: bool,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Take an inventory with far fewer lines, or none
    #[arg(long)]
    accept_shrink: bool,
    /// Take the place of an inventory that came from files
    #[arg(long)]
    replace: bool,
    /// Print what became of the last sync, and start one in the background when that is older than sync.ttl
    #[arg(long, conflicts_with_all = ["diff", "dry_run", "accept_shrink", "replace"])]
    background: bool,
    /// What the background runs
    #[arg(long, hide = true)]
    detached: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    let format = if args.diff { Format::Text } else { context.format };
    if args.background {
        return last(context);
    }
    if args.detached {
        detach::leave_group();
    }
    match sync(context, args) {
        Ok(Some(done)) => {
            match format {
                Format::Json => print_json(&done.outcome, Some(&done.difference), args.dry_run)?,
                Format::Text => output::print(&text(args, &done))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(None) => Ok(ExitCode::SUCCESS),
        Err(failure) => {
            log::warn!(kind = failure.kind.name(), message = failure.message.as_str(); "sync failed");
            let outcome = failed(context, &failure);
            if !args.dry_run && failure.kind != Kind::Busy {
                remember(context, &outcome);
            }
            print_failed(&outcome, &failure, format, args.dry_run)
        }
    }
}

/// What became of the last sync, at once; a new one is started when it is due.
fn last(context: &Context) -> io::Result<ExitCode> {
    let before = context.state().ok().and_then(Outcome::load);
    let outcome = match (background::refresh(context), before) {
        (Err(failure), _) => failed(context, &failure),
        (Ok(()), Some(outcome)) => outcome,
        (Ok(()), None) => failed(context, &background::none_yet(context)),
    };
    match (&outcome.failure, context.format) {
        (Some(failure), format) => print_failed(&outcome, failure, format, false),
        (None, Format::Json) => print_json(&outcome, None, false).map(|()| ExitCode::SUCCESS),
        (None, Format::Text) => output::print(&about(&outcome)).map(|()| ExitCode::SUCCESS),
    }
}

fn print_failed(outcome: &Outcome, failure: &Failure, format: Format, dry_run: bool) -> io::Result<ExitCode> {
    match format {
        Format::Json => print_json(outcome, None, dry_run).map(|()| ExitCode::FAILURE),
        Format::Text => Ok(tell(&in_force(outcome, failure))),
    }
}

/// A sync that was done.
struct Done {
    outcome: Outcome,
    difference: Difference,
    /// All of them.
    skipped: Vec<Skipped>,
}

fn sync(context: &Context, args: &Args) -> Result<Option<Done>, Failure> {
    let state = context.state()?;
    let settings = &context.loaded.settings;
    let deadline = Deadline::after(settings.sync.deadline);
    let guard =
        (!args.accept_shrink).then_some(Guard { share: settings.sync.shrink_share, lines: settings.sync.shrink_lines });
    let wish = Wish { replace: args.replace, dry_run: args.dry_run, guard };
    let url = settings.zabbix.url.clone().unwrap_or_default();
    // Before anybody is asked.
    keep::allowed(state, &Source::Api { url }, wish)?;
    let began = clock::now();
    let lock = match (args.dry_run, args.detached) {
        (true, _) => None,
        (false, false) => Some(alone(state, deadline)?),
        // Of two that were started together one is enough.
        (false, true) => match background::alone(state).map_err(|e| locked(state, &e))? {
            Some(lock) if background::is_due(context, state) => Some(lock),
            _ => return Ok(None),
        },
    };
    let Reading { version, url, routers, skipped, remarks, .. } = reading::read(settings, deadline)?;
    let kept = keep::keep(state, Source::Api { url }, &routers, wish).map_err(|failure| and_why(failure, &skipped))?;
    let now = clock::now();
    let mut outcome = Outcome {
        time: began,
        elapsed: now - began,
        synced: Some(now),
        failure: None,
        zabbix: Some(version),
        generation: kept.generation,
        lines: routers.iter().map(|(_, lines)| lines.len()).sum(),
        routers: routers.len(),
        changes: kept.difference.counts(),
        moved: kept.difference.moved().count(),
        skipped: skipped.len(),
        problems: skipped.iter().take(NAMED).cloned().collect(),
        remarks,
    };
    outcome.remarks.extend(kept.broken.iter().map(|why| format!("the one before could not be read: {why}")));
    if !args.dry_run {
        save(state, &outcome);
        follow::follow(context, &kept, &routers);
    }
    if let Some(lock) = lock {
        lock.remove();
    }
    Ok(Some(Done { outcome, difference: kept.difference, skipped }))
}

/// Lines that went away may be hosts that are no valid lines any more.
fn and_why(failure: Failure, skipped: &[Skipped]) -> Failure {
    if failure.kind != Kind::Rejected {
        return failure;
    }
    let why = match skipped {
        [Skipped { host, reason, .. }, ..] => {
            let (count, host) = (plural(skipped.len(), "host"), quoted(host));
            format!("{count} skipped, the first is {host}: {reason}; config check --online names each")
        }
        [] => "if it is not, check sync.tag, sync.proxy and the rights of the API's user".to_owned(),
    };
    Failure { message: format!("{}; {why}", failure.message), ..failure }
}

/// One sync at a time; a second one waits.
fn alone(state: &State, deadline: Deadline) -> Result<Lock, Failure> {
    state.make_inventory_folder().map_err(|e| locked(state, &e))?;
    Lock::acquire(&state.sync_lock(), deadline).map_err(|e| locked(state, &e))
}

fn locked(state: &State, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::TimedOut => Failure::new(Kind::Busy, Stage::Settings, "another sync is still running"),
        _ => Failure::settings(format!("lock {}: {error}", state.sync_lock().display())),
    }
}

/// The last good outcome, which may be of another sync that ended meanwhile, and why this one is none.
fn failed(context: &Context, failure: &Failure) -> Outcome {
    let before = context.state().ok().and_then(Outcome::load);
    let elapsed = context.started.elapsed().as_secs_f64();
    let time = clock::now() - elapsed;
    Outcome { time, elapsed, failure: Some(failure.clone()), ..before.unwrap_or_default() }
}

fn remember(context: &Context, outcome: &Outcome) {
    if let Ok(state) = context.state()
        && state.lasts()
    {
        save(state, outcome);
    }
}

fn save(state: &State, outcome: &Outcome) {
    if let Err(e) = outcome.save(state) {
        log::warn!(path:% = state.sync_outcome().display(), error:% = e; "the outcome of the sync was not kept");
    }
}

/// One line of JSON; `changes` and what follows are of this sync.
pub(super) fn print_json(outcome: &Outcome, difference: Option<&Difference>, dry_run: bool) -> io::Result<()> {
    let mut document = serde_json::to_value(outcome)?;
    document["state"] = outcome.failure.as_ref().map_or(0, |failure| failure.kind.number()).into();
    document["time"] = output::rounded(outcome.time).into();
    document["elapsed"] = output::rounded(outcome.elapsed).into();
    if let Some(age) = outcome.age(clock::now()) {
        document["age"] = output::rounded(age).into();
    }
    if let Some(synced) = outcome.synced {
        document["synced"] = output::rounded(synced).into();
    }
    document["dry_run"] = dry_run.into();
    if let Some(difference) = difference {
        document["difference"] = changes::json(difference);
    }
    output::print_json(&document)
}

fn text(args: &Args, done: &Done) -> String {
    let outcome = &done.outcome;
    let mut text: String = outcome.remarks.iter().map(|remark| format!("{}\n", output::one_line(remark))).collect();
    if args.diff {
        text.push_str(&changes::text(&done.difference));
    }
    let generation = outcome.generation;
    let whole = format!("{}, {}", plural(outcome.lines, "line"), plural(outcome.routers, "router"));
    let head = match (outcome.changes.is_none(), args.dry_run) {
        (true, _) => format!("nothing changed: generation {generation}, {whole}"),
        (false, false) => format!("generation {generation}: {whole}"),
        (false, true) => format!("would be generation {generation}: {whole}"),
    };
    let _ = writeln!(text, "{head} (Zabbix {})", outcome.zabbix.as_deref().unwrap_or_default());
    text.push_str(&changes::summary(&done.difference));
    text.push_str(&skipped(&done.skipped));
    text
}

/// The last good one.
fn about(outcome: &Outcome) -> String {
    let age = outcome.age(clock::now()).map_or("never".to_owned(), |age| format!("{} ago", output::age(age)));
    format!(
        "synced {age}: generation {}, {}, {}, {} skipped (Zabbix {})\n",
        outcome.generation,
        plural(outcome.lines, "line"),
        plural(outcome.routers, "router"),
        plural(outcome.skipped, "host"),
        outcome.zabbix.as_deref().unwrap_or_default()
    )
}

/// Each host that is no line.
pub(super) fn skipped(hosts: &[Skipped]) -> String {
    let mut text = String::new();
    if !hosts.is_empty() {
        let _ = writeln!(text, "skipped: {}", plural(hosts.len(), "host"));
    }
    for Skipped { hostid, host, reason } in hosts {
        let _ = writeln!(text, "  {}", output::one_line(&format!("{host} (hostid {hostid}): {reason}")));
    }
    text
}

/// The failure, and which inventory serves meanwhile.
fn in_force(outcome: &Outcome, failure: &Failure) -> String {
    let serves = match outcome.age(clock::now()) {
        Some(age) => format!(
            "; the inventory of {} ago stays in force: generation {}, {}",
            output::age(age),
            outcome.generation,
            plural(outcome.lines, "line")
        ),
        None => String::new(),
    };
    output::one_line(&format!("{failure}{serves}"))
}
