//! The platforms that nobody of us has: each against its simulated router, from the login's questions to the tear-down.

use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use serde_json::{Value, json};

const UP: &str = "192.0.2.10";
const UP_V6: &str = "2001:db8::10";
const DEAD: &str = "192.0.2.66";
const NO_ROUTE: &str = "192.0.2.77";

/// A simulated router and what is to be heard on it.
struct Case {
    persona: &'static str,
    platform: &'static str,
    set_up: &'static [&'static str],
    /// Before and with a ping of 3 packets of 1 s.
    ping: &'static [&'static str],
    /// The same with everything: 1400 bytes unfragmented in VRF blue from 192.0.2.2, as far as the platform has it.
    everything: (&'static [&'static str], &'static str),
    ping6: &'static str,
    leave: &'static str,
    /// What it says of a source that it does not have.
    bad_source: &'static str,
    /// How it says that there is no route: reason with counters, or without.
    counts_without_route: bool,
}

const CASES: &[Case] = &[
    Case {
        persona: "arista_eos",
        platform: "arista_eos",
        set_up: &["terminal length 0", "terminal width 32767"],
        ping: &["ping ip 192.0.2.10 repeat 3 timeout 1"],
        everything: (
            &["--size", "1400", "--df", "--vrf", "blue", "--source", "192.0.2.2"],
            "ping vrf blue ip 192.0.2.10 repeat 3 timeout 1 size 1428 df-bit source 192.0.2.2",
        ),
        ping6: "ping ipv6 2001:db8::10 repeat 3 timeout 1",
        leave: "exit",
        bad_source: "192.0.2.99",
        counts_without_route: false,
    },
    Case {
        persona: "cisco_asa",
        platform: "cisco_asa",
        set_up: &["terminal pager 0"],
        ping: &["ping 192.0.2.10 repeat 3 timeout 1"],
        everything: (&["--size", "1400", "--source", "inside"], "ping inside 192.0.2.10 repeat 3 size 1428 timeout 1"),
        ping6: "ping 2001:db8::10 repeat 3 timeout 1",
        leave: "exit",
        bad_source: "outside9",
        counts_without_route: true,
    },
    Case {
        persona: "fortinet_fortios",
        platform: "fortinet_fortios",
        set_up: &["execute ping-options adaptive-ping enable", "execute ping6-options adaptive-ping enable"],
        ping: &[
            "execute ping-options repeat-count 3",
            "execute ping-options timeout 1",
            "execute ping-options data-size 56",
            "execute ping-options df-bit no",
            "execute ping-options source auto",
            "execute ping 192.0.2.10",
        ],
        everything: (&["--size", "1400", "--df", "--source", "192.0.2.2"], "execute ping-options source 192.0.2.2"),
        ping6: "execute ping6 2001:db8::10",
        leave: "exit",
        bad_source: "192.0.2.99",
        counts_without_route: true,
    },
    Case {
        persona: "juniper_junos",
        platform: "juniper_junos",
        set_up: &["set cli screen-length 0", "set cli screen-width 511", "set cli complete-on-space off"],
        ping: &["ping 192.0.2.10 count 3 wait 1 no-resolve"],
        everything: (
            &["--size", "1400", "--df", "--vrf", "blue", "--source", "192.0.2.2"],
            "ping 192.0.2.10 count 3 wait 1 no-resolve size 1400 do-not-fragment source 192.0.2.2 routing-instance blue",
        ),
        ping6: "ping 2001:db8::10 count 3 wait 1 no-resolve",
        leave: "exit",
        bad_source: "192.0.2.99",
        counts_without_route: true,
    },
    Case {
        persona: "mikrotik_routeros",
        platform: "mikrotik_routeros",
        set_up: &[],
        ping: &["/ping 192.0.2.10 count=3 interval=1000ms"],
        everything: (
            &["--size", "1400", "--df", "--vrf", "blue", "--source", "192.0.2.2"],
            "/ping 192.0.2.10 count=3 interval=1000ms size=1428 do-not-fragment src-address=192.0.2.2 vrf=blue",
        ),
        ping6: "/ping 2001:db8::10 count=3 interval=1000ms",
        leave: "/quit",
        bad_source: "192.0.2.99",
        counts_without_route: true,
    },
    Case {
        persona: "nokia_sros",
        platform: "nokia_sros",
        set_up: &["environment no more"],
        ping: &["ping 192.0.2.10 count 3 timeout 1"],
        everything: (
            &["--size", "1400", "--df", "--vrf", "blue", "--source", "192.0.2.2"],
            "ping 192.0.2.10 router blue count 3 timeout 1 size 1400 do-not-fragment source 192.0.2.2",
        ),
        ping6: "ping 2001:db8::10 count 3 timeout 1",
        leave: "logout",
        bad_source: "192.0.2.99",
        counts_without_route: true,
    },
    Case {
        persona: "nokia_sros_md",
        platform: "nokia_sros",
        set_up: &["environment more false"],
        ping: &["ping 192.0.2.10 count 3 timeout 1"],
        everything: (
            &["--size", "1400", "--df", "--vrf", "blue", "--source", "192.0.2.2"],
            "ping 192.0.2.10 router-instance blue count 3 timeout 1 size 1400 do-not-fragment source-address 192.0.2.2",
        ),
        ping6: "ping 2001:db8::10 count 3 timeout 1",
        leave: "logout",
        bad_source: "192.0.2.99",
        counts_without_route: true,
    },
    Case {
        persona: "ruijie_os",
        platform: "ruijie_os",
        set_up: &["terminal length 0", "terminal width 256", "terminal no monitor"],
        ping: &["ping 192.0.2.10 ntimes 3 timeout 1"],
        everything: (
            &["--size", "1400", "--df", "--vrf", "blue", "--source", "192.0.2.2"],
            "ping vrf blue 192.0.2.10 length 1428 ntimes 3 timeout 1 source 192.0.2.2 df-bit",
        ),
        ping6: "ping ipv6 2001:db8::10 ntimes 3 timeout 1",
        leave: "exit",
        bad_source: "192.0.2.99",
        counts_without_route: true,
    },
    Case {
        persona: "vyos",
        platform: "vyos",
        set_up: &["set terminal length 0", "set terminal width 511"],
        ping: &["ping 192.0.2.10 count 3 interval 0.2 numeric"],
        everything: (
            &["--size", "1400", "--df", "--vrf", "blue", "--source", "192.0.2.2"],
            "ping 192.0.2.10 count 3 interval 0.2 numeric size 1400 do-not-fragment interface 192.0.2.2 vrf blue",
        ),
        ping6: "ping 2001:db8::10 count 3 interval 0.2 numeric",
        leave: "exit",
        bad_source: "192.0.2.99",
        counts_without_route: false,
    },
    Case {
        persona: "zte_zxros",
        platform: "zte_zxros",
        set_up: &["terminal length 0"],
        ping: &["ping 192.0.2.10 repeat 3 timeout 1"],
        everything: (
            &["--size", "1400", "--vrf", "blue", "--source", "192.0.2.2"],
            "ping vrf blue 192.0.2.10 repeat 3 size 1428 source 192.0.2.2 timeout 1",
        ),
        ping6: "ping6 2001:db8::10 repeat 3 timeout 1",
        leave: "exit",
        bad_source: "192.0.2.99",
        counts_without_route: true,
    },
];

