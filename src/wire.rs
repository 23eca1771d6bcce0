//! Request and reply on a master's socket: the whole protocol. One line of JSON each way per connection, no more; both ends
//! are the same build (which build is part of a master's name), so there is no version to negotiate.

use crate::failure::Failure;
use crate::probe::{self, Answer, Probe};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;

/// A longer line is refused by either end: no request is near it, and an answer's text is bounded by the shell.
pub const LIMIT: usize = 4 << 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Answer these probes, in order, on one shell.
    Poll {
        probes: Vec<Probe>,
        /// What is left of the client's time.
        deadline: Duration,
        /// A measurement of the same probes younger than this will do.
        max_age: Duration,
        /// Send what was said on the router's line, too: somebody looks at it.
        conversation: bool,
    },
    /// Run one read-only command and return its text.
    Exec {
        command: String,
        deadline: Duration,
        conversation: bool,
    },
    /// Answer all of these lists of probes, each on one shell. What is not done by the deadline goes on, and is there for the
    /// next batch.
    Batch {
        lines: Vec<Vec<Probe>>,
        /// What is left of the client's time.
        deadline: Duration,
        /// A person looks: what is new stays new for whoever keeps it.
        look: bool,
        /// Nobody comes back for the answers when the client goes away before the deadline: what runs is aborted then.
        tied: bool,
    },
    Status,
    /// Log out and leave.
    Stop,
    /// Finish what runs and waits, then log out and leave: nobody will ask any more.
    Retire,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    Answers(Answers),
    Batch(Batch),
    Text {
        text: String,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        conversation: Vec<Said>,
    },
    Failed {
        failure: Failure,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        conversation: Vec<Said>,
    },
    Status(Status),
    /// This master is on its way out; start another.
    Leaving,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answers {
    pub answers: Vec<Answer>,
    /// When it was measured, seconds since 1970.
    pub time: f64,
    /// How long ago that was, in seconds.
    pub age: f64,
    /// How long the router took, in seconds.
    pub elapsed: f64,
    pub session: Session,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub conversation: Vec<Said>,
}

impl Answers {
    /// The same failure for all of these probes.
    pub fn failed(probes: &[Probe], failure: &Failure, time: f64) -> Self {
        let answers = probe::unanswered(probes, failure);
        Self { answers, time, age: 0.0, elapsed: 0.0, session: Session::Reused, conversation: Vec::new() }
    }
}

/// What is known of a batch's lines when its time is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// In the order asked. `session` is `cached` where an earlier batch has brought the same answers; None = there never were
    /// any, or the router could not be asked.
    pub lines: Vec<Option<Answers>>,
    /// Why the router could not be asked, or not all of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// Sessions that are logged in.
    pub lanes: usize,
    /// Seconds since the oldest of them logged in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session_age: Option<f64>,
}

/// One piece of a conversation with a router; a secret is shown as `<secret>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Seconds since 1970.
    pub time: f64,
    /// True: we said it.
    pub ours: bool,
    pub text: String,
}

/// How the session came about that an answer was measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    Opened,
    Reused,
    /// A young measurement served again.
    Cached,
}

/// A master as `status` shows it. Times are seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub router: String,
    pub user: String,
    pub platform: String,
    pub pid: u32,
    /// `up` (a lane is logged in), `login`, `down` (no session), `leaving`, `no answer`.
    pub state: String,
    pub since: f64,
    pub queued: usize,
    pub lanes: Vec<LaneStatus>,
    #[serde(default)]
    pub last_failure: Option<LastFailure>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// `login`, `idle`, `busy`, `recovering`, `evidence` (runs what nobody waits for), `closed`.
    pub state: String,
    pub since: f64,
    /// Runs done since login.
    pub jobs: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastFailure {
    #[serde(flatten)]
    pub failure: Failure,
    pub time: f64,
}

/// The line of a message, newline included.
pub fn encode<M: Serialize>(message: &M) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// The message of a line; None while the line is not whole yet.
pub fn decode<M: DeserializeOwned>(received: &[u8]) -> io::Result<Option<M>> {
    let Some((b'\n', line)) = received.split_last() else {
        if received.len() > LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "message too long"));
        }
        return Ok(None);
    };
    Ok(Some(serde_json::from_slice(line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_without_end_is_refused() {
        let mut received = vec![b' '; LIMIT];
        assert!(matches!(decode::<Request>(&received), Ok(None)));
        received.push(b' ');
        assert!(decode::<Request>(&received).is_err());
    }
}
