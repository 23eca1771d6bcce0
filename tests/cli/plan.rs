//! What a round of a router's lines costs, as `plan` computes it.

use crate::support::inventory::Inventory;
use crate::support::monitor::Monitor;
use serde_json::{Value, json};

/// 200 lines of 5 packets and 2 s on IOS XE.
fn two_hundred(more: &str) -> Monitor {
    let monitor = Monitor::with("poll.deadline = \"2.5s\"");
    let inventory = Inventory::new().router("edge-1", "192.0.2.1", "cisco_iosxe", more);
    inventory.lines(200, "edge-1", "interval = \"30s\"\ntimeout = \"2s\"").import(&monitor);
    monitor
}

fn plan(monitor: &Monitor, more: &[&str]) -> Value {
    let ran = monitor.run(&[&["plan", "--router", "edge-1"], more].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    ran.json()
}

#[test]
fn a_round_is_what_lines_and_lanes_make_it() {
    let monitor = two_hundred("");
    // Alive: 5 × 20 ms + 50 ms; dead: 5 × 2 s + 50 ms.
    let answer = plan(&monitor, &["--dead", "0"]);
    assert_eq!((&answer["line"]["alive"], &answer["line"]["dead"]), (&json!(0.15), &json!(10.05)), "{answer}");
    assert_eq!((&answer["round"]["alive"], &answer["round"]["typical"]), (&json!(15.0), &json!(15.0)), "{answer}");
    assert_eq!((&answer["round"]["worst"], &answer["fits"]["worst"]), (&json!(1005.0), &json!(false)), "{answer}");
    // 2.39 s of a deadline of 2.5 s: 15 lines on each of two lanes.
    assert_eq!((&answer["reached"]["alive"], &answer["reached"]["worst"]), (&json!(30), &json!(0)), "{answer}");
    assert_eq!((&answer["lanes"], &answer["interval"], &answer["lanes_needed"]), (&json!(2), &json!(30.0), &json!(1)));
}

#[test]
fn an_interface_is_one_more_command_to_take() {
    let monitor = Monitor::new();
    let inventory = Inventory::new().router("edge-1", "192.0.2.1", "cisco_iosxe", "");
    inventory
        .line("L-1", "edge-1", "192.0.2.9", "timeout = \"2s\"\ninterface = \"GigabitEthernet0/0/1\"")
        .import(&monitor);
    let answer = plan(&monitor, &["--dead", "0"]);
    assert_eq!((&answer["line"]["alive"], &answer["line"]["dead"]), (&json!(0.2), &json!(10.1)), "{answer}");
}

#[test]
fn the_routers_own_lanes_count_and_a_flag_before_them() {
    let monitor = two_hundred("lanes = 5");
    assert_eq!(plan(&monitor, &[])["lanes"], 5);
    let answer = plan(&monitor, &["--lanes", "3", "--count", "1", "--timeout", "1s", "--rtt", "1s"]);
    assert_eq!(
        (&answer["lanes"], &answer["line"]["alive"], &answer["line"]["dead"]),
        (&json!(3), &json!(1.05), &json!(1.05))
    );
}

#[test]
fn advice_says_what_it_would_bring() {
    let monitor = two_hundred("");
    let advice = |more: &[&str]| plan(&monitor, more)["advice"].to_string();
    // 190 × 0.15 s + 10 × 10.05 s = 129 s of work in 30 s.
    let text = advice(&[]);
    assert!(text.contains("lanes = ") && text.contains("count = 2, timeout = 1.0 s"), "{text}");
    assert!(text.contains("an item time-out of "), "{text}");
    let all_dead = advice(&["--dead", "100"]);
    assert!(all_dead.contains("an interval of 1005 s"), "{all_dead}");
    assert!(!all_dead.contains("item time-out"), "Zabbix takes 600 s at most: {all_dead}");
    assert!(advice(&["--interval", "15m", "--dead", "0"]).contains("master.idle_exit longer than"));
    assert_eq!(
        plan(&monitor, &["--deadline", "5m", "--dead", "0", "--interval", "3m", "--count", "1", "--timeout", "1s"])["advice"],
        json!([])
    );
}

#[test]
fn people_read_a_table_and_mistakes_are_one_line() {
    let monitor = two_hundred("");
    let shown = monitor.run(&["--format", "text", "plan", "--router", "edge-1"]).stdout;
    assert!(shown.contains("200 lines on 2 lanes, every 30 s") && shown.contains("what to change:"), "{shown}");
    for (arguments, part) in
        [(["--router", "edge-2"], "edge-2"), (["--rtt", "fast"], "--rtt \"fast\""), (["--count", "0"], "--count")]
    {
        let ran = monitor.run(
            &[&["plan", "--router", "edge-1"][..if arguments[0] == "--router" { 1 } else { 3 }], &arguments].concat(),
        );
        assert_eq!((ran.code, ran.stderr.matches('\n').count()), (Some(1), 1), "{}", ran.stderr);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}
