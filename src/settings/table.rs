//! The table of settings: name, documentation, form, and the place in [`Settings`]; each is described here and nowhere else.
//! `config show`, the commented settings file and the README's table are made from it.

use super::form::{Form, number, time};
use super::{Compat, LogFormat, SenderHost, SenderTls, Settings};
use crate::inventory::router::{Crypto, HostKeyPolicy};
use crate::quote::quoted;
use log::LevelFilter;

/// One setting.
pub struct Setting {
    /// `section.key`, as in the file.
    pub name: &'static str,
    /// One or two plain sentences.
    pub doc: &'static str,
    /// What happens when there is no value; empty where the default is a value.
    pub absent: &'static str,
    /// The flag that sets it, where one makes sense.
    pub flag: Option<&'static str>,
    /// The value may hold a password: never shown, never put in a master's environment.
    pub secret: bool,
    form: Form,
}

impl Setting {
    const fn new(name: &'static str, form: Form, doc: &'static str) -> Self {
        Self { name, doc, absent: "", flag: None, secret: false, form }
    }

    const fn absent(mut self, absent: &'static str) -> Self {
        self.absent = absent;
        self
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The setting called `section.key`.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(section, _)| section)
    }

    pub fn key(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, key)| key)
    }

    /// Its name in the environment, `DDL_MONITOR_SECTION_KEY`.
    pub fn variable(&self) -> String {
        format!("DDL_MONITOR_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// What a value may be, to follow "allowed is".
    pub fn allowed(&self) -> String {
        self.form.allowed()
    }

    /// The TOML types in which a file may give it.
    pub(super) fn toml_types(&self) -> &'static [&'static str] {
        self.form.toml_types()
    }

    /// Its value is a path.
    pub(super) fn is_path(&self) -> bool {
        matches!(self.form, Form::Path(_))
    }

    /// Sets it from text. The error is the end of a message: the value (unless it may hold a password) and what is allowed.
    pub fn set(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        if self.form.set(settings, text) {
            return Ok(());
        }
        let value = if self.secret { "(hidden)".to_owned() } else { quoted(text) };
        Err(format!("{} {value}: allowed is {}", self.name, self.allowed()))
    }

    /// The effective value as it would be written in a file; None when it has none.
    pub fn value(&self, settings: &Settings) -> Option<String> {
        self.form.get(settings)
    }

    /// The value that counts when nobody sets it.
    pub fn default(&self) -> Option<String> {
        self.value(&Settings::default())
    }
}

