//! Proving who we are. The router says which methods it takes. Key and password are tried once each: a refused password is
//! not tried again in another way, since failed logins lock accounts. Where the router accepts one and asks for more
//! (partial success, RFC 4252), the login goes on with the next.

use super::link::Link;
use super::prompt::Dialogue;
use super::{clean, code};
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::{Key, Login};
use crate::inventory::secret::Secret;
use crate::small_file;
use rustix::fs::OFlags;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Checks what can be checked without asking the router. Failures are kind `settings`.
pub(super) fn check(login: &Login) -> Result<(), Failure> {
    if login.user.is_empty() || login.user.contains(char::is_control) {
        return Err(Failure::settings(format!("user {:?} is empty or has control characters in it", login.user)));
    }
    if login.credential.password.as_ref().is_some_and(|password| password.expose().contains('\0')) {
        return Err(Failure::settings(format!("password of user {} has a NUL in it", login.user)));
    }
    login.credential.key.as_ref().map_or(Ok(()), check_key)
}

fn check_key(key: &Key) -> Result<(), Failure> {
    let file = &key.file;
    let refused = |why: String| Err(Failure::settings(format!("key file {}: {why}", file.display())));
    // A FIFO of this name must not block the login.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let meta = match File::options().read(true).custom_flags(flags).open(file).and_then(|file| file.metadata()) {
        Ok(meta) => meta,
        Err(e) => return refused(e.to_string()),
    };
    if !meta.is_file() {
        return refused("it is not a file".into());
    }
    // As OpenSSH: what others can read is no secret.
    if meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o077 != 0 {
        return refused(format!("others can read it (mode {:o}); chmod 600 it", meta.mode() & 0o777));
    }
    if is_useless(key) {
        return refused(unreadable(key).into());
    }
    key.certificate().map_or(Ok(()), |file| {
        check_certificate(&file).map_err(|why| {
            let name = file.display();
            Failure::settings(format!(
                "{name}: {why}; renew it, or remove it if the key is to be used without a certificate"
            ))
        })
    })
}

/// A certificate is one line that begins with its type, as in a public key file.
fn check_certificate(file: &Path) -> Result<(), String> {
    let text = small_file::open(file).and_then(|(file, _)| small_file::read(file));
    let text = text.map_err(|e| small_file::reason(&e))?;
    let is_certificate = text.split_whitespace().next().is_some_and(|kind| kind.ends_with("-cert-v01@openssh.com"));
    if is_certificate { Ok(()) } else { Err("it is not an OpenSSH certificate".to_owned()) }
}

/// Lets libssh2 log in with the key over a socket whose other end is closed. libssh2 reads the file first, so a wrong
/// passphrase is found before a router is bothered.
fn is_useless(key: &Key) -> bool {
    let error = || {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).ok()?;
        drop(theirs);
        let mut session = ssh2::Session::new().ok()?;
        session.set_tcp_stream(ours);
        // Fails, and must: it tells libssh2 which socket is meant.
        session.handshake().err()?;
        let passphrase = key.passphrase.as_ref().map(Secret::expose);
        session.userauth_pubkey_file("rehearsal", None, &key.file, passphrase).err()
    };
    error().is_some_and(|error| is_unreadable(&error))
}

fn is_unreadable(error: &ssh2::Error) -> bool {
    matches!(code(error), super::ERROR_FILE | super::ERROR_KEYFILE_AUTH_FAILED)
}

fn unreadable(key: &Key) -> &'static str {
    if key.passphrase.is_some() {
        "it does not open with this passphrase, or is no private key of a known form"
    } else {
        "it needs a passphrase, or is no private key of a known form"
    }
}

/// A method of RFC 4252 and RFC 4256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Key,
    Password,
    KeyboardInteractive,
}

impl Method {
    const ALL: [Self; 3] = [Self::Key, Self::Password, Self::KeyboardInteractive];

    /// The name on the wire.
    fn name(self) -> &'static str {
        match self {
            Self::Key => "publickey",
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
        }
    }

    /// What it proves, for messages.
    fn proof(self) -> &'static str {
        if self == Self::Key { "key" } else { "password" }
    }
}

