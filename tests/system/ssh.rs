//! SSH sessions with a real OpenSSH server, and with things on a port that are none.

use crate::support::sshd::{Options, Sshd, make_key};
use crate::support::system_user::SystemUser;
use crate::support::wait::LIMIT;
use ddl_monitor::deadline::Deadline;
use ddl_monitor::failure::{Failure, Kind, Stage};
use ddl_monitor::inventory::router::{Address, Credential, Crypto, HostKeyPolicy, Login};
use ddl_monitor::inventory::secret::Secret;
use ddl_monitor::ssh::{Heard, Session};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn after(milliseconds: u64) -> Deadline {
    Deadline::after(Duration::from_millis(milliseconds))
}

/// Long enough for a busy machine.
fn soon() -> Deadline {
    Deadline::after(LIMIT)
}

fn login(sshd: &Sshd, user: &SystemUser) -> Login {
    Login {
        address: Address { host: sshd.address.to_string(), port: sshd.port },
        user: user.name.clone(),
        credential: password(&user.password),
        enable: None,
        proxy_command: None,
        crypto: Crypto::Modern,
        host_keys: HostKeyPolicy::AcceptNew,
        known_hosts: sshd.dir().join("known_hosts"),
    }
}

fn login_at(port: u16) -> Login {
    Login {
        address: Address { host: "127.0.0.1".into(), port },
        user: "nobody".into(),
        credential: password("canary"),
        enable: None,
        proxy_command: None,
        crypto: Crypto::Modern,
        host_keys: HostKeyPolicy::Off,
        known_hosts: PathBuf::from("/nonexistent/known_hosts"),
    }
}

fn password(text: &str) -> Credential {
    Credential::password(Secret::new(text.into()))
}

fn open(login: &Login) -> Result<Session, Failure> {
    Session::open(login, "vt100", soon(), &|_| {})
}

fn refusal(login: &Login) -> Failure {
    match open(login) {
        Ok(_) => panic!("the login worked"),
        Err(failure) => failure,
    }
}

/// Runs a command in the shell and waits for `answer`, which must not be part of the command.
fn ask(session: &mut Session, command: &str, answer: &str) -> String {
    session.say(format!("{command}\n").as_bytes(), soon()).unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    let deadline = soon();
    while !text.contains(answer) {
        match session.hear(&mut buffer, &[], deadline).unwrap() {
            Heard::Bytes(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
            other => panic!("{other:?} after {text:?}"),
        }
    }
    text
}

/// The shell works and has a terminal of the size that we asked for.
fn assert_shell(session: &mut Session) {
    ask(session, "echo size $(stty size) $TERM", "size 1000 511 vt100");
}

/// Reads until nothing comes for a moment: the shell has said all it had to say.
fn drain(session: &mut Session) {
    ask(session, "PS1=; stty -echo; echo dra''ined", "drained\r\n");
}

#[test]
fn password_logs_in_and_reports_every_stage() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let stages = RefCell::new(Vec::new());
    let mut session = Session::open(&login(&sshd, &user), "vt100", soon(), &|s| stages.borrow_mut().push(s)).unwrap();
    assert_eq!(*stages.borrow(), [Stage::Connect, Stage::KeyExchange, Stage::HostKey, Stage::Login]);
    assert_shell(&mut session);
    let agreed = session.algorithms();
    assert_eq!((&*agreed.key_exchange, &*agreed.host_key), ("curve25519-sha256", "ssh-ed25519"));
    session.close(soon());
    sshd.wait_for("Disconnected from user", 1);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let failure = refusal(&Login { credential: password("wrong"), ..login(&sshd, &user) });
    assert_eq!((failure.kind, failure.stage), (Kind::Auth, Stage::Login));
    assert!(failure.message.contains(&user.name) && !failure.message.contains("wrong"), "{failure}");
    sshd.wait_for("goodbye [preauth]", 1);
    assert_eq!(sshd.count("Failed password"), 1);
    assert_eq!(sshd.count("Failed"), 1);
}

