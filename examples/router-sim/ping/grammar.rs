//! What a typed ping asks for, read as strictly as the real router reads it. It sends nothing.

use std::net::IpAddr;
use std::time::Duration;

use crate::command::{Refusal, Word, means, words};
use crate::options::Options;
use crate::persona::{Grammar, Pace, Persona, PingOption, RefusalKind, Slot};

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) target: IpAddr,
    /// The target as it was typed: routers repeat that in the header.
    pub(crate) target_text: String,
    /// None: until somebody aborts it.
    pub(crate) count: Option<u64>,
    pub(crate) timeout: Duration,
    pub(crate) interval: Duration,
    pub(crate) deadline: Option<Duration>,
    /// As the platform counts it: a whole datagram on IOS and XR, else data.
    pub(crate) size: u64,
    pub(crate) source: Option<String>,
    pub(crate) vrf: Option<String>,
    pub(crate) df: bool,
    pub(crate) quiet: bool,
}

/// Whether the line's first word begins a ping; a shortened one does too (`pi 10.0.0.1`).
pub(crate) fn starts_ping(persona: &Persona, line: &str) -> bool {
    start_of(persona, &words(line)).is_some()
}

/// How many words begin the ping, and whether they are those for IPv6.
fn start_of(persona: &Persona, typed: &[Word<'_>]) -> Option<(usize, bool)> {
    persona.ping.start.iter().find_map(|start| {
        let start: Vec<&str> = start.split(' ').collect();
        let begins = typed.len() >= start.len()
            && typed[0].text.len() > 1
            && start.iter().zip(typed).all(|(word, typed)| means(persona, word, typed.text));
        let last = typed.get(start.len().wrapping_sub(1))?.text;
        begins.then(|| (start.len(), last.ends_with('6')))
    })
}

/// `apart`: options that were set before, by commands of their own.
pub(crate) fn parse(
    persona: &Persona,
    options: &Options,
    privileged: bool,
    apart: &[(String, String)],
    line: &str,
) -> Result<Request, Refusal> {
    let words = words(line);
    let (place, six) = start_of(persona, &words).unwrap_or((1, false));
    let mut reader = Reader { persona, line, words, place, six, request: Found::default() };
    for (name, value) in apart {
        reader.set_apart(name, value)?;
    }
    if options.ping_denied {
        return Err(Refusal::at_word(RefusalKind::Denied, reader.words[0]));
    }
    let plain_only = persona.ping.plain_for_users && !privileged;
    reader.read(plain_only)?;
    reader.finish(options)
}

/// Options that are set by commands of their own, read as strictly.
pub(crate) fn check(persona: &Persona, apart: &[(String, String)]) -> Result<(), Refusal> {
    let mut reader = Reader { persona, line: "", words: Vec::new(), place: 0, six: false, request: Found::default() };
    apart.iter().try_for_each(|(name, value)| reader.set_apart(name, value))
}

#[derive(Default)]
struct Found {
    target: Option<(IpAddr, String)>,
    count: Option<u64>,
    timeout: Option<Duration>,
    interval: Option<Duration>,
    deadline: Option<Duration>,
    size: Option<u64>,
    source: Option<String>,
    vrf: Option<String>,
    df: bool,
    quiet: bool,
}

struct Reader<'a> {
    persona: &'a Persona,
    line: &'a str,
    words: Vec<Word<'a>>,
    place: usize,
    six: bool,
    request: Found,
}

