//! A lane: one SSH session, one shell on it, one thread. Logs in, takes jobs, waits; its one wait is scheduler, keepalive
//! clock and idle timer.

use super::bell::Bell;
use super::conversation::Conversation;
use super::job::Job;
use super::lanes::LaneState;
use super::run;
use super::terminal::{Step, Terminal};
use super::{Master, PLACE_CHECK};
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::Login;
use crate::shell::{Event, Shell};
use crate::ssh::Session;
use crate::wire::Said;
use std::borrow::Cow;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Logging out takes no longer: the program may be on its way out.
const LOG_OUT: Duration = Duration::from_secs(2);
/// Limit for logging out while jobs may wait for the next login.
const QUICK_LOG_OUT: Duration = Duration::from_millis(500);

pub(super) struct Lane {
    pub(super) master: Arc<Master>,
    pub(super) id: usize,
    /// Rung when there is a job, or when the master leaves.
    pub(super) bell: Arc<Bell>,
}

/// Why a lane ended.
pub(super) enum End {
    /// Idle for long, told to leave, or closed by the router between jobs.
    Quiet,
    /// Its login failed; nobody was answered yet.
    Login(Failure, Vec<Said>),
    /// Its session was lost in mid-job; the job is queued again or answered.
    Lost,
    /// Over a job: a defect of ours.
    Panicked(Failure),
}

/// What a job left behind.
pub(super) enum After {
    /// A proven prompt, or one on its way.
    Idle,
    /// The same, and another job waits for the lane.
    Wanted,
    /// A prompt, on a session that may still print the answer to an aborted command.
    Owed,
    /// A session that is of no use any more.
    Lost,
}

impl Lane {
    pub(super) fn new(master: Arc<Master>, id: usize, bell: Arc<Bell>) -> Self {
        Self { master, id, bell }
    }

    /// The body of the thread.
    pub(super) fn live(self) {
        let mut current = None;
        let end = guarded(self.master.router(), &mut current, |current| self.serve(current));
        if let (End::Panicked(failure), Some(job)) = (&end, current.take()) {
            self.master.fail(job, failure);
        }
        self.master.lane_ended(self.id, end);
    }

    fn serve(&self, current: &mut Option<Job>) -> End {
        let mut terminal = match self.log_in() {
            Ok(terminal) => terminal,
            Err((failure, said)) => return End::Login(failure, said),
        };
        let opened = Instant::now();
        self.master.lane_ready(self.id);
        let settings = &self.master.start.settings.master;
        let (keepalive, idle_exit) = (settings.keepalive.max(Duration::from_secs(1)), settings.idle_exit);
        let mut idle_since = Instant::now();
        let mut alive_until = Instant::now() + keepalive;
        // A keepalive may be rarer than the look at our place.
        let tick = keepalive.min(PLACE_CHECK);
        let mut look_at = Instant::now() + tick;
        loop {
            if let Some(job) = self.master.take(self.id, &self.bell) {
                *current = Some(job);
                let after = run::job(&self.master, (self.id, &self.bell), &mut terminal, current, opened);
                self.master.lane_worked(self.id);
                if let Some(job) = current.take() {
                    self.master.again(job);
                }
                match after {
                    After::Idle | After::Wanted => {}
                    After::Owed => {
                        // The next job need not wait for this lane.
                        self.master.lane_state(self.id, LaneState::Closed);
                        terminal.log_out(Deadline::after(QUICK_LOG_OUT));
                        return End::Lost;
                    }
                    After::Lost => return End::Lost,
                }
                idle_since = Instant::now();
                alive_until = idle_since + keepalive;
                look_at = idle_since + tick;
                continue;
            }
            if let Some(due) = self.master.take_evidence(self.id, &self.bell) {
                if !matches!(run::evidence(&self.master, self.id, &mut terminal, due), After::Idle) {
                    return End::Lost;
                }
                alive_until = Instant::now() + keepalive;
                continue;
            }
            let done = self.master.is_leaving() || idle_since.elapsed() >= idle_exit;
            if done && !self.master.close_lane(self.id) {
                continue;
            }
            if done {
                log::info!(router:% = self.master.router(), lane = self.id; "logging out");
                terminal.log_out(Deadline::after(LOG_OUT));
                return End::Quiet;
            }
            let until = alive_until.min(look_at).min(idle_since + idle_exit);
            let until = Deadline::at(self.master.evidence_due().map_or(until, |due| until.min(due)));
            match terminal.step(&[self.bell.as_fd()], until) {
                Ok(Step::Event(Event::Failed(failure))) => {
                    let failure = self.master.mask.failure(failure);
                    log::info!(router:% = self.master.router(), lane = self.id, failure:%; "session given up while idle");
                    return End::Quiet;
                }
                // Nobody asked: a log line on the terminal, or the router's farewell.
                Ok(Step::Event(_) | Step::Begun) => {}
                Ok(Step::Woken) => self.bell.hush(),
                Ok(Step::Closed) | Err(_) => {
                    log::info!(router:% = self.master.router(), lane = self.id; "router closed the idle session");
                    return End::Quiet;
                }
                Ok(Step::TimedOut) if Instant::now() >= alive_until.min(look_at) => {
                    look_at = Instant::now() + tick;
                    terminal.conversation.take();
                    self.master.check_place();
                    if Instant::now() < alive_until {
                        continue;
                    }
                    alive_until = Instant::now() + keepalive;
                    if let Err(e) = terminal.keepalive() {
                        log::info!(router:% = self.master.router(), lane = self.id, error:% = e; "idle session is dead");
                        return End::Quiet;
                    }
                }
                Ok(Step::TimedOut) => {}
            }
        }
    }

