//! Pings of Linux on lines that lose packets at random: what is delivered is what the far end dropped.

use super::{SHELLS, monitor_of};
use crate::support::lossy::{TrueRun, assert_delivered, lossy_lines, poll_all, settings};
use crate::support::monitor::Monitor;
use crate::support::real_router::RealRouter;
use crate::support::responder::{Rule, SeenRun};

/// Lines per master, each with a session of its own.
const LANES: usize = 12;

#[test]
fn linux_losses_are_what_was_dropped() {
    let router = RealRouter::start();
    let (platform, shell) = SHELLS[1];
    let user = router.shell_user(shell.expect("a shell"));
    let lines = lossy_lines(1000, 3);
    let target = |number: usize| format!("198.18.0.{}", number + 1);
    for (number, line) in lines.iter().enumerate() {
        router.responder.rule(&target(number), Rule::drop_random(f64::from(line.loss) / 10.0));
    }
    // One master has no lanes for all lines.
    let monitors: Vec<Monitor> = (0..lines.len()).step_by(LANES).map(|_| monitor_of(&user, &settings(LANES))).collect();
    let at = router.address().to_string();
    let answers = poll_all(&lines, |number, arguments| {
        monitors[number / LANES].poll(&at, platform, &target(number), arguments).json()
    });
    drop(monitors);
    let runs_of = |number: usize| router.responder.runs(&target(number)).into_iter().map(true_run).collect();
    let lines = lines.iter().zip(answers).enumerate();
    let lines = lines.map(|(number, (line, answers))| (*line, answers, runs_of(number)));
    assert_delivered(platform, &lines.collect::<Vec<_>>());
}

fn true_run(run: SeenRun) -> TrueRun {
    let SeenRun { begun, last, came_back, delay, .. } = run;
    TrueRun { begun, duration: last - begun, is_whole: came_back.len() == 5, came_back, delay }
}
