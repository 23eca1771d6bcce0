//! Where settings come from, and the exact words of every mistake.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

/// A folder with a settings file, and what the rest of the world says.
struct World {
    dir: TempDir,
    environment: Vec<(String, String)>,
    flags: Vec<(&'static str, String)>,
}

impl World {
    fn with(text: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("ddl-monitor.toml"), text).unwrap();
        Self { dir, environment: Vec::new(), flags: Vec::new() }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.flags.push((name, value.into()));
        self
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("ddl-monitor.toml")
    }

    fn load(&self) -> Result<Loaded, Vec<String>> {
        let variables = self.environment.iter().map(|(name, value)| (name.into(), value.into()));
        from(Some(&self.path()), &self.flags, &Environment::of(variables), || None)
    }

    /// The mistakes, the file's folder cut off.
    fn mistakes(&self) -> Vec<String> {
        let dir = format!("{}/", self.dir.path().display());
        self.load().unwrap_err().into_iter().map(|mistake| mistake.replace(&dir, "")).collect()
    }
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let world = World::with("[poll]\ndeadline = '9s'\ncount = 7\ntimeout = 1.5\n")
        .variable("DDL_MONITOR_POLL_DEADLINE", "8s")
        .variable("DDL_MONITOR_POLL_COUNT", "6")
        .flag("poll.deadline", "700ms");
    let loaded = world.load().unwrap();
    assert_eq!(loaded.settings.poll.deadline, Duration::from_millis(700));
    assert_eq!(loaded.settings.poll.count, 6);
    assert_eq!(loaded.settings.poll.timeout, Duration::from_millis(1500));
    assert_eq!(loaded.source("poll.deadline").to_string(), "--deadline");
    assert_eq!(loaded.source("poll.count").to_string(), "DDL_MONITOR_POLL_COUNT");
    assert_eq!(loaded.source("poll.timeout"), Source::File(world.path(), 4));
    assert_eq!(loaded.source("master.lanes"), Source::Default);
    assert_eq!(loaded.file, Some(world.path()));
}

#[test]
fn every_setting_can_be_given_in_a_file() {
    let text = "[state]\ndir = '/s'\n[poll]\ndeadline = 3\ncount = 2\ntimeout = '1s'\n\
        [master]\nidle_exit = '1m'\nlanes = 1\nkeepalive = '10s'\n\
        [login]\ntimeout = '20s'\nhold_down = '1m'\nhold_down_max = '2m'\nper_router = 'burst 2, every 1s'\n\
        all_routers = 'burst 9, every 100ms'\n\
        [ssh]\nhost_keys = 'strict'\nproxy_command = 'ssh -W %h:%p jump'\nknown_hosts = '/k'\ncrypto = 'legacy'\n\
        [secrets]\nfile = '/c'\nallow_plain_password = false\nallow_commands = false\n\
        [log]\nfile = '/l'\nlevel = 'debug'\nformat = 'json'\n[platforms]\ndir = '/p'\n\
        [zabbix]\nurl = 'https://z/zabbix'\ntoken = 'env:T'\nuser = 'u'\npassword = 'secret:z'\nca_file = '/ca'\n\
        timeout = '9s'\nchunk = 50\nconnections = 2\n\
        sender = 'z:1'\nsender_timeout = '4s'\nsender_batch = 100\nsender_rate = 9\nsender_compression = false\n\
        sender_tls = 'psk'\nsender_psk_identity = 'PSK 1'\nsender_psk_file = '/psk'\nsender_ca_file = '/ca'\n\
        sender_cert_file = '/cert'\nsender_key_file = '/key'\nsender_host = 'id'\ncompat = 'dedicatedLine'\nheartbeat = '5m'\n\
        [sync]\ntag = 'leased'\nproxy = 'p'\nproxy_group = 'g'\nmacros = 'router={$R}'\ncredential = 'secret:c'\n\
        router_credentials = 'r=secret:c'\ngroup_credentials = 'G/H=secret:c'\nshrink_share = 10\nshrink_lines = 0\n\
        ttl = '1m'\ndeadline = '1m'\nmax_inventory_age = '1d'\n\
        [sweep]\ndeadline = '50s'\nrouters = 7\nspool_size = 8\nspool_age = '1d'\n";
    let loaded = World::with(text).load().unwrap();
    assert_eq!(loaded.sources.len(), SETTINGS.len());
    let shown: Vec<String> = SETTINGS.iter().filter_map(|setting| setting.value(&loaded.settings)).collect();
    assert_eq!(
        shown,
        [
            "/s",
            "3s",
            "2",
            "1s",
            "1m",
            "1",
            "10s",
            "20s",
            "1m",
            "2m",
            "burst 2, every 1s",
            "burst 9, every 100ms",
            "strict",
            "ssh -W %h:%p jump",
            "/k",
            "legacy",
            "/c",
            "false",
            "false",
            "/l",
            "debug",
            "json",
            "/p",
            "https://z/zabbix",
            "env:T",
            "u",
            "secret:z",
            "/ca",
            "9s",
            "50",
            "2",
            "z:1",
            "4s",
            "100",
            "9",
            "false",
            "psk",
            "PSK 1",
            "/psk",
            "/ca",
            "/cert",
            "/key",
            "id",
            "dedicatedLine",
            "5m",
            "leased",
            "p",
            "g",
            "router={$R}",
            "secret:c",
            "r=secret:c",
            "G/H=secret:c",
            "10",
            "0",
            "1m",
            "1m",
            "1d",
            "50s",
            "7",
            "8",
            "1d"
        ]
    );
}

