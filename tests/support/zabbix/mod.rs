//! A real Zabbix: `scripts/zabbix-lab` in a folder of its own, and its API. It ends with the test, however that ends: the
//! script waits for the end of its standard input, then stops everything and deletes the folder. Needs root.

mod api;
mod host;

pub use host::{Host, NewHost};

use super::leftover;
use super::monitor::BINARY;
use serde_json::{Value as Json, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

/// The versions to be tested: 6.0, and 7.0 where `scripts/test` found that it can be had.
pub fn versions() -> Vec<&'static str> {
    let also = std::env::var("DDL_TEST_ZABBIX").unwrap_or_default();
    ["6.0", "7.0"].into_iter().filter(|version| *version == "6.0" || also.contains(version)).collect()
}

/// What runs ddl-monitor, each with its own settings, credentials and state. In all of them `secret:good` is ddl/ddl and
/// `secret:bad` has a wrong password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Server,
    Proxy,
    Agentd,
    Agent2,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Server, Self::Proxy, Self::Agentd, Self::Agent2];

    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Proxy => "proxy",
            Self::Agentd => "agentd",
            Self::Agent2 => "agent2",
        }
    }
}

pub struct Zabbix {
    version: &'static str,
    folder: PathBuf,
    /// What `up --json` printed.
    description: Json,
    token: String,
    holder: Mutex<Child>,
}

impl Zabbix {
    /// A lab without hosts: server, frontend, proxy `lab-proxy`, both agents. Ready in two seconds, once its database is kept.
    pub fn start(version: &'static str) -> Self {
        Self::start_with(version, &[])
    }

    /// The same with a second proxy, which the server does not know yet: [`Self::second_proxy`].
    pub fn start_with_two_proxies(version: &'static str) -> Self {
        Self::start_with(version, &["--second-proxy"])
    }

    fn start_with(version: &'static str, options: &[&str]) -> Self {
        end_leftovers();
        let folder = std::env::temp_dir().join(format!("{}{SUFFIX}", leftover::mark()));
        let mut holder = script("up", &folder)
            .args(["--version", version, "--bare", "--json", "--until-eof", "--binary", BINARY])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/zabbix-lab starts");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line).expect("its output");
        let description: Json =
            serde_json::from_str(&line).unwrap_or_else(|e| panic!("scripts/zabbix-lab up did not work: {e}: {line:?}"));
        let mut zabbix = Self { version, folder, description, token: String::new(), holder: Mutex::new(holder) };
        let token = zabbix.call("user.login", json!({"username": "Admin", "password": "zabbix"}));
        token.as_str().expect("a token").clone_into(&mut zabbix.token);
        for part in Part::ALL {
            zabbix.write_credentials(
                part,
                "[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[bad]\nuser = \"ddl\"\npassword = \"wrong-canary-7431\"\n",
            );
        }
        zabbix
    }

    pub fn version(&self) -> &'static str {
        self.version
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> &str {
        self.text("/url")
    }

    /// Where trappers are sent to.
    pub fn server(&self) -> std::net::SocketAddr {
        self.loopback("/server/port")
    }

    pub fn proxy(&self) -> std::net::SocketAddr {
        self.loopback("/proxy/port")
    }

    /// Its name, and where trappers are sent to.
    pub fn second_proxy(&self) -> (&str, std::net::SocketAddr) {
        (self.text("/proxy2/name"), self.loopback("/proxy2/port"))
    }

    fn loopback(&self, pointer: &str) -> std::net::SocketAddr {
        let port = self.description.pointer(pointer).and_then(Json::as_u64).expect("a port");
        ([127, 0, 0, 1], u16::try_from(port).expect("a port")).into()
    }

    fn text(&self, pointer: &str) -> &str {
        self.description.pointer(pointer).and_then(Json::as_str).expect("text")
    }

    /// The API's answer; panics with its error.
    #[track_caller]
    pub fn call(&self, method: &str, parameters: Json) -> Json {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The API's answer, or message and data of its error.
    pub fn try_call(&self, method: &str, parameters: Json) -> Result<Json, String> {
        api::call(self.text("/api"), method, parameters, &self.token)
    }

    /// Imports an export in YAML as a user would who ticks every box: what is missing is created, what differs is changed, what
    /// is too much is deleted.
    #[track_caller]
    pub fn import(&self, yaml: &str) {
        self.call("configuration.import", json!({"format": "yaml", "source": yaml, "rules": self.rules()}));
    }

    /// Imports all templates of the project, those for this version.
    #[track_caller]
    pub fn import_templates(&self) {
        for yaml in templates(self.version) {
            self.import(&yaml);
        }
    }

    /// All that Zabbix knows of the templates with these names, as it exports it.
    #[track_caller]
    pub fn export(&self, names: &[&str]) -> Json {
        let found = self.call("template.get", json!({"filter": {"host": names}, "output": ["templateid"]}));
        let ids: Vec<&Json> = found.as_array().expect("a list").iter().map(|one| &one["templateid"]).collect();
        assert_eq!(ids.len(), names.len(), "{names:?}");
        let text = self.call("configuration.export", json!({"format": "json", "options": {"templates": ids}}));
        let mut export: Json = serde_json::from_str(text.as_str().expect("text")).expect("JSON");
        // Of 6.0: when it was exported.
        export["zabbix_export"].as_object_mut().expect("an export").remove("date");
        export
    }

    fn rules(&self) -> Json {
        let all = json!({"createMissing": true, "updateExisting": true, "deleteMissing": true});
        let create = json!({"createMissing": true, "updateExisting": true});
        let mut rules = json!({
            "discoveryRules": all, "graphs": all, "httptests": all, "items": all, "templateDashboards": all,
            "templateLinkage": {"createMissing": true, "deleteMissing": true}, "templates": create, "triggers": all,
            "valueMaps": all,
        });
        if self.version == "6.0" {
            rules["groups"] = create;
        } else {
            rules["template_groups"] = create.clone();
            rules["host_groups"] = create;
        }
        rules
    }

    /// A host to be created; its technical name must be new.
    pub fn host(&self, name: &str) -> NewHost<'_> {
        NewHost::new(self, name)
    }

