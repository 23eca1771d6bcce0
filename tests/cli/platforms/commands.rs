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
        ("arista_eos", "ping ip 192.0.2.1 repeat 5 timeout 2", "ping ipv6 2001:db8::1 repeat 5 timeout 2"),
        ("cisco_asa", "ping 192.0.2.1 repeat 5 timeout 2", "ping 2001:db8::1 repeat 5 timeout 2"),
        ("fortinet_fortios", "execute ping 192.0.2.1", "execute ping6 2001:db8::1"),
        ("juniper_junos", "ping 192.0.2.1 count 5 wait 2 no-resolve", "ping 2001:db8::1 count 5 wait 2 no-resolve"),
        ("mikrotik_routeros", "/ping 192.0.2.1 count=5 interval=2000ms", "/ping 2001:db8::1 count=5 interval=2000ms"),
        ("nokia_sros", "ping 192.0.2.1 count 5 timeout 2", "ping 2001:db8::1 count 5 timeout 2"),
        ("ruijie_os", "ping 192.0.2.1 ntimes 5 timeout 2", "ping ipv6 2001:db8::1 ntimes 5 timeout 2"),
        ("vyos", "ping 192.0.2.1 count 5 interval 0.2 numeric", "ping 2001:db8::1 count 5 interval 0.2 numeric"),
        ("zte_zxros", "ping 192.0.2.1 repeat 5 timeout 2", "ping6 2001:db8::1 repeat 5 timeout 2"),
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
fn do_not_fragment_goes_into_the_command_or_is_refused() {
    let whole = |target: &str| Ping { size: Some(1472), df: true, ..ping(target, 2, 1000) };
    for (platform, v4) in [
        ("arista_eos", "ping ip 192.0.2.1 repeat 2 timeout 1 size 1500 df-bit"),
        ("cisco_iosxe", "ping 192.0.2.1 repeat 2 timeout 1 size 1500 df-bit"),
        ("cisco_iosxr", "ping 192.0.2.1 count 2 timeout 1 size 1500 donotfrag"),
        ("cisco_nxos", "ping 192.0.2.1 count 2 timeout 1 packet-size 1472 df-bit"),
        ("h3c_comware", "ping -c 2 -t 1000 -m 10 -s 1472 -f 192.0.2.1"),
        ("huawei_vrp", "ping -c 2 -t 1000 -m 10 -s 1472 -f 192.0.2.1"),
        ("juniper_junos", "ping 192.0.2.1 count 2 wait 1 no-resolve size 1472 do-not-fragment"),
        ("linux", "ping -n -c 2 -i 0.2 -W 1 -s 1472 -M do 192.0.2.1"),
        ("mikrotik_routeros", "/ping 192.0.2.1 count=2 interval=1000ms size=1500 do-not-fragment"),
        ("nokia_sros", "ping 192.0.2.1 count 2 timeout 1 size 1472 do-not-fragment"),
        ("ruijie_os", "ping 192.0.2.1 length 1500 ntimes 2 timeout 1 df-bit"),
        ("vyos", "ping 192.0.2.1 count 2 interval 0.2 numeric size 1472 do-not-fragment"),
    ] {
        assert_eq!(command(platform, whole("192.0.2.1")), v4);
    }
    for platform in ["cisco_asa", "frr", "zte_zxros"] {
        let message = refused(platform, Ping { size: None, ..whole("192.0.2.1") });
        let expected = "--df 1 ({$LINE_PING_DF}): PLATFORM has no do-not-fragment option, leave it empty";
        assert_eq!(message, expected.replace("PLATFORM", platform));
    }
    let message = refused("cisco_iosxe", whole("2001:db8::1"));
    assert!(message.ends_with("cisco_iosxe has no do-not-fragment option for IPv6, leave it empty"), "{message}");
}

#[test]
fn the_words_of_nokia_differ_by_the_mode_that_the_login_ends_in() {
    let sros = platform("nokia_sros");
    let run = |mode: &str| sros.run(&Probe::Ping(everything("192.0.2.1", "192.0.2.2")), mode).unwrap().command;
    assert_eq!(run("classic"), "ping 192.0.2.1 router blue count 5 timeout 2 size 100 source 192.0.2.2");
    assert_eq!(
        run("md_cli"),
        "ping 192.0.2.1 router-instance blue count 5 timeout 2 size 100 source-address 192.0.2.2"
    );
    assert_eq!(sros.dialect.set_up_of("classic"), ["environment no more"]);
    assert_eq!(sros.dialect.set_up_of("md_cli"), ["environment more false"]);
}

