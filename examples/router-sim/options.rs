//! What one simulated router is told to be and to get wrong. The same names serve as flags (`--lose-every 3`) and as keys
//! of a lab file (`lose_every = 3`); the defaults are written once, at the flags. It knows nothing of SSH.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{Args, FromArgMatches, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::span::Span;

#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Name of the router in the events; clones are called NAME-1, NAME-2, …
    #[arg(long, default_value = "r1", help_heading = "Router")]
    pub(crate) name: String,
    /// Which router to play: cisco_iosxe, cisco_iosxr, cisco_nxos, huawei_vrp, h3c_comware, h3c_comware_v5, frr, linux,
    /// arista_eos, cisco_asa, fortinet_fortios, juniper_junos, mikrotik_routeros,
    /// nokia_sros, nokia_sros_md, ruijie_os, vyos, zte_zxros
    #[arg(long, default_value = "cisco_iosxe", help_heading = "Router")]
    pub(crate) persona: String,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR:PORT", help_heading = "Router")]
    pub(crate) listen: std::net::SocketAddr,
    /// How many such routers, each on its own port (a fixed port is counted up)
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Router")]
    pub(crate) count: u16,
    /// Host name in the prompt [default: the router's name]
    #[arg(long, value_name = "NAME", help_heading = "Router")]
    pub(crate) hostname: Option<String>,
    /// Prompt to use instead of the persona's own; `\xNN` stands for a byte
    #[arg(long, value_name = "TEXT", help_heading = "Router")]
    pub(crate) prompt: Option<String>,
    /// Text shown after the login; `\n` starts a new line
    #[arg(long, value_name = "TEXT", help_heading = "Router")]
    pub(crate) motd: Option<String>,
    /// Number of lines of 80 characters after it
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Router")]
    pub(crate) motd_lines: usize,
    /// Line end to use instead of the persona's own
    #[arg(long, value_enum, help_heading = "Router")]
    pub(crate) newline: Option<Newline>,
    /// The router does not echo what is typed
    #[arg(long, help_heading = "Router")]
    pub(crate) no_echo: bool,
    /// Syslog lines appear in the middle of every ping's answer
    #[arg(long, help_heading = "Router")]
    pub(crate) syslog: bool,
    /// The prompt is printed a second time just before the echo of the next command
    #[arg(long, help_heading = "Router")]
    pub(crate) prompt_early: bool,
    /// What is sent is cut into pieces of so many bytes, each in its own packet
    #[arg(long, value_name = "BYTES", help_heading = "Router")]
    pub(crate) chunk: Option<usize>,
    /// The pager: can be switched off, is off from the start, or stays on whatever is typed
    #[arg(long, value_enum, default_value_t = Pager::On, help_heading = "Router")]
    pub(crate) pager: Pager,
    /// Lines per page
    #[arg(long, default_value_t = 23, value_name = "N", help_heading = "Router")]
    pub(crate) page_lines: usize,
    /// Answers to further commands, by the whole line typed (only in a lab file)
    #[arg(skip)]
    pub(crate) answers: BTreeMap<String, String>,

    /// Who may log in; may be given several times
    #[arg(long, default_value = "ddl:ddl", value_name = "NAME:PASSWORD", help_heading = "Login")]
    pub(crate) user: Vec<Login>,
    /// Public key file (authorized_keys form) that is accepted for every user
    #[arg(long, value_name = "FILE", help_heading = "Login")]
    pub(crate) authorized_key: Vec<PathBuf>,
    /// Login methods offered
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "password,keyboard-interactive,publickey",
        help_heading = "Login"
    )]
    pub(crate) auth: Vec<Method>,
    /// keyboard-interactive asks for a token after the password
    #[arg(long, help_heading = "Login")]
    pub(crate) token: bool,
    /// Every login is refused
    #[arg(long, help_heading = "Login")]
    pub(crate) refuse_logins: bool,
    /// Wait before each answer to a login attempt (a slow login server)
    #[arg(long, default_value = "0s", value_name = "TIME", help_heading = "Login")]
    pub(crate) auth_delay: Span,
    /// Log in to user mode; `enable` asks for this secret (cisco_iosxe)
    #[arg(long, value_name = "SECRET", help_heading = "Login")]
    pub(crate) enable_secret: Option<String>,
    /// Log in to user mode (cisco_iosxe), or to the shell of the system (juniper_junos)
    #[arg(long, help_heading = "Login")]
    pub(crate) user_mode: bool,
    /// Questions after the login; may be given several times
    #[arg(long, value_enum, help_heading = "Login")]
    pub(crate) dialogue: Vec<Dialogue>,
    /// Only diffie-hellman-group14-sha1, ssh-rsa and hmac-sha1, as old routers
    #[arg(long, help_heading = "Login")]
    pub(crate) legacy: bool,
    /// `fixed` (the same for a router's name at every start), `random`, or a private key file
    #[arg(long, default_value = "fixed", value_name = "fixed|random|FILE", help_heading = "Login")]
    pub(crate) host_key: String,
    /// Lines (VTY) that can be in use at once
    #[arg(long, value_name = "N", help_heading = "Login")]
    pub(crate) vty_limit: Option<usize>,
    /// What happens to a login when all lines are in use
    #[arg(long, value_enum, default_value_t = VtyFull::Text, help_heading = "Login")]
    pub(crate) vty_full: VtyFull,
    /// Text for it instead of the persona's own
    #[arg(long, value_name = "TEXT", help_heading = "Login")]
    pub(crate) busy_text: Option<String>,
    /// Session channels that one connection may have open at once [default: 1, linux and frr 10]
    #[arg(long, value_name = "N", help_heading = "Login")]
    pub(crate) channels: Option<usize>,
    /// Run commands of `ssh HOST COMMAND`, which most routers refuse
    #[arg(long, help_heading = "Login")]
    pub(crate) allow_exec: bool,

    /// Round-trip times of the replies, taken in turn: `10ms` or `10ms,20ms,30ms`
    #[arg(long, value_delimiter = ',', default_value = "0ms", value_name = "TIME,…", help_heading = "Pings")]
    pub(crate) rtt: Vec<Span>,
    /// Target that never answers; may be given several times
    #[arg(long, value_name = "ADDR", help_heading = "Pings")]
    pub(crate) dead: Vec<IpAddr>,
    /// Target for which a gateway says that it cannot be reached
    #[arg(long, value_name = "ADDR", help_heading = "Pings")]
    pub(crate) unreachable: Vec<IpAddr>,
    /// Target without a route
    #[arg(long, value_name = "ADDR", help_heading = "Pings")]
    pub(crate) no_route: Vec<IpAddr>,
    /// Target with a round-trip time of its own
    #[arg(long, value_name = "ADDR=TIME", help_heading = "Pings")]
    pub(crate) slow: Vec<Of<Span>>,
    /// Target that loses each packet with this probability, independent of the others
    #[arg(long, value_name = "ADDR=P", help_heading = "Pings")]
    pub(crate) lose_random: Vec<Of<f64>>,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Pings")]
    pub(crate) seed: u64,
    /// Every ping prints times that no other ping of this router prints
    #[arg(long, help_heading = "Pings")]
    pub(crate) unique_times: bool,
    /// Of each ping every K-th packet is lost
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Pings")]
    pub(crate) lose_every: Option<u64>,
    /// Of each ping these packets are lost (1 is the first)
    #[arg(long, value_delimiter = ',', value_name = "N,…", help_heading = "Pings")]
    pub(crate) lose: Vec<u64>,
    /// VRF that exists; without any, all names do
    #[arg(long, value_name = "NAME", help_heading = "Pings")]
    pub(crate) vrf: Vec<String>,
    /// Address or interface that can be a source; without any, all can
    #[arg(long, value_name = "ADDR|IF", help_heading = "Pings")]
    pub(crate) source: Vec<String>,
    /// The user may not ping
    #[arg(long, help_heading = "Pings")]
    pub(crate) ping_denied: bool,

    /// Hops to every target; those before it answer, also when it is dead
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Traceroutes")]
    pub(crate) traceroute_hops: u64,
    /// Wait before each hop
    #[arg(long, default_value = "0s", value_name = "TIME", help_heading = "Traceroutes")]
    pub(crate) traceroute_pace: Span,
    /// Hop before which a traceroute says nothing more until it is interrupted
    #[arg(long, value_name = "N", help_heading = "Traceroutes")]
    pub(crate) traceroute_stalls: Option<u64>,

    /// Interface without a link; all others are up. May be given several times, as the ones below
    #[arg(long, value_name = "NAME", help_heading = "Interfaces")]
    pub(crate) interface_down: Vec<String>,
    /// Interface that somebody has shut
    #[arg(long, value_name = "NAME", help_heading = "Interfaces")]
    pub(crate) interface_shut: Vec<String>,
    /// Name that no interface has
    #[arg(long, value_name = "NAME", help_heading = "Interfaces")]
    pub(crate) interface_unknown: Vec<String>,
    /// Interface about which the router says nothing until it is interrupted
    #[arg(long, value_name = "NAME", help_heading = "Interfaces")]
    pub(crate) interface_hangs: Vec<String>,
    /// Input errors of every interface
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Interfaces")]
    pub(crate) interface_errors: u64,

    /// Wait before the SSH banner
    #[arg(long, default_value = "0s", value_name = "TIME", help_heading = "Faults")]
    pub(crate) banner_delay: Span,
    /// Wait between the login and the first prompt
    #[arg(long, default_value = "0s", value_name = "TIME", help_heading = "Faults")]
    pub(crate) login_delay: Span,
    /// Wait before every answer
    #[arg(long, default_value = "0s", value_name = "TIME", help_heading = "Faults")]
    pub(crate) answer_delay: Span,
    /// Wait between the text after the login and the greeting
    #[arg(long, default_value = "0s", value_name = "TIME", help_heading = "Faults")]
    pub(crate) prompt_delay: Span,
    /// Say nothing: `connect` (not even a banner), `shell` (never a prompt), or `never`
    #[arg(long, value_enum, help_heading = "Faults")]
    pub(crate) silence: Option<Silence>,
    /// In each session say nothing more after so many commands
    #[arg(long, value_name = "K", help_heading = "Faults")]
    pub(crate) stop_after: Option<u64>,
    /// Cut the connection after so many bytes of a ping's answer
    #[arg(long, value_name = "BYTES", help_heading = "Faults")]
    pub(crate) drop_after: Option<usize>,
    /// How often to cut it
    #[arg(long, value_enum, default_value_t = Often::Always, help_heading = "Faults")]
    pub(crate) drop: Often,
    /// Send so many bytes of rubbish in a ping's answer
    #[arg(long, value_name = "BYTES", help_heading = "Faults")]
    pub(crate) flood: Option<u64>,
    /// Answer a ping with packets that carry no text, without end
    #[arg(long, help_heading = "Faults")]
    pub(crate) no_text: bool,
    /// Show what is typed at the prompt for the enable secret, then say nothing more
    #[arg(long, help_heading = "Faults")]
    pub(crate) echo_secret: bool,
    /// The header of a ping's answer names another target
    #[arg(long, value_enum, help_heading = "Faults")]
    pub(crate) wrong_header: Option<Often>,
    /// A ping that is aborted prints no statistics
    #[arg(long, help_heading = "Faults")]
    pub(crate) silent_abort: bool,
    /// The abort key does nothing
    #[arg(long, help_heading = "Faults")]
    pub(crate) ignore_abort: bool,
    /// Each ping has one of these faults, drawn at random
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FAULT,…", help_heading = "Faults")]
    pub(crate) fault: Vec<Fault>,
    /// The longest delay of a `late-start`, `late-statistics` or `slow-abort`
    #[arg(long, default_value = "1s", value_name = "TIME", help_heading = "Faults")]
    pub(crate) fault_time: Span,
    /// Close sessions in which nothing was typed for this time
    #[arg(long, value_name = "TIME", help_heading = "Faults")]
    pub(crate) exec_timeout: Option<Span>,
}

