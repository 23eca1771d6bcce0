//! Whether a login may be tried now: hold-downs after failed logins, and the budget of logins per router and over all
//! masters of a state directory. Kept in one small file, so that a new master, and a client that finds none, know too.
//! Times are wall-clock: they must outlive the process.

use crate::clock::now;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::settings::{Budget, LoginSettings};
use crate::state::{self, Lock};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// First hold-down of a router out of reach, doubling to the last.
const OUT_OF_REACH: (f64, f64) = (10.0, 60.0);
/// A credential refused by this many routers with no success in between is held everywhere: one login server behind them all.
const ROUTERS_REFUSING: usize = 3;
/// After this many refusals by one router a credential is held until it changes or is forgotten.
const ROUNDS: u32 = 3;
/// How long to wait for the file's lock: it is held for a read and a write, but 200 masters may begin at once on a small machine.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The book of logins of one state directory.
#[derive(Clone, Debug)]
pub struct Logins {
    path: PathBuf,
    settings: LoginSettings,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Book {
    /// By router (`host:port`): out of reach.
    routers: BTreeMap<String, Hold>,
    /// By credential, then router: refused.
    credentials: BTreeMap<String, BTreeMap<String, Hold>>,
    /// Spent budgets, by router; the empty name is all routers together.
    budgets: BTreeMap<String, Bucket>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Hold {
    failure: Failure,
    /// How many times in a row.
    rounds: u32,
    from: f64,
    /// Absent = until the credential changes or is forgotten.
    until: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Bucket {
    /// Logins left at `at`.
    left: f64,
    at: f64,
}

impl Logins {
    pub fn new(path: PathBuf, settings: LoginSettings) -> Self {
        Self { path, settings }
    }

    /// The failure of old while it still holds, with `retry_in`. Reads only.
    pub fn held(&self, router: &str, credential: &str) -> Option<Failure> {
        self.read().ok()?.held(router, credential, now())
    }

    /// Takes a login from the budgets, or says why not. A book that cannot be written permits nothing: without it a refused
    /// password would be tried again and again.
    pub fn permit(&self, router: &str, credential: &str) -> Result<(), Failure> {
        let now = now();
        let mut verdict = Ok(());
        self.change(|book| {
            if let Some(failure) = book.held(router, credential, now) {
                verdict = Err(failure);
                return;
            }
            let one = book.budget(router, self.settings.per_router, now);
            let all = book.budget("", self.settings.all_routers, now);
            match (one, all) {
                (Ok(one), Ok(all)) => {
                    book.budgets.insert(router.to_owned(), one);
                    book.budgets.insert(String::new(), all);
                }
                (Err(wait), _) => verdict = Err(login_limit(&format!("router {router}"), wait)),
                (_, Err(wait)) => verdict = Err(login_limit("all routers together", wait)),
            }
        })
        .map_err(|e| self.unusable(&e))?;
        verdict
    }

    fn unusable(&self, error: &io::Error) -> Failure {
        let book = self.path.display();
        // Nobody's mistake: very many masters begin at once, or the one that holds the lock was stopped.
        if error.kind() == io::ErrorKind::TimedOut {
            let what = format!(
                "book of logins {book}: {error} by other masters; no login is tried without it, the next poll tries again"
            );
            return Failure::new(Kind::Master, Stage::Connect, what);
        }
        Failure::settings(format!(
            "book of logins {book}: {error}; no login is tried without it: make the state directory writable"
        ))
    }

    /// Starts or lengthens a hold-down. `auth` holds the credential, the other kinds the router; kinds that say nothing
    /// about a login hold nothing.
    pub fn failed(&self, router: &str, credential: &str, failure: &Failure) -> io::Result<()> {
        let now = now();
        let first = self.settings.hold_down.as_secs_f64();
        let last = self.settings.hold_down_max.as_secs_f64();
        self.change(|book| match failure.kind {
            Kind::Auth => {
                let routers = book.credentials.entry(credential.to_owned()).or_default();
                let hold = Hold::after(routers.get(router), failure, now, (first, last));
                let forever = hold.rounds >= ROUNDS;
                routers.insert(router.to_owned(), Hold { until: hold.until.filter(|_| !forever), ..hold });
            }
            Kind::Connect | Kind::Busy | Kind::Shell | Kind::HostKey => {
                let hold = Hold::after(book.routers.get(router), failure, now, OUT_OF_REACH);
                book.routers.insert(router.to_owned(), hold);
            }
            // The router was not asked. A key file that does not read must not use up the logins of others.
            Kind::Settings => {
                book.give_back(router, self.settings.per_router);
                book.give_back("", self.settings.all_routers);
            }
            _ => {}
        })
    }

    /// A login that worked ends the hold-downs of its router and its credential.
    pub fn succeeded(&self, router: &str, credential: &str) -> io::Result<()> {
        if self
            .read()
            .is_ok_and(|book| !book.routers.contains_key(router) && !book.credentials.contains_key(credential))
        {
            return Ok(());
        }
        self.change(|book| {
            book.routers.remove(router);
            book.credentials.remove(credential);
        })
    }

    /// A person says: try again. The routers that were held, of one or of all.
    pub fn forget(&self, router: Option<&str>) -> io::Result<Vec<String>> {
        let mut forgotten = BTreeSet::new();
        self.change(|book| {
            let meant = |name: &String| router.is_none_or(|router| router == name);
            forgotten.extend(book.routers.keys().filter(|name| meant(name)).cloned());
            book.routers.retain(|name, _| !meant(name));
            for routers in book.credentials.values_mut() {
                if routers.keys().any(meant) {
                    // Held everywhere because of this and two more routers: all of that is forgotten.
                    forgotten.extend(routers.keys().filter(|name| meant(name)).cloned());
                    routers.clear();
                }
                // A router that only the others' refusals hold.
                if routers.len() >= ROUTERS_REFUSING {
                    forgotten.extend(router.map(str::to_owned));
                    routers.clear();
                }
            }
            book.credentials.retain(|_, routers| !routers.is_empty());
            book.budgets.retain(|name, _| !meant(name));
        })?;
        Ok(forgotten.into_iter().collect())
    }

    fn read(&self) -> io::Result<Book> {
        match std::fs::read(&self.path) {
            // A book that does not read is begun anew: a hold-down forgotten costs one login, a broken file would cost them all.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Book::default()),
            Err(e) => Err(e),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Book)) -> io::Result<()> {
        let lock = Lock::acquire(&self.path.with_extension("lock"), Deadline::after(LOCK_WAIT))?;
        let mut book = self.read()?;
        change(&mut book);
        book.tidy(now(), &self.settings);
        state::replace(&self.path, &serde_json::to_vec(&book)?)?;
        drop(lock);
        Ok(())
    }
}

impl Book {
    fn held(&self, router: &str, credential: &str, now: f64) -> Option<Failure> {
        let refused = self.credentials.get(credential);
        let here = refused.and_then(|routers| routers.get(router)).and_then(|hold| hold.failure(now));
        here.or_else(|| self.routers.get(router).and_then(|hold| hold.failure(now))).or_else(|| {
            let routers = refused.filter(|routers| routers.len() >= ROUTERS_REFUSING)?;
            // The longest of them all, told as what it is: this router has not refused anything yet.
            let mut failure = routers.values().filter_map(|hold| hold.failure(now)).max_by(|a, b| {
                let wait = |f: &Failure| f.retry_in.unwrap_or(f64::INFINITY);
                wait(a).total_cmp(&wait(b))
            })?;
            failure.message = format!(
                "{} routers refused this user and password, so it is not tried on {router} either: {}",
                routers.len(),
                failure.message
            );
            Some(failure)
        })
    }

    /// The bucket after one more login, or the seconds until there is one.
    fn budget(&self, name: &str, budget: Budget, now: f64) -> Result<Bucket, f64> {
        let burst = f64::from(budget.burst);
        let every = budget.every.as_secs_f64().max(0.001);
        let left = self.budgets.get(name).map_or(burst, |bucket| {
            // A clock that was set back must not lock the budget up.
            (bucket.left + (now - bucket.at).max(0.0) / every).min(burst)
        });
        if left >= 1.0 { Ok(Bucket { left: left - 1.0, at: now }) } else { Err((1.0 - left) * every) }
    }

    fn give_back(&mut self, name: &str, budget: Budget) {
        if let Some(bucket) = self.budgets.get_mut(name) {
            bucket.left = (bucket.left + 1.0).min(f64::from(budget.burst));
        }
    }

    /// Drops what says nothing any more: full buckets, and holds that are long over.
    fn tidy(&mut self, now: f64, settings: &LoginSettings) {
        let stale = |hold: &Hold| hold.until.is_some_and(|until| now - until > 3600.0);
        self.routers.retain(|_, hold| !stale(hold));
        for routers in self.credentials.values_mut() {
            routers.retain(|_, hold| !stale(hold));
        }
        self.credentials.retain(|_, routers| !routers.is_empty());
        let per = settings.per_router;
        self.budgets.retain(|name, bucket| {
            name.is_empty()
                || bucket.left + (now - bucket.at).max(0.0) / per.every.as_secs_f64().max(0.001) < f64::from(per.burst)
        });
    }
}

impl Hold {
    fn after(before: Option<&Self>, failure: &Failure, now: f64, (first, last): (f64, f64)) -> Self {
        let rounds = before.map_or(0, |hold| hold.rounds) + 1;
        let time = (first * 2f64.powi(rounds.min(16).cast_signed() - 1)).min(last.max(first));
        let failure = Failure { retry_in: None, ..failure.clone() };
        Self { failure, rounds, from: now, until: Some(now + time) }
    }

    fn failure(&self, now: f64) -> Option<Failure> {
        match self.until {
            // Set back clocks: never longer than it was meant to be.
            Some(until) => {
                let wait = (until - now).min(until - self.from);
                (wait > 0.0)
                    .then(|| Failure { retry_in: Some((wait * 1000.0).round() / 1000.0), ..self.failure.clone() })
            }
            None => {
                let mut failure = self.failure.clone();
                failure.message.push_str(
                    " (refused 3 times: not tried again until it changes, or `ddl-monitor stop --router R --forget`)",
                );
                Some(failure)
            }
        }
    }
}

fn login_limit(whose: &str, wait: f64) -> Failure {
    let mut failure = Failure::new(
        Kind::LoginLimit,
        Stage::Login,
        format!("budget of logins for {whose} is used up; one more in {wait:.1} s"),
    );
    failure.retry_in = Some((wait * 1000.0).round() / 1000.0);
    failure
}

#[cfg(test)]
mod tests;
