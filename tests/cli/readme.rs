//! What README.md says is what the program does: its tables, its command lines, the scripts it names. Each mismatch prints
//! the text that belongs there.

use crate::support::inventory::Inventory;
use crate::support::monitor::{BINARY, Monitor};
use crate::support::sim::SimRouter;
use crate::support::zabbix_api::{self, Host, World, ZabbixApi};
use clap::{Command, CommandFactory};
use ddl_monitor::cli::Cli;
use ddl_monitor::failure::{Failure, Kind, Stage};
use ddl_monitor::inventory::import;
use ddl_monitor::probe::{
    Answer, InterfaceResult, Measurement, Name, Ping, PingResult, Probe, ProbeKind, Reason, Source, Traceroute,
    TracerouteResult, When,
};
use ddl_monitor::zabbix::discovery;
use ddl_monitor::zabbix::reading;
use ddl_monitor::{platform, settings};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

const KINDS: [Kind; 12] = [
    Kind::Settings,
    Kind::Connect,
    Kind::Auth,
    Kind::HostKey,
    Kind::Busy,
    Kind::Shell,
    Kind::Rejected,
    Kind::Deadline,
    Kind::Reply,
    Kind::LoginLimit,
    Kind::Master,
    Kind::Internal,
];

const STAGES: [Stage; 10] = [
    Stage::Settings,
    Stage::Connect,
    Stage::KeyExchange,
    Stage::HostKey,
    Stage::Login,
    Stage::Enable,
    Stage::Prompt,
    Stage::SetUp,
    Stage::Probe,
    Stage::Reply,
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// The rows of the first table after a text, heading and rule left out, each as its cells.
fn table(after: &str) -> Vec<Vec<String>> {
    let readme = readme();
    let (_, rest) = readme.split_once(after).unwrap_or_else(|| panic!("README.md has no {after:?}"));
    let lines = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines.skip(2).map(cells).collect()
}

fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\u{0}");
    let row = row.trim().trim_start_matches('|').trim_end_matches('|');
    row.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

/// What stands in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_kinds_of_failure_are_those_of_the_program() {
    let rows = table("<!-- kinds");
    let found: Vec<_> = rows.iter().map(|row| format!("| {} | {} |", row[0], row[1])).collect();
    let right: Vec<_> = KINDS.iter().map(|kind| format!("| {} | `{}` |", kind.number(), kind.name())).collect();
    assert_eq!(found, right, "\nREADME.md has to say:\n{}\n", right.join("\n"));
    // All there are: the next number is no kind.
    assert!(KINDS.iter().map(|kind| kind.number()).eq(1..=12));
    assert!(rows.iter().all(|row| row[2].len() > 10));
}

#[test]
fn the_fields_of_a_batch_are_those_it_prints() {
    let sim = SimRouter::new("linux").start();
    let monitor = Monitor::new();
    let router = sim.address("r1").to_string();
    let inventory = Inventory::new().router("edge-1", &router, "linux", "").line("L-1", "edge-1", "192.0.2.1", "");
    inventory.import(&monitor);
    let answer = monitor.run(&["batch", "--router", "edge-1"]).json();
    let names = |value: &Value| -> BTreeSet<String> { value.as_object().expect("an object").keys().cloned().collect() };
    let rows = table("<!-- batch");
    let of_row = |row: &Vec<String>| -> Vec<String> { quoted(&row[0]).into_iter().map(str::to_owned).collect() };
    let mut documented: BTreeSet<String> = rows.iter().flat_map(of_row).collect();
    assert!(documented.remove("failure"), "only where there is one");
    assert_eq!(documented, names(&answer));
    let lines = &rows.last().expect("a row for the lines")[1];
    for name in names(&answer["lines"]["L-1"]) {
        assert!(quoted(lines).contains(&name.as_str()), "{name}: {lines}");
    }
}

