//! Where log lines go and in which form: to stderr for a person, else to the rotated log file; text or JSON lines. Logging
//! never fails a poll: a line that cannot be written is dropped. Knows nothing of what is logged.

mod file;
mod form;
mod panic;

use crate::settings::{Log, LogFormat};
use env_logger::{Builder, Logger, Target, WriteStyle};
use log::LevelFilter;
use std::path::PathBuf;

/// Who logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A command of a person or of Zabbix: warnings.
    Client,
    /// A router's master: its life too. It has no stderr.
    Master,
}

/// Sets up logging and the panic hook; call it once, early. `path` is the log file where the settings name none (absolute;
/// opened with the first line, not before). `verbosity` counts `-v`: one is info, two debug, three trace, on stderr.
pub fn init(role: Role, settings: &Log, path: PathBuf, verbosity: u8, stderr_is_terminal: bool) {
    let logger = logger(role, settings, path, verbosity, stderr_is_terminal);
    let level = logger.filter();
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
    std::panic::set_hook(Box::new(panic::log));
}

fn logger(role: Role, settings: &Log, path: PathBuf, verbosity: u8, stderr_is_terminal: bool) -> Logger {
    let level = match (verbosity, settings.level, role) {
        (0, Some(level), _) => level,
        (0, None, Role::Client) => LevelFilter::Warn,
        (0, None, Role::Master) | (1, ..) => LevelFilter::Info,
        (2, ..) => LevelFilter::Debug,
        (3.., ..) => LevelFilter::Trace,
    };
    let mut builder = Builder::new();
    // Libraries have a say only when something is wrong.
    builder.filter_level(level.min(LevelFilter::Warn)).filter_module(env!("CARGO_CRATE_NAME"), level);
    match settings.format {
        LogFormat::Text => builder.format(form::text),
        LogFormat::Json => builder.format(form::json),
    };
    if role == Role::Client && (verbosity > 0 || stderr_is_terminal) {
        builder.target(Target::Stderr).write_style(WriteStyle::Auto);
    } else {
        let file = file::LogFile::new(settings.file.clone().unwrap_or(path));
        builder.target(Target::Pipe(Box::new(file))).write_style(WriteStyle::Never);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::{Level, Log as _, Record};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn write(logger: &Logger, level: Level, module: &'static str, message: &str) {
        let pairs: &[(&str, log::kv::Value<'_>)] = &[
            ("router", "192.0.2.1:22".into()),
            ("lanes", 2.into()),
            ("loss", 12.5.into()),
            ("up", false.into()),
            ("level", "two words\n".into()),
        ];
        let record = |args: std::fmt::Arguments<'_>| {
            logger.log(&Record::builder().level(level).target(module).args(args).key_values(&pairs).build());
        };
        record(format_args!("{message}"));
    }

    fn settings(format: LogFormat) -> Log {
        Log { format, ..Log::default() }
    }

    #[test]
    fn a_text_line_has_time_level_process_module_message_and_pairs() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("log");
        let logger = logger(Role::Master, &settings(LogFormat::Text), path.clone(), 0, false);
        assert!(!path.exists(), "opened before the first line");
        write(&logger, Level::Warn, "ddl_monitor::master", "login refused\r\n2026 forged");
        let text = fs::read_to_string(&path).unwrap();
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.len() == "2026-11-25T13:00:00.123Z".len(), "{time}");
        let pid = std::process::id();
        assert_eq!(
            rest,
            format!(
                "WARN  [{pid}] master: login refused\\r\\n2026 forged router=192.0.2.1:22 lanes=2 loss=12.5 up=false \
                 level=\"two words\\n\"\n"
            )
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_json_line_has_the_same_as_members() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("log");
        let logger = logger(Role::Master, &settings(LogFormat::Json), path.clone(), 0, false);
        write(&logger, Level::Info, "ddl_monitor::master", "up\n");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(json["time"].as_str().unwrap().ends_with('Z'));
        let mut rest = json.clone();
        rest.as_object_mut().unwrap().remove("time");
        let expected = serde_json::json!({
            "level": "info", "pid": std::process::id(), "module": "master", "message": "up\n", "router": "192.0.2.1:22",
            "lanes": 2, "loss": 12.5, "up": false, "level_": "two words\n"
        });
        assert_eq!(rest, expected);
    }

    #[test]
    fn the_level_comes_from_verbosity_then_the_setting_then_the_role() {
        let level = |role, setting, verbosity| {
            let settings = Log { level: setting, ..Log::default() };
            logger(role, &settings, "/nowhere/log".into(), verbosity, false).filter()
        };
        assert_eq!(level(Role::Client, None, 0), LevelFilter::Warn);
        assert_eq!(level(Role::Master, None, 0), LevelFilter::Info);
        assert_eq!(level(Role::Client, Some(LevelFilter::Error), 0), LevelFilter::Error);
        assert_eq!(level(Role::Master, Some(LevelFilter::Off), 0), LevelFilter::Off);
        assert_eq!(level(Role::Client, Some(LevelFilter::Error), 1), LevelFilter::Info);
        assert_eq!(level(Role::Client, None, 2), LevelFilter::Debug);
        assert_eq!(level(Role::Client, None, 200), LevelFilter::Trace);
    }

    #[test]
    fn libraries_log_only_warnings() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("log");
        let trace = Log { level: Some(LevelFilter::Trace), ..Log::default() };
        let logger = logger(Role::Master, &trace, path.clone(), 0, false);
        write(&logger, Level::Debug, "library", "chatter");
        assert!(!path.exists());
        write(&logger, Level::Trace, "ddl_monitor::shell", "bytes");
        assert!(path.exists());
    }

    #[test]
    fn a_log_that_cannot_be_written_is_no_failure() {
        for path in ["/nowhere/at/all/log", "/dev/full", "/"] {
            write(&logger(Role::Master, &Log::default(), path.into(), 0, false), Level::Error, "ddl_monitor", "lost");
        }
    }
}
