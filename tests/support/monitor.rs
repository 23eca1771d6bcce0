//! ddl-monitor as a user runs it: the binary, a state directory and a settings file of its own, and what it printed. Masters
//! are stopped when it is dropped.

use super::wait;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const BINARY: &str = env!("CARGO_BIN_EXE_ddl-monitor");

pub struct Monitor {
    folder: tempfile::TempDir,
}

/// One command line and what became of it.
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Ran {
    /// stdout as the one line of JSON that it has to be.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "not one line: {:?} {:?}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {:?} {:?}", self.stdout, self.stderr))
    }

    /// The failure's kind, or `measured`.
    #[track_caller]
    pub fn kind(&self) -> String {
        self.json()["failure"]["kind"].as_str().unwrap_or("measured").to_owned()
    }
}

/// Returns the message of an answer that has to be a failure of kind `settings`.
#[track_caller]
pub fn refusal(answer: &Value) -> String {
    assert_eq!((&answer["state"], answer.get("ping")), (&json!(1), None), "{answer}");
    answer["failure"]["message"].as_str().unwrap_or_default().to_owned()
}

impl Monitor {
    /// Logins: `secret:good` is ddl/ddl, `secret:bad` has a wrong password.
    pub fn new() -> Self {
        Self::with("")
    }

    /// With more lines in the settings file. A poll has [`wait::DEADLINE`] unless they, or its arguments, say otherwise.
    pub fn with(settings: &str) -> Self {
        let deadline = match settings.contains("poll.deadline") {
            true => String::new(),
            false => format!("poll.deadline = {:?}\n", wait::DEADLINE),
        };
        let folder = tempfile::Builder::new().prefix("ddl").tempdir_in("/tmp").expect("a temporary folder");
        let monitor = Self { folder };
        monitor.write_credentials(
            "[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[bad]\nuser = \"ddl\"\npassword = \"wrong-canary-7431\"\n",
        );
        let path = monitor.path("ddl-monitor.toml");
        let text = format!(
            "state.dir = {:?}\nsecrets.file = {:?}\n{deadline}{settings}\n",
            monitor.state(),
            monitor.path("credentials.toml")
        );
        fs::write(path, text).expect("a settings file");
        monitor
    }

    pub fn write_credentials(&self, text: &str) {
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path("credentials.toml"))
            .expect("a credentials file");
        file.write_all(text.as_bytes()).expect("credentials written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("DDL_MONITOR_CONFIG", self.path("ddl-monitor.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).wait()
    }

    /// Starts it; [`Started::wait`] for the end.
    pub fn start(&self, arguments: &[&str]) -> Started {
        Started::of(self.command(arguments))
    }

    /// A poll of `target` from a router; more arguments follow.
    pub fn poll(&self, router: &str, platform: &str, target: &str, more: &[&str]) -> Ran {
        self.run(&poll_arguments(router, platform, target, more))
    }

    pub fn start_poll(&self, router: &str, platform: &str, target: &str, more: &[&str]) -> Started {
        self.start(&poll_arguments(router, platform, target, more))
    }

    pub fn status(&self) -> Value {
        self.run(&["status"]).json()["masters"].clone()
    }

    /// Process ids of the masters.
    pub fn pids(&self) -> Vec<u32> {
        let masters = self.status();
        let rows = masters.as_array().expect("a list of masters");
        rows.iter().filter_map(|master| u32::try_from(master["pid"].as_u64()?).ok()).collect()
    }

    /// The sockets of masters in the state directory.
    pub fn sockets(&self) -> Vec<PathBuf> {
        let names = self.kept_names();
        names.iter().filter(|name| name.ends_with(".sock")).map(|name| self.state().join(name)).collect()
    }

    /// Names in the state directory, sorted.
    pub fn kept_names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state()).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Every byte in the state directory, for a look at what must not be there.
    pub fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files(&self.state())
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), fs::read(entry.path()).ok()?))).collect()
}

/// With `--password secret:good`, unless `more` says otherwise.
fn poll_arguments<'a>(router: &'a str, platform: &'a str, target: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["poll", "--router", router, "--platform", platform, "--target", target];
    if !more.contains(&"--password") && !more.contains(&"--key") {
        arguments.extend(["--password", "secret:good"]);
    }
    arguments.extend(more);
    arguments
}

pub struct Started {
    pub child: std::process::Child,
}

impl Started {
    /// A command of [`Monitor::command`] with more to it.
    pub fn of(mut command: Command) -> Self {
        Self { child: command.spawn().expect("ddl-monitor runs") }
    }

    /// What it printed; it has to end.
    #[track_caller]
    pub fn wait(self) -> Ran {
        let output = wait::for_output(self.child);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { stdout: text(&output.stdout), stderr: text(&output.stderr), code: output.status.code() }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.run(&["stop", "--all"]);
    }
}
