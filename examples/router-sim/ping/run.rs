//! Running a ping in real time: packets leave and come back (or do not) as the options say, and an abort key ends it.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::time::Instant;

use super::Request;
use super::answer::Texts;
use super::tally::Tally;
use crate::chance::Chance;
use crate::options::{Fault, Often, Options};
use crate::persona::{Pace, Persona};
use crate::router::Router;
use crate::template::Facts;
use crate::terminal::{Gone, Late, Terminal, Wake};

enum Fate {
    Answered(Duration),
    Lost,
    Unreachable,
    NoRoute,
}

/// What chance has decided for one ping: its fault, and where in the ping it strikes.
struct Lot {
    /// The ping's number on this router, from 1.
    number: u64,
    fault: Fault,
    delay: Duration,
    packet: u64,
    bytes: u64,
    packets: Chance,
}

impl Lot {
    /// Longer than most answers.
    const BYTES: u64 = 400;

    fn draw(router: &Router, options: &Options, request: &Request) -> Self {
        let (number, of_target) = router.next_ping(request.target);
        let mut chance = Chance::new((options.seed, &router.name, request.target, of_target));
        let fault = options.fault.get(chance.below(options.fault.len() as u64) as usize).copied();
        let micros = options.fault_time.0.as_micros() as u64;
        Self {
            number,
            fault: fault.unwrap_or(Fault::None),
            delay: Duration::from_micros(chance.below(micros)),
            packet: 1 + chance.below(request.count.unwrap_or(1)),
            bytes: chance.below(Self::BYTES),
            packets: chance,
        }
    }
}

/// Runs the ping and records what it was: `answered` and `lost` are the truth about its packets, `replies` the time of each
/// one that came back and `times` what the statistics print of them, all in milliseconds.
pub(crate) async fn run(
    terminal: &mut Terminal,
    router: &Router,
    session: u64,
    options: &Options,
    request: &Request,
    facts: Facts,
) -> Result<(), Gone> {
    let lot = Lot::draw(router, options, request);
    let (number, fault) = (lot.number, lot.fault);
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut tally = Tally::default();
    let ran = play(terminal, router, options, request, facts, lot, &mut tally).await;
    let ending = match ran {
        Err(_) => "cut",
        Ok(()) if tally.is_aborted => "aborted",
        Ok(()) => "complete",
    };
    let record = json!({"ping": number, "target": request.target, "begun": begun, "fault": fault, "ending": ending,
        "sent": tally.sent, "answered": tally.answered, "lost": tally.lost,
        "replies": tally.replies, "times": tally.times(router.persona.ping.numbers)});
    router.log("ping", session, record);
    ran
}

async fn play(
    terminal: &mut Terminal,
    router: &Router,
    options: &Options,
    request: &Request,
    facts: Facts,
    lot: Lot,
    tally: &mut Tally,
) -> Result<(), Gone> {
    let persona = router.persona;
    let mixed_up = match options.wrong_header {
        Some(Often::Always) => true,
        Some(Often::Once) => router.first_mix_up(),
        None => false,
    };
    let named = match (mixed_up, request.target.is_ipv6()) {
        (false, _) => request.target_text.as_str(),
        (true, false) => "192.0.2.77",
        (true, true) => "2001:db8::77",
    };
    let texts = Texts::new(persona, request, named, facts.clone());
    if options.no_route.contains(&request.target) && !texts.no_route_refusal().is_empty() {
        terminal.write(texts.no_route_refusal());
        return Ok(());
    }
    let (fault, delay, bytes) = (lot.fault, lot.delay, lot.bytes as usize);
    let cut = match options.drop_after {
        Some(bytes) if options.drop == Often::Always || router.first_drop() => Some(bytes),
        _ => (fault == Fault::Cut).then_some(bytes),
    };
    if let Some(bytes) = cut {
        terminal.cut_after(bytes).await?;
    }
    if fault == Fault::LateStart {
        tally.is_aborted = terminal.wait_until(Instant::now() + delay, &persona.abort, true).await? == Wake::Aborted;
    }
    terminal.write(&texts.header(request));
    if let Some(bytes) = options.flood {
        flood(terminal, bytes).await?;
    }
    let started = Instant::now();
    let run = Run { terminal, options, persona, request, texts: &texts, tally, lot, started, facts };
    match persona.ping.pace {
        Pace::Serial | Pace::Rows => run.serial().await?,
        Pace::Train | Pace::Adaptive => run.train().await?,
    }
    let statistics = texts.statistics(tally, started.elapsed());
    match fault {
        _ if tally.is_aborted && options.silent_abort => {}
        Fault::LateStatistics => terminal.write_late(statistics, Late::At(Instant::now() + delay)),
        Fault::StatisticsInNext => terminal.write_late(statistics, Late::Behind(bytes)),
        _ => terminal.write(&statistics),
    }
    terminal.echo_ahead = false;
    if cut.is_some() {
        // The answer may be shorter than the bytes that were asked for.
        terminal.flush().await?;
        terminal.cut_never();
    }
    Ok(())
}

