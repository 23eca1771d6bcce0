//! What a sync says of changes, how far an inventory may shrink, and the generations that are kept.

use super::{lines, monitor, refused, synced};
use crate::support::wait;
use crate::support::zabbix_api::{Fault, Host, ZabbixApi, text_macro};
use ddl_monitor::inventory::history;
use ddl_monitor::settings::StateSettings;
use ddl_monitor::state::State;

#[test]
fn added_removed_changed_and_moved_lines_are_told() {
    let api = ZabbixApi::start("7.0", lines(12));
    let monitor = monitor(&api, "");
    assert_eq!(synced(&monitor)["changes"]["added"]["lines"], 12);
    api.change(|world| {
        world.hosts.remove(0);
        world.hosts[0] = world.hosts[0].clone().with(text_macro("{$LINE_VRF}", "red"));
        world.hosts[1] = world.hosts[1].clone().with(text_macro("{$LINE_ROUTER_IP}", "192.0.2.9"));
        world.hosts.push(Host::line(2000, "10.2.2.2", "192.0.2.1"));
    });
    let dry = monitor.run(&["sync", "--dry-run", "--diff"]);
    assert_eq!(
        dry.stdout,
        "+ router 192.0.2.9 (192.0.2.9, cisco_iosxe)\n\
         - line L-1001: 10.1.0.2 by 192.0.2.1\n\
         + line L-2000: 10.2.2.2 by 192.0.2.1\n\
         ~ line L-1002: vrf (none) → red\n\
         ~ line L-1003: router 192.0.2.1 → 192.0.2.9\n\
         would be generation 2: 12 lines, 3 routers (Zabbix 7.0.7)\n  added: 1 line, 1 router\n  removed: 1 line\n  \
         changed: 2 lines\n"
    );
    let document = synced(&monitor);
    assert_eq!((&document["generation"], &document["moved"], &document["skipped"]), (&2.into(), &1.into(), &0.into()));
    let lines = &document["difference"]["lines"];
    assert_eq!(lines["moved"], serde_json::json!([{"id": "L-1003", "from": "192.0.2.1", "to": "192.0.2.9"}]));
    assert_eq!(lines["changed"][0]["fields"], serde_json::json!([{"field": "vrf", "before": null, "after": "red"}]));
    let again = synced(&monitor);
    assert_eq!((&again["generation"], &again["changes"]["changed"]["lines"]), (&2.into(), &0.into()));
}

#[test]
fn a_shrinking_inventory_is_refused_until_somebody_means_it() {
    let api = ZabbixApi::start("6.0", lines(40));
    let monitor = monitor(&api, "");
    synced(&monitor);
    // 12 of 40 are 30 %, not more.
    api.change(|world| world.hosts.truncate(28));
    synced(&monitor);
    api.change(|world| world.hosts.truncate(19));
    let (kind, message) = refused(&monitor);
    assert_eq!(kind, "rejected");
    assert!(message.starts_with("9 of 28 lines would be removed, more than 30 %; nothing was changed"), "{message}");
    assert_eq!(monitor.run(&["sync", "--accept-shrink"]).json()["lines"], 19);
    // Five may always go, but never all.
    api.change(|world| world.hosts.truncate(14));
    synced(&monitor);
    for left in [9, 4] {
        api.change(|world| world.hosts.truncate(left));
        synced(&monitor);
    }
    api.change(|world| world.hosts.clear());
    assert!(refused(&monitor).1.starts_with("all 4 lines would be removed"));
    assert_eq!(monitor.run(&["sync", "--accept-shrink"]).json()["lines"], 0);
}

#[test]
fn the_first_sync_must_find_a_line() {
    let api = ZabbixApi::start("6.0", lines(0));
    let monitor = monitor(&api, "");
    let said = refused(&monitor).1;
    assert!(said.starts_with("there is no line; if that is meant, --accept-shrink takes it; if it is not,"), "{said}");
    assert!(said.contains("check sync.tag, sync.proxy and the rights of the API's user"), "{said}");
    api.change(|world| world.hosts = vec![Host::line(1, "10.1.1.1", ""), Host::line(2, "10.1.1.2", "")]);
    let said = refused(&monitor).1;
    assert!(said.contains("2 hosts skipped, the first is \"10.1.1.1\": it has no {$LINE_ROUTER_IP};"), "{said}");
    let discover = monitor.run(&["discover", "lines"]);
    assert!(discover.code == Some(1) && discover.stdout.contains("no inventory"), "{}", discover.stdout);
}

#[test]
fn a_broken_inventory_is_replaced_but_not_by_none() {
    let api = ZabbixApi::start("6.0", lines(3));
    let monitor = monitor(&api, "");
    synced(&monitor);
    let file = monitor.state().join("inventory/current");
    for broken in ["", "no inventory"] {
        std::fs::write(&file, broken).expect("a file");
        let hosts = lines(3).hosts;
        api.change(|world| world.hosts.clear());
        assert_eq!(monitor.run(&["sync"]).json()["failure"]["kind"], "rejected");
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), broken);
        api.change(|world| world.hosts = hosts);
        let document = synced(&monitor);
        let remark = document["remarks"][0].as_str().expect("a remark");
        assert!(document["lines"] == 3 && remark.starts_with("the one before could not be read"), "{document}");
    }
}

