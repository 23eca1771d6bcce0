//! Each version is asked in its own way: login, token, parameters, proxies. The mock fails the test when a parameter would have
//! had no effect.

use super::{failure, ids, lines, monitor, refused, skipped, synced, with_settings};
use crate::support::zabbix_api::{Host, Template, World, ZabbixApi, text_macro};

const VERSIONS: [&str; 6] = ["5.0", "6.0", "6.4", "7.0", "7.2", "7.4"];

#[test]
fn every_version_gives_the_same_inventory() {
    let mut shown = Vec::new();
    for version in VERSIONS {
        let mut world = lines(25);
        // A tag and macros of a template's template, another host without the tag, a disabled one.
        let parent = Template {
            id: 2,
            tags: vec![("TempType".into(), "LINE".into())],
            macros: vec![text_macro("{$LINE_CHECK_INTERVAL}", "30s")],
            ..Template::default()
        };
        world.templates = vec![Template { id: 1, parents: vec![2], ..Template::default() }, parent];
        world.hosts[0].tags.clear();
        world.hosts[0].parents = vec![1];
        world.hosts[1].tags = vec![("TempType".into(), "OTHER".into())];
        world.hosts[2].disabled = true;
        world.hosts[3].tags.push(("site".into(), "Bern".into()));
        let api = ZabbixApi::start(version, world);
        let monitor = monitor(&api, "zabbix.chunk = 10");
        let document = synced(&monitor);
        assert_eq!(document["zabbix"], format!("{version}.7"));
        assert_eq!((&document["lines"], &document["routers"]), (&23.into(), &3.into()), "{version}");
        assert_eq!(
            (skipped(&document).len(), document["remarks"].as_array().map(Vec::len)),
            (0, Some(0)),
            "{document}"
        );
        assert_eq!(api.sessions(), 0, "{version}: logged out");
        let mut inventory = monitor.run(&["inventory", "show"]).json();
        assert_eq!(inventory["lines"][0]["interval"], "30s");
        inventory["time"].take();
        inventory["source"].take();
        shown.push(inventory);
    }
    assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "{shown:?}");
}

#[test]
fn a_token_needs_no_login_and_is_none_before_5_4() {
    for version in VERSIONS {
        let api = ZabbixApi::start(version, lines(1));
        let monitor = with_settings(&format!("zabbix.url = {:?}\nzabbix.token = \"secret:token\"", api.url()));
        let ran = monitor.run(&["sync"]);
        assert_eq!((api.calls("user.login"), api.calls("user.logout")), (0, 0));
        if version == "5.0" {
            let (kind, message) = failure(&ran);
            assert_eq!(kind, "settings");
            assert!(message.contains("Zabbix 5.0.7 has no API tokens"), "{message}");
        } else {
            assert_eq!(ran.json()["lines"], 1, "{version}");
        }
    }
}

#[test]
fn a_newer_one_is_asked_as_the_newest_known_and_an_older_one_is_refused() {
    let api = ZabbixApi::start("7.4", lines(1));
    api.says_version("8.2.0");
    let document = synced(&monitor(&api, ""));
    assert!(document["remarks"][0].as_str().is_some_and(|text| text.contains("8.2.0 is newer")), "{document}");
    api.says_version("4.4.10");
    let (kind, message) = refused(&monitor(&api, ""));
    assert!(kind == "settings" && message.contains("Zabbix 4.4.10 is too old"), "{message}");
    api.says_version("six");
    assert_eq!(refused(&monitor(&api, "")).0, "reply");
}

#[test]
fn hosts_are_those_of_a_proxy_or_of_none() {
    for version in VERSIONS {
        let mut world = World { proxies: vec![(11, "bern"), (12, "genf")], ..lines(3) };
        world.hosts[0].proxy = 11;
        world.hosts[1].proxy = 12;
        let api = ZabbixApi::start(version, world);
        for (proxy, id) in [("bern", "L-1001"), ("12", "L-1002"), ("none", "L-1003")] {
            let monitor = monitor(&api, &format!("sync.proxy = {proxy:?}"));
            synced(&monitor);
            assert_eq!(ids(&monitor), [id], "{version} {proxy}");
        }
        let (kind, message) = refused(&monitor(&api, "sync.proxy = \"berm\""));
        assert_eq!(kind, "settings");
        assert!(message.contains("did you mean \"bern\"?"), "{message}");
    }
}

