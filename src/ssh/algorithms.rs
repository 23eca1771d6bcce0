//! Which algorithms are offered to a router, in which order, and what to say when none of them is common. Knows nothing of
//! connections.

use crate::inventory::router::Crypto;
use ssh2::{MethodType, Session};
use std::fmt;

/// The kinds of algorithms that two ends agree on one by one, in the order of the lists in SSH_MSG_KEXINIT (RFC 4253 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    KeyExchange,
    HostKey,
    Cipher,
    Mac,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::KeyExchange, Self::HostKey, Self::Cipher, Self::Mac];

    fn methods(self) -> &'static [MethodType] {
        match self {
            Self::KeyExchange => &[MethodType::Kex],
            Self::HostKey => &[MethodType::HostKey],
            Self::Cipher => &[MethodType::CryptCs, MethodType::CryptSc],
            Self::Mac => &[MethodType::MacCs, MethodType::MacSc],
        }
    }

    /// Modern first. Old Cisco servers refuse the sizes that libssh2 asks of a group exchange ("Invalid modulus length"), so
    /// every fixed group comes before it.
    fn names(self, crypto: Crypto) -> Vec<&'static str> {
        let legacy = crypto == Crypto::Legacy;
        let mut names = Vec::new();
        let mut add = |wanted: bool, more: &[&'static str]| names.extend(more.iter().filter(|_| wanted));
        match self {
            Self::KeyExchange => {
                add(
                    true,
                    &[
                        "curve25519-sha256",
                        "curve25519-sha256@libssh.org",
                        "ecdh-sha2-nistp256",
                        "ecdh-sha2-nistp384",
                        "ecdh-sha2-nistp521",
                        "diffie-hellman-group16-sha512",
                        "diffie-hellman-group18-sha512",
                        "diffie-hellman-group14-sha256",
                    ],
                );
                add(legacy, &["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"]);
                add(true, &["diffie-hellman-group-exchange-sha256"]);
                add(legacy, &["diffie-hellman-group-exchange-sha1"]);
                // libssh2 itself puts its announcements in front: RFC 8308 (signatures of public keys) and the answer to
                // Terrapin (CVE-2023-48795).
            }
            Self::HostKey => {
                add(
                    true,
                    &[
                        "ssh-ed25519",
                        "ecdsa-sha2-nistp256",
                        "ecdsa-sha2-nistp384",
                        "ecdsa-sha2-nistp521",
                        "rsa-sha2-512",
                        "rsa-sha2-256",
                    ],
                );
                add(legacy, &["ssh-rsa", "ssh-dss"]);
            }
            Self::Cipher => {
                add(
                    true,
                    &[
                        "chacha20-poly1305@openssh.com",
                        "aes256-gcm@openssh.com",
                        "aes128-gcm@openssh.com",
                        "aes256-ctr",
                        "aes192-ctr",
                        "aes128-ctr",
                    ],
                );
                add(legacy, &["aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"]);
            }
            Self::Mac => {
                add(
                    true,
                    &[
                        "hmac-sha2-256-etm@openssh.com",
                        "hmac-sha2-512-etm@openssh.com",
                        "hmac-sha2-256",
                        "hmac-sha2-512",
                    ],
                );
                add(legacy, &["hmac-sha1-etm@openssh.com", "hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"]);
            }
        }
        names
    }

    fn words(self) -> &'static str {
        match self {
            Self::KeyExchange => "key exchange",
            Self::HostKey => "host keys",
            Self::Cipher => "encryption",
            Self::Mac => "integrity (MAC)",
        }
    }
}

/// Sets what `session` offers. Host keys of the types in `recorded` (as they stand in known_hosts) are asked for first: a
/// router must not look changed because it has a key of another type as well.
pub(super) fn prefer(session: &Session, crypto: Crypto, recorded: &[String]) -> Result<(), ssh2::Error> {
    for purpose in Purpose::ALL {
        let mut names = purpose.names(crypto);
        if purpose == Purpose::HostKey {
            names.sort_by_key(|name| !recorded.iter().any(|kind| kind == key_type(name)));
        }
        for method in purpose.methods() {
            session.method_pref(*method, &names.join(","))?;
        }
    }
    Ok(())
}

/// The type of key behind a signature algorithm: RSA keys sign in three ways.
fn key_type(algorithm: &str) -> &str {
    match algorithm {
        "rsa-sha2-512" | "rsa-sha2-256" => "ssh-rsa",
        other => other,
    }
}

/// What a router offers: the lists of its SSH_MSG_KEXINIT, from its payload after the message number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    lists: [Vec<String>; 4],
}

impl Offer {
    /// None when the lists are cut short.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut rest = payload.get(16..)?; // the cookie
        let mut next = || -> Option<Vec<String>> {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (names, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            rest = after;
            Some(String::from_utf8_lossy(names).split(',').map(str::to_owned).collect())
        };
        let (kex, host_key, cipher) = (next()?, next()?, next()?);
        next()?; // server to client: the same in practice
        Some(Self { lists: [kex, host_key, cipher, next()?] })
    }

    /// Why key exchange with a router that offers this found nothing in common, and which setting would help.
    pub(super) fn explain(&self, crypto: Crypto) -> Option<String> {
        let common = |purpose: Purpose, crypto: Crypto| {
            let ours = purpose.names(crypto);
            self.lists[purpose as usize].iter().any(|theirs| ours.contains(&theirs.as_str()))
        };
        let missing: Vec<Purpose> = Purpose::ALL.into_iter().filter(|purpose| !common(*purpose, crypto)).collect();
        if missing.is_empty() {
            return None;
        }
        let offers: Vec<String> = missing
            .iter()
            .map(|purpose| format!("{} for {}", self.lists[*purpose as usize].join(", "), purpose.words()))
            .collect();
        let offers = super::clean(offers.join("; ").as_bytes());
        let helps = crypto == Crypto::Modern && missing.iter().all(|purpose| common(*purpose, Crypto::Legacy));
        Some(if helps {
            format!(
                "it offers only {offers}: legacy algorithms, which are not used unless ssh.crypto = \"legacy\" \
                 (--crypto legacy) or the platform says so"
            )
        } else {
            format!("it offers only {offers}, none of which ddl-monitor has")
        })
    }
}

