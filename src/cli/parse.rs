//! `parse`: recorded router text → the result that `poll` would print. No network.

use super::format::Format;
use super::output;
use super::{Context, complain};
use crate::failure::Failure;
use crate::inventory::arguments as argument;
use crate::inventory::line;
use crate::platform::{self, Platform};
use crate::probe::{Measurement, ProbeKind};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// More than any answer has. A longer text is refused: of half a text nothing can be said.
const TEXT_LIMIT: u64 = 16 << 20;

const EXAMPLES: &str = "\
Examples:
  ddl-monitor parse --platform huawei_vrp answer.txt
  ddl-monitor parse --platform cisco_iosxr --target 10.1.1.2 --item ping.loss < answer.txt
  ddl-monitor parse --platform cisco_nxos --probe interface answer.txt
  ddl-monitor parse --platform linux --probe traceroute --format text answer.txt";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Platform of the router that printed the text, see `ddl-monitor platform list`
    #[arg(long, value_name = "NAME")]
    platform: String,
    /// What the text answers: ping, interface, or traceroute
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Ping)]
    probe: Kind,
    /// Address that was asked for; the text must name it [default: not checked]
    #[arg(long, value_name = "ADDR")]
    target: Option<String>,
    /// Interface that was asked for; the text must name it [default: not checked]
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// Print one value only, by its place in the JSON, e.g. ping.loss
    #[arg(long, value_name = "PATH")]
    item: Option<String>,
    /// File with the text; - is stdin [default: -]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Ping,
    Interface,
    Traceroute,
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    let outcome = match prepare(context, args) {
        Ok((platform, asked, text)) => read(&platform, &asked, &text),
        Err(failure) if context.format == Format::Text => return complain(&failure),
        Err(failure) => Err(failure),
    };
    output::print_parsed(
        &args.platform,
        outcome,
        context.format,
        args.item.as_deref().filter(|path| !path.is_empty()),
        context.colour,
    )
}

/// What the text has to name, if anything.
enum Asked {
    Ping(Option<IpAddr>),
    Traceroute(Option<IpAddr>),
    Interface(Option<String>),
}

fn read(platform: &Platform, asked: &Asked, text: &[u8]) -> Result<Measurement, Failure> {
    match asked {
        Asked::Ping(target) => platform.read_recorded(ProbeKind::Ping, text, *target),
        Asked::Traceroute(target) => platform.read_recorded(ProbeKind::Traceroute, text, *target),
        Asked::Interface(name) => platform.read_recorded_interface(text, name.as_deref()),
    }
}

fn prepare(context: &Context, args: &Args) -> Result<(Platform, Asked, Vec<u8>), Failure> {
    let definition = platform::find(&args.platform, context.loaded.settings.platforms.dir.as_deref())?;
    let platform = Platform::compile(&definition)?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let address = |text: Option<String>| text.map(|text| line::target(vec![text])).transpose();
    let asked = match (args.probe, given(&args.target), given(&args.interface)) {
        (Kind::Ping, target, None) => Asked::Ping(address(target)?),
        (Kind::Traceroute, target, None) => Asked::Traceroute(address(target)?),
        (Kind::Interface, None, name) => Asked::Interface(line::interface(name)?.map(|name| name.as_str().to_owned())),
        (Kind::Ping | Kind::Traceroute, _, Some(_)) => {
            return Err(Failure::settings("--interface needs --probe interface"));
        }
        (Kind::Interface, Some(_), _) => {
            return Err(Failure::settings(format!(
                "{} is for a ping or a traceroute; leave it out",
                argument::TARGET.flag
            )));
        }
    };
    let text = read_text(args.file.as_deref())?;
    Ok((platform, asked, text))
}

fn read_text(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let (name, read) = match file.filter(|path| *path != Path::new("-")) {
        None => ("stdin".to_owned(), io::stdin().lock().take(TEXT_LIMIT + 1).read_to_end(&mut text)),
        Some(path) => {
            let read = std::fs::File::open(path).and_then(|file| file.take(TEXT_LIMIT + 1).read_to_end(&mut text));
            (path.display().to_string(), read)
        }
    };
    read.map_err(|e| Failure::settings(format!("reading router text from {name}: {e}")))?;
    if text.len() as u64 > TEXT_LIMIT {
        return Err(Failure::settings(format!(
            "router text from {name} is longer than 16 MiB; cut out one command's answer"
        )));
    }
    Ok(text)
}
