//! ddl-monitor: is a leased line up? Log in to its edge router, ping the far end from there, tell Zabbix.
//!
//! The map of the modules; the way of the data is: arguments → line → request → lane → text → result → one line of JSON.
//!
//! * [`cli`] — the only place that knows clap and prints; one file per command
//! * [`settings`] — every setting, its default and its documentation; file < environment < flags
//! * [`inventory`] — lines, routers and secrets
//! * [`probe`], [`failure`], [`deadline`] — pure types that everybody shares
//! * [`clock`], [`duration`], [`quote`] — what time it is, how one is written, how a value from outside is shown
//! * [`small_file`] — how a settings, credentials or platform file is opened and read
//! * [`plan`] — what measuring all lines of a router costs in time
//! * [`platform`] — a router OS as data: commands with typed slots, reply patterns
//! * [`shell`] — the conversation with a router's CLI, without I/O
//! * [`ssh`] — the only place that imports ssh2
//! * [`identity`] — the name of a master
//! * [`redact`] — what a recorded conversation must not tell
//! * [`record`] — which process a master is
//! * [`descriptors`] — what a child must not inherit
//! * [`detach`] — this program once more, away from whoever started it
//! * [`wire`] — request and reply on a master's socket
//! * [`state`] — the state directory: names, modes, locks, atomic files
//! * [`master`] — the background process of one router
//! * [`client`], [`launch`] — ask the master of a router; start one
//! * [`sweep`] — when lines are due, and their values on the way to Zabbix
//! * [`zabbix`] — what Zabbix reads, in its own forms, and the inventory that comes from its API
//! * [`logging`] — where log lines go, and in which form

pub mod cli;
pub mod client;
pub mod clock;
pub mod deadline;
pub mod descriptors;
pub mod detach;
pub mod duration;
pub mod failure;
pub mod identity;
pub mod inventory;
pub mod launch;
pub mod logging;
pub mod master;
pub mod plan;
pub mod platform;
pub mod probe;
pub mod quote;
pub mod record;
pub mod redact;
pub mod settings;
pub mod shell;
pub mod small_file;
pub mod ssh;
pub mod state;
pub mod sweep;
pub mod wire;
pub mod zabbix;