#[test]
fn fortios_is_told_all_options_before_each_ping() {
    let fortios = platform("fortinet_fortios");
    let run = |ping: Ping| fortios.run(&Probe::Ping(ping), "exec").unwrap();
    let options = |lines: &[&str]| lines.iter().map(|line| format!("execute ping-options {line}")).collect::<Vec<_>>();
    let plain = ["repeat-count 5", "timeout 2", "data-size 56", "df-bit no", "source auto"];
    assert_eq!(run(ping("192.0.2.1", 5, 2000)).before, options(&plain));
    let source = Some(Source::Address("192.0.2.2".parse().unwrap()));
    let all = Ping { size: Some(1472), df: true, source, ..ping("192.0.2.1", 2, 1000) };
    let told = ["repeat-count 2", "timeout 1", "data-size 1472", "df-bit yes", "source 192.0.2.2"];
    assert_eq!(run(all).before, options(&told));
    let v6 = run(ping("2001:db8::1", 5, 2000)).before;
    assert_eq!(v6.last().map(String::as_str), Some("execute ping6-options source6 auto"));
}

#[test]
fn the_terminal_options_of_routeros_stand_behind_the_users_name_and_nowhere_else() {
    for name in PLATFORMS {
        let suffix = if name == "mikrotik_routeros" { "+ct511w4098h" } else { "" };
        assert_eq!(platform(name).user_suffix, suffix, "{name}");
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
    assert!(command("cisco_asa", from("outside")).starts_with("ping outside 192.0.2.1 "));
    assert!(command("arista_eos", from("Loopback0")).ends_with("source Loopback0"));
    assert!(command("vyos", from("eth1")).ends_with("interface eth1"));
    for platform in ["fortinet_fortios", "nokia_sros", "ruijie_os", "zte_zxros"] {
        assert!(refused(platform, from("lo0")).ends_with("takes an address as source, not an interface"), "{platform}");
    }
    let address = Ping { source: Some(Source::Address("192.0.2.2".parse().unwrap())), ..ping("192.0.2.1", 5, 2000) };
    assert!(refused("cisco_asa", address).ends_with("takes an interface as source, not an address"));
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
            "zte_zxros",
            Ping { vrf: Some(name("blue")), ..ping("2001:db8::1", 5, 2000) },
            "--vrf blue ({$LINE_VRF}): zte_zxros has no VRF option for IPv6, leave it empty",
        ),
        (
            "nokia_sros",
            ping("192.0.2.1", 5, 10_001),
            "--timeout 10.001s ({$LINE_PING_TIMEOUT}): nokia_sros takes 1 to 10 s, rounded up to whole seconds",
        ),
        (
            "mikrotik_routeros",
            ping("192.0.2.1", 5, 5001),
            "--timeout 5.001s ({$LINE_PING_TIMEOUT}): mikrotik_routeros takes 10 to 5000 ms",
        ),
        (
            "zte_zxros",
            Ping { size: Some(8165), ..ping("192.0.2.1", 5, 2000) },
            "--size 8165 ({$LINE_PING_SIZE}): zte_zxros takes 8 to 8164 bytes of ICMP data (IPv4)",
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
    for name in PLATFORMS {
        let platform = platform(name);
        if !platform.dialect.modes.iter().any(|mode| mode.name == "configuration") {
            continue;
        }
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
    for (name, seconds) in [
        ("cisco_iosxe", 10.0),
        ("cisco_iosxr", 10.05),
        ("huawei_vrp", 10.05),
        ("linux", 2.8),
        ("juniper_junos", 6.0),
        ("mikrotik_routeros", 10.0),
        ("vyos", 2.8),
    ] {
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
        ("arista_eos", "show interfaces status"),
        ("cisco_asa", "show interface ip brief"),
        ("fortinet_fortios", "get system status"),
        ("juniper_junos", "show interfaces terse"),
        ("mikrotik_routeros", "/interface/print"),
        ("nokia_sros", "show router interface"),
        ("ruijie_os", "show interfaces"),
        ("vyos", "show interfaces"),
        ("zte_zxros", "show interface brief"),
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
    for writes in ["/ping [/system/reboot]", "/interface/print file=x", "/ip/address/add address=192.0.2.1/24"] {
        assert_eq!(platform("mikrotik_routeros").allows(writes).unwrap_err().kind, Kind::Rejected, "{writes}");
    }
    for writes in ["config system console", "execute reboot", "execute factoryreset", "show | tee x"] {
        assert_eq!(platform("fortinet_fortios").allows(writes).unwrap_err().kind, Kind::Rejected, "{writes}");
    }
    for writes in ["set cli screen-length 0", "request system reboot", "show configuration | save x"] {
        assert_eq!(platform("juniper_junos").allows(writes).unwrap_err().kind, Kind::Rejected, "{writes}");
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
