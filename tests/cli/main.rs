//! Tests that any user can run: the program against simulated routers, and the library. OpenSSL is linked once per test program;
//! therefore the files beside this one are modules of it, not programs.
#![expect(
    unreachable_pub,
    reason = "a test binary has no outside: `pub` marks what a support file offers to the tests"
)]
#![expect(clippy::disallowed_methods, reason = "clippy.toml holds the architecture of src/; a test has an environment")]

mod architecture;
mod batch;
mod discover;
mod evidence;
mod faults;
mod further_platforms;
mod help;
mod hostile_router;
mod install;
mod interface;
mod inventory;
mod late_answers;
mod logins;
mod lossy;
mod master;
mod packages;
mod parse_traceroute;
mod plan;
mod platforms;
mod poll;
mod prompts;
mod races;
mod readme;
mod record;
mod references;
mod router_sim;
mod sender;
mod settings;
mod shell;
mod state;
mod sweep;
mod sync;
mod templates;

#[path = "../support"]
#[allow(dead_code, reason = "each test program uses its own part of the support")]
mod support {
    pub mod inventory;
    pub mod lossy;
    pub mod monitor;
    pub mod parent;
    pub mod process;
    pub mod sim;
    pub mod trapper;
    pub mod wait;
    pub mod zabbix_api;
}
