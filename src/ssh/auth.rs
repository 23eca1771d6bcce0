//! Proving who we are. One attempt by one method: a password that was refused is not tried again in another way, since
//! failed logins lock accounts.

use super::link::Link;
use super::{clean, code};
use crate::deadline::Deadline;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::router::{Credential, Login};
use crate::inventory::secret::Secret;
use rustix::fs::OFlags;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use ssh2::{KeyboardInteractivePrompt, Prompt};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// Prompts that a password does not answer.
const NOT_A_PASSWORD: [&str; 7] =
    ["new password", "new unix password", "token", "one-time", "otp", "verification code", "authenticator"];

/// What can be said about a user name and a key without asking the router. Failures are kind `settings`.
pub(super) fn check(login: &Login) -> Result<(), Failure> {
    if login.user.is_empty() || login.user.contains(char::is_control) {
        return Err(Failure::settings(format!("user {:?} is empty or has control characters in it", login.user)));
    }
    match &login.credential {
        Credential::Password(password) if password.expose().contains('\0') => {
            Err(Failure::settings(format!("password of user {} has a NUL in it", login.user)))
        }
        Credential::Password(_) => Ok(()),
        Credential::Key { file, passphrase } => check_key(file, passphrase.as_ref()),
    }
}

fn check_key(file: &Path, passphrase: Option<&Secret>) -> Result<(), Failure> {
    let refused = |why: String| Err(Failure::settings(format!("key file {}: {why}", file.display())));
    // A FIFO of this name must not hold us for ever.
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
    match rehearse(file, passphrase) {
        Some(why) => refused(why),
        None => Ok(()),
    }
}

/// Lets libssh2 sign in with the key over a socket with nobody at its other end: reading the key comes first, so a wrong
/// passphrase is found before a router is bothered. Gives the reason when the key is of no use.
fn rehearse(file: &Path, passphrase: Option<&Secret>) -> Option<String> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).ok()?;
    drop(theirs);
    let mut session = ssh2::Session::new().ok()?;
    session.set_tcp_stream(ours);
    // Fails, and must: it tells libssh2 which socket is meant.
    session.handshake().err()?;
    let error = session.userauth_pubkey_file("rehearsal", None, file, passphrase.map(Secret::expose)).err()?;
    is_unreadable(&error).then(|| unreadable(passphrase.is_some()).to_owned())
}

fn is_unreadable(error: &ssh2::Error) -> bool {
    matches!(code(error), super::ERROR_FILE | super::ERROR_KEYFILE_AUTH_FAILED)
}

fn unreadable(with_passphrase: bool) -> &'static str {
    if with_passphrase {
        "it does not open with this passphrase, or is no private key of a known form"
    } else {
        "it needs a passphrase, or is no private key of a known form"
    }
}

/// Logs in. `link` is past key exchange and host key.
pub(super) fn login(link: &Link, login: &Login, deadline: Deadline) -> Result<(), Failure> {
    let router = &login.address;
    let user = &login.user;
    let session = &link.session;
    let fail = |kind: Kind, text: String| Failure::new(kind, Stage::Login, text);
    link.limit(deadline);
    let offered = match session.auth_methods(user) {
        // Not even asked: the router lets everybody in.
        _ if session.authenticated() => return Ok(()),
        Ok(methods) => methods.to_owned(),
        Err(e) => return Err(link.lost(&e, Kind::Shell, Stage::Login, "asking how to log in", deadline)),
    };
    log::debug!(router:% = router, offered = offered.as_str(); "login methods");
    let offers = |method: &str| offered.split(',').any(|name| name == method);
    let not_offered = |wanted: &str| {
        let offered = clean(offered.as_bytes());
        Err(fail(Kind::Auth, format!("router {router} does not let user {user} log in by {wanted}, only by {offered}")))
    };
    link.limit(deadline);
    let (what, result) = match &login.credential {
        Credential::Password(password) if offers("password") => {
            ("password", session.userauth_password(user, password.expose()))
        }
        Credential::Password(password) if offers("keyboard-interactive") => {
            let mut dialogue = Dialogue { password, socket: link.socket.clone(), answered: false, stopped: None };
            let result = session.userauth_keyboard_interactive(user, &mut dialogue);
            if let Some(asked) = dialogue.stopped {
                return Err(fail(
                    Kind::Auth,
                    format!(
                        "router {router} asks user {user} for more than a password (`{asked}`): that is not answered; \
                         use an account that needs none, or a key"
                    ),
                ));
            }
            ("password", result)
        }
        Credential::Password(_) => return not_offered("password"),
        Credential::Key { file, passphrase } if offers("publickey") => {
            ("key", session.userauth_pubkey_file(user, None, file, passphrase.as_ref().map(Secret::expose)))
        }
        Credential::Key { .. } => return not_offered("key"),
    };
    let Err(error) = result else { return Ok(()) };
    let gone = link.is_gone() || deadline.is_over();
    Err(match (code(&error), &login.credential) {
        (_, Credential::Key { file, passphrase }) if is_unreadable(&error) => {
            Failure::settings(format!("key file {}: {}", file.display(), unreadable(passphrase.is_some())))
        }
        (super::ERROR_PASSWORD_EXPIRED, _) => {
            fail(Kind::Auth, format!("router {router} demands a new password of user {user}; change it by hand"))
        }
        (super::ERROR_AUTHENTICATION_FAILED | super::ERROR_PUBLICKEY_UNVERIFIED, _) if !gone => {
            fail(Kind::Auth, format!("router {router} refused the {what} of user {user}{}", link.quote(None)))
        }
        // A router that hangs up on a password has refused it, as far as locked accounts go.
        _ if !deadline.is_over() => {
            link.lost(&error, Kind::Auth, Stage::Login, &format!("on the {what} of user {user}"), deadline)
        }
        _ => link.lost(&error, Kind::Shell, Stage::Login, &format!("on the {what} of user {user}"), deadline),
    })
}

