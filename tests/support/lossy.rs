//! Lines that lose packets at random, polled at deadlines that are too short, just long enough and long: what the program says
//! of each run, against what came back in it.

use super::process::rounds;
use super::wait;
use serde_json::Value;
use std::sync::Barrier;

/// In tenths.
const LOSSES: [u16; 6] = [0, 2, 4, 6, 8, 10];
/// In milliseconds, at a time-out of 1 s.
const DEADLINES: [u64; 3] = [1000, 2500, 12_000];
const PACKETS: u64 = 5;

/// Settings of masters with this number of lanes, each of which logs in at once.
pub fn settings(lanes: usize) -> String {
    let burst = "\"burst 9000, every 1ms\"";
    format!("master.lanes = {lanes}\nlogin.per_router = {burst}\nlogin.all_routers = {burst}")
}

/// One line, and how it is polled.
#[derive(Clone, Copy)]
pub struct LossyLine {
    /// In tenths.
    pub loss: u16,
    /// In milliseconds, as the deadline.
    timeout: u64,
    deadline: u64,
    polls: usize,
}

/// One ping as the router, or the far end, saw it.
pub struct TrueRun {
    /// Seconds since 1970.
    pub begun: f64,
    /// Whether each packet came back, in the order in which they were sent.
    pub came_back: Vec<bool>,
    /// It was not stopped.
    pub is_whole: bool,
    /// In seconds, as far as it is known.
    pub duration: f64,
    /// The longest time in which a packet reached the far end, in seconds; 0 where the simulator decides.
    pub delay: f64,
}

/// Replies of a far end that answers at once take longer than this only on a machine that is too busy: `ping` may then end before
/// it has read the last one.
const BUSY: f64 = 0.05;

/// Returns lines of every loss, polled at every deadline; all times are scaled with the time-out, which is in milliseconds.
/// The more a line loses, the longer its pings take: `most` lines share the polls where everything is lost.
pub fn lossy_lines(timeout: u64, most: usize) -> Vec<LossyLine> {
    let mut lines = Vec::new();
    for deadline in DEADLINES {
        for loss in LOSSES {
            let share = 1 + usize::from(loss) * (most - 1) / 10;
            let polls = rounds(40, 500).div_ceil(share);
            let line = LossyLine { loss, timeout, deadline: deadline * timeout / 1000, polls };
            lines.extend(std::iter::repeat_n(line, share));
        }
    }
    lines
}

