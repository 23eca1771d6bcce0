//! The command line: the only place that knows clap and prints. One file per command.

mod arguments;
mod background;
mod batch;
mod changes;
mod choice;
pub mod config;
mod discover;
mod exec;
mod follow;
pub mod format;
mod generate;
mod history;
mod inventory;
mod known;
mod master;
mod output;
mod parse;
mod path;
mod plan;
mod platform;
mod poll;
mod port;
mod reach;
mod record;
mod router_lines;
mod status;
mod stop;
mod sweep;
mod sync;

use crate::failure::Failure;
use crate::inventory::arguments as argument;
use crate::logging::{self, Role};
use crate::settings::{self, Loaded};
use crate::state::State;
use arguments::text;
use clap::{ArgAction, Parser, Subcommand, ValueHint};
use format::Format;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Is a leased line up? Logs in to its edge router over SSH, pings the far end from there, and says so for Zabbix.
///
/// The login is kept by a background process, the master of that router, so that the next poll finds it open; it logs out
/// when no poll has come for a while. On a terminal the commands print for people, else (as run by Zabbix) one line of JSON.
#[derive(Parser)]
#[command(name = "ddl-monitor", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The part of it that a poll needs: what builds the arguments of all other commands is a third of a warm poll's own work.
#[derive(Parser)]
struct PollAlone {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: OnlyPoll,
}

#[derive(Subcommand)]
enum OnlyPoll {
    Poll(Box<poll::Args>),
}

const EXAMPLES: &str = "\
Examples:
  ddl-monitor poll --target 10.1.1.2 --router 192.0.2.1 \\
      --platform cisco_iosxe --user ddl --password secret:core
  ddl-monitor status
  ddl-monitor stop --all

Each command has its own: ddl-monitor poll --help";

const STATUS: &str = "\
Show the masters, the background processes that hold the logins on routers

One row per master: router, user, platform, process id, state, age, the state of each SSH session (lane), pings run, polls \
waiting, and the last failure with its age. Only the masters of this state directory are seen: root finds those of the user \
zabbix with the same settings file or --state-dir.";

/// What every command takes.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// Settings file [default: /etc/zabbix/ddl-monitor.toml, then the user's config directory]
    #[arg(long, global = true, value_name = "FILE", value_parser = text(), value_hint = ValueHint::FilePath)]
    #[arg(help_heading = "Global options")]
    config: Option<String>,
    /// State directory: what masters and polls share: sockets, host keys, logins that failed, the inventory, the log
    #[arg(long, global = true, value_name = "DIR", value_parser = text(), value_hint = ValueHint::DirPath)]
    #[arg(help_heading = "Global options")]
    state_dir: Option<String>,
    /// Print as JSON or as text for people [default: text on a terminal, else json]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = "Global options")]
    format: Option<Format>,
    /// Log to stderr and show the conversation with the router; -vv, -vvv say more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Measure one line: log in to its router, ping the far end from there
    Poll(Box<poll::Args>),
    /// Measure all lines of a router of the inventory, or some of them, in one document
    Batch(batch::Args),
    /// Measure every line of the inventory that is due, and report to Zabbix by the sender protocol
    Sweep(sweep::Args),
    /// Run one read-only command on a router, over the login that polls use, and print what it said
    Exec(exec::Args),
    /// Show the masters: which router, process and SSH sessions (lanes), what waits, the last failure
    #[command(long_about = STATUS)]
    Status,
    /// Ask masters to log out and leave
    Stop(stop::Args),
    /// Keep the inventory in step with Zabbix: hosts with a tag and their macros, read through the API
    Sync(sync::Args),
    /// Say what measuring a router's lines costs in time, and what would make it faster; no network
    Plan(plan::Args),
    /// Read recorded output of a router from a file as a poll would; no network
    Parse(parse::Args),
    /// Poll one line and write what was said on the router's line into a folder, for a bug report that is a test
    Record(Box<record::Args>),
    /// List, show and check the definitions of router platforms (operating systems)
    #[command(subcommand, after_help = platform::EXAMPLES)]
    Platform(platform::Command),
    /// List the lines or routers of the inventory for a low-level-discovery rule of Zabbix
    #[command(subcommand, after_help = discover::EXAMPLES)]
    Discover(discover::Command),
    /// Take lines and routers from files, and show what is known of them
    #[command(subcommand, after_help = inventory::EXAMPLES)]
    Inventory(inventory::Command),
    /// Check the settings, or show them and where each came from
    Config(config::Config),
    /// Print shell completions or the man pages
    #[command(hide = true)]
    Generate(generate::Args),
    /// The background process of one router; started by a poll
    #[command(hide = true)]
    Master,
}