fn router(persona: &str) -> SimRouter {
    SimRouter::new(persona)
        .with("dead", vec![DEAD])
        .with("no_route", vec![NO_ROUTE])
        .with("source", vec!["192.0.2.2", "inside"])
        .with("vrf", vec!["blue"])
        .with("rtt", vec!["2ms", "4ms"])
}

fn address(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

/// Every case in its own thread: most of the time they wait for packets.
fn each(work: impl Fn(&'static Case) + Sync) {
    at_once(CASES.len(), work);
}

/// So many at a time.
fn at_once(many: usize, work: impl Fn(&'static Case) + Sync) {
    CASES.chunks(many).for_each(|cases| all_of(cases, &work));
}

fn all_of(cases: &'static [Case], work: &(impl Fn(&'static Case) + Sync)) {
    std::thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|case| (case, scope.spawn(|| work(case)))).collect();
        let failed: Vec<_> =
            running.into_iter().filter_map(|(case, run)| run.join().err().map(|_| case.persona)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}

#[test]
fn each_is_logged_in_to_set_up_pinged_in_one_session_and_left() {
    each(|case| {
        let persona = case.persona;
        let sim = router(persona).with("lose", vec![2]).with("syslog", true).start();
        let monitor = Monitor::new();
        let poll = |target: &str, more: &[&str]| {
            let arguments = [&["--count", "3", "--timeout", "1s"], more].concat();
            monitor.poll(&address(&sim), case.platform, target, &arguments).json()
        };
        let answer = poll(UP, &[]);
        assert_eq!((&answer["state"], &answer["session"]), (&json!(0), &json!("opened")), "{persona}: {answer}");
        let ping = &answer["ping"];
        assert_eq!(
            (&ping["sent"], &ping["received"], &ping["up"]),
            (&json!(3), &json!(2), &json!(1)),
            "{persona}: {ping}"
        );
        assert_eq!((&ping["loss"], &ping["complete"]), (&json!(33.3333), &json!(true)), "{persona}: {ping}");
        let within = |name: &str, from: f64, to: f64| {
            assert!(ping[name].as_f64().is_some_and(|s| (from..to).contains(&s)), "{persona}: {ping}");
        };
        within("rtt_min", 0.0019, 0.0039);
        within("rtt_max", 0.0019, 0.0049);
        let heard = sim.commands();
        let (set_up, rest) = heard.split_at(case.set_up.len());
        assert_eq!(set_up, case.set_up, "{persona}");
        assert_eq!(rest, case.ping, "{persona}");

        let answer = poll(UP, case.everything.0);
        assert_eq!((&answer["state"], &answer["session"]), (&json!(0), &json!("reused")), "{persona}: {answer}");
        assert_eq!(answer["ping"]["received"], 2, "{persona}: {answer}");
        assert!(sim.commands().contains(&case.everything.1.to_owned()), "{persona}: {:?}", sim.commands());

        let answer = poll(UP_V6, &[]);
        assert_eq!(answer["ping"]["received"], 2, "{persona}: {answer}");
        assert_eq!(sim.commands().last().map(String::as_str), Some(case.ping6), "{persona}");

        assert_eq!(monitor.run(&["stop", "--all"]).code, Some(0), "{persona}");
        sim.wait_for_count("logout", 1);
        assert_eq!(sim.commands().last().map(String::as_str), Some(case.leave), "{persona}");
        assert_eq!((sim.count("login"), sim.count("refused")), (1, 0), "{persona}");
        let left = |event: &Value| event["event"] == "logout" && event["reason"] == "left";
        assert!(sim.events().iter().any(left), "{persona}");
    });
}

#[test]
fn ping_of_a_dead_line_gives_way_and_leaves_the_session_usable() {
    at_once(2, |case| {
        let persona = case.persona;
        let sim = router(persona).start();
        let monitor = Monitor::with("master.lanes = 1");
        // A cold one may say deadline; from then on every one is warm, and what FortiOS was told it knows.
        let warm = if persona == "fortinet_fortios" { "5" } else { "1" };
        monitor.poll(&address(&sim), case.platform, UP, &["--count", warm]);
        let answer = monitor.poll(&address(&sim), case.platform, DEAD, &["--deadline", "1500ms"]).json();
        assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("deadline"), None), "{persona}: {answer}");
        let answer = monitor.poll(&address(&sim), case.platform, UP, &["--count", "1"]).json();
        assert_eq!((&answer["ping"]["up"], &answer["session"]), (&json!(1), &json!("reused")), "{persona}: {answer}");
        let answer = monitor.poll(&address(&sim), case.platform, DEAD, &[]).json();
        let ping = &answer["ping"];
        assert_eq!(
            (&ping["up"], &ping["loss"], &ping["complete"]),
            (&json!(0), &json!(100.0), &json!(true)),
            "{answer}"
        );
    });
}

