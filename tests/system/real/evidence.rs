//! Evidence on real FRR and Linux: the traceroute names the last router that answers, and it takes no login.

use super::on_each_shell;
use crate::support::netns::{self, Netns};
use crate::support::wait;
use serde_json::json;

const LINE: &str = "198.51.100.129";
const NEXT_ROUTER: &str = "198.51.100.2";

#[test]
fn the_traceroute_of_a_line_that_went_down_names_the_last_router_that_answers() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        let far = Netns::new();
        let near = &lab.router.netns;
        near.ip("link add wan0 type veth peer name far0");
        near.ip(&format!("link set far0 netns {}", far.name()));
        for (netns, address, device) in [(near, "198.51.100.1/30", "wan0"), (&far, "198.51.100.2/30", "far0")] {
            netns.ip(&format!("addr add {address} dev {device}"));
            netns.ip(&format!("link set {device} up"));
        }
        near.ip(&format!("route add 198.51.100.128/25 via {NEXT_ROUTER}"));
        netns::run(far.command("sysctl").args(["-qw", "net.ipv4.ip_forward=1"]));
        far.ip(&format!("addr add {LINE}/32 dev far0"));

        let poll = || {
            let one = ["--count", "1", "--timeout", "500ms"];
            lab.poll(LINE, &[&one[..], &["--evidence"]].concat())
        };
        let up = wait::until("a line that is up", || Some(poll()).filter(|answer| answer["ping"]["up"] == 1));
        assert_eq!(up.get("traceroute"), None, "{shell:?}: {up}");
        far.ip(&format!("addr del {LINE}/32 dev far0"));
        far.ip(&format!("route add unreachable {LINE}/32"));
        let down = poll();
        assert_eq!((&down["ping"]["up"], down.get("traceroute")), (&json!(0), None), "{shell:?}: {down}");
        let brings = wait::until("a poll that brings the traceroute", || {
            wait::until("an idle lane", || (lab.monitor.status()[0]["lanes"][0]["state"] == "idle").then_some(()));
            Some(poll()).filter(|answer| answer.get("traceroute").is_some())
        });
        let found = &brings["traceroute"];
        assert_eq!((&found["reached"], &found["complete"]), (&json!(0), &json!(true)), "{shell:?}: {brings}");
        let hop = &found["hops"][0];
        assert_eq!((&hop["hop"], &hop["address"]), (&json!(1), &json!(NEXT_ROUTER)), "{shell:?}: {brings}");
        assert!(found["hops"].as_array().is_some_and(|hops| hops.len() == 1), "{shell:?}: {brings}");
        assert!(found["text"].as_str().is_some_and(|text| text.contains("!H")), "{shell:?}: {brings}");
        assert_eq!(lab.router.logins(), (1, 0), "{shell:?}");
    });
}
