//! Names of things that outlive a killed test: `ddl-PID-N`. The next run recognises those of dead processes and removes
//! them. Of what the things are it knows folders only.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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

/// A folder in the system's for temporary files that every user may enter, removed on drop; those of killed runs are
/// removed when the next one is made.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
            if is_dead(&entry.file_name().to_string_lossy()) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let path = std::env::temp_dir().join(mark());
        std::fs::create_dir(&path).expect("a private folder");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A program in it that everybody may run.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_name_of_this_process_is_alive_and_a_foreign_name_is_never_a_leftover() {
    assert!(!is_dead(&mark()));
    assert!(!is_dead("ddl-monitor"));
    assert!(!is_dead("zabbix"));
    // Above the kernel's largest process id, so certainly gone.
    assert!(is_dead("ddl-99999999-0"));
}
