//! One test binary, so that OpenSSL is linked once; this is its table of contents.
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
mod install;
mod interface;
mod inventory;
mod lab;
mod logins;
mod master;
mod other_user;
mod parse_traceroute;
mod plan;
mod platforms;
mod poll;
mod races;
mod readme;
mod real;
mod record;
mod references;
mod router_sim;
mod sender;
mod settings;
mod shell;
mod ssh;
mod state;
mod support;
mod sweep;
mod sync;
mod templates;
mod zabbix;
