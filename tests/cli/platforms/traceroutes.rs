//! The probe of the way to a target: commands, endings, a user's own platform, mistakes in it, and texts that are not what they seem.

use super::{mode, platform};
use ddl_monitor::failure::Kind;
use ddl_monitor::platform::{Definition, Ending, Platform, Run, from_file};
use ddl_monitor::probe::{Hop, Measurement, Name, Probe, ProbeKind, Source, Traceroute, TracerouteResult, When};
use std::path::Path;
use std::time::Duration;

fn to(target: &str) -> Traceroute {
    Traceroute { target: target.parse().unwrap(), vrf: None, source: None, when: When::Edge }
}

fn with_everything(target: &str, source: &str) -> Traceroute {
    Traceroute {
        vrf: Some(Name::try_from("blue".to_owned()).unwrap()),
        source: Some(Source::Address(source.parse().unwrap())),
        ..to(target)
    }
}

fn run(platform: &Platform, asked: Traceroute) -> Run {
    let mode = mode(platform);
    platform.run(&Probe::Traceroute(asked), mode).unwrap_or_else(|failure| panic!("{failure}"))
}

fn refusal(platform: &Platform, asked: Traceroute) -> String {
    let failure = platform.check(&Probe::Traceroute(asked.clone())).unwrap_err();
    assert_eq!(failure.kind, Kind::Settings);
    assert_eq!(platform.run(&Probe::Traceroute(asked), mode(platform)).unwrap_err(), failure);
    failure.message
}

