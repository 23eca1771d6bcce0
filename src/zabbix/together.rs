//! Lines of many hosts put together as an inventory: the router that several hosts tell of, ids that are there twice, records
//! that the inventory does not take. Each host that is left out is named with the reason; of two that contradict each other
//! the majority, then the older host, is believed.

use super::field::{Field, Names};
use super::reading::Skipped;
use crate::inventory::compiled::RouterLines;
use crate::inventory::import::records::Judge;
use crate::inventory::line_record::LineRecord;
use crate::inventory::router_record::RouterRecord;
use crate::quote::quoted;
use crate::settings::Settings;
use std::collections::{BTreeMap, HashMap};

/// A line and what its host says of its router.
pub(super) struct Found {
    pub(super) hostid: u64,
    pub(super) host: String,
    pub(super) line: LineRecord,
    pub(super) router: RouterRecord,
}

/// Routers by name, lines by the id of their host.
pub(super) fn routers(
    mut found: Vec<Found>,
    settings: &Settings,
    names: &Names,
    skipped: &mut Vec<Skipped>,
    remarks: &mut Vec<String>,
) -> Vec<RouterLines> {
    let mut judge = Judge::new(settings);
    found.sort_by_key(|found| found.hostid);
    let mut by_router: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for one in found {
        by_router.entry(one.router.name.clone()).or_default().push(one);
    }
    let mut routers: BTreeMap<String, RouterLines> = BTreeMap::new();
    let mut sound = Vec::new();
    for (name, hosts) in by_router {
        let (router, count) = believed(&hosts);
        let judged = judge.router(&router).map_err(|why| names.worded(&why));
        for mut found in hosts {
            let outcome = if found.router == router {
                let line = |()| judge.line(&mut found.line, &router).map_err(|why| names.worded(&why));
                judged.clone().and_then(line)
            } else {
                Err(contradiction(&found.router, &router, count, names))
            };
            match outcome {
                Ok(()) => sound.push(found),
                Err(reason) => skipped.push(Skipped { hostid: found.hostid, host: found.host, reason }),
            }
        }
        routers.insert(name, (router, Vec::new()));
    }
    // Of all routers together: an id is there once.
    sound.sort_by_key(|found| found.hostid);
    let mut ids: HashMap<String, String> = HashMap::new();
    for Found { hostid, host, line, .. } in sound {
        if let Some(first) = ids.get(&line.id) {
            let reason = format!(
                "line {} is also host {}; set another {} on one of them",
                quoted(&line.id),
                quoted(first),
                names.of_field(Field::Id)
            );
            skipped.push(Skipped { hostid, host, reason });
        } else if let Some((_, lines)) = routers.get_mut(&line.router) {
            ids.insert(line.id.clone(), host);
            lines.push(line);
        }
    }
    routers.retain(|_, (_, lines)| !lines.is_empty());
    if judge.plain > 0 {
        remarks.push(format!(
            "passwords of {} in the clear in {}; better secret:NAME, file:PATH or env:NAME",
            if judge.plain == 1 { "one router are".to_owned() } else { format!("{} routers are", judge.plain) },
            names.of_field(Field::Password)
        ));
    }
    if judge.unchecked > 0 {
        remarks.push("secret:NAME could not be looked up: no credentials file that we can read".to_owned());
    }
    routers.into_values().collect()
}

/// The router as most of these hosts tell it, and how many do; of equals the one of the oldest host.
fn believed(hosts: &[Found]) -> (RouterRecord, usize) {
    let mut told: Vec<(&RouterRecord, usize)> = Vec::new();
    for host in hosts {
        match told.iter_mut().find(|(router, _)| **router == host.router) {
            Some((_, count)) => *count += 1,
            None => told.push((&host.router, 1)),
        }
    }
    // Of equals, `max_by_key` takes the last.
    let best = told.into_iter().rev().max_by_key(|(_, count)| *count);
    best.map_or_else(|| (RouterRecord::default(), 0), |(router, count)| (router.clone(), count))
}

