//! A router OS as data: one TOML file per platform says how its prompt looks, what to send, and how its answers read.
//! Knows no sockets, threads or clocks.
//!
//! * [`catalog`] — where definitions come from
//! * `definition` — the form of a file; `mistake` — errors with file and line; `pattern` — how patterns are compiled
//! * [`dialect`], `conversation` — prompts, dialogues, pager, enable: what the shell needs
//! * `ping`, `variant`, `command` — a ping's command; `reply`, `part`, `statistics`, `times`, `pending`, `indicator`, `sending`, `outcome` — its answer
//! * `per_packet` — what the lines of single packets tell beside the counters
//! * `interface` — the probe of a router's own interface; `traceroute` — that of the way to the far end
//! * `read_only` — what `exec` may run
//! * `sample` — the examples inside each file

pub mod catalog;
mod command;
mod conversation;
mod definition;
pub mod dialect;
mod indicator;
mod interface;
mod mistake;
mod outcome;
mod part;
mod pattern;
mod pending;
mod per_packet;
mod ping;
mod read_only;
mod recorded;
pub mod regex;
mod reply;
mod sample;
mod sending;
mod statistics;
mod times;
mod traceroute;
mod variant;

pub use catalog::{Definition, Listed, find, from_file, list};
pub use sample::SampleResult;

/// Which algorithms are offered to a router of this platform.
pub use crate::inventory::router::Crypto;

use crate::failure::{Failure, Kind, Stage};
use crate::probe::{Measurement, Probe, ProbeKind};
use dialect::Dialect;
use indicator::Indicator;
use interface::InterfaceForm;
use mistake::Source;
use per_packet::PacketForm;
use ping::PingForm;
use read_only::ReadOnly;
use sample::Sample;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use traceroute::TracerouteForm;

/// A definition with its patterns compiled; what a master works with. The client needs only the text of the definition.
#[derive(Debug)]
pub struct Platform {
    pub name: String,
    /// Vendor and system, for people.
    pub title: String,
    pub crypto: Crypto,
    /// `TERM` of the pseudo-terminal.
    pub terminal: String,
    /// Added to the user's name at the login; empty for nearly all.
    pub user_suffix: String,
    pub dialect: Arc<Dialect>,
    ping: Option<PingForm>,
    packets: Vec<PacketForm>,
    interface: Option<InterfaceForm>,
    traceroute: Option<TracerouteForm>,
    indicators: Vec<Indicator>,
    read_only: ReadOnly,
    samples: Vec<Sample>,
}

/// What to send for one probe, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Commands to send first on the same shell, one at a time.
    pub before: Vec<String>,
    /// The session keeps what they set: not needed where the last run on it had the same ones.
    pub before_is_kept: bool,
    /// The line to send, without its end.
    pub command: String,
    /// The longest that the router needs when everything is lost, with slack.
    pub limit: Duration,
    /// Endless commands: abort this long after the first byte behind the echo; a planned end.
    pub end_after: Option<Duration>,
    /// The mode took only the plain form of the command.
    pub plain: bool,
}

impl Run {
    /// A command that needs no other before it, and changes nothing of what others have set.
    fn alone(command: String, limit: Duration) -> Self {
        Self { before: Vec::new(), before_is_kept: true, command, limit, end_after: None, plain: false }
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The prompt came back by itself.
    Complete,
    /// The command was aborted `after` the first byte behind its echo (zero: none came); `planned` at [`Run::end_after`].
    Aborted { after: Duration, planned: bool },
    /// The session was lost.
    Cut,
    /// The command was aborted, and then the session was lost.
    AbortedAndCut { after: Duration },
}

impl Ending {
    /// Returns the ending of a command that ended like this until the session was lost.
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Complete | Self::Cut => Self::Cut,
            Self::Aborted { after, .. } | Self::AbortedAndCut { after } => Self::AbortedAndCut { after },
        }
    }

    fn is_cut(self) -> bool {
        matches!(self, Self::Cut | Self::AbortedAndCut { .. })
    }
}

