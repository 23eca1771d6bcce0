//! The importable templates: what Zabbix would only find out when somebody imports them, and what it would never find out
//! (flags that the program does not have, macros without a description). Reads files only; `zabbix` asks a real one.

use clap::CommandFactory;
use ddl_monitor::cli::Cli;
use ddl_monitor::failure::Kind;
use serde_norway::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LINE: &str = "Leased Line by SSH";
const LINE_BY_AGENT: &str = "Leased Line by SSH via agent";
const TRAPPER: &str = "Leased Line by SSH trapper";
const ROUTER: &str = "Edge Router Leased Lines by SSH";
const ROUTER_BY_AGENT: &str = "Edge Router Leased Lines by SSH via agent";
const SWEEP: &str = "Leased Lines Sweep by ddl-monitor";
const NAMES: [&str; 6] = [LINE, LINE_BY_AGENT, TRAPPER, ROUTER, ROUTER_BY_AGENT, SWEEP];

/// What Zabbix fills in itself.
const BUILT_IN: [&str; 5] = ["{HOST.HOST}", "{ITEM.LASTVALUE1}", "{#LINE.ID}", "{#LINE.TARGET}", "{#LINE.CARRIER}"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("zabbix-templates")
}

/// One file: the export and the template in it.
struct Template {
    version: String,
    export: Value,
}

impl Template {
    fn all() -> Vec<Self> {
        let mut found = Vec::new();
        for version in ["6.0", "7.0"] {
            for entry in fs::read_dir(root().join(version)).expect("zabbix-templates") {
                let text = fs::read_to_string(entry.expect("an entry").path()).expect("a readable template");
                let whole: Value = serde_norway::from_str(&text).expect("YAML");
                found.push(Self { version: version.to_owned(), export: whole["zabbix_export"].clone() });
            }
        }
        assert_eq!(found.len(), 2 * NAMES.len());
        found
    }

    /// Those whose items are of lines.
    fn of_lines() -> Vec<Self> {
        Self::all().into_iter().filter(|one| one.name() != SWEEP).collect()
    }

    fn named(name: &str) -> Self {
        Self::all().into_iter().find(|one| one.name() == name).unwrap_or_else(|| panic!("no template {name}"))
    }

    fn template(&self) -> &Value {
        &self.export["templates"][0]
    }

    fn name(&self) -> &str {
        text(self.template(), "template")
    }

    fn what(&self) -> String {
        format!("{} {}", self.version, self.name())
    }

    fn rule(&self) -> &Value {
        &self.template()["discovery_rules"][0]
    }

    fn items(&self) -> Vec<&Value> {
        [list(self.template(), "items"), list(self.rule(), "item_prototypes")].concat()
    }

    fn item(&self, key: &str) -> &Value {
        let found = self.items().into_iter().find(|item| text(item, "key") == key);
        found.unwrap_or_else(|| panic!("{} has no item {key}", self.what()))
    }

    fn triggers(&self) -> Vec<&Value> {
        let inner = self
            .items()
            .into_iter()
            .flat_map(|item| [list(item, "triggers"), list(item, "trigger_prototypes")].concat());
        let outer = [list(&self.export, "triggers"), list(self.rule(), "trigger_prototypes")].concat();
        inner.chain(outer).collect()
    }

    /// The trigger whose name ends so.
    fn trigger(&self, end: &str) -> &Value {
        let mut found = self.triggers().into_iter().filter(|trigger| text(trigger, "name").ends_with(end));
        let one = found.next().unwrap_or_else(|| panic!("{} has no trigger {end:?}", self.what()));
        assert!(found.next().is_none(), "{}: two triggers end with {end:?}", self.what());
        one
    }

    fn graphs(&self) -> Vec<&Value> {
        [list(&self.export, "graphs"), list(self.rule(), "graph_prototypes")].concat()
    }

    fn widgets(&self) -> Vec<&Value> {
        let pages = list(self.template(), "dashboards").into_iter().flat_map(|dashboard| list(dashboard, "pages"));
        pages.flat_map(|page| list(page, "widgets")).collect()
    }

