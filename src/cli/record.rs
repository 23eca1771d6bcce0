//! `record`: one poll, and what was said on the router's line, as a folder that is a test of the project.

use super::Context;
use super::arguments::text;
use super::poll::{self, Polled};
use super::{complain, output};
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::line::Line;
use crate::platform::{self, Platform};
use crate::probe::{Measurement, Probe, ProbeKind};
use crate::redact::{self, Redaction};
use crate::wire::Said;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Makes a folder with the router's answer (answer.txt), what was read in it (expected.json) and all that was said on the line \
(conversation.txt; the login only when no session was open). Where what was read is wrong, correct expected.json: the folder is \
then a test, once it lies in tests/platforms/PLATFORM/.

Passwords and secrets that ddl-monitor sends are never in it. --redact also replaces addresses, the user's and the router's \
name; what the router says beyond that (banners, descriptions) is for you to read before you send it.

Examples:
  ddl-monitor record --case lost_in_berlin --redact --line L-1001
  ddl-monitor record --case odd_answer --target 10.1.1.2 --router 192.0.2.1 \\
      --platform cisco_iosxe --user ddl --password secret:core";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
#[group(skip)]
pub(super) struct Args {
    /// Name of the case: what the folder is called
    #[arg(long, value_name = "NAME", value_parser = text())]
    case: String,
    /// Folder in which it is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Replace addresses, the user's and the router's name
    #[arg(long)]
    redact: bool,
    #[command(flatten)]
    poll: poll::Args,
}

impl Args {
    pub(super) fn settings(&self, flags: &mut Vec<(&'static str, String)>) -> Result<(), Failure> {
        self.poll.settings(flags)
    }
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    match record(context, args) {
        Ok(report) => output::print(&report).map(|()| ExitCode::SUCCESS),
        Err(failure) => complain(&failure),
    }
}

/// One file of the case: where, and what is in it.
type File = (PathBuf, String);

fn record(context: &Context, args: &Args) -> Result<String, Failure> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if args.case.is_empty() || !args.case.chars().all(name) {
        return Err(Failure::settings("--case: allowed is a name of letters, digits, _ and -"));
    }
    let Polled { line, answered, user, said } = poll::measure(context, &args.poll, true);
    let Some(line) = line else { return Err(answered.err().unwrap_or_else(nothing_said)) };
    if said.is_empty() {
        return Err(answered.err().unwrap_or_else(nothing_said));
    }
    let mut redaction = Redaction::default();
    if args.redact {
        names(&mut redaction, &line, user.as_deref(), &said);
    }
    let mut shown = |text: &str| if args.redact { redaction.text(text) } else { text.to_owned() };
    let folder = args.dir.join(&args.case);
    let mut files = vec![(folder.join("conversation.txt"), shown(&conversation(&said)))];
    let definition = platform::find(&line.router.platform, context.loaded.settings.platforms.dir.as_deref())?;
    let platform = Platform::compile(&definition)?;
    for probe in &line.probes {
        let Some(answer) = answer(&platform, probe, &said) else { continue };
        let answer = shown(&answer);
        let (folder, asked) = match probe {
            Probe::Ping(ping) => (folder.clone(), shown(&ping.target.to_string())),
            Probe::Traceroute(asked) => {
                (args.dir.join(format!("{}_traceroute", args.case)), shown(&asked.target.to_string()))
            }
            Probe::Interface { name } => (args.dir.join(format!("{}_interface", args.case)), shown(name.as_str())),
        };
        let expected = expected(&platform, probe.kind(), &answer, &asked);
        let expected = serde_json::to_string_pretty(&expected).unwrap_or_default();
        files.push((folder.join("answer.txt"), answer));
        files.push((folder.join("expected.json"), format!("{expected}\n")));
    }
    write(&files)?;
    let mut report = String::new();
    for (path, _) in &files {
        let _ = writeln!(report, "{}", path.display());
    }
    if let Err(failure) = &answered {
        let _ = writeln!(report, "not measured: {}", output::one_line(&failure.to_string()));
    }
    let _ = writeln!(report, "read them before you send them");
    Ok(report)
}

