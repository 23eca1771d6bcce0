//! ddl-monitor in a real Zabbix (`scripts/zabbix-lab`), each test in a lab of its own. Needs root. `scripts/test --zabbix`
//! runs these alone.
#![expect(
    unreachable_pub,
    reason = "a test binary has no outside: `pub` marks what a support file offers to the tests"
)]
#![expect(clippy::disallowed_methods, reason = "clippy.toml holds the architecture of src/; a test has an environment")]

mod agents;
mod discovery;
mod faults;
mod growth;
mod lab;
mod many;
mod ports;
mod restarts;
mod sweeps;
mod sync;
mod templates;
mod trappers;
mod ways;

#[path = "../support"]
#[allow(dead_code, reason = "each test program uses its own part of the support")]
mod support {
    pub mod inventory;
    pub mod leftover;
    pub mod monitor;
    pub mod parent;
    pub mod process;
    pub mod root;
    pub mod sim;
    pub mod wait;
    pub mod zabbix;
}

use crate::support::zabbix::{Host, Part, Zabbix};

/// The key of an external check that polls a line of this router.
fn external(router: &str, target: &str) -> String {
    format!(
        "ddl-monitor[poll,--router,\"{router}\",--platform,cisco_iosxe,--target,\"{target}\",--password,\"secret:good\"]"
    )
}

/// The key of the same through an agent ([`AGENTS`]).
fn parameter(router: &str, target: &str) -> String {
    format!("lab.poll[{router},{target}]")
}

const AGENTS: &str = "UserParameter=lab.poll[*],ddl-monitor poll --router $1 --platform cisco_iosxe --target $2 \
                      --password secret:good --format json\n";

/// A host whose checks this part runs, with one item that polls a line every second: host and key.
#[track_caller]
fn line<'a>(zabbix: &'a Zabbix, part: Part, router: &str, target: &str) -> (Host<'a>, String) {
    let host = zabbix.host(&format!("{target} by {}", part.name())).by(part).create();
    let key = match part {
        Part::Server | Part::Proxy => external(router, target),
        Part::Agentd | Part::Agent2 => parameter(router, target),
    };
    host.text_item(&key, "1s");
    (host, key)
}