    fn is_of_a_router(&self) -> bool {
        self.name().starts_with("Edge Router")
    }
}

fn list<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    value[key].as_sequence().map(|all| all.iter().collect()).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Every text below a value, with the name it stands under.
fn texts<'a>(value: &'a Value, under: &'a str, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::Mapping(map) => {
            map.iter().for_each(|(key, below)| texts(below, key.as_str().unwrap_or_default(), found))
        }
        Value::Sequence(all) => all.iter().for_each(|below| texts(below, under, found)),
        Value::String(one) => found.push((under, one)),
        other => panic!("{under}: {other:?} is not a text, Zabbix refuses it"),
    }
}

/// The items a trigger's expression asks for: `function(/TEMPLATE/KEY,…)`.
fn asked(template: &str, expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in expression.split(&format!("(/{template}/")).skip(1) {
        let mut depth = 0;
        let end = part.find(|letter| {
            depth += i32::from(letter == '[') - i32::from(letter == ']');
            depth == 0 && (letter == ',' || letter == ')')
        });
        found.insert(part[..end.expect("the end of a function")].to_owned());
    }
    found
}

/// Everything in braces that Zabbix or the template must fill in: `{$MACRO}`, `{#LINE.ID}`, `{HOST.HOST}`; context left out.
fn macros(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices('{') {
        let name: String = text[at + 1..]
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || "$#._".contains(*letter))
            .collect();
        let is_one =
            name.starts_with(['$', '#']) || (name.contains('.') && name.chars().all(|letter| !letter.is_lowercase()));
        if is_one {
            found.insert(format!("{{{name}}}"));
        }
    }
    found
}

#[test]
fn every_uuid_is_a_version_4_one_and_stands_for_one_thing_and_is_the_same_in_both_versions() {
    let mut of_versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for template in Template::all() {
        let mut found = Vec::new();
        texts(&template.export, "", &mut found);
        let uuids: Vec<&str> = found.iter().filter(|(key, _)| *key == "uuid").map(|(_, uuid)| *uuid).collect();
        assert!(uuids.len() > 25, "{}: {}", template.what(), uuids.len());
        let group = text(
            list(&template.export, "groups")
                .iter()
                .chain(&list(&template.export, "template_groups"))
                .next()
                .expect("a group"),
            "uuid",
        );
        for uuid in &uuids {
            let letters: Vec<char> = uuid.chars().collect();
            let hex = letters.iter().all(|letter| letter.is_ascii_digit() || ('a'..='f').contains(letter));
            assert!(
                letters.len() == 32 && hex && letters[12] == '4' && "89ab".contains(letters[16]),
                "{}: {uuid}",
                template.what()
            );
            let of_version = of_versions.entry(template.version.clone()).or_default();
            assert!(
                of_version.insert((*uuid).to_owned()) || *uuid == group,
                "{}: {uuid} is there twice",
                template.what()
            );
        }
    }
    assert_eq!(of_versions["6.0"], of_versions["7.0"]);
}