/// All settings, by section, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    Setting::new("state.dir", Form::Path(|s| &mut s.state.dir), "Directory of sockets, locks, hold-downs and host keys.")
        .absent("$STATE_DIRECTORY/ddl-monitor, else the user's state directory, else ddl-monitor-UID in the temporary one")
        .flag("--state-dir"),
    Setting::new(
        "poll.deadline",
        time!(poll.deadline, "100ms" to "10m"),
        "Time in which a poll must have answered. Zabbix' own Timeout (3 s by default) must be longer.",
    )
    .flag("--deadline"),
    Setting::new("poll.count", number!(poll.count, 1 to 10_000), "Packets per ping.").flag("--count"),
    Setting::new(
        "poll.timeout",
        time!(poll.timeout, "1ms" to "1h"),
        "Time-out of each packet, rounded up to the platform's unit.",
    )
    .flag("--timeout"),
    Setting::new(
        "master.idle_exit",
        time!(master.idle_exit, "100ms" to "4w"),
        "A master without jobs for this long logs out and leaves.",
    ),
    Setting::new(
        "master.lanes",
        number!(master.lanes, 1 to 16),
        "SSH sessions per router at most, each one VTY; further ones are opened only while jobs wait.",
    ),
    Setting::new(
        "master.keepalive",
        time!(master.keepalive, "100ms" to "1h"),
        "How often an idle session is kept alive.",
    ),
    Setting::new(
        "login.timeout",
        time!(login.timeout, "100ms" to "10m"),
        "A login's own limit; it goes on after a poll's deadline, so that the next poll is warm.",
    ),
    Setting::new(
        "login.hold_down",
        time!(login.hold_down, "1s" to "1d"),
        "Time in which a refused credential is not tried again; doubles with each further refusal.",
    ),
    Setting::new(
        "login.hold_down_max",
        time!(login.hold_down_max, "1s" to "1d"),
        "The longest such time. A credential that three routers refused is tried on one router per this time.",
    ),
    Setting::new(
        "login.per_router",
        Form::Budget(|s| &mut s.login.per_router),
        "Limit for logins on one router: burst size, then one login per interval.",
    ),
    Setting::new(
        "login.all_routers",
        Form::Budget(|s| &mut s.login.all_routers),
        "Logins on all routers together, for the login server behind them.",
    ),
    Setting::new(
        "ssh.host_keys",
        Form::Choice(&["accept-new", "strict", "off"], get_host_keys, set_host_keys),
        "A router's host key that is not on record: recorded, refused, or not looked at. A changed key is refused by the \
         first two.",
    )
    .flag("--host-keys"),
    Setting::new(
        "ssh.proxy_command",
        Form::Text(|s| &mut s.ssh.proxy_command),
        "Command whose stdin and stdout are the connection, as OpenSSH's ProxyCommand: %h host, %p port, %r user. An ssh in it needs -o BatchMode=yes.",
    )
    .absent("the router is connected to directly")
    .flag("--proxy-command")
    .secret(),
    Setting::new("ssh.known_hosts", Form::Path(|s| &mut s.ssh.known_hosts), "File of host keys, OpenSSH's format.")
        .absent("known_hosts in the state directory"),
    Setting::new(
        "ssh.crypto",
        Form::Choice(&["modern", "legacy"], get_crypto, set_crypto),
        "SSH algorithms offered: modern ones, or also the SHA-1 and 3DES that old routers need.",
    )
    .absent("the platform's")
    .flag("--crypto"),
    Setting::new("secrets.file", Form::Path(|s| &mut s.secrets.file), "Credentials file of secret:NAME references.")
        .absent("credentials.toml beside the settings file"),
    Setting::new(
        "secrets.allow_plain_password",
        Form::Switch(|s| &mut s.secrets.allow_plain_password),
        "Whether a password may be given as it is, visible to everybody in the list of processes.",
    ),
    Setting::new(
        "secrets.allow_commands",
        Form::Switch(|s| &mut s.secrets.allow_commands),
        "Whether a poll's arguments may name commands to be run, by exec: or --proxy-command; settings and inventory always may.",
    ),
    Setting::new("log.file", Form::Path(|s| &mut s.log.file), "Log file of runs that no person watches.")
        .absent("ddl-monitor.log in the state directory"),
    Setting::new(
        "log.level",
        Form::Choice(&["off", "error", "warn", "info", "debug", "trace"], get_level, set_level),
        "What is logged. trace shows the conversation with routers, secrets hidden.",
    )
    .absent("warn for commands, info for masters"),
    Setting::new("log.format", Form::Choice(&["text", "json"], get_format, set_format), "Form of a log line."),
    Setting::new(
        "platforms.dir",
        Form::Path(|s| &mut s.platforms.dir),
        "Folder of platform files that add to the built-in ones or replace them.",
    )
    .absent("platforms.d beside the settings file, where there is one"),
    Setting::new(
        "zabbix.url",
        Form::Checked(|s| &mut s.zabbix.url, is_url, "an address like https://zabbix.example.net/zabbix"),
        "Address of the Zabbix frontend, with or without api_jsonrpc.php. No user and no password in it.",
    )
    .absent("there is no Zabbix to sync with"),
    Setting::new(
        "zabbix.token",
        Form::Checked(|s| &mut s.zabbix.token, is_reference, REFERENCE),
        "API token, as a reference (secret:NAME has it as its password); Zabbix 5.4 or newer.",
    )
    .absent("user and password")
    .secret(),
    Setting::new("zabbix.user", Form::Text(|s| &mut s.zabbix.user), "User of the API.")
        .absent("that of the secret:NAME login"),
    Setting::new("zabbix.password", Form::Checked(|s| &mut s.zabbix.password, is_reference, REFERENCE), "The user's password, as a reference.")
        .absent("the token")
        .secret(),
    Setting::new(
        "zabbix.ca_file",
        Form::Path(|s| &mut s.zabbix.ca_file),
        "Certificates (PEM) that the frontend's must be signed by.",
    )
    .absent("those of the system"),
    Setting::new(
        "zabbix.timeout",
        time!(zabbix.timeout, "1s" to "5m"),
        "Time-out of one request; it is sent three times when there is no answer.",
    ),
    Setting::new("zabbix.chunk", number!(zabbix.chunk, 1 to 5000), "Hosts whose macros are asked for at once."),
    Setting::new(
        "zabbix.connections",
        number!(zabbix.connections, 1 to 16),
        "How many such requests run at the same time.",
    ),
    Setting::new(
        "zabbix.sender",
        Form::Text(|s| &mut s.zabbix.sender),
        "Trapper of the Zabbix server or proxy that gets the values of a sweep, HOST or HOST:PORT. A comma separates servers \
         that each get all values, a semicolon the nodes of one cluster.",
    )
    .absent("sweep has nobody to report to"),
    Setting::new(
        "zabbix.sender_timeout",
        time!(zabbix.sender_timeout, "100ms" to "10m"),
        "Time in which a batch of values must be answered.",
    ),
    Setting::new("zabbix.sender_batch", number!(zabbix.sender_batch, 1 to 10_000), "Values per batch at most."),
    Setting::new(
        "zabbix.sender_rate",
        number!(zabbix.sender_rate, 1 to 1_000_000),
        "Values per second at most, while many wait to be sent.",
    ),
    Setting::new(
        "zabbix.sender_compression",
        Form::Switch(|s| &mut s.zabbix.sender_compression),
        "Whether batches are compressed.",
    ),
    Setting::new(
        "zabbix.sender_tls",
        Form::Choice(&["off", "psk", "certificate"], get_tls, set_tls),
        "How the connection is secured: not at all, by a pre-shared key, or by certificates.",
    ),
    Setting::new(
        "zabbix.sender_psk_identity",
        Form::Text(|s| &mut s.zabbix.sender_psk_identity),
        "Identity of the pre-shared key.",
    )
    .absent("needed for psk"),
    Setting::new(
        "zabbix.sender_psk_file",
        Form::Path(|s| &mut s.zabbix.sender_psk_file),
        "File with the pre-shared key in hexadecimal digits.",
    )
    .absent("needed for psk"),
    Setting::new(
        "zabbix.sender_ca_file",
        Form::Path(|s| &mut s.zabbix.sender_ca_file),
        "PEM file with the authorities that may have signed the server's certificate.",
    )
    .absent("those that the system trusts"),
    Setting::new(
        "zabbix.sender_cert_file",
        Form::Path(|s| &mut s.zabbix.sender_cert_file),
        "PEM file with our own certificate.",
    )
    .absent("none is shown"),
    Setting::new(
        "zabbix.sender_key_file",
        Form::Path(|s| &mut s.zabbix.sender_key_file),
        "PEM file with the key of our own certificate.",
    )
    .absent("needed with a certificate"),
    Setting::new(
        "zabbix.sender_host",
        Form::Choice(&["target", "id", "name"], get_host, set_host),
        "What of a line is the technical name of its host in Zabbix, where the inventory does not have that name.",
    ),
    Setting::new(
        "zabbix.compat",
        Form::Choice(&["dedicatedLine"], get_compat, set_compat),
        "Items that a sweep fills: dedicatedLine is dedicatedLinePing and dedicatedLineErrorDetail of the earlier tool.",
    )
    .absent("those of the template Leased Line by SSH trapper"),
    Setting::new(
        "zabbix.heartbeat",
        time!(zabbix.heartbeat, "1s" to "4w"),
        "Text that has not changed is sent again after this time; numbers are sent always.",
    ),
    Setting::new(
        "sync.tag",
        Form::Word(|s| &mut s.sync.tag, is_tag, "a tag's name, or NAME=VALUE"),
        "Tag of the hosts that are lines, their own or of a template.",
    ),
    Setting::new(
        "sync.proxy",
        Form::Text(|s| &mut s.sync.proxy),
        "Only hosts that this Zabbix proxy monitors: its name or id; none = hosts without a proxy.",
    )
    .absent("all hosts"),
    Setting::new(
        "sync.proxy_group",
        Form::Text(|s| &mut s.sync.proxy_group),
        "Only hosts of this proxy group, its name or id; Zabbix 7.0 or newer.",
    )
    .absent("all hosts"),
    Setting::new(
        "sync.macros",
        Form::Checked(
            |s| &mut s.sync.macros,
            |text| pairs(text).all(|pair| pair.is_some_and(|(_, name)| name.starts_with("{$") && name.ends_with('}'))),
            "pairs like router={$EDGE_IP}; user={$EDGE_USER}",
        ),
        "Macros that are called otherwise than {$LINE_…}.",
    )
    .absent("the macros of a poll"),
    Setting::new(
        "sync.credential",
        Form::Checked(|s| &mut s.sync.credential, is_reference, REFERENCE),
        "Password of lines whose macro has none that the API tells, as a reference.",
    )
    .absent("such lines are skipped"),
    Setting::new(
        "sync.router_credentials",
        Form::Checked(|s| &mut s.sync.router_credentials, are_references, REFERENCES),
        "The same for routers, by name or address; goes before sync.group_credentials.",
    )
    .absent("sync.group_credentials"),
    Setting::new(
        "sync.group_credentials",
        Form::Checked(|s| &mut s.sync.group_credentials, are_references, REFERENCES),
        "The same by host group, its subgroups included; the first that fits.",
    )
    .absent("sync.credential"),
    Setting::new(
        "sync.shrink_share",
        number!(sync.shrink_share, 0 to 100),
        "A sync that would remove more than so many percent of the lines is refused without --accept-shrink.",
    ),
    Setting::new(
        "sync.shrink_lines",
        number!(sync.shrink_lines, 0 to 1_000_000),
        "So many lines may always be removed.",
    ),
    Setting::new(
        "sync.ttl",
        time!(sync.ttl, "10s" to "1d"),
        "discover --sync and sync --background start a sync when the last one is older.",
    ),
    Setting::new(
        "sync.deadline",
        time!(sync.deadline, "5s" to "1h"),
        "Time in which a whole sync must be done; a background one is ended then.",
    ),
    Setting::new(
        "sync.max_inventory_age",
        Form::Limit(|s| &mut s.sync.max_inventory_age, "10s", "4w"),
        "discover fails when the last good sync is older.",
    )
    .absent("the last inventory serves however old it is")
    .flag("--max-inventory-age"),
    Setting::new(
        "sweep.deadline",
        time!(sweep.deadline, "1s" to "10m"),
        "Time in which a pass must be over; of sweep --loop, time in which a router's lines must be measured.",
    )
    .flag("--deadline"),
    Setting::new(
        "sweep.routers",
        number!(sweep.routers, 0 to 4096),
        "Routers that are measured at a time; 0: as many as cores and descriptors allow.",
    ),
    Setting::new(
        "sweep.spool_size",
        number!(sweep.spool_size, 1 to 1_000_000),
        "MiB on disk for values that Zabbix has not taken yet; the oldest are dropped first.",
    ),
    Setting::new(
        "sweep.spool_age",
        time!(sweep.spool_age, "1m" to "52w"),
        "Values that nobody has taken for so long are dropped.",
    ),
];

