//! Root beside the user of the masters (as `zabbix`): it sees and stops them, and leaves nothing that they cannot use.

use crate::support::monitor::BINARY;
use crate::support::system_user::SystemUser;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

#[test]
fn what_root_forgets_for_another_user_stays_that_users() {
    let folder = tempfile::Builder::new().prefix("ddl").tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Where the user can run it.
    let binary = folder.path().join("ddl-monitor");
    fs::copy(BINARY, &binary).unwrap();
    let user = SystemUser::new();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let id = passwd.lines().find_map(|line| line.strip_prefix(&format!("{}:x:", user.name))).unwrap();
    let id: u32 = id.split(':').next().unwrap().parse().unwrap();
    std::os::unix::fs::chown(&state, Some(id), Some(id)).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let run = |uid: u32, arguments: &[&str]| {
        let mut command = Command::new(&binary);
        command.args(arguments).arg("--state-dir").arg(&state).env_clear().uid(uid).gid(uid);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let poll = [
        "poll",
        "--target",
        "192.0.2.1",
        "--router",
        "127.0.0.1:1",
        "--user",
        "u",
        "--password",
        "x",
        "--platform",
        "frr",
    ];
    let kind = |text: &str| serde_json::from_str::<Value>(text).unwrap()["failure"]["kind"].clone();
    assert_eq!(kind(&run(id, &poll)), "connect");
    // Also the files that are not there yet.
    fs::remove_file(state.join("logins.lock")).unwrap();
    let forgotten = run(0, &["stop", "--router", "127.0.0.1:1", "--forget"]);
    assert!(forgotten.contains("\"forgotten\":[\"127.0.0.1:1\"]"), "{forgotten}");
    for entry in fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().uid(), id, "{:?}", entry.path());
    }
    assert_eq!(kind(&run(id, &poll)), "connect");
    run(id, &["stop", "--all"]);
}
