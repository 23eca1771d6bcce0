//! Where definitions come from: built in, or a file NAME.toml in the user's folder, which replaces the built-in one. Hands
//! out text; compiles it only to list it.

use super::{Failure, Platform};
use crate::settings::suggestion;
use crate::small_file;
use std::borrow::Cow;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The text of a platform's definition and where it came from.
#[derive(Clone, Debug)]
pub struct Definition {
    pub name: String,
    pub text: Cow<'static, str>,
    /// None = built in.
    pub origin: Option<PathBuf>,
}

/// A definition as `platform list` shows it.
#[derive(Debug)]
pub struct Listed {
    pub name: String,
    /// Vendor and system, for people; empty when the file cannot be used.
    pub title: String,
    /// None = built in.
    pub origin: Option<PathBuf>,
    /// What is wrong with a user's file; it stops no other platform.
    pub error: Option<Failure>,
}

/// Explicit, so that a file that is not listed is not shipped by accident.
const BUILT_IN: [(&str, &str); 16] = [
    ("arista_eos", include_str!("definitions/arista_eos.toml")),
    ("cisco_asa", include_str!("definitions/cisco_asa.toml")),
    ("cisco_iosxe", include_str!("definitions/cisco_iosxe.toml")),
    ("cisco_iosxr", include_str!("definitions/cisco_iosxr.toml")),
    ("cisco_nxos", include_str!("definitions/cisco_nxos.toml")),
    ("fortinet_fortios", include_str!("definitions/fortinet_fortios.toml")),
    ("frr", include_str!("definitions/frr.toml")),
    ("h3c_comware", include_str!("definitions/h3c_comware.toml")),
    ("huawei_vrp", include_str!("definitions/huawei_vrp.toml")),
    ("juniper_junos", include_str!("definitions/juniper_junos.toml")),
    ("linux", include_str!("definitions/linux.toml")),
    ("mikrotik_routeros", include_str!("definitions/mikrotik_routeros.toml")),
    ("nokia_sros", include_str!("definitions/nokia_sros.toml")),
    ("ruijie_os", include_str!("definitions/ruijie_os.toml")),
    ("vyos", include_str!("definitions/vyos.toml")),
    ("zte_zxros", include_str!("definitions/zte_zxros.toml")),
];

/// The definition of a platform: the user's `dir/NAME.toml`, else the built-in one. Not compiled here, so a warm poll may
/// call it.
///
/// # Errors
/// Kind `settings`: the name is malformed or unknown (the message lists the known ones), or the user's file cannot be read.
pub fn find(name: &str, dir: Option<&Path>) -> Result<Definition, Failure> {
    if !is_name(name) {
        return Err(Failure::settings(format!(
            "platform {:?} is not a name: 1 to 63 of a–z, 0–9 and _; {}",
            name.chars().take(80).collect::<String>(),
            known(dir)
        )));
    }
    if let Some(definition) = dir.map(|dir| read(name, dir)).transpose()?.flatten() {
        return Ok(definition);
    }
    match BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        Some((_, text)) => Ok(Definition { name: name.to_owned(), text: Cow::Borrowed(text), origin: None }),
        None => Err(Failure::settings(match nearest(name, &names(dir)) {
            Some(near) => format!("platform {name} is unknown, did you mean {near}? {}", known(dir)),
            None => format!("platform {name} is unknown; {}", known(dir)),
        })),
    }
}

/// All platforms by name, each with its own error, if any.
pub fn list(dir: Option<&Path>) -> Vec<Listed> {
    names(dir)
        .into_iter()
        .map(|name| match find(&name, dir) {
            Ok(definition) => {
                let origin = definition.origin.clone();
                match Platform::compile(&definition) {
                    Ok(platform) => Listed { name, title: platform.title, origin, error: None },
                    Err(failure) => Listed { name, title: String::new(), origin, error: Some(failure) },
                }
            }
            Err(failure) => {
                let origin = dir.map(|dir| path(&name, dir));
                Listed { name, title: String::new(), origin, error: Some(failure) }
            }
        })
        .collect()
}

/// A definition for `platform check FILE`; the file's stem is the platform's name.
///
/// # Errors
/// Kind `settings`: not readable, or the stem is not a platform's name.
pub fn from_file(path: &Path) -> Result<Definition, Failure> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_name(stem)).ok_or_else(|| {
        Failure::settings(format!(
            "{}: a platform file is named after its platform: 1 to 63 of a–z, 0–9 and _, then .toml",
            path.display()
        ))
    })?;
    let text = text(path).map_err(|e| unreadable(path, &e))?;
    Ok(Definition { name: name.to_owned(), text: Cow::Owned(text), origin: Some(path.to_owned()) })
}