impl Default for Options {
    fn default() -> Self {
        static DEFAULTS: OnceLock<Options> = OnceLock::new();
        DEFAULTS
            .get_or_init(|| {
                let command = Self::augment_args(clap::Command::new("router-sim"));
                Self::from_arg_matches(&command.get_matches_from(["router-sim"])).expect("every option has a default")
            })
            .clone()
    }
}

impl Options {
    pub(crate) fn hostname(&self) -> &str {
        self.hostname.as_deref().unwrap_or(&self.name)
    }

    /// The round-trip time of packet `number` (from 1) to `target`.
    pub(crate) fn rtt(&self, target: IpAddr, number: u64) -> Duration {
        if let Some(slow) = self.slow.iter().find(|slow| slow.target == target) {
            return slow.value.0;
        }
        match self.rtt.len() as u64 {
            0 => Duration::ZERO,
            length => self.rtt[((number - 1) % length) as usize].0,
        }
    }

    /// The probability with which `target` loses a packet.
    pub(crate) fn loss(&self, target: IpAddr) -> f64 {
        self.lose_random.iter().find(|lossy| lossy.target == target).map_or(0.0, |lossy| lossy.value)
    }

    pub(crate) fn loses(&self, number: u64) -> bool {
        self.lose.contains(&number) || self.lose_every.is_some_and(|every| number.is_multiple_of(every.max(1)))
    }
}

