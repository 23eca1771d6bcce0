//! The pass that goes on when the command has ended: a process of its own, as a master is one.

use crate::cli::Context;
use crate::descriptors;
use crate::failure::{Failure, Kind, Stage};
use crate::settings::Source;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Starts it; nobody waits for it. It holds no descriptor of ours: Zabbix would wait for every one.
pub(super) fn start(context: &Context, deadline: Option<&str>) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::new(Kind::Internal, Stage::Settings, format!("starting the sweep: {e}"));
    descriptors::close_on_exec().map_err(failed)?;
    // /proc/self/exe is this very build even when the file was replaced or removed meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("ddl-monitor: sweep").args(["sweep", "--detached", "--format", "json"]);
    if let Some(file) = &context.loaded.file {
        command.arg("--config").arg(file);
    }
    if matches!(context.loaded.source("state.dir"), Source::Flag(_)) {
        command.arg("--state-dir").arg(context.state()?.dir());
    }
    if let Some(time) = deadline.filter(|time| !time.is_empty()) {
        command.arg("--deadline").arg(time);
    }
    let null = Stdio::null;
    command.current_dir("/").stdin(null()).stdout(null()).stderr(null()).spawn().map_err(failed)?;
    Ok(())
}
