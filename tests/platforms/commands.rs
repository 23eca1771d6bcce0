//! What is put on the wire: the right command for each platform, within its ranges, and never more than one line.

use super::{PLATFORMS, mode, ping, platform, probe};
use ddl_monitor::failure::Kind;
use ddl_monitor::probe::{Name, Ping, Probe, Source};
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;

fn command(name: &str, ping: Ping) -> String {
    let platform = platform(name);
    platform.run(&Probe::Ping(ping), mode(&platform)).unwrap_or_else(|failure| panic!("{failure}")).command
}

fn refused(name: &str, ping: Ping) -> String {
    let platform = platform(name);
    let checked = platform.check(&Probe::Ping(ping.clone())).unwrap_err();
    let run = platform.run(&Probe::Ping(ping), mode(&platform)).unwrap_err();
    assert_eq!(checked, run, "check and run refuse the same");
    assert_eq!(checked.kind, Kind::Settings);
    checked.message
}

fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

fn everything(target: &str, source: &str) -> Ping {
    Ping {
        size: Some(100),
        vrf: Some(name("blue")),
        source: Some(Source::Address(source.parse().unwrap())),
        ..ping(target, 5, 2000)
    }
}

#[test]
fn the_shortest_command_of_each_platform_over_ipv4_and_ipv6() {
    for (platform, v4, v6) in [
        ("cisco_iosxe", "ping 192.0.2.1 repeat 5 timeout 2", "ping ipv6 2001:db8::1 repeat 5 timeout 2"),
        ("cisco_iosxr", "ping 192.0.2.1 count 5 timeout 2", "ping ipv6 2001:db8::1 count 5 timeout 2"),
        ("cisco_nxos", "ping 192.0.2.1 count 5 timeout 2", "ping6 2001:db8::1 count 5 timeout 2"),
        ("huawei_vrp", "ping -c 5 -t 2000 -m 10 192.0.2.1", "ping ipv6 -c 5 -t 2000 -m 10 2001:db8::1"),
        ("h3c_comware", "ping -c 5 -t 2000 -m 10 192.0.2.1", "ping ipv6 -c 5 -t 2000 -m 10 2001:db8::1"),
        ("frr", "ping 192.0.2.1", "ping ipv6 2001:db8::1"),
        ("linux", "ping -n -c 5 -i 0.2 -W 2 192.0.2.1", "ping -6 -n -c 5 -i 0.2 -W 2 2001:db8::1"),
    ] {
        assert_eq!(command(platform, ping("192.0.2.1", 5, 2000)), v4);
        assert_eq!(command(platform, ping("2001:db8::1", 5, 2000)), v6);
    }
}

#[test]
fn the_longest_command_of_each_platform() {
    for (platform, v4, v6) in [
        (
            "cisco_iosxe",
            "ping vrf blue 192.0.2.1 repeat 5 timeout 2 size 128 source 192.0.2.2",
            "ping vrf blue ipv6 2001:db8::1 repeat 5 timeout 2 size 148 source 2001:db8::2",
        ),
        (
            "cisco_iosxr",
            "ping vrf blue 192.0.2.1 count 5 timeout 2 size 128 source 192.0.2.2",
            "ping vrf blue ipv6 2001:db8::1 count 5 timeout 2 size 148 source 2001:db8::2",
        ),
        (
            "cisco_nxos",
            "ping 192.0.2.1 count 5 timeout 2 packet-size 100 source 192.0.2.2 vrf blue",
            "ping6 2001:db8::1 count 5 timeout 2 packet-size 100 source 2001:db8::2 vrf blue",
        ),
        (
            "huawei_vrp",
            "ping -c 5 -t 2000 -m 10 -s 100 -a 192.0.2.2 -vpn-instance blue 192.0.2.1",
            "ping ipv6 -c 5 -t 2000 -m 10 -s 100 -a 2001:db8::2 -vpn-instance blue 2001:db8::1",
        ),
        (
            "h3c_comware",
            "ping -c 5 -t 2000 -m 10 -s 100 -a 192.0.2.2 -vpn-instance blue 192.0.2.1",
            "ping ipv6 -c 5 -t 2000 -m 10 -s 100 -a 2001:db8::2 -vpn-instance blue 2001:db8::1",
        ),
        (
            "linux",
            "ping -n -c 5 -i 0.2 -W 2 -s 100 -I blue -I 192.0.2.2 192.0.2.1",
            "ping -6 -n -c 5 -i 0.2 -W 2 -s 100 -I blue -I 2001:db8::2 2001:db8::1",
        ),
    ] {
        assert_eq!(command(platform, everything("192.0.2.1", "192.0.2.2")), v4);
        assert_eq!(command(platform, everything("2001:db8::1", "2001:db8::2")), v6);
    }
}

