//! Values by the sender protocol into a real server and a real proxy: what is stored, with which time, and what is said of it.

use crate::support::wait;
use crate::support::zabbix::{Host, Part, Zabbix, versions};
use ddl_monitor::deadline::Deadline;
use ddl_monitor::zabbix::sender::{Count, NotSent, Options, Sender, Tls, Value};
use ddl_monitor::zabbix::servers;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use zeroize::Zeroizing;

/// A trapper item; `kind` as Zabbix numbers them: 0 float, 3 unsigned, 4 text.
pub(super) fn item(zabbix: &Zabbix, host: &Host<'_>, key: &str, kind: u8) {
    let item = json!({"hostid": host.id, "name": key, "key_": key, "type": 2, "value_type": kind, "history": "1d"});
    zabbix.call("item.create", item);
}

fn sender(to: SocketAddr, compression: bool, tls: Tls) -> Sender {
    let server = servers::parse(&to.to_string()).expect("an address").remove(0);
    Sender::new(server, Options { timeout: Duration::from_secs(10), compression, tls })
}

fn value(host: &str, key: &str, value: &str, time: (u64, u32)) -> Value {
    Value { host: host.into(), key: key.into(), value: value.into(), clock: time.0, ns: time.1 }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs()
}

fn send(sender: &mut Sender, values: &[Value]) -> Result<Count, NotSent> {
    sender.send(values, (now(), 0), Deadline::after(Duration::from_secs(20)))
}

/// Sends until all of it is taken: configuration takes a moment to arrive.
fn once_known(sender: &mut Sender, values: &[Value]) {
    wait::patiently("an item that takes values", || match send(sender, values) {
        Ok(Count { failed: 0, .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn values_are_stored_with_their_own_times_and_failed_ones_are_counted() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        for (part, address) in [(Part::Server, zabbix.server()), (Part::Proxy, zabbix.proxy())] {
            let name = format!("198.51.100.1 {}", part.name());
            let host = zabbix.host(&name).by(part).create();
            item(&zabbix, &host, "line.loss", 0);
            item(&zabbix, &host, "line.message", 4);
            zabbix.reload();
            let then = now() - 600;
            once_known(&mut sender(address, true, Tls::Off), &[value(&name, "line.loss", "0", (then - 60, 0))]);
            for (at, compression) in [(1, false), (2, true)] {
                let mut sender = sender(address, compression, Tls::Off);
                let mut batch = vec![
                    value(&name, "line.loss", "12.5", (then + at, 123_456_789)),
                    value(&name, "line.message", "längst\nvorbei \"so\"", (then + at, 123_456_789)),
                    value(&name, "line.nothing", "1", (then + at, 0)),
                    value("nobody", "line.loss", "1", (then + at, 0)),
                ];
                assert_eq!(send(&mut sender, &batch), Ok(Count { processed: 2, failed: 2 }), "{version} {part:?}");
                // The same once more, as after an answer that was lost: processed, and not stored again.
                assert_eq!(send(&mut sender, &batch), Ok(Count { processed: 2, failed: 2 }), "{version} {part:?}");
                batch.truncate(1);
                batch.extend(
                    (1..250)
                        .map(|n| value(&name, "line.loss", "0", (then + at * 10, u32::try_from(n).expect("small")))),
                );
                assert_eq!(send(&mut sender, &batch), Ok(Count { processed: 250, failed: 0 }));
                // An empty text is a value, too.
                let empty = [value(&name, "line.message", "", (then + at + 5, 1))];
                assert_eq!(send(&mut sender, &empty), Ok(Count { processed: 1, failed: 0 }));
            }
            wait::patiently("all values in the history", || {
                let found = host.values("line.loss");
                if found.len() == 1 + 2 * 250 { Ok(()) } else { Err(found.len()) }
            });
            let stored = host.values("line.loss");
            let twelve: Vec<_> = stored.iter().filter(|value| value.text == "12.5").map(|value| value.time).collect();
            assert_eq!(twelve, [(then + 1, 123_456_789), (then + 2, 123_456_789)], "{version} {part:?}");
            let texts: Vec<_> = host.values("line.message").iter().map(|value| value.text.clone()).collect();
            assert_eq!(texts.iter().filter(|text| *text == "längst\nvorbei \"so\"").count(), 2, "{texts:?}");
            assert_eq!(texts.iter().filter(|text| text.is_empty()).count(), 2, "{texts:?}");
        }
        // A host of the proxy is none of the server's.
        let of_proxy = [value("198.51.100.1 proxy", "line.loss", "1", (now(), 0))];
        let host = zabbix.host("198.51.100.1 proxy").by(Part::Proxy).create();
        item(&zabbix, &host, "line.loss", 0);
        zabbix.reload();
        assert_eq!(
            send(&mut sender(zabbix.server(), true, Tls::Off), &of_proxy),
            Ok(Count { processed: 0, failed: 1 })
        );
    }
}

#[test]
fn a_host_that_wants_a_pre_shared_key_takes_values_with_it_and_none_without() {
    for version in versions() {
        let zabbix = Zabbix::start(version);
        let host = zabbix.host("secured").create();
        item(&zabbix, &host, "line.loss", 0);
        let key = "1f87b595725ac58dd977beef14b97461a7c1045b9a1c963065002c5473194952";
        zabbix.call(
            "host.update",
            json!({"hostid": host.id, "tls_accept": 2, "tls_psk_identity": "PSK 001", "tls_psk": key}),
        );
        zabbix.reload();
        let bytes = |hex: &str| -> Zeroizing<Vec<u8>> {
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
                .collect::<Vec<_>>()
                .into()
        };
        let psk = |hex: &str| Tls::Psk { identity: "PSK 001".into(), key: bytes(hex) };
        let batch = [value("secured", "line.loss", "1", (now(), 7))];
        once_known(&mut sender(zabbix.server(), true, psk(key)), &batch);
        assert_eq!(send(&mut sender(zabbix.server(), true, Tls::Off), &batch), Ok(Count { processed: 0, failed: 1 }));
        let wrong = send(&mut sender(zabbix.server(), true, psk(&key.replace('1', "2"))), &batch);
        assert!(matches!(wrong, Err(NotSent::Unreached(_))), "{wrong:?}");
        host.first("line.loss");
        assert_eq!(host.values("line.loss").len(), 1);
    }
}
