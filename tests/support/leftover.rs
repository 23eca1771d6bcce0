//! Names of things that outlive a killed test: `ddl-PID-N`. The next run recognises those of dead processes and removes
//! them. Knows nothing of what the things are.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// A name that no other test, in this process or another, uses at the same time. At most 20 characters, fit for a user, a
/// file and a name space.
pub fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("ddl-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The process and the number in a name made by [`mark`]; none for any other name.
pub fn parse(name: &str) -> Option<(u32, u32)> {
    let (pid, number) = name.strip_prefix("ddl-")?.split_once('-')?;
    Some((pid.parse().ok()?, number.parse().ok()?))
}

/// Whether `name` was made by [`mark`] in a process that is gone.
pub fn is_dead(name: &str) -> bool {
    parse(name).is_some_and(|(pid, _)| !Path::new(&format!("/proc/{pid}")).exists())
}

#[test]
fn a_name_of_this_process_is_alive_and_a_foreign_name_is_never_a_leftover() {
    assert!(!is_dead(&mark()));
    assert!(!is_dead("ddl-monitor"));
    assert!(!is_dead("zabbix"));
    // Above the kernel's largest process id, so certainly gone.
    assert!(is_dead("ddl-99999999-0"));
}
