//! `master`: what a client re-execs. Prints nothing but `ready`, or why it cannot start.

use super::output::print_json;
use crate::failure::{Failure, Kind, Stage};
use crate::launch::Start;
use crate::logging::{self, Role};
use crate::state::State;
use crate::{descriptors, master};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io;
use std::process::ExitCode;

pub(super) fn run() -> io::Result<ExitCode> {
    // First of all: Zabbix kills the process group of a check that timed out.
    let _ = rustix::process::setsid();
    descriptors::close_on_exec()?;
    let start = match Start::read(io::stdin().lock()) {
        Ok(start) => start,
        Err(e) => {
            let hint = format!("{e}; a master is started by `ddl-monitor poll`, not by hand");
            return fail(Failure::new(Kind::Master, Stage::Connect, hint));
        }
    };
    let undumpable = forbid_dumps();
    descriptors::stdin_to_null()?;
    let settings = &start.settings;
    let state = State::open(&settings.state);
    let log_file = state.as_ref().map_or_else(|_| "/dev/null".into(), State::log_file);
    logging::init(Role::Master, &settings.log, log_file, start.verbosity, false);
    if let Err(e) = undumpable {
        log::warn!(error:% = e; "the memory of this master can be dumped");
    }
    match state.map_err(Into::into).and_then(|state| master::run(start, &state)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(e) => {
            log::error!(error:% = format!("{e:#}"); "master could not start");
            fail(match e.downcast::<Failure>() {
                Ok(failure) => failure,
                Err(e) => Failure::new(Kind::Master, Stage::Connect, format!("{e:#}")),
            })
        }
    }
}

/// Keeps the login in our memory out of core files and away from other processes of our user.
fn forbid_dumps() -> rustix::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
}

/// On the readiness pipe, which is `/dev/null` once the master listens.
fn fail(failure: Failure) -> io::Result<ExitCode> {
    print_json(&failure)?;
    Ok(ExitCode::FAILURE)
}