/// Answers one hidden prompt with the password. On anything else it hangs up before libssh2 can send an answer: its
/// callback has no way to say no, and an empty answer would count as one more failed attempt.
struct Dialogue<'a> {
    password: &'a Secret,
    socket: Arc<OwnedFd>,
    answered: bool,
    /// The prompt that was too much.
    stopped: Option<String>,
}

impl KeyboardInteractivePrompt for Dialogue<'_> {
    fn prompt<'p>(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'p>]) -> Vec<String> {
        let hidden: Vec<&Prompt<'_>> = prompts.iter().filter(|prompt| !prompt.echo).collect();
        let labels: Vec<String> = prompts.iter().map(|prompt| clean(prompt.text.as_bytes())).collect();
        log::debug!(prompts:? = labels; "keyboard-interactive");
        // RFC 4256 3.4: a message without prompts only informs.
        if prompts.is_empty() {
            return Vec::new();
        }
        let asks_for_a_password = hidden.len() == 1 && {
            let label = hidden[0].text.to_lowercase();
            !NOT_A_PASSWORD.iter().any(|other| label.contains(other))
        };
        if self.answered || !asks_for_a_password {
            self.stopped = Some(labels.join("`, `"));
            let _ = shutdown(&self.socket, Shutdown::Both);
            return Vec::new();
        }
        self.answered = true;
        let answer = |prompt: &Prompt<'_>| if prompt.echo { String::new() } else { self.password.expose().to_owned() };
        prompts.iter().map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: bool = false;
    const SHOWN: bool = true;

    /// The answers to each round of prompts, and the prompt that was too much.
    fn converse(rounds: &[&[(&'static str, bool)]]) -> (Vec<Vec<String>>, Option<String>, bool) {
        let password = Secret::new("canary".into());
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let mut dialogue = Dialogue { password: &password, socket: Arc::new(ours), answered: false, stopped: None };
        let answers = rounds.iter().map(|round| {
            let prompts: Vec<Prompt<'_>> =
                round.iter().map(|(text, echo)| Prompt { text: (*text).into(), echo: *echo }).collect();
            dialogue.prompt("", "", &prompts)
        });
        let answers = answers.collect();
        let can_send = rustix::io::write(&dialogue.socket, b"x").is_ok();
        drop(theirs);
        (answers, dialogue.stopped, can_send)
    }

    #[test]
    fn one_hidden_prompt_gets_the_password() {
        for label in ["Password: ", "(user@router) Password:", "", "Enter passcode:"] {
            let (answers, stopped, can_send) = converse(&[&[(label, HIDDEN)], &[]]);
            assert_eq!(answers, [vec!["canary".to_owned()], vec![]], "{label}");
            assert!(stopped.is_none() && can_send);
        }
    }

    #[test]
    fn a_prompt_that_shows_its_answer_never_gets_the_password() {
        let (answers, ..) = converse(&[&[("Username:", SHOWN), ("Password:", HIDDEN)]]);
        assert_eq!(answers, [["", "canary"]]);
    }

    #[test]
    fn what_a_password_does_not_answer_ends_the_connection_before_an_answer() {
        for round in [
            &[("New password:", HIDDEN)][..],
            &[("Token code:", HIDDEN)],
            &[("One-time password (OTP):", HIDDEN)],
            &[("Verification code:", SHOWN)],
            &[("Password:", HIDDEN), ("Password again:", HIDDEN)],
        ] {
            let (answers, stopped, can_send) = converse(&[round]);
            assert_eq!(answers, [Vec::<String>::new()], "{round:?}");
            assert!(stopped.is_some_and(|label| label.contains(round[0].0)) && !can_send, "{round:?}");
        }
    }

    #[test]
    fn a_second_question_ends_the_connection() {
        let (answers, stopped, can_send) = converse(&[&[("Password:", HIDDEN)], &[("Password:", HIDDEN)]]);
        assert_eq!(answers, [vec!["canary".to_owned()], vec![]]);
        assert!(stopped.is_some() && !can_send);
    }
}