#[test]
fn a_source_interface_goes_where_the_platform_takes_one_and_is_refused_elsewhere() {
    let from =
        |interface: &str| Ping { source: Some(Source::Interface(name(interface))), ..ping("192.0.2.1", 5, 2000) };
    assert!(command("cisco_iosxe", from("Loopback0")).ends_with("source Loopback0"));
    assert!(command("cisco_nxos", from("Ethernet1/1")).ends_with("source-interface Ethernet1/1"));
    assert!(command("linux", from("wan0")).ends_with("-I wan0 192.0.2.1"));
    for platform in ["huawei_vrp", "h3c_comware"] {
        assert_eq!(
            refused(platform, from("LoopBack0")),
            format!("--source LoopBack0 ({{$LINE_SOURCE}}): {platform} takes an address as source, not an interface")
        );
    }
    let mixed = Ping { source: Some(Source::Address("2001:db8::2".parse().unwrap())), ..ping("192.0.2.1", 5, 2000) };
    assert!(refused("cisco_iosxe", mixed).contains("needs an IPv4 source for an IPv4 target"));
}

#[test]
fn what_is_out_of_range_is_refused_with_flag_macro_value_and_range() {
    for (platform, ping, message) in [
        (
            "cisco_iosxr",
            ping("192.0.2.1", 5, 40_000),
            "--timeout 40s ({$LINE_PING_TIMEOUT}): cisco_iosxr takes 1 to 36 s, rounded up to whole seconds",
        ),
        (
            "huawei_vrp",
            ping("192.0.2.1", 5, 70_000),
            "--timeout 70s ({$LINE_PING_TIMEOUT}): huawei_vrp takes 1 to 65535 ms",
        ),
        (
            "cisco_nxos",
            ping("192.0.2.1", 5, 0),
            "--timeout 0s ({$LINE_PING_TIMEOUT}): cisco_nxos takes 1 to 60 s, rounded up to whole seconds",
        ),
        (
            "cisco_nxos",
            ping("192.0.2.1", 655_351, 2000),
            "--count 655351 ({$LINE_PING_COUNT}): cisco_nxos takes 1 to 655350 packets",
        ),
        ("linux", ping("192.0.2.1", 0, 2000), "--count 0 ({$LINE_PING_COUNT}): linux takes 1 to 2147483647 packets"),
        (
            "cisco_iosxe",
            Ping { size: Some(18_000), ..ping("192.0.2.1", 5, 2000) },
            "--size 18000 ({$LINE_PING_SIZE}): cisco_iosxe takes 8 to 17996 bytes of ICMP data (IPv4)",
        ),
        (
            "frr",
            Ping { size: Some(56), ..ping("192.0.2.1", 5, 2000) },
            "--size 56 ({$LINE_PING_SIZE}): frr has no size option, leave it empty",
        ),
        (
            "frr",
            Ping { vrf: Some(name("blue")), ..ping("192.0.2.1", 5, 2000) },
            "--vrf blue ({$LINE_VRF}): frr has no VRF option, leave it empty",
        ),
        (
            "h3c_comware",
            Ping { vrf: Some(name(&"v".repeat(32))), ..ping("192.0.2.1", 5, 2000) },
            "--vrf vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv ({$LINE_VRF}): h3c_comware takes names of 1 to 31 characters",
        ),
    ] {
        assert_eq!(refused(platform, ping), message);
    }
}

#[test]
fn user_mode_of_ios_takes_the_plain_form_but_no_vrf() {
    let ios = platform("cisco_iosxe");
    let run = ios.run(&probe("192.0.2.1", 20, 500), "user").unwrap();
    assert_eq!((run.command.as_str(), run.plain), ("ping 192.0.2.1", true));
    assert_eq!(run.limit, Duration::from_secs(5 * 2 + 3), "the router's own count and time-out");
    let in_vrf = Probe::Ping(Ping { vrf: Some(name("blue")), ..ping("192.0.2.1", 5, 2000) });
    let failure = ios.run(&in_vrf, "user").unwrap_err();
    assert_eq!(failure.kind, Kind::Rejected);
    assert!(failure.message.contains("--enable-password"), "{failure}");
}

#[test]
fn a_configuration_mode_takes_no_ping() {
    for name in ["cisco_iosxe", "cisco_iosxr", "cisco_nxos", "frr"] {
        let platform = platform(name);
        assert_eq!(
            platform.run(&probe("192.0.2.1", 5, 2000), "configuration").unwrap_err().kind,
            Kind::Shell,
            "{name}"
        );
    }
}