/// What every command needs of its surroundings.
pub(crate) struct Context {
    started: Instant,
    loaded: Loaded,
    /// Only for commands that need it.
    state: Result<State, Failure>,
    format: Format,
    colour: bool,
    verbose: u8,
}

impl Context {
    fn state(&self) -> Result<&State, Failure> {
        self.state.as_ref().map_err(Failure::clone)
    }
}

/// Runs the program; the only errors that come out are those of printing a poll's answer.
pub fn run() -> io::Result<ExitCode> {
    let started = Instant::now();
    let cli = match parse() {
        Ok(cli) => cli,
        // Help and version go to stdout, mistakes to stderr with exit code 2.
        Err(e) => e.exit(),
    };
    // For people: Zabbix takes what a poll or a master writes to stderr for its value.
    let says_why = !matches!(cli.command, Command::Poll(_) | Command::Batch(_) | Command::Master);
    match execute(cli, started) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(e) if says_why => Ok(tell(&format!("writing to stdout: {e}"))),
        other => other,
    }
}

/// Help, and what is wrong, are said by the whole of it.
fn parse() -> Result<Cli, clap::Error> {
    let is_poll = std::env::args_os().nth(1).is_some_and(|command| command == "poll");
    match is_poll.then(PollAlone::try_parse) {
        Some(Ok(PollAlone { global, command: OnlyPoll::Poll(args) })) => {
            Ok(Cli { global, command: Command::Poll(args) })
        }
        _ => Cli::try_parse(),
    }
}

fn execute(cli: Cli, started: Instant) -> io::Result<ExitCode> {
    match &cli.command {
        Command::Master => return master::run(),
        Command::Generate(args) => return generate::run(args),
        _ => {}
    }
    let terminal = io::stdout().is_terminal();
    let format = cli.global.format.unwrap_or(if terminal { Format::Text } else { Format::Json });
    let (config, flags) = match config_file(&cli).and_then(|file| Ok((file, flags(&cli)?))) {
        Ok(given) => given,
        Err(failure) => return refuse(&cli.command, &failure, format, started),
    };
    if let Command::Config(command) = &cli.command {
        return command.run(config.as_deref(), &flags, format, &mut io::stdout().lock());
    }
    let loaded = match settings::load(config.as_deref(), &flags) {
        Ok(loaded) => loaded,
        Err(failure) => return refuse(&cli.command, &failure, format, started),
    };
    // Root reads what the user named before it becomes the user whose state directory it is.
    let imported = match &cli.command {
        Command::Inventory(command) => command.read(&loaded.settings),
        _ => None,
    };
    let state = match &cli.command {
        Command::Poll(_) | Command::Batch(_) | Command::Sweep(_) | Command::Exec(_) | Command::Record(_) => {
            State::open(&loaded.settings.state)
        }
        Command::Discover(command) if command.writes() => State::open(&loaded.settings.state),
        Command::Sync(_) => State::open(&loaded.settings.state),
        Command::Inventory(command) if command.writes() => State::open(&loaded.settings.state),
        Command::Parse(_) | Command::Platform(_) => Err(Failure::settings("this command uses no state directory")),
        _ => State::look(&loaded.settings.state),
    };
    // Without a state directory there is no log; the failure is printed.
    let log_file = state.as_ref().map_or("/dev/null".into(), State::log_file);
    logging::init(Role::Client, &loaded.settings.log, log_file, cli.global.verbose, io::stderr().is_terminal());
    if let Ok(state) = &state {
        state.log_repairs();
    }
    loaded.remarks.iter().for_each(|remark| log::info!("{remark}"));
    let colour = format == Format::Text && terminal && settings::colour_allowed();
    let context = Context { started, loaded, state, format, colour, verbose: cli.global.verbose };
    match cli.command {
        Command::Poll(args) => poll::run(&context, &args),
        Command::Batch(args) => batch::run(&context, &args),
        Command::Sweep(args) => sweep::run(context, &args),
        Command::Exec(args) => exec::run(&context, &args),
        Command::Status => status::run(&context),
        Command::Stop(args) => stop::run(&context, &args),
        Command::Plan(args) => plan::run(&context, &args),
        Command::Parse(args) => parse::run(&context, &args),
        Command::Record(args) => record::run(&context, &args),
        Command::Platform(command) => platform::run(&context, &command),
        Command::Discover(command) => discover::run(&context, &command),
        Command::Sync(args) => sync::run(&context, &args),
        Command::Inventory(command) => inventory::run(&context, &command, imported),
        Command::Config(_) | Command::Generate(_) | Command::Master => Ok(ExitCode::SUCCESS),
    }
}

