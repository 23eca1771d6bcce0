//! The process' environment, read here and nowhere else: `DDL_MONITOR_*` settings, systemd's directories, `env:` references,
//! and what a master is given of it.

use super::table::{SETTINGS, Setting};
use crate::quote::quoted;
use crate::settings::suggestion::nearest;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The settings file, when no `--config` names one.
pub(super) const CONFIG: &str = "DDL_MONITOR_CONFIG";
/// A short name for `DDL_MONITOR_STATE_DIR`.
const STATE: &str = "DDL_MONITOR_STATE";
const PREFIX: &str = "DDL_MONITOR_";

/// What the settings need to know of an environment. An empty variable is one that is not set.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment(Vec<(String, OsString)>);

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub(super) fn of_process() -> Self {
        Self::of(std::env::vars_os())
    }

    pub(super) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let wanted =
            |name: &str| name.starts_with(PREFIX) || ["STATE_DIRECTORY", "RUNTIME_DIRECTORY", "TMPDIR"].contains(&name);
        let mut variables: Vec<(String, OsString)> = variables
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| wanted(name))
            .collect();
        variables.sort();
        Self(variables)
    }

    fn get(&self, name: &str) -> Option<&OsString> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn config(&self) -> Option<PathBuf> {
        self.get(CONFIG).map(PathBuf::from)
    }

    /// An absolute path in a variable; systemd separates several by colons, and the first is ours.
    pub(super) fn directory(&self, name: &str) -> Option<PathBuf> {
        let first = self.get(name)?.to_str()?.split(':').next()?;
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    }

    /// The settings given: variable, setting, text. Mistakes and remarks (names that are nearly none of ours) go to the lists.
    pub(super) fn settings(
        &self,
        mistakes: &mut Vec<String>,
        remarks: &mut Vec<String>,
    ) -> Vec<(&str, &'static Setting, &str)> {
        let mut given = Vec::new();
        for (name, value) in self.0.iter().filter(|(name, _)| name.starts_with(PREFIX) && name != CONFIG) {
            let setting = SETTINGS.iter().find(|s| s.variable() == *name || (s.name == "state.dir" && name == STATE));
            match (setting, value.to_str()) {
                (Some(setting), Some(text)) => given.push((name.as_str(), setting, text)),
                (Some(setting), None) => {
                    mistakes.push(format!("{name}: not valid UTF-8; allowed is {}", setting.allowed()));
                }
                (None, _) => unknown(name, mistakes, remarks),
            }
        }
        let of = |variable: &str| given.iter().find(|(name, ..)| *name == variable);
        if let (Some((.., short)), Some((.., long))) = (of(STATE), of("DDL_MONITOR_STATE_DIR"))
            && short != long
        {
            mistakes.push(format!("{STATE} {} and DDL_MONITOR_STATE_DIR differ; set one of them", quoted(short)));
        }
        given
    }
}

/// A name that was meant to be one of ours is a mistake; any other may be a secret that an `env:` reference names.
fn unknown(name: &str, mistakes: &mut Vec<String>, remarks: &mut Vec<String>) {
    let variables: Vec<String> = SETTINGS.iter().map(Setting::variable).chain([CONFIG.into(), STATE.into()]).collect();
    let section = SETTINGS.iter().map(|s| format!("{PREFIX}{}_", s.section().to_ascii_uppercase()));
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let meant =
        variables.iter().filter_map(|variable| nearest(rest, variable.strip_prefix(PREFIX)).map(|_| variable.as_str()));
    match nearest(name, meant) {
        Some(meant) => mistakes.push(format!("{name}: not a setting; did you mean {meant}")),
        None if section.clone().any(|section| name.starts_with(&section)) => {
            mistakes.push(format!("{name}: not a setting; `ddl-monitor config show` lists them"));
        }
        None => remarks.push(format!("{name} in the environment is not a setting and has no effect")),
    }
}