#[test]
fn settings_survive_the_way_to_a_master() {
    let loaded = World::with("[login]\nper_router = 'burst 2, every 1s'\n[log]\nlevel = 'debug'\n").load().unwrap();
    let sent = serde_json::to_string(&loaded.settings).unwrap();
    let received: Settings = serde_json::from_str(&sent).unwrap();
    for setting in SETTINGS {
        assert_eq!(setting.value(&received), setting.value(&loaded.settings), "{}", setting.name);
    }
}

#[test]
fn a_master_is_given_nothing_of_the_api() {
    let loaded =
        World::with("[zabbix]\ntoken = 'exec:print canary'\n[sync]\ncredential = 'env:CANARY'\n").load().unwrap();
    let sent = serde_json::to_string(&loaded.settings.for_master()).unwrap();
    assert!(!sent.to_lowercase().contains("canary"), "{sent}");
}

#[test]
fn all_mistakes_of_a_file_are_told_with_their_lines() {
    let world = World::with(
        "deadline = '2s'\ncolour = 1\npoll = 3\n[logg]\nlevel = 'debug'\n[master]\nlanes = '2'\nidle_exit = true\n\
         keepaliv = 3\nshoe_size = 43\ncount = 5\n[login]\ntimeout = '0s'\nper_router = '5/10s'\nhold_down = [1]\n\
         [ssh]\ncrypto = 'old'\nhost_keys = 3\nknown_hosts = 'known'\nproxy_command = 1979-05-27\n",
    );
    let expected = "\
ddl-monitor.toml:1: deadline belongs below [poll]
ddl-monitor.toml:2: no section is called \"colour\"; there are state, poll, master, login, ssh, secrets, log, platforms, zabbix, sync, sweep
ddl-monitor.toml:3: poll is a section; write [poll] and its settings below
ddl-monitor.toml:4: no section is called \"logg\"; did you mean [log]
ddl-monitor.toml:7: master.lanes is text in quotes: allowed is a whole number from 1 to 16
ddl-monitor.toml:8: master.idle_exit is a boolean: allowed is a time from 100ms to 4w, like 30s, 500ms or 2.5s
ddl-monitor.toml:9: [master] has no setting \"keepaliv\"; did you mean keepalive
ddl-monitor.toml:10: [master] has no setting \"shoe_size\"; it has idle_exit, lanes, keepalive
ddl-monitor.toml:11: count belongs below [poll], not [master]
ddl-monitor.toml:13: login.timeout \"0s\": allowed is a time from 100ms to 10m, like 30s, 500ms or 2.5s
ddl-monitor.toml:14: login.per_router \"5/10s\": allowed is a number of logins at once and a time for each further one, like burst 5, every 10s
ddl-monitor.toml:15: login.hold_down is an array: allowed is a time from 1s to 1d, like 30s, 500ms or 2.5s
ddl-monitor.toml:17: ssh.crypto \"old\": allowed is modern or legacy
ddl-monitor.toml:18: ssh.host_keys is an integer: allowed is accept-new, strict or off
ddl-monitor.toml:19: ssh.known_hosts \"known\": allowed is an absolute path
ddl-monitor.toml:20: ssh.proxy_command is a datetime: allowed is one line of text";
    assert_eq!(world.mistakes().join("\n"), expected);
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    assert_eq!(
        World::with("[poll]\ncount = \n[log]\nlevel = debug\n").mistakes(),
        [
            "ddl-monitor.toml:2: string values must be quoted, expected literal string",
            "ddl-monitor.toml:4: string values must be quoted, expected literal string"
        ]
    );
    assert_eq!(World::with("[poll]\ncount = 3\ncount = 4\n").mistakes(), ["ddl-monitor.toml:3: duplicate key"]);
}

