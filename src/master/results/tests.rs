use super::*;
use crate::failure::{Failure, Stage};
use crate::probe::Ping;

const TIMEOUT: Duration = Duration::from_secs(1);
const ROUND_TRIP: Duration = Duration::from_millis(10);

fn probes() -> Probes {
    let target = "192.0.2.1".parse().unwrap();
    Arc::new([Probe::Ping(Ping { target, count: 5, timeout: TIMEOUT, size: None, df: false, vrf: None, source: None })])
}

fn answers(outcome: Result<PingResult, Failure>, elapsed: Duration) -> Answers {
    let answer = Answer { kind: ProbeKind::Ping, outcome: outcome.map(Measurement::Ping) };
    let (elapsed, session) = (elapsed.as_secs_f64(), Session::Reused);
    Answers { answers: vec![answer], time: 1.0, age: 0.0, elapsed, session, conversation: Vec::new() }
}

/// A whole run that lost these packets of its five.
fn run(lost: u32) -> Answers {
    let received = 5 - lost;
    let result = PingResult {
        up: u8::from(received > 0),
        sent: Some(5),
        received: Some(received),
        loss: Some(f64::from(lost) * 20.0),
        complete: true,
        ..PingResult::default()
    };
    answers(Ok(result), TIMEOUT * lost + ROUND_TRIP * received)
}

/// What is certain of a run at the deadline of its poll.
fn so_far(is_back: bool) -> Answers {
    let late = Failure::new(Kind::Deadline, Stage::Probe, "no reply so far");
    let result = if is_back { Ok(PingResult { up: 1, ..PingResult::default() }) } else { Err(late) };
    answers(result, TIMEOUT)
}

fn loss(handed: &Handed) -> Option<f64> {
    ping(&handed.answers).and_then(|ping| ping.loss)
}

/// Random numbers that are the same in every run of the test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

/// A line that loses each packet with this probability, polled again and again.
struct Line {
    results: Results,
    random: Random,
    lossy: f64,
    now: Instant,
    /// When the run ends that is carried on, and its result.
    carried_on: Option<(Instant, Answers)>,
}

impl Line {
    fn run(&mut self) -> (Instant, Answers) {
        let lost = (0..5).filter(|_| self.random.next() < self.lossy).count();
        let answers = run(u32::try_from(lost).unwrap());
        (self.now + Duration::from_secs_f64(answers.elapsed), answers)
    }

    /// The result of one poll with this deadline, and when its client has it.
    fn poll(&mut self, deadline: Duration) -> Handed {
        let probes = probes();
        if let Some((end, answers)) = self.carried_on.take_if(|(end, _)| *end <= self.now) {
            self.results.keep(&probes, &answers, end);
        }
        if let Some(handed) = self.results.at_once(&probes, deadline, Duration::ZERO, self.now) {
            return handed;
        }
        let (end, answers) = self.carried_on.take().unwrap_or_else(|| self.run());
        let due = self.now + deadline;
        self.now = due.min(end);
        if end <= due {
            return self.results.finished(&probes, &answers, end);
        }
        let is_back = ping(&answers).is_some_and(|ping| ping.up == 1);
        self.carried_on = Some((end, answers));
        self.results.unfinished(&probes, so_far(is_back), due)
    }
}

/// Mean of the delivered losses, number of them.
fn delivered(lossy: f64, deadline: Duration, pause: Duration, polls: u32) -> (f64, u32) {
    let random = Random(0x9e37_79b9_7f4a_7c15);
    let mut line = Line { results: Results::default(), random, lossy, now: Instant::now(), carried_on: None };
    let (mut sum, mut number) = (0.0, 0);
    for _ in 0..polls {
        if let Some(loss) = loss(&line.poll(deadline)) {
            sum += loss;
            number += 1;
        }
        line.now += pause;
    }
    (sum / f64::from(number.max(1)), number)
}

