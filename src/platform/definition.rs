//! The form of a platform file: every key it may have, as it is written. What the keys mean is decided by the modules that
//! work with them; this one only refuses keys that nobody would read.

use super::interface::InterfaceFile;
use super::traceroute::TracerouteFile;
use crate::inventory::router::Crypto;
use crate::probe::ProbeKind;
use serde::Deserialize;
use toml::Spanned;

/// A text with its place in the file, so that a mistake in it can be shown there.
pub(super) type Text = Spanned<String>;

/// A whole platform file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformFile {
    /// Vendor and system, for people.
    pub(super) title: Text,
    #[serde(default)]
    pub(super) crypto: Crypto,
    /// `TERM` of the pseudo-terminal.
    pub(super) terminal: Option<Text>,
    pub(super) newline: Option<Text>,
    /// Added to the user's name at the login, e.g. the console options of RouterOS, `+ct511w4098h`.
    pub(super) user_suffix: Option<Text>,
    /// Keys that stop a running command, in the order tried.
    pub(super) abort: Spanned<Vec<Text>>,
    #[serde(default)]
    pub(super) set_up: Vec<Text>,
    pub(super) tear_down: Vec<Text>,
    /// The first words of commands that change nothing.
    pub(super) read_only: Vec<Text>,
    /// Words that may follow a `|` in a read-only command.
    #[serde(default)]
    pub(super) filters: Vec<Text>,
    /// Texts that no read-only command may contain, where the CLI knows more ways to write or chain.
    #[serde(default)]
    pub(super) forbidden: Vec<Text>,
    pub(super) mode: Spanned<Vec<ModeFile>>,
    /// Lines that the router prints above each prompt, e.g. `{master:0}`; they belong to no answer.
    #[serde(default)]
    pub(super) above_prompt: Vec<Text>,
    #[serde(default)]
    pub(super) dialogue: Vec<Spanned<DialogueFile>>,
    #[serde(default)]
    pub(super) pager: Vec<PagerFile>,
    pub(super) enter: Option<EnterFile>,
    pub(super) enable: Option<EnableFile>,
    #[serde(default)]
    pub(super) failure_indicator: Vec<IndicatorFile>,
    pub(super) probe: ProbeFile,
    #[serde(default)]
    pub(super) sample: Vec<Spanned<SampleFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModeFile {
    pub(super) name: Text,
    pub(super) prompt: Text,
    #[serde(default)]
    pub(super) not_prompt: Vec<Text>,
    #[serde(default = "yes")]
    pub(super) usable: bool,
    /// For a login that ends in this mode, in place of the platform's.
    pub(super) set_up: Option<Vec<Text>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DialogueFile {
    pub(super) when: Text,
    pub(super) answer: Option<Text>,
    pub(super) fail: Option<Text>,
    pub(super) reason: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PagerFile {
    pub(super) mark: Text,
    pub(super) answer: Text,
}

/// A command that leads from one mode to another and asks nothing, e.g. `cli` from a system's shell.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnterFile {
    pub(super) from: Text,
    pub(super) to: Text,
    pub(super) command: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnableFile {
    pub(super) from: Text,
    pub(super) to: Text,
    pub(super) command: Text,
    pub(super) password: Text,
    pub(super) refused: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndicatorFile {
    pub(super) pattern: Text,
    /// Lines that match this too are no failure.
    pub(super) except: Option<Text>,
    /// `rejected`, `auth`, `busy`, `shell`, or `no_route`, which is a measurement.
    pub(super) kind: Text,
    /// True: said for every packet sent, it counts before statistics of which nothing came back; the packets never left.
    #[serde(default)]
    pub(super) over_counters: bool,
    /// What it means, for people.
    pub(super) says: Text,
}

/// One table per kind of probe.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeFile {
    pub(super) ping: Option<Spanned<PingFile>>,
    pub(super) interface: Option<Spanned<InterfaceFile>>,
    pub(super) traceroute: Option<Spanned<TracerouteFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PingFile {
    /// Modes that take the command; absent = every usable mode without a plain form.
    pub(super) modes: Option<Vec<Text>>,
    /// Commands on the same shell before it; one that is empty when its values are filled in is not sent, a refused one
    /// refuses the ping.
    #[serde(default)]
    pub(super) before: Vec<Text>,
    /// The session keeps what they set: the same ones again are not sent.
    #[serde(default)]
    pub(super) before_is_kept: bool,
    pub(super) command: Text,
    /// For IPv6 targets; absent = the same ones.
    pub(super) before_ipv6: Option<Vec<Text>>,
    pub(super) command_ipv6: Option<Text>,
    /// Other words for other modes.
    #[serde(default)]
    pub(super) variant: Vec<VariantFile>,
    pub(super) plain: Option<PlainFile>,
    pub(super) count: Spanned<CountFile>,
    pub(super) timeout: Spanned<TimeoutFile>,
    pub(super) size: Option<Spanned<SizeFile>>,
    pub(super) vrf_max: Option<usize>,
    pub(super) pacing: PacingFile,
    /// Between two packets, e.g. `200ms`; `timeout`: a packet leaves at each time-out of the one before, answered or not.
    pub(super) gap: Text,
    /// The command takes no count and runs until it is aborted.
    #[serde(default)]
    pub(super) endless: bool,
    /// The command takes no time-out: it is aborted when that of the last packet is over.
    #[serde(default)]
    pub(super) no_timeout: bool,
    pub(super) time_unit: Text,
    /// Log lines that look like an answer: taken out before anything is read.
    #[serde(default)]
    pub(super) noise: Vec<Text>,
    /// The line that names the target, and perhaps the count; also those of pings of another kind, which are never ours.
    #[serde(default)]
    pub(super) header: Vec<Text>,
    /// Where there is no such line: the line of a packet, which names the target too. The statistics stand behind the last one.
    #[serde(default)]
    pub(super) row: Vec<Text>,
    /// The line above the counters that names the target once more. On a platform that prints one, counters
    /// without it count for no target.
    #[serde(default)]
    pub(super) title: Vec<Text>,
    pub(super) statistics: Spanned<Vec<StatisticsFile>>,
    pub(super) times: Vec<Text>,
    pub(super) reply: Option<Text>,
    #[serde(default)]
    pub(super) first_seq: u32,
    /// An answer with this text in it numbers its first packet 1, whatever `first_seq` and `packet` say.
    pub(super) counts_from_one: Option<Text>,
    pub(super) timed_out: Option<Text>,
    pub(super) unreachable: Option<Text>,
    /// Lines that say that a packet is too big to leave unfragmented; `mtu`, where it is named.
    #[serde(default)]
    pub(super) too_big: Vec<Text>,
    /// The line of a packet that could not leave, in a run that goes on behind it.
    pub(super) not_sent: Option<Text>,
    /// The line of a packet that came back, where there is one; the first form that fits counts.
    #[serde(default)]
    pub(super) packet: Vec<Spanned<PacketFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PacketFile {
    pub(super) line: Text,
    /// The number of the first packet.
    #[serde(default)]
    pub(super) first: u32,
    /// Of the time; absent = `1ms`.
    pub(super) unit: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariantFile {
    pub(super) modes: Vec<Text>,
    #[serde(default)]
    pub(super) before: Vec<Text>,
    pub(super) command: Text,
    /// For IPv6 targets; absent = the same ones.
    pub(super) before_ipv6: Option<Vec<Text>>,
    pub(super) command_ipv6: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlainFile {
    pub(super) modes: Vec<Text>,
    pub(super) command: Text,
    pub(super) count: u32,
    pub(super) timeout: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountFile {
    pub(super) min: u32,
    pub(super) max: u32,
}

/// `min` and `max` are in units, as sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeoutFile {
    pub(super) unit: Text,
    pub(super) min: u32,
    pub(super) max: u32,
}

/// `min` and `max` are as sent; `add_…` is what the platform counts beyond the ICMP data.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SizeFile {
    pub(super) min: u32,
    pub(super) max: u32,
    #[serde(default)]
    pub(super) add_ipv4: u32,
    #[serde(default)]
    pub(super) add_ipv6: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PacingFile {
    /// The next packet leaves at the reply or the time-out of the one before.
    OneOutstanding,
    /// A packet leaves every gap, answered or not.
    Interval,
    /// One outstanding, with a gap that is not known: only the answer's lines tell what became of a packet.
    Lines,
    /// Not known: of an aborted run only what holds for every pacing is said.
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatisticsFile {
    /// Found one after the other, with anything in between.
    pub(super) parts: Spanned<Vec<Text>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleFile {
    pub(super) name: Text,
    /// Absent = `ping`.
    pub(super) probe: Option<ProbeKind>,
    /// The address asked for, if the text has to name it.
    pub(super) target: Option<Text>,
    /// The interface asked for, if the text has to name it.
    pub(super) interface: Option<Text>,
    pub(super) text: String,
    /// The result's members as they are printed; all of them are compared.
    pub(super) expect: Option<toml::Table>,
    /// Or the kind of failure.
    pub(super) fails: Option<Text>,
}

fn yes() -> bool {
    true
}