/// The value of an `env:NAME` reference.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Where systemd wants to be notified (`NOTIFY_SOCKET`), and how often (`WATCHDOG_USEC`, if it is for this process).
pub fn notify_socket() -> Option<(PathBuf, Option<Duration>)> {
    let socket = variable("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())?;
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    Some((socket.into(), number("WATCHDOG_USEC").filter(|_| is_ours).map(Duration::from_micros)))
}

/// False when `NO_COLOR` is set (<https://no-color.org>) or the terminal is a dumb one.
pub fn colour_allowed() -> bool {
    variable("NO_COLOR").is_none_or(|value| value.is_empty()) && variable("TERM").is_none_or(|term| term != "dumb")
}

/// All that a master may see of our environment: no secret, nothing of Zabbix'.
pub fn master_environment() -> Vec<(String, OsString)> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let variables = std::env::vars_os();
    for_master(variables)
}

fn for_master(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(String, OsString)> {
    let passed = |name: &str| {
        ["PATH", "HOME", "TZ", "LANG", CONFIG, STATE].contains(&name)
            || SETTINGS.iter().any(|setting| !setting.secret && setting.variable() == name)
    };
    let named = variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    named.filter(|(name, _)| passed(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn a_master_sees_settings_and_four_variables_and_no_secret() {
        let ours = os(&[
            ("PATH", "/bin"),
            ("HOME", "/h"),
            ("TZ", "UTC"),
            ("LANG", "C"),
            ("LC_ALL", "C"),
            ("ZBX_SECRET", "canary"),
            ("DDL_MONITOR_PASSWORD", "canary"),
            ("DDL_MONITOR_SSH_PROXY_COMMAND", "sshpass -p canary ssh"),
            ("DDL_MONITOR_POLL_DEADLINE", "2s"),
            ("DDL_MONITOR_STATE", "/s"),
        ]);
        let names: Vec<String> = for_master(ours).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "HOME", "TZ", "LANG", "DDL_MONITOR_POLL_DEADLINE", "DDL_MONITOR_STATE"]);
    }

    #[test]
    fn a_mistyped_name_is_a_mistake_and_a_foreign_one_a_remark() {
        let environment = Environment::of(os(&[
            ("DDL_MONITOR_POLL_DEADLNE", "2s"),
            ("DDL_MONITOR_LOG_COLOUR", "yes"),
            ("DDL_MONITOR_CREDENTIAL_OF_CORE", "canary"),
            ("DDL_MONITOR_POLL_COUNT", ""),
        ]));
        let (mut mistakes, mut remarks) = (Vec::new(), Vec::new());
        assert!(environment.settings(&mut mistakes, &mut remarks).is_empty());
        assert_eq!(
            mistakes,
            [
                "DDL_MONITOR_LOG_COLOUR: not a setting; `ddl-monitor config show` lists them",
                "DDL_MONITOR_POLL_DEADLNE: not a setting; did you mean DDL_MONITOR_POLL_DEADLINE",
            ]
        );
        assert_eq!(remarks, ["DDL_MONITOR_CREDENTIAL_OF_CORE in the environment is not a setting and has no effect"]);
    }

    #[test]
    fn the_first_of_systemds_directories_is_ours() {
        let environment = Environment::of(os(&[
            ("STATE_DIRECTORY", "/var/lib/ddl:/var/lib/other"),
            ("RUNTIME_DIRECTORY", "relative"),
        ]));
        assert_eq!(environment.directory("STATE_DIRECTORY"), Some("/var/lib/ddl".into()));
        assert_eq!(environment.directory("RUNTIME_DIRECTORY"), None);
        assert_eq!(environment.directory("TMPDIR"), None);
    }

    #[test]
    fn two_names_of_the_state_directory_must_agree() {
        let mut mistakes = Vec::new();
        let environment = Environment::of(os(&[("DDL_MONITOR_STATE", "/a"), ("DDL_MONITOR_STATE_DIR", "/b")]));
        environment.settings(&mut mistakes, &mut Vec::new());
        assert_eq!(mistakes, ["DDL_MONITOR_STATE \"/a\" and DDL_MONITOR_STATE_DIR differ; set one of them"]);
    }
}
