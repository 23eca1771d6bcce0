//! Questions of a router in keyboard-interactive authentication (RFC 4256): which of them a password answers.

use super::clean;
use crate::inventory::secret::Secret;
use ssh2::{KeyboardInteractivePrompt, Prompt};

/// Answers one hidden prompt with the password. On anything else it hangs up before libssh2 can send an answer: libssh2's
/// callback has no way to decline, and an empty answer would count as one more failed attempt.
pub(super) struct Dialogue<'a> {
    password: &'a Secret,
    hang_up: &'a dyn Fn(),
    answered: bool,
    /// What the router asked that is not answered.
    pub(super) stopped: Option<Stopped>,
}

/// A question that is not answered.
pub(super) struct Stopped {
    asked: String,
    /// Only an answer that is shown would do.
    shown: bool,
    /// It asked for the password once more: the first one was refused.
    pub(super) again: bool,
}

impl<'a> Dialogue<'a> {
    pub(super) fn new(password: &'a Secret, hang_up: &'a dyn Fn()) -> Self {
        Self { password, hang_up, answered: false, stopped: None }
    }
}

impl Stopped {
    /// Why the login ended; the name of the router stands before it.
    pub(super) fn explain(&self, user: &str) -> String {
        let Self { asked, shown, .. } = self;
        let what = if *shown {
            format!("asks user {user} for `{asked}` and would show the answer")
        } else {
            format!("asks user {user} for more than a password (`{asked}`)")
        };
        format!("{what}: that is not answered; use an account that needs none, or a key")
    }
}

impl KeyboardInteractivePrompt for Dialogue<'_> {
    fn prompt<'p>(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'p>]) -> Vec<String> {
        let labels: Vec<String> = prompts.iter().map(|prompt| clean(prompt.text.as_bytes())).collect();
        // What follows the answer may repeat it.
        if !self.answered {
            log::debug!(prompts:? = labels; "keyboard-interactive");
        }
        // RFC 4256 3.4: a message without prompts only informs.
        if prompts.is_empty() {
            return Vec::new();
        }
        let mut hidden = prompts.iter().filter(|prompt| !prompt.echo);
        let takes = match (hidden.next(), hidden.next()) {
            (Some(only), None) => takes_a_password(&only.text),
            _ => false,
        };
        if self.answered || !takes {
            let shown = prompts.iter().all(|prompt| prompt.echo) && prompts.iter().any(|p| takes_a_password(&p.text));
            self.stopped = Some(Stopped { asked: labels.join("`, `"), shown, again: self.answered && takes });
            (self.hang_up)();
            return Vec::new();
        }
        self.answered = true;
        let answer = |prompt: &Prompt<'_>| if prompt.echo { String::new() } else { self.password.expose().to_owned() };
        prompts.iter().map(answer).collect()
    }
}

