//! The sender protocol against a trapper that does all things wrong. Real servers and proxies: `zabbix/trappers.rs`.

use crate::support::trapper::{Fault, Trapper};
use crate::support::wait::LIMIT;
use ddl_monitor::deadline::Deadline;
use ddl_monitor::zabbix::frame;
use ddl_monitor::zabbix::sender::{Count, NotSent, Options, Sender, Tls, Value};
use ddl_monitor::zabbix::servers;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509Name};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

const NOW: (u64, u32) = (1_764_000_000, 42);

fn sender(to: &str, timeout: Duration) -> Sender {
    let server = servers::parse(to).expect("servers").remove(0);
    Sender::new(server, Options { timeout, compression: true, tls: Tls::Off })
}

fn to(address: SocketAddr) -> Sender {
    sender(&address.to_string(), LIMIT)
}

fn values(count: u32) -> Vec<Value> {
    let value = |n: u32| Value {
        host: format!("host-{n}"),
        key: "line.loss".into(),
        value: "12.5".into(),
        clock: NOW.0 - 100,
        ns: n,
    };
    (0..count).map(value).collect()
}

fn send(sender: &mut Sender, count: u32) -> Result<Count, NotSent> {
    sender.send(&values(count), NOW, Deadline::after(LIMIT))
}

/// A port on which nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port")
}

#[test]
fn values_arrive_as_they_were_and_are_counted() {
    let trapper = Trapper::start();
    trapper.refuse("host-1", "line.loss");
    let mut sender = to(trapper.address());
    assert_eq!(send(&mut sender, 3), Ok(Count { processed: 2, failed: 1 }));
    assert_eq!(send(&mut sender, 250), Ok(Count { processed: 249, failed: 1 }));
    let taken = trapper.taken();
    assert_eq!((taken.len(), taken[2].host.as_str(), taken[2].time), (253, "host-2", (NOW.0 - 100, 2)));
    assert!(trapper.compressed() >= 1, "the long message was compressed, and so was its answer");
}