/// What both ends agreed on, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms {
    pub key_exchange: String,
    pub host_key: String,
    pub cipher: String,
    pub mac: String,
}

impl Algorithms {
    pub(super) fn agreed(session: &Session) -> Self {
        let name = |method| session.methods(method).unwrap_or("none").to_owned();
        Self {
            key_exchange: name(MethodType::Kex),
            host_key: name(MethodType::HostKey),
            cipher: name(MethodType::CryptCs),
            mac: name(MethodType::MacCs),
        }
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.key_exchange, self.host_key, self.cipher, self.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn supported(purpose: Purpose) -> Vec<&'static str> {
        Session::new().unwrap().supported_algs(purpose.methods()[0]).unwrap()
    }

    #[test]
    fn the_bundled_libssh2_still_has_what_old_routers_need() {
        assert!(supported(Purpose::KeyExchange).contains(&"diffie-hellman-group14-sha1"));
        assert!(supported(Purpose::KeyExchange).contains(&"diffie-hellman-group1-sha1"));
        assert!(supported(Purpose::HostKey).contains(&"ssh-rsa"));
        assert!(supported(Purpose::HostKey).contains(&"ssh-dss"));
        assert!(supported(Purpose::Cipher).contains(&"3des-cbc"));
        assert!(supported(Purpose::Mac).contains(&"hmac-sha1"));
        assert!(supported(Purpose::Mac).contains(&"hmac-md5"));
    }

    #[test]
    fn each_name_is_offered_once_and_strict_key_exchange_is_among_them() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut router, _) = listener.accept().unwrap();
        router.write_all(b"SSH-2.0-router\r\n").unwrap();
        router.set_read_timeout(Some(std::time::Duration::from_millis(10))).unwrap();
        let mut session = Session::new().unwrap();
        prefer(&session, Crypto::Legacy, &[]).unwrap();
        session.set_tcp_stream(stream);
        session.set_blocking(false);
        let mut heard = Vec::new();
        // The line of the version, then length, padding length, message number, lists.
        let offer = loop {
            let _ = session.handshake();
            let mut buffer = [0; 4096];
            let count = router.read(&mut buffer).unwrap_or(0);
            heard.extend_from_slice(&buffer[..count]);
            let packet = heard.iter().position(|byte| *byte == b'\n').map(|end| &heard[end + 1..]);
            if let Some(offer) = packet.and_then(|packet| Offer::read(packet.get(6..)?)) {
                break offer;
            }
        };
        for list in &offer.lists {
            let mut once = list.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), list.len(), "{list:?}");
        }
        assert!(offer.lists[0].iter().any(|name| name == "kex-strict-c-v00@openssh.com"), "{:?}", offer.lists[0]);
    }

    #[test]
    fn every_name_on_our_lists_is_in_the_build() {
        for purpose in Purpose::ALL {
            let there = supported(purpose);
            for name in purpose.names(Crypto::Legacy) {
                assert!(there.contains(&name), "{name} is not in {there:?}");
            }
        }
    }

    #[test]
    fn modern_offers_no_sha1_and_legacy_offers_it_after_everything_modern() {
        for purpose in Purpose::ALL {
            let modern = purpose.names(Crypto::Modern);
            for name in &modern {
                assert!(!name.contains("sha1") && !["ssh-rsa", "ssh-dss"].contains(name), "{name}");
            }
            let legacy = purpose.names(Crypto::Legacy);
            let first_old = legacy.iter().position(|name| !modern.contains(name)).unwrap();
            let fixed = |name: &&&str| !name.contains("group-exchange") && !name.contains("-c");
            let last_new = legacy.iter().rposition(|name| modern.contains(name) && fixed(&name)).unwrap();
            assert!(purpose != Purpose::KeyExchange || last_new < first_old);
        }
    }

    #[test]
    fn fixed_groups_come_before_any_group_exchange() {
        let names = Purpose::KeyExchange.names(Crypto::Legacy);
        let exchange = names.iter().position(|name| name.contains("group-exchange")).unwrap();
        assert!(names[exchange..].iter().all(|name| !name.contains("-group1") && !name.contains("ecdh")));
    }

    #[test]
    fn a_failed_negotiation_names_the_setting_that_helps() {
        let offer = |kex: &str, host_key: &str| {
            let mut payload = vec![0; 16];
            for list in [kex, host_key, "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256"] {
                payload.extend((list.len() as u32).to_be_bytes());
                payload.extend(list.as_bytes());
            }
            Offer::read(&payload).unwrap()
        };
        let old = offer("diffie-hellman-group14-sha1", "ssh-rsa").explain(Crypto::Modern).unwrap();
        assert!(old.contains("diffie-hellman-group14-sha1") && old.contains("--crypto legacy"), "{old}");
        assert!(!old.contains("aes128-ctr"), "{old}");
        let strange = offer("sm2kep-sha2-nistp256", "ssh-rsa").explain(Crypto::Modern).unwrap();
        assert!(!strange.contains("--crypto"), "{strange}");
        assert_eq!(offer("curve25519-sha256", "ssh-ed25519").explain(Crypto::Modern), None);
        assert_eq!(Offer::read(&[0; 19]), None);
    }
}