#[test]
fn whatever_is_referred_to_is_there() {
    for template in Template::all() {
        let (what, name) = (template.what(), template.name().to_owned());
        assert!(NAMES.contains(&name.as_str()), "{what}");
        let keys: BTreeSet<&str> = template.items().iter().map(|item| text(item, "key")).collect();
        assert_eq!(keys.len(), template.items().len(), "{what}: a key is there twice");
        let maps: BTreeSet<&str> = list(template.template(), "valuemaps").iter().map(|map| text(map, "name")).collect();
        for item in template.items() {
            if text(item, "type") == "DEPENDENT" {
                assert!(keys.contains(text(&item["master_item"], "key")), "{what}: master of {}", text(item, "key"));
            }
            let map = text(&item["valuemap"], "name");
            assert!(map.is_empty() || maps.contains(map), "{what}: {map}");
        }
        let graphs: BTreeSet<&str> = template.graphs().iter().map(|graph| text(graph, "name")).collect();
        for graph in template.graphs() {
            for item in list(graph, "graph_items") {
                assert_eq!(text(&item["item"], "host"), name, "{what}");
                assert!(keys.contains(text(&item["item"], "key")), "{what}: {item:?}");
            }
        }
        for field in template.widgets().iter().flat_map(|widget| list(widget, "fields")) {
            match text(field, "type") {
                "ITEM" => assert!(keys.contains(text(&field["value"], "key")), "{what}: {field:?}"),
                "GRAPH" | "GRAPH_PROTOTYPE" => {
                    assert!(graphs.contains(text(&field["value"], "name")), "{what}: {field:?}")
                }
                _ => continue,
            }
            assert_eq!(text(&field["value"], "host"), name, "{what}");
        }
        for trigger in template.triggers() {
            let about = format!("{what}: {}", text(trigger, "name"));
            let whole = format!("{} {}", text(trigger, "expression"), text(trigger, "recovery_expression"));
            let asked = asked(&name, &whole);
            assert!(!asked.is_empty(), "{about}");
            asked.iter().for_each(|key| assert!(keys.contains(key.as_str()), "{about}: {key}"));
            assert_eq!(
                whole.matches("(/").count(),
                whole.matches(&format!("(/{name}/")).count(),
                "{about}: a foreign host"
            );
            for dependency in list(trigger, "dependencies") {
                let same = |other: &&Value| {
                    ["name", "expression", "recovery_expression"].iter().all(|key| other[*key] == dependency[*key])
                };
                assert_eq!(template.triggers().into_iter().filter(same).count(), 1, "{about}: {dependency:?}");
            }
        }
    }
}

#[test]
fn every_macro_that_is_used_is_defined_and_described() {
    for template in Template::all() {
        let what = template.what();
        let mut defined = BTreeSet::new();
        for one in list(template.template(), "macros") {
            assert!(text(one, "description").len() > 15, "{what}: {one:?}");
            assert!(defined.insert(text(one, "macro").to_owned()), "{what}: {one:?} is there twice");
            assert!(
                !text(one, "macro").contains("PASSWORD") || ["", "secret:default"].contains(&text(one, "value")),
                "{what}: {one:?}"
            );
        }
        let mut found = Vec::new();
        texts(&template.export, "", &mut found);
        // The text of a macro's own definition is no use of it, what it says about others is.
        let used: BTreeSet<String> =
            found.iter().filter(|(key, _)| *key != "macro").flat_map(|(_, text)| macros(text)).collect();
        let lld = ["{#LINE.ID}", "{#LINE.TARGET}", "{#LINE.CARRIER}", "{#LINE.CIRCUIT}"];
        for one in used.iter().filter(|one| !BUILT_IN.contains(&one.as_str()) && !lld.contains(&one.as_str())) {
            assert!(defined.contains(one), "{what}: {one} is used and not defined");
        }
        if template.name() != TRAPPER {
            let idle: Vec<&String> = defined.iter().filter(|one| !used.contains(*one)).collect();
            assert!(idle.is_empty(), "{what}: defined and not used: {idle:?}");
        }
    }
}

