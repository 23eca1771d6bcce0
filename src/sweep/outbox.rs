//! Values on their way out of a sweep: put into the spool by whoever measured them, sent by one thread per server. A server that
//! does not answer is asked again and again, and delays no other. Knows nothing of lines.

use super::books::{self, Totals};
use super::deliver::{self, Delivered, Delivery};
use super::report;
use super::spool::Spool;
use super::summary::ServerSummary;
use crate::deadline::Deadline;
use crate::zabbix::sender::{Sender, Value};
use crate::zabbix::servers::Server;
use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The lock of the spool is held for milliseconds; on a disk that hangs nothing works.
const LOCK_LIMIT: Duration = Duration::from_secs(10);
/// However little time is left: others write, too.
const SHORTEST_LIMIT: Duration = Duration::from_millis(500);
/// Values of so long go into one batch, when nothing is in a hurry.
const GATHER: Duration = Duration::from_millis(500);
/// A server that does not answer is asked again after this, doubling to the other.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// After the end a thread that was told has so long to say what became of its last batch; one that waits for a server is left alone.
const LEFT_ALONE: Duration = Duration::from_millis(500);
/// How often it is looked whether somebody is in a hurry now.
const LOOK: Duration = Duration::from_millis(50);
/// Values kept in memory while the disk takes none, per server.
const UNSPOOLED: usize = 100_000;

pub(super) struct Outbox {
    spool: Spool,
    servers: Vec<Server>,
    mail: Mutex<Mail>,
    news: Condvar,
    doubts: Mutex<Vec<Doubts>>,
}

/// By host, the items of which a server may not have taken the last text.
type Doubts = HashMap<String, HashSet<String>>;

/// What the threads that send are told.
#[derive(Default)]
struct Mail {
    /// How often something was spooled.
    posts: u64,
    /// Nothing more comes; until when what is there is sent.
    closing: Option<Deadline>,
    /// What no disk took, by server.
    unspooled: Vec<Vec<Value>>,
    /// What the threads have done so far, by server.
    reports: Vec<Report>,
}

#[derive(Clone, Default)]
struct Report {
    summary: ServerSummary,
    /// Values that no disk took and that its thread has now.
    in_hand: usize,
    /// Its thread has ended.
    is_last: bool,
}

impl Outbox {
    pub(super) fn new(spool: Spool, servers: Vec<Server>) -> Self {
        let unspooled = vec![Vec::new(); servers.len()];
        let report = |server: &Server| Report { summary: ServerSummary::of(server), ..Report::default() };
        let reports = servers.iter().map(report).collect();
        let doubts = Mutex::new(vec![Doubts::new(); servers.len()]);
        let mail = Mutex::new(Mail { unspooled, reports, ..Mail::default() });
        Self { spool, servers, mail, news: Condvar::new(), doubts }
    }

    /// What is known of a server's items from now on.
    pub(super) fn learn(&self, at: usize, delivery: &Delivery<Sender>) {
        let mut doubts = Doubts::new();
        for (host, key) in delivery.suspects().all().filter(|(_, key)| report::is_text(key)) {
            doubts.entry(host.clone()).or_default().insert(key.clone());
        }
        self.doubts()[at] = doubts;
    }

    /// A server may not have taken the last text of this item.
    pub(super) fn doubts_of(&self, host: &str, key: &str) -> bool {
        self.doubts().iter().any(|doubts| doubts.get(host).is_some_and(|keys| keys.contains(key)))
    }

    fn doubts(&self) -> MutexGuard<'_, Vec<Doubts>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To the spool, or where no disk takes them, to the threads that send. How many were dropped, since memory has an end, too.
    /// `end`: of the measuring; a spool that is locked for so long counts as none.
    pub(super) fn put(&self, values: Vec<Value>, end: Deadline) -> u64 {
        if values.is_empty() {
            return 0;
        }
        let mut dropped = 0;
        let limit = end.max(Deadline::after(SHORTEST_LIMIT)).or_after(LOCK_LIMIT);
        let spooled = self.spool.append(&values, limit);
        let mut mail = self.mail();
        if let Err(e) = spooled {
            log::error!(error:% = e, values = values.len(); "values cannot be spooled and are kept in memory");
            for unspooled in &mut mail.unspooled {
                let room = UNSPOOLED.saturating_sub(unspooled.len());
                unspooled.extend(values.iter().take(room).cloned());
                dropped += values.len().saturating_sub(room) as u64;
            }
        }
        mail.posts += 1;
        drop(mail);
        self.news.notify_all();
        dropped
    }

    /// Nothing more comes: what is there is sent until then, or until so long after somebody was in a hurry. What became of it,
    /// by server: a server that does not answer holds up nobody, its values are in the spool.
    pub(super) fn close(&self, end: Deadline, hurry: (&dyn Fn() -> bool, Duration)) -> Vec<ServerSummary> {
        let mut mail = self.mail();
        mail.closing = Some(end);
        self.news.notify_all();
        let mut end = Deadline::after(end.remaining() + LEFT_ALONE);
        let mut hurries = false;
        while mail.reports.iter().any(|report| !report.is_last) && !end.is_over() {
            if !hurries && hurry.0() {
                hurries = true;
                end = end.or_after(hurry.1);
            }
            let waited = self.news.wait_timeout(mail, LOOK);
            mail = waited.map_or_else(|e| e.into_inner().0, |(mail, _)| mail);
        }
        (0..self.servers.len()).map(|at| self.summary(&mail, at)).collect()
    }