#[test]
fn a_router_that_hangs_up_on_a_wrong_password_has_refused_it() {
    let sshd = Sshd::with(Options { lines: vec!["MaxAuthTries 1".into()], ..Options::default() });
    let user = SystemUser::new();
    let failure = refusal(&Login { credential: password("wrong"), ..login(&sshd, &user) });
    assert_eq!(failure.kind, Kind::Auth, "{failure}");
    assert!(failure.message.contains("Too many authentication failures"), "{failure}");
}

#[test]
fn keyboard_interactive_is_used_where_password_is_not_offered() {
    let sshd = Sshd::with(Options { method: Some("keyboard-interactive"), ..Options::default() });
    let user = SystemUser::new();
    assert_shell(&mut open(&login(&sshd, &user)).unwrap());
    let failure = refusal(&Login { credential: password("wrong"), ..login(&sshd, &user) });
    assert_eq!(failure.kind, Kind::Auth, "{failure}");
    sshd.wait_for("goodbye [preauth]", 1);
    assert_eq!(sshd.count("PAM: Authentication failure"), 1);
}

#[test]
fn a_demand_for_a_new_password_is_not_answered() {
    let sshd = Sshd::with(Options { method: Some("keyboard-interactive"), ..Options::default() });
    let user = SystemUser::new();
    user.expire_password();
    let failure = refusal(&login(&sshd, &user));
    assert_eq!(failure.kind, Kind::Auth, "{failure}");
    assert!(failure.message.contains("more than a password"), "{failure}");
    // Still the old one: PAM asks for it again and for a new one next time too.
    assert_eq!(refusal(&login(&sshd, &user)).message, failure.message);
}

#[test]
fn keys_of_every_kind_log_in_with_and_without_passphrase() {
    let (sshd, user) = (Sshd::with(Options { method: Some("publickey"), ..Options::default() }), SystemUser::new());
    for (at, (kind, passphrase)) in [
        (&["-t", "ed25519"][..], None),
        (&["-t", "ed25519"], Some("correct horse")),
        (&["-t", "rsa", "-b", "2048"], None),
        (&["-t", "rsa", "-b", "2048", "-m", "PEM"], Some("correct horse")),
        (&["-t", "ecdsa"], Some("correct horse")),
    ]
    .into_iter()
    .enumerate()
    {
        let file = make_key(&sshd.dir().join(format!("user-{at}")), kind, passphrase.unwrap_or_default());
        sshd.authorize(&file);
        let passphrase = passphrase.map(|text| Secret::new(text.into()));
        let login = Login { credential: Credential::key(file, passphrase), ..login(&sshd, &user) };
        match open(&login) {
            Ok(mut session) => assert_shell(&mut session),
            Err(failure) => panic!("{kind:?}: {failure}"),
        }
    }
}

#[test]
fn a_key_that_is_of_no_use_is_found_before_the_router_is_asked() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let locked = make_key(&sshd.dir().join("locked"), &["-t", "ed25519"], "correct horse");
    let open_to_all = make_key(&sshd.dir().join("open"), &["-t", "ed25519"], "");
    std::fs::set_permissions(&open_to_all, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let text = sshd.dir().join("text");
    std::fs::write(&text, "no key\n").unwrap();
    std::fs::set_permissions(&text, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for (file, passphrase, part) in [
        (locked.clone(), Some("battery"), "passphrase"),
        (locked, None, "needs a passphrase"),
        (open_to_all, None, "chmod 600"),
        (text, None, "no private key"),
        (sshd.dir().join("missing"), None, "No such file"),
    ] {
        let passphrase = passphrase.map(|text| Secret::new(text.into()));
        let failure = refusal(&Login { credential: Credential::key(file, passphrase), ..login(&sshd, &user) });
        assert_eq!(failure.kind, Kind::Settings, "{failure}");
        assert!(failure.message.contains(part) && !failure.message.contains("battery"), "{failure}");
    }
    assert_eq!(sshd.count("Connection from"), 0);
}

#[test]
fn a_key_that_the_router_does_not_know_is_refused() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let file = make_key(&sshd.dir().join("stranger"), &["-t", "ed25519"], "");
    let failure = refusal(&Login { credential: Credential::key(file, None), ..login(&sshd, &user) });
    assert_eq!(failure.kind, Kind::Auth, "{failure}");
}

