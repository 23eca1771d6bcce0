//! Whether a login may be tried now: hold-downs after failed logins, and the login budgets of each router and of all
//! masters of a state directory. One small file keeps them, so that a new master and a client without a master see them.
//! Times are wall-clock times because they outlive the process; a clock that is set back never prolongs a hold-down.

mod book;

use crate::clock::now;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::settings::LoginSettings;
use crate::small_file;
use crate::state::{self, Lock};
use book::{Book, Hold};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// First and longest hold-down of a login that failed for another reason than its credential, in seconds.
const OUT_OF_REACH: (f64, f64) = (10.0, 60.0);
/// Limit for acquiring the file's lock. Each holder only reads and writes the file, but 200 masters may start at once on a
/// small machine.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Added to the limit of a login, in seconds, before another master may take the trial of one that died.
const TRIAL_MARGIN: f64 = 5.0;

/// A login as the book of logins knows it.
#[derive(Clone, Debug)]
pub struct LoginId {
    /// `host:port`.
    pub router: String,
    /// The name of the master, a hash of everything that the login depends on. Another way to the same router is another
    /// login: another proxy command, host-key policy, algorithm set, user or platform.
    pub way: String,
    /// See [`crate::identity::credential`].
    pub credential: String,
    /// The file of host keys. A hold-down of kind `host_key` ends when this file changes.
    pub known_hosts: PathBuf,
}

/// The book of logins of one state directory.
#[derive(Clone, Debug)]
pub struct Logins {
    path: PathBuf,
    settings: LoginSettings,
}

impl Logins {
    pub fn new(path: PathBuf, settings: LoginSettings) -> Self {
        Self { path, settings }
    }

    /// Returns the recorded failure, with `retry_in`, while a hold-down of this login is active. Only reads.
    pub fn held(&self, login: &LoginId) -> Option<Failure> {
        self.read().ok()?.held(login, now())
    }

    /// Takes a login from the budgets, or says why not. Without a writable book no login is permitted: a refused password
    /// would be tried again and again.
    pub fn permit(&self, login: &LoginId) -> Result<(), Failure> {
        if let Some(failure) = self.held(login) {
            return Err(failure);
        }
        let now = now();
        let mut verdict = Ok(());
        self.change(|book| {
            if let Some(failure) = book.held(login, now) {
                verdict = Err(failure);
                return;
            }
            let one = book.budget(&login.router, self.settings.per_router, now);
            let all = book.budget("", self.settings.all_routers, now);
            match (one, all) {
                (Ok(one), Ok(all)) => {
                    book.budgets.insert(login.router.clone(), one);
                    book.budgets.insert(String::new(), all);
                    book.begin(login, now, self.settings.timeout.as_secs_f64() + TRIAL_MARGIN);
                }
                (Err(wait), _) => verdict = Err(login_limit(&format!("router {}", login.router), wait)),
                (_, Err(wait)) => verdict = Err(login_limit("all routers together", wait)),
            }
        })
        .map_err(|e| self.unusable(&e))?;
        verdict
    }

    fn unusable(&self, error: &io::Error) -> Failure {
        let book = self.path.display();
        // Not a wrong setting: very many masters start at once, or the master that holds the lock was stopped.
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

    /// Starts or lengthens a hold-down: `auth` holds the credential, `connect`, `busy`, `shell` and `host_key` hold this
    /// login on this router. Kinds that say nothing about a login hold nothing.
    pub fn failed(&self, login: &LoginId, failure: &Failure) -> io::Result<()> {
        let now = now();
        let limits = (self.settings.hold_down.as_secs_f64(), self.settings.hold_down_max.as_secs_f64());
        let file = (failure.kind == Kind::HostKey).then(|| small_file::stamp(&login.known_hosts));
        self.change(|book| {
            book.end_trial(login);
            match failure.kind {
                Kind::Auth => book.refused(login, failure, now, limits),
                Kind::Connect | Kind::Busy | Kind::Shell | Kind::HostKey => {
                    let ways = book.ways.entry(login.router.clone()).or_default();
                    let hold = Hold::after(ways.get(&login.way), failure, now, OUT_OF_REACH);
                    ways.insert(login.way.clone(), Hold { file, ..hold });
                }
                // The router was not asked. A key file that cannot be read must not use up the logins of others.
                Kind::Settings => {
                    book.give_back(&login.router);
                    book.give_back("");
                }
                _ => {}
            }
        })
    }

    /// Ends the hold-downs of this login. Its credential works: it is tried everywhere again.
    pub fn succeeded(&self, login: &LoginId) -> io::Result<()> {
        if self.read().is_ok_and(|book| !book.knows(login)) {
            return Ok(());
        }
        self.change(|book| book.succeeded(login))
    }

    /// Forgets the failed logins of one router or of all, for a user who wants the next attempt now. Returns the routers
    /// that were held.
    pub fn forget(&self, router: Option<&str>) -> io::Result<Vec<String>> {
        let mut forgotten = Vec::new();
        self.change(|book| forgotten = book.forget(router))?;
        Ok(forgotten)
    }

    fn read(&self) -> io::Result<Book> {
        let bytes = match state::read(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Book::default()),
            other => other?,
        };
        // An unreadable book starts empty: a lost hold-down costs one login, a refused file would cost all of them.
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn change(&self, change: impl FnOnce(&mut Book)) -> io::Result<()> {
        let lock = Lock::acquire(&self.path.with_extension("lock"), Deadline::after(LOCK_WAIT))?;
        let mut book = self.read()?;
        book.repair(now());
        change(&mut book);
        book.tidy(now(), &self.settings);
        state::replace(&self.path, &serde_json::to_vec(&book)?)?;
        drop(lock);
        Ok(())
    }
}

fn login_limit(whose: &str, wait: f64) -> Failure {
    let mut failure = Failure::new(
        Kind::LoginLimit,
        Stage::Login,
        format!("login budget of {whose} is used up; one more login in {wait:.1} s"),
    );
    failure.retry_in = Some(book::rounded(wait));
    failure
}

#[cfg(test)]
mod tests;