#[test]
fn what_each_refuses_is_no_measurement_and_no_route_is_one() {
    each(|case| {
        let persona = case.persona;
        let sim = router(persona).start();
        let monitor = Monitor::new();
        let poll = |target: &str, more: &[&str]| {
            let arguments = [&["--count", "1", "--timeout", "1s"], more].concat();
            monitor.poll(&address(&sim), case.platform, target, &arguments).json()
        };
        let answer = poll(UP, &["--source", case.bad_source]);
        assert_eq!((&answer["state"], answer.get("ping")), (&json!(7), None), "{persona}: {answer}");
        let answer = poll(NO_ROUTE, &[]);
        let ping = &answer["ping"];
        assert_eq!((&ping["up"], &ping["loss"]), (&json!(0), &json!(100.0)), "{persona}: {answer}");
        // The form of IOS marks a packet without a route like a lost one.
        if !["ruijie_os", "zte_zxros"].contains(&persona) {
            assert_eq!(ping["reason"], "no_route", "{persona}: {answer}");
        }
        assert_eq!(ping.get("sent").is_some(), case.counts_without_route, "{persona}: {answer}");
        // Neither has spoilt the session.
        let answer = poll(UP, &[]);
        assert_eq!((&answer["ping"]["up"], &answer["session"]), (&json!(1), &json!("reused")), "{persona}: {answer}");

        let denied = router(persona).with("ping_denied", true).start();
        let answer = monitor.poll(&address(&denied), case.platform, UP, &["--count", "1", "--timeout", "1s"]).json();
        assert_eq!((&answer["state"], answer.get("ping")), (&json!(7), None), "{persona}: {answer}");
    });
}

