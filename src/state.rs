//! The state directory: its names, where it is (`place`), its locks (`lock`), and files that appear whole (`file`). The only
//! user of fs2 and directories. Knows nothing of what its files say.

mod file;
mod lock;
mod owner;
mod place;

pub use file::{open_in_place, read, replace};
pub use lock::Lock;
pub(crate) use owner::check_path;
pub use place::user_config_dir;

use crate::failure::Failure;
use crate::settings::StateSettings;
use file::{open_private, temporary_beside, temporary_of, write_private};
use place::{candidates, check, enter, find, is_last_resort, own_directory, refused, run_directory};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// `sun_path` holds 108 bytes with its closing NUL.
const SOCKET_PATH_LIMIT: usize = 107;

/// The name of a kept generation of the inventory begins so.
const GENERATION: &str = "generation-";

/// The directories of one user's masters, checked: ours (root has become that user), 0700, no symbolic link.
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
    /// Finds, makes and checks the state directory. Root takes the ids of the user who can change it, for good: call this
    /// before the process reads or writes anything there, and before its first thread. Failures are kind `settings` and name
    /// `state.dir`.
    pub fn open(settings: &StateSettings) -> Result<Self, Failure> {
        let (dir, loose) = find(settings)?;
        let run = run_directory(settings, &dir);
        let mut tightened = Vec::from_iter(loose.map(|mode| (dir.clone(), mode)));
        if run != dir {
            let loose = enter(settings, &run).and_then(|()| own_directory(&run)).map_err(|e| refused(&run, &e))?;
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

    /// The state directory as it is, for `status` and `stop`: nothing is made. Root takes ids as in [`State::open`].
    pub fn look(settings: &StateSettings) -> Result<Self, Failure> {
        let candidates = candidates(settings)?;
        let found = candidates.iter().find(|dir| fs::symlink_metadata(dir).is_ok()).or(candidates.first());
        let Some(dir) = found.cloned() else {
            return Err(Failure::settings("no place for a state directory; set state.dir"));
        };
        let run = run_directory(settings, &dir);
        for dir in [&dir, &run] {
            enter(settings, dir).map_err(|e| refused(dir, &e))?;
            match fs::symlink_metadata(dir) {
                Ok(meta) => check(&meta).map_err(|e| refused(dir, &e))?,
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

    /// Makes the inventory's folder if it does not exist.
    pub fn make_inventory_folder(&self) -> io::Result<()> {
        self.folder("inventory").map(drop)
    }

    /// Returns a folder of the state directory, made if it does not exist.
    pub fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.dir.join(name);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                check(&fs::symlink_metadata(&folder)?)?;
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
