//! Spooled values to one server, oldest first, batch by batch; each account goes into the books before the next batch. Knows
//! nothing of lines, and not how a batch is sent.

use super::books::{self, Books, Totals};
use super::spool::{Found, Position, Spool};
use super::suspects::Suspects;
use crate::clock;
use crate::deadline::Deadline;
use crate::state;
use crate::zabbix::sender::{Count, NotSent, Sender, Value};
use crate::zabbix::servers::Server;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Waiting for another sweep that sends to the same server; it sends our values, too.
const TURN: Duration = Duration::from_secs(10);
/// Hosts whose refused items are named one by one; of more than these the number.
const HOSTS_NAMED: usize = 50;

/// Sends one batch.
pub trait Post {
    /// How many of these values may go together; at least one of at least one.
    fn together<'a>(&self, values: impl IntoIterator<Item = &'a Value>) -> usize {
        values.into_iter().count()
    }

    fn post(&mut self, values: &[Value], deadline: Deadline) -> Result<Count, NotSent>;
}

impl Post for Sender {
    fn together<'a>(&self, values: impl IntoIterator<Item = &'a Value>) -> usize {
        Sender::together(self, values)
    }

    fn post(&mut self, values: &[Value], deadline: Deadline) -> Result<Count, NotSent> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.send(values, (now.as_secs(), now.subsec_nanos()), deadline)
    }
}

/// How values are delivered.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Values per batch at most.
    pub batch: usize,
    /// Values per second at most.
    pub rate: u32,
    /// Values that nobody took for so long are dropped.
    pub age: Duration,
}

/// What one go has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Answered values: taken, and not taken.
    pub processed: u64,
    pub failed: u64,
    pub dropped: u64,
    /// Why it ended before the spool was empty.
    pub stopped: Option<String>,
}

/// The way of values to one server.
pub struct Delivery<P> {
    spool: Spool,
    server: Server,
    post: P,
    pace: Pace,
    books: Books,
    suspects: Suspects,
}

impl<P: Post> Delivery<P> {
    pub fn open(spool: Spool, server: Server, post: P, pace: Pace) -> io::Result<Self> {
        let books = Books::open(&spool, &server)?;
        let suspects = read_suspects(&books);
        Ok(Self { spool, server, post, pace, books, suspects })
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What is known of the items that this server does not take.
    pub fn suspects(&self) -> &Suspects {
        &self.suspects
    }

    /// Sends what there is, until it is all sent, a batch is not answered, the time is over, or `stop` says so.
    ///
    /// # Errors
    /// The spool or the books cannot be read.
    pub fn run(&mut self, deadline: Deadline, stop: &dyn Fn() -> bool) -> io::Result<Delivered> {
        let mut done = Delivered::default();
        let _turn = match self.books.lock(deadline.or_after(TURN)) {
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                done.stopped = Some("another sweep is sending".to_owned());
                return Ok(done);
            }
            other => other?,
        };
        self.books.refresh(&self.spool)?;
        self.suspects = read_suspects(&self.books);
        let before = self.suspects.clone();
        let result = self.send_all(&mut done, deadline, stop);
        self.name();
        if self.suspects != before {
            // Without it the search begins again: nothing is lost by that.
            let kept = serde_json::to_vec(&self.suspects).map_err(Into::into);
            let kept = kept.and_then(|json| state::replace(&self.books.suspects(), &json));
            kept.unwrap_or_else(|e| log::warn!(error:% = e; "the items that Zabbix refuses could not be noted"));
        }
        result.map(|()| done)
    }

    /// Values that no disk took: they go after all that is spooled. What was answered is taken out of them.
    pub fn send_unspooled(&mut self, values: &mut Vec<Value>, deadline: Deadline, done: &mut Delivered) {
        let mut answered = Totals::default();
        while done.stopped.is_none() && !values.is_empty() {
            let batch = self.post.together(values.iter().take(self.pace.batch.max(1)));
            match self.post.post(&values[..batch], deadline) {
                Ok(count) => {
                    answered.processed += count.processed;
                    answered.failed += count.failed;
                    values.drain(..batch);
                }
                Err(why) => done.stopped = Some(why.to_string()),
            }
        }
        done.processed += answered.processed;
        done.failed += answered.failed;
        self.note(answered);
    }

    /// What became of values that were never in the spool.
    pub fn note(&mut self, more: Totals) {
        if more == Totals::default() {
            return;
        }
        let noted = self.books.lock(Deadline::after(TURN)).and_then(|_turn| {
            self.books.refresh(&self.spool)?;
            let totals = &mut self.books.page.totals;
            totals.processed += more.processed;
            totals.failed += more.failed;
            totals.dropped += more.dropped;
            self.books.save()
        });
        noted.unwrap_or_else(|e| log::error!(error:% = e; "the books of a server cannot be written"));
    }

