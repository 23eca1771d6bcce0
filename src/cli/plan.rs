//! `plan`: what measuring the lines of a router costs in time, and what would make it faster. No network.

use super::arguments::text;
use super::choice::Choice;
use super::format::Format;
use super::{Context, complain};
use super::{known, output, router_lines};
use crate::client;
use crate::duration;
use crate::failure::Failure;
use crate::inventory::arguments as argument;
use crate::inventory::arguments::Argument;
use crate::inventory::line::{self, Line};
use crate::plan::{self, Cost, Round};
use crate::platform::{self, Platform};
use crate::probe::{self, Probe};
use serde::Serialize;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "\
A round is every line measured once. Lines that a batch does not reach by its deadline go on in the background; as long as a \
round takes less than the interval, each line has a new value in each interval, at most one interval old.

Three rounds are computed: all lines alive, a share of them dead (--dead), and all dead. A line that is alive takes its packets' \
round trips (--rtt) and what the router needs to take a command and come back to its prompt (--overhead); a dead one the \
time-outs of all its packets.

Examples:
  ddl-monitor plan --router edge-1
  ddl-monitor plan --router edge-1 --lanes 4 --rtt 80ms --dead 10
  ddl-monitor plan --router edge-1 --count 2 --timeout 1s";

/// A router has few VTYs: more lanes than this are not proposed.
const MOST_LANES: usize = 8;
/// What a value of Zabbix 6.0 holds, and what a line's document has of it, with a description of some length.
const MOST_BYTES: usize = 524_287;
const BYTES_OF_LINE: usize = 300;
const BYTES_OF_INTERFACE: usize = 330;

/// Zabbix 7.0 takes no longer one of an item, and a deadline may not be longer either.
const LONGEST_TIME_OUT: Duration = Duration::from_secs(600);

#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "See --help for what is computed, and examples.")]
pub(super) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Plan with this many lanes [default: the router's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    lanes: Option<u32>,
    /// Plan with this many packets for every line [default: the line's]
    #[arg(long, value_name = "N", value_parser = text())]
    count: Option<String>,
    /// Plan with this time-out of each packet for every line [default: the line's]
    #[arg(long, value_name = "TIME", value_parser = text())]
    timeout: Option<String>,
    /// Plan with this interval [default: the shortest of the lines]
    #[arg(long, value_name = "TIME", value_parser = text())]
    interval: Option<String>,
    /// Deadline of a batch [default: 2.5s]
    #[arg(long, value_name = "TIME", value_parser = text())]
    deadline: Option<String>,
    /// Round trip of a packet on a line that is alive
    #[arg(long, value_name = "TIME", value_parser = text(), default_value = "20ms")]
    rtt: String,
    /// What the router needs for a command beside its pings
    #[arg(long, value_name = "TIME", value_parser = text(), default_value = "50ms")]
    overhead: String,
    /// Lines that are dead at the same time, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    dead: u32,
}

/// Times in seconds.
#[derive(Serialize)]
struct Document {
    router: String,
    platform: String,
    lines: usize,
    lanes: usize,
    deadline: f64,
    interval: f64,
    dead_percent: u32,
    /// Of the slowest line.
    line: Pair,
    /// Until every line is measured once.
    round: Three<f64>,
    /// Lines that a batch has measured when its deadline comes.
    reached: Three<usize>,
    /// Every line has a new value in each interval.
    fits: Three<bool>,
    /// The fewest lanes with which the typical round fits; absent = not even with eight.
    #[serde(skip_serializing_if = "Option::is_none")]
    lanes_needed: Option<usize>,
    advice: Vec<String>,
}

#[derive(Serialize)]
struct Pair {
    alive: f64,
    dead: f64,
}

#[derive(Serialize)]
struct Three<T> {
    alive: T,
    typical: T,
    worst: T,
}

impl<T> Three<T> {
    fn map<U>(&self, of: impl Fn(&T) -> U) -> Three<U> {
        Three { alive: of(&self.alive), typical: of(&self.typical), worst: of(&self.worst) }
    }
}

/// What is computed with.
struct Load<'a> {
    platform: &'a Platform,
    lines: &'a [Line],
    trip: Duration,
    overhead: Duration,
    dead: u32,
    deadline: Duration,
}