#[test]
fn questions_at_the_login_of_each_are_answered_or_end_it() {
    let polled = |sim: &Sim, platform: &str| {
        let monitor = Monitor::new();
        monitor.poll(&address(sim), platform, UP, &["--count", "1", "--timeout", "1s"]).json()
    };
    each(|case| {
        let persona = case.persona;
        let forced = router(persona).with("dialogue", vec!["forced-change"]).start();
        let answer = polled(&forced, case.platform);
        assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(3), &json!("auth")), "{persona}: {answer}");
        let never_answered = |event: &Value| event["event"] != "password_change" || event["answered"] == false;
        assert!(forced.events().iter().all(never_answered), "{persona}");

        let question = match persona {
            "fortinet_fortios" | "mikrotik_routeros" => "press-enter",
            "ruijie_os" => "change-now",
            _ => return,
        };
        let answer = polled(&router(persona).with("dialogue", vec![question]).start(), case.platform);
        assert_eq!(answer["ping"]["up"], 1, "{persona}: {answer}");
    });
    for (persona, user) in [("mikrotik_routeros", "ddl+ct511w4098h"), ("vyos", "ddl")] {
        let sim = router(persona).start();
        assert_eq!(polled(&sim, persona)["ping"]["up"], 1, "{persona}");
        assert!(sim.events().iter().any(|event| event["event"] == "login" && event["user"] == user), "{persona}");
    }
}

#[test]
fn when_all_lines_are_in_use_each_says_so_in_its_own_words() {
    each(|case| {
        let sim = router(case.persona).with("vty_limit", 0).with("vty_full", "text").start();
        let answer =
            Monitor::new().poll(&address(&sim), case.platform, UP, &["--count", "1", "--timeout", "1s"]).json();
        assert_eq!(answer["failure"]["kind"], "busy", "{}: {answer}", case.persona);
    });
}

