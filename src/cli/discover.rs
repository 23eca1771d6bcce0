//! `discover`: the lines or routers of the inventory for a low-level-discovery rule. What is wrong is said as plain text on
//! stdout, exit 1: the rule becomes unsupported and shows it. Never `[]` by mistake: that would delete what was discovered.

use super::Context;
use super::arguments::text;
use super::format::Format;
use super::{background, known, output};
use crate::duration;
use crate::failure::Failure;
use crate::inventory::arguments::{MAX_INVENTORY_AGE, ROUTER_NAME, first_given};
use crate::inventory::compiled::{Header, Inventory, RouterLines};
use crate::inventory::name;
use crate::zabbix::discovery;
use crate::zabbix::outcome::Outcome;
use std::io;
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
When something is wrong, e.g. an unknown router or no inventory, it is one line of text instead, and exit status 1: Zabbix \
shows it at the discovery rule and deletes nothing.

Examples:
  ddl-monitor discover lines
  ddl-monitor discover lines --router edge-1
  ddl-monitor discover lines --sync --max-inventory-age 1d
  ddl-monitor discover routers";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// All lines, or those of one router, with what templates need of the router
    Lines(Args),
    /// All routers, or one
    Routers(Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Router, by its name in the inventory; given twice, the first that is not empty counts ({$LINE_ROUTER_NAME}, {HOST.HOST})
    #[arg(long, value_name = "NAME", value_parser = text(), allow_hyphen_values = true)]
    router: Vec<String>,
    /// Start a sync in the background when the last one is older than sync.ttl; the answer is of the inventory that is there
    #[arg(long)]
    sync: bool,
    /// Fail when the last good sync is older [default: it serves however old it is]
    #[arg(long, value_name = "TIME", value_parser = text(), allow_hyphen_values = true)]
    max_inventory_age: Option<String>,
}

impl Command {
    fn args(&self) -> &Args {
        match self {
            Self::Lines(args) | Self::Routers(args) => args,
        }
    }

    /// Whether the state directory is made where there is none.
    pub(super) fn writes(&self) -> bool {
        self.args().sync
    }

    /// The flags that are settings.
    pub(super) fn settings(&self, flags: &mut Vec<(&'static str, String)>) -> Result<(), Failure> {
        if let Some(age) = MAX_INVENTORY_AGE.given(self.args().max_inventory_age.clone())? {
            flags.push(("sync.max_inventory_age", age));
        }
        Ok(())
    }
}

pub(super) fn run(context: &Context, command: &Command) -> io::Result<ExitCode> {
    let found = match command {
        Command::Lines(args) => find(context, args).map(|all| {
            let lines = all.iter().flat_map(|(router, lines)| lines.iter().map(|line| discovery::line(line, router)));
            shown(context, &lines.collect::<Vec<_>>())
        }),
        Command::Routers(args) => find(context, args)
            .map(|all| shown(context, &all.iter().map(|(router, _)| discovery::router(router)).collect::<Vec<_>>())),
    };
    match found {
        Ok(text) => output::print(&text).map(|()| ExitCode::SUCCESS),
        Err(failure) => refuse(&failure),
    }
}

/// One line where Zabbix reads it. Of what is no JSON it shows the first 100 characters or so: what to do must be among them.
pub(super) fn refuse(failure: &Failure) -> io::Result<ExitCode> {
    output::print(&format!("{}\n", output::one_line(&format!("ddl-monitor: {}", failure.message))))?;
    Ok(ExitCode::FAILURE)
}

fn find(context: &Context, args: &Args) -> Result<Vec<RouterLines>, Failure> {
    let wanted = first_given(ROUTER_NAME, &args.router)?;
    if wanted.is_none() && !args.router.is_empty() {
        // A macro that is empty by mistake would give one router the lines of all.
        return Err(Failure::settings(format!(
            "{} is empty: allowed is a router's name; leave --router out for all routers",
            ROUTER_NAME.name()
        )));
    }
    if let Some(wanted) = wanted.filter(|wanted| !name::is_name(wanted)) {
        return Err(ROUTER_NAME.refused(wanted, name::ALLOWED));
    }
    if args.sync {
        background::refresh(context)?;
    }
    let state = context.state()?;
    let inventory = match Inventory::open_if_there(&state.inventory())? {
        None if args.sync => return Err(background::none_yet(context)),
        Some(inventory) => inventory,
        None => known::inventory(context)?,
    };
    check_age(context, inventory.header())?;
    match wanted {
        Some(name) => Ok(vec![inventory.router(name)?]),
        None => inventory.routers(),
    }
}

/// An inventory that is too old is worse than none where somebody says so.
fn check_age(context: &Context, header: &Header) -> Result<(), Failure> {
    let limit = context.loaded.settings.sync.max_inventory_age;
    let (Some(limit), Some(age)) = (limit, background::age(context.state()?, header)) else { return Ok(()) };
    if age <= limit.as_secs_f64() {
        return Ok(());
    }
    let failed = context.state().ok().and_then(Outcome::load).and_then(|last| last.failure);
    let why = failed.map_or(String::new(), |failure| format!("; the last sync failed: {}", failure.message));
    Err(Failure::settings(format!(
        "the last good sync was {} ago, more than sync.max_inventory_age {}{why}",
        output::age(age),
        duration::show(limit)
    )))
}

fn shown<const N: usize>(context: &Context, rows: &[[String; N]]) -> String {
    if context.format == Format::Json {
        return format!("{}\n", discovery::rows(rows));
    }
    let title = |name: &&str| name.trim_matches(['{', '#', '}']).to_owned();
    let macros = &discovery::MACROS[discovery::MACROS.len() - N..];
    let titles: [String; N] = std::array::from_fn(|at| title(&macros[at]));
    let dashed = rows.iter().map(|row| row.clone().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }));
    output::columns(&std::iter::once(titles).chain(dashed).collect::<Vec<_>>())
}
