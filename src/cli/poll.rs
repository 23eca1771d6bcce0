//! `poll`: one line, from arguments or out of the inventory.

use super::arguments::{Router, text};
use super::format::Format;
use super::known;
use super::output::{self, Document};
use super::reach::Reach;
use super::{Context, complain};
use crate::clock;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::arguments as argument;
use crate::inventory::line::{Line, RawLine};
use crate::settings::Settings;
use crate::wire::{Answers, Reply, Request, Said};
use std::io;
use std::process::ExitCode;
use std::time::Instant;

const EXAMPLES: &str = "\
A reference names a secret without showing it: secret:NAME is a login in the credentials file, file:PATH a file, env:NAME a \
variable, exec:COMMAND what a command prints. Anything else is the password itself, which everybody sees in the list of \
processes. A TIME is 500ms, 2.5s, 3m or a number of seconds. {$MACRO} is the Zabbix macro that templates pass; an empty \
argument counts as not given.

A line that could not be measured is an answer too: exit status 0, with the reason in \"failure\" and its number in \
\"state\". Exit status 1: a mistake in an argument (text), or no such value (--item). 2: the command line itself is wrong.

Examples:
  ddl-monitor poll --line L-1001 --target 10.1.1.2 --router 192.0.2.1 \\
      --platform cisco_iosxe --user ddl --password secret:core
  ddl-monitor poll --line L-1001        a line of the inventory
  … --vrf CUSTOMER --source Loopback0 --count 3 --timeout 1s
  … --interface GigabitEthernet0/0/1        is it our port, or the carrier's line?
  … --evidence                  and a traceroute with the next poll when it went down
  … --size 1472 --df             does the line carry 1500 bytes whole
  … --item ping.loss            only the loss, in percent
  … -v                          with the conversation with the router";

#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "See --help for references, exit status and examples.")]
pub(super) struct Args {
    /// Name of the line, for the output; with neither --target nor --router, a line of the inventory ({$LINE_ID}) [default: the
    /// target]
    #[arg(long, value_name = "ID", value_parser = text(), allow_hyphen_values = true)]
    line: Option<String>,
    /// Far end of the line; given twice, the first that is not empty counts ({$LINE_TARGET}, {HOST.HOST})
    #[arg(long, value_name = "ADDR", value_parser = text(), allow_hyphen_values = true)]
    target: Vec<String>,
    #[command(flatten)]
    router: Router,
    /// Packets to send ({$LINE_PING_COUNT}) [default: 5]
    #[arg(long, value_name = "N", value_parser = text(), allow_hyphen_values = true)]
    count: Option<String>,
    /// Time-out of each packet ({$LINE_PING_TIMEOUT}) [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = text(), allow_hyphen_values = true)]
    timeout: Option<String>,
    /// ICMP data bytes ({$LINE_PING_SIZE}) [default: the platform's]
    #[arg(long, value_name = "BYTES", value_parser = text(), allow_hyphen_values = true)]
    size: Option<String>,
    /// VRF to ping in ({$LINE_VRF})
    #[arg(long, value_name = "NAME", value_parser = text(), allow_hyphen_values = true)]
    vrf: Option<String>,
    /// Address or interface to ping from ({$LINE_SOURCE})
    #[arg(long, value_name = "IF-OR-IP", value_parser = text(), allow_hyphen_values = true)]
    source: Option<String>,
    /// The router's own interface of the line, shown as well ({$LINE_INTERFACE})
    #[arg(long, value_name = "NAME", value_parser = text(), allow_hyphen_values = true)]
    interface: Option<String>,
    /// A traceroute as evidence, with a later poll: edge (once when the line goes down) or now; without a value it is edge
    /// ({$LINE_EVIDENCE})
    #[arg(long, value_name = "WHEN", value_parser = text(), num_args = 0..=1, default_missing_value = "edge")]
    evidence: Option<String>,
    /// Do not fragment: 1 or yes, 0 or no; without a value it is yes ({$LINE_PING_DF})
    #[arg(long, value_name = "YES", value_parser = text(), num_args = 0..=1, default_missing_value = "1")]
    df: Option<String>,
    /// Serve a result younger than this again without asking the router [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = text(), allow_hyphen_values = true)]
    max_age: Option<String>,
    /// Print one value only, by its place in the JSON, e.g. ping.loss
    #[arg(long, value_name = "PATH", value_parser = text())]
    item: Option<String>,
}

