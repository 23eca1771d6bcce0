//! What a ping's answer means: counters → result, with what the router says about them, and without counters the failure that
//! its text is. Up, down and loss come from the counters only.

use super::indicator::{self, Indicator, Verdict, excerpt};
use super::part::names_only_others;
use super::pending::Aborted;
use super::per_packet::{self, PacketForm};
use super::ping::{PingForm, Plain, shown};
use super::reply::{Answer, Counters, NoAnswer};
use super::{Ending, Failure, Run, Unread};
use crate::failure::{Kind, Stage};
use crate::probe::{Ping, PingResult, Reason};
use std::net::IpAddr;
use std::time::Duration;

impl PingForm {
    /// An answer to one of our own runs.
    pub(super) fn read(
        &self,
        indicators: &[Indicator],
        packets: &[PacketForm],
        ping: &Ping,
        run: &Run,
        text: &str,
        ending: Ending,
    ) -> Result<PingResult, Unread> {
        let text = self.reply.quiet(text);
        let answer = self.find(&text, Some(ping.target))?;
        let Some(counters) = answer.counters.clone() else {
            return self.without_counters(indicators, &answer, Some(ping.target), ending);
        };
        if !answer.is_named {
            return Err(nameless(answer.text));
        }
        if !run.plain && !self.endless && counters.sent > ping.count {
            return Err(not_ours(format!("{} packets sent where {} were asked for", counters.sent, ping.count)));
        }
        self.never_left(indicators, answer.text, &counters)?;
        let mut result = measured(&counters);
        result.plain = run.plain;
        let aborted = match ending {
            Ending::Aborted { after, planned } => Some((after, planned)),
            Ending::AbortedAndCut { after } => Some((after, false)),
            Ending::Complete | Ending::Cut => None,
        };
        if let Some((after, planned)) = aborted {
            let told = self.reply.told(answer.text);
            let timeout = self.timeout_of(ping, run);
            let aborted = Aborted {
                pacing: self.pacing,
                gap: self.gap(timeout),
                timeout,
                after,
                planned,
                sent: counters.sent,
                received: counters.received,
                average: counters.times.and_then(|[_, average, _]| Duration::try_from_secs_f64(average).ok()),
                told: &told,
            };
            self.settle(&mut result, &counters, &aborted, self.asked(ping, run))?;
        } else if ending == Ending::Cut && counters.sent < self.asked(ping, run) {
            // How long the packets had is not known: these counters are the last ones that the router got through.
            cut(&mut result)?;
        } else if counters.sent == 0 {
            return Err(unreadable("the router sent no packet".to_owned()).into());
        }
        result.complete &= !ending.is_cut();
        self.explain(&mut result, indicators, answer.text, &counters);
        Ok(per_packet::told(packets, answer.text, Some(ping.target), result))
    }

    /// Recorded text: no clock, so counters as printed.
    pub(super) fn read_recorded(
        &self,
        indicators: &[Indicator],
        packets: &[PacketForm],
        text: &str,
        target: Option<IpAddr>,
    ) -> Result<PingResult, Failure> {
        let text = self.reply.quiet(text);
        let answer = self.find(&text, target).map_err(|unread| unread.failure)?;
        let Some(counters) = answer.counters.clone() else {
            let read = self.without_counters(indicators, &answer, target, Ending::Complete);
            return read.map_err(|unread| unread.failure);
        };
        // A piece of text that names no target at all is read as it is.
        if answer.has_header && !answer.is_named {
            return Err(nameless(answer.text).failure);
        }
        self.never_left(indicators, answer.text, &counters)?;
        if counters.sent == 0 {
            return Err(unreadable("the router sent no packet".to_owned()));
        }
        let mut result = measured(&counters);
        self.explain(&mut result, indicators, answer.text, &counters);
        Ok(per_packet::told(packets, answer.text, target, result))
    }