#[test]
fn a_method_that_is_not_offered_is_named() {
    let (sshd, user) = (Sshd::with(Options { method: Some("publickey"), ..Options::default() }), SystemUser::new());
    let failure = refusal(&login(&sshd, &user));
    assert_eq!(failure.kind, Kind::Auth);
    assert!(failure.message.contains("only by publickey"), "{failure}");
}

/// A key of a user that the server knows.
fn known_key(sshd: &Sshd) -> PathBuf {
    let file = make_key(&sshd.dir().join("known"), &["-t", "ed25519"], "");
    sshd.authorize(&file);
    file
}

fn key_and_password(file: PathBuf, password: &str) -> Credential {
    Credential { password: Some(Secret::new(password.into())), ..Credential::key(file, None) }
}

#[test]
fn key_and_password_log_in_where_both_are_wanted() {
    for method in [
        "publickey,password",
        "password,publickey",
        "publickey,keyboard-interactive",
        "keyboard-interactive,publickey",
        "password,keyboard-interactive",
        "publickey,password,keyboard-interactive",
    ] {
        let sshd = Sshd::with(Options { method: Some(method), ..Options::default() });
        let user = SystemUser::new();
        let credential = key_and_password(known_key(&sshd), &user.password);
        match open(&Login { credential, ..login(&sshd, &user) }) {
            Ok(mut session) => assert_shell(&mut session),
            Err(failure) => panic!("{method}: {failure}"),
        }
        assert_eq!(sshd.count("Failed p") + sshd.count("Failed k"), 0, "{method}");
    }
}

#[test]
fn router_that_wants_more_says_what() {
    for (method, with_key, part) in [
        (
            "publickey,password",
            true,
            "accepted the key of user NAME and wants password as well; give --password as well",
        ),
        (
            "publickey,password publickey,keyboard-interactive",
            true,
            "accepted the key of user NAME and wants password, keyboard-interactive as well; give --password as well",
        ),
        (
            "password,publickey",
            false,
            "accepted the password of user NAME and wants publickey as well; give --key as well",
        ),
        ("publickey,hostbased", true, "accepted the key of user NAME and wants hostbased as well"),
    ] {
        let lines = vec!["HostbasedAuthentication yes".into()];
        let sshd = Sshd::with(Options { method: Some(method), lines, ..Options::default() });
        let user = SystemUser::new();
        let key = Credential::key(known_key(&sshd), None);
        let credential = if with_key { key } else { password(&user.password) };
        let failure = refusal(&Login { credential, ..login(&sshd, &user) });
        assert!(failure.message.contains(&part.replace("NAME", &user.name)), "{method}: {failure}");
        assert_eq!((failure.kind, failure.incomplete), (Kind::Auth, true), "{failure}");
    }
}

#[test]
fn wrong_password_behind_a_key_is_a_refusal() {
    let sshd = Sshd::with(Options { method: Some("publickey,password"), ..Options::default() });
    let user = SystemUser::new();
    let credential = key_and_password(known_key(&sshd), "wrong");
    let failure = refusal(&Login { credential, ..login(&sshd, &user) });
    assert!(failure.message.contains("accepted the key but refused the password"), "{failure}");
    assert_eq!((failure.kind, failure.incomplete), (Kind::Auth, false), "{failure}");
    assert_eq!(sshd.count("Failed password"), 1);
}

