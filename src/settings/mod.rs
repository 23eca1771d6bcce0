//! Every setting, its default and its documentation. Filled from the file, then the environment, then flags. The only
//! module that reads the environment. Knows nothing of who uses a setting.

mod environment;
mod file;
mod form;
mod load;
mod reference;
pub mod suggestion;
pub mod table;
mod template;

pub use environment::{colour_allowed, master_environment, notify_socket, variable};
pub use file::SYSTEM;
pub use load::{Loaded, Source, check, load};
pub use reference::markdown;
pub use table::{SETTINGS, Setting};
pub use template::template;

use crate::inventory::router::{Crypto, HostKeyPolicy};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The effective settings of one run. Field path = name in the file = `DDL_MONITOR_SECTION_KEY` in the environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    pub state: StateSettings,
    pub poll: Poll,
    pub master: Master,
    pub login: LoginSettings,
    pub ssh: Ssh,
    pub secrets: Secrets,
    pub log: Log,
    pub platforms: Platforms,
    pub zabbix: Zabbix,
    pub sync: Sync,
    pub sweep: Sweep,
}

impl Settings {
    /// What a master is given: nothing that it does not need, least of all the token of an API.
    pub fn for_master(&self) -> Self {
        Self { zabbix: Zabbix::default(), sync: Sync::default(), sweep: Sweep::default(), ..self.clone() }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StateSettings {
    /// The state directory; absent = found by `state.rs`.
    pub dir: Option<PathBuf>,
    /// systemd's `STATE_DIRECTORY` and `RUNTIME_DIRECTORY`, and the temporary directory (`TMPDIR`, else `/tmp`); not settings
    /// of the file.
    pub systemd_state: Option<PathBuf>,
    pub systemd_runtime: Option<PathBuf>,
    pub temporary: Option<PathBuf>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Poll {
    pub deadline: Duration,
    pub count: u32,
    pub timeout: Duration,
}

impl Default for Poll {
    fn default() -> Self {
        Self { deadline: Duration::from_millis(2500), count: 5, timeout: Duration::from_secs(1) }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Master {
    /// A master without jobs for this long leaves.
    pub idle_exit: Duration,
    /// SSH sessions per router, opened only while jobs wait.
    pub lanes: usize,
    pub keepalive: Duration,
}

impl Default for Master {
    fn default() -> Self {
        Self { idle_exit: Duration::from_secs(600), lanes: 2, keepalive: Duration::from_secs(30) }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginSettings {
    /// A login's own limit; it goes on after a poll's deadline.
    pub timeout: Duration,
    pub hold_down: Duration,
    pub hold_down_max: Duration,
    pub per_router: Budget,
    pub all_routers: Budget,
}

impl Default for LoginSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            hold_down: Duration::from_secs(300),
            hold_down_max: Duration::from_secs(3600),
            per_router: Budget { burst: 5, every: Duration::from_secs(10) },
            all_routers: Budget { burst: 50, every: Duration::from_millis(50) },
        }
    }
}

/// A budget of logins: `burst` at once, then one per `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    pub burst: u32,
    pub every: Duration,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ssh {
    pub host_keys: HostKeyPolicy,
    pub proxy_command: Option<String>,
    /// Absent = `known_hosts` in the state directory.
    pub known_hosts: Option<PathBuf>,
    /// Absent = the platform's.
    pub crypto: Option<Crypto>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secrets {
    /// The credentials file for `secret:NAME`; absent = `credentials.toml` beside the settings file.
    pub file: Option<PathBuf>,
    pub allow_plain_password: bool,
    /// A poll's arguments may name commands to be run.
    pub allow_commands: bool,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { file: None, allow_plain_password: true, allow_commands: true }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Log {
    /// Absent = `ddl-monitor.log` in the state directory.
    pub file: Option<PathBuf>,
    /// `error` … `trace`; absent = warn for clients, info for masters.
    pub level: Option<log::LevelFilter>,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Platforms {
    /// A folder of user definitions; absent = `platforms.d` beside the settings file, where there is one.
    pub dir: Option<PathBuf>,
}

/// The Zabbix API, and how values go to Zabbix by the sender protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Zabbix {
    /// Of the frontend, with or without `/api_jsonrpc.php`.
    pub url: Option<String>,
    /// References, as a router's password.
    pub token: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// PEM; absent = the system's certificates.
    pub ca_file: Option<PathBuf>,
    /// Of one request.
    pub timeout: Duration,
    /// Hosts of which everything is asked at once.
    pub chunk: usize,
    /// Requests at the same time.
    pub connections: usize,
    /// In the form of [`crate::zabbix::servers::parse`].
    pub sender: Option<String>,
    /// Of one batch: to connect, to send and to be answered.
    pub sender_timeout: Duration,
    /// Values per batch at most.
    pub sender_batch: u32,
    /// Values per second at most, while many wait.
    pub sender_rate: u32,
    pub sender_compression: bool,
    pub sender_tls: SenderTls,
    pub sender_psk_identity: Option<String>,
    /// The key in hexadecimal digits, as Zabbix' own files have it.
    pub sender_psk_file: Option<PathBuf>,
    /// PEM files.
    pub sender_ca_file: Option<PathBuf>,
    pub sender_cert_file: Option<PathBuf>,
    pub sender_key_file: Option<PathBuf>,
    /// What a line's host is called in Zabbix, where the inventory does not say.
    pub sender_host: SenderHost,
    /// Absent = the items of the trapper template.
    pub compat: Option<Compat>,
    /// Unchanged text is sent again after this.
    pub heartbeat: Duration,
}

impl Default for Zabbix {
    fn default() -> Self {
        Self {
            url: None,
            token: None,
            user: None,
            password: None,
            ca_file: None,
            timeout: Duration::from_secs(30),
            chunk: 500,
            connections: 3,
            sender: None,
            sender_timeout: Duration::from_secs(10),
            sender_batch: 250,
            sender_rate: 10_000,
            sender_compression: true,
            sender_tls: SenderTls::default(),
            sender_psk_identity: None,
            sender_psk_file: None,
            sender_ca_file: None,
            sender_cert_file: None,
            sender_key_file: None,
            sender_host: SenderHost::default(),
            compat: None,
            heartbeat: Duration::from_secs(3600),
        }
    }
}

/// Which hosts of Zabbix are lines, and what is done with them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sync {
    /// `NAME=VALUE`, or `NAME` with any value.
    pub tag: String,
    /// A proxy's name or id, or `none`.
    pub proxy: Option<String>,
    pub proxy_group: Option<String>,
    /// `router={$EDGE_IP}; user={$EDGE_USER}`
    pub macros: Option<String>,
    /// A reference, for lines without a password that can be read.
    pub credential: Option<String>,
    /// `NAME=REF; NAME=REF`
    pub router_credentials: Option<String>,
    pub group_credentials: Option<String>,
    /// Percent.
    pub shrink_share: u32,
    pub shrink_lines: u32,
    /// How old an inventory may be before a background sync is started.
    pub ttl: Duration,
    pub max_inventory_age: Option<Duration>,
    /// Of a whole sync.
    pub deadline: Duration,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            tag: "TempType=LINE".to_owned(),
            proxy: None,
            proxy_group: None,
            macros: None,
            credential: None,
            router_credentials: None,
            group_credentials: None,
            shrink_share: 30,
            shrink_lines: 5,
            ttl: Duration::from_secs(300),
            max_inventory_age: None,
            deadline: Duration::from_secs(300),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderTls {
    #[default]
    Off,
    Psk,
    Certificate,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderHost {
    #[default]
    Target,
    Id,
    Name,
}

/// The items of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Compat {
    DedicatedLine,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sweep {
    /// Of one pass; of a sweep that goes on: of each router's lines.
    pub deadline: Duration,
    /// Routers at a time; 0 = by cores and descriptors.
    pub routers: u32,
    /// MiB that values waiting for Zabbix may take.
    pub spool_size: u32,
    /// Values that nobody took for so long are dropped.
    pub spool_age: Duration,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(55),
            routers: 0,
            spool_size: 256,
            spool_age: Duration::from_secs(7 * 86_400),
        }
    }
}
