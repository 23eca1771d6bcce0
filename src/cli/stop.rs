//! `stop`: masters log out and leave; those that do not answer are ended.

use super::format::Format;
use super::output;
use super::{Context, complain};
use crate::client::masters::{self, Stopped};
use crate::failure::Failure;
use crate::inventory::compiled::Inventory;
use crate::inventory::router_record::RouterRecord;
use crate::inventory::{address, line};
use crate::master::hold_down::Logins;
use crate::quote::quoted;
use crate::state::State;
use serde_json::json;
use std::io;
use std::process::ExitCode;

const EXAMPLES: &str = "\
A master that does not answer within 5 s is ended. Exit status 1 when one is left, or when nobody knows the router: it has \
no master and no failed login, and is not in the inventory. The next poll starts a new one.

Examples:
  ddl-monitor stop --all
  ddl-monitor stop --router 192.0.2.1
  ddl-monitor stop --router 192.0.2.1 --forget     after a password was corrected";

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Args {
    /// The masters of this router, by its address or by its name in the inventory
    #[arg(long, value_name = "ROUTER", group = "which")]
    router: Option<String>,
    /// All masters of this state directory
    #[arg(long, group = "which")]
    all: bool,
    /// Also forget failed logins, so that they are tried again at once
    #[arg(long)]
    forget: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    match stop(context, args) {
        Ok(report) => print(context, &report),
        Err(failure) => complain(&failure),
    }
}

struct Report {
    directory: String,
    stopped: Vec<Stopped>,
    forgotten: Vec<String>,
}

fn stop(context: &Context, args: &Args) -> Result<Report, Failure> {
    let state = context.state()?;
    let routers = match &args.router {
        None => vec![None],
        Some(text) => addresses(state, text)?.into_iter().map(Some).collect(),
    };
    let (mut stopped, mut forgotten) = (Vec::new(), Vec::new());
    for router in &routers {
        stopped.extend(masters::stop(state, router.as_deref())?);
        if args.forget {
            let logins = Logins::new(state.logins(), context.loaded.settings.login.clone());
            let gone = logins
                .forget(router.as_deref())
                .map_err(|e| Failure::settings(format!("book of logins {}: {e}", state.logins().display())))?;
            forgotten.extend(gone);
        }
    }
    if let Some(text) = args.router.as_ref().filter(|_| stopped.is_empty() && forgotten.is_empty()) {
        is_known(state, text, &routers)?;
    }
    Ok(Report { directory: state.dir().display().to_string(), stopped, forgotten })
}

/// The addresses that a text means: itself, and that of the router that the inventory calls so.
fn addresses(state: &State, text: &str) -> Result<Vec<String>, Failure> {
    let itself = line::router_address(Some(text.to_owned())).map(|address| address.to_string());
    let known = Inventory::open_if_there(&state.inventory()).ok().flatten().and_then(|known| known.router(text).ok());
    let known = known.and_then(|(router, _)| address::router(&router.address)).map(|address| address.to_string());
    match (itself, known) {
        (Err(failure), None) => Err(failure),
        (itself, known) => {
            let mut both: Vec<String> = itself.into_iter().chain(known).collect();
            both.dedup();
            Ok(both)
        }
    }
}

/// A router that has no master now may have had one; one that nobody knows is a typing mistake.
fn is_known(state: &State, text: &str, addresses: &[Option<String>]) -> Result<(), Failure> {
    let none = format!("no master of router {} in {}", quoted(text), state.dir().display());
    let Some(inventory) = Inventory::open_if_there(&state.inventory()).ok().flatten() else {
        return Err(Failure::settings(none));
    };
    let Err(unknown) = inventory.router(text) else { return Ok(()) };
    let address = |router: &RouterRecord| address::router(&router.address).map(|address| address.to_string());
    match inventory.routers() {
        Ok(all) if all.iter().any(|(router, _)| addresses.contains(&address(router))) => Ok(()),
        _ => Err(Failure::settings(format!("{none}, and {}", unknown.message))),
    }
}

fn print(context: &Context, report: &Report) -> io::Result<ExitCode> {
    let left = report.stopped.iter().any(|master| master.how == "left running");
    match context.format {
        Format::Json => output::print_json(&json!({
            "directory": report.directory, "stopped": report.stopped, "forgotten": report.forgotten
        }))?,
        Format::Text => {
            let mut text = String::new();
            for master in &report.stopped {
                text.push_str(&format!("{}@{} (pid {}): {}\n", master.user, master.router, master.pid, master.how));
            }
            for router in &report.forgotten {
                text.push_str(&format!("{router}: failed logins forgotten\n"));
            }
            if report.stopped.is_empty() {
                text.push_str(&format!("no masters in {}\n", report.directory));
            }
            output::print(&text)?;
        }
    }
    Ok(if left { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