/// Whether a prompt asks for the password, judged by whole words. `user@host` is not a word, and neither is a part of a
/// host's name: sites are called `otp1` or `hotpot`.
fn takes_a_password(label: &str) -> bool {
    let label = label.to_lowercase();
    let words: Vec<&str> = label
        .split(|c: char| c.is_whitespace() || "/()[]<>,;:'\"`".contains(c))
        .filter(|word| !word.is_empty() && !word.contains('@'))
        .collect();
    let is_any = |names: &[&str]| words.iter().any(|word| names.contains(word));
    let follows = |one: &str, other: &str| words.windows(2).any(|pair| pair[0] == one && pair[1].starts_with(other));
    let is_once = is_any(&["otp", "totp", "hotp", "onetime"])
        || words.iter().any(|word| word.starts_with("one-time"))
        || follows("one", "time");
    let is_new = follows("new", "password") || follows("new", "unix");
    if words.iter().any(|word| word.starts_with("password")) {
        return !is_once && !is_new;
    }
    // Nothing names a password: then parts of words count, too.
    let is_token = words
        .iter()
        .flat_map(|word| word.split('-'))
        .any(|part| ["otp", "token", "tokencode", "authenticator", "verification"].contains(&part));
    !is_once && !is_new && !is_token
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const HIDDEN: bool = false;
    const SHOWN: bool = true;

    /// The answers to each round of prompts, what was not answered, and how often the connection was closed over it.
    fn converse(rounds: &[&[(&'static str, bool)]]) -> (Vec<Vec<String>>, Option<Stopped>, u32) {
        let password = Secret::new("canary".into());
        let closed = Cell::new(0);
        let hang_up = || closed.set(closed.get() + 1);
        let mut dialogue = Dialogue::new(&password, &hang_up);
        let answers = rounds.iter().map(|round| {
            let prompts: Vec<Prompt<'_>> =
                round.iter().map(|(text, echo)| Prompt { text: (*text).into(), echo: *echo }).collect();
            dialogue.prompt("", "", &prompts)
        });
        let answers = answers.collect();
        (answers, dialogue.stopped, closed.get())
    }

    #[test]
    fn one_hidden_prompt_gets_the_password() {
        for label in [
            "Password: ",
            "(user@router) Password:",
            "",
            "Enter passcode:",
            "Password for ddl@otp1-edge-r1:",
            "Password for ddl@otp:",
            "ddl@token.example.net's password: ",
            "(ddl@one-time) Password: ",
            "otp-edge-1 password:",
            "hotpot login password:",
            "[new-york-1] Password",
            "New York: password",
            "PASSWORD/Token:",
        ] {
            let (answers, stopped, closed) = converse(&[&[(label, HIDDEN)], &[]]);
            assert_eq!(answers, [vec!["canary".to_owned()], vec![]], "{label}");
            assert!(stopped.is_none() && closed == 0);
        }
    }

    #[test]
    fn prompt_that_shows_its_answer_never_gets_the_password() {
        let (answers, ..) = converse(&[&[("Username:", SHOWN), ("Password:", HIDDEN)]]);
        assert_eq!(answers, [["", "canary"]]);
        let (answers, stopped, closed) = converse(&[&[("Password: ", SHOWN)]]);
        assert_eq!((answers, closed), (vec![vec![]], 1));
        let text = stopped.unwrap().explain("ddl");
        assert!(text.starts_with("asks user ddl for `Password:` and would show the answer:"), "{text}");
    }

    #[test]
    fn other_questions_end_the_connection_unanswered() {
        for round in [
            &[("New password:", HIDDEN)][..],
            &[("Retype new UNIX password:", HIDDEN)],
            &[("Token code:", HIDDEN)],
            &[("Enter token:", HIDDEN)],
            &[("OTP:", HIDDEN)],
            &[("otp-code:", HIDDEN)],
            &[("One-time password (OTP):", HIDDEN)],
            &[("One-Time-Password:", HIDDEN)],
            &[("Password/OTP:", HIDDEN)],
            &[("One time password for ddl@r1:", HIDDEN)],
            &[("Verification code:", SHOWN)],
            &[("Verification code:", HIDDEN)],
            &[("Password:", HIDDEN), ("Password again:", HIDDEN)],
        ] {
            let (answers, stopped, closed) = converse(&[round]);
            assert_eq!((answers, closed), (vec![Vec::<String>::new()], 1), "{round:?}");
            let stopped = stopped.unwrap();
            assert!(stopped.explain("ddl").contains(round[0].0) && !stopped.again, "{round:?}");
        }
    }

    #[test]
    fn second_question_ends_the_connection() {
        for (second, again) in [("Password:", true), ("OTP:", false)] {
            let (answers, stopped, closed) = converse(&[&[("Password:", HIDDEN)], &[(second, HIDDEN)]]);
            assert_eq!(answers, [vec!["canary".to_owned()], vec![]]);
            assert!(stopped.is_some_and(|stopped| stopped.again == again) && closed == 1);
        }
    }
}