/// Logs in. `link` is past key exchange and host key.
pub(super) fn login(link: &Link, login: &Login, deadline: Deadline) -> Result<(), Failure> {
    let attempt = Attempt { link, login, deadline };
    let Some(mut offered) = attempt.offered().map_err(|e| {
        let when = if code(&e) == super::ERROR_OUT_OF_BOUNDARY {
            "asking how to log in (is its login banner longer than SSH allows, about 30 KiB?)"
        } else {
            "asking how to log in"
        };
        link.lost(&e, Kind::Shell, Stage::Login, when, deadline)
    })?
    else {
        return Ok(());
    };
    log::debug!(router:% = link.router, offered = offered.join(",").as_str(); "login methods");
    let (mut tried, mut accepted, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(method) = attempt.choose(&offered, &tried, &refused) {
        tried.push(method);
        let Err(error) = attempt.run(method)? else { return Ok(()) };
        let next = match attempt.offered_after(method, &error) {
            Ok(None) => return Ok(()),
            Ok(Some(methods)) => methods,
            // It hung up over the question: then this was a refusal.
            Err(_) => Vec::new(),
        };
        if is_partial_success(method, &error, &offered, &next) {
            log::debug!(router:% = link.router, method = method.name(), wanted = next.join(",").as_str(); "partial success");
            accepted.push(method.proof());
            offered = next;
        } else {
            refused.push(method.proof());
        }
    }
    Err(attempt.failure(&offered, &accepted, &refused))
}

/// libssh2 does not tell partial success from a refusal. It signs with a key only after the router has agreed to that key. After
/// an accepted password the router no longer offers that method, and offers a new one.
fn is_partial_success(method: Method, error: &ssh2::Error, before: &[String], after: &[String]) -> bool {
    let gone = !after.is_empty() && after.iter().all(|name| name != method.name());
    let signed = code(error) == super::ERROR_PUBLICKEY_UNVERIFIED;
    let new = after.iter().any(|name| !before.contains(name));
    gone && if method == Method::Key { signed } else { new }
}

struct Attempt<'a> {
    link: &'a Link,
    login: &'a Login,
    deadline: Deadline,
}

