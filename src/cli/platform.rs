//! `platform`: list, show and check definitions.

use super::format::Format;
use super::output;
use super::{Context, complain};
use crate::failure::Failure;
use crate::platform::{self, Platform};
use serde_json::json;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
A definition is one TOML file: prompts, commands, patterns, samples. A file NAME.toml in the folder platforms.d beside the \
settings file (setting platforms.dir) adds a platform, or replaces the one of that name.

Examples:
  ddl-monitor platform list
  ddl-monitor platform show cisco_iosxe > my_platform.toml
  ddl-monitor platform check my_platform.toml";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// All platforms: built in, and those of the folder of user definitions
    List,
    /// The definition of a platform, as a file to start from
    Show {
        /// Platform, see `ddl-monitor platform list`
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Check a platform file and run the samples inside; exit status 1 when something is wrong
    Check {
        /// Platform file, NAME.toml
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> io::Result<ExitCode> {
    let dir = context.loaded.settings.platforms.dir.as_deref();
    match command {
        Command::List => list(context, dir),
        Command::Show { name } => match platform::find(name, dir) {
            Ok(definition) => {
                output::print(&definition.text)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(failure) => complain(&failure),
        },
        Command::Check { file } => match check(file) {
            Ok((report, sound)) => {
                output::print(&report)?;
                Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Err(failure) => complain(&failure),
        },
    }
}

fn list(context: &Context, dir: Option<&std::path::Path>) -> io::Result<ExitCode> {
    let all = platform::list(dir);
    let origin = |listed: &platform::Listed| {
        listed.origin.as_ref().map_or("built in".to_owned(), |path| path.display().to_string())
    };
    if context.format == Format::Json {
        let rows: Vec<_> = all
            .iter()
            .map(|p| json!({ "name": p.name, "title": p.title, "origin": origin(p), "error": p.error.as_ref().map(|f| &f.message) }))
            .collect();
        output::print_json(&json!({ "platforms": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["PLATFORM", "SYSTEM", "FROM"].map(str::to_owned)];
    rows.extend(all.iter().map(|p| {
        // The message names the file, and may be long: it comes last.
        match &p.error {
            Some(failure) => [p.name.clone(), "BROKEN".to_owned(), output::one_line(&failure.message)],
            None => [p.name.clone(), p.title.clone(), origin(p)],
        }
    }));
    output::print(&output::columns(&rows))?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: &std::path::Path) -> Result<(String, bool), Failure> {
    let platform = Platform::compile(&platform::from_file(file)?)?;
    let samples = platform.check_samples();
    let mut report = String::new();
    let mut sound = true;
    for sample in &samples {
        match &sample.difference {
            None => report.push_str(&format!("ok    {}\n", sample.name)),
            Some(difference) => {
                sound = false;
                report.push_str(&format!("WRONG {} ({}:{})\n", sample.name, file.display(), sample.line));
                difference.lines().for_each(|line| report.push_str(&format!("      {line}\n")));
            }
        }
    }
    report.push_str(&format!("{}: {} samples\n", platform.name, samples.len()));
    Ok((report, sound))
}
