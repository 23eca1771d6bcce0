//! ddl-monitor in a real Zabbix (`scripts/zabbix-lab`), each test in a lab of its own. `scripts/test --zabbix` runs these alone.

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
