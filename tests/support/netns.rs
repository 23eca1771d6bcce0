//! A network name space of its own: lo, a veth pair to the host, and routes that lead nowhere in every way a router knows.
//! Removed on drop with all that still runs inside; those of killed runs are removed when the next one is made. Needs root.

use super::leftover;
use super::wait;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};

/// Targets behind routes that the router itself refuses, and addresses without any route.
pub const BLACKHOLE: &str = "203.0.113.1";
pub const UNREACHABLE: &str = "203.0.113.2";
pub const PROHIBITED: &str = "203.0.113.3";
pub const NO_ROUTE: &str = "192.0.2.77";
pub const NO_ROUTE_V6: &str = "2001:db8:ffff::1";

pub struct Netns {
    name: String,
    link: String,
    inside: (Ipv4Addr, Ipv6Addr),
}

impl Netns {
    pub fn new() -> Self {
        remove_leftovers();
        let name = leftover::mark();
        run(Command::new("ip").args(["netns", "add", &name]));
        let link = link_of(&name).expect("a marked name");
        // Until the address is there, so that no other test of the machine takes the same network.
        let alone = alone();
        let number = free_network(&name);
        let [high, low] = (number * 4).to_be_bytes();
        let side = |n: u16| {
            let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0xffee, number, 0, 0, 0, n);
            (Ipv4Addr::new(198, 19, high, low + u8::try_from(n).expect("1 or 2")), v6)
        };
        let (outside, inside) = (side(1), side(2));
        let netns = Self { name, link, inside };
        netns.ip("link set lo up");
        let link = &netns.link;
        host(&format!("link add {link} type veth peer name uplink netns {}", netns.name));
        host(&format!("addr add {}/30 dev {link}", outside.0));
        host(&format!("addr add {}/64 dev {link} nodad", outside.1));
        host(&format!("link set {link} up"));
        drop(alone);
        netns.ip(&format!("addr add {}/30 dev uplink", inside.0));
        netns.ip(&format!("addr add {}/64 dev uplink nodad", inside.1));
        netns.ip("link set uplink up");
        netns.ip(&format!("route add blackhole {BLACKHOLE}"));
        netns.ip(&format!("route add unreachable {UNREACHABLE}"));
        netns.ip(&format!("route add prohibit {PROHIBITED}"));
        netns
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the host reaches what listens inside.
    pub fn address(&self) -> Ipv4Addr {
        self.inside.0
    }

    pub fn address_v6(&self) -> Ipv6Addr {
        self.inside.1
    }

    /// A command that will run inside; its process id is the program's own.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// `ip` inside, words separated by blanks. Panics with its message.
    pub fn ip(&self, words: &str) {
        run(Command::new("ip").args(["-n", &self.name]).args(words.split(' ')));
    }

    /// Takes a device of the host inside and calls it `device` there.
    pub fn adopt(&self, host_device: &str, device: &str) {
        host(&format!("link set {host_device} netns {} name {device}", self.name));
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name, &self.link);
    }
}

/// The host's end of the pair. A device name holds 15 characters.
fn link_of(name: &str) -> Option<String> {
    leftover::parse(name).map(|(pid, number)| format!("ddl{pid}v{number}"))
}

/// A lock that all processes of the host's network share, whatever their file systems: an abstract socket's name.
fn alone() -> std::os::unix::net::UnixListener {
    use std::os::linux::net::SocketAddrExt;
    let name = std::os::unix::net::SocketAddr::from_abstract_name("ddl-monitor-tests-network").expect("a name");
    wait::until("the other tests to choose their networks", || std::os::unix::net::UnixListener::bind_addr(&name).ok())
}

/// A /30 of 198.19.0.0/16 that no device of the host uses, as its number.
fn free_network(name: &str) -> u16 {
    // Each begins its search elsewhere, so that two tests that look at the same time do not take the same.
    let first = leftover::parse(name).map_or(0, |(pid, number)| pid % (1 << 14) + number * 257);
    (0..1 << 14)
        .map(|step| u16::try_from((first + step) % (1 << 14)).expect("below 2^14"))
        .find(|number| {
            let [high, low] = (number * 4).to_be_bytes();
            let used =
                run(Command::new("ip").args(["-4", "-o", "addr", "show", "to", &format!("198.19.{high}.{low}/30")]));
            used.is_empty()
        })
        .expect("16384 networks are enough")
}

fn remove_leftovers() {
    for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let (true, Some(link)) = (leftover::is_dead(&name), link_of(&name)) {
            remove(&name, &link);
        }
    }
}

/// Errors do not matter here: another test process may be removing the same leftover, and a test that failed half-way must
/// still show its own message.
fn remove(name: &str, link: &str) {
    let quietly = |words: &[&str]| {
        let output = Command::new("ip").args(words).stderr(Stdio::null()).output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
    };
    for pid in quietly(&["netns", "pids", name]).lines().filter_map(|pid| pid.parse().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    quietly(&["netns", "del", name]);
    quietly(&["link", "del", link]);
}

fn host(words: &str) {
    run(Command::new("ip").args(words.split(' ')));
}

/// Runs a command to its end and returns what it printed; panics with what it complained about.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let output = wait::for_output(child.unwrap_or_else(|e| panic!("{command:?}: {e}")));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {} (the lab needs root)", text(&output.stderr).trim());
    text(&output.stdout)
}
