//! The state directory when it is full, read-only, deleted, replaced or not ours: a clear refusal, nothing half done, and polls
//! that need nothing of it go on.

use crate::support::monitor::{BINARY, Monitor};
use crate::support::process::{self, is_alive, kill, until_gone};
use crate::support::sim::{Sim, SimRouter};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const UP: &str = "192.0.2.10";

fn at(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

fn poll(monitor: &Monitor, sim: &Sim) -> Value {
    let ran = monitor.poll(&at(sim), "linux", UP, &["--count", "1", "--deadline", "9s"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    ran.json()
}

/// The failure's message, which has to be of kind `settings`.
#[track_caller]
fn refusal(answer: &Value) -> String {
    assert_eq!((&answer["state"], answer.get("ping")), (&json!(1), None), "{answer}");
    answer["failure"]["message"].as_str().unwrap_or_default().to_owned()
}

/// A file system mounted on a folder; gone when dropped. Needs root.
struct Small(PathBuf);

impl Small {
    fn on(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("its mode");
        mount("tmpfs", folder, "tmpfs", MountFlags::empty(), Some(c"size=256k,mode=0700")).expect("a tmpfs");
        Self(folder.to_owned())
    }

    /// The folder itself, read-only until this is dropped, whoever has files of it open.
    fn read_only(folder: &Path) -> Self {
        mount_bind(folder, folder).expect("a bind mount");
        let mount = Self(folder.to_owned());
        mount_remount(folder, MountFlags::BIND | MountFlags::RDONLY, c"").expect("read-only");
        mount
    }

    /// Writes until nothing goes in any more; the file is to be removed.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path).expect("a file");
        while std::io::Write::write(&mut file, &[b'x'; 4096]).is_ok_and(|count| count > 0) {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn what_dead_masters_left_is_in_nobodys_way_and_cleared_by_status() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    kill(monitor.pids()[0]);
    let state = monitor.state();
    let name = "0123456789abcdef";
    // Of masters that nobody will ever ask for again: one that died at once, one whose socket somebody removed, rubbish.
    for (name, file) in [(name, "sock"), (name, "lock"), (name, "start"), (name, "new"), ("0123456789abcde0", "json")] {
        fs::write(state.join(format!("{name}.{file}")), "").expect("a leftover");
    }
    // One that died while it replaced a file; above the kernel's largest process id.
    fs::write(state.join("0123456789abcde2.json.99999999-ThreadId1.new"), "").expect("a leftover");
    // And a record whose process id is somebody else's by now.
    let record =
        json!({"pid": std::process::id(), "started": 1, "router": "192.0.2.1:22", "user": "x", "platform": "linux"});
    fs::write(state.join("0123456789abcde1.json"), record.to_string()).expect("a record");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let pids = monitor.pids();
    assert_eq!(pids.len(), 1);
    let left = monitor.kept_names();
    assert!(left.iter().all(|name| !name.starts_with("0123456789abcde")), "{left:?}");
    assert_eq!(left.iter().filter(|name| name.ends_with(".sock")).count(), 1, "{left:?}");
    assert_eq!(monitor.run(&["stop", "--all"]).json()["stopped"].as_array().map(Vec::len), Some(1));
    assert!(is_alive(std::process::id()));
}

#[test]
fn a_full_state_directory_refuses_cold_polls_clearly_and_serves_warm_ones() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let small = Small::on(&monitor.state());
    let filler = small.fill();
    // Not even the key fits.
    let message = refusal(&poll(&monitor, &sim));
    assert!(message.contains("key") && message.contains("No space left"), "{message}");
    assert!(!message.contains("remove it"), "{message}");
    let names = monitor.kept_names();
    assert!(names.iter().all(|name| ["filler", "ddl-monitor.log"].contains(&name.as_str())), "{names:?}");
    fs::remove_file(&filler).expect("the filler");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let filler = small.fill();
    assert_eq!(poll(&monitor, &sim)["session"], "reused");
    kill(monitor.pids()[0]);
    let answer = poll(&monitor, &sim);
    assert_eq!(answer.get("ping"), None, "{answer}");
    let message = answer["failure"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("No space left") && message.contains("state"), "{answer}");
    let names = monitor.kept_names();
    assert!(names.iter().all(|name| !name.ends_with(".new") && !name.ends_with(".start")), "{names:?}");
    assert_eq!((sim.count("login"), monitor.pids()), (1, vec![]));
    fs::remove_file(&filler).expect("the filler");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    monitor.run(&["stop", "--all"]).json();
}

#[test]
fn a_read_only_state_directory_refuses_cold_polls_clearly_and_serves_warm_ones() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let pid = monitor.pids()[0];
    let mount = Small::read_only(&monitor.state());
    assert_eq!(poll(&monitor, &sim)["session"], "reused");
    kill(pid);
    let message = refusal(&poll(&monitor, &sim));
    assert!(message.contains("state") && message.contains("Read-only"), "{message}");
    drop(mount);
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    monitor.run(&["stop", "--all"]).json();
}

#[test]
fn a_master_whose_state_directory_was_deleted_leaves_and_polls_are_answered_meanwhile() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::with("master.keepalive = \"1s\"");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    let old = monitor.pids()[0];
    fs::remove_dir_all(monitor.state()).expect("deleted");
    let answer = poll(&monitor, &sim);
    assert_eq!((&answer["state"], &answer["session"]), (&json!(0), &json!("opened")), "{answer}");
    until_gone(old);
    sim.wait_for("a clean logout", |events| {
        events.iter().any(|event| event["event"] == "logout" && event["reason"] == "left")
    });
    assert_eq!(monitor.pids().len(), 1);
    assert_eq!(poll(&monitor, &sim)["session"], "reused");
}

#[test]
fn a_state_directory_that_is_a_symbolic_link_or_somebody_elses_is_refused() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let real = monitor.path("real");
    fs::create_dir(&real).expect("a folder");
    symlink(&real, monitor.state()).expect("a link");
    let message = refusal(&poll(&monitor, &sim));
    assert!(message.contains("symbolic link") && message.contains("state.dir"), "{message}");
    fs::remove_file(monitor.state()).expect("the link");
    fs::write(monitor.state(), "").expect("a file");
    assert!(refusal(&poll(&monitor, &sim)).contains("not a directory"));
    fs::remove_file(monitor.state()).expect("the file");
    fs::create_dir(monitor.state()).expect("a folder");
    chown(monitor.state(), Some(54321), None).expect("given away");
    let message = refusal(&poll(&monitor, &sim));
    assert!(message.contains("uid 54321") && message.contains("state.dir"), "{message}");
    assert_eq!(fs::read_dir(monitor.state()).expect("it is there").count(), 0);
    assert_eq!(sim.count("connect"), 0);
}

