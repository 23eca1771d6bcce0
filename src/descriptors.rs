//! Descriptors that a child must not inherit. Zabbix leaks its own sockets to its scripts; a master that held one would
//! keep zabbix_server from starting again.

use rustix::io::{FdFlags, fcntl_setfd};
use std::io;
use std::os::fd::BorrowedFd;

/// Marks every descriptor from 3 up close-on-exec. Call it before the first thread starts.
pub fn close_on_exec() -> io::Result<()> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // The listing's own descriptor is among them and closed by now: EBADF is no failure.
        match fcntl_setfd(borrow(fd), FdFlags::CLOEXEC) {
            Ok(()) | Err(rustix::io::Errno::BADF) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[expect(
    unsafe_code,
    reason = "descriptors leaked by our parent have no owner in this process; a flag is set, nothing is closed"
)]
fn borrow<'a>(fd: i32) -> BorrowedFd<'a> {
    // SAFETY: the number was listed as open a moment ago, no thread that could close it runs yet, and the borrow ends with
    // the call it is made for.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Points stdout at `/dev/null`: whoever reads the pipe behind it sees its end.
pub fn stdout_to_null() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(null)?)
}

/// Points stdin at `/dev/null`.
pub fn stdin_to_null() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?)
}
