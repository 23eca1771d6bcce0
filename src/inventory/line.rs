//! A line as its arguments give it: typed, checked, or refused in one sentence. Knows nothing of where they came from.

use super::address::{self, ROUTER_ALLOWED, TARGET_ALLOWED};
use super::arguments::{self as argument, Argument};
use super::reference::Reference;
use super::router::Address;
use crate::duration;
use crate::failure::Failure;
use crate::probe::{Name, Ping, Probe, Source, Traceroute, When};
use crate::quote::is_hidden;
use crate::settings::{Poll, Setting, Settings};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// What a user name may be, to follow "allowed is".
pub const USER_ALLOWED: &str = "1 to 128 letters, digits or . _ - @ \\ / + % # : = , and not - first";
/// What a text for people may be, to follow "allowed is".
pub(super) const LABEL_ALLOWED: &str = "1 to 255 printable characters";
const PLATFORM_ALLOWED: &str = "a platform's name; `ddl-monitor platform list` shows them";
const NAME_ALLOWED: &str = "1 to 63 letters, digits or . _ : / @ -, a letter or digit first";
const INTERFACE_ALLOWED: &str = "one interface of the router: 1 to 63 letters, digits or / . : _ -, a letter or digit first; \
                                 names with a blank or | cannot be asked for";
const SIZE_ALLOWED: &str = "ICMP data bytes from 0 to 65507";
const DF_ALLOWED: &str = "1 or yes, 0 or no";
const EVIDENCE_ALLOWED: &str = "edge (a traceroute when the line goes down), now (with every poll) or no";
const MAX_AGE_ALLOWED: &str = "a time from 0s to 1d, like 30s, 500ms or 2.5s";

/// The arguments as text. An empty one counts as not given.
#[derive(Clone, Default)]
pub struct RawLine {
    pub line: Option<String>,
    /// The first that is not empty counts.
    pub targets: Vec<String>,
    pub router: RawRouter,
    pub count: Option<String>,
    pub timeout: Option<String>,
    pub size: Option<String>,
    pub vrf: Option<String>,
    pub source: Option<String>,
    pub interface: Option<String>,
    pub evidence: Option<String>,
    pub df: Option<String>,
    pub deadline: Option<String>,
    pub max_age: Option<String>,
}

/// The arguments that concern the router alone.
#[derive(Clone, Default)]
pub struct RawRouter {
    pub address: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub key: Option<String>,
    pub passphrase: Option<String>,
    pub enable_password: Option<String>,
    pub platform: Option<String>,
}

/// A line, its router, and what is asked of it.
#[derive(Clone)]
pub struct Line {
    /// 1 to 255 printable characters; the target when none is given.
    pub id: String,
    pub target: IpAddr,
    /// In the order in which they are asked; a traceroute is last, see [`crate::probe::asked`].
    pub probes: Vec<Probe>,
    pub router: Router,
    pub deadline: Duration,
    /// A measurement younger than this will do.
    pub max_age: Duration,
}

/// A router and who logs in to it. Secrets are not read yet: see [`super::access::Access`].
#[derive(Clone)]
pub struct Router {
    pub address: Address,
    /// Absent = that of the `secret:NAME` login.
    pub user: Option<String>,
    pub password: Option<Reference>,
    /// The private key's file; absolute.
    pub key: Option<PathBuf>,
    pub passphrase: Option<Reference>,
    pub enable: Option<Reference>,
    /// A name in the form of one; whether there is such a platform is for the platforms to say.
    pub platform: String,
}

/// The value that is given, else the one below.
fn first(given: Option<String>, below: Option<String>) -> Option<String> {
    given.filter(|text| !text.is_empty()).or(below)
}

impl RawLine {
    /// What is given, and below it what is known.
    pub fn over(self, below: Self) -> Self {
        let none = self.targets.iter().all(String::is_empty);
        Self {
            line: first(self.line, below.line),
            targets: if none { below.targets } else { self.targets },
            router: self.router.over(below.router),
            count: first(self.count, below.count),
            timeout: first(self.timeout, below.timeout),
            size: first(self.size, below.size),
            df: first(self.df, below.df),
            vrf: first(self.vrf, below.vrf),
            source: first(self.source, below.source),
            interface: first(self.interface, below.interface),
            evidence: first(self.evidence, below.evidence),
            deadline: first(self.deadline, below.deadline),
            max_age: first(self.max_age, below.max_age),
        }
    }
}

