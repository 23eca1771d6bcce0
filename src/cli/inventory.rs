//! `inventory`: take lines and routers from files, show what is known.

use super::changes::{self, plural};
use super::format::Format;
use super::{Context, complain, follow, history, known, list, output, tell};
use crate::failure::Failure;
use crate::inventory::compiled::{Inventory, Source};
use crate::inventory::difference::Changes;
use crate::inventory::history as kept_ones;
use crate::inventory::import::mistake::Mistakes;
use crate::inventory::import::{self, Imported};
use crate::inventory::keep::{self, Kept, Wish};
use crate::inventory::line_record::LineRecord;
use crate::inventory::router_record::RouterRecord;
use crate::settings::Settings;
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
The inventory lies in the state directory. poll --line ID, batch and discover read it, and never the files it was made from.

Examples:
  ddl-monitor inventory import lines.toml
  ddl-monitor inventory import --dry-run routers.csv lines.csv
  ddl-monitor inventory show
  ddl-monitor inventory show --router edge-1
  ddl-monitor inventory history
  ddl-monitor inventory diff 6 7";

const IMPORT_EXAMPLES: &str = "\
All files together are the inventory: what is in none of them is removed. Nothing is taken while there is a mistake in one; \
each is told with file and line, exit status 1. A CSV file has lines (a column id) or routers (columns name and address); \
comma, semicolon or tab separate.

A TOML file:
  [[router]]
  name = \"edge-1\"
  address = \"192.0.2.1\"
  platform = \"cisco_iosxe\"
  password = \"secret:core\"
  [[line]]
  id = \"L-1001\"
  target = \"10.1.1.2\"
  router = \"edge-1\"

Examples:
  ddl-monitor inventory import lines.toml
  ddl-monitor inventory import --dry-run routers.csv lines.csv";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Take lines and routers from TOML or CSV files into the state directory
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Show the lines, or the routers, or one of them; secrets hidden
    Show(Show),
    /// List the generations that are kept, and how much each changed
    History,
    /// Compare two generations line by line
    Diff(history::Diff),
}

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// Files, which together are the inventory
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only check the files and say what would change
    #[arg(long)]
    dry_run: bool,
    /// Take the place of an inventory that came from the Zabbix API, or of all lines by none
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Only this router and its lines
    #[arg(long, value_name = "NAME", conflicts_with = "line")]
    router: Option<String>,
    /// Only this line
    #[arg(long, value_name = "ID")]
    line: Option<String>,
    /// As it was then; `inventory history` lists what is kept
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
}

impl Command {
    /// Whether the state directory is made where there is none.
    pub(super) fn writes(&self) -> bool {
        matches!(self, Self::Import(import) if !import.dry_run)
    }

    /// Reads the files of an import; `None` for every other command.
    pub(super) fn read(&self, settings: &Settings) -> Option<Result<Imported, Mistakes>> {
        if let Self::Import(import) = self { Some(import::read(&import.files, settings)) } else { None }
    }
}

/// `imported`: the outcome of [`Command::read`].
pub(super) fn run(
    context: &Context,
    command: &Command,
    imported: Option<Result<Imported, Mistakes>>,
) -> io::Result<ExitCode> {
    match command {
        Command::Import(args) => match imported {
            Some(Ok(imported)) => take(context, args, &imported),
            refused => refuse(&refused.and_then(Result::err).unwrap_or_default()),
        },
        Command::Show(args) => match show(context, args) {
            Ok(text) => output::print(&text).map(|()| ExitCode::SUCCESS),
            Err(failure) => complain(&failure),
        },
        Command::History => history::run(context),
        Command::Diff(args) => history::diff(context, args),
    }
}

fn refuse(mistakes: &Mistakes) -> io::Result<ExitCode> {
    list(mistakes.named.iter().map(ToString::to_string));
    let named = mistakes.named.len();
    let shown = if named < mistakes.count { format!(" (the first {named} are shown)") } else { String::new() };
    Ok(tell(&format!("{}{shown}, nothing was imported", plural(mistakes.count, "mistake"))))
}

fn take(context: &Context, args: &Import, imported: &Imported) -> io::Result<ExitCode> {
    let source = Source::File { files: imported.files.clone() };
    let wish = Wish { replace: args.replace, dry_run: args.dry_run, guard: None };
    let kept = context.state().and_then(|state| keep::keep(state, source, &imported.routers, wish));
    match kept {
        Ok(kept) => {
            if !args.dry_run {
                follow::follow(context, &kept, &imported.routers);
            }
            report(context, args, imported, &kept).map(|()| ExitCode::SUCCESS)
        }
        Err(failure) => complain(&failure),
    }
}

