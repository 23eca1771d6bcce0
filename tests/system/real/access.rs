//! Who gets in, by which way, and what is said to those who do not.

use super::{Lab, SHELLS, counters, monitor_of};
use crate::support::leftover::Folder;
use crate::support::monitor::Monitor;
use crate::support::real_router::{HOST_NAME, RealRouter};
use crate::support::sshd::{Options, Sshd, make_key};
use crate::support::system_user::SystemUser;
use crate::support::wait;
use serde_json::{Value, json};

const TARGET: &str = "198.18.0.1";
const ONE: [&str; 4] = ["--count", "1", "--timeout", "500ms"];

fn poll(monitor: &Monitor, router: &RealRouter, platform: &str, more: &[&str]) -> Value {
    monitor.poll(&router.address().to_string(), platform, TARGET, &[&ONE[..], more].concat()).json()
}

#[track_caller]
fn assert_measured(answer: &Value) {
    assert_eq!((&answer["state"], counters(answer)), (&json!(0), (1, 1, 0)), "{answer}");
}

#[track_caller]
fn assert_failure(answer: &Value, kind: &str, part: &str) {
    assert_eq!((answer["failure"]["kind"].as_str(), answer.get("ping")), (Some(kind), None), "{answer}");
    let message = answer["failure"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(part) && message.contains("198.19."), "{answer}");
}

#[test]
fn a_user_who_may_not_use_vtysh_is_told_so() {
    let router = RealRouter::start();
    let user = router.frr.stranger();
    let answer = poll(&monitor_of(&user, ""), &router, "frr", &[]);
    assert_failure(&answer, "shell", "frrvty");
}

#[test]
fn a_wrong_password_is_one_attempt_however_often_it_is_polled() {
    let router = RealRouter::start();
    let monitor = monitor_of(&router.user, "");
    for _ in 0..5 {
        let answer = poll(&monitor, &router, "frr", &["--password", "secret:bad"]);
        assert_failure(&answer, "auth", &router.user.name);
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    assert_eq!(router.logins(), (0, 1));
    assert_measured(&poll(&monitor, &router, "frr", &[]));
}

#[test]
fn an_expired_password_is_kind_auth_with_the_reason_and_never_changed() {
    for method in ["password", "keyboard-interactive"] {
        let router = RealRouter::with(HOST_NAME, Options { method: Some(method), ..Options::default() });
        let users = [router.frr.user(), router.shell_user("/bin/bash")];
        for (user, platform) in users.iter().zip(["frr", "linux"]) {
            user.expire_password();
            let answer = poll(&monitor_of(user, ""), &router, platform, &[]);
            assert_failure(&answer, "auth", "password");
        }
        assert_eq!(router.logins().1, 0, "{method}");
        let shadow = std::fs::read_to_string("/etc/shadow").expect("/etc/shadow");
        // Still to be changed.
        assert!(users.iter().all(|user| shadow.lines().any(|line| {
            let mut fields = line.split(':');
            fields.next() == Some(&user.name) && fields.nth(1) == Some("0")
        })));
    }
}

#[test]
fn a_user_without_a_login_shell_is_told_what_the_system_says() {
    let router = RealRouter::start();
    let (none, ends) = (router.shell_user("/usr/sbin/nologin"), router.shell_user("/bin/false"));
    for (user, platform, part) in [
        (&none, "linux", "the user has no login shell"),
        (&none, "frr", "the last it said: This account is currently not available"),
        (&ends, "linux", "closed the session before a prompt came"),
        (&ends, "frr", "closed the session before a prompt came"),
    ] {
        assert_failure(&poll(&monitor_of(user, ""), &router, platform, &[]), "shell", part);
    }
}

#[test]
fn keyboard_interactive_is_used_where_nothing_else_is_offered() {
    let router = RealRouter::with(HOST_NAME, Options { method: Some("keyboard-interactive"), ..Options::default() });
    let monitor = monitor_of(&router.user, "");
    assert_failure(&poll(&monitor, &router, "frr", &["--password", "secret:bad"]), "auth", "password");
    assert_measured(&poll(&monitor, &router, "frr", &[]));
    assert_eq!(router.sshd.count("PAM: Authentication failure"), 1);
}

#[test]
fn a_private_key_opens_the_router_and_its_passphrase_is_a_reference() {
    let router = RealRouter::with(HOST_NAME, Options { method: Some("publickey"), ..Options::default() });
    let monitor = monitor_of(&router.user, "");
    let key = make_key(&monitor.path("key"), &["-t", "ed25519"], "correct horse canary");
    router.sshd.authorize(&key);
    let (key, user) = (key.to_str().expect("UTF-8"), router.user.name.as_str());
    let name = monitor.path("passphrase");
    std::fs::write(&name, "correct horse canary\n").expect("a passphrase file");
    std::fs::set_permissions(&name, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    let reference = format!("file:{}", name.display());
    let answer = poll(&monitor, &router, "frr", &["--user", user, "--key", key, "--passphrase", &reference]);
    assert_measured(&answer);
    let credentials = format!(
        "[edge]\nuser = {user:?}\nkey = {key:?}\npassphrase = \"correct horse canary\"\n[wrong]\nuser = {user:?}\nkey = {key:?}\npassphrase = \"battery canary\"\n"
    );
    monitor.write_credentials(&credentials);
    assert_measured(&poll(&monitor, &router, "frr", &["--password", "secret:edge"]));
    let before = router.sshd.count("Connection from");
    let answer = poll(&monitor, &router, "frr", &["--password", "secret:wrong"]);
    assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("settings"), None), "{answer}");
    assert!(answer.to_string().contains("passphrase") && !answer.to_string().contains("canary"), "{answer}");
    // The key is read when the router's keys are agreed upon at the latest; no attempt was made with it.
    assert!(router.sshd.count("Connection from") <= before + 1);
    assert_eq!(router.sshd.count("Failed"), 0);
}

