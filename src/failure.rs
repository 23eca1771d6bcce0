//! Why a router or a probe gave no measurement. A failure is data: it is printed as JSON and kept on the wire.
//! Knows nothing of who asks or prints.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What went wrong, as Zabbix' value map sees it. The numbers never change once released; 0 is "measured".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An argument, macro, setting, platform definition or reference is wrong.
    Settings = 1,
    /// TCP refused, reset, silent; no banner; no common algorithm.
    Connect = 2,
    /// User, password, key or enable secret refused.
    Auth = 3,
    /// The router's host key is not the one on record.
    HostKey = 4,
    /// No VTY free, session or channel refused.
    Busy = 5,
    /// The prompt never came, or the session was lost.
    Shell = 6,
    /// The router refused the command: syntax, privilege, unknown VRF or source.
    Rejected = 7,
    /// No counters in time.
    Deadline = 8,
    /// The router's text was not understood.
    Reply = 9,
    /// Our own budget of logins is used up.
    LoginLimit = 10,
    /// The master does not answer.
    Master = 11,
    /// A defect of ddl-monitor.
    Internal = 12,
}

impl Kind {
    /// What went wrong concerns the router, not the line that was asked about.
    pub fn is_of_router(self) -> bool {
        matches!(
            self,
            Self::Connect | Self::Auth | Self::HostKey | Self::Busy | Self::Shell | Self::LoginLimit | Self::Master
        )
    }

    /// The value of `state` in every output.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name in every output, `snake_case`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Connect => "connect",
            Self::Auth => "auth",
            Self::HostKey => "host_key",
            Self::Busy => "busy",
            Self::Shell => "shell",
            Self::Rejected => "rejected",
            Self::Deadline => "deadline",
            Self::Reply => "reply",
            Self::LoginLimit => "login_limit",
            Self::Master => "master",
            Self::Internal => "internal",
        }
    }
}

/// How far a poll had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Settings,
    Connect,
    KeyExchange,
    HostKey,
    Login,
    Enable,
    Prompt,
    SetUp,
    Probe,
    Reply,
}

impl Stage {
    /// What is missing while a login is at this stage, for messages.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Settings | Self::Connect => "no SSH version line yet",
            Self::KeyExchange => "key exchange not finished yet",
            Self::HostKey => "host key not checked yet",
            Self::Login => "user not accepted yet",
            Self::Enable => "enable secret not accepted yet",
            Self::Prompt => "logged in, but no prompt yet",
            Self::SetUp | Self::Probe | Self::Reply => "set-up commands not answered yet",
        }
    }
}

/// One failure: kind for machines, message for people (lower case, no full stop, what was being done to what, what to do next).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: Kind,
    pub stage: Stage,
    pub message: String,
    /// Seconds until a login is tried again, while a hold-down lasts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_in: Option<f64>,
    /// The router accepted every proof that it got and asks for more. Other routers may accept the same credential.
    #[serde(skip)]
    pub incomplete: bool,
}

impl Failure {
    pub fn new(kind: Kind, stage: Stage, message: impl Into<String>) -> Self {
        Self { kind, stage, message: message.into(), retry_in: None, incomplete: false }
    }

    /// A mistake in an argument, macro, setting or reference.
    pub fn settings(message: impl Into<String>) -> Self {
        Self::new(Kind::Settings, Stage::Settings, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Failure {}
