//! What a ping's answer means: counters → result, with what the router says about them, and without counters the failure that
//! its text is. Up, down and loss come from the counters only.

use super::indicator::{self, Indicator, Verdict, excerpt};
use super::part::names_only_others;
use super::pending::Aborted;
use super::per_packet::{self, PacketForm};
use super::ping::PingForm;
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
        let Some(counters) = answer.counters else {
            return self.without_counters(indicators, answer.text, Some(ping.target), ending);
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
        result.complete = ending != Ending::Cut;
        if let Ending::Aborted { after, planned } = ending {
            let plain = self.plain.as_ref().filter(|_| run.plain);
            let told = self.reply.told(answer.text);
            let timeout = plain.map_or_else(|| self.effective_timeout(ping), |plain| plain.timeout);
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
            self.settle(&mut result, &counters, &aborted, plain.map_or(ping.count, |plain| plain.count))?;
        } else if counters.sent == 0 {
            return Err(unreadable("the router sent no packet".to_owned()).into());
        }
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
        let Some(counters) = answer.counters else {
            let read = self.without_counters(indicators, answer.text, target, Ending::Complete);
            return read.map_err(|unread| unread.failure);
        };
        // A piece of text that names nobody at all is read as it is.
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
        text: &str,
        target: Option<IpAddr>,
        ending: Ending,
    ) -> Result<PingResult, Unread> {
        match indicator::verdict(indicators, text) {
            // Of one packet, of a run that was cut, or of another target: the counters that are missing would tell.
            Some(Verdict::NoRoute(line))
                if ending != Ending::Complete
                    || self.reply.has_packets(text)
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
            None => Err(no_statistics(text, ending)),
        }
    }

    /// Takes the packets that were still on their way out of an aborted run's result.
    fn settle(
        &self,
        result: &mut PingResult,
        counters: &Counters,
        aborted: &Aborted,
        asked: u32,
    ) -> Result<(), Failure> {
        result.complete = aborted.planned || (counters.received >= asked && counters.received >= counters.sent);
        let Some(pending) = aborted.pending() else {
            result.loss = None;
            return Ok(());
        };
        let settled = counters.sent.saturating_sub(pending);
        if settled == 0 {
            return Err(Failure::new(
                Kind::Deadline,
                Stage::Reply,
                format!(
                    "the ping was aborted after {:.2} s, before any packet had its time-out; give more time, a shorter \
                     time-out, or another lane if polls wait for each other",
                    aborted.after.as_secs_f64()
                ),
            ));
        }
        if pending > 0 {
            *result = PingResult {
                complete: result.complete,
                pending: Some(pending),
                plain: result.plain,
                ..measured(&Counters { sent: settled, ..counters.clone() })
            };
        }
        Ok(())
    }
}

fn no_statistics(text: &str, ending: Ending) -> Unread {
    match ending {
        // What a shell echoed late, or a ping that was killed: asked again it may have counters.
        Ending::Complete => not_ours(format!("no statistics in {:?}", excerpt(text))),
        Ending::Aborted { after, .. } => Failure::new(
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
