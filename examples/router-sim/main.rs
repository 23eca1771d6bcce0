//! `router-sim`: an SSH server that plays routers, for tests and for people who have none at hand.
//!
//! It imitates what a router's command line looks like from outside (prompts, echo, pager, ping) and goes wrong as
//! told. It knows nothing of the program that talks to it.

mod chance;
mod command;
mod connection;
mod events;
mod interface;
mod lab;
mod options;
mod persona;
mod ping;
mod router;
mod session;
mod span;
mod ssh;
mod template;
mod terminal;
mod traceroute;
mod wire;

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser};
use serde_json::json;

use crate::events::Events;
use crate::options::Options;
use crate::router::Router;

#[derive(Parser)]
#[command(
    name = "router-sim",
    about = "Plays routers that can be logged in to over SSH and pinged from",
    after_help = "\
Examples:
  router-sim --listen 127.0.0.1:2222                          one Cisco IOS router, user ddl, password ddl
  router-sim --persona huawei_vrp --dead 10.0.0.9 --rtt 20ms  one target dead, the others 20 ms away
  router-sim lab.toml                                         many routers:

    [defaults]                     every key is the flag's name with _ for -
    user = [\"ddl:secret\"]
    [[router]]
    name = \"paris\"
    listen = \"127.0.0.1:2201\"
    [[router]]
    persona = \"cisco_nxos\"
    lose_every = 3

Every event is one JSON object per line on the standard output. On the standard input (with --until-eof) a line
`NAME key = value` changes a router's options while it runs, `NAME cut` cuts its connections; `*` names all routers; `sync N` is
answered when all earlier events are written."
)]
struct Arguments {
    /// Lab file (TOML) with many routers, instead of the options below
    lab: Option<PathBuf>,
    /// Write `listening` and `ready` only
    #[arg(long)]
    quiet: bool,
    /// End when the standard input is closed
    #[arg(long)]
    until_eof: bool,
    #[command(flatten)]
    router: Options,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "this is the program's only way to say why it does not run")]
            {
                // toml's messages are whole paragraphs.
                eprintln!("router-sim: {}", format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "));
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches)?;
    let wanted = match &arguments.lab {
        Some(path) => {
            let typed = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
            let own = ["lab", "quiet", "until_eof"];
            if let Some(id) = matches.ids().map(clap::Id::as_str).filter(|id| !own.contains(id)).find(|id| {
                // The group of all flattened options has an id too.
                *id != "Options" && typed(id)
            }) {
                bail!(
                    "--{} says nothing about the routers of a lab file: write it there, under [defaults]",
                    id.replace('_', "-")
                );
            }
            lab::read(path)?
        }
        None => vec![arguments.router],
    };
    let events = Events::to_stdout(arguments.quiet);
    let routers: Vec<Arc<Router>> = lab::spread(wanted)?
        .into_iter()
        .map(|options| Router::new(options, events.clone()))
        .collect::<anyhow::Result<_>>()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("starting tokio")?;
    runtime.block_on(async {
        for router in &routers {
            let address = router.listen().await?;
            events.announce(json!({"event": "listening", "router": router.name, "persona": router.persona.name,
                "address": address.to_string()}));
        }
        anyhow::Ok(())
    })?;
    events.announce(json!({"event": "ready", "routers": routers.len()}));
    if arguments.until_eof {
        for line in std::io::stdin().lock().lines() {
            let line = line.context("reading the standard input")?;
            let outcome = match line.strip_prefix("sync ") {
                // Whoever waits for this has read every event before it.
                Some(number) => json!({"event": "synced", "number": number}),
                None => match obey(&routers, &line) {
                    Ok(()) => json!({"event": "changed", "line": line}),
                    Err(error) => json!({"event": "not_changed", "line": line, "message": format!("{error:#}")}),
                },
            };
            events.announce(outcome);
        }
        Ok(())
    } else {
        loop {
            std::thread::park();
        }
    }
}

/// One line of the standard input: `NAME key = value` or `NAME cut`.
fn obey(routers: &[Arc<Router>], line: &str) -> anyhow::Result<()> {
    let (name, order) = line.trim().split_once(' ').context("a line is `NAME key = value` or `NAME cut`")?;
    let mut named = routers.iter().filter(|router| name == "*" || router.name == name).peekable();
    if named.peek().is_none() {
        bail!("no router is called `{name}`");
    }
    for router in named {
        match order.trim() {
            "cut" => router.cut_all(),
            text => router.change(lab::change(&router.options(), text)?)?,
        }
    }
    Ok(())
}