#[test]
fn a_router_of_old_needs_the_setting_that_the_failure_names() {
    let router = RealRouter::with(HOST_NAME, Options { legacy: true, ..Options::default() });
    let monitor = monitor_of(&router.user, "");
    let answer = poll(&monitor, &router, "frr", &[]);
    assert_failure(&answer, "connect", "--crypto legacy");
    assert_eq!(answer["failure"]["stage"], "key_exchange", "{answer}");
    assert_eq!(monitor.run(&["stop", "--all", "--forget"]).code, Some(0));
    assert_measured(&poll(&monitor, &router, "frr", &["--crypto", "legacy"]));
}

#[test]
fn a_changed_host_key_is_refused_and_no_password_is_sent() {
    let mut router = RealRouter::start();
    let monitor = monitor_of(&router.user, "");
    assert_measured(&poll(&monitor, &router, "frr", &[]));
    monitor.run(&["stop", "--all"]);
    router.sshd.renew_host_keys();
    for _ in 0..2 {
        assert_failure(&poll(&monitor, &router, "frr", &[]), "host_key", "SHA256:");
    }
    router.sshd.wait_for("[preauth]", 1);
    assert_eq!(router.sshd.count("Connection from"), 1);
    assert_eq!(router.sshd.count("Accepted") + router.sshd.count("Failed"), 0);
}

#[test]
fn strict_wants_the_key_on_record_first() {
    let router = RealRouter::start();
    let monitor = monitor_of(&router.user, "ssh.host_keys = \"strict\"");
    assert_failure(&poll(&monitor, &router, "frr", &[]), "host_key", "");
    monitor.run(&["stop", "--all", "--forget"]);
    let (ip, port) = (router.address().ip().to_string(), router.address().port().to_string());
    let keys = std::process::Command::new("ssh-keyscan").args(["-p", &port, &ip]).output().expect("ssh-keyscan").stdout;
    std::fs::write(monitor.state().join("known_hosts"), keys).expect("the router's keys on record");
    assert_measured(&poll(&monitor, &router, "frr", &[]));
    assert_eq!(router.logins(), (1, 0));
}

