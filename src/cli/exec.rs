//! `exec`: one read-only command on a router through its master, for debugging.

use super::arguments::{self, text};
use super::format::Format;
use super::known;
use super::output;
use super::reach::Reach;
use super::{Context, complain};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::inventory::line::{RawRouter, Router};
use crate::settings::Settings;
use crate::wire::{Reply, Request};
use std::io;
use std::process::ExitCode;

const EXAMPLES: &str = "\
`ddl-monitor platform show NAME` lists under read_only which commands are allowed.

Examples:
  ddl-monitor exec --router 192.0.2.1 --platform cisco_iosxe \\
      --user ddl --password secret:core \"show clock\"
  ddl-monitor exec --router edge-1 \"show clock\"        a router of the inventory
  … \"show interfaces | include rate\"
  … --deadline 20s \"show version\"";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    router: arguments::Router,
    /// Command to run; only what the platform's definition lists as read-only is sent
    #[arg(value_name = "COMMAND", required = true, value_parser = text())]
    command: Vec<String>,
}

impl Args {
    pub(super) fn settings(&self, flags: &mut Vec<(&'static str, String)>) -> Result<(), Failure> {
        self.router.settings(flags)
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
    let given = args.router.raw();
    let Some((raw, settings)) = known::router(context, &given)? else {
        return on(context, &context.loaded.settings, given, args);
    };
    let whose = format!("router {}", given.address.unwrap_or_default());
    on(context, &settings, raw, args).map_err(|failure| known::said_of(&whose, failure))
}

fn on(context: &Context, settings: &Settings, raw: RawRouter, args: &Args) -> Result<String, Failure> {
    let router = Router::parse(raw)?;
    let deadline = Deadline::at(context.started + args.router.deadline(&settings.poll)?);
    let command = args.command.join(" ");
    let reply = Reach::new(context, settings, &router, deadline)?.ask(&|left| Request::Exec {
        command: command.clone(),
        deadline: left,
        conversation: context.verbose > 0,
    })?;
    match reply {
        Reply::Text { text, conversation } => {
            output::print_conversation(&conversation);
            Ok(text)
        }
        other => Err(output::failure_of(other)),
    }
}
