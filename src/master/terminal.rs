//! A logged-in session with the conversation on it: moves bytes between `ssh` and `shell`, keeps the record of what was
//! said, and knows how long the way to the router and back takes.

use super::conversation::Conversation;
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::probe::Probe;
use crate::shell::{Event, Shell};
use crate::ssh::{Heard, Session};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// A write that takes longer means a dead peer: our lines are short.
const WRITE_LIMIT: Duration = Duration::from_secs(3);
/// After this much quiet the last line of a login is looked at as a question or a prompt.
const PAUSE: Duration = Duration::from_millis(200);
/// After this much quiet a login that shows no prompt is nudged; then after twice as much, and so on.
const QUIET: Duration = Duration::from_millis(1000);
/// An enable or set-up command may take its time: the router asks its login server about each.
const QUIET_COMMAND: Duration = Duration::from_secs(4);
/// Between two abort keys.
pub(super) const ABORT_PAUSE: Duration = Duration::from_millis(700);
/// The same while only the prompt is to be proven.
const PROOF_PAUSE: Duration = Duration::from_millis(200);
/// A router that said something so short a time ago is not quiet, however long ago it was asked.
const BREATH: Duration = Duration::from_millis(150);
/// An aborted command that has not given the prompt back by then costs the session.
const RECOVERY: Duration = Duration::from_secs(4);
/// The same while a poll waits for the lane: there must be time for a login.
const HURRIED_RECOVERY: Duration = Duration::from_millis(1500);
/// Between two abort keys then.
const HURRIED_PAUSE: Duration = Duration::from_millis(300);
/// A first byte that comes later waited for something else than the way.
const LONGEST_WAY: Duration = Duration::from_secs(1);
/// Pieces of a stream that does not stop after which somebody else may be heard.
const LISTEN_UP: usize = 16;

pub(super) struct Terminal {
    session: Session,
    pub(super) shell: Shell,
    pub(super) conversation: Conversation,
    buffer: Vec<u8>,
    /// When the line was sent whose first answering byte has not come yet.
    asked: Option<Instant>,
    /// When the last byte came.
    heard: Instant,
    /// At login a question was answered with more than a line end.
    answered: bool,
    /// When the first byte behind the echo of the command in flight came: the command has begun.
    pub(super) begun: Option<Instant>,
    /// The longest recent time from a line sent to its first answering byte.
    pub(super) way: Duration,
    /// Commands before the last probe, where the session keeps what they set.
    pub(super) prepared: Vec<String>,
    /// The probe that runs; `None`: a command whose answer is not parsed.
    pub(super) probe: Option<Probe>,
    /// Answers to aborted commands that the lane has not looked at yet.
    pub(super) aborted: Vec<(Option<Probe>, String)>,
}

/// What came of waiting.
pub(super) enum Step {
    /// Never [`Event::Send`].
    Event(Event),
    /// The router closed the session.
    Closed,
    Woken,
    /// The command in flight has begun.
    Begun,
    TimedOut,
}

impl Terminal {
    pub(super) fn new(session: Session, shell: Shell, conversation: Conversation) -> Self {
        Self {
            session,
            shell,
            conversation,
            buffer: vec![0; 8 << 10],
            asked: None,
            heard: Instant::now(),
            answered: false,
            begun: None,
            way: Duration::ZERO,
            prepared: Vec::new(),
            probe: None,
            aborted: Vec::new(),
        }
    }

