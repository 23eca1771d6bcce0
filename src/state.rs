//! The state directory: where it is, its names and modes, its locks (`lock`), and files that appear whole. The only user of fs2
//! and directories. Knows nothing of what its files say.

mod lock;

pub use lock::Lock;

use crate::failure::Failure;
use crate::settings::StateSettings;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// `sun_path` holds 108 bytes with its closing NUL.
const SOCKET_PATH_LIMIT: usize = 107;

/// The name of a kept generation of the inventory begins so.
const GENERATION: &str = "generation-";

/// The directories of one user's masters, checked: ours, 0700, no symbolic link.
#[derive(Clone, Debug)]
pub struct State {
    dir: PathBuf,
    run: PathBuf,
    /// Folders of ours that were open to others, with the modes they had.
    tightened: Vec<(PathBuf, u32)>,
    /// It is the one in the temporary directory.
    temporary: bool,
}

impl State {
    /// Finds, makes and checks the state directory. Failures are kind `settings` and name `state.dir`.
    pub fn open(settings: &StateSettings) -> Result<Self, Failure> {
        let (dir, loose) = find(settings)?;
        let run = run_directory(settings, &dir);
        let mut tightened = Vec::from_iter(loose.map(|mode| (dir.clone(), mode)));
        if run != dir {
            let loose = own_directory(&run).map_err(|e| refused(&run, &e))?;
            tightened.extend(loose.map(|mode| (run.clone(), mode)));
        }
        let temporary = is_last_resort(settings, &dir);
        let state = Self { dir, run, tightened, temporary };
        let longest = state.socket("0123456789abcdef").as_os_str().len();
        if longest > SOCKET_PATH_LIMIT {
            return Err(Failure::settings(format!(
                "state directory {} is too deep: a socket in it would have {longest} bytes, {SOCKET_PATH_LIMIT} are allowed; \
                 set a shorter state.dir",
                state.run.display()
            )));
        }
        Ok(state)
    }

    /// The state directory as it is, for `status` and `stop`: nothing is made, and root may look at anybody's.
    pub fn look(settings: &StateSettings) -> Result<Self, Failure> {
        let candidates = candidates(settings)?;
        let found = candidates.iter().find(|dir| fs::symlink_metadata(dir).is_ok()).or(candidates.first());
        let Some(dir) = found.cloned() else {
            return Err(Failure::settings("no place for a state directory; set state.dir"));
        };
        let run = run_directory(settings, &dir);
        for dir in [&dir, &run] {
            match fs::symlink_metadata(dir) {
                Ok(meta) => check(&meta, rustix::process::geteuid().is_root()).map_err(|e| refused(dir, &e))?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(refused(dir, &e)),
            }
        }
        let temporary = is_last_resort(settings, &dir);
        Ok(Self { dir, run, tightened: Vec::new(), temporary })
    }

