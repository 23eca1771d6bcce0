//! Host keys on record: known, new, changed, revoked, and how lines of other programs are read.

use super::*;
use std::time::Duration;

fn key(kind: &str, body: u8) -> Vec<u8> {
    [&(kind.len() as u32).to_be_bytes()[..], kind.as_bytes(), &[body; 32]].concat()
}

fn hosts(dir: &tempfile::TempDir, host: &str, port: u16) -> HostKeys {
    HostKeys::of(&Address { host: host.into(), port }, &dir.path().join("known_hosts"))
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

#[test]
fn a_new_key_is_recorded_once_and_then_known() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "R1.example", 2222);
    let ed = key("ssh-ed25519", 1);
    for _ in 0..2 {
        hosts.check(&ed, HostKeyPolicy::AcceptNew, soon()).unwrap();
    }
    let text = fs::read_to_string(&hosts.file).unwrap();
    assert_eq!(text, format!("[r1.example]:2222 ssh-ed25519 {}\n", base64::encode_block(&ed)));
    assert_eq!(hosts.types().unwrap(), ["ssh-ed25519"]);
    hosts.check(&ed, HostKeyPolicy::Strict, soon()).unwrap();
}

#[test]
fn a_changed_key_is_refused_with_both_fingerprints_and_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "r1", 22);
    fs::write(dir.path().join("known_hosts"), "# ours\n\n").unwrap();
    let (old, new) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
    hosts.check(&old, HostKeyPolicy::AcceptNew, soon()).unwrap();
    let failure = hosts.check(&new, HostKeyPolicy::AcceptNew, soon()).unwrap_err();
    assert_eq!((failure.kind, failure.stage), (Kind::HostKey, Stage::HostKey));
    for part in [fingerprint(&old), fingerprint(&new), "line 3".into(), hosts.file.display().to_string()] {
        assert!(failure.message.contains(&part), "{}", failure.message);
    }
    hosts.check(&new, HostKeyPolicy::Off, soon()).unwrap();
}

#[test]
fn a_router_with_a_key_of_another_type_on_record_is_not_new() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "r1", 22);
    hosts.check(&key("ssh-rsa", 1), HostKeyPolicy::AcceptNew, soon()).unwrap();
    let failure = hosts.check(&key("ssh-ed25519", 1), HostKeyPolicy::AcceptNew, soon()).unwrap_err();
    assert_eq!(failure.kind, Kind::HostKey);
}

#[test]
fn strict_records_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "r1", 22);
    let failure = hosts.check(&key("ssh-rsa", 1), HostKeyPolicy::Strict, soon()).unwrap_err();
    assert_eq!(failure.kind, Kind::HostKey);
    assert!(!hosts.file.exists());
}

#[test]
fn a_port_is_part_of_the_name_and_an_ipv6_address_has_brackets_only_with_one() {
    let dir = tempfile::tempdir().unwrap();
    for (host, port, name) in [("2001:db8::1", 22, "2001:db8::1"), ("2001:db8::1", 830, "[2001:db8::1]:830")] {
        assert_eq!(hosts(&dir, host, port).name, name);
    }
}

#[test]
fn lines_of_other_programs_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "r1.example", 22);
    let ed = key("ssh-ed25519", 1);
    let encoded = base64::encode_block(&ed);
    // The hashed line: printf r1.example | openssl dgst -sha1 -mac HMAC -macopt key:salt, salt = "salt", in base64.
    let hashed = {
        let pkey = PKey::hmac(b"salt").unwrap();
        let mut signer = Signer::new(MessageDigest::sha1(), &pkey).unwrap();
        let hash = signer.sign_oneshot_to_vec(b"r1.example").unwrap();
        format!("|1|{}|{}", base64::encode_block(b"salt"), base64::encode_block(&hash))
    };
    for (names, known) in [
        ("r1.example,192.0.2.1", true),
        ("*.example", true),
        ("r?.exam*e", true),
        (&*hashed, true),
        ("R1.Example", true),
        ("*.example,!r1.*", false),
        ("[r1.example]:2222", false),
        ("@cert-authority *.example", false),
    ] {
        fs::write(&hosts.file, format!("{names} ssh-ed25519 {encoded} a comment\n")).unwrap();
        let verdict = hosts.check(&ed, HostKeyPolicy::Strict, soon());
        assert_eq!(verdict.is_ok(), known, "{names}");
    }
    fs::write(&hosts.file, format!("* ssh-ed25519 {encoded}\n@revoked * ssh-ed25519 {encoded}\n")).unwrap();
    let failure = hosts.check(&ed, HostKeyPolicy::AcceptNew, soon()).unwrap_err();
    assert!(failure.message.contains("revoked"), "{}", failure.message);
}

#[test]
fn masters_that_record_at_once_lose_no_line() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for port in 1000..1020 {
            let hosts = hosts(&dir, "r1", port);
            scope.spawn(move || hosts.check(&key("ssh-ed25519", 1), HostKeyPolicy::AcceptNew, soon()).unwrap());
        }
    });
    assert_eq!(fs::read_to_string(dir.path().join("known_hosts")).unwrap().lines().count(), 20);
}

#[test]
fn a_file_that_others_read_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "r1", 22);
    fs::write(&hosts.file, "").unwrap();
    fs::set_permissions(&hosts.file, fs::Permissions::from_mode(0o644)).unwrap();
    hosts.check(&key("ssh-rsa", 1), HostKeyPolicy::AcceptNew, soon()).unwrap();
    assert_eq!(fs::metadata(&hosts.file).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn key_on_record_without_the_port_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "192.0.2.1", 2222);
    let (ours, other) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
    let line = |name: &str, key: &[u8]| format!("{name} ssh-ed25519 {}\n", base64::encode_block(key));
    fs::write(&hosts.file, line("192.0.2.1", &ours)).unwrap();
    hosts.check(&ours, HostKeyPolicy::Strict, soon()).unwrap();
    assert_eq!(hosts.types().unwrap(), ["ssh-ed25519"]);
    // The key of another service of that host makes this one neither known nor changed.
    let failure = hosts.check(&other, HostKeyPolicy::Strict, soon()).unwrap_err();
    assert!(failure.message.contains("is not in"), "{}", failure.message);
    hosts.check(&other, HostKeyPolicy::AcceptNew, soon()).unwrap();
    hosts.check(&other, HostKeyPolicy::Strict, soon()).unwrap();
    // The line with the port goes first.
    assert!(hosts.check(&ours, HostKeyPolicy::Strict, soon()).unwrap_err().message.contains("has changed"));
}

#[test]
fn certificate_authority_is_said_to_be_unused() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = hosts(&dir, "r1.example", 22);
    let ed = key("ssh-ed25519", 1);
    for (names, remark) in [("*.example", true), ("r1.example", true), ("*.other", false)] {
        let encoded = base64::encode_block(&key("ssh-ed25519", 9));
        fs::write(&hosts.file, format!("# ours\n@cert-authority {names} ssh-ed25519 {encoded}\n")).unwrap();
        let message = hosts.check(&ed, HostKeyPolicy::Strict, soon()).unwrap_err().message;
        assert_eq!(message.contains("the @cert-authority in line 2 is not used"), remark, "{message}");
        hosts.check(&ed, HostKeyPolicy::AcceptNew, soon()).unwrap();
    }
}
