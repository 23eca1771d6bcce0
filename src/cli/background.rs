//! A sync that nobody waits for: started when the last one is old, one at a time, while the last inventory answers.

use super::Context;
use crate::failure::Failure;
use crate::inventory::compiled::{Header, Source};
use crate::inventory::keep::{self, Wish};
use crate::state::{Lock, State};
use crate::zabbix::outcome::Outcome;
use crate::{clock, detach};
use std::ffi::OsString;
use std::io;

/// Starts a sync when the last attempt is older than `sync.ttl` and none runs.
///
/// # Errors
/// Kind `settings`: the inventory is not from the API, or no place for one that lasts; there is no Zabbix to ask.
pub(super) fn refresh(context: &Context) -> Result<(), Failure> {
    let state = context.state()?;
    let url = context.loaded.settings.zabbix.url.clone();
    let url = url.ok_or_else(|| Failure::settings("zabbix.url is not set, so there is nothing to sync with"))?;
    keep::allowed(state, &Source::Api { url }, Wish::default())?;
    if is_due(context, state) && nobody_syncs(state) {
        detach::start(arguments(context, state)).map_err(|e| Failure::settings(format!("starting a sync: {e}")))?;
    }
    Ok(())
}

/// Also asked by the sync that was started, once it is alone.
pub(super) fn is_due(context: &Context, state: &State) -> bool {
    let ttl = context.loaded.settings.sync.ttl.as_secs_f64();
    // A clock that was set back would stop all syncs until it has caught up.
    Outcome::load(state).is_none_or(|last| !(0.0..ttl).contains(&(clock::now() - last.time)))
}

/// The lock of a sync; None while another one holds it.
pub(super) fn alone(state: &State) -> io::Result<Option<Lock>> {
    state.make_inventory_folder()?;
    Lock::try_acquire(&state.sync_lock())
}

fn nobody_syncs(state: &State) -> bool {
    match alone(state) {
        Ok(Some(lock)) => {
            lock.remove();
            true
        }
        Ok(None) => false,
        Err(e) => {
            log::debug!(error:% = e; "the lock of a sync cannot be taken");
            true
        }
    }
}

fn arguments(context: &Context, state: &State) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        vec!["sync".into(), "--detached".into(), "--state-dir".into(), state.dir().into()];
    if let Some(file) = &context.loaded.file {
        arguments.extend(["--config".into(), file.into()]);
    }
    arguments
}

/// How old what the inventory says is, in seconds; None for one that came from files: those are as new as they are.
pub(super) fn age(state: &State, header: &Header) -> Option<f64> {
    matches!(header.source, Source::Api { .. }).then(|| {
        let now = clock::now();
        let synced = Outcome::load(state).and_then(|last| last.age(now));
        synced.unwrap_or((now - header.time).max(0.0))
    })
}

/// What is said where there is no inventory yet and a sync was asked for.
pub(super) fn none_yet(context: &Context) -> Failure {
    let failed = context.state().ok().and_then(Outcome::load).and_then(|last| last.failure);
    match failed {
        Some(failure) => {
            Failure { message: format!("no inventory yet; the last sync failed: {}", failure.message), ..failure }
        }
        None => Failure::settings("no inventory yet; the first sync was started in the background, ask again"),
    }
}
