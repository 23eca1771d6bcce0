//! `ddl-monitor config`: are the settings right, what are they, and where did each come from.

use super::format::Format;
use super::output::columns;
use crate::inventory::credentials;
use crate::settings::{self, Loaded, SETTINGS, Setting, Source};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  ddl-monitor config check
  ddl-monitor config show
  ddl-monitor config show --config ./ddl-monitor.toml --format json";

/// Look at the settings
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Config {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Tell everything that is wrong with settings file, environment and credentials file
    ///
    /// Each mistake is one line with its place. Exit status 0 when there is none, else 1.
    Check,
    /// Show the effective settings and where each came from
    ///
    /// Later ones win: defaults, settings file, environment, flags. What may hold a password is not shown.
    Show,
}

impl Config {
    /// Runs the command; what it has to say goes to `out`. `config` and `flags` are those of [`settings::load`].
    pub fn run(
        &self,
        config: Option<&Path>,
        flags: &[(&'static str, String)],
        format: Format,
        out: &mut dyn Write,
    ) -> io::Result<ExitCode> {
        let loaded = settings::check(config, flags);
        match &self.command {
            Command::Check => check(loaded, format, out),
            Command::Show => show(loaded, format, out),
        }
    }
}

fn check(loaded: Result<Loaded, Vec<String>>, format: Format, out: &mut dyn Write) -> io::Result<ExitCode> {
    let (file, mistakes, remarks) = match loaded {
        Err(mistakes) => (None, mistakes, Vec::new()),
        Ok(loaded) => {
            let credentials = loaded.settings.secrets.file.as_deref();
            let named = loaded.source("secrets.file") != Source::Default;
            let mistakes = credentials.filter(|path| named || path.exists()).map(credentials::mistakes);
            (loaded.file, mistakes.unwrap_or_default(), loaded.remarks)
        }
    };
    match format {
        Format::Json => writeln!(out, "{}", json!({"file": file, "mistakes": mistakes, "remarks": remarks}))?,
        Format::Text if mistakes.is_empty() => {
            for remark in &remarks {
                writeln!(out, "{remark}")?;
            }
            writeln!(out, "settings are right{}", from_file(file.as_ref()))?;
        }
        Format::Text => mistakes.iter().try_for_each(|mistake| writeln!(out, "{mistake}"))?,
    }
    Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(loaded: Result<Loaded, Vec<String>>, format: Format, out: &mut dyn Write) -> io::Result<ExitCode> {
    let Ok(loaded) = loaded else { return check(loaded, format, out) };
    match format {
        Format::Json => {
            let settings: Vec<Value> = SETTINGS.iter().map(|setting| as_json(setting, &loaded)).collect();
            writeln!(out, "{}", json!({"file": loaded.file, "settings": settings}))?;
        }
        Format::Text => {
            writeln!(out, "# {}", from_file(loaded.file.as_ref()).trim_start_matches([',', ' ']))?;
            let rows: Vec<[String; 3]> = SETTINGS.iter().map(|setting| as_text(setting, &loaded)).collect();
            out.write_all(columns(&rows).as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn from_file(file: Option<&PathBuf>) -> String {
    file.map_or(", there is no settings file".to_owned(), |file| format!(", settings file {}", file.display()))
}

fn as_json(setting: &Setting, loaded: &Loaded) -> Value {
    let value = setting.value(&loaded.settings);
    let source = loaded.source(setting.name);
    let kind = match source {
        Source::Default => "default",
        Source::File(..) => "file",
        Source::Environment(_) => "environment",
        Source::Flag(_) => "flag",
    };
    let mut shown = json!({"name": setting.name, "source": kind});
    if source != Source::Default {
        shown["place"] = source.to_string().into();
    }
    match value {
        Some(_) if setting.secret => shown["hidden"] = true.into(),
        value => shown["value"] = value.into(),
    }
    shown
}

fn as_text(setting: &Setting, loaded: &Loaded) -> [String; 3] {
    let value = match setting.value(&loaded.settings) {
        Some(_) if setting.secret => "(hidden)".to_owned(),
        Some(value) => value,
        None => "-".to_owned(),
    };
    let source = match loaded.source(setting.name) {
        Source::Default if value == "-" => format!("default: {}", setting.absent),
        source => source.to_string(),
    };
    [setting.name.to_owned(), value, source]
}