fn measured(measurement: Measurement) -> TracerouteResult {
    match measurement {
        Measurement::Traceroute(traceroute) => traceroute,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_of_each_platform_has_its_own_bounds() {
    for (name, v4, v6) in [
        ("arista_eos", "traceroute 192.0.2.1", None),
        ("cisco_asa", "traceroute 192.0.2.1 numeric timeout 1 probe 1 ttl 1 15", None),
        ("cisco_iosxe", "traceroute 192.0.2.1 numeric timeout 1 probe 1 ttl 1 15", Some("traceroute ipv6 2001:db8::1")),
        (
            "cisco_iosxr",
            "traceroute 192.0.2.1 numeric timeout 1 probe 1 maxttl 15",
            Some("traceroute ipv6 2001:db8::1 numeric timeout 1 probe 1 maxttl 15"),
        ),
        ("cisco_nxos", "traceroute 192.0.2.1", Some("traceroute6 2001:db8::1")),
        ("fortinet_fortios", "execute traceroute 192.0.2.1", None),
        ("frr", "traceroute 192.0.2.1", Some("traceroute ipv6 2001:db8::1")),
        ("h3c_comware", "tracert -m 15 -q 1 -w 1000 192.0.2.1", Some("tracert ipv6 -m 15 -q 1 -w 1000 2001:db8::1")),
        ("huawei_vrp", "tracert -m 15 -q 1 -w 1000 192.0.2.1", Some("tracert ipv6 -m 15 -q 1 -w 1000 2001:db8::1")),
        (
            "juniper_junos",
            "traceroute 192.0.2.1 no-resolve wait 1 ttl 15",
            Some("traceroute 2001:db8::1 no-resolve wait 1 ttl 15"),
        ),
        ("linux", "traceroute -n -q 1 -w 1 -m 15 192.0.2.1", Some("traceroute -6 -n -q 1 -w 1 -m 15 2001:db8::1")),
        (
            "nokia_sros",
            "traceroute 192.0.2.1 ttl 15 wait 1000 no-dns",
            Some("traceroute 2001:db8::1 ttl 15 wait 1000 no-dns"),
        ),
        ("ruijie_os", "traceroute 192.0.2.1 probe 1 timeout 1 ttl 1 15", None),
        ("vyos", "traceroute 192.0.2.1 no-resolve ttl 15", Some("traceroute 2001:db8::1 no-resolve ttl 15")),
    ] {
        let platform = platform(name);
        let ran = run(&platform, to("192.0.2.1"));
        assert_eq!((ran.command.as_str(), ran.limit), (v4, Duration::from_secs(10)), "{name}");
        assert!(ran.before.is_empty() && ran.end_after.is_none() && !ran.plain);
        match v6 {
            Some(command) => assert_eq!(run(&platform, to("2001:db8::1")).command, command),
            None => assert!(refusal(&platform, to("2001:db8::1")).contains("has no traceroute over IPv6"), "{name}"),
        }
    }
}

#[test]
fn a_vrf_and_a_source_go_where_the_platform_has_them() {
    for (name, command) in [
        ("arista_eos", "traceroute vrf blue 192.0.2.1 source 192.0.2.2"),
        ("cisco_iosxe", "traceroute vrf blue 192.0.2.1 source 192.0.2.2 numeric timeout 1 probe 1 ttl 1 15"),
        ("cisco_iosxr", "traceroute vrf blue 192.0.2.1 source 192.0.2.2 numeric timeout 1 probe 1 maxttl 15"),
        ("cisco_nxos", "traceroute 192.0.2.1 vrf blue source 192.0.2.2"),
        ("h3c_comware", "tracert -m 15 -q 1 -w 1000 -a 192.0.2.2 -vpn-instance blue 192.0.2.1"),
        ("huawei_vrp", "tracert -m 15 -q 1 -w 1000 -a 192.0.2.2 -vpn-instance blue 192.0.2.1"),
        ("juniper_junos", "traceroute 192.0.2.1 no-resolve wait 1 ttl 15 routing-instance blue source 192.0.2.2"),
        ("linux", "traceroute -n -q 1 -w 1 -m 15 -s 192.0.2.2 -i blue 192.0.2.1"),
        ("nokia_sros", "traceroute 192.0.2.1 ttl 15 wait 1000 no-dns source 192.0.2.2 router blue"),
        ("ruijie_os", "traceroute vrf blue 192.0.2.1 probe 1 source 192.0.2.2 timeout 1 ttl 1 15"),
        ("vyos", "traceroute 192.0.2.1 no-resolve ttl 15 source-address 192.0.2.2 vrf blue"),
    ] {
        assert_eq!(run(&platform(name), with_everything("192.0.2.1", "192.0.2.2")).command, command);
    }
    let md_cli = Probe::Traceroute(with_everything("192.0.2.1", "192.0.2.2"));
    assert_eq!(
        platform("nokia_sros").run(&md_cli, "md_cli").unwrap().command,
        "traceroute 192.0.2.1 numeric probe-count 1 wait 1000 ttl 15 router-instance blue source-address 192.0.2.2"
    );
}

#[test]
fn what_a_platform_cannot_trace_is_refused_before_any_login() {
    for name in ["mikrotik_routeros", "zte_zxros"] {
        assert!(refusal(&platform(name), to("192.0.2.1")).contains("has no traceroute"));
    }
    let frr = platform("frr");
    let vrf = Traceroute { source: None, ..with_everything("192.0.2.1", "192.0.2.2") };
    assert!(refusal(&frr, vrf).starts_with("--vrf blue ({$LINE_VRF}): traceroute of frr has no VRF option"));
    let source = Traceroute { vrf: None, ..with_everything("192.0.2.1", "192.0.2.2") };
    assert!(refusal(&frr, source.clone()).starts_with("--source 192.0.2.2 ({$LINE_SOURCE}): traceroute of frr has no"));
    let other_family = Traceroute { target: "2001:db8::1".parse().unwrap(), ..source };
    assert!(refusal(&platform("linux"), other_family).contains("needs an IPv6 source for an IPv6 target"));
    // User mode of IOS takes no options.
    let failure = platform("cisco_iosxe").run(&Probe::Traceroute(to("192.0.2.1")), "user").unwrap_err();
    assert_eq!(failure.kind, Kind::Shell);
}

const ANSWER: &str =
    "traceroute to 192.0.2.10 (192.0.2.10), 15 hops max, 60 byte packets\n 1  192.0.2.2  0.078 ms\n 2  *\n";

#[test]
fn an_answer_that_did_not_end_by_itself_is_worth_its_hops() {
    let linux = platform("linux");
    let (asked, ran) = (Probe::Traceroute(to("192.0.2.10")), run(&linux, to("192.0.2.10")));
    let aborted = Ending::Aborted { after: Duration::from_secs(10), planned: false };
    let read = |text: &str, ending| linux.read(&asked, &ran, text, ending);
    for ending in [aborted, Ending::Cut] {
        let found = measured(read(ANSWER, ending).unwrap());
        assert_eq!((found.hops.len(), found.reached, found.complete), (2, 0, false));
        let arrived = measured(read(&format!("{ANSWER} 3  192.0.2.10  1 ms\n"), ending).unwrap());
        assert_eq!((arrived.reached, arrived.complete), (1, true), "behind the target there is nothing to wait for");
    }
    let header = "traceroute to 192.0.2.10 (192.0.2.10), 15 hops max, 60 byte packets\n";
    for (text, ending, kind, not_ours) in [
        (header, aborted, Kind::Deadline, false),
        (header, Ending::Cut, Kind::Shell, false),
        (header, Ending::Complete, Kind::Reply, false),
        ("", Ending::Complete, Kind::Reply, true),
        (" 1  192.0.2.2  0.078 ms\n", Ending::Complete, Kind::Reply, true),
        ("-bash: traceroute: command not found\n", Ending::Complete, Kind::Rejected, false),
    ] {
        let unread = read(text, ending).unwrap_err();
        assert_eq!((unread.failure.kind, unread.not_ours), (kind, not_ours), "{text:?} {ending:?}");
    }
    // Of another line, whatever is in it.
    let other = Probe::Traceroute(to("192.0.2.11"));
    assert!(linux.read(&other, &ran, ANSWER, Ending::Complete).unwrap_err().not_ours);
}

#[test]
fn a_flood_is_cut_and_controls_are_not_text() {
    let linux = platform("linux");
    let (asked, ran) = (Probe::Traceroute(to("192.0.2.10")), run(&linux, to("192.0.2.10")));
    for line in
        ["\x1b[2J\x07 9  192.0.2.9  1 ms\x00\n", "0123456789abcdef", " *", "1 ", "\r", "traceroute to 192.0.2.10\n"]
    {
        let flood = format!("{ANSWER}{}", line.repeat((1 << 20) / line.len()));
        let read = linux.read(&asked, &ran, &flood, Ending::Complete);
        if let Ok(found) = read.map(measured) {
            assert!(found.text.len() <= 4096 && found.hops.len() <= 255, "{line:?}");
            assert!(!found.text.contains(['\x1b', '\0', '\x07']));
        }
    }
}

/// A router that nobody has.
const ACME: &str = r##"
title = "Acme"
abort = ["\u0003"]
tear_down = ["bye"]
read_only = ["check", "way"]

[[mode]]
name = "operator"
prompt = '^acme> ?$'

[probe.traceroute]
command = "way[ in {vrf}] to {target}"
vrf_max = 8
header = ['^way to (?P<target>\S+):$']
hop = ['^(?P<hop>\d+)\. (?P<replies>nobody|\S+ after \d+ us)$', '^and (?P<replies>\S+ after \d+ us)$']
time = ' (?P<time>\d+) us'
time_unit = "1us"
noise = ['^-- label']

[[probe.traceroute.failure_indicator]]
pattern = '^no way'
kind = "no_route"
says = "no route"

[[sample]]
name = "a way"
probe = "traceroute"
target = "192.0.2.3"
text = """
acme> way to 192.0.2.3
way to 192.0.2.3:
1. 192.0.2.1 after 250 us
-- label 17
and 192.0.2.2 after 200 us
2. nobody
3. 192.0.2.3 after 900 us
acme>
"""
expect = { reached = 1, hops = [{ hop = 1, address = "192.0.2.1", rtt = 0.0002 }, { hop = 2 }, { hop = 3, address = "192.0.2.3", rtt = 0.0009 }] }
"##;

fn written(dir: &Path, text: &str) -> Result<Platform, String> {
    let file = dir.join("acme.toml");
    std::fs::write(&file, text).unwrap();
    let definition: Definition = from_file(&file).map_err(|failure| failure.message)?;
    Platform::compile(&definition).map_err(|failure| failure.message)
}

#[test]
fn a_users_file_traces_without_a_line_of_rust() {
    let dir = tempfile::tempdir().unwrap();
    let platform = written(dir.path(), ACME).unwrap();
    assert_eq!(platform.check_samples().into_iter().find_map(|sample| sample.difference), None);
    let vrf = Some(Name::try_from("blue".to_owned()).unwrap());
    let asked = Probe::Traceroute(Traceroute { vrf, ..to("192.0.2.3") });
    let ran = platform.run(&asked, "operator").unwrap();
    assert_eq!(ran.command, "way in blue to 192.0.2.3");
    let found = measured(platform.read(&asked, &ran, "no way to 192.0.2.3", Ending::Complete).unwrap());
    let empty = TracerouteResult {
        reached: 0,
        hops: vec![],
        time: None,
        complete: true,
        text: "no way to 192.0.2.3".to_owned(),
    };
    assert_eq!(found, empty);
    let text = b"way to 192.0.2.3:\n1. nobody\nsomebody else\nand 192.0.2.2 after 200 us\n2. 192.0.2.3 after 2 us\n";
    let found = measured(platform.read_recorded(ProbeKind::Traceroute, text, None).unwrap());
    // Whose second line that is cannot be told.
    assert_eq!(found.hops[0], Hop { hop: 1, address: None, rtt: None });
    assert_eq!((found.reached, found.hops.len()), (1, 2), "the header names the target, where nobody else does");
}

#[test]
fn a_sample_that_reads_otherwise_shows_its_hops() {
    let dir = tempfile::tempdir().unwrap();
    let platform = written(dir.path(), &ACME.replace("reached = 1", "reached = 0")).unwrap();
    assert_eq!(platform.check_samples()[0].difference.as_deref(), Some("reached: expected 0, got 1"));
}

#[test]
fn a_mistake_in_a_traceroute_is_shown_with_what_to_write_instead() {
    let dir = tempfile::tempdir().unwrap();
    for (right, wrong, says) in [
        ("way[ in {vrf}] to {target}", "way[ in {vrf}]", "the command has no target; write {target}"),
        (
            "to {target}",
            "to {target} wait {timeout}",
            "{timeout} is of a ping; write the bounds of a traceroute as plain",
        ),
        ("to {target}", "to {target} x {hops}", "slot {hops} is not known; known are {target}"),
        ("to {target}", "to {target}\\nreload", "printable ASCII on one line"),
        ("command = \"way", "command = \"walk", "probe command \"walk to 192.0.2.1\" is not on the read-only list"),
        ("header = ['^way to (?P<target>\\S+):$']", "header = []", "no header; write ['traceroute to (?P<target>…)']"),
        ("(?P<target>\\S+)", "\\S+", "names no capture \"target\"; write (?P<target>…)"),
        ("(?P<hop>\\d+)\\.", "\\d+\\.", "no line names a hop; write ['^ *(?P<hop>\\d+) (?P<replies>…)$']"),
        (
            "(?P<replies>nobody",
            "(?P<answers>nobody",
            "capture \"answers\" is not known here; known here: (?P<hop>…), (?P<replies>…)",
        ),
        ("'^and (?P<replies>\\S+ after \\d+ us)$'", "'^and (\\S+ after'", "does not compile: unclosed group"),
        ("(?P<time>\\d+)", "\\d+", "names no capture \"time\"; write (?P<time>…)"),
        ("time_unit = \"1us\"", "time_unit = \"1 us\"", "is no time; write e.g. \"200ms\" or \"2s\""),
        (
            "vrf_max = 8",
            "vrf_length = 8",
            "unknown field `vrf_length`, expected one of `modes`, `command`, `command_ipv6`",
        ),
        ("vrf_max = 8", "modes = [\"root\"]", "mode \"root\" is not defined; defined are operator"),
        ("kind = \"no_route\"", "kind = \"dead\"", "kind \"dead\" is not for an indicator; write rejected"),
        ("target = \"192.0.2.3\"", "interface = \"wan1\"", "target is for a ping or a traceroute, interface for"),
        (
            "expect = { reached",
            "expect = { arrived",
            "expect: a traceroute has no \"arrived\"; it has reached, hops, complete, text",
        ),
    ] {
        assert!(ACME.contains(right), "{right}");
        let error = written(dir.path(), &ACME.replacen(right, wrong, 1)).expect_err(wrong);
        assert!(error.contains(says), "{wrong}\n  says   {error}\n  not    {says}");
        let line = error.rsplit_once("acme.toml:").and_then(|(_, rest)| rest.split(':').next()?.parse::<usize>().ok());
        assert!(line.is_some_and(|line| line > 1), "{error}");
    }
}