    /// Logs what [`State::open`] had to put right. Not done there: the log file lies in the directory.
    pub fn log_repairs(&self) {
        for (dir, mode) in &self.tightened {
            log::warn!(dir:% = dir.display(), mode:% = format!("{mode:o}"); "state directory was open to others, now 0700");
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The socket of the master with this name (16 hex digits).
    pub fn socket(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.sock"))
    }

    /// The same while it is bound and does not listen yet.
    pub fn new_socket(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.new"))
    }

    /// Held by a master for its life.
    pub fn master_lock(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.lock"))
    }

    /// Held by the client that starts the master.
    pub fn start_lock(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.start"))
    }

    /// Who a master is: pid, start time, router; for `status` and `stop`.
    pub fn master_record(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.json"))
    }

    /// Names of all masters that have, or left, a socket, a lock or a record, sorted.
    pub fn masters(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.run) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let names: BTreeSet<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|file| Some(file.split_once('.')?.0.to_owned()))
            .filter(|name| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit()))
            .collect();
        Ok(names.into_iter().collect())
    }

    /// Removes what processes that died in the middle of replacing a file left.
    pub fn clear_temporaries(&self) {
        let below = ["inventory", "spool", "sweep"].map(|name| self.dir.join(name));
        let dirs = [&self.dir, &self.run].into_iter().chain(&below);
        for entry in dirs.filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(temporary_of);
            if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The inventory, in a folder of its own.
    pub fn inventory(&self) -> PathBuf {
        self.dir.join("inventory").join("current")
    }

    /// One that counted before, while it is kept.
    pub fn inventory_generation(&self, generation: u64) -> PathBuf {
        self.dir.join("inventory").join(format!("{GENERATION}{generation}"))
    }

    /// The generations that are kept, oldest first.
    pub fn inventory_generations(&self) -> Vec<u64> {
        let entries = fs::read_dir(self.dir.join("inventory")).into_iter().flatten().flatten();
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_prefix(GENERATION)?.parse().ok();
        let mut found: Vec<u64> = entries.filter_map(number).collect();
        found.sort_unstable();
        found
    }

    /// What became of the last sync.
    pub fn sync_outcome(&self) -> PathBuf {
        self.dir.join("inventory").join("sync.json")
    }

    /// Held by a sync for its life.
    pub fn sync_lock(&self) -> PathBuf {
        self.dir.join("inventory").join("sync.lock")
    }

    /// Held while the inventory is compared and replaced.
    pub fn inventory_lock(&self) -> PathBuf {
        self.dir.join("inventory").join("lock")
    }

    /// Makes the inventory's folder where there is none. What root makes belongs to the directory's owner.
    pub fn make_inventory_folder(&self) -> io::Result<()> {
        self.folder("inventory").map(drop)
    }

    /// A folder of the state directory, made where there is none. What root makes belongs to the directory's owner.
    pub fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.dir.join(name);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                check(&fs::symlink_metadata(&folder)?, !self.is_ours())?;
            }
            Ok(()) if !self.is_ours() => {
                std::os::unix::fs::lchown(&folder, Some(fs::metadata(&self.dir)?.uid()), None)?;
            }
            made => made?,
        }
        Ok(folder)
    }

    /// False for the last resort of a user without a home: what lies in the temporary directory may be gone any day.
    pub fn lasts(&self) -> bool {
        !self.temporary
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.dir.join("known_hosts")
    }

    /// False for root that looks at the directory of another user.
    pub fn is_ours(&self) -> bool {
        fs::metadata(&self.dir).is_ok_and(|meta| meta.uid() == rustix::process::geteuid().as_raw())
    }

    pub fn log_file(&self) -> PathBuf {
        self.dir.join("ddl-monitor.log")
    }

    /// Hold-downs and the login budget of all masters of this directory.
    pub fn logins(&self) -> PathBuf {
        self.dir.join("logins.json")
    }

    /// The random key of all names in this directory; made at first use.
    pub fn key(&self) -> Result<[u8; 16], Failure> {
        let path = self.dir.join("key");
        self.read_key(&path).map_err(|e| {
            let what = match e.kind() {
                io::ErrorKind::UnexpectedEof => "too short; remove it and all masters get new names".to_owned(),
                _ => e.to_string(),
            };
            Failure::settings(format!("key file {}: {what}", path.display()))
        })
    }

    fn read_key(&self, path: &Path) -> io::Result<[u8; 16]> {
        let mut key = [0; 16];
        match open_private(path) {
            Ok(mut file) => {
                file.read_exact(&mut key)?;
                return Ok(key);
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        rustix::rand::getrandom(&mut key[..], rustix::rand::GetRandomFlags::empty())?;
        // Whoever is first makes it: a link to an existing name fails, and then theirs is ours.
        let temporary = temporary_beside(path);
        write_private(&temporary, &key)?;
        let linked = fs::hard_link(&temporary, path);
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => Ok(key),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                open_private(path)?.read_exact(&mut key)?;
                Ok(key)
            }
            Err(e) => Err(e),
        }
    }
}

/// The folder of the user's own settings file; None without a home.
pub fn user_config_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "ddl-monitor").map(|dirs| dirs.config_dir().to_path_buf())
}

fn refused(dir: &Path, why: &io::Error) -> Failure {
    Failure::settings(format!("state directory {}: {why}; set state.dir to a directory of our own", dir.display()))
}

/// Where the state directory may be, best first. More than one only where nothing is set.
fn candidates(settings: &StateSettings) -> Result<Vec<PathBuf>, Failure> {
    if let Some(dir) = &settings.dir {
        if !dir.is_absolute() {
            return Err(Failure::settings(format!("state.dir {} is not an absolute path", dir.display())));
        }
        return Ok(vec![dir.clone()]);
    }
    if let Some(systemd) = &settings.systemd_state {
        return Ok(vec![systemd.join("ddl-monitor")]);
    }
    let home =
        directories::ProjectDirs::from("", "", "ddl-monitor").and_then(|dirs| dirs.state_dir().map(Path::to_path_buf));
    Ok(home.into_iter().chain([last_resort(settings)]).collect())
}

