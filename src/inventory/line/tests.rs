//! What arguments make of a line, and the exact words of every refusal.

use super::*;

fn raw() -> RawLine {
    RawLine {
        targets: vec!["10.1.1.2".into()],
        router: RawRouter {
            address: Some("192.0.2.1".into()),
            user: Some("ddl".into()),
            password: Some("secret:core".into()),
            platform: Some("cisco_iosxe".into()),
            ..RawRouter::default()
        },
        ..RawLine::default()
    }
}

fn parse(change: impl FnOnce(&mut RawLine)) -> Result<Line, Failure> {
    let mut raw = raw();
    change(&mut raw);
    Line::parse(raw, &Poll::default())
}

fn refusal(change: impl FnOnce(&mut RawLine)) -> String {
    let Err(failure) = parse(change) else { panic!("not refused") };
    assert_eq!(failure.kind, crate::failure::Kind::Settings);
    failure.message
}

fn ping(line: &Line) -> &Ping {
    let [Probe::Ping(ping)] = line.probes.as_slice() else { panic!("not one ping") };
    ping
}

#[test]
fn what_is_not_given_or_empty_comes_from_the_settings() {
    let line = parse(|raw| {
        for empty in [&mut raw.count, &mut raw.timeout, &mut raw.size, &mut raw.vrf, &mut raw.source, &mut raw.df] {
            *empty = Some(String::new());
        }
        raw.router.enable_password = Some(String::new());
    })
    .unwrap();
    assert_eq!(line.id, "10.1.1.2");
    assert_eq!(line.router.address.to_string(), "192.0.2.1:22");
    assert_eq!(line.deadline, Duration::from_millis(2500));
    assert_eq!(line.max_age, Duration::ZERO);
    assert!(line.router.enable.is_none());
    let expected = Ping {
        target: line.target,
        count: 5,
        timeout: Duration::from_secs(1),
        size: None,
        vrf: None,
        source: None,
        df: false,
    };
    assert_eq!(*ping(&line), expected);
}

#[test]
fn everything_that_is_given_counts() {
    let line = parse(|raw| {
        raw.line = Some("L-1001 Köln–Bonn".into());
        raw.targets = vec![String::new(), "2001:db8::2".into(), "10.9.9.9".into()];
        raw.router.user = Some("DOM\\ddl@corp.example".into());
        raw.count = Some("3".into());
        raw.timeout = Some("1".into());
        raw.size = Some("1400".into());
        raw.vrf = Some("CUST-A:1".into());
        raw.source = Some("2001:db8::1".into());
        raw.df = Some("Yes".into());
        raw.deadline = Some("9s".into());
        raw.max_age = Some("1m".into());
    })
    .unwrap();
    assert_eq!(line.id, "L-1001 Köln–Bonn");
    assert_eq!(line.target.to_string(), "2001:db8::2");
    assert_eq!(line.router.user.as_deref(), Some("DOM\\ddl@corp.example"));
    assert_eq!(line.deadline, Duration::from_secs(9));
    assert_eq!(line.max_age, Duration::from_secs(60));
    let asked = ping(&line);
    assert_eq!((asked.count, asked.timeout, asked.size), (3, Duration::from_secs(1), Some(1400)));
    assert!(asked.df);
    assert_eq!(asked.vrf.as_ref().map(Name::as_str), Some("CUST-A:1"));
    assert_eq!(asked.source, Some(Source::Address("2001:db8::1".parse().unwrap())));
    let line = parse(|raw| raw.source = Some("GigabitEthernet0/0/1.100".into())).unwrap();
    assert!(
        matches!(&ping(&line).source, Some(Source::Interface(name)) if name.as_str() == "GigabitEthernet0/0/1.100")
    );
}

