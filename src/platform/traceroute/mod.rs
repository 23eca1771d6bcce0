//! The probe of the way to a target: its command, and its answer → hops and text. All of it is data of the platform file. Knows no
//! vendor.
//!
//! * `file` — the form of `[probe.traceroute]`; `words` — the command
//! * `hops` — what the lines of an answer say

mod file;
mod hops;
mod usual;
mod words;

pub(super) use file::TracerouteFile;

use super::indicator::{self, Indicator, Verdict, excerpt};
use super::mistake::Source;
use super::{Ending, Failure, Run, Unread};
use crate::failure::{Kind, Stage};
use crate::probe::{Traceroute, TracerouteResult};
use hops::{HopForm, NoPath, Path};
use std::net::IpAddr;
use std::time::Duration;
use words::Words;

/// It is evidence: nobody waits longer for it.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Bytes that are read at all: what a hostile router sends beyond is none of a traceroute.
const LONGEST: usize = 64 << 10;

/// Bytes of the router's text that are kept: more than 30 hops of three replies with names.
const TEXT: usize = 4 << 10;

#[derive(Debug)]
pub(super) struct TracerouteForm {
    words: Words,
    hops: HopForm,
    indicators: Vec<Indicator>,
}

impl TracerouteForm {
    pub(super) fn new(source: &Source, file: &TracerouteFile, usable: &[&str]) -> Result<Self, Failure> {
        let indicators = file.failure_indicator.iter().map(|one| Indicator::new(source, one));
        Ok(Self {
            words: Words::new(source, file, usable)?,
            hops: HopForm::new(source, file)?,
            indicators: indicators.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn commands(&self) -> Vec<String> {
        self.words.commands()
    }

    /// What the platform cannot do, before any login.
    pub(super) fn check(&self, platform: &str, asked: &Traceroute) -> Result<(), Failure> {
        self.words.check(platform, asked)
    }

    pub(super) fn run(&self, platform: &str, asked: &Traceroute, mode: &str) -> Result<Run, Failure> {
        Ok(Run::alone(self.words.command(platform, asked, mode)?, LIMIT))
    }

    /// An answer to our own command, or (without a target) recorded text.
    pub(super) fn read(
        &self,
        indicators: &[Indicator],
        text: &str,
        target: Option<IpAddr>,
        ending: Ending,
    ) -> Result<TracerouteResult, Unread> {
        let text = hops::within(text, LONGEST);
        let complete = ending == Ending::Complete && !text.trim_end().ends_with(hops::ABORT_MARK);
        let found = match self.hops.find(text, target) {
            Ok(path) if !path.hops.is_empty() => return Ok(result(path, complete)),
            Err(NoPath::OtherTarget(other)) => {
                return Err(not_ours(format!("it is about {:?}", excerpt(&other))));
            }
            Err(NoPath::DoesNotAddUp(why)) => return Err(unreadable(why).into()),
            Err(NoPath::NoHeader) => None,
            Ok(path) => Some(path),
        };
        match [&self.indicators, indicators].into_iter().find_map(|all| indicator::verdict(all, text)) {
            // The router has answered: there is no first hop.
            Some(Verdict::NoRoute(_)) => {
                let text = found.map_or(text, |path| path.text);
                Ok(result(Path { text, hops: Vec::new(), reached: false }, complete))
            }
            Some(Verdict::Failure(failure)) => Err(failure.into()),
            None => Err(no_hops(text, ending, found.is_some())),
        }
    }
}

fn result(path: Path<'_>, complete: bool) -> TracerouteResult {
    TracerouteResult {
        time: None,
        reached: u8::from(path.reached),
        hops: path.hops,
        // Behind the target there is nothing to wait for.
        complete: complete || path.reached,
        text: hops::within(path.text.trim(), TEXT).trim_end().to_owned(),
    }
}

fn no_hops(text: &str, ending: Ending, has_header: bool) -> Unread {
    match ending {
        Ending::Complete if has_header => unreadable(format!("no hop in {:?}", excerpt(text))).into(),
        // What a shell echoed late: asked again it may have hops.
        Ending::Complete => not_ours(format!("no header in {:?}", excerpt(text))),
        Ending::Aborted { after, .. } | Ending::AbortedAndCut { after } => Failure::new(
            Kind::Deadline,
            Stage::Reply,
            format!("the traceroute was aborted after {:.2} s, before its first hop", after.as_secs_f64()),
        )
        .into(),
        Ending::Cut => {
            Failure::new(Kind::Shell, Stage::Reply, "the session was lost before the router printed a hop").into()
        }
    }
}

fn not_ours(why: String) -> Unread {
    Unread { failure: unreadable(why), not_ours: true }
}

fn unreadable(why: String) -> Failure {
    Failure::new(Kind::Reply, Stage::Reply, format!("the router's answer to the traceroute was not understood: {why}"))
}
