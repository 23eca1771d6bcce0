//! A prompt is what comes back: whatever a router is called, it is polled, and what its welcome says ends no login.

use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use serde_json::{Value, json};

const UP: &str = "192.0.2.10";

/// Platform, its simulated router, the prompt. `\xNN` is a byte.
const PROMPTS: &[(&str, &str, &str)] = &[
    // The HA role stands behind the name without a blank (ytti/oxidized#3846, #3851).
    ("fortinet_fortios", "fortinet_fortios", "fw1(Primary) # "),
    ("fortinet_fortios", "fortinet_fortios", "900G-1(Primary) $ "),
    ("fortinet_fortios", "fortinet_fortios", "fw1(Primary) (global) # "),
    // A long name is cut.
    ("fortinet_fortios", "fortinet_fortios", "FGT-BRANCH-OFFI~ # "),
    // A logical system (scrapli#315), no user, the name alone.
    ("juniper_junos", "juniper_junos", "user@edge1:LS1> "),
    ("juniper_junos", "juniper_junos", "root> "),
    ("juniper_junos", "juniper_junos", "oxidized> "),
    ("vyos", "vyos", "user@fw1> "),
    ("huawei_vrp", "huawei_vrp", "<5#-3F-B-GW-01>"),
    ("huawei_vrp", "huawei_vrp", "<PE1,bj=core\\x5c|7>"),
    ("huawei_vrp", "huawei_vrp", "<北京-出口-01>"),
    // The same in GBK.
    ("huawei_vrp", "huawei_vrp", r"<\xb1\xb1\xbe\xa9-\xb3\xf6\xbf\xda-01>"),
    ("h3c_comware", "h3c_comware", "<北京-出口-01>"),
    ("h3c_comware", "h3c_comware", r"<\xb1\xb1\xbe\xa9-\xb3\xf6\xbf\xda-01>"),
    ("h3c_comware", "h3c_comware", "<H3C Core>"),
    ("h3c_comware", "h3c_comware", "(M)<test-test>"),
    ("cisco_iosxe", "cisco_iosxe", "Köln-PE1#"),
    // The same in Latin-1.
    ("cisco_iosxe", "cisco_iosxe", r"K\xf6ln-PE1#"),
    ("cisco_iosxe", "cisco_iosxe", "R#"),
    ("cisco_iosxe", "cisco_iosxe", "R1#2>3#"),
    ("cisco_iosxe", "cisco_iosxe", "!\"#$%&'()*+,-./:;<=>?@[\\x5c]^_`{|}~#"),
    ("cisco_iosxr", "cisco_iosxr", "RP/0/RSP0/CPU0:a-name-of-sixty-four-characters-as-long-as-any-router-takes-it-64#"),
    ("nokia_sros", "nokia_sros_md", "\n[/]\nA:admin@Zürich core 1# "),
    ("mikrotik_routeros", "mikrotik_routeros", "[ddl@北京] > "),
    ("linux", "linux", "[ddl@probe ~ main #2]$ "),
];

fn address(sim: &Sim, name: &str) -> String {
    sim.address(name).to_string()
}