/// An answer that is no measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Unread {
    pub failure: Failure,
    /// It is, or may be, the answer to something else: get back to a proven prompt and ask once more.
    pub not_ours: bool,
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self { failure, not_ours: false }
    }
}

impl Platform {
    /// Compiles a definition.
    ///
    /// # Errors
    /// Kind `settings`, as `file:line: what is wrong; what to write instead`.
    pub fn compile(definition: &Definition) -> Result<Self, Failure> {
        let source = Source::new(definition);
        let file: definition::PlatformFile = source.parse()?;
        let indicators =
            file.failure_indicator.iter().map(|one| Indicator::new(&source, one)).collect::<Result<Vec<_>, _>>()?;
        let dialect = conversation::dialect(&source, &file)?;
        let usable: Vec<&str> =
            dialect.modes.iter().filter(|mode| mode.usable).map(|mode| mode.name.as_str()).collect();
        let all: Vec<&str> = dialect.modes.iter().map(|mode| mode.name.as_str()).collect();
        let ping = match &file.probe.ping {
            Some(ping) => Some(PingForm::new(&source, ping.get_ref(), &usable, &all)?),
            None => None,
        };
        let packets = file.probe.ping.iter().map(Spanned::get_ref);
        let packets = packets.flat_map(|ping| ping.packet.iter().map(|one| PacketForm::new(&source, ping, one)));
        let packets = packets.collect::<Result<_, _>>()?;
        let interface = match &file.probe.interface {
            Some(interface) => Some(InterfaceForm::new(&source, interface.get_ref(), &usable)?),
            None => None,
        };
        let traceroute = match &file.probe.traceroute {
            Some(traceroute) => Some(TracerouteForm::new(&source, traceroute.get_ref(), &usable)?),
            None => None,
        };
        let title = file.title.get_ref();
        if title.is_empty() || title.chars().any(char::is_control) {
            return Err(
                source.mistake(&file.title, "not a line of text; write vendor and system, e.g. \"Cisco IOS XE\"")
            );
        }
        let words = |text: &definition::Text| text.get_ref().split_whitespace().map(str::to_owned).collect();
        let read_only = ReadOnly {
            commands: file.read_only.iter().map(words).collect(),
            filters: file.filters.iter().map(|word| word.get_ref().clone()).collect(),
            forbidden: file.forbidden.iter().map(|text| text.get_ref().clone()).collect(),
        };
        if let Some(empty) = file.forbidden.iter().find(|text| text.get_ref().is_empty()) {
            return Err(source.mistake(empty, "an empty text is in every command; write what may not be in one"));
        }
        if let Some(empty) = file.read_only.iter().find(|text| text.get_ref().trim().is_empty()) {
            return Err(source.mistake(empty, "an empty entry would allow every command; write its first words"));
        }
        // What a probe sends, and where it is written.
        let mut commands: Vec<(String, &definition::Text)> = Vec::new();
        if let (Some(form), Some(at)) = (&ping, &file.probe.ping) {
            commands.extend(form.commands().into_iter().map(|command| (command, &at.get_ref().command)));
        }
        if let (Some(form), Some(at)) = (&interface, &file.probe.interface) {
            commands.push((form.command("Ethernet0"), &at.get_ref().command));
        }
        if let (Some(form), Some(at)) = (&traceroute, &file.probe.traceroute) {
            commands.extend(form.commands().into_iter().map(|command| (command, &at.get_ref().command)));
        }
        let refused = |(command, at): &(String, _)| Some((command.clone(), *at, read_only.refuses(command)?));
        if let Some((bad, at, why)) = commands.iter().find_map(refused) {
            let instead = "write a command that changes nothing and is one command, and its first words in read_only";
            return Err(source.mistake(at, &format!("probe command {bad:?} {why}; {instead}")));
        }
        Ok(Self {
            name: definition.name.clone(),
            title: title.clone(),
            crypto: file.crypto,
            terminal: conversation::terminal(&source, &file)?,
            user_suffix: conversation::user_suffix(&source, &file)?,
            dialect: Arc::new(dialect),
            ping,
            packets,
            interface,
            traceroute,
            indicators,
            read_only,
            samples: file.sample.iter().map(|one| Sample::new(&source, one)).collect::<Result<_, _>>()?,
        })
    }