#[test]
fn either_proof_is_enough_where_the_router_takes_one() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let stranger = make_key(&sshd.dir().join("stranger"), &["-t", "ed25519"], "");
    for credential in [key_and_password(stranger, &user.password), key_and_password(known_key(&sshd), "wrong")] {
        assert_shell(&mut open(&Login { credential, ..login(&sshd, &user) }).unwrap());
    }
    assert_eq!(sshd.count("Failed password"), 0);
}

/// Signs the key `file` for `user`: `file-cert.pub`.
fn certify(authority: &Path, file: &Path, user: &str, validity: &str) {
    let public = file.with_extension("pub");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-I", "test", "-n", user, "-V", validity, "-s"]).arg(authority).arg(public);
    assert!(command.status().unwrap().success());
}

#[test]
fn user_certificate_beside_the_key_logs_in() {
    let folder = tempfile::tempdir().unwrap();
    let authority = make_key(&folder.path().join("authority"), &["-t", "ed25519"], "");
    let lines = vec![format!("TrustedUserCAKeys {}.pub", authority.display())];
    let sshd = Sshd::with(Options { method: Some("publickey"), lines, ..Options::default() });
    let user = SystemUser::new();
    let with = |file: &Path| Login { credential: Credential::key(file.to_owned(), None), ..login(&sshd, &user) };
    for (at, kind) in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"], &["-t", "ecdsa"]].into_iter().enumerate() {
        let file = make_key(&folder.path().join(format!("certified-{at}")), kind, "");
        assert!(open(&with(&file)).is_err(), "{kind:?}");
        certify(&authority, &file, &user.name, "-1d:+1d");
        match open(&with(&file)) {
            Ok(mut session) => assert_shell(&mut session),
            Err(failure) => panic!("{kind:?}: {failure}"),
        }
    }
    // A certificate that is over costs nothing where the key itself is known.
    let file = make_key(&folder.path().join("over"), &["-t", "ed25519"], "");
    certify(&authority, &file, &user.name, "-2d:-1d");
    let failure = refusal(&with(&file));
    assert!(failure.message.contains("refused the key and its certificate"), "{failure}");
    sshd.authorize(&file);
    assert_shell(&mut open(&with(&file)).unwrap());
    std::fs::write(folder.path().join("over-cert.pub"), "no certificate\n").unwrap();
    let failure = refusal(&with(&file));
    assert_eq!(failure.kind, Kind::Settings, "{failure}");
    assert!(failure.message.contains("over-cert.pub: it is not an OpenSSH certificate"), "{failure}");
}

#[test]
fn login_banner_beyond_what_ssh_allows_is_named() {
    let mut banner = tempfile::NamedTempFile::new().unwrap();
    banner.write_all(&b"Authorised users only.\n".repeat(10_000)).unwrap();
    let lines = vec![format!("Banner {}", banner.path().display())];
    let (sshd, user) = (Sshd::with(Options { lines, ..Options::default() }), SystemUser::new());
    let failure = refusal(&login(&sshd, &user));
    assert_eq!((failure.kind, failure.stage), (Kind::Shell, Stage::Login), "{failure}");
    assert!(failure.message.contains("banner longer than SSH allows"), "{failure}");
}

#[test]
fn a_router_with_legacy_algorithms_only_needs_the_setting_that_the_failure_names() {
    let (sshd, user) = (Sshd::with(Options { legacy: true, ..Options::default() }), SystemUser::new());
    let modern = login(&sshd, &user);
    let failure = refusal(&modern);
    assert_eq!((failure.kind, failure.stage), (Kind::Connect, Stage::KeyExchange));
    for part in ["diffie-hellman-group14-sha1", "ssh-rsa", "ssh.crypto = \"legacy\"", "--crypto legacy"] {
        assert!(failure.message.contains(part), "{failure}");
    }
    let mut session = open(&Login { crypto: Crypto::Legacy, ..modern }).unwrap();
    assert_shell(&mut session);
    let agreed = session.algorithms().to_string();
    assert_eq!(agreed, "diffie-hellman-group14-sha1 ssh-rsa aes128-cbc hmac-sha1");
}

