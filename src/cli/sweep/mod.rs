//! `sweep`: every line that is due, measured and reported; once, in the background, or on and on.

mod background;
mod measure;
mod plan;
pub(super) mod status;

use super::arguments::text;
use super::format::Format;
use super::output::{self, columns, one_line};
use super::{Context, complain};
use crate::failure::Failure;
use crate::inventory::arguments as argument;
use crate::inventory::compiled::Inventory;
use crate::settings;
use crate::state;
use crate::sweep::engine::Engine;
use crate::sweep::notify::Notify;
use crate::sweep::stop::Stop;
use crate::sweep::summary::Summary;
use crate::sweep::table::{Holder, Table};
use measure::Measurer;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Its folder in the state directory.
pub(super) const SWEEP: &str = "sweep";

const EXAMPLES: &str = "\
Each line is measured at its own interval, its times spread over the interval by its id. Several sweeps at once share the \
work. Values that Zabbix does not take stay on disk, and the next sweep sends them first.

Zabbix is told at zabbix.sender, a setting: the server's or proxy's address. The hosts have the template Leased Line by SSH \
trapper. What is printed is a summary; for --detach, that of the last sweep that has ended.

Examples:
  ddl-monitor sweep                  one pass, from a timer or by hand
  ddl-monitor sweep --detach         the same from an item of Zabbix with a short time-out
  ddl-monitor sweep --loop           a service";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Start the pass in the background and print the summary of the last one that has ended
    #[arg(long, conflicts_with = "go_on")]
    detach: bool,
    /// Go on until SIGTERM or Ctrl-C; tells systemd when it is ready (Type=notify)
    #[arg(long = "loop")]
    go_on: bool,
    /// Time in which a pass must be over; with --loop, time in which a router's lines must be measured [default: 55s]
    #[arg(long, value_name = "TIME", value_parser = text(), allow_hyphen_values = true)]
    deadline: Option<String>,
    /// The pass that --detach starts
    #[arg(long, hide = true)]
    detached: bool,
}

impl Args {
    pub(super) fn settings(&self, flags: &mut Vec<(&'static str, String)>) -> Result<(), Failure> {
        if let Some(time) = argument::DEADLINE.given(self.deadline.clone())? {
            flags.push(("sweep.deadline", time));
        }
        Ok(())
    }
}

/// In the sweep's folder: what became of the last one.
const LAST: &str = "last";

#[derive(Deserialize)]
#[serde(untagged)]
enum Last {
    Failed { failure: Failure },
    Ended(Summary),
}

#[derive(Serialize)]
struct Document<'a> {
    /// 0, or the number of the failure's kind.
    state: u8,
    #[serde(flatten)]
    summary: Option<&'a Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a Failure>,
}

pub(super) fn run(context: Context, args: &Args) -> io::Result<ExitCode> {
    let format = context.format;
    if args.detached {
        // First of all: Zabbix kills the process group of a check that timed out.
        let _ = rustix::process::setsid();
    }
    let folder = if args.detached { folder(&context).ok() } else { None };
    let done = if args.detach { detach(&context, args) } else { sweep(context, args) };
    if let (Err(failure), Some(folder)) = (&done, &folder) {
        // Nobody reads what this process prints.
        log::error!(failure:%; "the sweep in the background did not come about");
        keep(folder, &Document { state: failure.kind.number(), summary: None, failure: Some(failure) });
    }
    match done {
        Ok(summary) => print(&summary, format).map(|()| ExitCode::SUCCESS),
        // A service is looked after by people.
        Err(failure) if args.go_on => {
            log::error!(failure:%; "the sweep cannot go on");
            complain(&failure)
        }
        Err(failure) => refuse(&failure, format),
    }
}

/// What was to be swept could not be.
pub(super) fn refuse(failure: &Failure, format: Format) -> io::Result<ExitCode> {
    if format == Format::Text {
        return complain(failure);
    }
    output::print_json(&Document { state: failure.kind.number(), summary: None, failure: Some(failure) })?;
    Ok(ExitCode::SUCCESS)
}

