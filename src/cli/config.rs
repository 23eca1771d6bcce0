//! `ddl-monitor config`: are the settings right, what are they, and where did each come from.

use super::changes::plural;
use super::format::Format;
use super::output::{columns, one_line};
use super::sync::skipped;
use super::tell;
use crate::deadline::Deadline;
use crate::inventory::credentials;
use crate::settings::{self, Loaded, SETTINGS, Setting, Source};
use crate::zabbix::reading::{self, Reading};
use clap::{Args, Subcommand, ValueHint};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  ddl-monitor config init
  ddl-monitor config check
  ddl-monitor config check --online
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
    Check {
        /// Also ask Zabbix: version, rights, how many lines there are and which hosts would be skipped; nothing is changed
        #[arg(long)]
        online: bool,
    },
    /// Show the effective settings and where each came from
    ///
    /// Later ones win: defaults, settings file, environment, flags. What may hold a password is not shown.
    Show,
    /// Write a settings file to begin with: every setting, its meaning and default, all commented out
    Init {
        /// File, which must not be there; - = print it [default: /etc/zabbix/ddl-monitor.toml]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
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
        match &self.command {
            Command::Check { online } => check(settings::check(config, flags), *online, format, out),
            Command::Show => show(settings::check(config, flags), format, out),
            Command::Init { file } => init(file.as_deref().unwrap_or(Path::new(settings::SYSTEM)), out),
        }
    }
}

fn check(
    loaded: Result<Loaded, Vec<String>>,
    online: bool,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let (file, mut mistakes, remarks, settings) = match loaded {
        Err(mistakes) => (None, mistakes, Vec::new(), None),
        Ok(loaded) => {
            let credentials = loaded.settings.secrets.file.as_deref();
            let named = loaded.source("secrets.file") != Source::Default;
            let mistakes = credentials.filter(|path| named || path.exists()).map(credentials::mistakes);
            (loaded.file, mistakes.unwrap_or_default(), loaded.remarks, Some(loaded.settings))
        }
    };
    let mut reading = None;
    if let Some(settings) = settings.filter(|_| online && mistakes.is_empty()) {
        match reading::read(&settings, Deadline::after(settings.sync.deadline)) {
            Ok(found) => reading = Some(found),
            Err(failure) => mistakes.push(failure.to_string()),
        }
    }
    match format {
        Format::Json => {
            let mut document = json!({"file": file, "mistakes": mistakes, "remarks": remarks});
            if let Some(reading) = &reading {
                document["zabbix"] = json!({
                    "version": reading.version, "url": reading.url, "lines": reading.lines(),
                    "routers": reading.routers.len(), "unreadable": reading.unreadable, "skipped": reading.skipped,
                    "remarks": reading.remarks,
                });
            }
            writeln!(out, "{document}")?;
        }
        Format::Text if mistakes.is_empty() => {
            for remark in &remarks {
                writeln!(out, "{remark}")?;
            }
            writeln!(out, "settings are right{}", from_file(file.as_ref()))?;
            if let Some(reading) = &reading {
                out.write_all(told(reading).as_bytes())?;
            }
        }
        Format::Text => mistakes.iter().try_for_each(|mistake| writeln!(out, "{}", one_line(mistake)))?,
    }
    Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What Zabbix has for us.
fn told(reading: &Reading) -> String {
    let mut text = String::new();
    for remark in &reading.remarks {
        text.push_str(&format!("{}\n", one_line(remark)));
    }
    let rights = match reading.unreadable {
        0 => "its templates can be read as far as can be told".to_owned(),
        hosts => format!("{} have a template that the user may not read", plural(hosts, "host")),
    };
    text.push_str(&format!(
        "Zabbix {} at {}: {}, {}; {rights}\n",
        reading.version,
        reading.url,
        plural(reading.lines(), "line"),
        plural(reading.routers.len(), "router")
    ));
    text.push_str(&skipped(&reading.skipped));
    text
}

/// A file that is there is somebody's work.
fn init(file: &Path, out: &mut dyn Write) -> io::Result<ExitCode> {
    let text = settings::template();
    if file == Path::new("-") {
        out.write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(file);
    match made.and_then(|mut new| new.write_all(text.as_bytes())) {
        Ok(()) => {
            writeln!(out, "wrote {}", file.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(e) => Ok(tell(&format!("settings file {}: {e}", file.display()))),
    }
}

fn show(loaded: Result<Loaded, Vec<String>>, format: Format, out: &mut dyn Write) -> io::Result<ExitCode> {
    let Ok(loaded) = loaded else { return check(loaded, false, format, out) };
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