    fn log_in(&self) -> Result<Terminal, (Failure, Vec<Said>)> {
        let master = &self.master;
        let start = &master.start;
        let stage = |stage| master.lane_state(self.id, LaneState::Login(stage));
        stage(Stage::Connect);
        master.logins.permit(&master.login_id).map_err(|failure| (failure, Vec::new()))?;
        let begun = Instant::now();
        let deadline = Deadline::after(start.settings.login.timeout);
        let fail = |failure: Failure, said| {
            let failure = master.mask.failure(failure);
            if let Err(e) = master.login_failed(self.id, &failure) {
                log::warn!(router:% = master.router(), error:% = e; "login failure could not be recorded");
            }
            log::warn!(router:% = master.router(), kind = failure.kind.name(), message = failure.message.as_str(); "login failed");
            (failure, said)
        };
        let login = as_the_platform_names_it(&start.login, &master.platform.user_suffix);
        let session =
            Session::open(&login, &master.platform.terminal, deadline, &stage).map_err(|f| fail(f, Vec::new()))?;
        log::debug!(router:% = master.router(), algorithms:% = session.algorithms(); "session open");
        let shell = Shell::new(Arc::clone(&master.platform.dialect), start.login.enable.clone());
        let mut terminal = Terminal::new(session, shell, Conversation::new(master.mask.clone()));
        let set_up = |command: &str, text: &str| {
            if let Some(refused) = master.platform.refusal(text) {
                log::info!(router:% = master.router(), command, message = master.mask.text(&refused.message).as_str(); "set-up command refused");
            }
        };
        if let Err(failure) = terminal.log_in(deadline, &stage, &set_up) {
            let said = terminal.conversation.take();
            return Err(fail(named(failure, master.router()), said));
        }
        if let Err(e) = master.logins.succeeded(&master.login_id) {
            log::warn!(router:% = master.router(), error:% = e; "login could not be recorded");
        }
        let took = format!("{:.3}", begun.elapsed().as_secs_f64());
        log::info!(router:% = master.router(), lane = self.id, mode = terminal.shell.mode(), seconds = took.as_str(); "logged in");
        Ok(terminal)
    }
}

/// Some platforms take options of the terminal behind the user's name. A name that has some already keeps them.
fn as_the_platform_names_it<'l>(login: &'l Login, suffix: &str) -> Cow<'l, Login> {
    if suffix.is_empty() || login.user.contains('+') {
        return Cow::Borrowed(login);
    }
    Cow::Owned(Login { user: format!("{}{suffix}", login.user), ..login.clone() })
}

/// Runs a lane's life. A panic is our defect: it is logged, what the lane worked on (`current`) is to be answered `internal`, and
/// only its session is lost.
fn guarded(router: &str, current: &mut Option<Job>, life: impl FnOnce(&mut Option<Job>) -> End) -> End {
    catch_unwind(AssertUnwindSafe(|| life(current))).unwrap_or_else(|_| {
        let text = "a lane of the master panicked; the log has the place; please report it";
        let failure = Failure::new(Kind::Internal, Stage::Probe, text);
        log::error!(router; "lane panicked");
        match current {
            Some(_) => End::Panicked(failure),
            // Not over a job: the next lane would panic over the same login, and the one after it.
            None => End::Login(failure, Vec::new()),
        }
    })
}

/// The shell does not know whom it talks to.
fn named(failure: Failure, router: &str) -> Failure {
    Failure { message: format!("router {router}: {}", failure.message), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::master::job::{Ask, Client};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_panic_over_a_job_leaves_the_job_to_be_answered_internal_and_costs_that_session_only() {
        let (_ours, theirs) = UnixStream::pair().unwrap();
        let deadline = Deadline::after(Duration::from_secs(5));
        let job = Job::new(Ask::Command("show clock".into()), Client::new(theirs, false), deadline);
        let mut current = None;
        let end = guarded("r1:22", &mut current, |current| {
            *current = Some(job);
            panic!("a defect")
        });
        assert!(matches!(end, End::Panicked(failure) if failure.kind == Kind::Internal));
        assert!(current.is_some());
    }

    #[test]
    fn a_panic_before_any_job_counts_as_a_failed_login_so_that_it_is_not_repeated_for_ever() {
        let end = guarded("r1:22", &mut None, |_| panic!("a defect"));
        assert!(matches!(end, End::Login(failure, _) if failure.kind == Kind::Internal));
    }
}