const REFERENCE: &str = "secret:NAME, file:PATH, env:NAME or exec:COMMAND";
const REFERENCES: &str = "pairs like edge-1=secret:edge; Routers/Bern=secret:bern";

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && !host.contains('@') && rest.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
    })
}

fn is_tag(text: &str) -> bool {
    text.split('=').next().is_some_and(|name| !name.trim().is_empty())
}

fn is_reference(text: &str) -> bool {
    let rest = ["secret:", "file:", "env:", "exec:"].iter().find_map(|form| text.strip_prefix(form));
    rest.is_some_and(|rest| !rest.trim().is_empty())
}

fn are_references(text: &str) -> bool {
    pairs(text).all(|pair| pair.is_some_and(|(_, reference)| is_reference(reference)))
}

/// `NAME=VALUE; NAME=VALUE`, in order; None for a piece that is not a pair.
pub fn pairs(text: &str) -> impl Iterator<Item = Option<(&str, &str)>> {
    text.split(';').map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty() && !value.is_empty()).then_some((name, value))
    })
}

fn get_tls(settings: &Settings) -> Option<usize> {
    Some(settings.zabbix.sender_tls as usize)
}

fn set_tls(settings: &mut Settings, choice: usize) {
    settings.zabbix.sender_tls = [SenderTls::Off, SenderTls::Psk, SenderTls::Certificate][choice];
}