#[test]
fn a_jump_host_carries_whole_polls_and_its_child_ends_with_the_master() {
    let router = RealRouter::start();
    let (jump, jumper, folder) = (Sshd::start(), SystemUser::new(), Folder::new());
    let key = make_key(&folder.path().join("key"), &["-t", "ed25519"], "");
    jump.authorize(&key);
    let command = format!(
        "ssh -q -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i {} -p {} -W [%h]:%p {}@127.0.0.1",
        key.display(),
        jump.port,
        jumper.name
    );
    let monitor = monitor_of(&router.user, &format!("ssh.proxy_command = {command:?}"));
    assert_measured(&poll(&monitor, &router, "frr", &[]));
    assert_eq!(poll(&monitor, &router, "frr", &[])["session"], "reused");
    assert_eq!((jump.count("Accepted publickey"), router.logins()), (1, (1, 0)));
    let children = |name: &str| {
        let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
        let line = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("cmdline")).ok();
        entries.filter_map(line).filter(|line| line.starts_with("ssh\0") && line.contains(name)).count()
    };
    let key = key.to_str().expect("UTF-8");
    assert_eq!(children(key), 1);
    monitor.run(&["stop", "--all"]);
    wait::until("the jump host's session to end", || (children(key) + jump.sessions() == 0).then_some(()));
    // A jump host that fails is not the router's fault, and says why.
    let closed = monitor_of(
        &router.user,
        &format!("ssh.proxy_command = {:?}", command.replace("-q ", "").replace(key, &format!("{key}.missing"))),
    );
    let answer = poll(&closed, &router, "frr", &[]);
    assert_failure(&answer, "connect", "Permission denied");
}

#[test]
fn a_router_is_reached_by_its_ipv6_address() {
    let lab = Lab::new(SHELLS[0], "");
    let address = lab.router.address_v6().to_string();
    assert!(address.starts_with("[2001:db8:ffee:"));
    let answer = lab.monitor.poll(&address, "frr", "2001:db8:1::1", &ONE).json();
    assert_measured(&answer);
    assert_eq!(answer["router"], address.as_str());
    assert_eq!(lab.monitor.run(&["stop", "--router", &address]).json()["stopped"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_password_of_a_real_login_is_kept_nowhere() {
    let router = RealRouter::start();
    let monitor = monitor_of(&router.user, "log.level = \"trace\"");
    let shown = monitor.poll(&router.address().to_string(), "frr", TARGET, &[&ONE[..], &["-vvv"]].concat());
    assert_measured(&shown.json());
    let password = &router.user.password;
    assert!(!shown.stderr.contains(password.as_str()));
    for (path, bytes) in monitor.kept() {
        assert!(!String::from_utf8_lossy(&bytes).contains(password.as_str()), "{}", path.display());
    }
    assert!(monitor.state().join("known_hosts").exists());
}

#[test]
fn replaced_key_file_ends_the_hold_down() {
    let router = RealRouter::with(HOST_NAME, Options { method: Some("publickey"), ..Options::default() });
    let monitor = monitor_of(&router.user, "");
    let stranger = make_key(&monitor.path("key"), &["-t", "ed25519"], "");
    let known = make_key(&monitor.path("known"), &["-t", "ed25519"], "");
    router.sshd.authorize(&known);
    let key = stranger.to_str().expect("UTF-8");
    let poll = || poll(&monitor, &router, "frr", &["--user", &router.user.name, "--key", key]);
    assert_failure(&poll(), "auth", "refused the key");
    let connections = router.sshd.count("Connection from");
    assert_failure(&poll(), "auth", "held down for 5m");
    assert_eq!(router.sshd.count("Connection from"), connections);
    std::fs::rename(&known, &stranger).expect("the right key in its place");
    assert_measured(&poll());
}

#[test]
fn router_that_wants_key_and_password_is_polled_with_both() {
    let router = RealRouter::with(HOST_NAME, Options { method: Some("publickey,password"), ..Options::default() });
    let monitor = monitor_of(&router.user, "");
    let file = make_key(&monitor.path("key"), &["-t", "ed25519"], "");
    router.sshd.authorize(&file);
    let (key, user) = (file.to_str().expect("UTF-8"), router.user.name.as_str());
    let answer = poll(&monitor, &router, "frr", &["--user", user, "--key", key]);
    assert_failure(&answer, "auth", "wants password as well; give --password as well");
    assert_measured(&poll(&monitor, &router, "frr", &["--password", "secret:good", "--key", key]));
}