#[test]
fn the_keys_are_the_ones_that_the_program_and_the_agents_files_know() {
    let line = Template::named(LINE);
    let key = text(line.items()[0], "key");
    let parameters = key.strip_prefix("ddl-monitor[poll,").and_then(|rest| rest.strip_suffix(']')).expect("a poll");
    let given: Vec<&str> = parameters.split(',').collect();
    let flags: BTreeSet<&str> = given.iter().filter_map(|one| one.strip_prefix("--")).collect();
    for pair in given.chunks(2) {
        assert!(pair[0].starts_with("--") && pair[1].starts_with("\"{") && pair[1].ends_with("}\""), "{pair:?}");
    }
    let command = Cli::command();
    let poll = command.find_subcommand("poll").expect("poll");
    let known: BTreeSet<&str> =
        poll.get_arguments().filter_map(|one| one.get_long()).filter(|flag| !["help", "item"].contains(flag)).collect();
    assert_eq!(flags, known);
    assert!(
        given.starts_with(&[
            "--line",
            "\"{$LINE_ID}\"",
            "--target",
            "\"{$LINE_TARGET}\"",
            "--target",
            "\"{HOST.HOST}\""
        ]),
        "{key}"
    );

    let router = Template::named(ROUTER);
    assert_eq!(
        text(router.items()[0], "key"),
        "ddl-monitor[batch,--router,\"{$LINE_ROUTER_NAME}\",--router,\"{HOST.HOST}\",--deadline,\"{$LINE_DEADLINE}\"]"
    );
    assert_eq!(
        text(router.rule(), "key"),
        "ddl-monitor[discover,lines,--router,\"{$LINE_ROUTER_NAME}\",--router,\"{HOST.HOST}\"]"
    );

    let agent = fs::read_to_string(root().join("agent/ddl-monitor.conf")).expect("the agents' file");
    let (line, router) = (Template::named(LINE_BY_AGENT), Template::named(ROUTER_BY_AGENT));
    for key in [text(line.items()[0], "key"), text(router.items()[0], "key"), text(router.rule(), "key")] {
        let (name, parameters) = key.split_once('[').expect("parameters");
        let entry = agent
            .lines()
            .find(|line| line.starts_with(&format!("UserParameter={name}[*],ddl-monitor ")))
            .unwrap_or_else(|| panic!("{key}: {agent}"));
        assert_eq!(parameters.split(',').count(), entry.matches('$').count(), "{key}: {entry}");
    }
}

#[test]
fn the_items_of_a_line_are_the_same_in_every_template() {
    let keys = [
        "line.up",
        "line.loss",
        "line.sent",
        "line.received",
        "line.rtt.min",
        "line.rtt.avg",
        "line.rtt.max",
        "line.rtt.p95",
        "line.jitter",
        "line.loss.burst",
        "line.state",
        "line.age",
        "line.elapsed",
        "line.complete",
        "line.message",
        "line.status",
        "line.port.status",
        "line.port.oper",
        "line.port.admin",
        "line.port.name",
        "line.port.message",
        "line.port.in.errors",
        "line.port.out.errors",
        "line.port.crc",
        "line.port.in.rate",
        "line.port.out.rate",
        "line.port.bandwidth",
        "line.port.last.change",
    ];
    for template in Template::of_lines() {
        let of_a_line =
            |key: &str| if template.is_of_a_router() { format!("{key}[{{#LINE.ID}}]") } else { key.to_owned() };
        let found: BTreeSet<&str> =
            template.items().iter().map(|item| text(item, "key")).filter(|key| key.starts_with("line.")).collect();
        let mut expected: BTreeSet<String> = keys.iter().map(|key| of_a_line(key)).collect();
        // A batch brings no evidence.
        expected.insert(if template.is_of_a_router() { of_a_line("line.raw") } else { "line.traceroute".to_owned() });
        assert_eq!(found, expected.iter().map(String::as_str).collect(), "{}", template.what());
        for (key, unit) in [
            ("line.loss", "%"),
            ("line.rtt.min", "s"),
            ("line.rtt.avg", "s"),
            ("line.rtt.max", "s"),
            ("line.rtt.p95", "s"),
            ("line.jitter", "s"),
            ("line.age", "s"),
            ("line.elapsed", "s"),
        ] {
            let item = template.item(&of_a_line(key));
            assert_eq!((text(item, "value_type"), text(item, "units")), ("FLOAT", unit), "{} {key}", template.what());
        }
        for (key, map) in [
            ("line.up", "Service state"),
            ("line.state", "ddl-monitor state"),
            ("line.complete", "ddl-monitor complete"),
            ("line.status", "Line status"),
            ("line.port.status", "Port status"),
            ("line.port.oper", "Service state"),
            ("line.port.admin", "Port admin state"),
        ] {
            assert_eq!(text(&template.item(&of_a_line(key))["valuemap"], "name"), map, "{} {key}", template.what());
        }
        assert_eq!(
            template.name() == TRAPPER,
            template.items().iter().any(|item| text(item, "key") == "dedicatedLinePing")
        );
    }
    let trapper = Template::named(TRAPPER);
    assert_eq!(text(trapper.item("dedicatedLinePing"), "value_type"), "FLOAT");
    assert_eq!(text(trapper.item("dedicatedLineErrorDetail"), "value_type"), "TEXT");
    for item in trapper.items().into_iter().filter(|item| text(item, "key") != "line.status") {
        assert_eq!(text(item, "type"), "TRAP", "{}", text(item, "key"));
    }
}

