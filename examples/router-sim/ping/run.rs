//! Running a ping in real time: packets leave and come back (or do not) as the options say, and an abort key ends it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Request;
use super::answer::Texts;
use super::tally::Tally;
use crate::options::{Often, Options};
use crate::persona::{Pace, Persona};
use crate::router::Router;
use crate::template::Facts;
use crate::terminal::{Gone, Terminal, Wake};

enum Fate {
    Answered(Duration),
    Lost,
    Unreachable,
    NoRoute,
}

pub(crate) async fn run(
    terminal: &mut Terminal,
    router: &Router,
    options: &Options,
    persona: &Persona,
    request: &Request,
    facts: Facts,
) -> Result<(), Gone> {
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
    if let Some(bytes) = options.drop_after
        && (options.drop == Often::Always || router.first_drop())
    {
        terminal.cut_after(bytes).await?;
    }
    terminal.write(&texts.header(request));
    if let Some(bytes) = options.flood {
        flood(terminal, bytes).await?;
    }
    let run =
        Run { terminal, options, persona, request, texts: &texts, tally: Tally::default(), started: Instant::now() };
    let (tally, elapsed) = match persona.ping.pace {
        Pace::Serial | Pace::Rows => run.serial(facts).await?,
        Pace::Train | Pace::Adaptive => run.train(facts).await?,
    };
    terminal.write(&texts.statistics(&tally, elapsed));
    if options.drop_after.is_some() {
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
    tally: Tally,
    started: Instant,
}

impl Run<'_> {
    fn fate(&self, number: u64) -> Fate {
        let (options, target) = (self.options, self.request.target);
        let rtt = options.rtt(target, number);
        if options.no_route.contains(&target) {
            Fate::NoRoute
        } else if options.unreachable.contains(&target) {
            Fate::Unreachable
        } else if options.dead.contains(&target) || options.loses(number) || rtt > self.request.timeout {
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
        let abort: &[u8] = if self.options.ignore_abort { &[] } else { &self.persona.abort };
        let aborted = self.terminal.wait_until(until, abort, self.persona.type_ahead).await? == Wake::Aborted;
        if aborted {
            self.terminal.write(&self.persona.break_mark);
        }
        Ok(aborted)
    }

    fn log_line(&mut self, number: u64, facts: &Facts) {
        if self.options.syslog && number == 2 {
            self.terminal.write(&facts.fill(&self.persona.syslog));
        }
    }

    /// One packet at a time.
    async fn serial(mut self, facts: Facts) -> Result<(Tally, Duration), Gone> {
        let mut number = 0;
        while self.request.count.is_none_or(|count| number < count) {
            number += 1;
            let left = Instant::now();
            self.tally.sent = number;
            self.log_line(number, &facts);
            let fate = self.fate(number);
            let over = match fate {
                Fate::Answered(rtt) => left + rtt,
                // A refusal comes back at once where the router marks it; else it is only a time-out.
                Fate::Unreachable if self.persona.ping.marks > 0 => left,
                Fate::NoRoute if self.texts.no_route_ends() => left,
                Fate::Lost | Fate::Unreachable | Fate::NoRoute => left + self.request.timeout,
            };
            if self.wait(over).await? {
                break;
            }
            let text = match fate {
                Fate::Answered(rtt) => self.texts.reply(number, rtt, &mut self.tally),
                Fate::Lost => self.texts.lost(number),
                Fate::Unreachable => self.texts.unreachable(number),
                Fate::NoRoute => self.texts.no_route(number),
            };
            self.terminal.write(&text);
            if matches!(fate, Fate::NoRoute) && self.texts.no_route_ends() {
                break;
            }
            if self.request.count != Some(number)
                && let Some(text) = self.texts.again(number, &self.tally)
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
        Ok((self.tally, self.started.elapsed()))
    }

    /// A packet every interval, answers as they come, as iputils does it.
    async fn train(mut self, facts: Facts) -> Result<(Tally, Duration), Gone> {
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
            if self.wait(wake).await? || end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            let now = Instant::now();
            while let Some(&(due, number, rtt)) = on_the_way.front()
                && due <= now
            {
                on_the_way.pop_front();
                slowest = slowest.max(rtt);
                let text = self.texts.reply(number, rtt, &mut self.tally);
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
                self.log_line(number, &facts);
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
        Ok((self.tally, self.started.elapsed()))
    }
}
