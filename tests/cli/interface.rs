//! The probe of the router's own interface beside the ping, against simulated routers: which of the two it is, each with its
//! own failure, and never at the cost of the line's verdict.

use crate::support::inventory::Inventory;
use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait::at_once;
use serde_json::{Value, json};

const UP: &str = "192.0.2.10";
const DEAD: &str = "192.0.2.66";
const ALL: [&str; 7] = ["cisco_iosxe", "cisco_iosxr", "cisco_nxos", "huawei_vrp", "h3c_comware", "frr", "linux"];

/// Names as the platform has them; the second has no link, the third is shut, the fourth is unknown.
fn names(persona: &str) -> [&'static str; 4] {
    match persona {
        "frr" | "linux" => ["wan0", "wan1", "wan2", "wan9"],
        "cisco_nxos" => ["Ethernet1/1", "Ethernet1/2", "Ethernet1/3", "Ethernet9/9"],
        _ => ["GigabitEthernet0/0/1", "GigabitEthernet0/0/2", "GigabitEthernet0/0/3", "GigabitEthernet9/9/9"],
    }
}

fn router(persona: &str) -> SimRouter {
    let [_, down, shut, unknown] = names(persona);
    SimRouter::new(persona)
        .with("dead", vec![DEAD])
        .with("interface_down", vec![down])
        .with("interface_shut", vec![shut])
        .with("interface_unknown", vec![unknown])
        .with("interface_errors", 17)
}

fn address(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

fn poll(monitor: &Monitor, sim: &Sim, persona: &str, target: &str, more: &[&str]) -> Value {
    let count = ["--count", "1", "--timeout", "1s"];
    monitor.poll(&address(sim), persona, target, &[&count[..], more].concat()).json()
}

#[test]
fn a_poll_of_every_platform_says_whether_it_is_our_port_or_the_carriers_line() {
    for persona in ALL {
        let sim = router(persona).with("syslog", true).start();
        let monitor = Monitor::new();
        let [up, down, shut, unknown] = names(persona);
        let poll = |target, name| poll(&monitor, &sim, persona, target, &["--interface", name]);
        for (target, name, states) in [(UP, up, (1, 1)), (DEAD, up, (1, 1)), (DEAD, down, (1, 0)), (DEAD, shut, (0, 0))]
        {
            let answer = poll(target, name);
            assert_eq!(
                (&answer["state"], &answer["ping"]["up"]),
                (&json!(0), &json!(u8::from(target == UP))),
                "{answer}"
            );
            let interface = &answer["interface"];
            assert_eq!(
                (&interface["admin"], &interface["oper"]),
                (&json!(states.0), &json!(states.1)),
                "{persona}: {answer}"
            );
            assert_eq!(interface["name"], name, "{persona}");
            assert_eq!(interface["description"], format!("{name} to the carrier, line protocol is down"), "{persona}");
            let counts = persona != "frr";
            assert_eq!(interface.get("in_errors"), counts.then_some(&json!(17)), "{persona}: {answer}");
            assert_eq!(interface.get("crc"), counts.then_some(&json!(17)), "{persona}: {answer}");
            let rates = counts && persona != "linux";
            assert_eq!(interface.get("in_rate"), rates.then_some(&json!(96_000)), "{persona}: {answer}");
            assert_eq!(interface.get("out_rate"), rates.then_some(&json!(111_000)), "{persona}: {answer}");
            assert_eq!(interface.get("bandwidth"), (persona != "linux").then_some(&json!(50_000_000)), "{persona}");
        }
        // A wrong name is that member's own failure.
        let answer = poll(UP, unknown);
        assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{persona}: {answer}");
        let failure = &answer["interface"]["failure"];
        assert_eq!((&failure["kind"], answer.get("failure")), (&json!("rejected"), None), "{persona}: {answer}");
        assert_eq!(answer["session"], "reused", "{persona}");
        assert_eq!(sim.count("login"), 1, "{persona}");
        assert!(sim.commands().iter().any(|line| line.ends_with(unknown)), "{persona}");
    }
}

#[test]
fn one_value_of_the_interface_can_be_asked_for_and_its_failure_is_its_own() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    let [_, down, _, unknown] = names("cisco_iosxe");
    let item = |name: &str, path: &str| {
        monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--interface", name, "--item", path])
    };
    let ran = item(down, "interface.oper");
    assert_eq!((ran.stdout.as_str(), ran.code), ("0\n", Some(0)));
    let ran = item(unknown, "interface.oper");
    assert!(ran.code == Some(1) && ran.stdout.starts_with("rejected: "), "{}", ran.stdout);
    let ran = item(unknown, "ping.loss");
    assert_eq!((ran.stdout.as_str(), ran.code), ("0.0\n", Some(0)));
    let ran = monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--interface", down, "--format", "text"]);
    assert!(
        ran.stdout.contains("our port GigabitEthernet0/0/2 is down") && ran.stdout.contains("17 CRC errors"),
        "{}",
        ran.stdout
    );
}