    /// Server and proxy read the configuration at once, not at their next second.
    pub fn reload(&self) {
        done(&script("reload", &self.folder).output().expect("scripts/zabbix-lab runs"));
    }

    /// Stops and starts parts: `postgres`, `server`, `proxy`, `agentd`, `agent2`, `frontend`.
    #[track_caller]
    pub fn restart(&self, parts: &[&str]) {
        done(&script("restart", &self.folder).args(parts).output().expect("scripts/zabbix-lab runs"));
    }

    /// The process id that a part was started with, now.
    pub fn pid(&self, part: &str) -> u32 {
        let status = script("status", &self.folder).arg("--json").output().expect("scripts/zabbix-lab runs");
        let status: Json = serde_json::from_slice(&status.stdout).expect("JSON");
        status["pids"][part]
            .as_u64()
            .and_then(|pid| pid.try_into().ok())
            .unwrap_or_else(|| panic!("{part} does not run"))
    }

    /// ddl-monitor as the part runs it; its stdout.
    #[track_caller]
    pub fn monitor(&self, part: Part, arguments: &[&str]) -> String {
        let mut run = script("run", &self.folder);
        done(&run.arg(part.name()).args(arguments).output().expect("scripts/zabbix-lab runs"))
    }

    /// Process ids of the part's masters.
    pub fn masters(&self, part: Part) -> Vec<u32> {
        let status: Json = serde_json::from_str(&self.monitor(part, &["status", "--format", "json"])).expect("JSON");
        let rows = status["masters"].as_array().expect("a list of masters");
        rows.iter().filter_map(|master| u32::try_from(master["pid"].as_u64()?).ok()).collect()
    }

    /// Kills its script, as the kernel does when memory is short, and gives the folder the mark of an owner that is gone.
    pub fn abandon(self) -> PathBuf {
        let script = self.holder.lock().expect("the script").id();
        super::process::signal(script, rustix::process::Signal::KILL);
        // Above the kernel's largest process id.
        let orphaned = self.folder.with_file_name(format!("ddl-99999999-{}{SUFFIX}", std::process::id()));
        fs::rename(&self.folder, &orphaned).expect("another name");
        orphaned
    }

    /// The part's own folder: `ddl-monitor.toml`, `credentials.toml`, `state/`, `conf.d/` of agents.
    pub fn folder(&self, part: Part) -> PathBuf {
        self.folder.join(part.name())
    }

    /// Where the part finds its external checks.
    pub fn scripts(&self, part: Part) -> PathBuf {
        self.text(&format!("/{}/externalscripts", part.name())).into()
    }

    /// What the part's daemon has logged.
    pub fn log(&self, part: Part) -> String {
        let bytes = fs::read(self.folder(part).join(part.name()).with_extension("log")).expect("a log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The file keeps its owner and mode.
    pub fn write_credentials(&self, part: Part, text: &str) {
        fs::write(self.folder(part).join("credentials.toml"), text).expect("credentials written");
    }

    /// Adds lines to the configuration of both agents and restarts them.
    pub fn configure_agents(&self, lines: &str) {
        for part in [Part::Agentd, Part::Agent2] {
            fs::write(self.folder(part).join("conf.d/test.conf"), lines).expect("configuration of an agent");
        }
        self.restart(&["agentd", "agent2"]);
    }
}

/// Of a lab's folder, after the mark of its owner.
const SUFFIX: &str = "-zabbix";

/// Labs whose script was killed together with the tests.
fn end_leftovers() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(SUFFIX).is_some_and(leftover::is_dead) {
            // While its own script is at it, this waits, and finds nothing.
            let _ = script("down", &entry.path()).arg("--delete").output();
        }
    }
}

impl Drop for Zabbix {
    fn drop(&mut self) {
        let holder = self.holder.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(holder.stdin.take());
        let _ = holder.wait();
    }
}

/// The project's templates for a version of Zabbix, in YAML.
pub fn templates(version: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("zabbix-templates").join(version);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).expect("a template")).collect()
}

fn script(command: &str, folder: &Path) -> Command {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/zabbix-lab"));
    script.arg(command).arg("--dir").arg(folder).stdin(Stdio::null());
    script
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "scripts/zabbix-lab: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
