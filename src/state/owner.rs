//! Root and the paths of other users: a user who can change a path decides where a write through it ends, so root takes
//! that user's ids before it touches anything there. The only user of nix.

use nix::unistd::{Gid, Uid, User, getgrouplist, setgroups, setresgid, setresuid};
use std::ffi::{CString, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// The most symbolic links in one path: the kernel's limit.
const MOST_LINKS: u32 = 40;
const STICKY: u32 = 0o1000;

/// Root that is to work in a directory that another user can change becomes that user, with all ids and for good. Call it
/// before the first thread starts. Any other user stays.
pub(super) fn take_ids(dir: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let Some(stranger) = stranger(dir)? else { return Ok(()) };
    let uid = Uid::from_raw(stranger.uid());
    let refused = |e: nix::Error| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("root cannot become its user, uid {uid}: {e}"))
    };
    let (gid, groups) = match User::from_uid(uid).map_err(refused)? {
        Some(user) => {
            let name = CString::new(user.name).map_err(io::Error::other)?;
            (user.gid, getgrouplist(&name, user.gid).map_err(refused)?)
        }
        // A container does not know the users of its host.
        None => (Gid::from_raw(stranger.gid()), Vec::new()),
    };
    setgroups(&groups).and_then(|()| setresgid(gid, gid, gid)).and_then(|()| setresuid(uid, uid, uid)).map_err(refused)
}

/// Refuses, for root, to write to a path that another user can change.
pub(crate) fn check_path(path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match stranger(path)? {
        None => Ok(()),
        Some(meta) => {
            let text = format!("root does not write to {}, which uid {} can change", path.display(), meta.uid());
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

/// The first part of a path that does not belong to root; its owner can lead all that follows elsewhere. What is looked at
/// before it belongs to root, in directories of root, so it stays as it was seen.
fn stranger(path: &Path) -> io::Result<Option<Metadata>> {
    let mut at = PathBuf::from("/");
    let mut left: Vec<OsString> = parts(&std::path::absolute(path)?);
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        let meta = match fs::symlink_metadata(&at) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if meta.uid() != 0 {
            return Ok(Some(meta));
        }
        if meta.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many symbolic links"));
            }
            let target = fs::read_link(&at)?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            left.extend(parts(&target));
        } else if !left.is_empty() && is_open(&meta) {
            let text = format!("{} can be written by users other than root; chmod go-w", at.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    }
    Ok(None)
}

/// Whether other users may replace entries of this directory. In a sticky one they cannot replace those of root.
fn is_open(meta: &Metadata) -> bool {
    let group = if meta.gid() == 0 { 0 } else { 0o020 };
    meta.mode() & (0o002 | group) != 0 && meta.mode() & STICKY == 0
}

/// The components, last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let named = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut parts: Vec<OsString> = named.collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

    /// A directory of root's; None for another user, who cannot give files away.
    fn folder() -> Option<tempfile::TempDir> {
        rustix::process::geteuid().is_root().then(|| tempfile::tempdir().unwrap())
    }

    fn owner(path: &Path) -> Option<u32> {
        stranger(path).unwrap().map(|meta| meta.uid())
    }

    #[test]
    fn path_of_root_has_no_stranger() {
        let Some(dir) = folder() else { return };
        assert_eq!(owner(dir.path()), None);
        assert_eq!(owner(&dir.path().join("not/there")), None);
        symlink(dir.path(), dir.path().join("link")).unwrap();
        assert_eq!(owner(&dir.path().join("link/../x")), None);
    }

    #[test]
    fn first_foreign_part_decides() {
        let Some(dir) = folder() else { return };
        let (theirs, below) = (dir.path().join("theirs"), dir.path().join("theirs/below"));
        fs::create_dir_all(&below).unwrap();
        chown(&theirs, Some(4711), None).unwrap();
        // What root made in there can still be moved away by the owner of the directory above.
        for path in [&theirs, &below, &below.join("not/there")] {
            assert_eq!(owner(path), Some(4711), "{}", path.display());
        }
        assert!(check_path(&below).is_err() && check_path(dir.path()).is_ok());
    }

    #[test]
    fn link_of_another_user_is_not_followed() {
        let Some(dir) = folder() else { return };
        let link = dir.path().join("link");
        symlink("/etc", &link).unwrap();
        lchown(&link, Some(4711), None).unwrap();
        assert_eq!(owner(&link.join("passwd")), Some(4711));
    }

    #[test]
    fn directory_that_others_write_to_is_refused() {
        let Some(dir) = folder() else { return };
        let open = dir.path().join("open");
        fs::create_dir_all(open.join("below")).unwrap();
        for (mode, allowed) in [(0o777, false), (0o1777, true), (0o775, true), (0o755, true)] {
            fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(stranger(&open.join("below")).is_ok(), allowed, "{mode:o}");
        }
        chown(&open, None, Some(4711)).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o775)).unwrap();
        assert!(stranger(&open.join("below")).is_err());
    }

    #[test]
    fn links_in_a_circle_end() {
        let Some(dir) = folder() else { return };
        symlink("circle", dir.path().join("circle")).unwrap();
        assert!(stranger(&dir.path().join("circle/x")).is_err());
    }
}