#[test]
fn a_sync_that_fails_tells_of_the_last_good_one_also_when_that_ended_meanwhile() {
    let api = ZabbixApi::start("6.0", lines(2));
    let monitor = monitor(&api, "");
    synced(&monitor);
    api.change(|world| world.hosts = lines(3).hosts);
    api.fault("usermacro.get", Fault::Held);
    let slow = monitor.start(&["sync"]);
    wait::until("it to ask", || (api.calls("usermacro.get") == 2).then_some(()));
    // Of the second one, which waits for the first.
    api.fault("apiinfo.version", Fault::Status(404, ""));
    let second = monitor.start(&["sync"]);
    api.release();
    let ran = second.wait();
    assert_eq!(slow.wait().json()["generation"], 2);
    let document = ran.json();
    assert_eq!((&document["failure"]["kind"], &document["generation"]), (&"settings".into(), &2.into()), "{document}");
    let kept = monitor.run(&["status"]).json()["inventory"].clone();
    assert_eq!((&kept["generation"], &kept["failure"]["kind"]), (&2.into(), &"settings".into()), "{kept}");
}

#[test]
fn a_generation_that_is_replaced_while_it_is_read_can_still_be_read() {
    let api = ZabbixApi::start("6.0", lines(1));
    let monitor = monitor(&api, "");
    for count in 1..=3_u64 {
        api.change(|world| world.hosts = lines(count).hosts);
        synced(&monitor);
    }
    let settings = StateSettings { dir: Some(monitor.state()), ..StateSettings::default() };
    let state = State::open(&settings).expect("a state directory");
    let all = history::all(&state).expect("generations");
    std::fs::remove_dir_all(monitor.state().join("inventory")).expect("a folder");
    let lines: Vec<usize> =
        all.iter().map(|one| one.routers().expect("routers").iter().map(|(_, lines)| lines.len()).sum()).collect();
    assert_eq!(lines, [3, 2, 1]);
}

#[test]
fn five_generations_are_kept_shown_and_compared() {
    let api = ZabbixApi::start("6.0", lines(1));
    let monitor = monitor(&api, "");
    for count in 1..=7_u64 {
        api.change(|world| world.hosts = lines(count).hosts);
        assert_eq!(synced(&monitor)["generation"], count);
    }
    let history = monitor.run(&["inventory", "history"]).json();
    let of = |name: &str| -> Vec<u64> {
        history["generations"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one[name].as_u64().expect("a number"))
            .collect()
    };
    assert_eq!((of("generation"), of("lines")), (vec![7, 6, 5, 4, 3], vec![7, 6, 5, 4, 3]));
    assert_eq!(history["generations"][0]["changes"]["added"]["lines"], 1);
    let old = monitor.run(&["inventory", "show", "--generation", "4"]).json();
    assert_eq!((&old["generation"], old["lines"].as_array().map(Vec::len)), (&4.into(), Some(4)));
    let gone = monitor.run(&["inventory", "show", "--generation", "2"]);
    assert!(
        gone.code == Some(1) && gone.stderr.contains("generation 2 is not kept; there are 7, 6, 5, 4, 3"),
        "{}",
        gone.stderr
    );
    let diff =
        |arguments: &[&str]| monitor.run(&[&["--format", "text", "inventory", "diff"], arguments].concat()).stdout;
    assert_eq!(diff(&[]), "+ line L-1007: 10.1.0.8 by 192.0.2.1\ngeneration 6 → 7\n  added: 1 line\n");
    assert_eq!(
        diff(&["7", "5"]),
        "- line L-1006: 10.1.0.7 by 192.0.2.1\n- line L-1007: 10.1.0.8 by 192.0.2.1\ngeneration 7 → 5\n  removed: 2 lines\n"
    );
    assert!(diff(&["5"]).ends_with("generation 5 → 7\n  added: 2 lines\n"));
    // Of its router only something changed.
    api.change(|world| {
        let platform = text_macro("{$LINE_ROUTER_PLATFORM}", "linux");
        world.hosts.iter_mut().for_each(|host| *host = host.clone().with(platform.clone()));
    });
    synced(&monitor);
    let text = monitor.run(&["--format", "text", "inventory", "history"]).stdout;
    let newest: Vec<&str> = text.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(newest[2..9], ["7", "1", "0", "0", "0,", "1", "router"], "{text}");
}

#[test]
fn two_syncs_at_once_are_one_after_the_other() {
    let api = ZabbixApi::start("6.0", lines(30));
    let monitor = monitor(&api, "");
    let running: Vec<_> = (0..4).map(|_| monitor.start(&["sync"])).collect();
    for one in running {
        let ran = one.wait();
        assert_eq!((ran.code, &ran.json()["generation"]), (Some(0), &1.into()), "{}", ran.stdout);
    }
}