#[test]
fn an_endless_ping_is_ended_after_the_last_packets_time_out() {
    let frr = platform("frr");
    let run = frr.run(&probe("192.0.2.1", 5, 1500), "privileged").unwrap();
    assert_eq!(run.end_after, Some(Duration::from_millis(4 * 1000 + 1500)));
    assert!(run.limit > run.end_after.unwrap());
    let vyos = platform("vyos");
    let run = vyos.run(&probe("192.0.2.1", 5, 1500), "operational").unwrap();
    assert_eq!(run.end_after, Some(Duration::from_millis(4 * 200 + 1500)), "it takes no time-out");
    for name in PLATFORMS.iter().filter(|name| !["frr", "vyos"].contains(name)) {
        let platform = platform(name);
        assert_eq!(platform.run(&probe("192.0.2.1", 5, 2000), mode(&platform)).unwrap().end_after, None);
    }
}

#[test]
fn the_limit_is_what_a_dead_line_takes_and_slack() {
    for (name, seconds) in [("cisco_iosxe", 10.0), ("cisco_iosxr", 10.05), ("huawei_vrp", 10.05), ("linux", 2.8)] {
        let platform = platform(name);
        let run = platform.run(&probe("192.0.2.1", 5, 2000), mode(&platform)).unwrap();
        assert_eq!(run.limit, Duration::from_secs_f64(seconds + 3.0), "{name}");
    }
}

#[test]
fn exec_takes_read_only_commands_and_nothing_else() {
    for (name, allowed) in [
        ("cisco_iosxe", "show interfaces | include line protocol"),
        ("cisco_iosxr", "show version"),
        ("cisco_nxos", "show interface brief"),
        ("huawei_vrp", "display version"),
        ("h3c_comware", "display interface brief"),
        ("frr", "show ip route"),
        ("linux", "ip -s link show dev wan0"),
    ] {
        let platform = platform(name);
        platform.allows(allowed).unwrap_or_else(|failure| panic!("{failure}"));
        for refused in ["reload", "configure terminal", "system-view", "rm -rf /", "show version\nreload", "copy a b"] {
            assert_eq!(platform.allows(refused).unwrap_err().kind, Kind::Rejected, "{name}: {refused}");
        }
        for tail in
            [";reload", "|sh", "| redirect flash:x", "| tee x", "> x", ">> x", "&", "`x`", "$(x)", "\r", "\u{3}"]
        {
            assert!(platform.allows(&format!("{allowed}{tail}")).is_err(), "{name}: {allowed}{tail}");
        }
    }
}

#[test]
fn a_refused_set_up_command_is_recognised_and_an_accepted_one_is_not() {
    let vrp = platform("huawei_vrp");
    let refusal = vrp.refusal("          ^\nError: Unrecognized command found at '^' position.\n").unwrap();
    assert_eq!(refusal.kind, Kind::Rejected);
    assert_eq!(
        vrp.refusal("Info: The configuration takes effect on the current user terminal interface only.\n"),
        None
    );
    assert_eq!(vrp.refusal(""), None);
    let ios = platform("cisco_iosxe");
    let log = "line\n".repeat(20) + "% Invalid input detected at '^' marker.\n";
    assert_eq!(ios.refusal(&log), None, "a long output may quote anything");
}

fn any_name() -> impl Strategy<Value = Option<Name>> {
    prop::option::of("[ -~]{0,70}|\\PC{0,20}|[A-Za-z0-9._:/@-]{1,63}").prop_map(|text| Name::try_from(text?).ok())
}

fn any_source() -> impl Strategy<Value = Option<Source>> {
    prop_oneof![
        any_name().prop_map(|name| name.map(Source::Interface)),
        any::<IpAddr>().prop_map(|address| Some(Source::Address(address))),
        Just(None),
    ]
}

proptest! {
    #[test]
    fn no_probe_ever_puts_a_control_character_or_a_second_command_on_the_wire(
        target in any::<IpAddr>(), count in any::<u32>(), millis in 0u64..100_000, size in prop::option::of(0u32..70_000),
        vrf in any_name(), source in any_source(), small in any::<bool>(), df in any::<bool>(),
    ) {
        let count = if small { count % 100 } else { count };
        let probe = Probe::Ping(Ping { target, count, timeout: Duration::from_millis(millis), size, vrf, source, df });
        thread_local!(static ALL: Vec<ddl_monitor::platform::Platform> = PLATFORMS.iter().map(|name| platform(name)).collect());
        ALL.with(|all| {
            for platform in all {
                for mode in &platform.dialect.modes {
                    let Ok(run) = platform.run(&probe, &mode.name) else { continue };
                    for line in run.before.iter().chain([&run.command]) {
                        assert!(line.chars().all(|c| matches!(c, ' '..='~')), "{line:?}");
                        assert!(!line.contains([';', '|', '&', '$', '`', '>', '<', '?', '"', '\'', '\\', '\n']), "{line:?}");
                        assert!(!line.contains("  ") && line.len() < 300, "{line:?}");
                        assert!(!line.contains("timeout 0") && !line.contains("-t 0") && !line.contains("-W 0 "), "{line:?}");
                    }
                }
            }
        });
    }
}
