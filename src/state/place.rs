//! Where the state directory may be, and whether what is there may be used: a directory of ours, 0700, no symbolic link.

use super::owner;
use crate::failure::Failure;
use crate::settings::StateSettings;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(super) fn refused(dir: &Path, why: &io::Error) -> Failure {
    Failure::settings(format!("state directory {}: {why}; set state.dir to a directory of our own", dir.display()))
}

/// The folder of the user's own settings file; None without a home.
pub fn user_config_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "ddl-monitor").map(|dirs| dirs.config_dir().to_path_buf())
}

/// Where the state directory may be, best first. More than one only where nothing is set.
pub(super) fn candidates(settings: &StateSettings) -> Result<Vec<PathBuf>, Failure> {
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

pub(super) fn is_last_resort(settings: &StateSettings, dir: &Path) -> bool {
    settings.dir.is_none() && settings.systemd_state.is_none() && dir == last_resort(settings)
}

/// The first of them that is, or can be made, ours; with its mode where that was too loose.
pub(super) fn find(settings: &StateSettings) -> Result<(PathBuf, Option<u32>), Failure> {
    let mut candidates = candidates(settings)?.into_iter().peekable();
    while let Some(dir) = candidates.next() {
        let owned = enter(settings, &dir).and_then(|()| own_directory(&dir));
        match owned {
            Ok(loose) => return Ok((dir, loose)),
            // A home that is not there or not writable (the `zabbix` user's) leads to the last resort; a trap does not.
            Err(e) if candidates.peek().is_some() && e.kind() != io::ErrorKind::InvalidInput => {}
            Err(e) => return Err(refused(&dir, &e)),
        }
    }
    Err(Failure::settings("no place for a state directory; set state.dir"))
}

/// Root becomes the owner of the directory, except in the temporary directory, where any user may have made it.
pub(super) fn enter(settings: &StateSettings, dir: &Path) -> io::Result<()> {
    if is_last_resort(settings, dir) { Ok(()) } else { owner::take_ids(dir) }
}

/// Sockets and locks may lie in systemd's runtime directory.
pub(super) fn run_directory(settings: &StateSettings, dir: &Path) -> PathBuf {
    match &settings.systemd_runtime {
        Some(runtime) if settings.dir.is_none() => runtime.join("ddl-monitor"),
        _ => dir.to_owned(),
    }
}

/// Makes `dir` (and its parents) or checks that it is a directory of ours; a looser mode is tightened and returned. A symbolic
/// link or a foreign owner is `InvalidInput`.
pub(super) fn own_directory(dir: &Path) -> io::Result<Option<u32>> {
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
    check(&meta)?;
    if meta.mode() & 0o077 == 0 {
        return Ok(None);
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    Ok(Some(meta.mode() & 0o7777))
}

/// A directory of ours, no symbolic link.
pub(super) fn check(meta: &fs::Metadata) -> io::Result<()> {
    let trap = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if meta.file_type().is_symlink() {
        return trap("it is a symbolic link".into());
    }
    if !meta.is_dir() {
        return trap("it is not a directory".into());
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return trap(format!("it belongs to uid {}, not to us", meta.uid()));
    }
    Ok(())
}