impl Load<'_> {
    /// Of every line; with other counts and time-outs where these are given.
    fn costs(&self, count: Option<u32>, timeout: Option<Duration>) -> Result<Vec<Cost>, Failure> {
        self.lines.iter().map(|line| self.cost(line, count, timeout)).collect()
    }

    fn cost(&self, line: &Line, count: Option<u32>, timeout: Option<Duration>) -> Result<Cost, Failure> {
        let mut cost = Cost { alive: self.overhead, dead: self.overhead };
        for probe in probe::asked(&line.probes) {
            let Probe::Ping(ping) = probe else {
                // One more command to take; a platform that cannot says so at once.
                cost.alive = cost.alive.saturating_add(self.overhead);
                cost.dead = cost.dead.saturating_add(self.overhead);
                continue;
            };
            let mut ping = ping.clone();
            ping.count = count.unwrap_or(ping.count);
            ping.timeout = timeout.unwrap_or(ping.timeout);
            let probe = Probe::Ping(ping);
            self.platform
                .check(&probe)
                .map_err(|failure| Failure { message: format!("line {}: {}", line.id, failure.message), ..failure })?;
            let (alive, dead) = self.platform.lasts(&probe, self.trip)?;
            cost = Cost { alive: cost.alive.saturating_add(alive), dead: cost.dead.saturating_add(dead) };
        }
        Ok(cost)
    }

    fn round(&self, costs: &[Cost], lanes: usize, dead: u32) -> Round {
        let left = self.deadline.saturating_sub(client::WAY_BACK);
        plan::round(costs, lanes, dead, left.saturating_sub(router_lines::way_back(costs.len(), left)))
    }
}

pub(super) fn run(context: &Context, args: &Args) -> io::Result<ExitCode> {
    match plan_of(context, args) {
        Ok(document) => match context.format {
            Format::Json => output::print_json(&document)?,
            Format::Text => output::print(&summary(&document))?,
        },
        Err(failure) => return complain(&failure),
    }
    Ok(ExitCode::SUCCESS)
}

fn plan_of(context: &Context, args: &Args) -> Result<Document, Failure> {
    let time = |flag: &'static str, text: &str| {
        let argument = Argument { flag, macro_name: "" };
        duration::parse(text).ok_or_else(|| argument.refused(text, "a time like 20ms, 2.5s or 3m"))
    };
    let inventory = known::inventory(context)?;
    let (record, records) = args.choice.look_up(&inventory)?;
    let settings = record.settings(&context.loaded)?;
    let parse = |record_of_line: &crate::inventory::line_record::LineRecord| {
        let mut raw = record_of_line.raw(&record);
        raw.count = args.count.clone().or(raw.count);
        raw.timeout = args.timeout.clone().or(raw.timeout);
        Line::parse(raw, &settings.poll)
    };
    let lines = records.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let definition = platform::find(&record.platform, settings.platforms.dir.as_deref())?;
    let platform = Platform::compile(&definition)?;
    let load = Load {
        platform: &platform,
        lines: &lines,
        trip: time("--rtt", &args.rtt)?,
        overhead: time("--overhead", &args.overhead)?,
        dead: args.dead,
        deadline: line::deadline(argument::DEADLINE.given(args.deadline.clone())?, &settings.poll)?,
    };
    let interval = match &args.interval {
        Some(text) => time("--interval", text)?,
        None => records.iter().map(|line| line.interval()).min().unwrap_or(Duration::from_secs(180)),
    };
    let lanes = args.lanes.map_or(settings.master.lanes, |lanes| usize::try_from(lanes).unwrap_or(usize::MAX)).max(1);
    let costs = load.costs(None, None)?;
    let round = |dead| load.round(&costs, lanes, dead);
    let rounds = Three { alive: round(0), typical: round(load.dead), worst: round(100) };
    let slowest = |of: fn(&Cost) -> Duration| costs.iter().map(of).max().unwrap_or_default().as_secs_f64();
    Ok(Document {
        router: record.name.clone(),
        platform: record.platform.clone(),
        lines: lines.len(),
        lanes,
        deadline: load.deadline.as_secs_f64(),
        interval: interval.as_secs_f64(),
        dead_percent: load.dead,
        line: Pair { alive: slowest(|cost| cost.alive), dead: slowest(|cost| cost.dead) },
        round: rounds.map(|round| round.time.as_secs_f64()),
        reached: rounds.map(|round| round.reached),
        fits: rounds.map(|round| round.time <= interval),
        lanes_needed: plan::lanes_for(&costs, load.dead, interval, MOST_LANES),
        advice: advice(&load, &costs, &rounds, lanes, interval, settings.master.idle_exit)?,
    })
}