/// `NAME:PASSWORD`. Not Debug in the derived sense: a password is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl FromStr for Login {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, password) = text.split_once(':').ok_or("a user is written NAME:PASSWORD")?;
        Ok(Self { name: name.to_owned(), password: password.to_owned() })
    }
}

impl TryFrom<String> for Login {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Login> for String {
    fn from(login: Login) -> Self {
        format!("{}:{}", login.name, login.password)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:***", self.name)
    }
}

/// `ADDR=VALUE`: what holds for one target.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[serde(bound = "T: Clone + fmt::Display + FromStr<Err: fmt::Display>")]
pub(crate) struct Of<T> {
    target: IpAddr,
    value: T,
}

impl<T: FromStr<Err: fmt::Display>> FromStr for Of<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (target, value) = text.split_once('=').ok_or("a value of one target is written ADDR=VALUE")?;
        let target = target.parse().map_err(|_| format!("`{target}` is not an address"))?;
        let value = value.parse().map_err(|error: T::Err| error.to_string())?;
        Ok(Self { target, value })
    }
}

impl<T: FromStr<Err: fmt::Display>> TryFrom<String> for Of<T> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl<T: fmt::Display> From<Of<T>> for String {
    fn from(of: Of<T>) -> Self {
        format!("{}={}", of.target, of.value)
    }
}

