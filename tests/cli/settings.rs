//! `config check` and `config show`, without a binary: what they say and how they end.

use clap::Parser;
use ddl_monitor::cli::config::Config;
use ddl_monitor::cli::format::Format;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use tempfile::TempDir;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    config: Config,
    /// As the program's own option for all commands.
    #[arg(long, global = true, value_enum, default_value = "json")]
    format: Format,
}

fn run(dir: &TempDir, arguments: &[&str], flags: &[(&'static str, &str)]) -> (ExitCode, String) {
    let program = Program::try_parse_from([&["config"], arguments].concat()).unwrap();
    let flags: Vec<_> = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let mut out = Vec::new();
    let file = dir.path().join("ddl-monitor.toml");
    let status = program.config.run(Some(&file), &flags, program.format, &mut out).unwrap();
    (status, String::from_utf8(out).unwrap().replace(&format!("{}/", dir.path().display()), "DIR/"))
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn folder(settings: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    write(&dir.path().join("ddl-monitor.toml"), settings, 0o644);
    dir
}

#[test]
fn show_tells_every_value_and_where_it_came_from() {
    let dir = folder("[poll]\ncount = 3\n[ssh]\nproxy_command = 'sshpass -p canary ssh'\n");
    let (status, text) = run(&dir, &["show", "--format", "text"], &[("poll.deadline", "2s"), ("ssh.crypto", "legacy")]);
    assert_eq!(status, ExitCode::SUCCESS);
    let expected = "\
# settings file DIR/ddl-monitor.toml
state.dir                     -                       default: $STATE_DIRECTORY/ddl-monitor, else the user's state directory, else ddl-monitor-UID in the temporary one
poll.deadline                 2s                      --deadline
poll.count                    3                       DIR/ddl-monitor.toml:2
poll.timeout                  1s                      default
master.idle_exit              10m                     default
master.lanes                  2                       default
master.keepalive              30s                     default
login.timeout                 30s                     default
login.hold_down               5m                      default
login.hold_down_max           1h                      default
login.per_router              burst 5, every 10s      default
login.all_routers             burst 50, every 50ms    default
ssh.host_keys                 accept-new              default
ssh.proxy_command             (hidden)                DIR/ddl-monitor.toml:4
ssh.known_hosts               -                       default: known_hosts in the state directory
ssh.crypto                    legacy                  --crypto
secrets.file                  DIR/credentials.toml    default
secrets.allow_plain_password  true                    default
secrets.allow_commands        true                    default
log.file                      -                       default: ddl-monitor.log in the state directory
log.level                     -                       default: warn for commands, info for masters
log.format                    text                    default
platforms.dir                 -                       default: platforms.d beside the settings file, where there is one
zabbix.url                    -                       default: there is no Zabbix to sync with
zabbix.token                  -                       default: user and password
zabbix.user                   -                       default: that of the secret:NAME login
zabbix.password               -                       default: the token
zabbix.ca_file                -                       default: those of the system
zabbix.timeout                30s                     default
zabbix.chunk                  500                     default
zabbix.connections            3                       default
zabbix.sender                 -                       default: sweep has nobody to report to
zabbix.sender_timeout         10s                     default
zabbix.sender_batch           250                     default
zabbix.sender_rate            10000                    default
zabbix.sender_compression     true                    default
zabbix.sender_tls             off                     default
zabbix.sender_psk_identity    -                       default: needed for psk
zabbix.sender_psk_file        -                       default: needed for psk
zabbix.sender_ca_file         -                       default: those that the system trusts
zabbix.sender_cert_file       -                       default: none is shown
zabbix.sender_key_file        -                       default: needed with a certificate
zabbix.sender_host            target                  default
zabbix.compat                 -                       default: those of the template Leased Line by SSH trapper
zabbix.heartbeat              1h                      default
sync.tag                      TempType=LINE           default
sync.proxy                    -                       default: all hosts
sync.proxy_group              -                       default: all hosts
sync.macros                   -                       default: the macros of a poll
sync.credential               -                       default: such lines are skipped
sync.router_credentials       -                       default: sync.group_credentials
sync.group_credentials        -                       default: sync.credential
sync.shrink_share             30                      default
sync.shrink_lines             5                       default
sync.ttl                      5m                      default
sync.deadline                 5m                      default
sync.max_inventory_age        -                       default: the last inventory serves however old it is
sweep.deadline                55s                     default
sweep.routers                 0                       default
sweep.spool_size              256                     default
sweep.spool_age               1w                      default
";
    let squeezed = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(squeezed(&text), squeezed(expected));
    let columns: Vec<Option<usize>> = text.lines().skip(3).take(5).map(|l| l.rfind("  ")).collect();
    assert!(columns.iter().all(|column| *column == columns[0]), "{text}");
}

#[test]
fn show_as_json_has_the_same() {
    let dir = folder("[poll]\ncount = 3\n[ssh]\nproxy_command = 'sshpass -p canary ssh'\n");
    let (status, text) = run(&dir, &["show"], &[]);
    assert_eq!((status, text.lines().count()), (ExitCode::SUCCESS, 1));
    assert!(!text.contains("canary"));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["file"], "DIR/ddl-monitor.toml");
    let named = |name: &str| json["settings"].as_array().unwrap().iter().find(|s| s["name"] == name).unwrap().clone();
    assert_eq!(
        named("poll.count"),
        json!({"name": "poll.count", "value": "3", "source": "file", "place": "DIR/ddl-monitor.toml:2"})
    );
    assert_eq!(named("poll.timeout"), json!({"name": "poll.timeout", "value": "1s", "source": "default"}));
    assert_eq!(named("state.dir"), json!({"name": "state.dir", "value": null, "source": "default"}));
    assert_eq!(
        named("ssh.proxy_command"),
        json!({"name": "ssh.proxy_command", "hidden": true, "source": "file", "place": "DIR/ddl-monitor.toml:4"})
    );
}

#[test]
fn check_tells_all_mistakes_of_settings_and_credentials() {
    let dir = folder("[poll]\ncount = 0\nage = 1\n");
    let (status, text) = run(&dir, &["check", "--format", "text"], &[]);
    assert_eq!(status, ExitCode::FAILURE);
    assert_eq!(
        text,
        "DIR/ddl-monitor.toml:2: poll.count \"0\": allowed is a whole number from 1 to 10000\n\
         DIR/ddl-monitor.toml:3: [poll] has no setting \"age\"; it has deadline, count, timeout\n"
    );
    let dir = folder("");
    assert_eq!(
        run(&dir, &["check", "--format", "text"], &[]),
        (ExitCode::SUCCESS, "settings are right, settings file DIR/ddl-monitor.toml\n".to_owned())
    );
    write(&dir.path().join("credentials.toml"), "[a]\nuser = 1\n[b]\npass = 'canary'\n", 0o600);
    let (status, text) = run(&dir, &["check"], &[]);
    assert_eq!(status, ExitCode::FAILURE);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap()["mistakes"],
        json!([
            "credentials file DIR/credentials.toml:2: user of [a] is not text in quotes",
            "credentials file DIR/credentials.toml:4: [b] has no field \"pass\"; it has user, password, enable_password, key, passphrase"
        ])
    );
}