#[test]
fn the_oldest_algorithms_work_with_the_legacy_setting() {
    let lines = "KexAlgorithms diffie-hellman-group1-sha1\nHostKeyAlgorithms ssh-dss\nCiphers 3des-cbc\nMACs hmac-md5";
    let sshd = Sshd::with(Options { legacy: true, lines: vec![lines.into()], ..Options::default() });
    let user = SystemUser::new();
    let mut session = open(&Login { crypto: Crypto::Legacy, ..login(&sshd, &user) }).unwrap();
    assert_shell(&mut session);
    assert_eq!(session.algorithms().to_string(), "diffie-hellman-group1-sha1 ssh-dss 3des-cbc hmac-md5");
    drop(session);
    // On record as ssh-dss, and found again.
    open(&Login { crypto: Crypto::Legacy, host_keys: HostKeyPolicy::Strict, ..login(&sshd, &user) }).unwrap();
}

#[test]
fn a_router_may_be_named_and_every_address_of_it_is_tried() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mut login = login(&sshd, &user);
    // Mostly ::1 comes first, where nobody listens.
    login.address.host = "localhost".into();
    assert_shell(&mut open(&login).unwrap());
    let known = std::fs::read_to_string(&login.known_hosts).unwrap();
    assert!(known.starts_with(&format!("[localhost]:{} ssh-ed25519 ", sshd.port)), "{known}");
}

#[test]
fn legacy_crypto_still_prefers_what_is_modern() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let session = open(&Login { crypto: Crypto::Legacy, ..login(&sshd, &user) }).unwrap();
    assert_eq!(session.algorithms().key_exchange, "curve25519-sha256");
    assert_eq!(session.algorithms().host_key, "ssh-ed25519");
}

#[test]
fn a_changed_host_key_is_refused_before_any_password_is_sent() {
    let (mut sshd, user) = (Sshd::start(), SystemUser::new());
    let login = login(&sshd, &user);
    open(&login).unwrap().close(soon());
    open(&login).unwrap().close(soon());
    sshd.renew_host_keys();
    let failure = refusal(&login);
    assert_eq!((failure.kind, failure.stage), (Kind::HostKey, Stage::HostKey));
    assert!(failure.message.contains("known_hosts line 1"), "{failure}");
    assert_eq!(failure.message.matches("SHA256:").count(), 2, "{failure}");
    sshd.wait_for("goodbye [preauth]", 1);
    assert_eq!(sshd.count("Accepted") + sshd.count("Failed") + sshd.count("Postponed"), 0);
    open(&Login { host_keys: HostKeyPolicy::Off, ..login }).unwrap();
}

#[test]
fn a_key_type_on_record_is_asked_for_first() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let public = std::fs::read_to_string(sshd.dir().join("rsa.pub")).unwrap();
    let mut login = login(&sshd, &user);
    std::fs::write(&login.known_hosts, format!("[127.0.0.1]:{} {public}", sshd.port)).unwrap();
    login.host_keys = HostKeyPolicy::Strict;
    assert_eq!(open(&login).unwrap().algorithms().host_key, "rsa-sha2-512");
}

#[test]
fn strict_refuses_a_router_without_a_key_on_record() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let login = Login { host_keys: HostKeyPolicy::Strict, ..login(&sshd, &user) };
    let failure = refusal(&login);
    assert_eq!(failure.kind, Kind::HostKey, "{failure}");
    assert!(!login.known_hosts.exists());
}

#[test]
fn one_session_is_all_that_is_asked_of_a_router() {
    let (sshd, user) =
        (Sshd::with(Options { lines: vec!["MaxSessions 1".into()], ..Options::default() }), SystemUser::new());
    assert_shell(&mut open(&login(&sshd, &user)).unwrap());
}