#[test]
fn names_that_no_command_line_may_carry_are_refused_and_those_that_the_platform_cannot_ask_for_cost_nothing() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    for name in [
        "Gi0/1 | include x",
        "Gi0/1;reload",
        "50|100GE6/0/0",
        "Gi0/1?",
        "Gi0/1\n",
        "-Gi0/1",
        "Gi0/1,2",
        "Gi@1",
        "{$LINE_INTERFACE}",
    ] {
        let answer = poll(&monitor, &sim, "cisco_iosxe", UP, &["--interface", name]);
        assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("settings"), None), "{name:?}: {answer}");
        assert!(
            answer["failure"]["message"].as_str().expect("a message").contains("--interface ({$LINE_INTERFACE})"),
            "{answer}"
        );
    }
    assert_eq!(sim.commands().len(), 0);
    // A bare type would list every port of the router.
    let answer = poll(&monitor, &sim, "cisco_iosxe", UP, &["--interface", "GigabitEthernet"]);
    assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
    assert_eq!(answer["interface"]["failure"]["kind"], "settings", "{answer}");
    assert!(!sim.commands().iter().any(|line| line.contains("show interfaces")), "{:?}", sim.commands());
    // Empty is not given.
    assert_eq!(poll(&monitor, &sim, "cisco_iosxe", UP, &["--interface", ""]).get("interface"), None);
}

#[test]
fn a_platform_without_interfaces_measures_the_line_all_the_same() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    let folder = monitor.path("platforms.d");
    std::fs::create_dir(&folder).expect("a folder");
    let built_in = monitor.run(&["platform", "show", "cisco_iosxe"]).stdout;
    let (before, rest) = built_in.split_once("[probe.interface]").expect("an interface probe");
    let rest = rest.split_once("[[sample]]").expect("samples").1;
    let samples = rest.split("[[sample]]").filter(|sample| !sample.contains("probe = \"interface\""));
    let samples: String = samples.map(|sample| format!("[[sample]]{sample}")).collect();
    std::fs::write(folder.join("my_ios.toml"), format!("{before}{samples}")).expect("a platform");
    let answer = poll(&monitor, &sim, "my_ios", UP, &["--interface", "GigabitEthernet0/0/1"]);
    assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
    let failure = &answer["interface"]["failure"];
    assert_eq!(failure["kind"], "settings", "{answer}");
    assert!(
        failure["message"].as_str().is_some_and(|m| m.contains("my_ios") && m.contains("{$LINE_INTERFACE}")),
        "{answer}"
    );
}

#[test]
fn an_interface_command_that_hangs_takes_nothing_from_the_ping() {
    at_once(&ALL, |persona| {
        let [name, ..] = names(persona);
        let sim = router(persona).with("interface_hangs", vec![name]).start();
        let monitor = Monitor::with("master.lanes = 1");
        monitor.poll(&address(&sim), persona, UP, &["--count", "1", "--timeout", "500ms"]);
        // Also of a line whose one packet takes nearly all the time there is.
        for target in [UP, DEAD] {
            let timeout = if persona == "frr" { "500ms" } else { "4s" };
            let more = ["--count", "1", "--timeout", timeout, "--interface", name, "--deadline", "8s"];
            let answer = monitor.poll(&address(&sim), persona, target, &more).json();
            assert_eq!(answer["state"], 0, "{persona}: {answer}");
            assert_eq!(answer["ping"]["up"], u8::from(target == UP), "{persona}: {answer}");
            assert_eq!(answer["interface"]["failure"]["kind"], "deadline", "{persona}: {answer}");
            assert_eq!(answer["session"], "reused", "{persona}: {answer}");
        }
        assert_eq!(sim.count("login"), 1, "{persona}");
    });
}

#[test]
fn a_session_that_the_interface_command_costs_does_not_cost_the_ping() {
    let [name, ..] = names("cisco_iosxe");
    // Three set-up commands, then silence at the first question of each session: the interface's, then the ping's.
    let sim = router("cisco_iosxe").with("ignore_abort", true).with("interface_hangs", vec![name]).start();
    let monitor = Monitor::new();
    monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--count", "1"]);
    let running = monitor.start_poll(&address(&sim), "cisco_iosxe", UP, &["--interface", name]);
    sim.wait_for("the interface command", |events| {
        events.iter().any(|event| event["line"].as_str().is_some_and(|line| line.ends_with(name)))
    });
    let mut sim = sim;
    sim.cut("r1");
    let answer = running.wait().json();
    assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
    assert_eq!(answer["interface"]["failure"]["kind"], "shell", "{answer}");
    assert_eq!(sim.count("login"), 2);
}

#[test]
fn a_young_answer_is_served_with_its_interface_and_also_with_its_refusal() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    let [up, _, _, unknown] = names("cisco_iosxe");
    for (name, member) in [(up, "oper"), (unknown, "failure")] {
        let more = ["--interface", name, "--max-age", "60s"];
        let first = poll(&monitor, &sim, "cisco_iosxe", UP, &more);
        let commands = sim.commands().len();
        let second = poll(&monitor, &sim, "cisco_iosxe", UP, &more);
        assert_eq!((&second["session"], sim.commands().len()), (&json!("cached"), commands), "{second}");
        assert!(second["interface"].get(member).is_some(), "{second}");
        assert_eq!((&first["interface"], &first["ping"]), (&second["interface"], &second["ping"]));
    }
    // Another interface is another question.
    let answer = poll(&monitor, &sim, "cisco_iosxe", UP, &["--max-age", "60s"]);
    assert_eq!((&answer["session"], answer.get("interface")), (&json!("reused"), None), "{answer}");
}

