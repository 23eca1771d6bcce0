use super::*;
use crate::failure::{Kind, Stage};
use crate::probe::{Ping, Probe};
use crate::wire::{self, Session};
use std::io::Read;
use std::os::unix::net::UnixStream;

fn probes(last: u8) -> Vec<Probe> {
    let target = [192, 0, 2, last].into();
    vec![Probe::Ping(Ping {
        target,
        count: 5,
        timeout: Duration::from_secs(2),
        size: None,
        df: false,
        vrf: None,
        source: None,
    })]
}

fn lines(last: &[u8]) -> Vec<Probes> {
    last.iter().map(|last| probes(*last).into()).collect()
}

fn answers(last: u8) -> Answers {
    let failure = Failure::new(Kind::Reply, Stage::Reply, last.to_string());
    Answers::failed(&probes(last), &failure, 1.0)
}

fn targets(jobs: &[Job]) -> Vec<Probes> {
    jobs.iter()
        .map(|job| match &job.ask {
            Ask::Probes(probes) => Arc::clone(probes),
            Ask::Command(_) => unreachable!("a batch asks probes"),
        })
        .collect()
}

/// Batches with the results that they share with polls.
#[derive(Default)]
struct Both {
    batches: Batches,
    results: Results,
}

impl Both {
    fn bring(&mut self, last: u8) -> Vec<Done> {
        self.batches.bring(&mut self.results, &lines(&[last])[0], &answers(last))
    }

    fn overdue(&mut self) -> Vec<Done> {
        self.batches.overdue(&mut self.results)
    }

    fn open(&mut self, client: Client, last: &[u8], deadline: Duration, look: bool) -> (Vec<Job>, Option<Done>) {
        let deadline = Deadline::after(deadline);
        self.batches.open(&mut self.results, client, deadline, lines(last), Vec::new(), look)
    }
}

/// Opens a batch; the other end, and the jobs it makes.
fn open(both: &mut Both, last: &[u8], deadline: Duration) -> (UnixStream, Vec<Job>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (jobs, done) = both.open(Client::new(theirs, false), last, deadline, false);
    assert!(done.is_none());
    (ours, jobs)
}

/// What the client of a batch gets.
fn told(both: &mut Both, done: Vec<Done>, mut ours: UnixStream) -> Vec<Option<Session>> {
    for done in done {
        for (probes, at) in done.answer(None, 1, None) {
            both.results.put_back(&probes, at);
        }
    }
    let mut line = Vec::new();
    ours.read_to_end(&mut line).unwrap();
    match wire::decode(&line).unwrap() {
        Some(Reply::Batch(batch)) => batch.lines.into_iter().map(|line| line.map(|line| line.session)).collect(),
        other => unreachable!("{other:?}"),
    }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_batch_is_answered_when_its_last_line_is_done() {
    let mut batches = Both::default();
    let (ours, jobs) = open(&mut batches, &[1, 2, 1], LONG);
    assert_eq!(targets(&jobs), lines(&[1, 2]), "equal probes are one job");
    assert!(batches.bring(1).is_empty());
    let done = batches.bring(2);
    assert_eq!(told(&mut batches, done, ours), [Some(Session::Reused); 3]);
}

#[test]
fn what_is_not_done_in_time_goes_on_and_is_brought_once_by_the_next_batch() {
    let mut batches = Both::default();
    let (ours, _) = open(&mut batches, &[1], Duration::ZERO);
    let done = batches.overdue();
    assert_eq!(told(&mut batches, done, ours), [None]);
    let (ours, jobs) = open(&mut batches, &[1], Duration::ZERO);
    assert!(jobs.is_empty(), "it is in hand");
    let done = batches.overdue();
    assert_eq!(told(&mut batches, done, ours), [None]);
    assert!(batches.bring(1).is_empty());
    for session in [Session::Reused, Session::Cached] {
        let (ours, _) = open(&mut batches, &[1], Duration::ZERO);
        let done = batches.overdue();
        assert_eq!(told(&mut batches, done, ours), [Some(session)]);
    }
}

#[test]
fn a_result_whose_client_was_gone_is_brought_again() {
    let mut batches = Both::default();
    let (gone, _) = open(&mut batches, &[1], LONG);
    drop(gone);
    for done in batches.bring(1) {
        for (probes, at) in done.answer(None, 1, None) {
            batches.results.put_back(&probes, at);
        }
    }
    let (ours, _) = open(&mut batches, &[1], Duration::ZERO);
    let done = batches.overdue();
    assert_eq!(told(&mut batches, done, ours), [Some(Session::Reused)]);
}

#[test]
fn a_person_who_looks_takes_nothing_away() {
    let mut batches = Both::default();
    let (_gone, _) = open(&mut batches, &[1], Duration::ZERO);
    drop(batches.overdue());
    batches.bring(1);
    for look in [true, true, false] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        batches.open(Client::new(theirs, false), &[1], Duration::ZERO, look);
        let done = batches.overdue();
        assert_eq!(told(&mut batches, done, ours), [Some(Session::Reused)]);
    }
    let (ours, _) = open(&mut batches, &[1], Duration::ZERO);
    let done = batches.overdue();
    assert_eq!(told(&mut batches, done, ours), [Some(Session::Cached)]);
}

