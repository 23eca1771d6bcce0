//! File systems mounted on a folder: a small one, and one that is read-only. Unmounted on drop. Needs root.

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub struct Disk(PathBuf);

impl Disk {
    /// An empty file system of `kib` KiB.
    pub fn small(folder: &Path, kib: u32) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("its mode");
        let options = std::ffi::CString::new(format!("size={kib}k,mode=0700")).expect("options");
        mount("tmpfs", folder, "tmpfs", MountFlags::empty(), Some(options.as_c_str())).expect("a tmpfs");
        Self(folder.to_owned())
    }

    /// The folder itself, read-only until this is dropped, even for a process that has files of it open.
    pub fn read_only(folder: &Path) -> Self {
        mount_bind(folder, folder).expect("a bind mount");
        let disk = Self(folder.to_owned());
        mount_remount(folder, MountFlags::BIND | MountFlags::RDONLY, c"").expect("read-only");
        disk
    }

    /// Writes a file until not one byte fits any more; the caller may remove it.
    pub fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path).expect("a file");
        for size in [4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}