impl Args {
    pub(super) fn settings(&self, flags: &mut Vec<(&'static str, String)>) -> Result<(), Failure> {
        self.router.settings(flags)
    }

    /// An empty one is none.
    fn item(&self) -> Option<&str> {
        self.item.as_deref().filter(|path| !path.is_empty())
    }

    fn raw(&self) -> RawLine {
        RawLine {
            line: self.line.clone(),
            targets: self.target.clone(),
            router: self.router.raw(),
            count: self.count.clone(),
            timeout: self.timeout.clone(),
            size: self.size.clone(),
            vrf: self.vrf.clone(),
            source: self.source.clone(),
            interface: self.interface.clone(),
            evidence: self.evidence.clone(),
            df: self.df.clone(),
            deadline: self.router.deadline.clone(),
            max_age: self.max_age.clone(),
        }
    }
}

/// What a poll came to.
pub(super) struct Polled {
    /// None: the arguments are no line.
    pub(super) line: Option<Line>,
    pub(super) answered: Result<Answers, Failure>,
    /// The user who logs in, once it is known: the credentials file may name it.
    pub(super) user: Option<String>,
    /// What was said on the router's line, if it was asked for.
    pub(super) said: Vec<Said>,
}

impl Polled {
    fn refused(failure: Failure) -> Self {
        Self { line: None, answered: Err(failure), user: None, said: Vec::new() }
    }
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    if !context.loaded.settings.secrets.allow_commands
        && let Err(failure) = args.router.check_commands()
    {
        return refuse(args, &failure, context.format, context.started);
    }
    let Polled { line, answered, said, .. } = measure(context, args, context.verbose > 0);
    output::print_conversation(&said);
    let document = match answered {
        Ok(answers) => Document {
            time: answers.time,
            age: answers.age,
            session: Some(answers.session),
            answers: Ok(answers.answers),
            ..blank(args, line.as_ref(), context.started)
        },
        Err(failure) => {
            if failure.kind == Kind::Settings && context.format == Format::Text && args.item().is_none() {
                return complain(&failure);
            }
            Document { answers: Err(failure), ..blank(args, line.as_ref(), context.started) }
        }
    };
    output::print_document(&document, context.format, args.item(), context.colour)
}

pub(super) fn measure(context: &Context, args: &Args, conversation: bool) -> Polled {
    let item = argument::ITEM.given(args.item.clone());
    let known = match item.and_then(|_| known::line(context, &args.raw())) {
        Ok(known) => known,
        Err(failure) => return Polled::refused(failure),
    };
    let Some((raw, settings)) = known else {
        return match Line::parse(args.raw(), &context.loaded.settings.poll) {
            Ok(line) => asked(context, &context.loaded.settings, line, conversation),
            Err(failure) => Polled::refused(failure),
        };
    };
    let whose = format!("line {}", raw.line.clone().unwrap_or_default());
    match Line::parse(raw, &settings.poll) {
        Ok(line) => {
            let polled = asked(context, &settings, line, conversation);
            Polled { answered: polled.answered.map_err(|failure| known::said_of(&whose, failure)), ..polled }
        }
        // An import lets nothing through that cannot be parsed: it is a flag.
        Err(failure) => Polled::refused(failure),
    }
}

fn asked(context: &Context, settings: &Settings, line: Line, conversation: bool) -> Polled {
    let deadline = Deadline::at(context.started + line.deadline);
    let mut user = None;
    let reply = Reach::new(context, settings, &line.router, deadline).and_then(|reach| {
        user = Some(reach.user().to_owned());
        reach.ask(&|left| Request::Poll {
            probes: line.probes.clone(),
            deadline: left,
            max_age: line.max_age,
            conversation,
        })
    });
    let (answered, said) = match reply {
        Ok(Reply::Answers(mut answers)) => {
            let said = std::mem::take(&mut answers.conversation);
            (Ok(answers), said)
        }
        Ok(other) => {
            let (failure, said) = output::failure_and_said(other);
            (Err(failure), said)
        }
        Err(failure) => (Err(failure), Vec::new()),
    };
    Polled { line: Some(line), answered, user, said }
}

/// A document without an answer; what is known of the line is there.
fn blank(args: &Args, line: Option<&Line>, started: Instant) -> Document {
    let given =
        |text: &Option<String>| text.clone().filter(|text| !text.is_empty()).map(|text| output::one_line(&text));
    let target = args.target.iter().find(|text| !text.is_empty()).map(|text| output::one_line(text));
    let internal = Failure::new(Kind::Internal, Stage::Settings, "no answer");
    Document {
        line: line.map(|line| line.id.clone()).or_else(|| given(&args.line)).or_else(|| target.clone()),
        target: line.map(|line| line.target.to_string()).or(target),
        router: line.map(|line| output::router_name(&line.router.address)).or_else(|| given(&args.router.address)),
        platform: line.map(|line| line.router.platform.clone()).or_else(|| given(&args.router.platform)),
        time: clock::now(),
        age: 0.0,
        elapsed: started.elapsed().as_secs_f64(),
        session: None,
        answers: Err(internal),
    }
}

/// The settings themselves are wrong.
pub(super) fn refuse(args: &Args, failure: &Failure, format: Format, started: Instant) -> io::Result<ExitCode> {
    if format == Format::Text && args.item().is_none() {
        return complain(failure);
    }
    let document = Document { answers: Err(failure.clone()), ..blank(args, None, started) };
    output::print_document(&document, format, args.item(), false)
}

/// A document of a failure, nothing known of the line.
pub(super) fn print_failure(failure: Failure) -> io::Result<ExitCode> {
    let document = Document {
        line: None,
        target: None,
        router: None,
        platform: None,
        time: clock::now(),
        age: 0.0,
        elapsed: 0.0,
        session: None,
        answers: Err(failure),
    };
    output::print_document(&document, Format::Json, None, false)
}