    fn send_all(&mut self, done: &mut Delivered, deadline: Deadline, stop: &dyn Fn() -> bool) -> io::Result<()> {
        loop {
            let mut found = self.spool.read(self.books.page.next, self.pace.batch)?;
            if found.is_empty() {
                return Ok(());
            }
            if stop() || deadline.is_over() {
                done.stopped = Some("the time was over".to_owned());
                return Ok(());
            }
            found.truncate(self.suspects.cut(found.iter().map(|found| &found.value)));
            found.truncate(self.post.together(found.iter().map(|found| &found.value)));
            let begun = Instant::now();
            let values: Vec<Value> = found.iter().map(|found| found.value.clone()).collect();
            match self.post.post(&values, deadline) {
                Ok(count) => self.settle(&found, &values, count, done)?,
                Err(why) => {
                    log::debug!(server:% = self.server, why:%; "values stay in the spool");
                    done.stopped = Some(why.to_string());
                    return self.drop_old(done);
                }
            }
            let due = Duration::from_secs_f64(found.len() as f64 / f64::from(self.pace.rate.max(1)));
            deadline.pause(due.saturating_sub(begun.elapsed()));
        }
    }

    fn settle(&mut self, found: &[Found], values: &[Value], count: Count, done: &mut Delivered) -> io::Result<()> {
        let page = &mut self.books.page;
        let gaps = found.iter().map(|found| found.gap).sum::<u64>();
        page.totals.processed += count.processed;
        page.totals.failed += count.failed;
        page.totals.dropped += gaps;
        if let Some(last) = found.last() {
            page.next = last.after;
        }
        done.processed += count.processed;
        done.failed += count.failed;
        done.dropped += gaps;
        self.suspects.answered(values, count.failed, seconds());
        // They are answered whatever becomes of the books: in this run none is sent again.
        self.books.save().unwrap_or_else(|e| log::error!(error:% = e; "the books of a server cannot be written"));
        Ok(())
    }

    /// Nobody takes them, and they are older than anyone wants, or too many.
    fn drop_old(&mut self, done: &mut Delivered) -> io::Result<()> {
        let oldest = seconds().saturating_sub(self.pace.age.as_secs());
        let first = self.spool.first()?;
        let mut dropped = first.saturating_sub(self.books.page.next.number);
        if dropped > 0 {
            self.books.page.next = Position { number: first, ..Position::default() };
            self.books.page.totals.dropped += dropped;
        }
        loop {
            let found = self.spool.read(self.books.page.next, self.pace.batch)?;
            let old = found.iter().take_while(|found| found.value.clock < oldest).count();
            let Some(last) = found[..old].last() else { break };
            let gone = last.after.number - self.books.page.next.number;
            self.books.page.next = last.after;
            self.books.page.totals.dropped += gone;
            dropped += gone;
        }
        if dropped > 0 {
            log::warn!(server:% = self.server, values = dropped; "spooled values are too old or too many, and dropped");
            self.books.save()?;
        }
        done.dropped += dropped;
        Ok(())
    }

    fn name(&mut self) {
        let items = self.suspects.to_name(seconds());
        let mut hosts: Vec<(String, Vec<String>)> = Vec::new();
        for (host, key) in items {
            match hosts.last_mut() {
                Some((last, keys)) if *last == host => keys.push(key),
                _ => hosts.push((host, vec![key])),
            }
        }
        for (host, keys) in hosts.iter().take(HOSTS_NAMED) {
            log::warn!(
                server:% = self.server, host, keys:% = keys.join(", ");
                "zabbix does not take values: is there such a host with such trapper items, is it monitored by this server or \
                 proxy, and are its allowed hosts right?"
            );
        }
        if let Some(more) = hosts.len().checked_sub(HOSTS_NAMED).filter(|more| *more > 0) {
            log::warn!(server:% = self.server, hosts = more; "zabbix does not take values of more hosts; `status` names them");
        }
    }
}

/// Removes what every server has had.
pub fn forget_sent(spool: &Spool, servers: &[Server], deadline: Deadline) -> io::Result<()> {
    spool.forget_before(books::settled(spool, servers)?, deadline)
}

/// Items that this server does not take, and the books' totals and what is spooled for it. Changes nothing.
pub fn look(spool: &Spool, server: &Server) -> io::Result<(Totals, u64, Suspects)> {
    let (totals, spooled) = books::account(spool, server)?;
    let suspects = state::read(&books::suspects(spool, server)).ok();
    let suspects = suspects.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    Ok((totals, spooled, suspects))
}

fn read_suspects(books: &Books) -> Suspects {
    state::read(&books.suspects()).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

fn seconds() -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time since 1970")]
    let seconds = clock::now() as u64;
    seconds
}

#[cfg(test)]
mod tests;
