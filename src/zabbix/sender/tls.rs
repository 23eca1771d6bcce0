//! TLS as Zabbix does it: by a pre-shared key, or by certificates. The OpenSSL that SSH uses, too.

use crate::small_file;
use crate::zabbix::servers::Node;
use openssl::error::{Error, ErrorStack};
use openssl::ssl::{
    HandshakeError, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509VerifyResult;
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Zabbix' own choice for keys that are shared: AES with forward secrecy where the other side has it.
const PSK_CIPHERS: &str = "kECDHEPSK+AES128:kPSK+AES128";
/// The one hash that a key shared before TLS 1.3 is bound to (RFC 8446, 4.2.11).
const PSK_SUITE: &str = "TLS_AES_128_GCM_SHA256";

/// Zabbix' own limits, in bytes.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;

/// What a connection is secured with. The key is wiped on drop, and not shown.
#[derive(Clone, Default)]
pub enum Tls {
    #[default]
    Off,
    /// A pre-shared key and the identity under which the host in Zabbix has it.
    Psk { identity: String, key: Zeroizing<Vec<u8>> },
    /// PEM files: who may have signed the server's certificate (absent = whom the system trusts), ours, and our key.
    Certificate { ca: Option<PathBuf>, own: Option<(PathBuf, PathBuf)> },
}

impl Tls {
    /// A pre-shared key out of a file of hexadecimal digits, as Zabbix' own programs have it.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn by_key(identity: String, file: &Path) -> Result<Self, String> {
        let (file, meta) = small_file::open(file).map_err(|e| small_file::reason(&e))?;
        if meta.mode() & 0o027 != 0 {
            return Err("readable by others or writable by its group; chmod 640 or 400".to_owned());
        }
        let text = Zeroizing::new(small_file::read(file).map_err(|e| small_file::reason(&e))?);
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let key = text.trim().as_bytes().chunks(2).map(pair).collect::<Option<Vec<u8>>>().map(Zeroizing::new);
        match key.filter(|key| KEY_LENGTHS.contains(&key.len())) {
            Some(key) => Ok(Self::Psk { identity, key }),
            None => Err("allowed is 32 to 512 hexadecimal digits".to_owned()),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Psk { .. } => "Psk",
            Self::Certificate { .. } => "Certificate",
        })
    }
}

pub(super) enum Stream {
    Plain(TcpStream),
    Tls(SslStream<TcpStream>),
}

/// The handshake; its waits are those of the stream.
pub(super) fn connect(tls: &Tls, node: &Node, stream: TcpStream) -> io::Result<Stream> {
    let context = match tls {
        Tls::Off => return Ok(Stream::Plain(stream)),
        Tls::Psk { identity, key } => by_key(identity, key),
        Tls::Certificate { ca, own } => by_certificate(ca.as_ref(), own.as_ref()),
    };
    let failed = |e: &ErrorStack| io::Error::other(format!("TLS: {}", first(e)));
    let mut ssl = context.and_then(|context| Ssl::new(&context)).map_err(|e| failed(&e))?;
    if matches!(tls, Tls::Certificate { .. }) {
        // Zabbix checks who signed a certificate, not its names; so does this, but a name for SNI does no harm.
        let _ = ssl.set_hostname(&node.host);
    }
    match ssl.connect(stream) {
        Ok(stream) => Ok(Stream::Tls(stream)),
        Err(HandshakeError::SetupFailure(e)) => Err(failed(&e)),
        // The stream's own time-out.
        Err(HandshakeError::WouldBlock(_)) => Err(io::ErrorKind::TimedOut.into()),
        Err(HandshakeError::Failure(end)) => Err(match (end.ssl().verify_result(), end.error().ssl_error()) {
            (X509VerifyResult::OK, Some(e)) => failed(e),
            (X509VerifyResult::OK, None) => match end.error().io_error() {
                Some(e) => io::Error::new(e.kind(), format!("TLS: {e}")),
                None if matches!(tls, Tls::Psk { .. }) => {
                    io::Error::other("TLS: closed in the handshake; has the host in Zabbix this identity and key?")
                }
                None => io::Error::other("TLS: closed in the handshake"),
            },
            (why, _) => io::Error::other(format!("TLS: its certificate is not taken: {}", why.error_string())),
        }),
    }
}

/// What is said first is what went wrong; where in the library that was is nothing for people.
fn first(errors: &ErrorStack) -> String {
    let known = |e: &Error| Some(e.reason()?.to_owned());
    errors.errors().iter().find_map(known).unwrap_or_else(|| errors.to_string())
}

fn builder() -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    Ok(builder)
}

fn by_key(identity: &str, key: &Zeroizing<Vec<u8>>) -> Result<SslContext, ErrorStack> {
    let mut builder = builder()?;
    builder.set_cipher_list(PSK_CIPHERS)?;
    builder.set_ciphersuites(PSK_SUITE)?;
    let (identity, key) = (identity.to_owned(), key.clone());
    builder.set_psk_client_callback(move |_, _, identity_to, key_to| {
        // The identity ends with a NUL, for which there must be room.
        if identity.len() >= identity_to.len() || key.len() > key_to.len() {
            return Ok(0);
        }
        identity_to[..identity.len()].copy_from_slice(identity.as_bytes());
        identity_to[identity.len()] = 0;
        key_to[..key.len()].copy_from_slice(&key);
        Ok(key.len())
    });
    Ok(builder.build())
}

fn by_certificate(ca: Option<&PathBuf>, own: Option<&(PathBuf, PathBuf)>) -> Result<SslContext, ErrorStack> {
    let mut builder = builder()?;
    builder.set_verify(SslVerifyMode::PEER);
    match ca {
        Some(file) => builder.set_ca_file(file)?,
        None => builder.set_default_verify_paths()?,
    }
    if let Some((certificate, key)) = own {
        builder.set_certificate_chain_file(certificate)?;
        builder.set_private_key_file(key, SslFiletype::PEM)?;
        builder.check_private_key()?;
    }
    Ok(builder.build())
}