#[test]
fn a_router_that_refuses_a_session_or_a_terminal_is_busy() {
    for line in ["MaxSessions 0", "PermitTTY no"] {
        let sshd = Sshd::with(Options { lines: vec![line.into()], ..Options::default() });
        let user = SystemUser::new();
        let failure = refusal(&login(&sshd, &user));
        assert_eq!((failure.kind, failure.stage), (Kind::Busy, Stage::Login), "{line}: {failure}");
        let is_terminal = line == "PermitTTY no";
        assert_eq!(failure.message.contains("no terminal permitted for this user or key"), is_terminal, "{failure}");
    }
}

#[test]
fn what_a_router_says_of_itself_is_in_the_message() {
    let mut banner = tempfile::NamedTempFile::new().unwrap();
    banner.write_all(b"\r\n**  All \x1bterminals\r\n are used  **\r\n").unwrap();
    let lines = vec!["MaxSessions 0".into(), format!("Banner {}", banner.path().display())];
    let (sshd, user) = (Sshd::with(Options { lines, ..Options::default() }), SystemUser::new());
    let failure = refusal(&login(&sshd, &user));
    assert!(failure.message.ends_with("it says: ** All terminals are used **"), "{failure}");
}

/// A relay that leaves a child behind when its input ends: only the end of its group ends it.
const RELAY: &str = "bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & exec cat >&3'";

/// A handle of each process that has `text` in its environment.
fn processes_with(text: &str) -> Vec<OwnedFd> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        String::from_utf8_lossy(&environment).contains(text).then_some(pid)
    });
    pids.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect()
}

/// Waits for the end of a process; false when it does not come.
fn ends(process: &OwnedFd) -> bool {
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&Deadline::after(LIMIT).timeout())).unwrap() == 1
}

#[test]
fn a_proxy_command_carries_the_session_and_ends_with_it() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mark = format!("DDL_PROXY_OF={}", user.name);
    let login = Login { proxy_command: Some(format!("env {mark} {RELAY}")), ..login(&sshd, &user) };
    let mut session = open(&login).unwrap();
    assert_shell(&mut session);
    let relay = processes_with(&mark);
    assert_eq!(relay.len(), 2);
    session.close(soon());
    assert!(relay.iter().all(ends));
}