/// What goes wrong with one ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    None,
    /// The router asks its login server first, behind the echo. An abort key typed meanwhile ends the ping at its first packet.
    LateStart,
    /// The prompt comes back before the statistics, which follow after a time.
    LateStatistics,
    /// The same, and the statistics stand somewhere in what is shown next: a prompt, an echo, another answer.
    StatisticsInNext,
    /// The prompt appears in the middle of the answer, and what is typed then is shown at once.
    RedrawnPrompt,
    /// A log line appears in the middle of the answer.
    LogLine,
    /// The connection is cut at any byte of the answer.
    Cut,
    /// The abort key does nothing.
    Deaf,
    /// The abort key does nothing for a time.
    SlowAbort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Newline {
    Lf,
    CrLf,
    CrCrLf,
    /// `\r\n` and a NUL byte.
    Nul,
}

impl Newline {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::CrCrLf => "\r\r\n",
            Self::Nul => "\r\n\0",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pager {
    On,
    Off,
    Stuck,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    Password,
    KeyboardInteractive,
    #[value(name = "publickey")]
    #[serde(rename = "publickey")]
    PublicKey,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::PublicKey => "publickey",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dialogue {
    /// "Change now? [Y/N]": N goes on.
    ChangeNow,
    /// The password has to be changed before anything else.
    ForcedChange,
    /// "Press Y or ENTER to continue, N to exit."
    PressEnter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VtyFull {
    /// The channel is refused.
    Channel,
    /// The platform's text, then the connection is closed.
    Text,
    /// The TCP connection is closed at once.
    Tcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Silence {
    Connect,
    Shell,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Often {
    Once,
    Always,
}