impl<'a> Reader<'a> {
    fn read(&mut self, plain_only: bool) -> Result<(), Refusal> {
        let ping = &self.persona.ping;
        if ping.vrf_first
            && let Some(word) = self.peek()
            && word.text == "vrf"
        {
            if plain_only {
                return Err(Refusal::at_word(RefusalKind::Input, word));
            }
            self.place += 1;
            let name = self.next()?;
            self.request.vrf = Some(name.text.to_owned());
        }
        if let Some(word) = self.peek()
            && ping.families.iter().any(|family| family == word.text)
        {
            self.six = word.text == "ipv6";
            self.place += 1;
        }
        if ping.source_first
            && let Some(word) = self.peek()
            && word.text.parse::<IpAddr>().is_err()
        {
            self.request.source = Some(word.text.to_owned());
            self.place += 1;
        }
        match ping.grammar {
            Grammar::Keywords | Grammar::Assignments => {
                self.read_target()?;
                while let Some(word) = self.peek() {
                    if plain_only {
                        return Err(Refusal::at_word(RefusalKind::Input, word));
                    }
                    self.read_option(RefusalKind::Input)?;
                }
            }
            Grammar::Options => {
                while self.peek().is_some_and(|word| word.text.starts_with('-')) {
                    self.read_option(RefusalKind::Command)?;
                }
                self.read_target()?;
                if let Some(word) = self.peek() {
                    return Err(Refusal::at_word(RefusalKind::Many, word));
                }
            }
            Grammar::Shell => {
                while let Some(word) = self.peek() {
                    if word.text.starts_with('-') {
                        self.read_option(RefusalKind::Input)?;
                    } else if self.request.target.is_some() {
                        return Err(Refusal::at_word(RefusalKind::Many, word));
                    } else {
                        self.read_target()?;
                    }
                }
                if self.request.target.is_none() {
                    return Err(Refusal::at_end(RefusalKind::Incomplete, self.line));
                }
            }
        }
        Ok(())
    }