#[test]
fn every_refusal_names_flag_macro_value_and_what_is_allowed() {
    type Change = fn(&mut RawLine);
    let cases: &[(Change, &str)] = &[
        (
            |r| r.targets.clear(),
            "--target ({$LINE_TARGET}) is not given: allowed is one IPv4 or IPv6 address: no name, no zone, no multicast, no broadcast",
        ),
        (
            |r| r.targets = vec!["10.0.0.1\nreload".into()],
            r#"--target ({$LINE_TARGET}) "10.0.0.1\nreload": allowed is one IPv4 or IPv6 address: no name, no zone, no multicast, no broadcast"#,
        ),
        (
            |r| r.targets = vec!["{$LINE_TARGET}".into(), "10.1.1.2".into()],
            "--target ({$LINE_TARGET}): macro {$LINE_TARGET} has no value; set it on the host or its template",
        ),
        (
            |r| r.router.address = None,
            "--router ({$LINE_ROUTER_IP}) is not given: allowed is an address or a host name, with a port from 1 to 65535 if not 22: ADDR, ADDR:PORT, [V6]:PORT; a link-local IPv6 address may have a zone: fe80::1%eth0",
        ),
        (
            |r| r.router.address = Some("r1;reload".into()),
            r#"--router ({$LINE_ROUTER_IP}) "r1;reload": allowed is an address or a host name, with a port from 1 to 65535 if not 22: ADDR, ADDR:PORT, [V6]:PORT; a link-local IPv6 address may have a zone: fe80::1%eth0"#,
        ),
        (
            |r| r.router.address = Some("{HOST.IP}".into()),
            "--router ({$LINE_ROUTER_IP}): macro {HOST.IP} has no value; set it on the host or its template",
        ),
        (
            |r| r.router.platform = None,
            "--platform ({$LINE_ROUTER_PLATFORM}) is not given: allowed is a platform's name; `ddl-monitor platform list` shows them",
        ),
        (
            |r| r.router.platform = Some("Cisco IOS".into()),
            r#"--platform ({$LINE_ROUTER_PLATFORM}) "Cisco IOS": allowed is a platform's name; `ddl-monitor platform list` shows them"#,
        ),
        (
            |r| r.router.platform = Some("../../etc/passwd".into()),
            r#"--platform ({$LINE_ROUTER_PLATFORM}) "../../etc/passwd": allowed is a platform's name; `ddl-monitor platform list` shows them"#,
        ),
        (
            |r| r.router.user = Some("ddl $(id)".into()),
            r#"--user ({$LINE_ROUTER_USERNAME}) "ddl $(id)": allowed is 1 to 128 letters, digits or . _ - @ \ / + % # : = , and not - first"#,
        ),
        (
            |r| r.count = Some("0".into()),
            r#"--count ({$LINE_PING_COUNT}) "0": allowed is a whole number from 1 to 10000"#,
        ),
        (
            |r| r.count = Some("5|more".into()),
            r#"--count ({$LINE_PING_COUNT}) "5|more": allowed is a whole number from 1 to 10000"#,
        ),
        (
            |r| r.timeout = Some("2 s".into()),
            r#"--timeout ({$LINE_PING_TIMEOUT}) "2 s": allowed is a time from 1ms to 1h, like 30s, 500ms or 2.5s"#,
        ),
        (
            |r| r.size = Some("65508".into()),
            r#"--size ({$LINE_PING_SIZE}) "65508": allowed is ICMP data bytes from 0 to 65507"#,
        ),
        (
            |r| r.size = Some("+1".into()),
            r#"--size ({$LINE_PING_SIZE}) "+1": allowed is ICMP data bytes from 0 to 65507"#,
        ),
        (
            |r| r.vrf = Some("a b".into()),
            r#"--vrf ({$LINE_VRF}) "a b": allowed is 1 to 63 letters, digits or . _ : / @ -, a letter or digit first"#,
        ),
        (
            |r| r.source = Some("2001:db8::1".into()),
            r#"--source ({$LINE_SOURCE}) "2001:db8::1": allowed is an IPv4 address of the router, or an interface's name: 1 to 63 letters, digits or . _ : / @ -, a letter or digit first"#,
        ),
        (
            |r| r.source = Some("Gi0/1?".into()),
            r#"--source ({$LINE_SOURCE}) "Gi0/1?": allowed is an IPv4 address of the router, or an interface's name: 1 to 63 letters, digits or . _ : / @ -, a letter or digit first"#,
        ),
        (|r| r.df = Some("maybe".into()), r#"--df ({$LINE_PING_DF}) "maybe": allowed is 1 or yes, 0 or no"#),
        (
            |r| r.df = Some("{$LINE_PING_DF}".into()),
            "--df ({$LINE_PING_DF}): macro {$LINE_PING_DF} has no value; set it on the host or its template",
        ),
        (
            |r| r.deadline = Some("0".into()),
            r#"--deadline ({$LINE_DEADLINE}) "0": allowed is a time from 100ms to 10m, like 30s, 500ms or 2.5s"#,
        ),
        (
            |r| r.max_age = Some("2d".into()),
            r#"--max-age "2d": allowed is a time from 0s to 1d, like 30s, 500ms or 2.5s"#,
        ),
        (|r| r.line = Some("L\t1".into()), r#"--line ({$LINE_ID}) "L\t1": allowed is 1 to 255 printable characters"#),
        (|r| r.router.key = Some("/k\0".into()), r#"--key ({$LINE_ROUTER_KEY}) "/k\0": allowed is a file"#),
        (
            |r| r.router.password = Some("{$LINE_ROUTER_PASSWORD}".into()),
            "--password ({$LINE_ROUTER_PASSWORD}): macro {$LINE_ROUTER_PASSWORD} has no value; set it on the host or its template",
        ),
        (
            |r| r.router.enable_password = Some("secret:".into()),
            r#"--enable-password ({$LINE_ROUTER_ENABLE_PASSWORD}) secret: needs a name of 1 to 64 letters, digits or . _ -: allowed is secret:NAME, file:PATH, env:NAME, exec:COMMAND or the secret itself"#,
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(refusal(change), *expected);
    }
}

#[test]
fn do_not_fragment_is_yes_or_no_in_every_spelling_that_a_macro_carries() {
    for (text, df) in
        [("1", true), ("yes", true), ("TRUE", true), ("on", true), ("0", false), ("no", false), ("", false)]
    {
        assert_eq!(ping(&parse(|raw| raw.df = Some(text.into())).unwrap()).df, df, "{text:?}");
    }
    assert!(!ping(&parse(|_| ()).unwrap()).df);
}

#[test]
fn a_line_id_is_at_most_255_characters_and_hides_nothing() {
    assert!(parse(|raw| raw.line = Some("ä".repeat(255))).is_ok());
    for id in
        ["ä".repeat(256), " ".into(), "L\u{202e}1".into(), "L\u{200b}".into(), "L\u{fffd}".into(), "x".repeat(64 << 10)]
    {
        assert!(refusal(|raw| raw.line = Some(id)).starts_with("--line ({$LINE_ID}) \""));
    }
}

#[test]
fn no_value_whatever_panics_and_no_refusal_is_long_or_has_controls() {
    let check = |value: &str| {
        type Change = fn(&mut RawLine, String);
        let fields: &[Change] = &[
            |r, v| r.line = Some(v),
            |r, v| r.targets = vec![v],
            |r, v| r.router.address = Some(v),
            |r, v| r.router.user = Some(v),
            |r, v| r.router.password = Some(v),
            |r, v| r.router.key = Some(v),
            |r, v| r.router.enable_password = Some(v),
            |r, v| r.router.platform = Some(v),
            |r, v| r.count = Some(v),
            |r, v| r.timeout = Some(v),
            |r, v| r.size = Some(v),
            |r, v| r.vrf = Some(v),
            |r, v| r.source = Some(v),
            |r, v| r.df = Some(v),
            |r, v| r.deadline = Some(v),
            |r, v| r.max_age = Some(v),
        ];
        for field in fields {
            if let Err(failure) = parse(|raw| field(raw, value.to_owned())) {
                assert!(!failure.message.chars().any(char::is_control), "{:?}", failure.message);
                assert!(failure.message.chars().count() < 400, "{:?}", failure.message);
            }
        }
    };
    for value in
        ["10.0.0.1\nreload", ";", "|", "$(id)", "`id`", "\0", "\u{fffd}", "-", "--", "{$", "{$}", "exec:'", "file:"]
    {
        check(value);
    }
    check(&"A".repeat(64 << 10));
    check(&"{$".repeat(32 << 10));
    check(&format!("exec:{}", "a ".repeat(32 << 10)));
    proptest::proptest!(|(value in "\\PC{0,40}|.{0,40}|[0-9.:a-f\\[\\]]{0,30}|(secret|file|env|exec):.{0,20}")| check(&value));
}