#[test]
fn a_batch_shows_the_port_of_each_line_that_has_one() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    let [up, down, _, unknown] = names("cisco_iosxe");
    let line = |id: &str, target: &str, interface: &str| (id.to_owned(), target.to_owned(), interface.to_owned());
    let lines = [line("L-1", UP, up), line("L-2", DEAD, down), line("L-3", UP, unknown), line("L-4", UP, "")];
    let inventory = Inventory::new().router("edge-1", &address(&sim), "cisco_iosxe", "");
    let inventory = lines.iter().fold(inventory, |inventory, (id, target, interface)| {
        let more = format!("count = 1\ntimeout = \"1s\"\ninterface = {interface:?}");
        inventory.line(id, "edge-1", target, &more)
    });
    inventory.import(&monitor);
    let batch = monitor.run(&["batch", "--router", "edge-1"]).json();
    let of = |id: &str| batch["lines"][id].clone();
    assert_eq!((&of("L-1")["interface"]["oper"], &of("L-1")["ping"]["up"]), (&json!(1), &json!(1)), "{batch}");
    assert_eq!((&of("L-2")["interface"]["oper"], &of("L-2")["ping"]["up"]), (&json!(0), &json!(0)), "{batch}");
    assert_eq!(
        (&of("L-3")["interface"]["failure"]["kind"], &of("L-3")["state"]),
        (&json!("rejected"), &json!(0)),
        "{batch}"
    );
    assert_eq!((of("L-4").get("interface"), &of("L-4")["ping"]["up"]), (None, &json!(1)), "{batch}");
    let text = monitor.run(&["batch", "--router", "edge-1", "--format", "text"]).stdout;
    assert!(text.contains(&format!("our port {down} is down")) && text.contains("our port: rejected: "), "{text}");
}

#[test]
fn an_inventory_says_at_once_which_interface_no_router_of_the_platform_can_have() {
    let monitor = Monitor::new();
    let file = monitor.path("lines.toml");
    let file = file.to_str().expect("a path");
    for (platform, interface, says) in [
        ("cisco_iosxe", "GigabitEthernet", "interface GigabitEthernet: cisco_iosxe takes the name of one interface"),
        (
            "linux",
            "a-name-of-17-bytes",
            "interface a-name-of-17-bytes: linux takes interface names of 1 to 15 characters",
        ),
        ("linux", "eth0/1", "interface eth0/1: linux takes interface names without /"),
        ("huawei_vrp", "50|100GE6/0/0", "interface \"50|100GE6/0/0\": allowed is one interface of the router"),
    ] {
        let text = format!(
            "[[router]]\nname = \"r\"\naddress = \"192.0.2.9\"\nplatform = {platform:?}\npassword = \"secret:good\"\n\
             [[line]]\nid = \"L\"\nrouter = \"r\"\ntarget = \"192.0.2.1\"\ninterface = {interface:?}\n"
        );
        std::fs::write(file, text).expect("an inventory");
        let ran = monitor.run(&["inventory", "import", file]);
        assert!(ran.code == Some(1) && ran.stderr.contains(says), "{} {}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("lines.toml:10: "), "{}", ran.stderr);
    }
}

#[test]
fn recorded_text_about_an_interface_is_read_without_a_router() {
    let monitor = Monitor::new();
    let case = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/platforms/huawei_vrp/interface_up_switch_6520_errors_all_giants/answer.txt"
    );
    let parse = |more: &[&str]| monitor.run(&[&["parse", "--platform", "huawei_vrp", case][..], more].concat());
    let answer = parse(&["--probe", "interface", "--interface", "XGE0/0/24"]).json();
    assert_eq!((&answer["state"], &answer["interface"]["in_errors"]), (&json!(0), &json!(6520)), "{answer}");
    assert_eq!(parse(&["--probe", "interface", "--item", "interface.oper"]).stdout, "1\n");
    let answer = parse(&["--probe", "interface", "--interface", "XGE0/0/2"]).json();
    assert_eq!(answer["failure"]["kind"], "reply", "{answer}");
    for (more, says) in [
        (&["--interface", "XGE0/0/24"][..], "--probe interface"),
        (&["--probe", "interface", "--target", "192.0.2.1"], "--target"),
        (&["--probe", "interface", "--interface", "a b"], "--interface"),
    ] {
        let answer = parse(more).json();
        assert_eq!(answer["failure"]["kind"], "settings", "{answer}");
        assert!(answer["failure"]["message"].as_str().is_some_and(|m| m.contains(says)), "{answer}");
    }
    let ran = parse(&["--probe", "interface", "--format", "text"]);
    assert!(
        ran.stdout.contains("our port XGigabitEthernet0/0/24 is up since 25 d, 6520 input errors"),
        "{}",
        ran.stdout
    );
}