async fn flood(terminal: &mut Terminal, bytes: u64) -> Result<(), Gone> {
    let line = format!("{}\n", "0123456789abcdef".repeat(4));
    let piece = line.repeat(128);
    let mut sent = 0;
    while sent < bytes {
        terminal.write(&piece);
        terminal.flush().await?;
        sent += piece.len() as u64;
    }
    Ok(())
}

struct Run<'a> {
    terminal: &'a mut Terminal,
    options: &'a Options,
    persona: &'a Persona,
    request: &'a Request,
    texts: &'a Texts<'a>,
    tally: &'a mut Tally,
    lot: Lot,
    started: Instant,
    facts: Facts,
}

impl Run<'_> {
    fn fate(&mut self, number: u64) -> Fate {
        let (options, target) = (self.options, self.request.target);
        let rtt = options.rtt(target, number);
        let is_unlucky = self.lot.packets.happens(options.loss(target));
        if options.no_route.contains(&target) {
            Fate::NoRoute
        } else if options.unreachable.contains(&target) {
            Fate::Unreachable
        } else if options.dead.contains(&target) || options.loses(number) || is_unlucky || rtt > self.request.timeout {
            self.tally.lost.push(number);
            Fate::Lost
        } else {
            Fate::Answered(rtt)
        }
    }

    /// True: the abort key was pressed.
    async fn wait(&mut self, until: Instant) -> Result<bool, Gone> {
        if until <= Instant::now() && !self.terminal.has_input() {
            return Ok(false);
        }
        let is_deaf = self.options.ignore_abort || self.lot.fault == Fault::Deaf;
        let abort: &[u8] = if is_deaf { &[] } else { &self.persona.abort };
        let keep = self.persona.type_ahead;
        let aborted = self.terminal.wait_until(until, abort, keep).await? == Wake::Aborted;
        if aborted {
            self.tally.is_aborted = true;
            if self.lot.fault == Fault::SlowAbort {
                self.terminal.wait_until(Instant::now() + self.lot.delay, &[], keep).await?;
            }
            self.terminal.write(&self.persona.break_mark);
        }
        Ok(aborted)
    }

    /// What a router shows in the middle of an answer.
    fn interrupt(&mut self, number: u64) {
        let strikes = number == self.lot.packet;
        if (self.options.syslog && number == 2) || (strikes && self.lot.fault == Fault::LogLine) {
            self.terminal.write(&self.facts.fill(&self.persona.syslog));
        }
        if strikes && self.lot.fault == Fault::RedrawnPrompt {
            self.terminal.write(&format!("\n{}", self.facts.fill(&self.persona.prompt)));
            self.terminal.echo_ahead = true;
        }
    }

    /// The round-trip time that is printed for a packet.
    fn shown(&self, number: u64, rtt: Duration) -> Duration {
        match self.options.unique_times {
            true => Duration::from_millis(8 * self.lot.number + number.min(8)),
            false => rtt,
        }
    }

    /// One packet at a time.
    async fn serial(mut self) -> Result<(), Gone> {
        let mut number = 0;
        while self.request.count.is_none_or(|count| number < count) {
            number += 1;
            let left = Instant::now();
            self.tally.sent = number;
            self.interrupt(number);
            let fate = self.fate(number);
            let over = match fate {
                Fate::Answered(rtt) => left + rtt,
                // A refusal comes back at once where the router marks it; else it is only a time-out.
                Fate::Unreachable if self.persona.ping.marks > 0 => left,
                Fate::NoRoute if self.texts.no_route_ends() => left,
                Fate::Lost | Fate::Unreachable | Fate::NoRoute => left + self.request.timeout,
            };
            // The key that was typed before the first packet left.
            if self.tally.is_aborted || self.wait(over).await? {
                break;
            }
            let text = match fate {
                Fate::Answered(rtt) => self.texts.reply(number, self.shown(number, rtt), self.tally),
                Fate::Lost => self.texts.lost(number),
                Fate::Unreachable => self.texts.unreachable(number),
                Fate::NoRoute => self.texts.no_route(number),
            };
            self.terminal.write(&text);
            if matches!(fate, Fate::NoRoute) && self.texts.no_route_ends() {
                break;
            }
            if self.request.count != Some(number)
                && let Some(text) = self.texts.again(number, self.tally)
            {
                self.terminal.write(&text);
            }
            let next = match fate {
                _ if self.persona.ping.pace == Pace::Rows => left + self.request.interval,
                Fate::Answered(_) => left + self.request.interval,
                _ => over + self.request.interval,
            };
            if self.request.count != Some(number) && self.wait(next).await? {
                break;
            }
        }
        Ok(())
    }

    /// A packet every interval, answers as they come, as iputils does it.
    async fn train(mut self) -> Result<(), Gone> {
        let interval = self.request.interval;
        let end = self.request.deadline.map(|deadline| self.started + deadline);
        let mut on_the_way: VecDeque<(Instant, u64, Duration)> = VecDeque::new();
        let mut slowest = Duration::ZERO;
        let mut next_leaves = Some(self.started);
        let mut linger_until = None;
        loop {
            let wake = [next_leaves, on_the_way.front().map(|(due, ..)| *due), linger_until]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or_else(Instant::now);
            let wake = end.map_or(wake, |end| wake.min(end));
            if (self.tally.is_aborted && self.tally.sent > 0)
                || self.wait(wake).await?
                || end.is_some_and(|end| Instant::now() >= end)
            {
                break;
            }
            let now = Instant::now();
            while let Some(&(due, number, rtt)) = on_the_way.front()
                && due <= now
            {
                on_the_way.pop_front();
                slowest = slowest.max(rtt);
                let text = self.texts.reply(number, self.shown(number, rtt), self.tally);
                self.terminal.write(&text);
                if self.persona.ping.pace == Pace::Adaptive && number == self.tally.sent {
                    next_leaves = next_leaves.map(|_| now);
                }
            }
            if let Some(due) = next_leaves
                && due <= now
            {
                self.tally.sent += 1;
                let number = self.tally.sent;
                self.interrupt(number);
                match self.fate(number) {
                    Fate::Answered(rtt) => {
                        let place = on_the_way.partition_point(|(other, ..)| *other <= due + rtt);
                        on_the_way.insert(place, (due + rtt, number, rtt));
                    }
                    fate @ (Fate::Unreachable | Fate::NoRoute) => {
                        self.tally.errors += 1;
                        let text = match fate {
                            Fate::NoRoute => self.texts.no_route(number),
                            _ => self.texts.unreachable(number),
                        };
                        self.terminal.write(&text);
                    }
                    Fate::Lost => {}
                }
                next_leaves = (self.request.count != Some(number)).then_some(due + interval);
            }
            if next_leaves.is_none() && on_the_way.is_empty() {
                let settled = self.tally.received() + self.tally.errors;
                // With some answers in, iputils waits two round trips, but an interval at least, for the rest.
                let patience = if settled == 0 { self.request.timeout } else { interval.max(2 * slowest) };
                let until = *linger_until.get_or_insert(now + patience);
                if settled >= self.tally.sent || now >= until {
                    break;
                }
            }
        }
        Ok(())
    }
}
