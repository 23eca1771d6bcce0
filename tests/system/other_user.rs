//! Other users of the machine, who get nothing of ours and give us nothing.

use crate::support::monitor::{BINARY, Monitor};
use crate::support::process::masters_of;
use crate::support::sim::SimRouter;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

const UP: &str = "192.0.2.10";

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
    let router = sim.address("r1").to_string();
    let arguments = ["poll", "--router", &router, "--platform", "linux", "--target", UP, "--count", "1"];
    let login = ["--user", "ddl", "--password", "env:PASSWORD", "--deadline", "60s"];
    let poll = || run(&[&arguments[..], &login[..]].concat());
    assert_eq!(poll()["session"], "opened");
    assert_eq!(poll()["session"], "reused");
    let place = folder.path().join(format!("ddl-monitor-{uid}"));
    let meta = fs::metadata(&place).expect("the last resort");
    assert_eq!((meta.uid(), meta.mode() & 0o7777), (uid, 0o700));
    let status = run(&["status"]);
    assert_eq!((&status["directory"], status["masters"].as_array().map(Vec::len)), (&json!(place), Some(1)));
    // Its memory holds a login and cannot be dumped: the kernel gives such a process to root.
    let pid = status["masters"][0]["pid"].as_u64().expect("a process id");
    assert_eq!(fs::metadata(format!("/proc/{pid}/environ")).expect("it lives").uid(), 0);
    assert_eq!(run(&["stop", "--all"])["stopped"][0]["how"], "logged out");
    // Somebody who was first with that name must not get our sessions.
    fs::remove_dir_all(&place).expect("removed");
    fs::create_dir(&place).expect("made by root");
    let message = poll()["failure"]["message"].to_string();
    assert!(message.contains("uid 0") && message.contains("state.dir"), "{message}");
    assert_eq!(masters_of(&router), Vec::<u32>::new());
}

#[test]
fn somebody_else_is_hung_up_on_even_when_the_door_stands_open() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    monitor.poll(&sim.address("r1").to_string(), "linux", UP, &["--count", "1"]).json();
    let socket = monitor.sockets().remove(0);
    let open = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
    };
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&monitor.state()), mode(&socket)), (0o700, 0o600));
    let ask = |uid: u32| {
        let socket = socket.clone();
        // On Linux a thread can be another user than its process.
        let asked = std::thread::spawn(move || {
            let uid = rustix::process::Uid::from_raw(uid);
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
            let mut stream = UnixStream::connect(socket)?;
            // The other end may have hung up before this is written.
            let _ = stream.write_all(b"{\"request\":\"status\"}\n");
            let mut reply = Vec::new();
            let _ = stream.read_to_end(&mut reply);
            std::io::Result::Ok(reply)
        });
        asked.join().expect("no panic")
    };
    assert!(ask(64_231).is_err(), "the directory is closed");
    open(monitor.state().parent().expect("a folder"), 0o755);
    open(&monitor.state(), 0o755);
    open(&socket, 0o666);
    assert_eq!(ask(64_231).expect("the door stands open"), b"");
    assert!(ask(0).expect("ours").starts_with(b"{\"reply\":\"status\""));
    let log = fs::read_to_string(monitor.state().join("ddl-monitor.log")).expect("a log");
    assert!(log.contains("client refused") && log.contains("64231"), "{log}");
}

#[test]
fn a_password_file_of_somebody_else_is_refused() {
    let monitor = Monitor::new();
    let path = monitor.path("pw");
    fs::write(&path, "canary\n").expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode");
    chown(&path, Some(54321), None).expect("given away");
    let text = format!("file:{}", path.display());
    let answer = monitor.poll("127.0.0.1:1", "linux", UP, &["--user", "u", "--password", &text]);
    assert_eq!(answer.kind(), "settings");
    let message = answer.json()["failure"]["message"].to_string();
    assert!(message.contains("belongs to uid 54321; allowed is a file of our own (uid 0) or root's"), "{message}");
    assert!(!message.contains("canary"), "{message}");
}
