//! Waiting: for an event, never for a time. The one limit is so generous that only a defect reaches it, also on a machine that
//! is busy with other things.

use std::process::{Child, Output};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// After this whatever is waited for does not come any more. Longer than a poll's deadline in a test ([`DEADLINE`]), so that the
/// program's own account comes first.
pub const LIMIT: Duration = Duration::from_secs(150);

/// The deadline of polls in tests that are not about deadlines.
pub const DEADLINE: &str = "60s";

/// Asks until there is an answer. Panics with `what` when it does not come.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    poll(what, Duration::from_millis(5), || ask().ok_or(""))
}

/// As [`until`], at the slower pace of a real Zabbix. The panic shows the last error.
#[track_caller]
pub fn patiently<T, E: std::fmt::Display>(what: &str, ask: impl FnMut() -> Result<T, E>) -> T {
    poll(what, Duration::from_millis(100), ask)
}

/// The pause keeps the question cheap; it decides nothing.
#[track_caller]
fn poll<T, E: std::fmt::Display>(what: &str, pause: Duration, mut ask: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(error) => assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} for {what} {error}"),
        }
        std::thread::sleep(pause);
    }
}

/// Asks until there is an answer, without a pause, for what lasts only a moment.
#[track_caller]
pub fn closely<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    poll(what, Duration::ZERO, || ask().ok_or(""))
}

/// Lets a moment pass, for races that are tried at one moment after another: the moment is what is tested, nothing is
/// expected to be ready after it.
pub fn moment(time: Duration) {
    std::thread::sleep(time);
}

/// The output of a child that ends; one that does not is killed, and the test fails.
#[track_caller]
pub fn for_output(child: Child) -> Output {
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(LIMIT) else {
        super::process::signal(pid, rustix::process::Signal::KILL);
        panic!("process {pid} did not end within {LIMIT:?}");
    };
    output.expect("its output")
}

/// The same for each of these at once, each in a thread that has its name: mostly they wait.
pub fn at_once<'a>(names: &[&'a str], test: impl Fn(&'a str) + Sync) {
    std::thread::scope(|scope| {
        for name in names {
            let builder = std::thread::Builder::new().name((*name).to_owned());
            builder.spawn_scoped(scope, || test(name)).expect("a thread");
        }
    });
}