#[test]
fn a_state_directory_open_to_others_is_tightened_and_that_is_logged() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    fs::create_dir(monitor.state()).expect("a folder");
    fs::set_permissions(monitor.state(), Permissions::from_mode(0o777)).expect("its mode");
    assert_eq!(poll(&monitor, &sim)["state"], 0);
    assert_eq!(fs::metadata(monitor.state()).expect("it is there").mode() & 0o7777, 0o700);
    let log = fs::read_to_string(monitor.state().join("ddl-monitor.log")).expect("a log");
    assert!(log.contains("open to others"), "{log}");
    for name in monitor.kept_names() {
        let mode = fs::metadata(monitor.state().join(&name)).expect("it is there").mode() & 0o777;
        assert_eq!(mode, 0o600, "{name} {mode:o}");
    }
}

#[test]
fn a_state_directory_too_deep_for_a_socket_is_refused_with_both_lengths() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let deep = monitor.path(&"d".repeat(100));
    let more = ["--state-dir", deep.to_str().expect("text")];
    let message = refusal(&monitor.poll(&at(&sim), "linux", UP, &more).json());
    assert!(message.contains("107") && message.contains("state.dir"), "{message}");
}

#[test]
fn a_user_without_a_home_keeps_its_masters_in_the_temporary_directory() {
    let sim = SimRouter::new("linux").start();
    let folder = tempfile::Builder::new().prefix("ddl").tempdir_in("/tmp").expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).expect("as /tmp");
    // The build's own folder may be closed to others.
    let program = folder.path().join("ddl-monitor");
    fs::copy(BINARY, &program).expect("a copy");
    let uid = 64_231;
    let run = |arguments: &[&str]| -> Value {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups"]);
        command.arg(&program).args(arguments).env_clear().env("TMPDIR", folder.path()).env("PASSWORD", "ddl");
        let output = command.output().expect("setpriv (util-linux)");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let router = at(&sim);
    let arguments = ["poll", "--router", &router, "--platform", "linux", "--target", UP, "--count", "1"];
    let login = ["--user", "ddl", "--password", "env:PASSWORD", "--deadline", "9s"];
    let poll = || run(&[&arguments[..], &login[..]].concat());
    assert_eq!(poll()["session"], "opened");
    assert_eq!(poll()["session"], "reused");
    let place = folder.path().join(format!("ddl-monitor-{uid}"));
    let meta = fs::metadata(&place).expect("the last resort");
    assert_eq!((meta.uid(), meta.mode() & 0o7777), (uid, 0o700));
    let status = run(&["status"]);
    assert_eq!((&status["directory"], status["masters"].as_array().map(Vec::len)), (&json!(place), Some(1)));
    assert_eq!(run(&["stop", "--all"])["stopped"][0]["how"], "logged out");
    // Somebody who was first with that name must not get our sessions.
    fs::remove_dir_all(&place).expect("removed");
    fs::create_dir(&place).expect("made by root");
    let message = refusal(&poll());
    assert!(message.contains("uid 0") && message.contains("state.dir"), "{message}");
    assert_eq!(process::masters_of(&router), Vec::<u32>::new());
}