fn detach(context: &Context, args: &Args) -> Result<Summary, Failure> {
    let folder = folder(context)?;
    // What would stop the pass is said here, where somebody reads it.
    plan::of(context)?;
    Inventory::open(&context.state()?.inventory())?;
    let last = state::read(&folder.join(LAST)).ok();
    background::start(context, args.deadline.as_deref())?;
    match last.and_then(|json| serde_json::from_slice(&json).ok()) {
        None => Ok(Summary::default()),
        Some(Last::Ended(summary)) => Ok(summary),
        Some(Last::Failed { failure }) => Err(failure),
    }
}

/// For `status` and the next `--detach`.
fn keep<T: Serialize>(folder: &Path, last: &T) {
    let kept = serde_json::to_vec(last).map_err(Into::into).and_then(|json| state::replace(&folder.join(LAST), &json));
    kept.unwrap_or_else(|e| log::warn!(error:% = e; "the summary of the sweep could not be kept"));
}

fn sweep(context: Context, args: &Args) -> Result<Summary, Failure> {
    let folder = folder(&context)?;
    let plan = plan::of(&context)?;
    let spool = plan::spool(&context)?;
    let failed = |e: io::Error| plan::unwritable(&folder, &e);
    let table = Table::new(&folder, Holder::this_process().map_err(failed)?);
    let stop = stop_on_signals().map_err(failed)?;
    let notify = match settings::notify_socket() {
        Some((socket, watchdog)) if args.go_on => Notify::to(&socket, watchdog)
            .map_err(|e| Failure::settings(format!("NOTIFY_SOCKET {}: {e}", socket.display())))?,
        _ => Notify::default(),
    };
    let (measurer, lines) = Measurer::open(context)?;
    let engine = Engine::start(measurer, plan, table, spool).map_err(failed)?;
    let summary = if args.go_on { engine.go_on(&lines, &stop, &notify) } else { engine.pass(&lines, &stop) };
    let summary = summary.map_err(failed)?;
    keep(&folder, &summary);
    Ok(summary)
}

/// What a sweep keeps must last.
fn folder(context: &Context) -> Result<PathBuf, Failure> {
    let state = context.state()?;
    if !state.lasts() {
        return Err(Failure::settings(format!(
            "state directory {} lies in the temporary directory, where nothing lasts; set state.dir",
            state.dir().display()
        )));
    }
    state.folder(SWEEP).map_err(|e| plan::unwritable(state.dir(), &e))
}

/// SIGTERM, Ctrl-C and the end of the terminal end the sweep cleanly.
fn stop_on_signals() -> io::Result<Arc<Stop>> {
    let (mut heard, told) = UnixStream::pair()?;
    let mut signals = vec![signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT];
    // nohup(1) has it outlive the terminal.
    signals.extend(Some(signal_hook::consts::SIGHUP).filter(|_| !ignores_hangup()));
    for signal in signals {
        signal_hook::low_level::pipe::register(signal, told.try_clone()?)?;
    }
    let stop = Arc::new(Stop::default());
    let teller = Arc::clone(&stop);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let _ = heard.read(&mut [0]);
        teller.tell();
    })?;
    Ok(stop)
}

/// SIGHUP is the first of the signals in proc(5)'s mask.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 != 0)
}

fn print(summary: &Summary, format: Format) -> io::Result<()> {
    if format == Format::Json {
        return output::print_json(&Document { state: 0, summary: Some(summary), failure: None });
    }
    let mut text = format!(
        "{} of {} lines were due: {} measured, {} failed, {} late, {} checks missed, {:.1} s\n",
        summary.due,
        summary.lines,
        summary.measured,
        summary.failed.values().sum::<usize>(),
        summary.late,
        summary.missed,
        summary.elapsed
    );
    for (kind, lines) in &summary.failed {
        text.push_str(&format!("  not measured  {kind} {lines}\n"));
    }
    let mut rows = vec![["SERVER", "SENT", "REFUSED", "SPOOLED", "DROPPED", ""].map(str::to_owned)];
    rows.extend(summary.servers.iter().map(|server| {
        let count = |count: u64| count.to_string();
        let why = server.failure.as_deref().map(one_line).unwrap_or_default();
        let (sent, refused) = (count(server.sent), count(server.refused));
        [server.server.clone(), sent, refused, count(server.spooled), count(server.dropped), why]
    }));
    text.push_str(&columns(&rows));
    output::print(&text)
}
