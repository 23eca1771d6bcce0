//! A master's place in the state directory: its lock for life, its socket, its record.

use crate::deadline::Deadline;
use crate::launch::Start;
use crate::record::Record;
use crate::state::{self, Lock, State};
use anyhow::{Context, Result};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

/// How long a master that is just leaving may hold its lock.
const LOCK_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Place {
    socket: PathBuf,
    record: PathBuf,
    /// Device and inode of the socket that we bound.
    bound: (u64, u64),
}

impl Place {
    /// Takes the lock, clears a stale socket away, listens. The socket appears whole or not at all.
    pub(super) fn take(state: &State, start: &Start) -> Result<(Self, UnixListener, Lock)> {
        let lock = Lock::acquire(&state.master_lock(&start.name), Deadline::after(LOCK_WAIT))
            .with_context(|| format!("another master of {} lives", start.login.address))?;
        match Self::move_in(state, start) {
            Ok((place, listener)) => Ok((place, listener, lock)),
            Err(e) => {
                // Half a place is none: whoever comes next finds nothing to trip over.
                let _ = std::fs::remove_file(state.socket(&start.name));
                lock.remove();
                Err(e)
            }
        }
    }

    fn move_in(state: &State, start: &Start) -> Result<(Self, UnixListener)> {
        let socket = state.socket(&start.name);
        let temporary = state.new_socket(&start.name);
        let _ = std::fs::remove_file(&temporary);
        // Nobody but us may even connect; the directory is 0700 as well.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let bound = UnixListener::bind(&temporary);
        // A proxy command inherits it, and may make folders.
        rustix::process::umask(before);
        let listener = bound.with_context(|| format!("binding {}", temporary.display()))?;
        listener.set_nonblocking(true)?;
        // A rename replaces a stale socket in one step, and nobody meets one that is bound but does not listen.
        std::fs::rename(&temporary, &socket)
            .inspect_err(|_| drop(std::fs::remove_file(&temporary)))
            .with_context(|| format!("putting {} into place", socket.display()))?;
        let bound = identity(&std::fs::metadata(&socket)?);
        let record = state.master_record(&start.name);
        let login = &start.login;
        let text = Record::of_this_process(login.address.to_string(), login.user.clone(), start.platform.clone())
            .and_then(|record| Ok(serde_json::to_vec(&record)?))?;
        state::replace(&record, &text).with_context(|| format!("writing {}", record.display()))?;
        Ok((Self { socket, record, bound }, listener))
    }

    /// False when the directory was deleted or replaced: nobody will find us any more.
    pub(super) fn is_ours(&self) -> bool {
        std::fs::metadata(&self.socket).is_ok_and(|meta| identity(&meta) == self.bound)
    }

    /// Takes our names away, so that the next client starts another master.
    pub(super) fn give_up(&self) {
        if self.is_ours() {
            let _ = std::fs::remove_file(&self.socket);
            let _ = std::fs::remove_file(&self.record);
        }
    }
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}