fn report(context: &Context, args: &Import, imported: &Imported, kept: &Kept) -> io::Result<()> {
    let found = &imported.remarks;
    let mut remarks: Vec<String> = found.named.iter().map(ToString::to_string).collect();
    remarks.extend((found.count > found.named.len()).then(|| format!("{} remarks in all", found.count)));
    remarks.extend(kept.broken.iter().map(|why| format!("the one before could not be read: {why}")));
    let lines = imported.routers.iter().map(|(_, lines)| lines.len()).sum::<usize>();
    let routers = imported.routers.len();
    let counts = kept.difference.counts();
    let Changes { added, removed, changed } = counts;
    if context.format == Format::Json {
        return output::print_json(&json!({
            "generation": kept.generation, "lines": lines, "routers": routers, "added": added, "removed": removed,
            "changed": changed, "dry_run": args.dry_run, "remarks": remarks,
        }));
    }
    let mut text: String = remarks.iter().map(|remark| format!("{}\n", output::one_line(remark))).collect();
    let whole = format!("{}, {}", plural(lines, "line"), plural(routers, "router"));
    let generation = kept.generation;
    let head = match (counts.is_none(), args.dry_run) {
        (true, _) => format!("nothing changed: generation {generation}, {whole}"),
        (false, false) => format!("generation {generation}: {whole}"),
        (false, true) => format!("would be generation {generation}: {whole}"),
    };
    text.push_str(&format!("{head}\n"));
    text.push_str(&changes::summary(&kept.difference));
    output::print(&text)
}

fn show(context: &Context, args: &Show) -> Result<String, Failure> {
    let inventory = match args.generation {
        None => known::inventory(context)?,
        Some(generation) => kept_ones::open(context.state()?, generation)?,
    };
    let shown = match (&args.line, &args.router) {
        (Some(id), _) => {
            let (line, router) = inventory.line(id)?;
            vec![(router, vec![line])]
        }
        (None, Some(name)) => vec![inventory.router(name)?],
        (None, None) => inventory.routers()?,
    };
    Ok(match context.format {
        Format::Json => as_json(&inventory, &shown)?,
        Format::Text => as_text(&inventory, &shown),
    })
}

fn as_json(inventory: &Inventory, shown: &[(RouterRecord, Vec<LineRecord>)]) -> Result<String, Failure> {
    let header = inventory.header();
    let routers: Vec<Value> = shown.iter().map(|(router, _)| json!(router.redacted())).collect();
    let lines: Vec<&LineRecord> = shown.iter().flat_map(|(_, lines)| lines).collect();
    let document = json!({
        "generation": header.generation, "time": header.time, "source": header.source, "routers": routers, "lines": lines,
    });
    Ok(format!("{document}\n"))
}

fn as_text(inventory: &Inventory, shown: &[(RouterRecord, Vec<LineRecord>)]) -> String {
    let mut rows = vec![["ROUTER", "ADDRESS", "PLATFORM", "USER", "PASSWORD", "LINES"].map(str::to_owned)];
    rows.extend(shown.iter().map(|(router, lines)| {
        let router = router.redacted();
        let proof = router.password.or_else(|| Some(format!("key {}", router.key?)));
        let user = router.user.unwrap_or_else(|| "-".to_owned());
        [router.name, router.address, router.platform, user, proof.unwrap_or_default(), lines.len().to_string()]
    }));
    let mut text = output::columns(&rows);
    let mut rows = vec![
        ["LINE", "NAME", "TARGET", "ROUTER", "INTERVAL", "VRF", "SOURCE", "INTERFACE", "CARRIER", "CIRCUIT"]
            .map(str::to_owned),
    ];
    rows.extend(shown.iter().flat_map(|(_, lines)| lines).map(|line| {
        let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let fixed = [&line.id, line.name(), &line.target, &line.router, line.interval_text()].map(str::to_owned);
        let [id, name, target, router, interval] = fixed;
        let (vrf, source, interface) = (dash(&line.vrf), dash(&line.source), dash(&line.interface));
        [id, name, target, router, interval, vrf, source, interface, dash(&line.carrier), dash(&line.circuit)]
    }));
    if rows.len() > 1 {
        text.push_str(&format!("\n{}", output::columns(&rows)));
    }
    let header = inventory.header();
    let from = match &header.source {
        Source::File { files } => files.join(", "),
        Source::Api { url } => format!("the Zabbix API ({url})"),
    };
    let whole = (header.lines as usize, header.routers as usize);
    text.push_str(&format!(
        "\ngeneration {}: {}, {}, from {from}\n",
        header.generation,
        plural(whole.0, "line"),
        plural(whole.1, "router")
    ));
    text
}