fn read(name: &str, dir: &Path) -> Result<Option<Definition>, Failure> {
    let path = path(name, dir);
    match text(&path) {
        Ok(text) => Ok(Some(Definition { name: name.to_owned(), text: Cow::Owned(text), origin: Some(path) })),
        // A link to nowhere is somebody's file all the same: the built-in one must not quietly take its place.
        Err(e) if e.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(e) => Err(unreadable(&path, &e)),
    }
}

fn text(path: &Path) -> io::Result<String> {
    let (file, meta) = small_file::open(path)?;
    // It says what is typed on routers.
    if meta.mode() & 0o002 != 0 {
        return Err(io::Error::other("writable by everybody; chmod o-w"));
    }
    small_file::read(file)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::settings(format!("cannot read platform file {}: {error}", path.display()))
}

fn path(name: &str, dir: &Path) -> PathBuf {
    dir.join(format!("{name}.toml"))
}

/// Also keeps a name from being a path.
fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn names(dir: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let entries = dir.and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten();
    names.extend(
        entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
            .filter(|name| is_name(name)),
    );
    names.sort();
    names.dedup();
    names
}

fn known(dir: Option<&Path>) -> String {
    let names = names(dir).join(", ");
    match dir {
        Some(dir) => format!("known are {names}; files of your own are looked for in {}", dir.display()),
        None => format!("known are {names}; the setting platforms.dir names a folder for files of your own"),
    }
}

/// `huawei` is as near to huawei_vrp as can be, and no typing error.
fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    let names = names.iter().map(String::as_str);
    names.clone().find(|known| known.split('_').any(|part| part == name)).or_else(|| suggestion::nearest(name, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_platform_lists_the_known_ones_and_suggests_the_nearest() {
        for (name, near) in
            [("cisco_ios", "cisco_iosxe"), ("huawei", "huawei_vrp"), ("comware", "h3c_comware"), ("nxos", "cisco_nxos")]
        {
            let message = find(name, None).unwrap_err().message;
            assert!(message.contains(&format!("did you mean {near}?")), "{message}");
            assert!(message.contains("known are arista_eos, cisco_asa, cisco_iosxe,"), "{message}");
        }
        for name in ["something_else", "x"] {
            assert!(!find(name, None).unwrap_err().message.contains("did you mean"), "{name}");
        }
    }

    #[test]
    fn a_platform_name_can_not_be_a_path() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["../cisco_iosxe", "/etc/passwd", "", ".", "a b", "Cisco", &"x".repeat(64)] {
            assert!(find(name, Some(dir.path())).unwrap_err().message.contains("is not a name"), "{name}");
        }
    }

    #[test]
    fn a_users_file_replaces_the_built_in_one_and_a_broken_one_stops_no_other() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("linux.toml"), "title = 3\n").unwrap();
        std::fs::write(dir.path().join("README.md"), "not a platform").unwrap();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("frr.toml"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(find("frr", Some(dir.path())).unwrap_err().message.ends_with("not a file"));
        let found = find("linux", Some(dir.path())).unwrap();
        assert_eq!(found.origin.as_deref(), Some(dir.path().join("linux.toml").as_path()));
        let listed = list(Some(dir.path()));
        assert_eq!(listed.len(), BUILT_IN.len());
        for one in listed {
            assert_eq!(one.error.is_some(), ["frr", "linux"].contains(&one.name.as_str()), "{one:?}");
        }
    }

    #[test]
    fn what_is_no_file_of_the_administrator_is_refused_at_once() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(format!("{name}.toml"));
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        std::os::unix::fs::symlink("/nowhere", path("linux")).unwrap();
        std::fs::write(path("open"), BUILT_IN[0].1).unwrap();
        std::fs::set_permissions(path("open"), std::fs::Permissions::from_mode(0o666)).unwrap();
        for (name, why) in [
            ("fifo", "not a file"),
            ("folder", "not a file"),
            ("linux", "No such file"),
            ("open", "writable by everybody"),
        ] {
            let message = find(name, Some(dir.path())).unwrap_err().message;
            assert!(message.contains(why) && message.contains(&format!("{name}.toml")), "{message}");
        }
        assert_eq!(list(Some(dir.path())).iter().filter(|one| one.error.is_some()).count(), 4);
    }
}