/// Polls every one, a few at a time: most of the time they wait.
fn poll_all(monitor: &Monitor, routers: &[(String, &'static str, String)]) -> Vec<Value> {
    let poll = |(address, platform, _): &(String, &str, String)| {
        monitor.poll(address, platform, UP, &["--count", "1", "--timeout", "1s"]).json()
    };
    let some = |some: &[(String, &'static str, String)]| -> Vec<Value> {
        std::thread::scope(|scope| {
            let polls: Vec<_> = some.iter().map(|one| scope.spawn(move || poll(one))).collect();
            polls.into_iter().map(|poll| poll.join().expect("a poll")).collect()
        })
    };
    routers.chunks(5).flat_map(some).collect()
}

fn patient() -> Monitor {
    Monitor::with("poll.deadline = \"20s\"\nlogin.all_routers = \"burst 500, every 1s\"")
}

#[test]
fn every_prompt_that_was_reported_is_polled() {
    let name = |place: usize| format!("r{place}");
    let sim = Sim::start(
        PROMPTS
            .iter()
            .enumerate()
            .map(|(place, (_, persona, prompt))| SimRouter::new(persona).name(&name(place)).with("prompt", *prompt)),
    );
    let monitor = patient();
    let routers: Vec<_> = PROMPTS
        .iter()
        .enumerate()
        .map(|(place, (platform, _, prompt))| (address(&sim, &name(place)), *platform, (*prompt).to_owned()))
        .collect();
    for session in ["opened", "reused"] {
        for ((_, platform, prompt), answer) in routers.iter().zip(poll_all(&monitor, &routers)) {
            let told = (&answer["state"], &answer["ping"]["up"], &answer["session"]);
            assert_eq!(told, (&json!(0), &json!(1), &json!(session)), "{platform} {prompt:?}: {answer}");
        }
    }
    assert_eq!(sim.count("login"), PROMPTS.len());
}

/// One newline at most is typed more than today's prompt needs: the one that brings it back.
#[test]
fn an_unusual_prompt_costs_one_newline() {
    for prompt in ["R1#", "<not> <one> # router 7>", "Köln#"] {
        let sim = SimRouter::new("cisco_iosxe").with("prompt", prompt).start();
        let monitor = patient();
        let poll = || monitor.poll(&address(&sim, "r1"), "cisco_iosxe", UP, &["--count", "1"]).json();
        let answer = poll();
        assert_eq!(answer["state"], 0, "{prompt}: {answer}");
        let typed = sim.bytes();
        assert!(typed.starts_with("\\nterminal length 0\\n"), "{prompt}: {typed}");
        assert_eq!(poll()["session"], "reused", "{prompt}");
        let warm = sim.bytes()[typed.len()..].to_owned();
        assert!(warm.starts_with("ping ") && warm.matches("\\n").count() == 1, "{prompt}: {warm}");
    }
}

#[test]
fn a_mode_that_may_not_be_used_is_named_at_once() {
    for (platform, prompt, mode) in [
        ("juniper_junos", "root@vMX1_RE:~ # ", "shell"),
        ("juniper_junos", "root@edge1% ", "shell"),
        ("juniper_junos", "user@edge1:LS1# ", "configuration"),
        ("cisco_iosxe", "Köln-PE1(config-if)#", "configuration"),
        ("cisco_iosxe", r"K\xf6ln #1(config)#", "configuration"),
        ("huawei_vrp", "[~北京-出口-01]", "system_view"),
        ("h3c_comware", r"[\xb1\xb1\xbe\xa9]", "system_view"),
        ("vyos", "user@fw1# ", "configuration"),
    ] {
        let sim = SimRouter::new(platform).with("prompt", prompt).start();
        let answer = patient().poll(&address(&sim, "r1"), platform, UP, &["--count", "1"]).json();
        let message = answer["failure"]["message"].as_str().unwrap_or_default();
        assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(6), &json!("shell")), "{prompt}: {answer}");
        assert!(message.contains(&format!("mode {mode}")), "{prompt}: {answer}");
    }
}

#[test]
fn root_of_junos_is_led_from_the_shell_to_the_cli() {
    let sim = SimRouter::new("juniper_junos").user("root", "r").with("user_mode", true).start();
    let monitor = patient();
    monitor.write_credentials("[good]\nuser = \"root\"\npassword = \"r\"\n");
    let answer = monitor.poll(&address(&sim, "r1"), "juniper_junos", UP, &["--count", "1"]).json();
    assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
    assert_eq!(sim.commands()[0], "cli");
    monitor.run(&["stop", "--all"]);
    sim.wait_for_count("logout", 1);
    assert_eq!(sim.commands().iter().filter(|line| *line == "exit").count(), 2);
}

#[test]
fn words_in_a_welcome_end_no_login() {
    const WORDS: &str = "If your password has expired, see https://pw.example\\n\
        Password required, but none set? Call NOC.\\n\
        Authorised users only. All lines in use are monitored and recorded.\\n\
        Maximum number of sessions reached means: wait. Too many sessions? --More-- below.\\n\
        Unauthorized access is denied. Enter new password: only when told.\\n\
        This account is not available for games. Press RETURN to get started, N to exit.";
    let platforms: Vec<(&str, &str)> = PROMPTS
        .iter()
        .map(|(platform, persona, _)| (*platform, *persona))
        .chain(["arista_eos", "cisco_asa", "cisco_nxos", "frr", "ruijie_os", "zte_zxros"].map(|name| (name, name)))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let sim = Sim::start(platforms.iter().map(|(_, persona)| {
        // The prompt keeps them waiting.
        SimRouter::new(persona).name(persona).with("motd", WORDS).with("prompt_delay", "1500ms")
    }));
    let monitor = patient();
    let routers: Vec<_> = platforms
        .iter()
        .map(|(platform, persona)| (address(&sim, persona), *platform, (*persona).to_owned()))
        .collect();
    for ((_, platform, _), answer) in routers.iter().zip(poll_all(&monitor, &routers)) {
        assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{platform}: {answer}");
    }
}

#[test]
fn an_empty_enable_secret_is_a_bare_enter() {
    let sim = SimRouter::new("cisco_asa").with("enable_secret", "").start();
    let monitor = patient();
    let poll = || monitor.poll(&address(&sim, "r1"), "cisco_asa", UP, &["--count", "1"]).json();
    let answer = poll();
    let message = answer["failure"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("mode user of cisco_asa") && message.contains("--enable-password"), "{answer}");
    monitor.write_credentials("[good]\nuser = \"ddl\"\npassword = \"ddl\"\nenable_password = \"\"\n");
    let answer = poll();
    assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
    assert_eq!(sim.count("enable"), 1);
}