/// What to change, each with what it would bring.
fn advice(
    load: &Load<'_>,
    costs: &[Cost],
    rounds: &Three<Round>,
    lanes: usize,
    interval: Duration,
    idle_exit: Duration,
) -> Result<Vec<String>, Failure> {
    let mut advice = Vec::new();
    if rounds.typical.time > interval {
        match plan::lanes_for(costs, load.dead, interval, MOST_LANES) {
            Some(more) => advice.push(format!(
                "lanes = {more} (the router needs as many VTYs): a round with {} % dead takes {}",
                load.dead,
                shown(load.round(costs, more, load.dead).time)
            )),
            None => advice.push(format!(
                "an interval of {}: not even {MOST_LANES} lanes do a round with {} % dead in {}",
                shown(rounds.typical.time),
                load.dead,
                shown(interval)
            )),
        }
    }
    if rounds.worst.time > interval {
        let (count, timeout) = (2, Duration::from_secs(1));
        let quicker = load.costs(Some(count), Some(timeout)).ok();
        if let Some(quicker) = quicker.map(|costs| load.round(&costs, lanes, 100).time)
            && quicker < rounds.worst.time
        {
            advice.push(format!(
                "count = {count}, timeout = {}: with all lines dead a round takes {} instead of {}",
                shown(timeout),
                shown(quicker),
                shown(rounds.worst.time)
            ));
        }
    }
    if rounds.typical.reached < load.lines.len() {
        let time_out = rounds.typical.time.saturating_add(Duration::from_secs(1));
        let at_once = if time_out <= LONGEST_TIME_OUT {
            format!(
                "; on Zabbix 7.0 an item time-out of {} with --deadline as long brings all at once",
                shown(time_out)
            )
        } else {
            String::new()
        };
        advice.push(format!(
            "nothing, if values up to an interval old will do: {} of {} lines are new in the same batch, the rest with the \
             next{at_once}",
            rounds.typical.reached,
            load.lines.len(),
        ));
    }
    if interval >= idle_exit {
        advice.push(format!(
            "master.idle_exit longer than the interval of {}: it is {}, so every batch logs in anew and never brings what the \
             one before did not reach",
            shown(interval),
            shown(idle_exit)
        ));
    }
    let interfaces = load.lines.iter().filter(|line| probe::asked(&line.probes).len() > 1).count();
    if load.lines.len() * BYTES_OF_LINE + interfaces * BYTES_OF_INTERFACE > MOST_BYTES {
        advice.push(format!(
            "two routers in the inventory for this one, with half of the lines each: {} lines, {interfaces} of them with an \
             interface, do not fit a value of Zabbix 6.0",
            load.lines.len()
        ));
    }
    Ok(advice)
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 {
        format!("{seconds:.2} s")
    } else if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} s", seconds.ceil())
    }
}

fn summary(document: &Document) -> String {
    let seconds = |time: f64| shown(Duration::from_secs_f64(time));
    let mut text = format!(
        "{} ({}): {} lines on {} {}, every {}, deadline {}\n",
        document.router,
        document.platform,
        document.lines,
        document.lanes,
        if document.lanes == 1 { "lane" } else { "lanes" },
        seconds(document.interval),
        seconds(document.deadline)
    );
    let _ = writeln!(
        text,
        "  the slowest line takes {} alive, {} dead",
        seconds(document.line.alive),
        seconds(document.line.dead)
    );
    let typical = format!("{} % dead", document.dead_percent);
    let row = |name: &str, round: f64, reached: usize, fits: bool| {
        let fits = if fits { "fits" } else { "does not fit" };
        [format!("  {name}"), seconds(round), reached.to_string(), fits.to_owned()]
    };
    let (round, reached, fits) = (&document.round, &document.reached, &document.fits);
    text.push_str(&output::columns(&[
        ["  LINES", "A ROUND TAKES", "IN ONE BATCH", "THE INTERVAL"].map(str::to_owned),
        row("all alive", round.alive, reached.alive, fits.alive),
        row(&typical, round.typical, reached.typical, fits.typical),
        row("all dead", round.worst, reached.worst, fits.worst),
    ]));
    if document.advice.is_empty() {
        text.push_str("nothing to change\n");
    } else {
        text.push_str("what to change:\n");
        document.advice.iter().for_each(|advice| _ = writeln!(text, "  {advice}"));
    }
    text
}
