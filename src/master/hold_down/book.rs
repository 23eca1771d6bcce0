//! The book of logins and its rules. No file and no clock: the caller passes the time, in seconds since 1970.

use super::LoginId;
use crate::duration;
use crate::failure::Failure;
use crate::settings::{Budget, LoginSettings};
use crate::small_file::{self, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A credential that this many routers refused without a success in between is held everywhere: one login server answers
/// for them all.
const ROUTERS_REFUSING: usize = 3;
/// While a credential is held everywhere, routers that have not refused it are tried first, for this long: three
/// misconfigured routers must not take every attempt from a healthy one.
const HEALTHY_FIRST: f64 = 300.0;
/// A hold-down that ended this long ago is forgotten, in seconds.
const STALE: f64 = 3600.0;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Book {
    /// By router, then by way: logins that failed for another reason than their credential.
    pub(super) ways: BTreeMap<String, BTreeMap<String, Hold>>,
    pub(super) credentials: BTreeMap<String, Refusals>,
    /// Used-up budgets by router; the empty name stands for all routers together.
    pub(super) budgets: BTreeMap<String, Bucket>,
}

/// A failed login and the time in which it is not repeated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) failure: Failure,
    /// Failures in a row.
    pub(super) rounds: u32,
    pub(super) from: f64,
    pub(super) until: f64,
    /// The file that the failure is about, as the login found it. The hold-down ends when this file changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<Stamp>,
}

/// The refusals of one credential.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Refusals {
    /// By router.
    pub(super) routers: BTreeMap<String, Hold>,
    /// Routers that refused it since it last worked anywhere.
    since_success: BTreeSet<String>,
    /// The latest attempt while the credential is held everywhere.
    trial: Option<Trial>,
}

/// One attempt with a credential that is held everywhere.
#[derive(Debug, Serialize, Deserialize)]
struct Trial {
    router: String,
    from: f64,
    /// No other router is tried before.
    until: f64,
    /// Its outcome is not known yet.
    running: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Bucket {
    /// Logins left at `at`.
    left: f64,
    at: f64,
}

impl Book {
    pub(super) fn held(&self, login: &LoginId, now: f64) -> Option<Failure> {
        let refused = self.credentials.get(&login.credential).and_then(|refusals| refusals.held(&login.router, now));
        refused.or_else(|| {
            let hold = self.ways.get(&login.router)?.get(&login.way)?;
            let changed = hold.file.as_ref().is_some_and(|stamp| *stamp != small_file::stamp(&login.known_hosts));
            hold.failure(&login.router, now).filter(|_| !changed)
        })
    }

    /// A permitted login begins. Where its credential is held everywhere, it is the one trial. The book expects its outcome
    /// within `timeout`, in case the master dies.
    pub(super) fn begin(&mut self, login: &LoginId, now: f64, timeout: f64) {
        if let Some(refusals) = self.credentials.get_mut(&login.credential).filter(|r| r.is_everywhere()) {
            let router = login.router.clone();
            refusals.trial = Some(Trial { router, from: now, until: now + timeout, running: true });
        }
    }

    /// A trial that failed without a verdict on the credential leaves the attempt to another router.
    pub(super) fn end_trial(&mut self, login: &LoginId) {
        let Some(refusals) = self.credentials.get_mut(&login.credential) else { return };
        if let Some(trial) = refusals.trial.as_mut().filter(|trial| trial.running && trial.router == login.router) {
            trial.running = false;
            trial.until = trial.from;
        }
    }

    pub(super) fn refused(&mut self, login: &LoginId, failure: &Failure, now: f64, limits: (f64, f64)) {
        let refusals = self.credentials.entry(login.credential.clone()).or_default();
        let hold = Hold::after(refusals.routers.get(&login.router), failure, now, limits);
        refusals.routers.insert(login.router.clone(), hold);
        if failure.incomplete {
            return;
        }
        refusals.since_success.insert(login.router.clone());
        if refusals.is_everywhere() {
            let router = login.router.clone();
            refusals.trial = Some(Trial { router, from: now, until: now + limits.1, running: false });
        }
    }

    /// Whether a success of this login changes anything.
    pub(super) fn knows(&self, login: &LoginId) -> bool {
        self.credentials.contains_key(&login.credential)
            || self.ways.get(&login.router).is_some_and(|ways| ways.contains_key(&login.way))
    }

    pub(super) fn succeeded(&mut self, login: &LoginId) {
        if let Some(ways) = self.ways.get_mut(&login.router) {
            ways.remove(&login.way);
        }
        let Some(refusals) = self.credentials.get_mut(&login.credential) else { return };
        // After an outage of the login server every router may be tried again. But one router that goes on refusing a
        // credential must not be tried each time that another router accepts it.
        if refusals.is_everywhere() || refusals.routers.contains_key(&login.router) {
            self.credentials.remove(&login.credential);
        } else {
            refusals.since_success.clear();
            refusals.trial = None;
        }
    }

    pub(super) fn forget(&mut self, router: Option<&str>) -> Vec<String> {
        let is_meant = |name: &String| router.is_none_or(|router| router == name);
        let mut forgotten: BTreeSet<String> = self.ways.keys().filter(|name| is_meant(name)).cloned().collect();
        self.ways.retain(|name, _| !is_meant(name));
        self.credentials.retain(|_, refusals| {
            let meant: Vec<&String> = refusals.routers.keys().filter(|name| is_meant(name)).collect();
            // A router may be held only because others refused the credential. All of that is forgotten as well.
            let keeps = meant.is_empty() && !refusals.is_everywhere();
            forgotten.extend(meant.into_iter().cloned());
            forgotten.extend(router.filter(|_| refusals.is_everywhere()).map(str::to_owned));
            keeps
        });
        self.budgets.retain(|name, _| !is_meant(name));
        forgotten.into_iter().collect()
    }