    /// The command for a probe in a CLI mode (its name in the definition).
    ///
    /// # Errors
    /// Kind `settings` as of [`Platform::check`]; `rejected` if only a more privileged mode can do it; `shell` if the mode
    /// takes no probes.
    pub fn run(&self, probe: &Probe, mode: &str) -> Result<Run, Failure> {
        match probe {
            Probe::Ping(ping) => self.ping_form()?.run(&self.name, ping, mode, self.dialect.has_enable(mode)),
            Probe::Interface { name } => self.interface_form()?.run(&self.name, name, mode),
            Probe::Traceroute(asked) => self.traceroute_form()?.run(&self.name, asked, mode),
        }
    }

    /// What the platform cannot do about a probe, before any login.
    ///
    /// # Errors
    /// Kind `settings`, naming flag, macro, value and what is allowed.
    pub fn check(&self, probe: &Probe) -> Result<(), Failure> {
        match probe {
            Probe::Ping(ping) => self.ping_form()?.check(&self.name, ping),
            Probe::Interface { name } => self.interface_form()?.check(&self.name, name),
            Probe::Traceroute(asked) => self.traceroute_form()?.check(&self.name, asked),
        }
    }

    /// How long the router is busy with a probe, beyond taking a command: when each packet is back after `trip`, and when none
    /// comes back.
    ///
    /// # Errors
    /// Kind `settings` as of [`Platform::check`].
    pub fn lasts(&self, probe: &Probe, trip: Duration) -> Result<(Duration, Duration), Failure> {
        match probe {
            Probe::Ping(ping) => Ok(self.ping_form()?.lasts(ping, trip)),
            Probe::Interface { .. } => self.interface_form().map(|_| (Duration::ZERO, Duration::ZERO)),
            Probe::Traceroute(_) => self.traceroute_form().map(|_| (trip, traceroute::LIMIT)),
        }
    }

    /// The least time in which a probe has something to say, whatever it finds: of a ping one packet's time-out.
    pub fn least(&self, probe: &Probe) -> Duration {
        match (probe, &self.ping) {
            (Probe::Ping(ping), Some(form)) => form.effective_timeout(ping),
            _ => Duration::ZERO,
        }
    }

    /// A router's text, raw or cleaned by the shell, as a measurement.
    ///
    /// # Errors
    /// A refusal by its kind; `reply` for what is not understood or about another target; `deadline` for an abort before any
    /// packet had its time-out; `shell` for a session lost before the counters.
    pub fn read(&self, probe: &Probe, run: &Run, text: &str, ending: Ending) -> Result<Measurement, Unread> {
        match probe {
            Probe::Ping(ping) => {
                let text = match ending.is_cut() {
                    true => shown_as_cut(text.as_bytes()),
                    false => recorded::shown(text.as_bytes()),
                };
                let read = self.ping_form()?.read(&self.indicators, &self.packets, ping, run, &text, ending)?;
                Ok(Measurement::Ping(read))
            }
            Probe::Interface { name } => {
                let read =
                    self.interface_form()?.read(&self.indicators, name, &recorded::shown(text.as_bytes()), ending);
                read.map(Measurement::Interface)
            }
            Probe::Traceroute(asked) => {
                let text = recorded::shown(text.as_bytes());
                let read = self.traceroute_form()?.read(&self.indicators, &text, Some(asked.target), ending);
                read.map(Measurement::Traceroute)
            }
        }
    }