impl Attempt<'_> {
    /// The methods that the router takes now, or `None` when it asks for no proof (any more).
    fn offered(&self) -> Result<Option<Vec<String>>, ssh2::Error> {
        let session = &self.link.session;
        self.link.limit(self.deadline);
        match session.auth_methods(&self.login.user) {
            _ if session.authenticated() => Ok(None),
            Ok(methods) => Ok(Some(methods.split(',').map(|name| clean(name.as_bytes())).collect())),
            Err(e) => Err(e),
        }
    }

    /// The same after an attempt, where that can be a partial success. A key that the router does not know never is.
    fn offered_after(&self, method: Method, error: &ssh2::Error) -> Result<Option<Vec<String>>, ssh2::Error> {
        if method == Method::Key && code(error) == super::ERROR_AUTHENTICATION_FAILED {
            return Ok(Some(Vec::new()));
        }
        self.offered()
    }

    /// The next method: one that the router takes, that we have a proof for, and whose proof was not refused.
    fn choose(&self, offered: &[String], tried: &[Method], refused: &[&str]) -> Option<Method> {
        let credential = &self.login.credential;
        Method::ALL.into_iter().find(|method| {
            let have = if *method == Method::Key { credential.key.is_some() } else { credential.password.is_some() };
            have && !tried.contains(method)
                && !refused.contains(&method.proof())
                && offered.iter().any(|name| name == method.name())
        })
    }

    /// Tries one method. The inner error is the router's "no" or "not yet".
    fn run(&self, method: Method) -> Result<Result<(), ssh2::Error>, Failure> {
        let Self { link, login, deadline } = *self;
        let (session, user) = (&link.session, &login.user);
        link.limit(deadline);
        let result = match (method, &login.credential.key, &login.credential.password) {
            (Method::Key, Some(key), _) => self.run_key(key),
            (Method::Password, _, Some(password)) => session.userauth_password(user, password.expose()),
            (Method::KeyboardInteractive, _, Some(password)) => {
                let hang_up = || {
                    let _ = shutdown(&link.socket, Shutdown::Both);
                };
                let mut dialogue = Dialogue::new(password, &hang_up);
                let result = session.userauth_keyboard_interactive(user, &mut dialogue);
                if let Some(stopped) = dialogue.stopped {
                    let text = format!("router {} {}", login.address, stopped.explain(user));
                    let failure = Failure::new(Kind::Auth, Stage::Login, text);
                    return Err(Failure { incomplete: !stopped.again, ..failure });
                }
                result
            }
            _ => return Ok(Ok(())),
        };
        let Err(error) = result else { return Ok(Ok(())) };
        let what = format!("on the {} of user {user}", method.proof());
        let gone = link.is_gone() || deadline.is_over();
        match (code(&error), &login.credential.key) {
            (_, Some(key)) if method == Method::Key && is_unreadable(&error) => {
                Err(Failure::settings(format!("key file {}: {}", key.file.display(), unreadable(key))))
            }
            (super::ERROR_PASSWORD_EXPIRED, _) => {
                let text = format!("router {} demands a new password of user {user}; change it by hand", login.address);
                Err(Failure::new(Kind::Auth, Stage::Login, text))
            }
            (super::ERROR_AUTHENTICATION_FAILED | super::ERROR_PUBLICKEY_UNVERIFIED, _) if !gone => Ok(Err(error)),
            // As far as locked accounts go, a router that hangs up on a password has refused it.
            _ if !deadline.is_over() => Err(link.lost(&error, Kind::Auth, Stage::Login, &what, deadline)),
            _ => Err(link.lost(&error, Kind::Shell, Stage::Login, &what, deadline)),
        }
    }

    /// As OpenSSH, the certificate first and then the bare key.
    fn run_key(&self, key: &Key) -> Result<(), ssh2::Error> {
        let with = |certificate: Option<&Path>| {
            let passphrase = key.passphrase.as_ref().map(Secret::expose);
            self.link.session.userauth_pubkey_file(&self.login.user, certificate, &key.file, passphrase)
        };
        match key.certificate().map(|certificate| with(Some(&certificate))) {
            Some(Err(e)) if code(&e) == super::ERROR_AUTHENTICATION_FAILED && !self.link.is_gone() => with(None),
            Some(result) => result,
            None => with(None),
        }
    }

    /// Why there is nothing left to try.
    fn failure(&self, offered: &[String], accepted: &[&str], refused: &[&str]) -> Failure {
        let Login { user, address: router, credential, .. } = self.login;
        let certificate = credential.key.as_ref().and_then(Key::certificate);
        let certificate = certificate.filter(|_| refused.contains(&"key"));
        let certificate =
            certificate.map(|file| format!(" and its certificate {}", file.display())).unwrap_or_default();
        let (accepted, proofs) = (accepted.join(" and the "), refused.join(" and the "));
        let offered = offered.join(", ");
        let text = match (accepted.is_empty(), refused.is_empty()) {
            (true, true) => {
                let have = [("key", credential.key.is_some()), ("password", credential.password.is_some())];
                let have: Vec<&str> = have.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
                let have = have.join(" or ");
                format!("router {router} does not let user {user} log in by {have}, only by {offered}")
            }
            (true, false) => {
                format!("router {router} refused the {proofs}{certificate} of user {user}{}", self.link.quote(None))
            }
            (false, true) => {
                let more = if offered.contains("publickey") { "--key" } else { "--password" };
                let more = if credential.key.is_some() && credential.password.is_some() {
                    String::new()
                } else {
                    format!("; give {more} as well")
                };
                format!("router {router} accepted the {accepted} of user {user} and wants {offered} as well{more}")
            }
            (false, false) => format!(
                "router {router} accepted the {accepted} but refused the {proofs}{certificate} of user {user}{}",
                self.link.quote(None)
            ),
        };
        Failure { incomplete: refused.is_empty(), ..Failure::new(Kind::Auth, Stage::Login, text) }
    }
}
