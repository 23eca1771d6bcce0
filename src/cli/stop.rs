//! `stop`: masters log out and leave; those that do not answer are ended.

use super::format::Format;
use super::output;
use super::{Context, complain};
use crate::client::masters::{self, Stopped};
use crate::failure::Failure;
use crate::inventory::line;
use crate::master::hold_down::Logins;
use serde_json::json;
use std::io;
use std::process::ExitCode;

const EXAMPLES: &str = "\
A master that does not answer within 5 s is ended. Exit status 1 when one is left. The next poll starts a new one.

Examples:
  ddl-monitor stop --all
  ddl-monitor stop --router 192.0.2.1
  ddl-monitor stop --router 192.0.2.1 --forget     after a password was corrected";

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Args {
    /// The masters of this router
    #[arg(long, value_name = "ADDR[:PORT]", group = "which")]
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
    all: bool,
    directory: String,
    stopped: Vec<Stopped>,
    forgotten: Vec<String>,
}

fn stop(context: &Context, args: &Args) -> Result<Report, Failure> {
    let state = context.state()?;
    let address = args.router.clone().map(|text| line::router_address(Some(text))).transpose()?;
    let router = address.map(|address| address.to_string());
    let stopped = masters::stop(state, router.as_deref())?;
    let mut forgotten = Vec::new();
    if args.forget {
        let logins = Logins::new(state.logins(), context.loaded.settings.login.clone());
        forgotten = logins
            .forget(router.as_deref())
            .map_err(|e| Failure::settings(format!("book of logins {}: {e}", state.logins().display())))?;
    }
    Ok(Report { all: args.all, directory: state.dir().display().to_string(), stopped, forgotten })
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
                let none = if report.all { "no masters" } else { "no such master" };
                text.push_str(&format!("{none} in {}\n", report.directory));
            }
            output::print(&text)?;
        }
    }
    Ok(if left { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
