//! Simulated routers for a test: `examples/router-sim` started with a lab file, its events collected, ended on drop.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::wait;
use serde_json::Value;
use tempfile::TempDir;

/// A router to be simulated: `SimRouter::new("cisco_iosxe").with("dead", vec!["10.0.0.9"]).start()`.
#[derive(Clone)]
pub(crate) struct SimRouter {
    table: toml::Table,
}

impl SimRouter {
    pub(crate) fn new(persona: &str) -> Self {
        let mut table = toml::Table::new();
        table.insert("persona".to_owned(), persona.into());
        Self { table }
    }

    /// One option of `router-sim`, by its flag's name with `_` for `-`.
    pub(crate) fn with(mut self, option: &str, value: impl Into<toml::Value>) -> Self {
        self.table.insert(option.to_owned(), value.into());
        self
    }

    pub(crate) fn name(self, name: &str) -> Self {
        self.with("name", name)
    }

    /// The one user that may log in, instead of `ddl` with the password `ddl`.
    pub(crate) fn user(self, name: &str, password: &str) -> Self {
        self.with("user", vec![format!("{name}:{password}")])
    }

    /// This router alone, called `r1` unless it has a name.
    pub(crate) fn start(self) -> Sim {
        Sim::start([self])
    }
}

/// Running routers.
pub(crate) struct Sim {
    child: Child,
    input: Mutex<(Option<ChildStdin>, u64)>,
    log: Arc<Log>,
    _lab: TempDir,
}

#[derive(Default)]
struct Log {
    events: Mutex<(Vec<Value>, bool)>,
    news: Condvar,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, (Vec<Value>, bool)> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sim {
    pub(crate) fn start(routers: impl IntoIterator<Item = SimRouter>) -> Self {
        // A file, not arguments: passwords must not show in the list of processes.
        let lab = tempfile::tempdir().expect("a directory for the lab file");
        let file = lab.path().join("lab.toml");
        let tables: Vec<toml::Value> = routers.into_iter().map(|router| router.table.into()).collect();
        let text = toml::Table::from_iter([("router".to_owned(), toml::Value::from(tables))]).to_string();
        std::fs::write(&file, text).expect("writing the lab file");
        let program = program();
        let mut child = Command::new(&program)
            .arg("--until-eof")
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("starting {} (cargo build --example router-sim makes it): {error}", program.display())
            });
        let input = Mutex::new((child.stdin.take(), 0));
        let output = child.stdout.take().expect("its standard output is a pipe");
        let log = Arc::new(Log::default());
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("router-sim writes JSON lines");
                written.lock().0.push(event);
                written.news.notify_all();
            }
            written.lock().1 = true;
            written.news.notify_all();
        });
        let sim = Self { child, input, log, _lab: lab };
        sim.wait_for("ready", |events| named(events, "ready").next().is_some());
        sim
    }

    pub(crate) fn address(&self, router: &str) -> SocketAddr {
        self.addresses().get(router).copied().unwrap_or_else(|| panic!("no router {router} is listening"))
    }

    pub(crate) fn addresses(&self) -> HashMap<String, SocketAddr> {
        named(&self.log.lock().0, "listening")
            .map(|event| {
                let address = text(event, "address").parse().expect("an address");
                (text(event, "router").to_owned(), address)
            })
            .collect()
    }

    /// All that happened so far: whatever a client has seen the effect of is among it.
    pub(crate) fn events(&self) -> Vec<Value> {
        let number = self.tell(|number| format!("sync {number}")).to_string();
        self.wait_for("sync", |events| named(events, "synced").any(|event| text(event, "number") == number));
        self.log.lock().0.clone()
    }

    /// How many events of this name so far: `login`, `refused`, `connect`, `command`, `busy`, `closed`, …
    pub(crate) fn count(&self, event: &str) -> usize {
        named(&self.events(), event).count()
    }

    /// The command lines typed so far, of all sessions.
    pub(crate) fn commands(&self) -> Vec<String> {
        named(&self.events(), "command").map(|event| text(event, "line").to_owned()).collect()
    }

    /// Every byte received so far, escaped as in Rust.
    pub(crate) fn bytes(&self) -> String {
        named(&self.events(), "bytes").map(|event| text(event, "bytes")).collect()
    }

    /// Waits until `holds` of the events; panics with `what` and all events if it takes too long.
    pub(crate) fn wait_for(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        let mut events = self.log.lock();
        let mut timed_out = false;
        while !holds(&events.0) {
            assert!(!events.1 && !timed_out, "router-sim: {what} did not happen; what did: {:#?}", events.0);
            let (woken, wait) = self.log.news.wait_timeout(events, wait::LIMIT).unwrap_or_else(PoisonError::into_inner);
            events = woken;
            timed_out = wait.timed_out();
        }
    }

    /// Waits until every session has ended; the record of its last ping is then among the events.
    pub(crate) fn wait_for_end_of_sessions(&self) {
        self.wait_for("the end of every session", |events| {
            named(events, "logout").count() == named(events, "pty").count()
        });
    }

    /// Waits until there are `count` events of this name.
    pub(crate) fn wait_for_count(&self, event: &str, count: usize) {
        self.wait_for(&format!("{count} × {event}"), |events| named(events, event).count() >= count);
    }

    /// Changes options of a running router (`*`: of all), from its next command or connection on.
    pub(crate) fn change(&mut self, router: &str, option: &str, value: impl Into<toml::Value>) {
        self.order(&format!("{router} {option} = {}", value.into()));
    }

    /// Cuts all connections of a router.
    pub(crate) fn cut(&mut self, router: &str) {
        self.order(&format!("{router} cut"));
    }

    fn order(&mut self, line: &str) {
        let done = self.count("changed");
        self.tell(|_| line.to_owned());
        self.wait_for(line, |events| {
            if let Some(refused) = named(events, "not_changed").next() {
                panic!("router-sim: {line}: {refused}");
            }
            named(events, "changed").count() > done
        });
    }

    /// Writes one line to its standard input, made of a number that was not used before.
    fn tell(&self, line: impl FnOnce(u64) -> String) -> u64 {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        input.1 += 1;
        let number = input.1;
        writeln!(input.0.as_mut().expect("its standard input is open"), "{}", line(number))
            .expect("it reads its orders");
        number
    }

    /// Closes its standard input and waits until it ends by itself.
    pub(crate) fn end(mut self) -> std::process::ExitStatus {
        self.input.lock().unwrap_or_else(PoisonError::into_inner).0.take();
        self.child.wait().expect("waiting for router-sim")
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn named<'a>(events: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == name)
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_default()
}

pub(crate) fn program() -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_ddl-monitor"));
    binary.parent().expect("the binary lies in a directory").join("examples/router-sim")
}
