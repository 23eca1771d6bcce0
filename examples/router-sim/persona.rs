//! What a router's operating system says: its texts as data (`personas/*.toml`). It knows nothing of sessions or time.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use serde::Deserialize;

use crate::interface::Interface;
use crate::span::Span;
use crate::traceroute::Traceroute;

const FILES: &[(&str, &str)] = &[
    ("cisco_iosxe", include_str!("personas/cisco_iosxe.toml")),
    ("cisco_iosxr", include_str!("personas/cisco_iosxr.toml")),
    ("cisco_nxos", include_str!("personas/cisco_nxos.toml")),
    ("huawei_vrp", include_str!("personas/huawei_vrp.toml")),
    ("h3c_comware", include_str!("personas/h3c_comware.toml")),
    ("h3c_comware_v5", include_str!("personas/h3c_comware_v5.toml")),
    ("frr", include_str!("personas/frr.toml")),
    ("linux", include_str!("personas/linux.toml")),
    ("arista_eos", include_str!("personas/arista_eos.toml")),
    ("cisco_asa", include_str!("personas/cisco_asa.toml")),
    ("fortinet_fortios", include_str!("personas/fortinet_fortios.toml")),
    ("juniper_junos", include_str!("personas/juniper_junos.toml")),
    ("mikrotik_routeros", include_str!("personas/mikrotik_routeros.toml")),
    ("nokia_sros", include_str!("personas/nokia_sros.toml")),
    ("nokia_sros_md", include_str!("personas/nokia_sros_md.toml")),
    ("ruijie_os", include_str!("personas/ruijie_os.toml")),
    ("vyos", include_str!("personas/vyos.toml")),
    ("zte_zxros", include_str!("personas/zte_zxros.toml")),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Persona {
    #[serde(skip)]
    pub(crate) name: &'static str,
    pub(crate) ssh_id: String,
    pub(crate) prompt: String,
    /// Prompt of the mode before `enable`; empty where there is none.
    #[serde(default)]
    pub(crate) user_prompt: String,
    /// That mode is the shell of the system, and the CLI a program in it that can be left.
    #[serde(default)]
    pub(crate) cli_in_shell: bool,
    #[serde(default = "carriage_return")]
    pub(crate) newline: String,
    pub(crate) greeting: String,
    /// A line before every answer (IOS XR's date).
    #[serde(default)]
    pub(crate) stamp: String,
    pub(crate) abort: Vec<u8>,
    #[serde(default)]
    pub(crate) ctrl_d_leaves: bool,
    /// What is typed during a ping is kept and run afterwards.
    #[serde(default)]
    pub(crate) type_ahead: bool,
    /// Words may be shortened.
    #[serde(default)]
    pub(crate) abbreviate: bool,
    /// What follows a `+` in the user's name sets up the terminal; without it colours come.
    #[serde(default)]
    pub(crate) user_options: bool,
    /// The connection outlives its shell.
    #[serde(default)]
    pub(crate) keeps_connection: bool,
    pub(crate) busy: String,
    /// What `ssh HOST COMMAND` is told; empty: the request fails.
    #[serde(default)]
    pub(crate) exec_refusal: String,
    pub(crate) exec_timeout: String,
    pub(crate) syslog: String,
    /// What the terminal shows for the abort key.
    #[serde(default)]
    pub(crate) break_mark: String,
    #[serde(default)]
    pub(crate) pager: PagerTexts,
    pub(crate) refusals: BTreeMap<RefusalKind, String>,
    pub(crate) dialogues: Dialogues,
    #[serde(rename = "command")]
    pub(crate) commands: Vec<Command>,
    pub(crate) ping: Ping,
    /// None: there is no such command.
    pub(crate) interface: Option<Interface>,
    /// None: there is no such command.
    pub(crate) traceroute: Option<Traceroute>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagerTexts {
    pub(crate) mark: String,
    pub(crate) erase: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefusalKind {
    /// The first word is not known.
    Command,
    /// A further word is not known.
    Input,
    /// A value is out of range.
    Value,
    Many,
    Incomplete,
    Ambiguous,
    Host,
    Vrf,
    Source,
    Denied,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialogues {
    pub(crate) change_now: String,
    pub(crate) forced_change: String,
    pub(crate) press_enter: String,
    /// The key that `press_enter` waits for; empty: any line.
    #[serde(default)]
    pub(crate) key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    /// Words; `<number>` and `<rest>` stand for what is typed there.
    pub(crate) line: String,
    #[serde(default)]
    pub(crate) answer: String,
    #[serde(default)]
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) privileged: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    #[default]
    Say,
    /// Paging on, or off if the number is 0.
    Page,
    PageOff,
    StampOn,
    StampOff,
    Enable,
    Disable,
    /// Starts the CLI in the shell of the system.
    Cli,
    Stty,
    /// Sets the ping option named by the last word but one to the last word, for the session.
    PingOption,
    Leave,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ping {
    pub(crate) grammar: Grammar,
    /// First words that begin a ping; a second one after a blank.
    pub(crate) start: Vec<String>,
    #[serde(default)]
    pub(crate) families: Vec<String>,
    /// `vrf NAME` stands right after the first word.
    #[serde(default)]
    pub(crate) vrf_first: bool,
    /// A word before the target that is no address is the source.
    #[serde(default)]
    pub(crate) source_first: bool,
    /// One command for both families, told by the address.
    #[serde(default)]
    pub(crate) told_by_address: bool,
    /// Options as they are typed in commands of their own, not with the ping.
    #[serde(default)]
    pub(crate) options_apart: bool,
    /// In user mode only the plain form is taken.
    #[serde(default)]
    pub(crate) plain_for_users: bool,
    /// 0 = endless.
    pub(crate) count: u64,
    pub(crate) timeout: Span,
    #[serde(default)]
    pub(crate) interval: Span,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) pace: Pace,
    /// Marks per line; 0: the answer has lines, not marks.
    #[serde(default)]
    pub(crate) marks: u64,
    pub(crate) numbers: Numbers,
    #[serde(rename = "option")]
    pub(crate) options: Vec<PingOption>,
    pub(crate) answer: Answer,
    pub(crate) answer6: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grammar {
    /// Target, then words.
    Keywords,
    /// Target, then `word=value`.
    Assignments,
    /// Options with a dash, then the target.
    Options,
    /// Options with a dash anywhere, also `-c5`.
    Shell,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pace {
    /// The next packet leaves when the last one is answered or given up.
    #[default]
    Serial,
    /// A packet leaves every interval; the time-out runs after the last one.
    Train,
    /// The same, but the next packet leaves at the reply.
    Adaptive,
    /// A packet leaves every interval, which is its time-out too; each has its row.
    Rows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Numbers {
    Whole,
    Trimmed,
    Three,
    Linux,
    /// `1ms45us`
    Spelled,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PingOption {
    pub(crate) word: String,
    pub(crate) slot: Slot,
    #[serde(default)]
    pub(crate) min: f64,
    #[serde(default)]
    pub(crate) max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Slot {
    Count,
    Seconds,
    Milliseconds,
    IntervalMs,
    SecondsBetween,
    Deadline,
    Size,
    Source,
    Vrf,
    Df,
    /// `yes` or `no`
    DfAnswer,
    Quiet,
    Six,
    Number,
    Text,
    Flag,
}

impl Slot {
    pub(crate) fn takes_value(self) -> bool {
        !matches!(self, Self::Df | Self::Quiet | Self::Six | Self::Flag)
    }

    pub(crate) fn is_number(self) -> bool {
        self.takes_value() && !matches!(self, Self::Source | Self::Vrf | Self::Text | Self::DfAnswer)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) header: String,
    pub(crate) source: String,
    pub(crate) df: String,
    pub(crate) reply: String,
    pub(crate) lost: String,
    pub(crate) unreachable: String,
    /// Per packet; empty: as a lost one.
    pub(crate) no_route: String,
    /// The first such packet ends the ping.
    pub(crate) no_route_ends: bool,
    /// Said instead of the whole answer.
    pub(crate) no_route_refusal: String,
    pub(crate) statistics: String,
    /// After so many packets the statistics so far and the header come again.
    pub(crate) again_every: u64,
    pub(crate) rtt: String,
    pub(crate) rtt_when_none: String,
    pub(crate) end: String,
}

fn carriage_return() -> String {
    "\r\n".to_owned()
}

pub(crate) fn find(name: &str) -> anyhow::Result<&'static Persona> {
    static PERSONAS: OnceLock<BTreeMap<&'static str, Persona>> = OnceLock::new();
    let personas = PERSONAS.get_or_init(|| {
        let load =
            |&(name, _): &(&'static str, &str)| (name, load(name).expect("the personas of the program are sound"));
        FILES.iter().map(load).collect()
    });
    personas.get(name).ok_or_else(|| {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        anyhow!("no persona is called `{name}`: take one of {}", names.join(", "))
    })
}

fn load(name: &'static str) -> anyhow::Result<Persona> {
    let table = read(name)?;
    let mut persona = Persona::deserialize(table).with_context(|| format!("persona {name}"))?;
    persona.name = name;
    Ok(persona)
}

/// The persona's table, laid over the one that it is `like`.
fn read(name: &str) -> anyhow::Result<toml::Table> {
    let (_, text) = FILES.iter().find(|(file, _)| *file == name).with_context(|| format!("no persona {name}"))?;
    let mut table: toml::Table = toml::from_str(text).with_context(|| format!("persona {name}"))?;
    match table.remove("like") {
        Some(toml::Value::String(base)) => {
            let mut below = read(&base)?;
            lay_over(&mut below, table);
            Ok(below)
        }
        _ => Ok(table),
    }
}

fn lay_over(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}