fn nothing_said() -> Failure {
    Failure::new(Kind::Master, Stage::Reply, "nothing was said on the router's line")
}

/// The user's name, and what the prompt calls the router and the place on it.
fn names(redaction: &mut Redaction, line: &Line, user: Option<&str>, said: &[Said]) {
    if let Some(user) = user {
        redaction.name(user, "user");
    }
    redaction.name(&line.router.address.host, "router");
    let prompt = said.iter().rev().find(|said| !said.ours).and_then(|said| said.text.lines().last());
    let commands = || said.iter().filter(|said| said.ours).flat_map(|said| said.text.split_whitespace());
    for word in redact::names_in_prompt(prompt.unwrap_or_default()) {
        // A command must still read as one.
        if !commands().any(|part| part == word) {
            redaction.name(word, "router");
        }
    }
}

fn conversation(said: &[Said]) -> String {
    let mut text = String::new();
    for piece in said {
        for line in piece.text.lines() {
            let _ = writeln!(text, "{} {line}", if piece.ours { ">" } else { "<" });
        }
    }
    text
}

/// All that the router said from the probe's command to the next.
fn answer(platform: &Platform, probe: &Probe, said: &[Said]) -> Option<String> {
    let modes = platform.dialect.modes.iter();
    let ours: Vec<String> =
        modes.filter_map(|mode| platform.run(probe, &mode.name).ok()).map(|run| run.command).collect();
    // Neither a blank for the pager nor the abort key.
    let is_command = |said: &Said| said.ours && said.text.trim().len() > 1 && !said.text.contains("\\u{");
    let at = said.iter().rposition(|said| said.ours && ours.iter().any(|command| command == said.text.trim()))?;
    let text: String = said[at + 1..]
        .iter()
        .take_while(|said| !is_command(said))
        .filter(|said| !said.ours)
        .map(|said| as_sent(&said.text))
        .collect();
    (!text.trim().is_empty()).then_some(text)
}

/// Control characters, which a conversation has as escapes (`\u{0}`), as the router sent them: how they read is part of the case.
fn as_sent(text: &str) -> String {
    let mut sent = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once("\\u{") {
        sent.push_str(before);
        let control = escape.split_once('}').and_then(|(digits, after)| {
            let control = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
            control.is_control().then_some((control, after))
        });
        rest = match control {
            Some((control, after)) => {
                sent.push(control);
                after
            }
            None => {
                sent.push_str("\\u{");
                escape
            }
        };
    }
    sent.push_str(rest);
    sent
}

/// What is read in the answer, in the form of the recorded cases.
fn expected(platform: &Platform, kind: ProbeKind, answer: &str, asked: &str) -> Value {
    let (mut expected, read) = match kind {
        ProbeKind::Ping => {
            let target: Option<IpAddr> = asked.parse().ok();
            (json!({ "target": asked }), platform.read_recorded(kind, answer.as_bytes(), target))
        }
        ProbeKind::Traceroute => {
            let target: Option<IpAddr> = asked.parse().ok();
            let read = platform.read_recorded(kind, answer.as_bytes(), target);
            (json!({ "probe": kind.name(), "asked": asked }), read)
        }
        ProbeKind::Interface => (
            json!({ "probe": kind.name(), "asked": asked }),
            platform.read_recorded_interface(answer.as_bytes(), Some(asked)),
        ),
    };
    let (state, member) = match &read {
        Ok(Measurement::Ping(ping)) => (0, json!(ping)),
        Ok(Measurement::Interface(interface)) => (0, json!(interface)),
        Ok(Measurement::Traceroute(traceroute)) => (0, json!(traceroute)),
        Err(failure) => (failure.kind.number(), Value::Null),
    };
    expected["state"] = state.into();
    if !member.is_null() {
        expected[kind.name()] = member;
    }
    expected
}

fn write(files: &[File]) -> Result<(), Failure> {
    let failed = |path: &Path, e: io::Error| Failure::settings(format!("writing {}: {e}", path.display()));
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(Failure::settings(format!("{} is there already; choose another --case", path.display())));
    }
    for (path, text) in files {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
        }
        std::fs::write(path, text).map_err(|e| failed(path, e))?;
    }
    Ok(())
}