fn last_resort(settings: &StateSettings) -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let temporary = settings.temporary.clone().unwrap_or_else(|| PathBuf::from("/tmp"));
    temporary.join(format!("ddl-monitor-{uid}"))
}

fn is_last_resort(settings: &StateSettings, dir: &Path) -> bool {
    settings.dir.is_none() && settings.systemd_state.is_none() && dir == last_resort(settings)
}

/// The first of them that is, or can be made, ours; with its mode where that was too loose.
fn find(settings: &StateSettings) -> Result<(PathBuf, Option<u32>), Failure> {
    let mut candidates = candidates(settings)?.into_iter().peekable();
    while let Some(dir) = candidates.next() {
        match own_directory(&dir) {
            Ok(loose) => return Ok((dir, loose)),
            // A home that is not there or not writable (the `zabbix` user's) leads to the last resort; a trap does not.
            Err(e) if candidates.peek().is_some() && e.kind() != io::ErrorKind::InvalidInput => {}
            Err(e) => return Err(refused(&dir, &e)),
        }
    }
    Err(Failure::settings("no place for a state directory; set state.dir"))
}

/// Sockets and locks may lie in systemd's runtime directory.
fn run_directory(settings: &StateSettings, dir: &Path) -> PathBuf {
    match &settings.systemd_runtime {
        Some(runtime) if settings.dir.is_none() => runtime.join("ddl-monitor"),
        _ => dir.to_owned(),
    }
}

/// Makes `dir` (and its parents) or checks that it is a directory of ours; a looser mode is tightened and returned. A symbolic
/// link or a foreign owner is `InvalidInput`.
fn own_directory(dir: &Path) -> io::Result<Option<u32>> {
    let meta = match fs::symlink_metadata(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = dir.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            match DirBuilder::new().mode(0o700).create(dir) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => fs::symlink_metadata(dir)?,
            }
        }
        other => other?,
    };
    check(&meta, false)?;
    if meta.mode() & 0o077 == 0 {
        return Ok(None);
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    Ok(Some(meta.mode() & 0o7777))
}

/// A directory of ours (or, for root, of anybody), no symbolic link.
fn check(meta: &fs::Metadata, any_owner: bool) -> io::Result<()> {
    let trap = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if meta.file_type().is_symlink() {
        return trap("it is a symbolic link".into());
    }
    if !meta.is_dir() {
        return trap("it is not a directory".into());
    }
    if !any_owner && meta.uid() != rustix::process::geteuid().as_raw() {
        return trap(format!("it belongs to uid {}, not to us", meta.uid()));
    }
    Ok(())
}

fn nofollow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nofollow()).open(path)
}

/// Makes a file (mode 0600) that was not there. What root makes in the directory of another user (`stop --forget`) belongs to
/// that user, who could not read it otherwise. Only a file that is new: a name that is there may be a link to anything.
fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    if rustix::process::geteuid().is_root()
        && let Some(directory) = path.parent()
    {
        let owner = fs::metadata(directory)?.uid();
        if owner != 0 {
            std::os::unix::fs::fchown(&file, Some(owner), None)?;
        }
    }
    Ok(file)
}

/// Opens a file that is read and written in place; made (mode 0600) where there is none.
pub fn open_in_place(path: &Path) -> io::Result<File> {
    loop {
        let existing = OpenOptions::new().read(true).write(true).custom_flags(nofollow()).open(path);
        match existing {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        match create_private(path) {
            // Somebody was first.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other,
        }
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // On a full disk the name is there and the bytes are not.
    create_private(path)?.write_all(bytes).inspect_err(|_| drop(fs::remove_file(path)))
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{:?}.new", std::process::id(), std::thread::current().id()).replace(['(', ')'], ""));
    PathBuf::from(name)
}

/// The process that a name made by [`temporary_beside`] belongs to.
fn temporary_of(name: &str) -> Option<u32> {
    let (_, mark) = name.strip_suffix(".new")?.rsplit_once('.')?;
    mark.split_once("-ThreadId")?.0.parse().ok()
}

/// Replaces a file (mode 0600) whole or not at all.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let _ = fs::remove_file(&temporary);
    write_private(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_tells_its_process_and_no_other_name_does() {
        let name = temporary_beside(Path::new("/x/logins.json"));
        assert_eq!(temporary_of(name.file_name().unwrap().to_str().unwrap()), Some(std::process::id()));
        for other in ["logins.json", "0123456789abcdef.new", "a.12-.new", "a.x-ThreadId1.new", ".new"] {
            assert_eq!(temporary_of(other), None, "{other}");
        }
    }
}