/// The settings file that the command line names.
fn config_file(cli: &Cli) -> Result<Option<PathBuf>, Failure> {
    Ok(argument::CONFIG.given(cli.global.config.clone())?.map(PathBuf::from))
}

/// The flags that are settings.
fn flags(cli: &Cli) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut flags = Vec::new();
    if let Some(dir) = argument::STATE_DIR.given(cli.global.state_dir.clone())? {
        flags.push(("state.dir", dir));
    }
    match &cli.command {
        Command::Poll(args) => args.settings(&mut flags)?,
        Command::Exec(args) => args.settings(&mut flags)?,
        Command::Sweep(args) => args.settings(&mut flags)?,
        Command::Discover(command) => command.settings(&mut flags)?,
        Command::Record(args) => args.settings(&mut flags)?,
        _ => {}
    }
    Ok(flags)
}

/// Says why a command could not even begin, in the form its caller reads.
fn refuse(command: &Command, failure: &Failure, format: Format, started: Instant) -> io::Result<ExitCode> {
    match command {
        Command::Poll(args) => poll::refuse(args, failure, format, started),
        Command::Batch(args) => batch::refuse(args, failure, format, started),
        Command::Sweep(_) => sweep::refuse(failure, format),
        Command::Discover(_) => discover::refuse(failure),
        _ => complain(failure),
    }
}

/// One line on stderr, exit 1.
fn complain(failure: &Failure) -> io::Result<ExitCode> {
    Ok(tell(&failure.to_string()))
}

#[expect(clippy::print_stderr, reason = "the place where errors are printed")]
fn tell(what: &str) -> ExitCode {
    eprintln!("ddl-monitor: {what}");
    ExitCode::FAILURE
}

/// Lines on stderr that begin with a place, as compilers write them.
#[expect(clippy::print_stderr, reason = "the place where errors are printed")]
fn list(mistakes: impl Iterator<Item = String>) {
    mistakes.for_each(|mistake| eprintln!("{}", output::one_line(&mistake)));
}

/// A defect of ours: said in the form that the caller of this command line reads, exit 0 for a poll so that Zabbix keeps it.
pub fn panicked() -> ExitCode {
    let poll = std::env::args_os().any(|argument| argument == "poll" || argument == "batch");
    let failure = Failure::new(
        crate::failure::Kind::Internal,
        crate::failure::Stage::Settings,
        "ddl-monitor panicked; its log has the place; please report it",
    );
    if poll && !io::stdout().is_terminal() {
        let printed = poll::print_failure(failure);
        return printed.unwrap_or(ExitCode::FAILURE);
    }
    if std::env::args_os().any(|argument| argument == "discover") {
        return discover::refuse(&failure).unwrap_or(ExitCode::FAILURE);
    }
    complain(&failure).unwrap_or(ExitCode::FAILURE)
}