#[test]
fn a_result_that_was_given_out_before_is_not_counted_again() {
    let router = Template::named(ROUTER);
    for key in
        ["line.up", "line.loss", "line.rtt.avg", "line.state", "line.port.status", "line.port.crc", "line.port.in.rate"]
    {
        let first = &router.item(&format!("{key}[{{#LINE.ID}}]"))["preprocessing"][0];
        assert_eq!(text(first, "type"), "NOT_MATCHES_REGEX", "{key}");
        assert_eq!(first["parameters"][0].as_str(), Some("\"session\":\"cached\""), "{key}");
        assert_eq!(text(first, "error_handler"), "DISCARD_VALUE", "{key}");
    }
    assert_eq!(text(router.item("line.raw[{#LINE.ID}]"), "history"), "0");
}

/// A router that does not print a field, or a line without an interface, has no value there: neither 0 nor an unsupported item.
#[test]
fn what_is_not_known_of_our_port_is_no_value() {
    for template in Template::of_lines() {
        let ports = template.items().into_iter().filter(|item| text(item, "key").starts_with("line.port."));
        for item in ports {
            let about = format!("{} {}", template.what(), text(item, "key"));
            let steps = list(item, "preprocessing");
            let counter = ["errors", "crc"]
                .iter()
                .any(|end| text(item, "key").split('[').next().is_some_and(|key| key.ends_with(end)));
            let rate = steps.iter().filter(|step| text(step, "type") == "CHANGE_PER_SECOND").count();
            assert_eq!(rate, usize::from(counter), "{about}");
            if template.name() == TRAPPER {
                assert_eq!(steps.len(), rate, "{about}");
                continue;
            }
            // Zabbix takes no error handler for a script: what is absent must be discarded before it.
            let takes = ["JSONPATH", "MATCHES_REGEX"];
            let mut taking = steps.iter().filter(|step| takes.contains(&text(step, "type"))).peekable();
            assert!(taking.peek().is_some(), "{about}");
            taking.for_each(|step| assert_eq!(text(step, "error_handler"), "DISCARD_VALUE", "{about}"));
        }
    }
}

#[test]
fn every_state_has_a_word_in_the_value_map() {
    for template in Template::all() {
        let map = list(template.template(), "valuemaps")
            .into_iter()
            .find(|map| text(map, "name") == "ddl-monitor state")
            .expect("the map");
        let numbers: Vec<u8> =
            list(map, "mappings").iter().map(|one| text(one, "value").parse().expect("a number")).collect();
        assert_eq!(numbers, (0..=Kind::Internal.number()).collect::<Vec<_>>(), "{}", template.what());
        assert!(list(map, "mappings").iter().all(|one| text(one, "newvalue").len() > 5), "{}", template.what());
    }
}

#[test]
fn the_names_of_problems_do_not_repeat_what_zabbix_shows_beside_them() {
    for template in Template::all() {
        for trigger in template.triggers() {
            let (name, about) = (text(trigger, "name"), format!("{}: {}", template.what(), text(trigger, "name")));
            assert!(!["{HOST.", "{ITEM."].iter().any(|one| name.contains(one)), "{about}");
            assert!(text(trigger, "event_name").len() > 10 && text(trigger, "description").len() > 50, "{about}");
            assert_eq!(text(trigger, "manual_close"), "YES", "{about}");
            assert!(
                !text(trigger, "opdata").is_empty() || text(trigger, "expression").starts_with("nodata"),
                "{about}"
            );
            assert!(list(trigger, "tags").iter().any(|tag| text(tag, "tag") == "scope"), "{about}");
        }
    }
}

