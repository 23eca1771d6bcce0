//! Polls through real parts: OpenSSH, FRR's vtysh or a shell of Linux, iputils' ping, and a responder behind it all that
//! counts what it sees. Needs root.

mod access;
mod counters;
mod evidence;
mod interface;
mod lossy;
mod session;
mod surroundings;

use crate::support::monitor::Monitor;
use crate::support::real_router::RealRouter;
use crate::support::responder::Count;
use crate::support::system_user::SystemUser;
use serde_json::Value;

/// Platform and login shell; none = vtysh.
const SHELLS: [(&str, Option<&str>); 3] = [("frr", None), ("linux", Some("/bin/bash")), ("linux", Some("/bin/dash"))];

/// ddl-monitor with the login of one user: `secret:good`, and `secret:bad` with a wrong password.
fn monitor_of(user: &SystemUser, settings: &str) -> Monitor {
    let monitor = Monitor::with(settings);
    let (name, password) = (&user.name, &user.password);
    monitor.write_credentials(&format!(
        "[good]\nuser = {name:?}\npassword = {password:?}\n[bad]\nuser = {name:?}\npassword = \"wrong-canary-7431\"\n"
    ));
    monitor
}

/// A router and how one user of it polls.
struct Lab {
    shell: (&'static str, Option<&'static str>),
    // Before the router: masters log out while it lives.
    monitor: Monitor,
    platform: &'static str,
    /// Held for its drop, where it is not the router's own.
    user: Option<SystemUser>,
    router: RealRouter,
}

impl Lab {
    fn new(shell: (&'static str, Option<&'static str>), settings: &str) -> Self {
        let (platform, login_shell) = shell;
        let router = RealRouter::start();
        let user = login_shell.map(|shell| router.shell_user(shell));
        let monitor = monitor_of(user.as_ref().unwrap_or(&router.user), settings);
        Self { shell, monitor, platform, user, router }
    }

    fn poll(&self, target: &str, more: &[&str]) -> Value {
        self.monitor.poll(&self.router.address().to_string(), self.platform, target, more).json()
    }

    /// A poll, and what the responder counted during it.
    fn counted(&self, target: &str, more: &[&str]) -> (Value, Count) {
        let before = self.router.responder.count(target);
        let answer = self.poll(target, more);
        let after = self.router.responder.count(target);
        let count = Count {
            seen: after.seen - before.seen,
            answered: after.answered - before.answered,
            dropped: after.dropped - before.dropped,
        };
        (answer, count)
    }

    /// `packets transmitted` and `received` of `ping` itself, run on the router.
    fn ping(&self, words: &str, target: &str) -> (u64, u64) {
        let mut command = self.router.netns.command("ping");
        let output = command.env("LC_ALL", "C").args(words.split(' ')).arg(target).output().expect("ping starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find(|line| line.contains("packets transmitted")).expect(&said);
        let mut numbers = line.split([' ', ',']).filter_map(|word| word.parse().ok());
        (numbers.next().expect("sent"), numbers.next().expect("received"))
    }

    /// Whether processes of the user are left on the router.
    fn processes(&self) -> usize {
        let user = self.user.as_ref().unwrap_or(&self.router.user);
        let ps = std::process::Command::new("pgrep").args(["-c", "-u", &user.name]).output().expect("pgrep");
        String::from_utf8_lossy(&ps.stdout).trim().parse().expect("a count")
    }
}

/// A test on a router of its own per login shell, all at once: mostly they wait.
fn on_each_shell(settings: &str, test: impl Fn(Lab) + Sync) {
    std::thread::scope(|scope| {
        for shell in SHELLS {
            let test = &test;
            let builder = std::thread::Builder::new().name(format!("{shell:?}"));
            builder.spawn_scoped(scope, move || test(Lab::new(shell, settings))).expect("a thread");
        }
    });
}

/// Sent, received and pending of an answer; nothing is 0.
fn counters(answer: &Value) -> (u64, u64, u64) {
    let number = |name: &str| answer["ping"][name].as_u64().unwrap_or(0);
    (number("sent"), number("received"), number("pending"))
}