#[test]
fn mistakes_of_environment_and_flags_name_the_variable_and_the_flag() {
    let world = World::with("")
        .variable("DDL_MONITOR_MASTER_LANES", "many\n")
        .variable("DDL_MONITOR_POLL_DEADLIN", "2s")
        .variable("DDL_MONITOR_STATE", "relative")
        .flag("ssh.crypto", "")
        .flag("poll.deadline", "3 s");
    assert_eq!(
        world.mistakes(),
        [
            "DDL_MONITOR_POLL_DEADLIN: not a setting; did you mean DDL_MONITOR_POLL_DEADLINE",
            "DDL_MONITOR_MASTER_LANES: master.lanes \"many\\n\": allowed is a whole number from 1 to 16",
            "DDL_MONITOR_STATE: state.dir \"relative\": allowed is an absolute path",
            "--crypto: ssh.crypto \"\": allowed is modern or legacy",
            "--deadline: poll.deadline \"3 s\": allowed is a time from 100ms to 10m, like 30s, 500ms or 2.5s",
        ]
    );
}

#[test]
fn a_value_that_may_hold_a_password_is_not_repeated_in_a_mistake() {
    let world = World::with("[ssh]\nproxy_command = \"sshpass -p canary\\nssh\"\n");
    assert_eq!(world.mistakes(), ["ddl-monitor.toml:2: ssh.proxy_command (hidden): allowed is one line of text"]);
}

#[test]
fn the_first_hold_down_may_not_be_longer_than_the_last() {
    assert_eq!(
        World::with("[login]\nhold_down = '2h'\n").mistakes(),
        ["login.hold_down 2h is longer than login.hold_down_max 1h"]
    );
}

#[test]
fn a_named_file_must_be_there_and_any_other_may_be_missing() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("none.toml");
    let named = from(Some(&missing), &[], &Environment::default(), || None).unwrap_err();
    assert_eq!(named, [format!("settings file {}: not found", missing.display())]);
    let variable = Environment::of([("DDL_MONITOR_CONFIG".into(), missing.clone().into())]);
    assert_eq!(from(None, &[], &variable, || None).unwrap_err(), named);
    let loaded = from(None, &[], &Environment::default(), || Some(dir.path().join("no-config"))).unwrap();
    assert_eq!(loaded.settings.poll.count, 5);
}

#[test]
fn the_users_own_file_is_found() {
    let world = World::with("[poll]\ncount = 3\n");
    let loaded = from(None, &[], &Environment::default(), || Some(world.dir.path().to_owned())).unwrap();
    // A machine that has the system's file uses that one.
    if loaded.file == Some(world.path()) {
        assert_eq!(loaded.settings.poll.count, 3);
    }
}

#[test]
fn what_is_no_settings_file_is_refused() {
    let dir = TempDir::new().unwrap();
    let refusal = |name: &str| {
        let path = dir.path().join(name);
        let mistakes = from(Some(&path), &[], &Environment::default(), || None).unwrap_err();
        mistakes.join("").replace(&format!("settings file {}: ", path.display()), "")
    };
    fs::create_dir(dir.path().join("folder")).unwrap();
    assert_eq!(refusal("folder"), "not a file");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(refusal("fifo"), "not a file");
    fs::write(dir.path().join("large"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(refusal("large"), "larger than 1 MiB");
    fs::write(dir.path().join("latin1"), b"# K\xf6ln\n").unwrap();
    assert_eq!(refusal("latin1"), "not valid UTF-8");
    fs::write(dir.path().join("open"), "").unwrap();
    fs::set_permissions(dir.path().join("open"), fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(refusal("open"), "writable by everybody; chmod o-w");
    assert!(from(Some(Path::new("/dev/null")), &[], &Environment::default(), || None).is_ok());
}

#[test]
fn credentials_and_platforms_lie_beside_the_settings_file() {
    let world = World::with("");
    let loaded = world.load().unwrap();
    assert_eq!(loaded.settings.secrets.file, Some(world.dir.path().join("credentials.toml")));
    assert_eq!(loaded.settings.platforms.dir, None);
    fs::create_dir(world.dir.path().join("platforms.d")).unwrap();
    assert_eq!(world.load().unwrap().settings.platforms.dir, Some(world.dir.path().join("platforms.d")));
}

#[test]
fn a_relative_path_in_a_flag_is_meant_from_where_the_person_is() {
    let loaded = World::with("").flag("state.dir", "here").load().unwrap();
    assert_eq!(loaded.settings.state.dir, Some(std::env::current_dir().unwrap().join("here")));
}

#[test]
fn no_text_whatever_makes_loading_panic() {
    proptest::proptest!(|(text in ".{0,200}", value in ".{0,50}")| {
        let world = World::with(&text).flag("poll.deadline", &value).variable("DDL_MONITOR_LOGIN_PER_ROUTER", &value);
        let _ = world.load();
    });
}