/// The line's tag makes an SLA of each circuit possible; it must be on what is measured and on what is reported.
#[test]
fn whatever_is_about_a_line_carries_its_tag() {
    for template in Template::of_lines() {
        let id = if template.is_of_a_router() { "{#LINE.ID}" } else { "{$LINE_ID}" };
        let of_the_line = |one: &&Value, key: &str| !template.is_of_a_router() || text(one, key).contains(id);
        let items = template.items().into_iter().filter(|one| of_the_line(one, "key"));
        let triggers = template.triggers().into_iter().filter(|one| of_the_line(one, "name"));
        for one in items.chain(triggers) {
            let tags: BTreeMap<&str, &str> =
                list(one, "tags").into_iter().map(|tag| (text(tag, "tag"), text(tag, "value"))).collect();
            assert_eq!(tags.get("line"), Some(&id), "{}: {}", template.what(), text(one, "name"));
            assert!(tags.contains_key("carrier") && tags.contains_key("circuit"), "{}: {tags:?}", template.what());
        }
        for tag in ["class", "target"] {
            assert!(
                list(template.template(), "tags").iter().any(|one| text(one, "tag") == tag),
                "{}: {tag}",
                template.what()
            );
        }
        assert!(
            template.items().iter().all(|item| list(item, "tags").iter().any(|tag| text(tag, "tag") == "component")),
            "{}",
            template.what()
        );
    }
}

#[test]
fn one_fault_silences_what_follows_from_it() {
    for template in Template::of_lines() {
        let silenced_by = |end: &str| -> BTreeSet<String> {
            let all = list(template.trigger(end), "dependencies");
            all.iter().map(|one| text(one, "name").rsplit(": ").next().expect("a name").to_owned()).collect()
        };
        let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|one| (*one).to_owned()).collect() };
        let what = template.what();
        let of_the_router =
            ["Router not reachable", "Router refuses the login", "Router cannot be asked", "No data of the router"];
        let our_port = ["our port is down", "our port is shut down"];
        if template.is_of_a_router() {
            assert_eq!(silenced_by(": down"), set(&[&of_the_router[..], &our_port].concat()), "{what}");
            our_port
                .iter()
                .for_each(|port| assert_eq!(silenced_by(&format!(": {port}")), set(&of_the_router), "{what}"));
            assert_eq!(silenced_by(": cannot be measured"), set(&of_the_router), "{what}");
            assert_eq!(
                silenced_by(": no measurement"),
                set(&[&of_the_router[..], &["cannot be measured"]].concat()),
                "{what}"
            );
            assert_eq!(silenced_by("Router not reachable"), set(&[]), "{what}");
            assert_eq!(silenced_by("No data of the router"), set(&of_the_router[..3]), "{what}");
        } else {
            assert_eq!(silenced_by(": down"), set(&our_port), "{what}");
            our_port.iter().for_each(|port| assert_eq!(silenced_by(&format!(": {port}")), set(&[]), "{what}"));
            assert_eq!(silenced_by(": router refuses the login"), set(&["router not reachable"]), "{what}");
            assert_eq!(
                silenced_by(": no data"),
                set(&["router not reachable", "router refuses the login", "cannot be measured"]),
                "{what}"
            );
        }
        assert_eq!(silenced_by(": errors on our port"), set(&our_port), "{what}");
        assert_eq!(silenced_by(": very high packet loss"), set(&["down"]), "{what}");
        assert_eq!(silenced_by(": high packet loss"), set(&["down", "very high packet loss"]), "{what}");
        let loss = ["down", "very high packet loss", "high packet loss"];
        assert_eq!(silenced_by(": very high round trip time"), set(&loss), "{what}");
        assert_eq!(
            silenced_by(": high round trip time"),
            set(&[&loss[..], &["very high round trip time"]].concat()),
            "{what}"
        );
    }
}

