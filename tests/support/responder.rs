//! The far ends of lines: a TUN device in a name space behind which every address answers echo requests as its rule says,
//! and a count of what was really answered and dropped. Stands in for netem, which not every kernel has.

use super::leftover;
use super::netns::Netns;
use super::tun;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{PipeWriter, Read, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

mod packet;

/// The networks behind the device; .254 and ::fe are the router's own ends.
pub const NETWORK: &str = "198.18.0.254/24";
pub const NETWORK_V6: &str = "2001:db8:1::fe/64";

/// What a target does with echo requests. An address without a rule answers each at once.
#[derive(Clone, Copy, Default)]
pub struct Rule {
    loss: Loss,
    delay: Duration,
    twice: bool,
}

#[derive(Clone, Copy, Default)]
enum Loss {
    #[default]
    None,
    Every(u64),
    All,
    Unreachable,
    /// The n-th request is dropped where bit n, counted round, is set.
    Chosen(u64),
    /// Each request is dropped with this probability, independent of the others.
    Random(f64),
}

impl Rule {
    /// The k-th, 2k-th, … request since the responder's start is dropped.
    pub fn drop_every(k: u64) -> Self {
        Self { loss: Loss::Every(k), ..Self::default() }
    }

    /// The n-th request since the responder's start is dropped where bit n mod 64 is set.
    pub fn drop_chosen(bits: u64) -> Self {
        Self { loss: Loss::Chosen(bits), ..Self::default() }
    }

    /// Each request is dropped with this probability; the n-th one to a target always has the same fate.
    pub fn drop_random(probability: f64) -> Self {
        Self { loss: Loss::Random(probability), ..Self::default() }
    }

    pub fn silent() -> Self {
        Self { loss: Loss::All, ..Self::default() }
    }

    /// Each request is answered by the router at the far end: host unreachable.
    pub fn unreachable() -> Self {
        Self { loss: Loss::Unreachable, ..Self::default() }
    }

    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Every answer comes twice.
    pub fn twice(self) -> Self {
        Self { twice: true, ..self }
    }
}

/// Requests to one target. What is neither answered nor dropped is still being delayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub seen: u64,
    /// Answered at least once.
    pub answered: u64,
    pub dropped: u64,
}

/// One run of `ping`, as the far end saw it.
#[derive(Clone, Debug)]
pub struct SeenRun {
    identifier: u16,
    /// When its first and its last packet came, in seconds since 1970.
    pub begun: f64,
    pub last: f64,
    /// Whether each of its packets was answered, in their order.
    pub came_back: Vec<bool>,
    /// The longest time from the sending of a packet until the responder saw it.
    pub delay: f64,
}

#[derive(Default)]
struct Targets {
    rules: HashMap<IpAddr, Rule>,
    counts: HashMap<IpAddr, Count>,
    runs: HashMap<IpAddr, Vec<SeenRun>>,
}

impl Targets {
    /// Keeps the fate of one packet with those of its run.
    fn record(&mut self, request: &packet::EchoRequest, is_answered: bool) {
        let (target, (identifier, number)) = (request.target(), request.run());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set").as_secs_f64();
        let runs = self.runs.entry(target).or_default();
        if runs.last().is_none_or(|run| run.identifier != identifier || number == 1) {
            runs.push(SeenRun { identifier, begun: now, last: now, came_back: Vec::new(), delay: 0.0 });
        }
        let run = runs.last_mut().expect("a run");
        run.last = now;
        run.delay = run.delay.max(request.sent().map_or(0.0, |sent| now - sent));
        run.came_back.push(is_answered);
    }
}