#[test]
fn the_fields_of_a_sweep_are_those_it_prints() {
    let summary = serde_json::to_value(ddl_monitor::sweep::summary::Summary::default()).expect("JSON");
    let printed: BTreeSet<String> = summary.as_object().expect("an object").keys().cloned().collect();
    let rows = table("<!-- sweep");
    let names = rows.iter().flat_map(|row| quoted(&row[0]).into_iter().map(str::to_owned).collect::<Vec<_>>());
    let mut documented: BTreeSet<String> = names.collect();
    assert!(documented.remove("failure") && documented.remove("state"), "what is around the summary");
    assert_eq!(documented, printed);
}

#[test]
fn the_macros_of_a_sync_are_those_that_it_reads() {
    let found: Vec<_> = table("<!-- sync macros").iter().map(|row| format!("{} {}", row[0], row[1])).collect();
    let right: Vec<_> = reading::macros().map(|(name, default)| format!("`{default}` `{name}`")).collect();
    assert_eq!(found, right);
}

#[test]
fn the_fields_of_a_sync_are_those_it_prints() {
    let world = World { hosts: vec![Host::line(1, "10.1.1.1", "192.0.2.1")], ..World::default() };
    let api = ZabbixApi::start("7.0", world);
    let monitor = Monitor::with(&api.settings());
    monitor.write_credentials(&format!(
        "[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[api]\nuser = {:?}\npassword = {:?}\n",
        zabbix_api::USER,
        zabbix_api::PASSWORD
    ));
    let printed = monitor.run(&["sync"]).json();
    let mut names: BTreeSet<String> = printed.as_object().expect("an object").keys().cloned().collect();
    names.insert("failure".to_owned());
    let documented: BTreeSet<String> = table("<!-- sync fields")
        .iter()
        .flat_map(|row| quoted(&row[0]).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, names);
}