/// Polls all lines at the same time, each line one time after the other. `poll` is given the number of a line and the arguments
/// of a poll.
pub fn poll_all(lines: &[LossyLine], poll: impl Fn(usize, &[&str]) -> Value + Sync) -> Vec<Vec<Value>> {
    let logged_in = Barrier::new(lines.len());
    let poll_line = |number: usize| {
        let LossyLine { timeout, deadline, polls, .. } = lines[number];
        let (timeout, deadline) = (format!("{timeout}ms"), format!("{deadline}ms"));
        let poll = |deadline: &str| poll(number, &["--count", "5", "--timeout", &timeout, "--deadline", deadline]);
        // The login is not what is tested.
        let mut answers = vec![poll(wait::DEADLINE)];
        logged_in.wait();
        answers.extend((3..polls).map(|_| poll(&deadline)));
        // One run may be finished and not delivered yet, another one may still go on.
        answers.extend([poll(wait::DEADLINE), poll(wait::DEADLINE)]);
        answers
    };
    std::thread::scope(|scope| {
        let poll_line = &poll_line;
        let threads: Vec<_> = (0..lines.len()).map(|number| scope.spawn(move || poll_line(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the polls of one line")).collect()
    })
}

/// What the polls of lines alike gave.
#[derive(Default)]
struct Tally {
    polls: usize,
    /// Polls that measured nothing.
    failures: usize,
    /// Polls whose client got no processor in time and gave up before its master answered.
    gave_up: usize,
    /// Polls that said what was certain of a run that went on or was stopped.
    partial: usize,
    /// Polls that said `up` 0.
    down: usize,
    /// Whole runs that had to be delivered.
    runs: usize,
    /// Whole runs that were delivered.
    delivered: usize,
    /// Whole runs that a busy machine has spoilt.
    overran: usize,
    /// All losses that were delivered, in percent.
    losses: Vec<f64>,
}

/// Compares the answers of all lines of one platform with their runs. Panics where a number is wrong, a whole run was delivered
/// twice, or the mean of the delivered losses is not what was dropped.
pub fn assert_delivered(platform: &str, lines: &[(LossyLine, Vec<Value>, Vec<TrueRun>)]) {
    let cell = |line: &LossyLine| (line.deadline, line.loss);
    for alike in lines.chunk_by(|(one, ..), (other, ..)| cell(one) == cell(other)) {
        let (deadline, loss) = cell(&alike[0].0);
        let what = format!("{platform}, {} % loss, deadline {deadline} ms", loss * 10);
        let mut tally = Tally::default();
        for (line, answers, runs) in alike {
            compare(&what, line.timeout, answers, runs, &mut tally);
        }
        tally.report(&what);
        tally.assert_unbiased(&what, f64::from(loss) / 10.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
impl Tally {
    fn mean(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64
    }

    /// Panics unless all whole runs were delivered and the mean loss is within four standard errors of the probability with which
    /// each packet was dropped.
    fn assert_unbiased(&self, what: &str, probability: f64) {
        assert!(
            self.delivered + self.overran + self.gave_up >= self.runs,
            "{what}: {} of {} runs delivered",
            self.delivered,
            self.runs
        );
        let packets = PACKETS as f64 * self.losses.len() as f64;
        let error = 100.0 * (probability * (1.0 - probability) / packets).sqrt();
        let (mean, expected) = (self.mean(), 100.0 * probability);
        assert!(
            (mean - expected).abs() <= 4.0 * error + 1e-9,
            "{what}: {mean:.2} % instead of {expected} ± {error:.2}"
        );
    }

    /// Shown by `--nocapture`, and where the test fails.
    #[expect(clippy::print_stdout, reason = "figures of a long run")]
    fn report(&self, what: &str) {
        let (mean, losses) = (self.mean(), self.losses.len());
        let Self { polls, failures, partial, down, runs, delivered, .. } = self;
        println!(
            "{what}: {polls} polls, {failures} without a measurement, {partial} partial, {down} down; {delivered} of {runs} runs delivered, mean of {losses} losses {mean:.2} %"
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn compare(line: &str, timeout: u64, answers: &[Value], runs: &[TrueRun], tally: &mut Tally) {
    tally.polls += answers.len();
    let whole: Vec<&TrueRun> = runs.iter().filter(|run| run.is_whole).collect();
    // A line that was down and has lost nothing since is mended: the older result may go.
    let mended = |pair: &&[&TrueRun]| !pair[0].came_back.contains(&true) && !pair[1].came_back.contains(&false);
    tally.runs += whole.len() - whole.windows(2).filter(mended).count();
    let mut delivered: Option<&Value> = None;
    let mut told = vec![false; runs.len()];
    let mut answers: Vec<&Value> = answers.iter().collect();
    answers.sort_by(|one, other| one["time"].as_f64().partial_cmp(&other["time"].as_f64()).expect("times"));
    for answer in answers {
        let ping = &answer["ping"];
        if ping.is_null() {
            let gave_up = answer["failure"]["kind"] == "master";
            assert!(gave_up || answer["failure"]["kind"] == "deadline", "{line}: {answer}");
            tally.failures += 1;
            tally.gave_up += usize::from(gave_up);
            continue;
        }
        // The time of an answer is a moment before its run; on a busy machine another run may begin in that moment.
        let time = answer["time"].as_f64().expect("a time") - 0.002;
        let is_complete = ping["complete"] == true;
        let mut since = (0..runs.len()).filter(|number| runs[*number].begun >= time);
        let number = since.find(|number| !is_complete || (runs[*number].is_whole && !told[*number]));
        let number = number.unwrap_or_else(|| panic!("{line}: no run began after {answer}"));
        let run = &runs[number];
        let says = || format!("{line}: run {number} {:?}, said {answer}", run.came_back);
        let came_back = run.came_back.iter().filter(|came_back| **came_back).count();
        if ping["sent"].is_null() {
            // The ping goes on; one reply is all that is certain.
            assert!(
                came_back > 0 && ping["up"] == 1 && ping["loss"].is_null() && ping["complete"] == false,
                "{}",
                says()
            );
            tally.partial += 1;
            continue;
        }
        let counter = |name: &str| ping[name].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
        let (sent, received, pending) = (counter("sent"), counter("received"), counter("pending"));
        let delay = ping["rtt_max"].as_f64().unwrap_or(0.0).max(run.delay);
        if is_complete && received < came_back && run.delay > 0.0 && delay > BUSY {
            told[number] = true;
            tally.losses.push(percent(run.came_back.len() - came_back, run.came_back.len()));
            tally.overran += 1;
            continue;
        }
        let loss = ping["loss"].as_f64();
        assert!(loss.is_none_or(|loss| (loss - percent(sent - received, sent)).abs() < 1e-3), "{}", says());
        assert_eq!(ping["up"], u64::from(received > 0), "{}", says());
        tally.losses.extend(loss);
        told[number] |= loss.is_some();
        if received == 0 {
            assert!(!run.came_back[..(sent + pending).min(run.came_back.len())].contains(&true), "{}", says());
            tally.down += 1;
        }
        if is_complete {
            assert_eq!((sent, received, pending), (run.came_back.len(), came_back, 0), "{}", says());
            let before = delivered.replace(answer);
            assert!(before.is_none_or(|before| before["time"] != answer["time"]), "delivered twice: {}", says());
            assert!(loss.is_some(), "no loss: {}", says());
            tally.delivered += 1;
        } else {
            tally.partial += 1;
            // It may end just when it is stopped because it takes too long.
            tally.runs = tally.runs.saturating_sub(usize::from(run.is_whole));
            let dropped = run.came_back.len() - came_back;
            assert!(received <= came_back && sent.saturating_sub(received) <= dropped, "{}", says());
            // A verdict needs three packets.
            assert!(sent >= 3 || (loss.is_none() && received > 0), "{}", says());
        }
    }
    // On a busy machine a run may take longer than its packets need, until it is stopped: it counts as if it were told.
    let longest = (PACKETS * timeout) as f64 / 1000.0 + 1.0;
    for (run, _) in runs.iter().zip(told).filter(|(run, told)| !told && run.is_whole && run.duration > longest) {
        let lost = run.came_back.iter().filter(|came_back| !**came_back).count();
        tally.losses.push(percent(lost, run.came_back.len()));
        tally.overran += 1;
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn percent(part: usize, of: usize) -> f64 {
    100.0 * part as f64 / of as f64
}