/// If the newest result counted, or a run were begun anew in the background, the mean would be off by up to 20 points.
#[test]
fn mean_of_delivered_losses_is_that_of_the_line() {
    for lossy in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        for deadline in [1000, 2500, 12_000].map(Duration::from_millis) {
            for pause in [0, 180].map(Duration::from_secs) {
                let (mean, number) = delivered(lossy, deadline, pause, 5000);
                // Five packets in each run; its deviation, and what the mean of as many runs keeps of it.
                let error = 100.0 * (lossy * (1.0 - lossy) / 5.0 / f64::from(number)).sqrt();
                let off = (mean - 100.0 * lossy).abs();
                assert!(off <= 4.0 * error + 0.05, "{lossy} in {deadline:?}, each {pause:?}: {mean}, {number} of them");
                assert!(number > 500, "{lossy} in {deadline:?}, each {pause:?}: {number}");
            }
        }
    }
}

#[test]
fn each_poll_of_a_dead_line_but_the_first_has_a_result() {
    for deadline in [1000, 2500].map(Duration::from_millis) {
        assert_eq!(delivered(1.0, deadline, Duration::from_secs(60), 100), (100.0, 99));
    }
}

fn late(results: &mut Results, now: Instant) -> Option<f64> {
    loss(&results.unfinished(&probes(), so_far(true), now))
}

#[test]
fn every_result_is_delivered_once_and_the_older_one_first() {
    let (mut results, now) = (Results::default(), Instant::now());
    results.keep(&probes(), &run(3), now);
    assert_eq!(loss(&results.finished(&probes(), &run(1), now)), Some(60.0));
    assert_eq!(late(&mut results, now), Some(20.0));
    assert_eq!(late(&mut results, now), None, "a reply says no loss");
    assert_eq!(loss(&results.finished(&probes(), &run(0), now)), Some(0.0));
}

#[test]
fn a_result_that_fits_into_the_poll_costs_no_ping() {
    let (mut results, now) = (Results::default(), Instant::now());
    let mut at_once = |lost, available, max_age| {
        results.keep(&probes(), &run(lost), now);
        let times = (Duration::from_secs(available), Duration::from_secs(max_age));
        results.at_once(&probes(), times.0, times.1, now).map(|handed| (loss(&handed), handed.answers.session))
    };
    assert_eq!(at_once(1, 2, 0), Some((Some(20.0), Session::Reused)));
    assert_eq!(at_once(3, 2, 0), None, "its ping would not fit again");
    assert_eq!(at_once(3, 2, 60), Some((Some(60.0), Session::Reused)), "it is young enough");
}

#[test]
fn a_line_that_is_mended_is_seen_at_once() {
    let (mut results, now) = (Results::default(), Instant::now());
    results.keep(&probes(), &run(5), now);
    assert_eq!(loss(&results.finished(&probes(), &run(0), now)), Some(0.0));
    assert_eq!(late(&mut results, now), None, "nothing is left");
    results.keep(&probes(), &run(5), now);
    assert_eq!(loss(&results.finished(&probes(), &run(1), now)), Some(100.0), "it may be a line that loses many");
}

#[test]
fn a_failure_that_says_why_goes_before_an_older_result() {
    let (mut results, now) = (Results::default(), Instant::now());
    results.keep(&probes(), &run(5), now);
    let refused = answers(Err(Failure::new(Kind::Rejected, Stage::Reply, "unknown VRF")), TIMEOUT);
    assert_eq!(loss(&results.unfinished(&probes(), refused.clone(), now)), None);
    results.keep(&probes(), &refused, now);
    assert_eq!(late(&mut results, now), Some(100.0), "which is still there");
}

#[test]
fn a_result_that_no_client_took_is_there_for_the_next() {
    let (mut results, now) = (Results::default(), Instant::now());
    let handed = results.finished(&probes(), &run(2), now);
    results.put_back(&probes(), handed.at.unwrap());
    assert_eq!(late(&mut results, now), Some(40.0));
}

#[test]
fn a_result_of_a_quarter_of_an_hour_ago_is_dropped() {
    let (mut results, now) = (Results::default(), Instant::now());
    results.keep(&probes(), &run(2), now);
    assert_eq!(late(&mut results, now + LIFETIME), None);
    results.keep(&probes(), &run(2), now);
    results.outdate();
    assert_eq!(late(&mut results, now), None, "nor one of a router that fell silent");
}