    fn peek(&self) -> Option<Word<'a>> {
        self.words.get(self.place).copied()
    }

    fn next(&mut self) -> Result<Word<'a>, Refusal> {
        let word = self.peek().ok_or_else(|| Refusal::at_end(RefusalKind::Incomplete, self.line))?;
        self.place += 1;
        Ok(word)
    }

    fn read_target(&mut self) -> Result<(), Refusal> {
        let word = self.next()?;
        let address: IpAddr = word.text.parse().map_err(|_| Refusal::at_word(RefusalKind::Host, word))?;
        // VRP, Comware and NX-OS have one command per family; IOS, XR and Linux tell it by the address.
        let told_by_address = match self.persona.ping.grammar {
            _ if self.persona.ping.told_by_address => true,
            Grammar::Keywords => self.persona.ping.vrf_first || self.persona.ping.options.is_empty(),
            Grammar::Options | Grammar::Assignments => false,
            Grammar::Shell => true,
        };
        if (address.is_ipv4() && self.six) || (address.is_ipv6() && !self.six && !told_by_address) {
            return Err(Refusal::at_word(RefusalKind::Host, word));
        }
        self.request.target = Some((address, word.text.to_owned()));
        Ok(())
    }

    fn read_option(&mut self, unknown: RefusalKind) -> Result<(), Refusal> {
        let word = self.next()?;
        let (option, glued) = self.option(word).ok_or_else(|| Refusal::at_word(unknown, word))?;
        if !option.slot.takes_value() {
            match option.slot {
                Slot::Df => self.request.df = true,
                Slot::Quiet => self.request.quiet = true,
                Slot::Six => self.six = true,
                _ => {}
            }
            return Ok(());
        }
        let value = match glued {
            Some(value) => value,
            None => self.next()?,
        };
        if option.slot.is_number() {
            let number = self.number(option, value).ok_or_else(|| Refusal::at_word(RefusalKind::Value, value))?;
            self.set(option.slot, number);
        } else {
            match option.slot {
                Slot::Source => self.request.source = Some(value.text.to_owned()),
                Slot::Vrf => self.request.vrf = Some(value.text.to_owned()),
                Slot::DfAnswer => self.request.df = value.text == "yes",
                _ => {}
            }
        }
        Ok(())
    }

    fn set_apart(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let refuse = |text: &str| Refusal { kind: RefusalKind::Value, at: 0, word: text.to_owned() };
        let option = self.persona.ping.options.iter().find(|option| option.word == name).ok_or_else(|| refuse(name))?;
        match option.slot {
            Slot::Source => self.request.source = (value != "auto").then(|| value.to_owned()),
            Slot::DfAnswer => self.request.df = value == "yes",
            Slot::Text => {}
            slot => {
                let number = self.number(option, Word { text: value, at: 0 }).ok_or_else(|| refuse(value))?;
                self.set(slot, number);
            }
        }
        Ok(())
    }

    /// The option that `word` names, and for `-c5` the value within it.
    fn option(&self, word: Word<'a>) -> Option<(&'a PingOption, Option<Word<'a>>)> {
        let ping = &self.persona.ping;
        if let Some(option) = ping.options.iter().find(|option| option.word == word.text) {
            return Some((option, None));
        }
        match ping.grammar {
            Grammar::Assignments => {
                let (name, value) = word.text.split_once('=')?;
                let option = ping.options.iter().find(|option| option.slot.takes_value() && option.word == name)?;
                let at = word.at + name.len() + 1;
                Some((option, Some(Word { text: value, at })))
            }
            Grammar::Keywords if ping.options_apart => None,
            Grammar::Keywords => {
                let mut close = ping.options.iter().filter(|option| means(self.persona, &option.word, word.text));
                let first = close.next()?;
                close.next().is_none().then_some((first, None))
            }
            Grammar::Options => None,
            Grammar::Shell => {
                let option = ping
                    .options
                    .iter()
                    .find(|option| option.slot.takes_value() && word.text.starts_with(&option.word))?;
                let length = option.word.len();
                Some((option, Some(Word { text: &word.text[length..], at: word.at + length })))
            }
        }
    }

    fn number(&self, option: &PingOption, value: Word<'_>) -> Option<f64> {
        // Only iputils takes fractions.
        let number = match self.persona.ping.grammar {
            Grammar::Shell => value.text.parse().ok()?,
            // RouterOS takes times with their unit.
            Grammar::Assignments if option.slot == Slot::IntervalMs => {
                value.text.strip_suffix("ms")?.parse::<u64>().ok()? as f64
            }
            Grammar::Keywords if option.slot == Slot::SecondsBetween => value.text.parse().ok()?,
            _ => value.text.parse::<u64>().ok()? as f64,
        };
        (option.min..=option.max).contains(&number).then_some(number)
    }

    fn set(&mut self, slot: Slot, number: f64) {
        let seconds = Some(Duration::from_secs_f64(number));
        let milliseconds = Some(Duration::from_secs_f64(number / 1000.0));
        match slot {
            Slot::Count => self.request.count = Some(number as u64),
            Slot::Size => self.request.size = Some(number as u64),
            Slot::Seconds => self.request.timeout = seconds,
            Slot::Milliseconds => self.request.timeout = milliseconds,
            Slot::IntervalMs => self.request.interval = milliseconds,
            Slot::SecondsBetween => self.request.interval = seconds,
            Slot::Deadline => self.request.deadline = seconds,
            _ => {}
        }
    }

    fn finish(self, options: &Options) -> Result<Request, Refusal> {
        let ping = &self.persona.ping;
        let interval = self.request.interval.unwrap_or(ping.interval.0);
        let timeout = if ping.pace == Pace::Rows { Some(interval) } else { self.request.timeout };
        let incomplete = || Refusal::at_end(RefusalKind::Incomplete, self.line);
        let (target, target_text) = self.request.target.ok_or_else(incomplete)?;
        if let Some(vrf) = &self.request.vrf
            && !options.vrf.is_empty()
            && !options.vrf.contains(vrf)
        {
            return Err(Refusal { kind: RefusalKind::Vrf, at: 0, word: vrf.clone() });
        }
        if let Some(source) = &self.request.source
            && !options.source.is_empty()
            && !options.source.contains(source)
        {
            return Err(Refusal { kind: RefusalKind::Source, at: 0, word: source.clone() });
        }
        Ok(Request {
            target,
            target_text,
            count: self.request.count.or((ping.count > 0).then_some(ping.count)),
            timeout: timeout.unwrap_or(ping.timeout.0),
            interval,
            deadline: self.request.deadline,
            size: self.request.size.unwrap_or(ping.size),
            source: self.request.source,
            vrf: self.request.vrf,
            df: self.request.df,
            quiet: self.request.quiet,
        })
    }
}