fn get_host(settings: &Settings) -> Option<usize> {
    Some(settings.zabbix.sender_host as usize)
}

fn set_host(settings: &mut Settings, choice: usize) {
    settings.zabbix.sender_host = [SenderHost::Target, SenderHost::Id, SenderHost::Name][choice];
}

fn get_compat(settings: &Settings) -> Option<usize> {
    settings.zabbix.compat.map(|compat| compat as usize)
}

fn set_compat(settings: &mut Settings, choice: usize) {
    settings.zabbix.compat = Some([Compat::DedicatedLine][choice]);
}

fn get_host_keys(settings: &Settings) -> Option<usize> {
    Some(match settings.ssh.host_keys {
        HostKeyPolicy::AcceptNew => 0,
        HostKeyPolicy::Strict => 1,
        HostKeyPolicy::Off => 2,
    })
}

fn set_host_keys(settings: &mut Settings, choice: usize) {
    settings.ssh.host_keys = [HostKeyPolicy::AcceptNew, HostKeyPolicy::Strict, HostKeyPolicy::Off][choice];
}

fn get_crypto(settings: &Settings) -> Option<usize> {
    settings.ssh.crypto.map(|crypto| match crypto {
        Crypto::Modern => 0,
        Crypto::Legacy => 1,
    })
}