#[test]
fn an_enable_secret_opens_the_mode_that_takes_a_ping_with_options() {
    for persona in ["arista_eos", "cisco_asa", "ruijie_os", "zte_zxros"] {
        let sim = router(persona).with("enable_secret", "hush").start();
        let monitor = Monitor::new();
        let arguments = ["--count", "2", "--timeout", "1s", "--enable-password", "hush"];
        let answer = monitor.poll(&address(&sim), persona, UP, &arguments).json();
        assert_eq!((&answer["ping"]["sent"], answer["ping"].get("plain")), (&json!(2), None), "{persona}: {answer}");

        let answer = monitor.poll(&address(&sim), persona, UP, &["--count", "2", "--timeout", "1s"]).json();
        if persona == "cisco_asa" {
            assert_eq!(answer["failure"]["kind"], "shell", "{answer}");
            assert!(answer["failure"]["message"].as_str().is_some_and(|text| text.contains("privileged")), "{answer}");
        } else {
            assert_eq!(
                (&answer["ping"]["sent"], &answer["ping"]["plain"]),
                (&json!(5), &json!(true)),
                "{persona}: {answer}"
            );
        }
    }
}

#[test]
fn the_table_of_routeros_is_read_to_its_last_counters() {
    let sim = router("mikrotik_routeros").with("lose_every", 10).start();
    let monitor = Monitor::new();
    let answer = monitor.poll(&address(&sim), "mikrotik_routeros", UP, &["--count", "45", "--timeout", "50ms"]).json();
    assert_eq!((&answer["ping"]["sent"], &answer["ping"]["received"]), (&json!(45), &json!(41)), "{answer}");
}

#[test]
fn what_fortios_was_told_for_one_ping_is_not_kept_for_the_next() {
    let sim = router("fortinet_fortios").start();
    let monitor = Monitor::new();
    let poll = |more: &[&str]| monitor.poll(&address(&sim), "fortinet_fortios", UP, more).json();
    assert_eq!(poll(&["--count", "2", "--size", "1400", "--df", "--source", "192.0.2.2"])["ping"]["sent"], 2);
    let before = sim.commands().len();
    assert_eq!(poll(&["--count", "3", "--timeout", "1s"])["ping"]["sent"], 3);
    let later = sim.commands()[before..].to_vec();
    for line in ["repeat-count 3", "timeout 1", "data-size 56", "df-bit no", "source auto"] {
        assert!(later.contains(&format!("execute ping-options {line}")), "{line}: {later:?}");
    }
    // What is set already is not set again, unless a person was there in between.
    let before = sim.commands().len();
    assert_eq!(poll(&["--count", "3", "--timeout", "1s"])["ping"]["sent"], 3);
    assert_eq!(sim.commands()[before..], ["execute ping 192.0.2.10"]);
    let router = address(&sim);
    let login = ["--router", &router, "--platform", "fortinet_fortios", "--user", "ddl", "--password", "secret:good"];
    let ran = monitor.run(&[&["exec"], &login[..], &["execute ping-options repeat-count 9"]].concat());
    assert_eq!(ran.code, Some(0));
    assert_eq!(poll(&["--count", "3", "--timeout", "1s"])["ping"]["sent"], 3);
}

#[test]
fn an_option_that_fortios_refuses_refuses_the_ping_which_would_measure_something_else() {
    let mut answers = toml::Table::new();
    let says = "value parse error before '192.0.2.2'\nCommand fail. Return code -651\n";
    answers.insert("execute ping-options source 192.0.2.2".to_owned(), says.into());
    let sim = router("fortinet_fortios").with("answers", answers).start();
    let monitor = Monitor::new();
    let poll = |more: &[&str]| monitor.poll(&address(&sim), "fortinet_fortios", UP, more).json();
    let answer = poll(&["--count", "1", "--source", "192.0.2.2"]);
    assert_eq!((&answer["state"], answer.get("ping")), (&json!(7), None), "{answer}");
    let message = answer["failure"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("`execute ping-options source 192.0.2.2`") && message.contains("value parse error"),
        "{message}"
    );
    assert!(!sim.commands().iter().any(|line| line.starts_with("execute ping ")), "{:?}", sim.commands());
    assert_eq!(poll(&["--count", "1"])["ping"]["up"], 1);
}