    fn summary(&self, mail: &Mail, at: usize) -> ServerSummary {
        let Report { mut summary, in_hand, is_last } = mail.reports[at].clone();
        if !is_last {
            summary.failure = Some("no answer in time".to_owned());
            summary.dropped += lost(&self.servers[at], in_hand + mail.unspooled[at].len());
        }
        summary.spooled = books::account(&self.spool, &self.servers[at]).map_or(0, |(_, spooled)| spooled);
        summary
    }

    /// One server's thread: sends when something was spooled, and again when it was not taken.
    pub(super) fn send(&self, at: usize, mut delivery: Delivery<Sender>) {
        let mut summary = ServerSummary::of(delivery.server());
        let mut seen = 0;
        let mut retry: Option<(Deadline, Duration)> = None;
        loop {
            let mut mail = self.mail();
            // What an earlier sweep left is sent first of all.
            let mut wake = seen == 0;
            while mail.closing.is_none() && !wake {
                let wait = retry.map_or(LAST_RETRY, |(then, _)| then.remaining());
                mail = self.news.wait_timeout(mail, wait).map_or_else(|e| e.into_inner().0, |(mail, _)| mail);
                wake = match retry {
                    Some((then, _)) => then.is_over(),
                    None => mail.posts >= seen,
                };
            }
            if mail.closing.is_none() && seen > 0 {
                let gather = |mail: &mut Mail| mail.closing.is_none();
                let gathered = self.news.wait_timeout_while(mail, GATHER, gather);
                mail = gathered.map_or_else(|e| e.into_inner().0, |(mail, _)| mail);
            }
            seen = mail.posts + 1;
            let closing = mail.closing;
            let mut left = std::mem::take(&mut mail.unspooled[at]);
            mail.reports[at].in_hand = left.len();
            drop(mail);
            let deadline = closing.unwrap_or_else(|| Deadline::after(LAST_RETRY));
            // Told in the middle of a long queue: what is left has its own, shorter time.
            let stop = || closing.is_none() && self.mail().closing.is_some();
            let (mut delivered, unread) = match delivery.run(deadline, &stop) {
                Ok(delivered) => (delivered, None),
                Err(e) => (Delivered::default(), Some(format!("the spool cannot be read: {e}"))),
            };
            delivery.send_unspooled(&mut left, deadline, &mut delivered);
            delivered.stopped = unread.or(delivered.stopped);
            self.learn(at, &delivery);
            let forgotten = deliver::forget_sent(&self.spool, &self.servers, Deadline::after(LOCK_LIMIT));
            forgotten.unwrap_or_else(|e| log::error!(error:% = e; "sent values could not be removed from the spool"));
            let dropped = self.keep_unspooled(at, left, closing.is_some());
            delivery.note(Totals { dropped, ..Totals::default() });
            summary.dropped += dropped;
            summary.add(delivered);
            let is_last = closing.is_some();
            if self.report(at, Report { summary: summary.clone(), in_hand: 0, is_last }) {
                return;
            }
            if closing.is_none() && self.mail().closing.is_some() {
                // It was told in the middle: once more, with the time that is left.
                continue;
            }
            let was_waiting = retry.is_some();
            retry = match (&summary.failure, retry) {
                (None, _) => None,
                (Some(_), None) => Some(FIRST_RETRY),
                (Some(_), Some((_, last))) => Some((last * 2).min(LAST_RETRY)),
            }
            .map(|time| (Deadline::after(time), time));
            if was_waiting && retry.is_none() {
                log::info!(server = summary.server.as_str(); "values are taken again");
            }
            if let (Some(why), Some((_, FIRST_RETRY))) = (&summary.failure, retry) {
                log::warn!(server = summary.server.as_str(), why = why.as_str(); "values stay in the spool");
            }
        }
    }

    /// True for the last one.
    fn report(&self, at: usize, report: Report) -> bool {
        let is_last = report.is_last;
        self.mail().reports[at] = report;
        self.news.notify_all();
        is_last
    }

    /// For the next try, if there is one; how many were lost.
    fn keep_unspooled(&self, at: usize, mut left: Vec<Value>, closing: bool) -> u64 {
        if left.is_empty() {
            return 0;
        }
        if closing {
            return lost(&self.servers[at], left.len());
        }
        let mut mail = self.mail();
        left.append(&mut mail.unspooled[at]);
        // The oldest go first.
        let lost = left.len().saturating_sub(UNSPOOLED);
        left.drain(..lost);
        mail.unspooled[at] = left;
        lost as u64
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost(server: &Server, values: usize) -> u64 {
    if values > 0 {
        log::error!(server:%, values; "values that no disk took are lost");
    }
    values as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_no_disk_takes_are_kept_up_to_a_bound_and_the_rest_is_counted() {
        let servers = crate::zabbix::servers::parse("192.0.2.1,192.0.2.2").unwrap();
        // No folder can be made below a file.
        let outbox = Outbox::new(Spool::new("/dev/null/spool".into(), 1 << 20), servers);
        let value = Value { host: "h".into(), key: "k".into(), value: "1".into(), clock: 1, ns: 0 };
        let piece = vec![value; UNSPOOLED / 2 + 1];
        assert_eq!(outbox.put(piece.clone(), Deadline::after(Duration::ZERO)), 0);
        assert_eq!(outbox.put(piece, Deadline::after(Duration::ZERO)), 2 * 2);
        assert!(outbox.mail().unspooled.iter().all(|kept| kept.len() == UNSPOOLED));
    }
}