fn set_crypto(settings: &mut Settings, choice: usize) {
    settings.ssh.crypto = Some([Crypto::Modern, Crypto::Legacy][choice]);
}

fn get_level(settings: &Settings) -> Option<usize> {
    settings.log.level.map(|level| level as usize)
}

fn set_level(settings: &mut Settings, choice: usize) {
    settings.log.level = LevelFilter::iter().nth(choice);
}

fn get_format(settings: &Settings) -> Option<usize> {
    Some(match settings.log.format {
        LogFormat::Text => 0,
        LogFormat::Json => 1,
    })
}

fn set_format(settings: &mut Settings, choice: usize) {
    settings.log.format = [LogFormat::Text, LogFormat::Json][choice];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_is_allowed() {
        for setting in SETTINGS {
            let mut settings = Settings::default();
            match setting.default() {
                Some(default) => {
                    setting.set(&mut settings, &default).unwrap();
                    assert_eq!(setting.value(&settings), Some(default), "{}", setting.name);
                    assert_eq!(setting.absent, "", "{}", setting.name);
                }
                None => assert_ne!(setting.absent, "", "{}", setting.name),
            }
        }
    }

    #[test]
    fn every_choice_is_set_and_shown_by_its_name() {
        for setting in SETTINGS {
            let Form::Choice(names, ..) = setting.form else { continue };
            for name in names {
                let mut settings = Settings::default();
                setting.set(&mut settings, name).unwrap();
                assert_eq!(setting.value(&settings).as_deref(), Some(*name), "{}", setting.name);
            }
        }
    }

    #[test]
    fn every_field_of_the_settings_is_in_the_table() {
        let json = serde_json::to_value(Settings::default()).unwrap();
        let fields =
            json.as_object().unwrap().iter().flat_map(|(section, keys)| {
                keys.as_object().unwrap().keys().map(move |key| format!("{section}.{key}"))
            });
        // What systemd and the temporary directory give is no setting of the file.
        let mut fields: Vec<String> = fields
            .filter(|f| !["state.systemd_state", "state.systemd_runtime", "state.temporary"].contains(&f.as_str()))
            .collect();
        let mut names: Vec<&str> = SETTINGS.iter().map(|s| s.name).collect();
        fields.sort();
        names.sort_unstable();
        assert_eq!(fields, names);
    }
}
