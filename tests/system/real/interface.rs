//! The probe of the router's own interface on real FRR and Linux: shut, without carrier, renamed, with errors, and gone.

use super::{Lab, on_each_shell};
use serde_json::{Value, json};

const TARGET: &str = "198.18.0.1";
const ONE: [&str; 4] = ["--count", "1", "--timeout", "500ms"];

/// A poll with the interface; the line itself is measured every time.
#[track_caller]
fn interface(lab: &Lab, name: &str) -> Value {
    let answer = lab.poll(TARGET, &[&ONE[..], &["--interface", name]].concat());
    assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{:?}: {answer}", lab.shell);
    answer["interface"].clone()
}

#[track_caller]
fn assert_states(lab: &Lab, name: &str, admin: u8, oper: u8) {
    let found = interface(lab, name);
    let states = (&found["name"], &found["admin"], &found["oper"]);
    assert_eq!(states, (&json!(name), &json!(admin), &json!(oper)), "{:?}: {found}", lab.shell);
}

#[test]
fn states_are_those_of_the_kernel_whatever_happens_to_the_interface() {
    on_each_shell("", |lab| {
        let ip = |words: &str| lab.router.netns.ip(words);
        ip("link add wan0 type veth peer name far0");
        ip("link set wan0 up");
        ip("link set far0 up");
        assert_states(&lab, "wan0", 1, 1);
        // The far end goes: no carrier.
        ip("link set far0 down");
        assert_states(&lab, "wan0", 1, 0);
        ip("link set wan0 down");
        assert_states(&lab, "wan0", 0, 0);
        ip("link set far0 up");
        ip("link set wan0 up");
        assert_states(&lab, "wan0", 1, 1);
        assert_states(&lab, "lo", 1, 1);
        // Renamed: the old name is nobody's, and says nothing about the line.
        ip("link set wan0 down");
        ip("link set wan0 name lease7");
        ip("link set lease7 up");
        let failure = interface(&lab, "wan0")["failure"].clone();
        assert_eq!(failure["kind"], "rejected", "{:?}: {failure}", lab.shell);
        assert!(
            failure["message"].as_str().is_some_and(|m| m.contains("wan0") && m.contains("no interface")),
            "{failure}"
        );
        assert_states(&lab, "lease7", 1, 1);
        ip("link del lease7");
        assert_eq!(interface(&lab, "lease7")["failure"]["kind"], "rejected", "{:?}", lab.shell);
        assert_eq!(lab.router.logins(), (1, 0), "{:?}", lab.shell);
    });
}

#[test]
fn a_description_may_say_what_it_likes() {
    on_each_shell("", |lab| {
        let text = "line protocol is down; state DOWN <NO-CARRIER> RX: 7 errors | \"x\" 'y' # $PS1 > ";
        lab.router.netns.ip("link add wan0 type veth peer name far0");
        lab.router.netns.ip("link set wan0 up");
        lab.router.netns.ip("link set far0 up");
        let mut command = lab.router.netns.command("ip");
        let set = command.args(["link", "set", "dev", "wan0", "alias", text]).status().expect("ip");
        assert!(set.success());
        let found = interface(&lab, "wan0");
        assert_eq!(found["description"], text.trim(), "{:?}: {found}", lab.shell);
        assert_eq!((&found["admin"], &found["oper"]), (&json!(1), &json!(1)), "{:?}: {found}", lab.shell);
    });
}

/// What the kernel itself counts.
fn kernel(lab: &Lab, name: &str, counter: &str) -> u64 {
    let output = lab.router.netns.command("cat").arg(format!("/sys/class/net/{name}/statistics/{counter}")).output();
    let output = output.expect("cat");
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

/// A datagram of VXLAN whose IP header is cut off: the interface counts it as an error of its length.
const CUT_OFF: &str =
    r"printf '\x08\0\0\0\0\0\x07\0\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\x45\0' > /dev/udp/192.0.2.101/4789";

#[test]
fn errors_are_the_kernels_counters_and_frr_has_none() {
    on_each_shell("", |lab| {
        let ip = |words: &str| lab.router.netns.ip(words);
        ip("addr add 192.0.2.101/32 dev lo");
        ip("link add wan0 type vxlan id 7 local 192.0.2.101 remote 192.0.2.102 dstport 4789");
        ip("link set wan0 up");
        ip("addr add 10.77.0.1/30 dev wan0");
        let before = interface(&lab, "wan0");
        for _ in 0..17 {
            assert!(lab.router.netns.command("bash").args(["-c", CUT_OFF]).status().expect("bash").success());
        }
        // There is no route to the other end of the tunnel: nothing goes out.
        let mut command = lab.router.netns.command("ping");
        command.args(["-n", "-c", "3", "-i", "0.1", "-W", "0.2", "10.77.0.2"]).output().expect("ping");
        let at_least = kernel(&lab, "wan0", "tx_errors");
        let after = interface(&lab, "wan0");
        // The kernel looks for neighbours now and then.
        let at_most = kernel(&lab, "wan0", "tx_errors");
        assert_eq!(kernel(&lab, "wan0", "rx_errors"), 17);
        assert!(at_least > 0, "no errors");
        if lab.platform == "frr" {
            assert_eq!(
                (after.get("in_errors"), after.get("out_errors"), after.get("crc")),
                (None, None, None),
                "{after}"
            );
        } else {
            assert_eq!((&before["in_errors"], &before["crc"]), (&json!(0), &json!(0)), "{before}");
            assert_eq!((&after["in_errors"], &after["crc"]), (&json!(17), &json!(0)), "{after}");
            let out = after["out_errors"].as_u64().expect("a counter");
            assert!((at_least..=at_most).contains(&out), "{at_least} {at_most}: {after}");
        }
    });
}

#[test]
fn without_link_detect_frr_does_not_look_and_the_kernels_flags_do() {
    let lab = Lab::new(super::SHELLS[0], "");
    let ip = |words: &str| lab.router.netns.ip(words);
    ip("link add wan0 type veth peer name far0");
    ip("link set wan0 up");
    ip("link set far0 up");
    lab.router.frr.vtysh("configure\ninterface wan0\nno link-detect\nbandwidth 50");
    assert_states(&lab, "wan0", 1, 1);
    assert_eq!(interface(&lab, "wan0")["bandwidth"], 50_000_000);
    ip("link set far0 down");
    assert_states(&lab, "wan0", 1, 0);
}
