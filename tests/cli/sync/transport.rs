//! HTTPS with an authority of one's own, and a proxy out of the environment.

use super::{failure, lines, with_settings};
use crate::support::zabbix_api::ZabbixApi;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A certificate of 127.0.0.1, or of another name, that is its own authority.
fn certificate(name: Option<&str>) -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let mut subject = X509Name::builder().expect("a name");
    subject.append_entry_by_text("CN", name.unwrap_or("127.0.0.1")).expect("a name");
    let subject = subject.build();
    let mut builder = X509::builder().expect("a certificate");
    builder.set_version(2).expect("a version");
    builder.set_subject_name(&subject).expect("a subject");
    builder.set_issuer_name(&subject).expect("an issuer");
    builder.set_pubkey(&key).expect("its key");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("today")).expect("a beginning");
    builder.set_not_after(&Asn1Time::days_from_now(2).expect("a day")).expect("an end");
    builder
        .append_extension(BasicConstraints::new().critical().ca().build().expect("an extension"))
        .expect("an extension");
    let mut names = SubjectAlternativeName::new();
    match name {
        Some(name) => names.dns(name),
        None => names.ip("127.0.0.1"),
    };
    let names = names.build(&builder.x509v3_context(None, None)).expect("an extension");
    builder.append_extension(names).expect("an extension");
    builder.sign(&key, MessageDigest::sha256()).expect("a signature");
    (builder.build(), key)
}

/// HTTPS before the API; its address. Ends with the test's process.
fn encrypt(api: &ZabbixApi, certificate: &X509, key: &PKey<Private>) -> String {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("TLS");
    acceptor.set_certificate(certificate).expect("a certificate");
    acceptor.set_private_key(key).expect("a key");
    let acceptor = Arc::new(acceptor.build());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let behind = api.address();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let acceptor = Arc::clone(&acceptor);
            std::thread::spawn(move || {
                let mut tls = BufReader::new(acceptor.accept(connection).ok()?);
                let mut plain = BufReader::new(TcpStream::connect(behind).ok()?);
                while let Some(request) = message(&mut tls) {
                    plain.get_mut().write_all(&request).ok()?;
                    let answer = message(&mut plain)?;
                    tls.get_mut().write_all(&answer).ok()?;
                }
                Some(())
            });
        }
    });
    format!("https://127.0.0.1:{port}/zabbix")
}

/// A whole request or answer of HTTP; None at the end.
fn message(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let (mut whole, mut length) = (Vec::new(), 0);
    loop {
        let begin = whole.len();
        from.read_until(b'\n', &mut whole).ok().filter(|length| *length > 0)?;
        let line = String::from_utf8_lossy(&whole[begin..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            let mut body = vec![0; length];
            from.read_exact(&mut body).ok()?;
            whole.extend(body);
            return Some(whole);
        }
    }
}

#[test]
fn https_is_believed_only_when_the_authority_is_known_and_the_name_is_right() {
    let api = ZabbixApi::start("7.0", lines(2));
    let (own, key) = certificate(None);
    let (foreign, foreign_key) = certificate(Some("elsewhere.example.net"));
    let folder = tempfile::tempdir().expect("a folder");
    let pem = |name: &str, certificate: &X509| {
        let path = folder.path().join(name);
        std::fs::write(&path, certificate.to_pem().expect("PEM")).expect("a file");
        path
    };
    let (ours, theirs) = (pem("own.pem", &own), pem("foreign.pem", &foreign));
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").expect("a file");
    let url = encrypt(&api, &own, &key);
    let settings = |url: &str, more: &str| format!("zabbix.url = {url:?}\nzabbix.password = \"secret:api\"\n{more}");
    let ca = |path: &std::path::Path| format!("zabbix.ca_file = {path:?}");
    let good = with_settings(&settings(&url, &ca(&ours))).run(&["sync"]);
    assert_eq!(good.json()["lines"], 2, "{}", good.stdout);
    let before = api.calls("apiinfo.version");
    for more in [String::new(), ca(&theirs)] {
        let (kind, message) = failure(&with_settings(&settings(&url, &more)).run(&["sync"]));
        assert_eq!(kind, "connect");
        assert!(
            message.contains("TLS: ") && message.contains("zabbix.ca_file can name another authority"),
            "{message}"
        );
    }
    let other = encrypt(&api, &foreign, &foreign_key);
    let (kind, _) = failure(&with_settings(&settings(&other, &ca(&theirs))).run(&["sync"]));
    assert_eq!(kind, "connect", "another name");
    for (path, what) in [(&empty, "no certificate (PEM) in it"), (&folder.path().join("none.pem"), "No such file")] {
        let (kind, message) = failure(&with_settings(&settings(&url, &ca(path))).run(&["sync"]));
        assert!(kind == "settings" && message.contains(what), "{message}");
    }
    assert_eq!(api.calls("apiinfo.version"), before, "nothing was asked of one that is not believed");
}

/// A proxy that tunnels to wherever it is told; the first lines of what it was asked.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&asked);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || tunnel(&connection, &lines));
        }
    });
    (format!("http://{address}"), asked)
}

fn tunnel(mut connection: &TcpStream, lines: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    lines.lock().ok()?.push(first.trim_end().to_owned());
    let to = first.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let behind = TcpStream::connect(to).ok()?;
    connection.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (mut back, mut client) = (behind.try_clone().ok()?, connection.try_clone().ok()?);
    std::thread::spawn(move || io::copy(&mut back, &mut client));
    io::copy(&mut reader, &mut &behind).ok()?;
    Some(())
}

#[test]
fn a_proxy_is_taken_from_the_environment() {
    let api = ZabbixApi::start("6.0", lines(2));
    let monitor = super::monitor(&api, "");
    let (address, asked) = proxy();
    let run = |name: &str, no_proxy: &str| {
        let output =
            monitor.command(&["sync"]).env(name, &address).env("NO_PROXY", no_proxy).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        std::mem::take(&mut *asked.lock().expect("lines"))
    };
    let tunnelled = run("http_proxy", "");
    assert!(!tunnelled.is_empty(), "nothing came by the proxy");
    assert!(tunnelled.iter().all(|line| line.contains(&api.address().to_string())), "{tunnelled:?}");
    assert!(run("http_proxy", "127.0.0.1").is_empty());
    // One that is away is named, not what opens it.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let output = monitor.command(&["sync"]).env("https_proxy", format!("http://me:canary@{closed}")).output();
    let text = String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned();
    assert!(
        text.contains(&format!(" (by the proxy {closed} of the environment): ")) && !text.contains("canary"),
        "{text}"
    );
}
