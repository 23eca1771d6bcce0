//! Addresses as arguments give them: the far end of a line, and where a router answers SSH. No name is resolved here.

use super::router::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a target may be, to follow "allowed is".
pub const TARGET_ALLOWED: &str = "one IPv4 or IPv6 address: no name, no zone, no multicast, no broadcast";
/// What a router may be, to follow "allowed is".
pub const ROUTER_ALLOWED: &str = "an address or a host name, with a port from 1 to 65535 if not 22: ADDR, ADDR:PORT, [V6]:PORT; \
     a link-local IPv6 address may have a zone: fe80::1%eth0";

const SSH: u16 = 22;

/// The far end of a line: one host's address.
pub fn target(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok()?.to_canonical();
    is_host(address).then_some(address)
}

fn is_host(address: IpAddr) -> bool {
    !address.is_multicast() && !address.is_unspecified() && address != IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Where a router answers SSH: `ADDR`, `ADDR:PORT`, `[V6]:PORT`, `[V6]`, a bare IPv6 address, a name.
pub fn router(text: &str) -> Option<Address> {
    if let Some(host) = v6(text) {
        return Some(Address { host, port: SSH });
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port = if port.is_empty() { SSH } else { number(port.strip_prefix(':')?)? };
        return v6(address).map(|host| Address { host, port });
    }
    match text.split_once(':') {
        Some((name, port)) => host(name, number(port)?),
        None => host(text, SSH),
    }
}

/// An IPv6 address. A link-local one may have a zone: the interface of this machine behind which the router is.
fn v6(text: &str) -> Option<String> {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    let address = address.parse::<Ipv6Addr>().ok()?;
    let Some(zone) = zone else { return host(&address.to_string(), SSH).map(|address| address.host) };
    // The kernel's limit for the name of an interface is 15 bytes.
    let is_zone = (1..=15).contains(&zone.len())
        && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !zone.starts_with('-');
    (is_zone && address.is_unicast_link_local()).then(|| format!("{address}%{zone}"))
}

fn number(port: &str) -> Option<u16> {
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    port.parse().ok().filter(|port| digits && *port != 0)
}

fn host(host: &str, port: u16) -> Option<Address> {
    let host = match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) => is_host(address).then(|| address.to_string())?,
        Err(_) => is_name(host).then(|| host.to_ascii_lowercase())?,
    };
    Some(Address { host, port })
}

fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // The resolver takes 10.1, 167772161 and 0x0a000001 for addresses; nobody means them as such.
    let number = |label: &str| {
        label.bytes().all(|b| b.is_ascii_digit())
            || label.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    // A final dot is the root: the resolver then uses no search list.
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(label) && !name.rsplit('.').next().is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_the_address_of_one_host() {
        for (text, address) in [
            ("10.1.1.2", "10.1.1.2"),
            ("127.0.0.1", "127.0.0.1"),
            ("2001:DB8::0001", "2001:db8::1"),
            ("fe80::1", "fe80::1"),
            ("::ffff:10.1.1.2", "10.1.1.2"),
        ] {
            assert_eq!(target(text).map(|a| a.to_string()).as_deref(), Some(address), "{text}");
        }
        for text in [
            "",
            "router",
            "10.1.1",
            "10.1.1.256",
            "010.1.1.2",
            "10.1.1.2 ",
            "10.1.1.2\n",
            "10.1.1.2/24",
            "10.1.1.2:22",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "224.0.0.1",
            "239.1.1.1",
            "255.255.255.255",
            "0.0.0.0",
            "::",
            "ff02::1",
            "::ffff:224.0.0.1",
            "10.0.0.1;reload",
            "1\0",
            "١٠.1.1.2",
        ] {
            assert_eq!(target(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_router_is_an_address_or_a_name_with_or_without_a_port() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1:22"),
            ("192.0.2.1:2222", "192.0.2.1:2222"),
            ("2001:DB8::1", "[2001:db8::1]:22"),
            ("[2001:db8::1]", "[2001:db8::1]:22"),
            ("[2001:db8::1]:830", "[2001:db8::1]:830"),
            ("::ffff:192.0.2.1", "192.0.2.1:22"),
            ("Edge-1.Example.net", "edge-1.example.net:22"),
            ("edge_1:65535", "edge_1:65535"),
            ("r1", "r1:22"),
            ("Edge-1.example.net.", "edge-1.example.net.:22"),
            ("FE80::0001%eth0", "[fe80::1%eth0]:22"),
            ("[fe80::1%br-lan.7]:830", "[fe80::1%br-lan.7]:830"),
            ("fe80::1%3", "[fe80::1%3]:22"),
        ] {
            assert_eq!(router(text).map(|a| a.to_string()).as_deref(), Some(shown), "{text}");
        }
    }

    #[test]
    fn what_a_resolver_or_a_shell_could_take_for_something_else_is_no_router() {
        let long = format!("{}com", "a.".repeat(130));
        for text in [
            "",
            ":22",
            "192.0.2.1:",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "192.0.2.1:+22",
            "192.0.2.1:22:22",
            "[192.0.2.1]:22",
            "[2001:db8::1",
            "[2001:db8::1]22",
            "[]:22",
            "fe80::1%",
            "fe80::1%eth0%eth1",
            "fe80::1%an-interface-of-16",
            "fe80::1%-o",
            "fe80::1%eth0;id",
            "2001:db8::1%eth0",
            "192.0.2.1%eth0",
            "router%eth0",
            "-oProxyCommand=x",
            "a.-b",
            "a..b",
            ".a",
            "a..",
            ".",
            "10.1.",
            "a b",
            "a\n",
            "a;b",
            "$(id)",
            "a|b",
            "köln",
            "10.1",
            "10.0.0.256",
            "167772161",
            "0x0a000001",
            "1.0x2",
            "224.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "ff02::1",
            &long,
            "a\0",
            "user@host",
        ] {
            assert_eq!(router(text), None, "{text:?}");
        }
        assert_eq!(router(&"a".repeat(64 << 10)), None);
    }
}