/// A router that cannot be asked says nothing about its lines: what reports them looks only at what was measured.
#[test]
fn a_line_is_down_only_by_what_the_router_said() {
    for template in Template::of_lines() {
        let name = template.name();
        let suffix = if template.is_of_a_router() { "[{#LINE.ID}]" } else { "" };
        for (end, key) in [
            (": down", "line.up"),
            (": high packet loss", "line.loss"),
            (": very high packet loss", "line.loss"),
            (": high round trip time", "line.rtt.avg"),
            (": very high round trip time", "line.rtt.avg"),
        ] {
            let trigger = template.trigger(end);
            let whole = format!("{} {}", text(trigger, "expression"), text(trigger, "recovery_expression"));
            assert_eq!(asked(name, &whole), BTreeSet::from([format!("{key}{suffix}")]), "{}: {end}", template.what());
        }
        let kinds: Vec<Vec<u8>> = [
            "not reachable",
            "refuses the login",
            if template.is_of_a_router() { "cannot be asked" } else { "cannot be measured" },
        ]
        .iter()
        .map(|end| {
            let expression = text(template.trigger(end), "expression");
            let list = expression.split("\"^(").nth(1).and_then(|rest| rest.split(")$\"").next()).expect("kinds");
            list.split('|').map(|kind| kind.parse().expect("a number")).collect()
        })
        .collect();
        let mut all = kinds.concat();
        all.sort_unstable();
        assert_eq!(
            all,
            (1..=Kind::Internal.number()).collect::<Vec<_>>(),
            "{}: each kind in one problem",
            template.what()
        );
        for kind in [Kind::Connect, Kind::Busy, Kind::Shell, Kind::Deadline, Kind::LoginLimit, Kind::Master] {
            assert!(kinds[0].contains(&kind.number()), "{}: {}", template.what(), kind.name());
        }
        assert_eq!(kinds[1], [Kind::Auth.number(), Kind::HostKey.number()], "{}", template.what());
    }
}

#[test]
fn zabbix_7_0_has_a_time_out_for_what_runs_the_program() {
    for template in Template::all() {
        let runs = |item: &&Value| ["EXTERNAL", "ZABBIX_PASSIVE"].contains(&text(item, "type"));
        for item in template.items().into_iter().chain([template.rule()]).filter(runs) {
            assert_eq!(
                text(item, "timeout"),
                if template.version == "7.0" { "{$LINE_ITEM_TIMEOUT}" } else { "" },
                "{}",
                template.what()
            );
        }
        // 7.0 takes the widgets of 6.0 without a word and shows them empty.
        for widget in template.widgets() {
            let lower = text(widget, "type").chars().all(|letter| letter.is_ascii_lowercase());
            assert_eq!(lower, template.version == "7.0", "{}: {widget:?}", template.what());
        }
    }
}

/// What the sweep prints, field by field; what it may leave out is a value all the same.
#[test]
fn the_summary_of_a_sweep_has_an_item_for_each_of_its_fields() {
    let summary = serde_json::to_value(ddl_monitor::sweep::summary::Summary::default()).expect("JSON");
    let template = Template::named(SWEEP);
    let keys: BTreeSet<&str> = template.items().iter().map(|item| text(item, "key")).collect();
    let fields = summary.as_object().expect("an object").keys().map(|field| format!("sweep.{field}"));
    // When it was, and what only several sweeps at once or one that ends early have.
    let without = ["sweep.time", "sweep.in_hand", "sweep.given_up", "sweep.servers"];
    for key in fields.filter(|key| !without.contains(&key.as_str())) {
        assert!(keys.contains(key.as_str()), "{key}");
    }
    let of_kinds: BTreeSet<&str> =
        keys.iter().filter_map(|key| key.strip_prefix("sweep.failed[")?.strip_suffix(']')).collect();
    let kinds = of_kinds.iter().map(|name| serde_json::from_value::<Kind>((*name).into()).expect(name).number());
    assert_eq!(kinds.collect::<BTreeSet<_>>(), (1..=Kind::Internal.number()).collect());
}

/// The agent variants, the trapper template, 7.0/ and the tables of the README.
#[test]
fn what_follows_from_the_sources_is_what_the_script_makes() {
    let output = Command::new(root().join("../scripts/templates")).arg("--check").output().expect("perl");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\nrun scripts/templates");
}