    /// The next event of the conversation, whatever has to be said on the way said.
    pub(super) fn step(&mut self, wake: &[BorrowedFd<'_>], until: Deadline) -> io::Result<Step> {
        let mut pieces = 0_usize;
        loop {
            while let Some(event) = self.shell.event() {
                match event {
                    Event::Send { bytes, secret } => {
                        self.conversation.ours(&bytes, secret);
                        self.answered = self.shell.stage() == Stage::Prompt && !bytes.trim_ascii().is_empty();
                        self.asked.get_or_insert_with(Instant::now);
                        self.session.say(&bytes, Deadline::after(WRITE_LIMIT))?;
                    }
                    event => {
                        if let Event::Answer { text, aborted: true, .. } = &event {
                            self.aborted.push((self.probe.clone(), text.clone()));
                        }
                        return Ok(Step::Event(event));
                    }
                }
            }
            match self.session.hear(&mut self.buffer, wake, until)? {
                Heard::Bytes(n) => {
                    self.heard = Instant::now();
                    if let Some(asked) = self.asked.take() {
                        self.way = asked.elapsed().min(LONGEST_WAY).max(self.way - self.way / 8);
                    }
                    self.conversation.theirs(&self.buffer[..n]);
                    self.shell.receive(&self.buffer[..n]);
                    if self.begun.is_none() && self.shell.has_begun() {
                        self.begun = Some(self.heard);
                        if !self.shell.has_event() {
                            return Ok(Step::Begun);
                        }
                    }
                    pieces += 1;
                    if pieces.is_multiple_of(LISTEN_UP) && is_rung(wake) {
                        return Ok(Step::Woken);
                    }
                    // A router that never stops would keep us here past every end of time.
                    if until.is_over() && !self.shell.has_event() {
                        return Ok(Step::TimedOut);
                    }
                }
                Heard::Closed => return Ok(Step::Closed),
                Heard::Woken => return Ok(Step::Woken),
                Heard::TimedOut => return Ok(Step::TimedOut),
            }
        }
    }

    /// From the first byte to a proven prompt with set-up done. `stage` is told each stage, `set_up` each command of the
    /// set-up and its answer.
    pub(super) fn log_in(
        &mut self,
        deadline: Deadline,
        stage: &dyn Fn(Stage),
        set_up: &dyn Fn(&str, &str),
    ) -> Result<(), Failure> {
        let mut nudge_after = QUIET;
        let mut nudged = Instant::now();
        loop {
            stage(self.shell.stage());
            let lost =
                |e: io::Error, stage| Failure::new(Kind::Shell, stage, format!("session lost during login: {e}"));
            let quiet = match self.shell.stage() {
                _ if self.shell.needs_pause() => PAUSE + self.way * 2,
                Stage::Prompt => nudge_after,
                _ => QUIET_COMMAND,
            };
            let until = deadline.min(Deadline::at(self.heard.max(nudged) + quiet));
            match self.step(&[], until).map_err(|e| lost(e, self.shell.stage()))? {
                Step::Event(Event::Ready { .. }) => return Ok(()),
                Step::Event(Event::Failed(failure)) => return Err(failure),
                Step::Event(Event::SetUp { command, text }) => set_up(&command, &text),
                Step::Event(_) | Step::Woken | Step::Begun => {}
                Step::Closed => {
                    if let Some(failure) = self.shell.refusal() {
                        return Err(Failure { message: self.with_last_words(&failure.message), ..failure });
                    }
                    // Our "no" to a forced password change ends the login: the account needs a person.
                    let (kind, message) = if self.answered {
                        (
                            Kind::Auth,
                            "closed the login after its question was answered; log in by hand and see what it asks",
                        )
                    } else {
                        (Kind::Shell, "closed the session before a prompt came")
                    };
                    return Err(Failure::new(kind, self.shell.stage(), self.with_last_words(message)));
                }
                Step::TimedOut if deadline.is_over() => {
                    let message = "no prompt came in time; `-v` shows what the router said";
                    return Err(Failure::new(Kind::Shell, self.shell.stage(), self.with_last_words(message)));
                }
                // It was not quiet all the time.
                Step::TimedOut if self.heard + quiet > Instant::now() => {}
                Step::TimedOut if self.shell.needs_pause() => {
                    self.shell.pause();
                    if self.shell.has_event() {
                        nudged = Instant::now();
                    }
                }
                Step::TimedOut => {
                    if self.shell.stage() == Stage::Prompt {
                        nudge_after *= 2;
                    }
                    self.shell.nudge();
                    nudged = Instant::now();
                }
            }
        }
    }

    /// Mostly the reason is in what the router said last.
    fn with_last_words(&mut self, message: &str) -> String {
        match self.conversation.last_words() {
            Some(words) => format!("{message}; the last it said: {words}"),
            None => message.to_owned(),
        }
    }

    /// Back to a proven prompt after an abort or a strange answer. What comes meanwhile belongs to nobody. `stuck` is called
    /// once if that takes longer than a moment. False: drop the session.
    pub(super) fn settle(&mut self, stuck: &dyn Fn()) -> bool {
        self.settle_within(Deadline::after(RECOVERY), Deadline::after(RECOVERY), ABORT_PAUSE, stuck)
    }

    /// The same for a job that needs the prompt by `deadline`. Returns whether it is there.
    pub(super) fn settle_by(&mut self, deadline: Deadline) -> bool {
        let end = deadline.or_after(RECOVERY);
        self.settle_within(end, end, ABORT_PAUSE, &|| {})
    }

    /// The same for a command that does not stop though somebody waits for the lane.
    pub(super) fn settle_soon(&mut self, stuck: &dyn Fn()) -> bool {
        if !self.shell.is_idle() && !self.shell.is_recovering() {
            // The first key may have come before the command had begun; one of the next two is an abort key again.
            self.shell.abort();
            self.shell.abort();
        }
        self.settle_within(Deadline::after(HURRIED_RECOVERY), Deadline::after(RECOVERY), HURRIED_PAUSE, stuck)
    }

    /// By `stopped` the command must have stopped, by `proven` its prompt must be proven.
    fn settle_within(&mut self, stopped: Deadline, proven: Deadline, abort_pause: Duration, stuck: &dyn Fn()) -> bool {
        let mut told = false;
        while !self.shell.is_idle() {
            let (end, pause) = if self.shell.is_recovering() { (proven, PROOF_PAUSE) } else { (stopped, abort_pause) };
            let pause = pause + self.way * 2;
            match self.step(&[], end.or_after(pause)) {
                Ok(Step::Event(Event::Failed(_)) | Step::Closed) | Err(_) => return false,
                Ok(Step::Event(_) | Step::Woken | Step::Begun) => {}
                Ok(Step::TimedOut) if end.is_over() => return false,
                Ok(Step::TimedOut) => {
                    if !self.shell.is_recovering() {
                        self.shell.abort();
                    } else if self.heard.elapsed() >= BREATH {
                        // Silence proves a prompt, the end of a pause does not.
                        self.shell.nudge();
                    }
                    if !told {
                        told = true;
                        stuck();
                    }
                }
            }
        }
        true
    }

    pub(super) fn keepalive(&mut self) -> io::Result<()> {
        self.session.keepalive()
    }

    /// The platform's tear-down, until the router closes the session or a moment has passed.
    pub(super) fn log_out(mut self, deadline: Deadline) {
        self.shell.leave();
        while let Ok(Step::Event(_)) = self.step(&[], deadline) {}
        self.session.close(deadline);
    }
}

fn is_rung(wake: &[BorrowedFd<'_>]) -> bool {
    let mut fds: Vec<_> = wake.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    !fds.is_empty() && poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}