#[test]
fn the_units_run_a_command_that_there_is() {
    let unit = fs::read_to_string(root().join("scripts/ddl-monitor-sync.service")).expect("a unit");
    let lines = unit.lines().filter_map(|line| Some(line.split_once("/usr/local/bin/")?.1));
    let lines: Vec<_> = lines.map(|line| line.split('>').next().unwrap_or(line).trim().to_owned()).collect();
    assert_eq!(lines.len(), 2, "of systemd and of cron");
    for line in lines {
        Cli::command().try_get_matches_from(words(&line)).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
}

#[test]
fn the_plan_in_the_readme_is_what_plan_prints() {
    let monitor = Monitor::with("poll.deadline = \"2.5s\"");
    let inventory = Inventory::new().router("edge-1", "192.0.2.1", "cisco_iosxe", "");
    inventory.lines(200, "edge-1", "interval = \"30s\"").import(&monitor);
    let printed = monitor.run(&["--format", "text", "plan", "--router", "edge-1"]).stdout;
    let readme = readme();
    let (_, shown) = readme.split_once("$ ddl-monitor plan --router edge-1\n").expect("the plan in README.md");
    let shown: Vec<&str> = shown.lines().take_while(|line| line.trim() != "…").map(|line| &line[4..]).collect();
    assert_eq!(printed.lines().take(shown.len()).collect::<Vec<_>>(), shown, "{printed}");
    // And what is said of it in words.
    let plan = |more: &[&str]| {
        monitor.run(&[&["plan", "--router", "edge-1"], more].concat()).json()["fits"]["typical"].clone()
    };
    for fits in [&["--dead", "0"][..], &["--interval", "90s"], &["--lanes", "5"], &["--count", "2", "--timeout", "1s"]]
    {
        assert_eq!(plan(fits), true, "{fits:?}");
    }
    assert_eq!(plan(&[]), false);
}

#[test]
fn the_arguments_of_a_poll_are_those_of_its_help() {
    let cli = Cli::command();
    let poll = cli.find_subcommand("poll").expect("poll");
    let mut missing = Vec::new();
    let rows = table("<!-- arguments");
    for argument in poll.get_arguments().filter(|argument| argument.get_long() != Some("help")) {
        let flag = format!("--{}", argument.get_long().expect("a flag"));
        let value = argument.get_value_names().expect("a value")[0].as_str();
        let help = argument.get_help().expect("a help text").to_string();
        let macros: Vec<&str> =
            help.split("{$").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        let row = rows.iter().find(|row| quoted(&row[0]).contains(&format!("{flag} {value}").as_str()));
        let Some(row) = row else {
            missing.push(format!("| `{flag} {value}` | … | {help}"));
            continue;
        };
        for name in &macros {
            if !row[1].contains(&format!("`{{${name}}}`")) {
                missing.push(format!("`{flag} {value}` is also the macro {{${name}}}"));
            }
        }
        if let Some((_, default)) = help.split_once("[default: ")
            && default.trim_end_matches(']').chars().next().is_some_and(|c| c.is_ascii_digit())
            && !row[2].contains(default.trim_end_matches(']'))
        {
            missing.push(format!("the default of {flag} is {}", default.trim_end_matches(']')));
        }
    }
    for row in &rows {
        for flag in quoted(&row[0]) {
            let name = flag.split(' ').next().unwrap_or(flag).trim_start_matches("--");
            if !poll.get_arguments().any(|argument| argument.get_long() == Some(name)) {
                missing.push(format!("poll has no --{name}"));
            }
        }
        for name in quoted(&row[1]) {
            if name.starts_with("{$") && !long_help(poll).contains(name) {
                missing.push(format!("the help of poll does not name {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "\nREADME.md, arguments of a poll:\n{}\n", missing.join("\n"));
}

fn long_help(command: &Command) -> String {
    command.clone().render_long_help().to_string()
}

#[test]
fn the_platforms_are_those_that_are_built_in() {
    let rows = table("<!-- platforms");
    let found: Vec<_> = rows.iter().map(|row| row[..2].join(" | ")).collect();
    let right: Vec<_> = platform::list(None).iter().map(|p| format!("`{}` | {}", p.name, p.title)).collect();
    let lines: Vec<_> = right.iter().map(|row| format!("| {row} | … |")).collect();
    assert_eq!(found, right, "\nREADME.md has to say:\n{}\n", lines.join("\n"));
    // What a platform was tested on is said of each, and a device only of those that the tests really log in to.
    for row in &rows {
        let real = ["`frr`", "`linux`"].contains(&row[0].as_str());
        assert_eq!(row[2].starts_with("a real "), real, "{row:?}");
        assert!(real || row[2].contains("recorded answers"), "{row:?}");
    }
}

#[test]
fn the_options_of_a_ping_are_those_that_each_platform_takes() {
    let mut wrong = Vec::new();
    let rows = table("<!-- options");
    for listed in platform::list(None) {
        let platform = platform::Platform::compile(&platform::find(&listed.name, None).expect("a definition")).unwrap();
        let takes = |change: &dyn Fn(&mut Ping, bool)| {
            [false, true].map(|six| {
                let target = if six { "2001:db8::1" } else { "192.0.2.1" }.parse().expect("an address");
                let timeout = Duration::from_secs(1);
                let mut ping = Ping { target, count: 2, timeout, size: None, vrf: None, source: None, df: false };
                change(&mut ping, six);
                platform.check(&Probe::Ping(ping)).is_ok()
            })
        };
        let named = |text: &str| Name::try_from(text.to_owned()).expect("a name");
        let vrf = takes(&|ping, _| ping.vrf = Some(named("blue")));
        let df = takes(&|ping, _| ping.df = true);
        let interface = takes(&|ping, _| ping.source = Some(Source::Interface(named("lo0"))));
        let address = takes(&|ping, six| {
            let own = if six { "2001:db8::2" } else { "192.0.2.2" };
            ping.source = Some(Source::Address(own.parse().expect("an address")));
        });
        let row = rows.iter().find(|row| quoted(&row[0]).contains(&listed.name.as_str()));
        let Some(row) = row else {
            wrong.push(format!("{} has no row", listed.name));
            continue;
        };
        let said = |cell: &str| [!cell.is_empty(), !cell.is_empty() && !cell.contains("IPv4")];
        let source = |word: &str| [row[4].contains(word); 2];
        for (what, said, takes) in [
            ("--vrf", said(&row[3]), vrf),
            ("an address as --source", source("address"), address),
            ("an interface as --source", source("interface"), interface),
            ("--df", said(&row[5]), df),
        ] {
            if said != takes {
                wrong.push(format!(
                    "{}: {what} for IPv4 and IPv6: README.md says {said:?}, it is {takes:?}",
                    listed.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_settings_are_those_of_the_program() {
    let right = settings::markdown();
    assert!(readme().contains(&right), "\nREADME.md has to say after <!-- settings:\n{right}");
}

/// A document with every member there can be, as `poll` prints it.
fn members(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) if name == "ping" => members(value, "ping.", found),
            _ => {
                found.insert(format!("{prefix}{name}"));
            }
        }
    }
}

#[test]
fn every_member_of_an_interface_is_explained() {
    let interface = InterfaceResult {
        name: String::new(),
        admin: Some(1),
        oper: Some(1),
        description: Some(String::new()),
        in_errors: Some(0),
        out_errors: Some(0),
        crc: Some(0),
        in_rate: Some(0),
        out_rate: Some(0),
        bandwidth: Some(0),
        last_change: Some(0),
    };
    let mut printed: BTreeSet<String> = json!(interface).as_object().expect("members").keys().cloned().collect();
    printed.insert("failure".to_owned());
    let rows = table("<!-- interface fields");
    let names =
        rows.iter().flat_map(|row| quoted(&row[0])).map(|name| name.trim_start_matches("interface.").to_owned());
    let explained: BTreeSet<String> = names.collect();
    assert_eq!(explained, printed);
}

#[test]
fn every_field_of_a_traceroute_is_explained_and_no_other() {
    let result =
        TracerouteResult { reached: 0, hops: Vec::new(), time: Some(1.0), complete: true, text: String::new() };
    let mut printed: BTreeSet<String> = json!(result).as_object().expect("members").keys().cloned().collect();
    printed.insert("failure".to_owned());
    let rows = table("<!-- traceroute fields");
    let names = rows.iter().map(|row| quoted(&row[0])[0].trim_start_matches("traceroute.").to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), printed);
}

#[test]
fn the_commands_that_show_an_interface_are_those_of_the_definitions() {
    let found: Vec<(String, String)> = table("<!-- interface commands")
        .iter()
        .map(|row| (quoted(&row[0])[0].to_owned(), quoted(&row[1])[0].to_owned()))
        .collect();
    let mut right = Vec::new();
    for listed in platform::list(None) {
        let definition = platform::find(&listed.name, None).expect("a definition");
        let definition: toml::Table = definition.text.parse().expect("TOML");
        let interface = definition["probe"].get("interface");
        right.extend(
            interface.map(|probe| (listed.name, probe["command"].as_str().expect("text").replace("{interface}", "…"))),
        );
    }
    assert_eq!(found, right);
}

#[test]
fn the_traceroutes_are_those_that_each_platform_takes() {
    let named = |text: &str| Some(Name::try_from(text.to_owned()).expect("a name"));
    let mut right = Vec::new();
    for listed in platform::list(None) {
        let definition = platform::find(&listed.name, None).expect("a definition");
        let parsed: toml::Table = definition.text.parse().expect("TOML");
        let Some(form) = parsed["probe"].get("traceroute") else { continue };
        let platform = platform::Platform::compile(&definition).unwrap();
        let takes = |target: &str, vrf: Option<Name>, source: Option<Source>| {
            let target = target.parse().expect("an address");
            platform.check(&Probe::Traceroute(Traceroute { target, vrf, source, when: When::Edge })).is_ok()
        };
        let (four, six) = ("192.0.2.1", "2001:db8::1");
        let address = |text: &str| Some(Source::Address(text.parse().expect("an address")));
        let vrf = match (takes(four, named("blue"), None), takes(six, named("blue"), None)) {
            (true, false) if takes(six, None, None) => "IPv4",
            (true, _) => "yes",
            (false, _) => "",
        };
        let source = match (takes(four, None, address("192.0.2.2")), takes(six, None, address("2001:db8::2"))) {
            (true, false) if takes(six, None, None) => "address, IPv4",
            (true, _) => "address",
            (false, _) => "",
        };
        let interface = named("lo0").map(Source::Interface);
        let source = if takes(four, None, interface) { format!("{source} or interface") } else { source.to_owned() };
        // Without its optional parts.
        let mut command = String::new();
        for piece in form["command"].as_str().expect("text").split('[') {
            command.push_str(piece.split_once(']').map_or(piece, |(_, rest)| rest));
        }
        let command = command.replace("{target}", "…");
        let ipv6 = if takes(six, None, None) { "yes" } else { "" };
        right.push(
            format!("| `{}` | `{command}` | {ipv6} | {vrf} | {source} |", listed.name)
                .replace("|  |", "| |")
                .replace("|  |", "| |"),
        );
    }
    let readme = readme();
    let right = right.join("\n");
    assert!(readme.contains(&right), "\nREADME.md has to say after <!-- traceroute commands:\n{right}\n");
}

#[test]
fn every_member_that_a_poll_can_print_is_explained() {
    let mut found = BTreeSet::new();
    // What is printed of a ping, all of it.
    let ping = PingResult {
        up: 1,
        sent: Some(1),
        received: Some(1),
        loss: Some(0.0),
        rtt_min: Some(0.1),
        rtt_avg: Some(0.1),
        rtt_max: Some(0.1),
        rtt_p95: Some(0.1),
        jitter: Some(0.1),
        loss_burst: Some(1),
        complete: true,
        pending: Some(1),
        duplicates: Some(1),
        reason: Some(Reason::TooBig),
        mtu: Some(1400),
        plain: true,
    };
    let answer = Answer { kind: ProbeKind::Ping, outcome: Ok(Measurement::Ping(ping.clone())) };
    assert_eq!(answer.kind.name(), "ping");
    members(&json!({"ping": ping}), "", &mut found);
    // And the members around it, as the program itself prints them.
    let monitor = Monitor::new();
    let failed =
        monitor.run(&["poll", "--target", "192.0.2.1", "--router", "192.0.2.9", "--platform", "nonsense"]).json();
    members(&failed, "", &mut found);
    found.insert("session".to_owned());
    let rows = table("<!-- fields");
    let mut missing = Vec::new();
    let names: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            let names = quoted(&row[0]);
            let inside = names.first().and_then(|name| name.strip_prefix("ping.")).is_some();
            names
                .into_iter()
                .map(
                    move |name| {
                        if inside && !name.starts_with("ping.") { format!("ping.{name}") } else { name.to_owned() }
                    },
                )
                .collect::<Vec<_>>()
        })
        .collect();
    for name in &found {
        if !names.contains(name) {
            missing.push(format!("| `{name}` | … |"));
        }
    }
    for name in &names {
        if !found.contains(name) {
            missing.push(format!("no poll prints {name}"));
        }
    }
    let failure = rows.iter().find(|row| row[0] == "`failure`").map(|row| row[1].clone()).unwrap_or_default();
    let mut held = Failure::new(Kind::Auth, Stage::Login, "");
    held.retry_in = Some(1.0);
    for name in json!(held).as_object().into_iter().flatten().map(|(name, _)| name) {
        if !quoted(&failure).contains(&name.as_str()) {
            missing.push(format!("failure: `{name}`"));
        }
    }
    for stage in STAGES {
        let name = json!(stage);
        if !quoted(&failure).contains(&name.as_str().expect("a name")) {
            missing.push(format!("failure: stage {name}"));
        }
    }
    assert!(missing.is_empty(), "\nREADME.md, fields of the output:\n{}\n", missing.join("\n"));
}

/// The texts of a list; none where there is no such key.
fn sent(definition: &toml::Value, key: &str) -> Vec<String> {
    let list = definition.get(key).map(|list| list.as_array().expect("a list").as_slice()).unwrap_or_default();
    list.iter().map(|text| text.as_str().expect("text").to_owned()).collect()
}

/// A probe's command with all that differs left out: what the read-only list has of it.
fn abridged(command: &str, read_only: &[String]) -> String {
    let begins =
        |entry: &&String| command.strip_prefix(entry.as_str()).is_some_and(|rest| rest.starts_with([' ', '[']));
    let entry = read_only.iter().filter(begins).max_by_key(|entry| entry.len()).expect("it is on the read-only list");
    format!("{entry} …")
}

#[test]
fn the_commands_that_an_account_must_be_allowed_are_those_that_are_sent() {
    let rows = table("<!-- commands");
    let mut wrong = Vec::new();
    let all = platform::list(None);
    for listed in &all {
        let definition = platform::find(&listed.name, None).expect("a definition");
        let definition: toml::Table = definition.text.parse().expect("TOML");
        let definition = toml::Value::Table(definition);
        let read_only = sent(&definition, "read_only");
        let mut commands = sent(&definition, "set_up");
        let modes = definition["mode"].as_array().expect("modes");
        commands.extend(modes.iter().flat_map(|mode| sent(mode, "set_up")));
        let ping = &definition["probe"]["ping"];
        let variants = ping.get("variant").map(|list| list.as_array().expect("a list").as_slice()).unwrap_or_default();
        let mut probes = Vec::new();
        for words in std::iter::once(ping).chain(variants) {
            for key in ["before", "before_ipv6"] {
                probes.extend(sent(words, key));
            }
            for key in ["command", "command_ipv6"] {
                probes.extend(words.get(key).and_then(toml::Value::as_str).map(str::to_owned));
            }
        }
        for probe in probes {
            let shown = abridged(&probe, &read_only);
            if !commands.contains(&shown) {
                commands.push(shown);
            }
        }
        commands.extend(sent(&definition, "tear_down"));
        for change in ["enable", "enter"].iter().filter_map(|key| definition.get(key)) {
            commands.insert(0, change["command"].as_str().expect("text").to_owned());
        }
        let right: Vec<_> = commands.iter().map(|command| format!("`{command}`")).collect();
        let right = right.join(", ");
        let row = rows.iter().find(|row| row[0] == format!("`{}`", listed.name));
        if row.is_none_or(|row| quoted(&row[2]) != commands) {
            wrong.push(format!("| `{}` | … | {right} |", listed.name));
        }
    }
    assert_eq!(rows.len(), all.len(), "one row per platform");
    assert!(wrong.is_empty(), "\nREADME.md, commands sent:\n{}\n", wrong.join("\n"));
}

#[test]
fn the_keys_of_an_inventory_and_the_macros_of_a_discovery_are_those_of_the_program() {
    let named = |after| {
        table(after).iter().flat_map(|row| quoted(&row[0]).into_iter().map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let [routers, lines] = import::keys();
    let found: [Vec<String>; 3] = ["<!-- router keys", "<!-- line keys", "<!-- macros"].map(named);
    assert_eq!(
        found,
        [routers, lines, discovery::MACROS.to_vec()]
            .map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    );
}

#[test]
fn the_inventory_that_is_shown_can_be_imported() {
    let readme = readme();
    let (_, rest) = readme.split_once("This is a whole one, `lines.toml`:").expect("an inventory");
    let block: Vec<&str> =
        rest.lines().skip(2).take_while(|line| line.is_empty() || line.starts_with("    ")).map(str::trim).collect();
    let monitor = Monitor::new();
    monitor.write_credentials("[core]\nuser = \"ddl\"\npassword = \"ddl\"\n");
    let file = monitor.path("lines.toml");
    fs::write(&file, block.join("\n")).expect("a file");
    let ran = monitor.run(&["inventory", "import", file.to_str().expect("UTF-8")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!((ran.json()["lines"].clone(), ran.json()["remarks"].clone()), (json!(2), json!([])));
}

/// The command lines in README.md: indented blocks and quoted pieces that begin with `ddl-monitor`.
fn command_lines() -> Vec<String> {
    let readme = readme().replace("\\\n", " ");
    let blocks = readme.lines().filter(|line| line.starts_with("    ")).map(str::trim);
    let pieces: Vec<&str> = readme.lines().filter(|line| !line.starts_with("    ")).flat_map(quoted).collect();
    let lines = blocks.chain(pieces).filter(|line| line.starts_with("ddl-monitor "));
    lines.map(|line| line.split(['#', '>']).next().unwrap_or(line).trim().to_owned()).collect()
}

/// As a shell would, for what README.md writes; `…` and `R` stand for what the reader knows.
fn words(line: &str) -> Vec<String> {
    let known = "--platform cisco_iosxe --user ddl --password secret:core --target 192.0.2.1 --router 192.0.2.1";
    let line = if line.contains('…') && line.contains("--router") {
        line.replace('…', "--platform cisco_iosxe --user ddl --password secret:core")
    } else {
        line.replace('…', known)
    };
    line.split('"')
        .enumerate()
        .flat_map(|(at, piece)| match at % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![piece.to_owned()],
        })
        .collect()
}

#[test]
fn every_command_line_is_understood() {
    let lines = command_lines();
    assert!(lines.len() > 10, "{lines:?}");
    for line in lines {
        if let Err(e) = Cli::command().try_get_matches_from(words(&line)) {
            panic!("README.md: {line}\n{e}");
        }
    }
}

#[test]
fn every_file_and_heading_that_is_named_exists() {
    let readme = readme();
    let words = readme.split(|c: char| c.is_whitespace() || "`,;:()".contains(c));
    for script in words.filter(|word| word.starts_with("scripts/") || word.starts_with("examples/")) {
        assert!(root().join(script).exists(), "README.md names {script}");
    }
    let anchors: BTreeSet<String> = readme
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
        .collect();
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(anchors.contains(anchor), "README.md has no heading for #{anchor}"),
            None => assert!(root().join(link).exists(), "README.md links to {link}"),
        }
    }
    assert!(Path::new(BINARY).ends_with("ddl-monitor"));
}

/// The platform that is shown, as it is to be written into a file.
fn shown_platform() -> String {
    let readme = readme();
    let (_, rest) = readme.split_once("of a router that nobody makes:\n").expect("the example of a platform");
    let lines = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect()
}

fn compiled(text: &str) -> Result<platform::Platform, Failure> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("acme_os.toml");
    fs::write(&path, text).expect("a file");
    platform::Platform::compile(&platform::from_file(&path)?)
}

#[test]
fn the_platform_that_is_shown_is_a_whole_one() {
    let platform = compiled(&shown_platform()).expect("a platform");
    let samples = platform.check_samples();
    assert!(!samples.is_empty() && samples.iter().all(|sample| sample.difference.is_none()), "{samples:?}");
}

#[test]
fn every_key_of_a_platform_is_explained() {
    let rows = table("<!-- platform keys");
    let explained: BTreeSet<&str> = rows.iter().flatten().flat_map(|cell| quoted(cell)).collect();
    let text = shown_platform()
        + "[[dialogue]]\nwhen = 'a'\nanswer = \"n\"\n[[pager]]\nmark = 'a'\nanswer = \"b\"\n"
        + "[enter]\nfrom = \"a\"\nto = \"b\"\ncommand = \"c\"\n[enable]\nfrom = \"a\"\nto = \"b\"\ncommand = \"c\"\npassword = 'd'\nrefused = []\n";
    for table in [
        "",
        "[[mode]]\n",
        "[[dialogue]]\n",
        "[[pager]]\n",
        "[enter]\n",
        "[enable]\n",
        "[[failure_indicator]]\n",
        "[[sample]]\n",
        "[probe.ping]\n",
        "size = {",
        "[[probe.ping.packet]]\n",
        "[[probe.ping.statistics]]\n",
        "[probe.interface]\n",
        "admin = [{",
        "in_errors = [{",
        "[probe.traceroute]\n",
    ] {
        assert!(text.contains(table), "{table}");
        let end = if table.ends_with('{') { "," } else { "\n" };
        let unknown = text.replacen(table, &format!("{table}nonsense = 1{end}"), 1);
        let message = compiled(&unknown).expect_err(table).message;
        let (_, known) = message.split_once("`nonsense`, expected ").unwrap_or_else(|| panic!("{table}: {message}"));
        for key in quoted(known) {
            let member = format!("probe.{key}");
            assert!(explained.contains(key) || explained.contains(member.as_str()), "{table}{key} is not explained");
        }
    }
}
