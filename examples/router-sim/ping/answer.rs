//! A ping's answer in the words of the persona: the texts of `[ping.answer]` filled in. It knows no time and no session.

use std::net::IpAddr;
use std::time::Duration;

use super::Request;
use super::tally::{Tally, in_reply, printed};
use crate::persona::{Answer, Numbers, Persona};
use crate::template::Facts;

pub(super) struct Texts<'a> {
    answer: &'a Answer,
    numbers: Numbers,
    marks: u64,
    facts: Facts,
    quiet: bool,
}

impl<'a> Texts<'a> {
    /// `named` is the target that the header names: not the true one where the router is told to mix them up.
    pub(super) fn new(persona: &'a Persona, request: &Request, named: &str, mut facts: Facts) -> Self {
        let six = request.target.is_ipv6();
        let ping = &persona.ping;
        let source = request.source.as_deref();
        // A router prints the address of the interface that it was given.
        let own = if six { "2001:db8:ffff::1" } else { "192.0.2.1" };
        let address = source.map(|source| if source.parse::<IpAddr>().is_ok() { source } else { own });
        facts.set("target", named);
        facts.set("target_40", format!("{named:<40}"));
        facts.set("gateway_40", format!("{:<40}", if six { "2001:db8:ffff::fe" } else { "192.0.2.254" }));
        facts.set("count", request.count.unwrap_or(0));
        facts.set("timeout", request.timeout.as_secs());
        facts.set("size", request.size);
        facts.set("size_8", request.size + 8);
        facts.set("size_28", request.size + 28);
        for (name, less) in [("size_less_20", 20), ("size_less_28", 28), ("size_less_40", 40), ("size_less_48", 48)] {
            facts.set(name, request.size.saturating_sub(less));
        }
        facts.set("source", address.unwrap_or(own));
        facts.set("local", address.unwrap_or(own));
        facts.set("gateway", if six { "2001:db8:ffff::fe" } else { "192.0.2.254" });
        facts.set("from", address.map(|address| format!(" from {address}")).unwrap_or_default());
        let bound = source.map(|source| match source.parse::<IpAddr>() {
            Ok(address) => format!(" from {address} :"),
            Err(_) => format!(" from {own} {source}:"),
        });
        facts.set("from_bound", bound.unwrap_or_default());
        facts.set("percent_vrf", request.vrf.as_ref().map(|vrf| format!("%{vrf}")).unwrap_or_default());
        facts.set("in_vpn", request.vrf.as_ref().map(|vrf| format!(" in VPN instance {vrf}")).unwrap_or_default());
        Self {
            answer: if six { &ping.answer6 } else { &ping.answer },
            numbers: ping.numbers,
            marks: ping.marks,
            facts,
            quiet: request.quiet,
        }
    }

    pub(super) fn header(&self, request: &Request) -> String {
        let mut text = self.facts.fill(&self.answer.header);
        if request.source.is_some() {
            text.push_str(&self.facts.fill(&self.answer.source));
        }
        if request.df {
            text.push_str(&self.facts.fill(&self.answer.df));
        }
        text
    }

    pub(super) fn no_route_refusal(&self) -> &str {
        &self.answer.no_route_refusal
    }

    pub(super) fn no_route_ends(&self) -> bool {
        self.answer.no_route_ends
    }

    pub(super) fn reply(&self, number: u64, rtt: Duration, tally: &mut Tally) -> String {
        let shown = printed(self.numbers, rtt);
        tally.add(number, shown);
        self.packet(number, &self.answer.reply, &in_reply(self.numbers, shown))
    }

    pub(super) fn lost(&self, number: u64) -> String {
        self.packet(number, &self.answer.lost, "")
    }

    pub(super) fn unreachable(&self, number: u64) -> String {
        self.packet(number, &self.answer.unreachable, "")
    }

    pub(super) fn no_route(&self, number: u64) -> String {
        let text = if self.answer.no_route.is_empty() { &self.answer.lost } else { &self.answer.no_route };
        self.packet(number, text, "")
    }

    fn packet(&self, number: u64, text: &str, time: &str) -> String {
        if self.quiet {
            return String::new();
        }
        let mut facts = self.facts.clone();
        facts.set("seq", number);
        facts.set("seq_0", number - 1);
        facts.set("seq_0_5", format!("{:>5}", number - 1));
        facts.set("time_ms", time);
        let filled = facts.fill(text);
        match self.marks {
            marks if marks > 0 && number > 1 && (number - 1).is_multiple_of(marks) => format!("\n{filled}"),
            _ => filled,
        }
    }

    /// Counters so far and the heading once more.
    pub(super) fn again(&self, number: u64, tally: &Tally) -> Option<String> {
        let every = self.answer.again_every;
        let due = every > 0 && number.is_multiple_of(every);
        due.then(|| self.statistics(tally, Duration::ZERO) + &self.facts.fill(&self.answer.header))
    }

    pub(super) fn statistics(&self, tally: &Tally, elapsed: Duration) -> String {
        let mut facts = self.facts.clone();
        tally.describe(self.numbers, &mut facts);
        facts.set("elapsed_ms", elapsed.as_millis());
        let rtt = if tally.received() > 0 { &self.answer.rtt } else { &self.answer.rtt_when_none };
        format!("{}{}{}", facts.fill(&self.answer.statistics), facts.fill(rtt), facts.fill(&self.answer.end))
    }
}
