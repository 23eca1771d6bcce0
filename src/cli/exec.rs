//! `exec`: one read-only command on a router through its master, for debugging.

use super::reach::Reach;
use super::arguments::{Router, text};
use super::output::{self, Format};
use super::{Context, complain};
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::line::RouterLogin;
use crate::wire::{Reply, Request};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    router: Router,
    /// Command to run; what the platform's definition lists as read-only is allowed
    #[arg(value_name = "COMMAND", required = true, value_parser = text())]
    command: Vec<String>,
}

impl Args {
    pub(super) fn settings(&self, flags: &mut Vec<(&'static str, String)>) {
        self.router.settings(flags);
    }
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    match ask(context, args) {
        Ok(mut said) => {
            if !said.ends_with('\n') {
                said.push('\n');
            }
            match context.format {
                Format::Text => output::print(&said)?,
                Format::Json => output::print_json(&serde_json::json!({ "text": said }))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => complain(&failure),
    }
}

fn ask(context: &Context, args: &Args) -> Result<String, Failure> {
    let deadline = Deadline::at(context.started + context.loaded.settings.poll.deadline);
    let router = RouterLogin::parse(args.router.router.as_deref(), args.router.user.as_deref(), args.router.platform.as_deref())?;
    let access = Access::new(context, &router, &args.router, deadline)?;
    let command = args.command.join(" ");
    let request =
        |left: Duration| Request::Exec { command: command.clone(), deadline: left, conversation: context.verbose > 0 };
    match access.ask(deadline, &request)? {
        Reply::Text { text, conversation } => {
            output::print_conversation(&conversation);
            Ok(text)
        }
        Reply::Failed { failure, conversation } => {
            output::print_conversation(&conversation);
            Err(failure)
        }
        other => Err(Failure::new(Kind::Master, Stage::Reply, format!("the master answered something else: {other:?}"))),
    }
}