impl RawRouter {
    /// What is given, and below it what is known. A password or key that is given takes the place of either.
    pub fn over(self, below: Self) -> Self {
        let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let (password, key, passphrase) = if is_given(&self.password) || is_given(&self.key) {
            (self.password, self.key, self.passphrase)
        } else {
            (below.password, below.key, first(self.passphrase, below.passphrase))
        };
        Self {
            address: first(self.address, below.address),
            user: first(self.user, below.user),
            password,
            key,
            passphrase,
            enable_password: first(self.enable_password, below.enable_password),
            platform: first(self.platform, below.platform),
        }
    }
}

impl Line {
    /// Reads the arguments; what is not given comes from the settings. A refusal names flag, macro, value and what is allowed.
    pub fn parse(raw: RawLine, defaults: &Poll) -> Result<Self, Failure> {
        let target = target(raw.targets)?;
        let router = Router::parse(raw.router)?;
        let poll = poll([raw.count, raw.timeout, raw.deadline], defaults)?;
        let interface = interface(raw.interface)?;
        let ping = Ping {
            target,
            count: poll.count,
            timeout: poll.timeout,
            size: typed(argument::SIZE, raw.size, SIZE_ALLOWED, size)?,
            vrf: typed(argument::VRF, raw.vrf, NAME_ALLOWED, |text| Name::try_from(text.to_owned()).ok())?,
            source: source(raw.source, target)?,
            df: typed(argument::DF, raw.df, DF_ALLOWED, yes_or_no)?.unwrap_or_default(),
        };
        let traceroute = evidence(raw.evidence)?.map(|when| {
            let (vrf, source) = (ping.vrf.clone(), ping.source.clone());
            Probe::Traceroute(Traceroute { target, vrf, source, when })
        });
        let interface = interface.map(|name| Probe::Interface { name });
        Ok(Self {
            id: typed(argument::LINE, raw.line, LABEL_ALLOWED, id)?.unwrap_or_else(|| target.to_string()),
            target,
            probes: interface.into_iter().chain([Probe::Ping(ping)]).chain(traceroute).collect(),
            router,
            deadline: poll.deadline,
            max_age: typed(argument::MAX_AGE, raw.max_age, MAX_AGE_ALLOWED, max_age)?.unwrap_or_default(),
        })
    }
}

impl Router {
    /// Reads the arguments of a router. A refusal names flag, macro, value and what is allowed.
    pub fn parse(raw: RawRouter) -> Result<Self, Failure> {
        let address = router_address(raw.address)?;
        let platform = argument::PLATFORM.required(raw.platform, PLATFORM_ALLOWED)?;
        if !is_platform(&platform) {
            return Err(argument::PLATFORM.refused(&platform, PLATFORM_ALLOWED));
        }
        let reference = |argument: Argument, text| match argument.given(text)? {
            None => Ok(None),
            Some(text) => Reference::parse(argument, &Zeroizing::new(text)).map(Some),
        };
        Ok(Self {
            address,
            user: typed(argument::USER, raw.user, USER_ALLOWED, user)?,
            password: reference(argument::PASSWORD, raw.password)?,
            key: typed(argument::KEY, raw.key, "a file", file)?,
            passphrase: reference(argument::PASSPHRASE, raw.passphrase)?,
            enable: reference(argument::ENABLE_PASSWORD, raw.enable_password)?,
            platform,
        })
    }
}

/// A router's address as `--router` gives it.
pub fn router_address(text: Option<String>) -> Result<Address, Failure> {
    let text = argument::ROUTER.required(text, ROUTER_ALLOWED)?;
    address::router(&text).ok_or_else(|| argument::ROUTER.refused(&text, ROUTER_ALLOWED))
}

