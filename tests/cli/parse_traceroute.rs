//! `parse --probe traceroute`: recorded text about the way to a target, without a router.

use crate::support::monitor::Monitor;
use serde_json::json;

#[test]
fn recorded_hops_are_read_without_a_router() {
    let monitor = Monitor::new();
    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/platforms/frr/traceroute_stars_then_unreachable/answer.txt");
    let parse = |more: &[&str]| {
        monitor.run(&[&["parse", "--platform", "frr", "--probe", "traceroute", case][..], more].concat())
    };
    for more in [&[][..], &["--target", "192.0.2.170"]] {
        let answer = parse(more).json();
        assert_eq!((&answer["platform"], &answer["state"]), (&json!("frr"), &json!(0)), "{answer}");
        let traceroute = &answer["traceroute"];
        assert_eq!((&traceroute["reached"], &traceroute["complete"]), (&json!(0), &json!(true)), "{answer}");
        assert_eq!(
            (&traceroute["hops"][1], &traceroute["hops"][6]["hop"]),
            (&json!({ "hop": 2 }), &json!(7)),
            "{answer}"
        );
        assert_eq!(traceroute["hops"][6]["address"], "192.0.2.6", "{answer}");
        assert!(traceroute["text"].as_str().is_some_and(|text| text.ends_with("!H")), "{answer}");
    }
    assert_eq!(parse(&["--item", "traceroute.reached"]).stdout, "0\n");
    let answer = parse(&["--target", "192.0.2.171"]).json();
    assert_eq!((&answer["failure"]["kind"], answer.get("traceroute")), (&json!("reply"), None), "{answer}");
    let answer = parse(&["--interface", "wan0"]).json();
    assert_eq!(answer["failure"]["kind"], "settings", "{answer}");
    let text = parse(&["--format", "text"]).stdout;
    assert!(text.contains("not reached, the last answer came from 192.0.2.6 at hop 7\n"), "{text}");
    assert!(text.contains("     2  *\n"), "{text}");
}

#[test]
fn a_platform_without_traceroute_says_so() {
    let ran = Monitor::new().run(&["parse", "--platform", "mikrotik_routeros", "--probe", "traceroute", "/dev/null"]);
    let answer = ran.json();
    assert_eq!(answer["failure"]["kind"], "settings", "{answer}");
    assert!(answer["failure"]["message"].as_str().is_some_and(|m| m.contains("has no traceroute")), "{answer}");
}