#[test]
fn whatever_a_server_does_instead_of_answering_is_said_and_never_counted() {
    let trapper = Trapper::start();
    let half = b"ZBXD\x01\x5b\0\0\0\0\0\0\0{\"response\":\"succ".to_vec();
    let cases = [
        (Fault::Hangup, "Unanswered"),
        (Fault::Unanswered, "without an answer"),
        (Fault::Bytes(half), "without an answer"),
        (Fault::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), "no ZBXD header"),
        (Fault::Bytes(b"ZBXD\x01\xff\xff\xff\x7f\0\0\0\0".to_vec()), "an answer of 2147483647 bytes"),
        (Fault::Answer("[1]".into()), "answered \\\"[1]\\\""),
        (Fault::Answer(r#"{"response":"success","info":"processed: 1; failed: 0; total: 1"}"#.into()), "Unanswered"),
        (Fault::Answer(r#"{"response":"failed","info":"no permission"}"#.into()), "Refused"),
    ];
    for (fault, says) in cases {
        trapper.fail([fault.clone()]);
        let mut sender = to(trapper.address());
        let why = format!("{:?}", send(&mut sender, 250).expect_err("no account"));
        assert!(why.contains(says) && why.contains(&trapper.address().to_string()), "{fault:?}: {why}");
        assert_eq!(send(&mut sender, 1), Ok(Count { processed: 1, failed: 0 }), "after {fault:?}");
    }
}

#[test]
fn a_server_that_says_nothing_costs_the_time_out_and_one_that_is_not_there_nothing() {
    let trapper = Trapper::start();
    trapper.fail([Fault::Silence]);
    let mut patient = sender(&trapper.address().to_string(), Duration::from_secs(2));
    assert!(matches!(send(&mut patient, 1), Err(NotSent::Unanswered(why)) if why.contains("no answer in time")));
    assert!(matches!(send(&mut to(closed()), 1), Err(NotSent::Unreached(why)) if why.contains("connection refused")));
    let nowhere = send(&mut sender("no-such-host.invalid", LIMIT), 1);
    assert!(matches!(nowhere, Err(NotSent::Unreached(_))), "{nowhere:?}");
}

#[test]
fn the_first_node_of_a_cluster_that_answers_takes_the_values_and_is_asked_first_next_time() {
    let (first, second) = (Trapper::start(), Trapper::start());
    first.fail([Fault::Hangup]);
    let mut cluster = sender(&format!("{};{};{}", closed(), first.address(), second.address()), LIMIT);
    assert_eq!(send(&mut cluster, 2), Ok(Count { processed: 2, failed: 0 }));
    assert_eq!((first.taken().len(), second.taken().len()), (0, 2));
    assert_eq!(send(&mut cluster, 2), Ok(Count { processed: 2, failed: 0 }));
    assert_eq!((first.taken().len(), second.taken().len()), (0, 4));
    // None answers, and one of them may have the values: that is what is said.
    first.fail([Fault::Unanswered]);
    second.fail([Fault::Hangup]);
    assert!(matches!(send(&mut cluster, 1), Err(NotSent::Unanswered(_))));
}

#[test]
fn a_proxy_group_sends_on_to_the_proxy_that_has_the_hosts_and_never_in_circles() {
    let (one, other) = (Trapper::start(), Trapper::start());
    let redirect = |to: SocketAddr| {
        Fault::Answer(format!(r#"{{"response":"failed","redirect":{{"revision":1,"address":"{to}"}}}}"#))
    };
    let mut group = to(one.address());
    one.fail([redirect(other.address())]);
    assert_eq!(send(&mut group, 1), Ok(Count { processed: 1, failed: 0 }));
    assert_eq!(send(&mut group, 1), Ok(Count { processed: 1, failed: 0 }));
    assert_eq!((one.taken().len(), other.taken().len()), (0, 2), "it is remembered");
    other.fail(vec![redirect(one.address()); 10]);
    one.fail(vec![redirect(other.address()); 10]);
    assert!(matches!(send(&mut group, 1), Err(NotSent::Refused(why)) if why.contains("redirects")));
}

#[test]
fn each_host_of_a_proxy_group_goes_to_its_own_proxy_and_none_is_refused() {
    let (one, other) = (Trapper::start(), Trapper::start());
    let all = values(40);
    for (n, value) in all.iter().enumerate() {
        let (at, to) = if n % 3 == 0 { (&one, &other) } else { (&other, &one) };
        at.send_on(&value.host, to.address());
    }
    let mut group = to(one.address());
    let mut send_all = |all: &[Value]| {
        let mut left = all;
        while !left.is_empty() {
            let some = group.together(left);
            let count = group.send(&left[..some], NOW, Deadline::after(LIMIT));
            assert_eq!(count, Ok(Count { processed: some as u64, failed: 0 }));
            left = &left[some..];
        }
    };
    send_all(&all);
    assert_eq!((one.taken().len(), other.taken().len()), (26, 14));
    // Nothing changes for whoever is no group: soon all go together.
    let trapper = Trapper::start();
    let mut single = to(trapper.address());
    assert_eq!(single.together(&all), 1);
    for value in &all[..16] {
        let sent = single.send(std::slice::from_ref(value), NOW, Deadline::after(LIMIT));
        assert_eq!(sent, Ok(Count { processed: 1, failed: 0 }));
    }
    assert_eq!(single.together(&all), 40);
    // The proxy that had them is gone, and the group has found another.
    drop(other);
    for value in &all {
        one.take_back(&value.host);
    }
    send_all(&all);
    assert_eq!(one.taken().len(), 66);
}

/// A key, and a certificate for it that this one has signed (itself where there is none).
fn certificate(name: &str, by: Option<&(PKey<Private>, X509)>) -> (PKey<Private>, X509) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
    let mut subject = X509Name::builder().expect("a name");
    subject.append_entry_by_text("CN", name).expect("a name");
    let subject = subject.build();
    let mut builder = X509::builder().expect("a certificate");
    builder.set_version(2).expect("a version");
    let serial = BigNum::from_u32(u32::try_from(name.len()).expect("short")).and_then(|n| n.to_asn1_integer());
    builder.set_serial_number(&serial.expect("a number")).expect("a number");
    builder.set_subject_name(&subject).expect("a name");
    builder.set_issuer_name(by.map_or(&subject, |(_, issuer)| issuer.subject_name())).expect("a name");
    builder.set_pubkey(&key).expect("a key");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("a time");
    builder.set_not_after(&Asn1Time::days_from_now(2).expect("a time")).expect("a time");
    if by.is_none() {
        let ca = BasicConstraints::new().critical().ca().build().expect("constraints");
        builder.append_extension(ca).expect("constraints");
    }
    builder.sign(by.map_or(&key, |(key, _)| key), MessageDigest::sha256()).expect("signed");
    (key, builder.build())
}

#[test]
fn certificates_say_who_may_talk_to_whom() {
    let ca = certificate("ca", None);
    let (of_server, of_us, other) =
        (certificate("server", Some(&ca)), certificate("us", Some(&ca)), certificate("other", None));
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str, pem: Vec<u8>| {
        let path = dir.path().join(name);
        std::fs::write(&path, pem).expect("a file");
        path
    };
    let ca_file = file("ca.pem", ca.1.to_pem().expect("PEM"));
    let other_file = file("other.pem", other.1.to_pem().expect("PEM"));
    let certificate_file = file("us.pem", of_us.1.to_pem().expect("PEM"));
    let key_file = file("us.key", of_us.0.private_key_to_pem_pkcs8().expect("PEM"));
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("TLS");
    acceptor.set_private_key(&of_server.0).expect("a key");
    acceptor.set_certificate(&of_server.1).expect("a certificate");
    acceptor.set_ca_file(&ca_file).expect("a file");
    acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(mut stream) = acceptor.accept(stream) else { continue };
            let mut received = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(None) = frame::decode(&received) {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => received.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            let info = r#"{"response":"success","info":"processed: 1; failed: 0; total: 1; seconds spent: 0.1"}"#;
            let _ = stream.write_all(&frame::encode(info.as_bytes(), false).expect("a frame"));
        }
    });
    let said = |ca: &Path, own: Option<(&Path, &Path)>| {
        let own = own.map(|(certificate, key)| (certificate.to_owned(), key.to_owned()));
        let tls = Tls::Certificate { ca: Some(ca.to_owned()), own };
        let server = servers::parse(&address.to_string()).expect("a server").remove(0);
        let options = Options { timeout: LIMIT, compression: true, tls };
        format!("{:?}", send(&mut Sender::new(server, options), 1))
    };
    let own = Some((certificate_file.as_path(), key_file.as_path()));
    assert_eq!(said(&ca_file, own), "Ok(Count { processed: 1, failed: 0 })");
    let stranger = said(&other_file, own);
    assert!(stranger.contains("Unreached") && stranger.contains("certificate is not taken"), "{stranger}");
    let nobody = said(&ca_file, None);
    assert!(nobody.starts_with("Err(Un"), "{nobody}");
    let wrong_key = said(&ca_file, Some((&other_file, &key_file)));
    assert!(wrong_key.contains("key values mismatch"), "{wrong_key}");
}
