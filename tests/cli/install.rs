//! `scripts/install` below a root of its own: what it makes, what it leaves alone, what it takes away again.

use crate::support::monitor::BINARY;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A machine with a server, a proxy that names its own folder, and both agents.
fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("etc/zabbix/zabbix_server.conf", "# ExternalScripts=${datadir}/zabbix/externalscripts\nLogFile=/tmp/x\n");
    write("usr/sbin/zabbix_server", "\0…/etc/zabbix/externalscripts\0…");
    write("etc/zabbix/zabbix_proxy.conf", "ExternalScripts=/opt/checks\n");
    write("etc/zabbix/zabbix_agentd.conf", "Include=/etc/zabbix/zabbix_agentd.conf.d/*.conf\n");
    write(
        "etc/zabbix/zabbix_agent2.conf",
        "Include=./zabbix_agent2.d/plugins.d/*.conf\nInclude=/etc/zabbix/zabbix_agent2.d/\n",
    );
    root
}

fn install(root: &Path, more: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install");
    Command::new(script)
        .args(["--binary", BINARY, "--root"])
        .arg(root)
        .args(more)
        .output()
        .expect("scripts/install runs")
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{text}");
    text
}

/// Every name below the root, with what it holds.
fn tree(root: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let about = fs::symlink_metadata(&path).expect("its metadata");
            if about.is_dir() {
                folders.push(path.clone());
            }
            let holds = if about.is_file() { fs::read(&path).expect("its text") } else { Vec::new() };
            found.push((path, about.mode(), holds));
        }
    }
    found.sort();
    found
}

const LINKS: [&str; 2] = ["etc/zabbix/externalscripts/ddl-monitor", "opt/checks/ddl-monitor"];
const PARAMETERS: [&str; 2] =
    ["etc/zabbix/zabbix_agentd.conf.d/ddl-monitor.conf", "etc/zabbix/zabbix_agent2.d/ddl-monitor.conf"];

#[test]
fn everything_is_where_server_proxy_and_agents_look_for_it() {
    let machine = machine();
    let root = machine.path();
    said(&install(root, &[]));
    assert_eq!(fs::read(root.join("usr/local/bin/ddl-monitor")).unwrap(), fs::read(BINARY).unwrap());
    for link in LINKS {
        assert_eq!(fs::read_link(root.join(link)).unwrap(), Path::new("/usr/local/bin/ddl-monitor"), "{link}");
    }
    for file in PARAMETERS {
        assert!(fs::read_to_string(root.join(file)).unwrap().contains("\nUserParameter="), "{file}");
    }
    let mode = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("var/lib/ddl-monitor"), 0o700);
    assert_eq!(mode("etc/zabbix/ddl-monitor-credentials.toml"), 0o600);
    let settings = root.join("etc/zabbix/ddl-monitor.toml");
    let checked = Command::new(BINARY).args(["--format", "text", "config", "show", "--config"]).arg(settings).output();
    let shown = said(&checked.expect("ddl-monitor runs"));
    assert!(shown.contains("/var/lib/ddl-monitor ") && shown.contains("ddl-monitor-credentials.toml "), "{shown}");
}

#[test]
fn only_a_folder_that_an_agent_reads_our_file_from_is_taken() {
    for (conf, folder) in [
        ("Include=/etc/zabbix/mine.conf\nInclude = /etc/zabbix/a.d/*.conf \r\n", Some("etc/zabbix/a.d")),
        ("#Include=/etc/zabbix/no.d/\nInclude=/etc/zabbix/b.d/*\n", Some("etc/zabbix/b.d")),
        ("Include=/etc/zabbix/c.d/*.userparams\nInclude=/etc/zabbix/c.d\n", Some("etc/zabbix/c.d")),
        ("Include=/etc/zabbix/*.d/*.conf\nInclude=d.d/*.conf\n", None),
    ] {
        let machine = machine();
        fs::write(machine.path().join("etc/zabbix/zabbix_agentd.conf"), conf).unwrap();
        fs::remove_file(machine.path().join("etc/zabbix/zabbix_agent2.conf")).unwrap();
        let text = said(&install(machine.path(), &[]));
        let mut installed = tree(machine.path());
        installed.retain(|(path, ..)| path.is_file() && path.ends_with("ddl-monitor.conf"));
        let folders: Vec<_> = installed.iter().filter_map(|(path, ..)| path.parent()).collect();
        assert_eq!(folders, Vec::from_iter(folder.map(|folder| machine.path().join(folder))), "{conf:?}: {text}");
        assert_eq!(folder.is_none(), text.contains("by hand"), "{conf:?}: {text}");
    }
}

#[test]
fn a_dry_run_names_every_step_and_does_none() {
    let machine = machine();
    let before = tree(machine.path());
    let text = said(&install(machine.path(), &["--dry-run"]));
    assert_eq!(tree(machine.path()), before);
    let steps =
        text.lines().filter(|line| ["install ", "link ", "make ", "write "].iter().any(|s| line.starts_with(s)));
    assert_eq!(steps.count(), 8, "{text}");
}

#[test]
fn what_is_there_is_never_overwritten_and_a_program_only_by_upgrade() {
    let machine = machine();
    let root = machine.path();
    said(&install(root, &[]));
    let ours = ["usr/local/bin/ddl-monitor", "etc/zabbix/ddl-monitor.toml", "etc/zabbix/ddl-monitor-credentials.toml"];
    for name in ours.iter().chain(&PARAMETERS) {
        fs::write(root.join(name), "mine").unwrap();
    }
    let before = tree(root);
    said(&install(root, &[]));
    assert_eq!(tree(root), before);
    said(&install(root, &["--upgrade"]));
    assert_eq!(fs::read(root.join(ours[0])).unwrap(), fs::read(BINARY).unwrap());
    for name in ours[1..].iter().chain(&PARAMETERS) {
        assert_eq!(fs::read_to_string(root.join(name)).unwrap(), "mine", "{name}");
    }
}

#[test]
fn uninstalling_takes_away_what_it_made_and_keeps_settings_credentials_and_state() {
    let machine = machine();
    let root = machine.path();
    said(&install(root, &[]));
    fs::write(root.join(PARAMETERS[1]), "mine").unwrap();
    let kept = [
        "etc/zabbix/ddl-monitor.toml",
        "etc/zabbix/ddl-monitor-credentials.toml",
        "var/lib/ddl-monitor",
        PARAMETERS[1],
    ];
    let text = said(&install(root, &["--uninstall"]));
    for name in kept {
        assert!(root.join(name).exists() && text.contains(name), "{name}: {text}");
    }
    for name in LINKS.iter().chain(&["usr/local/bin/ddl-monitor", PARAMETERS[0]]) {
        assert!(fs::symlink_metadata(root.join(name)).is_err(), "{name}");
    }
}

#[test]
fn a_machine_without_zabbix_is_refused_and_left_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let output = install(root.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("install one of them first"));
    assert_eq!(tree(root.path()), []);
}