    /// Whether the router has printed the target's counters.
    pub(super) fn has_counters(&self, text: &str, target: IpAddr) -> bool {
        let text = self.reply.quiet(text);
        self.find(&text, Some(target)).is_ok_and(|answer| answer.is_named && answer.counters.is_some())
    }

    fn find<'t>(&self, text: &'t str, target: Option<IpAddr>) -> Result<Answer<'t>, Unread> {
        self.reply.find(text, target).map_err(|why| match why {
            NoAnswer::NotOurs(why) => not_ours(why),
            NoAnswer::DoesNotAddUp(why) => unreadable(why).into(),
        })
    }

    /// Where the router says why it sent nothing, its counters of 0 replies say nothing about the line.
    fn never_left(&self, indicators: &[Indicator], text: &str, counters: &Counters) -> Result<(), Failure> {
        match counters.received {
            0 if !self.reply.has_reply(text) => {
                self.sending.refusal(indicators, text, counters.sent).map_or(Ok(()), Err)
            }
            _ => Ok(()),
        }
    }

    /// Adds what the router says about why nothing came back.
    fn explain(&self, result: &mut PingResult, indicators: &[Indicator], text: &str, counters: &Counters) {
        if counters.received > 0 {
            return;
        }
        if indicator::says_no_route(indicators, text) {
            result.reason = Some(Reason::NoRoute);
        } else if let Some(mtu) = self.sending.too_big(text) {
            result.reason = Some(Reason::TooBig);
            result.mtu = mtu;
        } else if self.reply.all_unreachable(text, counters.sent) {
            result.reason = Some(Reason::Unreachable);
        }
    }

    fn without_counters(
        &self,
        indicators: &[Indicator],
        answer: &Answer<'_>,
        target: Option<IpAddr>,
        ending: Ending,
    ) -> Result<PingResult, Unread> {
        let text = answer.text;
        match indicator::verdict(indicators, text) {
            // It may be about one packet, a run that was cut, or another target: the missing counters would tell.
            Some(Verdict::NoRoute(line))
                if ending != Ending::Complete
                    || self.reply.has_begun(answer)
                    || target.is_some_and(|target| names_only_others(&line, target)) =>
            {
                Err(no_statistics(text, ending))
            }
            Some(Verdict::NoRoute(_)) => Ok(PingResult {
                up: 0,
                loss: Some(100.0),
                complete: true,
                reason: Some(Reason::NoRoute),
                ..PingResult::default()
            }),
            Some(Verdict::Failure(failure)) => Err(failure.into()),
            None if ending == Ending::Complete && !self.reply.has_packets(text) => {
                Err(self.sending.refusal(&[], text, 1).map_or_else(|| no_statistics(text, ending), Unread::from))
            }
            None => Err(no_statistics(text, ending)),
        }
    }

    /// Takes the packets that were still on their way out of an aborted run's result. Without a reply it is a result only if
    /// enough packets had their full time-out; with one it says `up`, and a loss under the same condition.
    fn settle(
        &self,
        result: &mut PingResult,
        counters: &Counters,
        aborted: &Aborted,
        asked: u32,
    ) -> Result<(), Failure> {
        let complete = aborted.planned || (counters.received >= asked && counters.received >= counters.sent);
        let pending = aborted.pending();
        let settled = counters.sent.saturating_sub(pending.unwrap_or(0));
        let is_verdict = pending.is_some() && settled >= asked.min(VERDICT);
        if counters.received == 0 && !is_verdict {
            return Err(undecided(counters.sent, pending.unwrap_or(counters.sent), aborted.after));
        }
        *result = PingResult {
            complete,
            pending: pending.filter(|pending| *pending > 0),
            plain: result.plain,
            ..measured(&Counters { sent: settled, ..counters.clone() })
        };
        if !is_verdict {
            result.loss = None;
        }
        Ok(())
    }

    /// Returns what is certain of a ping that goes on: one reply makes the line `up`. There is no loss before the counters.
    pub(super) fn so_far(
        &self,
        packets: &[PacketForm],
        ping: &Ping,
        run: &Run,
        text: &str,
    ) -> Result<PingResult, Failure> {
        let text = self.reply.quiet(text);
        if self.reply.is_back(packets, &text, ping.target) {
            return Ok(PingResult { up: 1, plain: run.plain, ..PingResult::default() });
        }
        Err(Failure::new(
            Kind::Deadline,
            Stage::Probe,
            format!(
                "no reply so far to a ping of {} packets with a time-out of {} each; it goes on in the background, and a \
                 later poll brings its result",
                self.asked(ping, run),
                shown(self.timeout_of(ping, run))
            ),
        ))
    }

    fn plain_of(&self, run: &Run) -> Option<&Plain> {
        self.plain.as_ref().filter(|_| run.plain)
    }

    /// Returns the number of packets that the command sends.
    fn asked(&self, ping: &Ping, run: &Run) -> u32 {
        self.plain_of(run).map_or(ping.count, |plain| plain.count)
    }

    /// Returns the time-out of each of its packets.
    fn timeout_of(&self, ping: &Ping, run: &Run) -> Duration {
        self.plain_of(run).map_or_else(|| self.effective_timeout(ping), |plain| plain.timeout)
    }
}