#[test]
fn hosts_are_those_of_a_proxy_group_or_of_the_proxy_that_has_them_now() {
    for version in VERSIONS {
        let mut world = World { proxies: vec![(11, "a"), (12, "b")], groups: vec![(5, "west")], ..lines(4) };
        if version >= "7.0" {
            for (host, proxy) in [(0, 11), (1, 12)] {
                world.hosts[host].proxy = proxy;
                world.hosts[host].proxy_group = 5;
            }
        }
        world.hosts[2].proxy = 11;
        let api = ZabbixApi::start(version, world);
        let of_group = monitor(&api, "sync.proxy_group = \"west\"");
        if version < "7.0" {
            let (kind, message) = refused(&of_group);
            assert!(kind == "settings" && message.contains("has no proxy groups"), "{message}");
            continue;
        }
        synced(&of_group);
        assert_eq!(ids(&of_group), ["L-1001", "L-1002"], "{version}");
        let of_proxy = monitor(&api, "sync.proxy = \"a\"");
        synced(&of_proxy);
        assert_eq!(ids(&of_proxy), ["L-1001", "L-1003"], "{version}");
    }
}

#[test]
fn the_tag_can_be_another_with_any_value() {
    for version in VERSIONS {
        let mut world = lines(3);
        world.hosts[0].tags = vec![("leased".into(), String::new())];
        world.hosts[1].tags = vec![("leased".into(), "yes".into())];
        let api = ZabbixApi::start(version, world);
        for (tag, count) in [("leased", 2), ("leased=yes", 1), ("TempType=LINE", 1)] {
            assert_eq!(synced(&monitor(&api, &format!("sync.tag = {tag:?}")))["lines"], count, "{version} {tag}");
        }
    }
}

#[test]
fn a_template_that_is_hidden_is_noticed() {
    for version in VERSIONS {
        let mut world = lines(6);
        let tag = |value: &str| vec![("x".to_owned(), value.to_owned())];
        world.templates = vec![
            // Only its tag tells of it.
            Template { id: 1, hidden: true, tags: tag("1"), ..Template::default() },
            // Only its items tell of it.
            Template { id: 2, hidden: true, items: vec![21], ..Template::default() },
            Template { id: 3, parents: vec![2], items: vec![31], ..Template::default() },
            // Only its discovery rule does.
            Template { id: 4, hidden: true, rules: vec![41], ..Template::default() },
            Template { id: 5, tags: tag("5"), items: vec![51], rules: vec![52], ..Template::default() },
            Template { id: 6, rules: vec![61], ..Template::default() },
        ];
        for (host, template) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)] {
            world.hosts[host].parents = vec![template];
        }
        let api = ZabbixApi::start(version, world);
        let monitor = monitor(&api, "");
        let document = synced(&monitor);
        let blind: Vec<String> = skipped(&document)
            .into_iter()
            .map(|(host, reason)| {
                assert!(reason.starts_with("it has a template that the user of the API may not read"), "{reason}");
                host
            })
            .collect();
        // 5.0 does not tell the tags of templates.
        let expected = if version == "5.0" { 1 } else { 0 };
        assert_eq!(blind, ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"][expected..], "{version}");
    }
}

#[test]
fn of_the_templates_of_a_level_the_oldest_counts() {
    for version in VERSIONS {
        let level = |id: u64, parents: &[u64], interval: Option<&str>| Template {
            id,
            parents: parents.to_vec(),
            macros: interval.map(|text| text_macro("{$LINE_CHECK_INTERVAL}", text)).into_iter().collect(),
            ..Template::default()
        };
        let mut world = lines(1);
        world.templates = vec![
            level(10, &[50], None),
            level(20, &[30], None),
            level(50, &[], Some("50s")),
            level(30, &[], Some("30s")),
        ];
        world.hosts[0].parents = vec![20, 10];
        let api = ZabbixApi::start(version, world);
        let monitor = monitor(&api, "");
        synced(&monitor);
        let interval = monitor.run(&["inventory", "show"]).json()["lines"][0]["interval"].clone();
        assert_eq!(interval, "30s", "{version}");
    }
}

#[test]
fn a_host_that_appears_twice_is_one() {
    let api = ZabbixApi::start("7.0", lines(2));
    api.change(|world| world.hosts.push(Host::line(1001, "10.1.0.2", "192.0.2.1")));
    assert_eq!(synced(&monitor(&api, ""))["lines"], 2);
}
