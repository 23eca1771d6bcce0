//! Root beside the user of the masters (as `zabbix`): it works as that user, so nothing that the user does to the directory
//! makes root write or end anything elsewhere.

use crate::support::monitor::BINARY;
use crate::support::system_user::SystemUser;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A user, a program that the user can run, and a state directory of the user's.
struct Site {
    folder: tempfile::TempDir,
    /// Deleted with this.
    _user: SystemUser,
    id: u32,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ddl").tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(BINARY, folder.path().join("ddl-monitor")).unwrap();
        let user = SystemUser::new();
        let id = user.id();
        let site = Self { folder, _user: user, id };
        site.make_theirs(&site.state());
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn make_theirs(&self, folder: &Path) {
        fs::create_dir(folder).unwrap();
        chown(folder, Some(self.id), Some(self.id)).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn command(&self, uid: u32, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("ddl-monitor"));
        command.args(arguments).arg("--state-dir").arg(self.state()).env_clear().uid(uid).gid(uid);
        command
    }

    fn run(&self, uid: u32, arguments: &[&str]) -> Output {
        self.command(uid, arguments).output().unwrap()
    }

    fn is_theirs(&self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().uid(), self.id, "{:?}", entry.path());
            if entry.file_type().unwrap().is_dir() {
                self.is_theirs(&entry.path());
            }
        }
    }
}

/// A process that waits until it is ended.
struct Running(Child);

impl Running {
    fn new(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).spawn().unwrap())
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// The record that the user writes to have it ended.
    fn record(&self, router: &str) -> Value {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let started: u64 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse().unwrap();
        json!({"pid": self.0.id(), "started": started, "router": router, "user": "u", "platform": "frr"})
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const POLL: [&str; 11] =
    ["poll", "--target", "192.0.2.1", "--router", "127.0.0.1:1", "--user", "u", "--password", "x", "--platform", "frr"];

fn stdout(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

fn kind(output: Output) -> Value {
    serde_json::from_str::<Value>(&stdout(output)).unwrap()["failure"]["kind"].clone()
}

const LINES: &str = r#"
[[router]]
name = "r1"
address = "192.0.2.1"
platform = "frr"
password = "env:PASSWORD"
user = "u"
[[line]]
id = "L1"
target = "10.1.1.2"
router = "r1"
"#;

#[test]
fn what_root_forgets_for_another_user_stays_that_users() {
    let site = Site::new();
    assert_eq!(kind(site.run(site.id, &POLL)), "connect");
    // Also the files that are not there yet.
    fs::remove_file(site.state().join("logins.lock")).unwrap();
    let forgotten = stdout(site.run(0, &["stop", "--router", "127.0.0.1:1", "--forget"]));
    assert!(forgotten.contains("\"forgotten\":[\"127.0.0.1:1\"]"), "{forgotten}");
    // A poll of root's is one of that user's.
    assert_eq!(kind(site.run(0, &POLL)), "connect");
    site.is_theirs(&site.state());
    assert_eq!(kind(site.run(site.id, &POLL)), "connect");
    site.run(site.id, &["stop", "--all"]);
}

#[test]
fn directory_of_another_user_is_refused_to_all_but_root() {
    let site = Site::new();
    let other = site.id ^ 0x4000;
    let answer: Value = serde_json::from_str(&stdout(site.run(other, &POLL))).unwrap();
    let message = answer["failure"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("uid {}", site.id)) && message.contains("state.dir"), "{message}");
    assert_eq!(fs::read_dir(site.state()).unwrap().count(), 0);
}

#[test]
fn root_imports_as_the_user_whose_directory_it_is() {
    let site = Site::new();
    // Only root can read it.
    let lines = site.path("lines.toml");
    fs::write(&lines, LINES).unwrap();
    fs::set_permissions(&lines, fs::Permissions::from_mode(0o600)).unwrap();
    let import = ["inventory", "import", lines.to_str().unwrap()];
    let output = site.run(0, &import);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(site.state().join("inventory/current").exists());
    site.is_theirs(&site.state());

    // A directory of root's in the place of the inventory's folder, by a link: root does not write there.
    let victim = site.path("victim");
    fs::create_dir(&victim).unwrap();
    fs::rename(site.state().join("inventory"), site.state().join("aside")).unwrap();
    symlink(&victim, site.state().join("inventory")).unwrap();
    fs::write(&lines, LINES.replace("L1", "L2")).unwrap();
    assert!(!site.run(0, &import).status.success());
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
}

/// The race of the report: the folder is exchanged for a link, as fast as the machine can, while root imports.
#[test]
fn folder_swapped_under_root_leads_it_nowhere() {
    let site = Site::new();
    let victim = site.path("victim");
    fs::create_dir(&victim).unwrap();
    // Open to its user, as a folder of root's that the user may read: nothing but root's ids could write there.
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o755)).unwrap();
    let (folder, link) = (site.state().join("inventory"), site.state().join("link"));
    site.make_theirs(&folder);
    symlink(&victim, &link).unwrap();
    let lines = site.path("lines.toml");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                use rustix::fs::{CWD, RenameFlags, renameat_with};
                let _ = renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE);
            }
        });
        for number in 0..40 {
            fs::write(&lines, LINES.replace("L1", &format!("L{number}"))).unwrap();
            site.run(0, &["inventory", "import", lines.to_str().unwrap()]);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
}

#[test]
fn root_ends_only_masters_and_only_those_of_their_user() {
    let site = Site::new();
    // One of root's, called like a master; one of the user's that is no master.
    fs::write(site.path("master"), "read line").unwrap();
    let roots = &mut Running::new(Command::new("sh").arg0("ddl-monitor: u@r").arg("master").current_dir(&site.folder));
    let theirs = &mut Running::new(Command::new("sh").args(["-c", "read line"]).uid(site.id).gid(site.id));
    for (name, record) in
        [("0123456789abcdef", roots.record("\u{1b}]0;owned\u{7}")), ("123456789abcdef0", theirs.record("r"))]
    {
        let path = site.state().join(format!("{name}.json"));
        fs::write(&path, record.to_string()).unwrap();
        chown(&path, Some(site.id), Some(site.id)).unwrap();
    }
    for arguments in [&["status", "--format", "text"][..], &["stop", "--all", "--format", "text"]] {
        let shown = stdout(site.run(0, arguments));
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
    assert!(roots.is_alive() && theirs.is_alive());
}

#[test]
fn fifo_of_the_user_does_not_hold_root_up() {
    let site = Site::new();
    for name in ["logins.json", "0123456789abcdef.json"] {
        let made = Command::new("mkfifo").arg(site.state().join(name)).uid(site.id).gid(site.id).status().unwrap();
        assert!(made.success());
    }
    for arguments in [&["status"][..], &["stop", "--all", "--forget"], &["stop", "--router", "127.0.0.1:1", "--forget"]]
    {
        // `timeout` ends one that hangs, with a status of its own.
        let mut command = Command::new("timeout");
        command
            .arg("60")
            .arg(site.path("ddl-monitor"))
            .args(arguments)
            .arg("--state-dir")
            .arg(site.state())
            .env_clear();
        let status = command.env("PATH", "/usr/bin:/bin").stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_ne!(status.code(), Some(124), "{arguments:?}");
    }
}