    /// Returns what is certain of a ping that goes on, from its text so far: only `up`, once a packet is back.
    ///
    /// # Errors
    /// `deadline` while nothing is back, and for every other probe.
    pub fn so_far(&self, probe: &Probe, run: &Run, text: &str) -> Result<Measurement, Failure> {
        let Probe::Ping(ping) = probe else {
            return Err(Failure::new(Kind::Deadline, Stage::Probe, "it is not done yet"));
        };
        let text = recorded::shown(text.as_bytes());
        self.ping_form()?.so_far(&self.packets, ping, run, &text).map(Measurement::Ping)
    }

    /// Whether the text of a ping has the counters of its target. True for other probes: their late text never reads as a ping.
    pub fn has_counters(&self, probe: &Probe, text: &str) -> bool {
        let (Probe::Ping(ping), Some(form)) = (probe, &self.ping) else { return true };
        form.has_counters(&recorded::shown(text.as_bytes()), ping.target)
    }

    /// Recorded text, with echo, prompts and controls possibly still in it. The names in it are checked only if a target is given.
    ///
    /// # Errors
    /// A refusal by its kind, else `reply`.
    pub fn read_recorded(&self, kind: ProbeKind, text: &[u8], target: Option<IpAddr>) -> Result<Measurement, Failure> {
        match kind {
            ProbeKind::Ping => {
                let text = shown_as_cut(text);
                let read = self.ping_form()?.read_recorded(&self.indicators, &self.packets, &text, target)?;
                Ok(Measurement::Ping(read))
            }
            ProbeKind::Interface => self.read_recorded_interface(text, None),
            ProbeKind::Traceroute => {
                let text = recorded::shown(text);
                let text = self.dialect.without_prompt(&text);
                let read = self.traceroute_form()?.read(&self.indicators, text, target, Ending::Complete);
                read.map(Measurement::Traceroute).map_err(|unread| unread.failure)
            }
        }
    }

    /// The same of an interface. Its name is checked only if one is given.
    ///
    /// # Errors
    /// A refusal by its kind, else `reply`.
    pub fn read_recorded_interface(&self, text: &[u8], name: Option<&str>) -> Result<Measurement, Failure> {
        let read = self.interface_form()?.read_recorded(&self.indicators, &shown_as_cut(text), name);
        read.map(Measurement::Interface)
    }

    /// `exec`: only commands on the definition's read-only list.
    ///
    /// # Errors
    /// Kind `rejected`, stage `settings`, with what is allowed.
    pub fn allows(&self, command: &str) -> Result<(), Failure> {
        self.read_only.allows(&self.name, command)
    }

    /// The failure indicator in the answer to a set-up command, if it was refused.
    pub fn refusal(&self, text: &str) -> Option<Failure> {
        indicator::refusal(&self.indicators, text)
    }

    /// Runs the samples inside the definition.
    pub fn check_samples(&self) -> Vec<SampleResult> {
        self.samples.iter().map(|sample| sample.run(self)).collect()
    }

    fn ping_form(&self) -> Result<&PingForm, Failure> {
        self.ping.as_ref().ok_or_else(|| Failure::settings(format!("platform {} defines no ping", self.name)))
    }

    fn traceroute_form(&self) -> Result<&TracerouteForm, Failure> {
        self.traceroute
            .as_ref()
            .ok_or_else(|| Failure::settings(format!("platform {} has no traceroute; do not ask for one", self.name)))
    }

    fn interface_form(&self) -> Result<&InterfaceForm, Failure> {
        self.interface.as_ref().ok_or_else(|| {
            Failure::settings(format!(
                "platform {} shows no interfaces; leave --interface ({{$LINE_INTERFACE}}) empty",
                self.name
            ))
        })
    }
}

/// The text of an answer that may break off: its last line has an end only where the router sent one.
fn shown_as_cut(text: &[u8]) -> String {
    let mut shown = recorded::shown(text);
    if !text.ends_with(b"\n") && !text.ends_with(b"\r") {
        shown.pop();
    }
    shown
}
