//! Platforms as the rest of the program sees them: definitions, commands, recorded answers.

mod commands;
mod definitions;
mod generated;
mod generated_interfaces;
mod generated_traceroutes;
mod mistakes;
mod per_packet;
mod recorded;
mod spliced;
mod traceroutes;
mod whose;

use ddl_monitor::platform::{Platform, find};
use ddl_monitor::probe::{Ping, Probe};
use std::time::Duration;

const PLATFORMS: [&str; 16] = [
    "arista_eos",
    "cisco_asa",
    "cisco_iosxe",
    "cisco_iosxr",
    "cisco_nxos",
    "fortinet_fortios",
    "frr",
    "h3c_comware",
    "huawei_vrp",
    "juniper_junos",
    "linux",
    "mikrotik_routeros",
    "nokia_sros",
    "ruijie_os",
    "vyos",
    "zte_zxros",
];

fn platform(name: &str) -> Platform {
    Platform::compile(&find(name, None).unwrap()).unwrap_or_else(|failure| panic!("{failure}"))
}

fn ping(target: &str, count: u32, timeout_ms: u64) -> Ping {
    Ping {
        target: target.parse().unwrap(),
        count,
        timeout: Duration::from_millis(timeout_ms),
        size: None,
        vrf: None,
        source: None,
        df: false,
    }
}

fn probe(target: &str, count: u32, timeout_ms: u64) -> Probe {
    Probe::Ping(ping(target, count, timeout_ms))
}

/// The mode in which the full command is sent.
fn mode(platform: &Platform) -> &'static str {
    match platform.name.as_str() {
        "arista_eos" | "cisco_asa" | "cisco_iosxe" | "frr" | "ruijie_os" | "zte_zxros" => "privileged",
        "cisco_iosxr" | "cisco_nxos" | "fortinet_fortios" => "exec",
        "juniper_junos" | "vyos" => "operational",
        "mikrotik_routeros" => "root",
        "nokia_sros" => "classic",
        "linux" => "shell",
        _ => "user_view",
    }
}

/// What a terminal of this width makes of a text.
fn broken_at(text: &str, width: usize) -> String {
    let mut broken = String::new();
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let pieces: Vec<&str> =
            line.as_bytes().chunks(width).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
        broken.push_str(&pieces.join("\n"));
        broken.push_str(end);
    }
    broken
}