/// The value of an argument, if one is given.
fn typed<T>(
    argument: Argument,
    text: Option<String>,
    allowed: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Failure> {
    match argument.given(text)? {
        None => Ok(None),
        Some(text) => parse(&text).map(Some).ok_or_else(|| argument.refused(&text, allowed)),
    }
}

/// The first target that is not empty.
pub fn target(texts: Vec<String>) -> Result<IpAddr, Failure> {
    let first = texts.into_iter().find(|text| !text.is_empty());
    let text = argument::TARGET.required(first, TARGET_ALLOWED)?;
    address::target(&text).ok_or_else(|| argument::TARGET.refused(&text, TARGET_ALLOWED))
}

/// Count, time-out and deadline are settings too, and have their limits from there.
fn poll(texts: [Option<String>; 3], defaults: &Poll) -> Result<Poll, Failure> {
    let mut settings = Settings { poll: defaults.clone(), ..Settings::default() };
    let arguments =
        [(argument::COUNT, "poll.count"), (argument::TIMEOUT, "poll.timeout"), (argument::DEADLINE, "poll.deadline")];
    for ((argument, name), text) in arguments.into_iter().zip(texts) {
        if let (Some(text), Some(setting)) = (argument.given(text)?, Setting::named(name)) {
            setting.set(&mut settings, &text).map_err(|_| argument.refused(&text, &setting.allowed()))?;
        }
    }
    Ok(settings.poll)
}

/// The deadline that is given, else the settings'.
pub fn deadline(text: Option<String>, defaults: &Poll) -> Result<Duration, Failure> {
    Ok(poll([None, None, text], defaults)?.deadline)
}

/// The interface that is to be shown, if one is given. What else a platform wants of its name is for the platforms to say.
pub fn interface(text: Option<String>) -> Result<Option<Name>, Failure> {
    typed(argument::INTERFACE, text, INTERFACE_ALLOWED, |text| {
        Name::try_from(text.to_owned()).ok().filter(|name| !name.as_str().contains('@'))
    })
}

/// When a traceroute is run, if ever.
fn evidence(text: Option<String>) -> Result<Option<When>, Failure> {
    let when = typed(argument::EVIDENCE, text, EVIDENCE_ALLOWED, |text| match text {
        "edge" => Some(Some(When::Edge)),
        "now" => Some(Some(When::Now)),
        "no" => Some(None),
        _ => None,
    })?;
    Ok(when.flatten())
}

fn source(text: Option<String>, target: IpAddr) -> Result<Option<Source>, Failure> {
    let allowed = format!(
        "an {} address of the router, or an interface's name: {NAME_ALLOWED}",
        if target.is_ipv4() { "IPv4" } else { "IPv6" }
    );
    typed(argument::SOURCE, text, &allowed, |text| match text.parse::<IpAddr>() {
        Ok(_) => address::target(text).filter(|a| a.is_ipv4() == target.is_ipv4()).map(Source::Address),
        Err(_) => Name::try_from(text.to_owned()).ok().map(Source::Interface),
    })
}

/// A user name that neither a router's login nor a proxy command can take for anything else.
pub(super) fn user(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@\\/+%#:=,".contains(c);
    let is_user = (1..=128).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('-');
    is_user.then(|| text.to_owned())
}

fn id(text: &str) -> Option<String> {
    is_label(text).then(|| text.to_owned())
}

/// A text for people: a line's id, and what an inventory tells of it.
pub(super) fn is_label(text: &str) -> bool {
    // Marks that turn or hide text, and what the command line made of bytes that are no text.
    let printable = !text.chars().any(|c| is_hidden(c) || c == '\u{fffd}');
    printable && text.chars().count() <= 255 && !text.trim().is_empty()
}

fn is_platform(text: &str) -> bool {
    text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn size(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|size| digits && *size <= 65_507)
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

fn max_age(text: &str) -> Option<Duration> {
    duration::parse(text).filter(|age| *age <= Duration::from_secs(86_400))
}

/// A master's working directory is `/`, so a relative path is made absolute here.
fn file(text: &str) -> Option<PathBuf> {
    let shown = !text.chars().any(|c| c.is_control() || c == '\u{fffd}');
    std::path::absolute(Path::new(text)).ok().filter(|_| shown)
}

#[cfg(test)]
mod tests;