/// Fewer packets than this without a reply say nothing about a line that loses many, unless no more were asked for.
const VERDICT: u32 = 3;

fn undecided(sent: u32, pending: u32, after: Duration) -> Failure {
    let packets = if sent == 1 { "packet" } else { "packets" };
    Failure::new(
        Kind::Deadline,
        Stage::Reply,
        format!(
            "the ping was aborted {:.2} s after it began: {sent} {packets} sent, none back so far, {pending} still within the \
             time-out; give more time, fewer packets or a shorter time-out",
            after.as_secs_f64()
        ),
    )
}

/// Counters so far of a session that was lost: a reply is a reply, nothing else is certain.
fn cut(result: &mut PingResult) -> Result<(), Failure> {
    if result.received == Some(0) {
        let message = "the session was lost before the router printed its last counters";
        return Err(Failure::new(Kind::Shell, Stage::Reply, message));
    }
    (result.complete, result.loss) = (false, None);
    Ok(())
}

fn no_statistics(text: &str, ending: Ending) -> Unread {
    match ending {
        // What a shell echoed late, or a ping that was killed: asked again it may have counters.
        Ending::Complete => not_ours(format!("no statistics in {:?}", excerpt(text))),
        Ending::Aborted { after, .. } | Ending::AbortedAndCut { after } => Failure::new(
            Kind::Deadline,
            Stage::Reply,
            format!("the ping was aborted after {:.2} s and the router printed no counters", after.as_secs_f64()),
        )
        .into(),
        Ending::Cut => {
            Failure::new(Kind::Shell, Stage::Reply, "the session was lost before the router printed its counters")
                .into()
        }
    }
}

fn nameless(text: &str) -> Unread {
    not_ours(format!("its counters do not name the target: {:?}", excerpt(text)))
}

fn not_ours(why: String) -> Unread {
    Unread { failure: unreadable(why), not_ours: true }
}

fn unreadable(why: String) -> Failure {
    Failure::new(Kind::Reply, Stage::Reply, format!("the router's answer to the ping was not understood: {why}"))
}

fn measured(counters: &Counters) -> PingResult {
    let Counters { sent, received, times } = *counters;
    let loss = 100.0 * f64::from(sent.saturating_sub(received)) / f64::from(sent.max(1));
    PingResult {
        up: u8::from(received > 0),
        sent: Some(sent),
        received: Some(received),
        loss: Some((loss * 1e4).round() / 1e4),
        rtt_min: times.map(|[min, _, _]| min),
        rtt_avg: times.map(|[_, avg, _]| avg),
        rtt_max: times.map(|[_, _, max]| max),
        complete: true,
        duplicates: (received > sent).then(|| received - sent),
        ..PingResult::default()
    }
}