#[test]
fn a_proxy_command_that_fails_says_why() {
    let mut login = login_at(1);
    login.proxy_command = Some("sh -c 'echo jump host %h is closed >&2; exit 3'".into());
    let failure = refusal(&login);
    assert_eq!(failure.kind, Kind::Connect, "{failure}");
    for part in ["jump host 127.0.0.1 is closed", "ended with status 3"] {
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[test]
fn a_proxy_command_inherits_no_descriptor() {
    // As a master does at its start: whoever runs the tests may have left some open.
    ddl_monitor::descriptors::close_on_exec().unwrap();
    let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut login = login_at(1);
    // What it prints comes where a banner was expected; 3 is the folder that it lists.
    login.proxy_command = Some("ls /proc/self/fd".into());
    let failure = refusal(&login);
    assert!(failure.message.contains("it says: 0 1 2 3;"), "{failure}");
}

/// Something on a port that is no SSH server.
fn listener(serve: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
    port
}

#[test]
fn a_silent_port_fails_at_the_deadline() {
    let port = listener(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let failure = Session::open(&login_at(port), "vt100", after(2000), &|_| {}).err().unwrap();
    assert_eq!((failure.kind, failure.stage), (Kind::Connect, Stage::Connect));
    assert!(failure.message.contains("silent"), "{failure}");
}

#[test]
fn a_router_that_stops_in_key_exchange_fails_at_the_deadline() {
    let port = listener(|mut stream| {
        stream.write_all(b"SSH-2.0-Cisco-1.25\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let failure = Session::open(&login_at(port), "vt100", after(5000), &|_| {}).err().unwrap();
    assert_eq!((failure.kind, failure.stage), (Kind::Connect, Stage::KeyExchange));
}

#[test]
fn a_closed_port_is_told_at_once() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let failure = refusal(&login_at(port));
    assert_eq!((failure.kind, failure.stage), (Kind::Connect, Stage::Connect));
    assert!(failure.message.contains("refused"), "{failure}");
}

#[test]
fn a_name_that_is_not_known_is_told_as_such() {
    let mut login = login_at(22);
    login.address.host = "no-such-router.invalid".into();
    let failure = Session::open(&login, "vt100", soon(), &|_| {}).err().unwrap();
    assert_eq!(failure.kind, Kind::Connect);
    assert!(failure.message.contains("looking up"), "{failure}");
}

#[test]
fn a_router_that_closes_after_its_banner_is_a_connect_failure() {
    let port = listener(|mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
        // Reads what we say, so that the close is a FIN, not a reset that could overtake the banner.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let failure = refusal(&login_at(port));
    assert_eq!((failure.kind, failure.stage), (Kind::Connect, Stage::KeyExchange), "{failure}");
    assert!(failure.message.contains("closed the connection in key exchange"), "{failure}");
}

#[test]
fn text_instead_of_a_banner_is_in_the_message() {
    let port = listener(|mut stream| {
        stream.write_all(b"\r\n% All lines are busy,\x07 try later\r\n").unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let failure = refusal(&login_at(port));
    assert_eq!((failure.kind, failure.stage), (Kind::Connect, Stage::Connect));
    assert!(failure.message.ends_with("it says: % All lines are busy, try later"), "{failure}");
}

#[test]
fn a_port_that_never_stops_talking_ends_at_the_deadline() {
    let port = listener(|mut stream| while stream.write_all(&b"nonsense\r\n".repeat(1000)).is_ok() {});
    let failure = Session::open(&login_at(port), "vt100", after(2000), &|_| {}).err().unwrap();
    assert_eq!((failure.kind, failure.stage), (Kind::Connect, Stage::Connect), "{failure}");
}

#[test]
fn hear_ends_at_its_deadline_and_wakes_for_others() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mut session = open(&login(&sshd, &user)).unwrap();
    drain(&mut session);
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut buffer = [0; 4096];
    let deadline = after(150);
    assert_eq!(session.hear(&mut buffer, &[theirs.as_fd()], deadline).unwrap(), Heard::TimedOut);
    assert!(deadline.is_over());
    ours.write_all(b"x").unwrap();
    assert_eq!(session.hear(&mut buffer, &[theirs.as_fd()], soon()).unwrap(), Heard::Woken);
    // What the router said comes before who else calls.
    session.say(b"echo first\n", soon()).unwrap();
    sshd.wait_for("Starting session", 1);
    let heard = loop {
        match session.hear(&mut buffer, &[theirs.as_fd()], soon()).unwrap() {
            Heard::Woken => {}
            other => break other,
        }
    };
    assert_eq!((heard, &buffer[..7]), (Heard::Bytes(7), &b"first\r\n"[..]));
    drop(ours);
    assert_eq!(session.hear(&mut buffer, &[theirs.as_fd()], soon()).unwrap(), Heard::Woken);
}

#[test]
fn waiting_for_a_quiet_router_costs_no_processor_time() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mut session = open(&login(&sshd, &user)).unwrap();
    drain(&mut session);
    let used = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let before = used();
    assert_eq!(session.hear(&mut [0; 4096], &[], after(500)).unwrap(), Heard::TimedOut);
    let after = used();
    let spent = (after.tv_sec - before.tv_sec) * 1_000_000_000 + after.tv_nsec - before.tv_nsec;
    assert!(spent < 50_000_000, "{spent} ns of half a second");
}

#[test]
fn the_end_of_the_shell_is_heard_after_its_last_words() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mut session = open(&login(&sshd, &user)).unwrap();
    drain(&mut session);
    session.say(b"echo last words; exit\n", soon()).unwrap();
    let (mut text, mut buffer) = (Vec::new(), [0; 4]);
    loop {
        match session.hear(&mut buffer, &[], soon()).unwrap() {
            Heard::Bytes(count) => text.extend_from_slice(&buffer[..count]),
            other => break assert_eq!(other, Heard::Closed),
        }
    }
    assert_eq!(String::from_utf8_lossy(&text), "last words\r\n");
    assert_eq!(session.hear(&mut buffer, &[], soon()).unwrap(), Heard::Closed);
}

#[test]
fn a_session_that_is_killed_is_heard_as_closed() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mut session = open(&login(&sshd, &user)).unwrap();
    drain(&mut session);
    sshd.signal_sessions(Signal::KILL);
    assert_eq!(session.hear(&mut [0; 4096], &[], soon()).unwrap(), Heard::Closed);
}

#[test]
fn a_flood_passes_through_with_new_keys_on_the_way() {
    let sshd = Sshd::with(Options { lines: vec!["RekeyLimit 1M\nLogLevel DEBUG1".into()], ..Options::default() });
    let user = SystemUser::new();
    let mut session = open(&login(&sshd, &user)).unwrap();
    drain(&mut session);
    let size = 20_000_000;
    session.say(format!("head -c {size} /dev/zero | tr '\\0' x; echo en''d\n").as_bytes(), soon()).unwrap();
    let (mut count, mut buffer) = (0, [0; 16384]);
    let deadline = soon();
    let tail = loop {
        match session.hear(&mut buffer, &[], deadline).unwrap() {
            Heard::Bytes(n) => {
                count += buffer[..n].iter().filter(|byte| **byte == b'x').count();
                if buffer[..n].ends_with(b"end\r\n") {
                    break n;
                }
            }
            other => panic!("{other:?} after {count}"),
        }
    };
    assert!(tail >= 5);
    assert_eq!(count, size);
    assert!(sshd.count("set_newkeys: rekeying") > 10);
    assert_shell(&mut session);
}

#[test]
fn keepalives_leave_the_session_as_it_is() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mut session = open(&login(&sshd, &user)).unwrap();
    drain(&mut session);
    for _ in 0..3 {
        session.keepalive().unwrap();
        // No answer is asked for, so nothing wakes us.
        assert_eq!(session.hear(&mut [0; 4096], &[], after(50)).unwrap(), Heard::TimedOut);
    }
    assert_shell(&mut session);
}

#[test]
fn leaving_a_router_that_hangs_takes_no_longer_than_it_may() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let login = login(&sshd, &user);
    let (one, other) = (open(&login).unwrap(), open(&login).unwrap());
    sshd.signal_sessions(Signal::STOP);
    // The router hangs until the end of the test: that these end is the proof.
    one.close(after(300));
    drop(other);
}

#[test]
fn a_router_that_takes_no_bytes_ends_a_long_message_at_its_deadline() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let mut session = open(&login(&sshd, &user)).unwrap();
    drain(&mut session);
    sshd.signal_sessions(Signal::STOP);
    let error = session.say(&vec![b'x'; 50_000_000], after(300)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn a_router_that_falls_silent_in_the_login_is_kind_shell() {
    let (sshd, user) = (Sshd::start(), SystemUser::new());
    let login = login(&sshd, &user);
    let stop = |stage| {
        if stage == Stage::Login {
            sshd.signal_sessions(Signal::STOP);
        }
    };
    let failure = Session::open(&login, "vt100", after(8000), &stop).err().unwrap();
    assert_eq!((failure.kind, failure.stage), (Kind::Shell, Stage::Login), "{failure}");
    assert!(failure.message.contains("silent"), "{failure}");
}

#[test]
fn masters_that_meet_routers_at_once_lose_no_host_key() {
    let user = SystemUser::new();
    let servers: Vec<Sshd> = (0..4).map(|_| Sshd::start()).collect();
    let known_hosts = servers[0].dir().join("known_hosts");
    std::thread::scope(|scope| {
        for sshd in &servers {
            let login = Login { known_hosts: known_hosts.clone(), ..login(sshd, &user) };
            scope.spawn(move || drop(open(&login).unwrap()));
        }
    });
    assert_eq!(lines(&known_hosts), 4);
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap().lines().count()
}