    /// Returns the bucket after one more login, or the seconds until a login is available.
    pub(super) fn budget(&self, name: &str, budget: Budget, now: f64) -> Result<Bucket, f64> {
        let every = every(budget);
        let left = self.budgets.get(name).map_or(f64::from(budget.burst), |bucket| bucket.left_at(now, budget));
        if left >= 1.0 { Ok(Bucket { left: left - 1.0, at: now }) } else { Err((1.0 - left) * every) }
    }

    /// Returns a login that was not used. The burst still bounds what is left, see [`Bucket::left_at`].
    pub(super) fn give_back(&mut self, name: &str) {
        if let Some(bucket) = self.budgets.get_mut(name) {
            bucket.left += 1.0;
        }
    }

    /// A clock that was set back must not lock a budget up: a bucket from the future is one of now.
    pub(super) fn repair(&mut self, now: f64) {
        self.budgets.values_mut().for_each(|bucket| bucket.at = bucket.at.min(now));
    }

    /// Drops what has no effect any more: full budgets, and hold-downs that ended long ago.
    pub(super) fn tidy(&mut self, now: f64, settings: &LoginSettings) {
        for ways in self.ways.values_mut() {
            ways.retain(|_, hold| now - hold.until <= STALE);
        }
        self.ways.retain(|_, ways| !ways.is_empty());
        self.credentials.retain(|_, refusals| now - refusals.until() <= STALE);
        let (one, all) = (settings.per_router, settings.all_routers);
        self.budgets.retain(|name, bucket| {
            let budget = if name.is_empty() { all } else { one };
            bucket.left_at(now, budget) < f64::from(budget.burst)
        });
    }
}

impl Refusals {
    fn is_everywhere(&self) -> bool {
        self.since_success.len() >= ROUTERS_REFUSING
    }

    fn held(&self, router: &str, now: f64) -> Option<Failure> {
        let here = self.routers.get(router).and_then(|hold| hold.failure(router, now));
        let elsewhere = self.held_everywhere(router, now);
        match (here, elsewhere) {
            (Some(here), Some(elsewhere)) => {
                let retry_in = here.retry_in.into_iter().chain(elsewhere.retry_in).reduce(f64::max);
                Some(Failure { retry_in, ..here })
            }
            (here, elsewhere) => here.or(elsewhere),
        }
    }

    /// The failure for a router that may not try a credential because of the refusals of others.
    fn held_everywhere(&self, router: &str, now: f64) -> Option<Failure> {
        let trial = self.trial.as_ref().filter(|trial| self.is_everywhere() && now >= trial.from)?;
        let later =
            if self.routers.contains_key(router) { HEALTHY_FIRST.min((trial.until - trial.from) / 4.0) } else { 0.0 };
        let wait = trial.until + later - now;
        if wait <= 0.0 {
            return None;
        }
        let latest = self.routers.values().max_by(|a, b| a.from.total_cmp(&b.from))?;
        let message = format!(
            "{} routers refused this user and credential, so router {router} is not asked either; \
             one router at a time tries it, and a success ends this (`ddl-monitor stop --router {router} --forget` tries at \
             once); the latest refusal: {}",
            self.since_success.len(),
            latest.failure.message
        );
        Some(Failure { message, retry_in: Some(rounded(wait)), ..latest.failure.clone() })
    }

    /// When the last of its hold-downs ends.
    fn until(&self) -> f64 {
        let holds = self.routers.values().map(|hold| hold.until);
        holds.chain(self.trial.as_ref().map(|trial| trial.until)).fold(0.0, f64::max)
    }
}

impl Hold {
    pub(super) fn after(before: Option<&Self>, failure: &Failure, now: f64, (first, last): (f64, f64)) -> Self {
        let rounds = before.map_or(0, |hold| hold.rounds).saturating_add(1);
        let time = (first * 2f64.powi(rounds.min(16).cast_signed() - 1)).min(last.max(first));
        let failure = Failure { retry_in: None, ..failure.clone() };
        Self { failure, rounds, from: now, until: now + time, file: None }
    }

    /// The recorded failure while the hold-down is active. A clock that was set back to before the failed login ends it.
    fn failure(&self, router: &str, now: f64) -> Option<Failure> {
        if now < self.from || now >= self.until {
            return None;
        }
        let time = Duration::from_secs_f64((self.until - self.from).max(1.0).round());
        let message = format!(
            "{}; held down for {} after that login (`ddl-monitor stop --router {router} --forget` tries at once)",
            self.failure.message,
            duration::show(time)
        );
        Some(Failure { message, retry_in: Some(rounded(self.until - now)), ..self.failure.clone() })
    }
}

impl Bucket {
    fn left_at(&self, now: f64, budget: Budget) -> f64 {
        (self.left + (now - self.at).max(0.0) / every(budget)).min(f64::from(budget.burst))
    }
}

fn every(budget: Budget) -> f64 {
    budget.every.as_secs_f64().max(0.001)
}

/// Seconds to the millisecond.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
