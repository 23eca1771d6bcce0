//! Starts this program anew, away from whoever started it: no descriptor of theirs, no terminal, no working directory. Nobody
//! waits for it. A parent like Zabbix would hang until every descriptor that its check inherited is closed.

use crate::descriptors;
use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

/// Starts it with these arguments; it has to call [`leave_group`] first.
pub fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> io::Result<()> {
    descriptors::close_on_exec()?;
    // /proc/self/exe is this very build even when the file was replaced or removed meanwhile.
    Command::new("/proc/self/exe")
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// In what was started: Zabbix kills the process group of a check that timed out.
pub fn leave_group() {
    let _ = rustix::process::setsid();
}