pub struct Responder {
    targets: Arc<Mutex<Targets>>,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Puts the device `line0` into the name space and answers from then on.
    pub fn start(netns: &Netns) -> Self {
        let (pid, number) = leftover::parse(&leftover::mark()).expect("a marked name");
        let name = format!("ddl{pid}t{number}");
        let device = tun::open(&name).unwrap_or_else(|e| panic!("TUN device {name}: {e}"));
        netns.adopt(&name, "line0");
        netns.ip(&format!("addr add {NETWORK} dev line0"));
        netns.ip(&format!("addr add {NETWORK_V6} dev line0 nodad"));
        netns.ip("link set line0 up");
        let (stopped, stop) = std::io::pipe().expect("a pipe");
        let targets = Arc::new(Mutex::new(Targets::default()));
        let shared = Arc::clone(&targets);
        let thread = std::thread::spawn(move || serve(&device, &stopped, &shared));
        Self { targets, stop: Some(stop), thread: Some(thread) }
    }

    pub fn rule(&self, target: &str, rule: Rule) {
        lock(&self.targets).rules.insert(address(target), rule);
    }

    /// The runs towards a target so far, in their order.
    pub fn runs(&self, target: &str) -> Vec<SeenRun> {
        lock(&self.targets).runs.get(&address(target)).cloned().unwrap_or_default()
    }

    pub fn count(&self, target: &str) -> Count {
        lock(&self.targets).counts.get(&address(target)).copied().unwrap_or_default()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn address(target: &str) -> IpAddr {
    target.parse().unwrap_or_else(|e| panic!("target {target}: {e}"))
}

fn lock(targets: &Mutex<Targets>) -> MutexGuard<'_, Targets> {
    targets.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A number from 0 to below 1, the same for the n-th request to a target in every process.
fn draw(target: IpAddr, number: u64) -> f64 {
    let mut hasher = DefaultHasher::new();
    (target, number).hash(&mut hasher);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let draw = (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64;
    draw
}

/// One thread, one wait: for a packet, for the next delayed answer, for the end of the responder.
fn serve(mut device: &File, stopped: &std::io::PipeReader, targets: &Mutex<Targets>) {
    let mut delayed: Vec<(Instant, IpAddr, Vec<u8>, bool)> = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let now = Instant::now();
        let (due, later) = delayed.drain(..).partition::<Vec<_>, _>(|(at, ..)| *at <= now);
        delayed = later;
        for (_, target, answer, twice) in due {
            // Counted before it is written: who has the answer must find it counted.
            lock(targets).counts.entry(target).or_default().answered += 1;
            for _ in 0..=u8::from(twice) {
                let _ = device.write(&answer);
            }
        }
        let next = delayed.iter().map(|(at, ..)| at.saturating_duration_since(now)).min();
        let timeout =
            next.map(|wait| Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: i64::from(wait.subsec_nanos()) });
        let mut ready = [PollFd::new(device, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => panic!("waiting for packets: {e}"),
        }
        if !ready[1].revents().is_empty() {
            return;
        }
        if ready[0].revents().is_empty() {
            continue;
        }
        // The device is gone when its name space was removed first.
        let Ok(length) = device.read(&mut buffer) else { return };
        let Some(request) = packet::EchoRequest::parse(&buffer[..length]) else { continue };
        let target = request.target();
        let mut targets = lock(targets);
        let rule = targets.rules.get(&target).copied().unwrap_or_default();
        let count = targets.counts.entry(target).or_default();
        count.seen += 1;
        let answer = match rule.loss {
            Loss::All => None,
            Loss::Every(k) if count.seen.is_multiple_of(k) => None,
            Loss::Chosen(bits) if bits >> (count.seen % 64) & 1 == 1 => None,
            Loss::Random(probability) if draw(target, count.seen) < probability => None,
            Loss::None | Loss::Every(_) | Loss::Chosen(_) | Loss::Random(_) => Some(request.reply()),
            Loss::Unreachable => {
                // The echo itself is lost; only the message about it is sent.
                let _ = device.write(&request.unreachable());
                None
            }
        };
        if answer.is_none() {
            count.dropped += 1;
        }
        targets.record(&request, answer.is_some());
        match answer {
            None => {}
            Some(answer) => delayed.push((Instant::now() + rule.delay, target, answer, rule.twice)),
        }
    }
}