#[test]
fn the_oldest_result_is_asked_for_first_and_a_line_without_one_before_it() {
    let mut batches = Both::default();
    let (_ours, _) = open(&mut batches, &[1, 2, 3], LONG);
    for last in [3, 1, 2] {
        batches.bring(last);
    }
    let (_ours, jobs) = open(&mut batches, &[1, 2, 3, 4], LONG);
    assert_eq!(targets(&jobs), lines(&[4, 3, 1, 2]));
}

#[test]
fn a_router_that_cannot_be_asked_ends_the_batch_and_makes_older_results_old() {
    let mut batches = Both::default();
    let (_gone, jobs) = open(&mut batches, &[1, 2], Duration::ZERO);
    batches.bring(1);
    let waiting: Vec<Job> = jobs.into_iter().skip(1).collect();
    drop(batches.overdue());
    let (ours, _) = open(&mut batches, &[1, 2], LONG);
    let done = batches.batches.fail(&mut batches.results, &waiting);
    assert_eq!(told(&mut batches, done, ours), [None, None]);
    let (ours, jobs) = open(&mut batches, &[1, 2], Duration::ZERO);
    assert_eq!(targets(&jobs), lines(&[2]), "the first is still in hand, the second was dropped");
    let done = batches.overdue();
    assert_eq!(told(&mut batches, done, ours), [Some(Session::Cached), None]);
}

#[test]
fn results_of_lines_that_are_gone_are_forgotten() {
    let mut batches = Both::default();
    for n in 0..u32::try_from(KEPT).unwrap() + 10 {
        let target = std::net::Ipv4Addr::from(n + 1).into();
        let ping = Ping { target, count: 1, timeout: LONG, size: None, df: false, vrf: None, source: None };
        batches.batches.bring(&mut batches.results, &Arc::from([Probe::Ping(ping)]), &answers(1));
    }
    let (_ours, _) = open(&mut batches, &[1], LONG);
    assert!(batches.results.len() <= 1, "{}", batches.results.len());
}

#[test]
fn what_an_open_batch_waits_for_is_wanted_and_what_earlier_ones_left_is_not() {
    let mut batches = Both::default();
    let (_gone, left) = open(&mut batches, &[1, 2], Duration::ZERO);
    drop(batches.overdue());
    assert!(left.iter().all(|job| !batches.batches.wants(job)));
    let (_ours, new) = open(&mut batches, &[2, 3], LONG);
    assert_eq!(targets(&new), lines(&[3]));
    let wanted: Vec<bool> = left.iter().chain(&new).map(|job| batches.batches.wants(job)).collect();
    assert_eq!(wanted, [false, true, true]);
}

#[test]
fn what_a_batch_has_left_goes_on_when_a_sweep_that_wants_it_too_dies() {
    let mut batches = Both::default();
    let (_ours, left) = open(&mut batches, &[1], Duration::ZERO);
    batches.overdue();
    let (theirs, of_sweep) = UnixStream::pair().unwrap();
    let sweep = Client::of_batch(of_sweep, true);
    let (jobs, _) = batches.open(sweep, &[1, 2], LONG, false);
    assert_eq!(targets(&jobs), lines(&[2]));
    drop(theirs);
    batches.batches.abandon();
    assert_eq!((batches.batches.is_in_hand(&left[0]), batches.batches.is_in_hand(&jobs[0])), (true, false));
}
