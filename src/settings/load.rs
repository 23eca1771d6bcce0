//! Settings of one run: defaults, then the file, then the environment, then flags. Every mistake is found, not only the
//! first, and every value knows where it came from.

use super::environment::Environment;
use super::table::{SETTINGS, Setting};
use super::{Settings, file};
use crate::failure::Failure;
use crate::state;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The effective settings and where they came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// By `section.key`; what is not in here is a default.
    pub sources: BTreeMap<&'static str, Source>,
    /// The settings file that counted; absolute.
    pub file: Option<PathBuf>,
    /// What someone may want to know and is no mistake, to be logged.
    pub remarks: Vec<String>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// The settings file, at this line.
    File(PathBuf, usize),
    /// This variable.
    Environment(String),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Loaded {
    /// Where the value of `section.key` came from.
    pub fn source(&self, name: &str) -> Source {
        self.sources.get(name).cloned().unwrap_or(Source::Default)
    }
}

/// Loads the settings of this process. `config` is `--config`; a flag is the name of its setting (`poll.deadline`) and its
/// text. The failure, kind `settings`, holds all mistakes in one line.
pub fn load(config: Option<&Path>, flags: &[(&'static str, String)]) -> Result<Loaded, Failure> {
    check(config, flags).map_err(|mistakes| Failure::settings(mistakes.join("; ")))
}

/// As [`load`], with the mistakes one by one.
pub fn check(config: Option<&Path>, flags: &[(&'static str, String)]) -> Result<Loaded, Vec<String>> {
    from(config, flags, &Environment::of_process(), state::user_config_dir)
}

pub(super) fn from(
    config: Option<&Path>,
    flags: &[(&'static str, String)],
    environment: &Environment,
    user: impl FnOnce() -> Option<PathBuf>,
) -> Result<Loaded, Vec<String>> {
    let mut settings = Settings::default();
    let mut sources = BTreeMap::new();
    let (mut mistakes, mut remarks) = (Vec::new(), Vec::new());

    let named = config.map(Path::to_path_buf).or_else(|| environment.config());
    let file = file::find(named.as_deref(), user).unwrap_or_else(|mistake| {
        mistakes.push(mistake);
        None
    });
    if let Some((path, text)) = &file {
        let mut given = Vec::new();
        file::apply(path, text, &mut settings, &mut given, &mut mistakes);
        sources.extend(given.into_iter().map(|(s, line)| (s.name, Source::File(path.clone(), line))));
    }
    for (variable, setting, text) in environment.settings(&mut mistakes, &mut remarks) {
        match setting.set(&mut settings, text) {
            Ok(()) => drop(sources.insert(setting.name, Source::Environment(variable.to_owned()))),
            Err(what) => mistakes.push(format!("{variable}: {what}")),
        }
    }
    for (name, text) in flags {
        let (flag, set) = flag(name, text, &mut settings);
        match set {
            Ok(()) => drop(sources.insert(name, Source::Flag(flag))),
            Err(what) => mistakes.push(format!("{flag}: {what}")),
        }
    }
    if settings.login.hold_down > settings.login.hold_down_max {
        let show = |name: &str| Setting::named(name).and_then(|s| s.value(&settings)).unwrap_or_default();
        mistakes.push(format!(
            "login.hold_down {} is longer than login.hold_down_max {}",
            show("login.hold_down"),
            show("login.hold_down_max")
        ));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    settings.state.systemd_state = environment.directory("STATE_DIRECTORY");
    settings.state.systemd_runtime = environment.directory("RUNTIME_DIRECTORY");
    settings.state.temporary = environment.directory("TMPDIR");
    let file = file.map(|(path, _)| path);
    beside(file.as_deref(), &mut settings);
    Ok(Loaded { settings, sources, file, remarks })
}

/// A flag and the outcome of setting it. A person's relative path is meant from where they are.
fn flag(name: &str, text: &str, settings: &mut Settings) -> (&'static str, Result<(), String>) {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        return ("flag", Err(format!("{name} is not a setting")));
    };
    let absolute = (setting.is_path() && !text.is_empty())
        .then(|| std::path::absolute(text).ok()?.into_os_string().into_string().ok())
        .flatten();
    (setting.flag.unwrap_or(setting.name), setting.set(settings, absolute.as_deref().unwrap_or(text)))
}

/// What lies beside the settings file counts where nothing else is named.
fn beside(file: Option<&Path>, settings: &mut Settings) {
    let Some(dir) = file.and_then(Path::parent) else { return };
    settings.secrets.file.get_or_insert_with(|| dir.join("credentials.toml"));
    if settings.platforms.dir.is_none() {
        settings.platforms.dir = Some(dir.join("platforms.d")).filter(|dir| dir.is_dir());
    }
}

#[cfg(test)]
mod tests;