fn contradiction(told: &RouterRecord, believed: &RouterRecord, count: usize, names: &Names) -> String {
    let shown = |text: &Option<String>| text.as_deref().map_or("none".to_owned(), quoted);
    let (field, values) = if told.address != believed.address {
        (Field::Router, Some((quoted(&told.address), quoted(&believed.address))))
    } else if told.platform != believed.platform {
        (Field::Platform, Some((quoted(&told.platform), quoted(&believed.platform))))
    } else if told.user != believed.user {
        (Field::User, Some((shown(&told.user), shown(&believed.user))))
    } else if told.key != believed.key {
        (Field::Key, Some((shown(&told.key), shown(&believed.key))))
    } else if told.password != believed.password {
        (Field::Password, None)
    } else if told.passphrase != believed.passphrase {
        (Field::Passphrase, None)
    } else {
        (Field::EnablePassword, None)
    };
    let hosts = if count == 1 { "another host".to_owned() } else { format!("{count} other hosts") };
    let differs = match values {
        Some((here, there)) => format!("is {here} here and {there} on {hosts}"),
        None => format!("is another one here than on {hosts}"),
    };
    let name = names.of_field(Field::RouterName);
    format!(
        "router {}: {} {differs}; correct it, or give this router a name of its own with {name}",
        quoted(&believed.name),
        names.of_field(field)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(hostid: u64, id: &str, platform: &str) -> Found {
        let router = RouterRecord {
            name: "edge-1".into(),
            address: "192.0.2.1".into(),
            platform: platform.into(),
            user: Some("ddl".into()),
            password: Some("env:X".into()),
            ..RouterRecord::default()
        };
        let line =
            LineRecord { id: id.into(), target: "10.1.1.2".into(), router: "edge-1".into(), ..LineRecord::default() };
        Found { hostid, host: format!("h{hostid}"), line, router }
    }

    fn put(found: Vec<Found>) -> (Vec<RouterLines>, Vec<Skipped>) {
        let (mut skipped, mut remarks) = (Vec::new(), Vec::new());
        let names = Names::of(None).unwrap();
        let routers = routers(found, &Settings::default(), &names, &mut skipped, &mut remarks);
        (routers, skipped)
    }

    #[test]
    fn the_majority_is_believed_and_the_others_are_told_why_not() {
        let (routers, skipped) =
            put(vec![host(1, "a", "linux"), host(2, "b", "cisco_iosxe"), host(3, "c", "cisco_iosxe")]);
        assert_eq!(routers[0].0.platform, "cisco_iosxe");
        assert_eq!(skipped.len(), 1);
        assert_eq!(
            skipped[0].reason,
            "router \"edge-1\": {$LINE_ROUTER_PLATFORM} is \"linux\" here and \"cisco_iosxe\" on 2 other hosts; correct it, \
             or give this router a name of its own with {$LINE_ROUTER_NAME}"
        );
        let (routers, _) = put(vec![host(2, "b", "cisco_iosxe"), host(1, "a", "linux")]);
        assert_eq!(routers[0].0.platform, "linux", "of equals the older host's");
    }

    #[test]
    fn of_two_hosts_with_one_id_the_older_is_the_line() {
        // On another router, whose name comes first.
        let mut younger = host(7, "a", "linux");
        younger.router.name = "a".into();
        younger.line.router = "a".into();
        let (routers, skipped) = put(vec![younger, host(3, "a", "linux")]);
        assert_eq!((routers.len(), routers[0].1.len()), (1, 1));
        assert_eq!((skipped[0].hostid, skipped[0].reason.contains("h3")), (7, true), "{skipped:?}");
    }

    #[test]
    fn what_the_inventory_does_not_take_is_told_by_its_macro() {
        let (routers, skipped) = put(vec![host(1, "a", "lunix"), host(2, "b;reload", "lunix")]);
        assert!(routers.is_empty());
        assert!(skipped[0].reason.contains("lunix"), "{skipped:?}");
        let mut wrong = host(1, "a", "linux");
        wrong.line.count = Some("many".into());
        let (_, skipped) = put(vec![wrong]);
        assert!(skipped[0].reason.starts_with("{$LINE_PING_COUNT} \"many\": allowed is"), "{skipped:?}");
    }
}
