//! From the first byte to a proven prompt in the mode wanted: questions, banners, enable. Knows nothing of set-up and commands.

use super::check;
use super::echo::Echo;
use super::prompt::{Prompt, Proof, Step, mode_of};
use super::recent::Recent;
use super::screen::Screen;
use crate::failure::{Failure, Kind, Stage};
use crate::inventory::secret::Secret;
use crate::platform::dialect::{Dialect, Enable, Then};
use crate::platform::regex::Regex;
use zeroize::Zeroizing;

/// More characters than this before a prompt are no banner. Each is searched for questions: a flood must not cost minutes.
const LONGEST_BANNER: u32 = 64 * 1024;

/// What the login wants next.
pub(super) enum Outcome {
    Wait,
    Newline,
    /// The answer to a question, as it is.
    Answer(Vec<u8>),
    /// The command that asks for a privileged mode.
    Enable(String),
    /// The router asked for the enable secret: this is it, with its newline.
    Secret(Zeroizing<Vec<u8>>),
    /// The last line is the proven prompt of the mode of this name.
    Done(String),
    Failed(Failure),
}

pub(super) struct Login {
    secret: Option<Secret>,
    recent: Recent,
    proof: Proof,
    enable: Option<Enabling>,
    read: u32,
    /// A newline was sent into the silence. It will have its own prompt, now or much later: the prompt that is proven may not
    /// be the last one, and only quiet after it tells.
    nudged: bool,
    settling: bool,
}

/// On the way to the privileged mode.
struct Enabling {
    /// The unprivileged prompt: when it comes back, we were refused.
    from: Prompt,
    echo: Echo,
    /// The line on which the command or the secret was typed.
    start: u64,
    asked: bool,
    /// A line like the privileged prompt has come and is being proven.
    reached: bool,
}

impl Login {
    pub(super) fn new(secret: Option<Secret>) -> Self {
        Self {
            secret,
            recent: Recent::default(),
            proof: Proof::default(),
            enable: None,
            read: 0,
            nudged: false,
            settling: false,
        }
    }

    pub(super) fn printed(&mut self, byte: u8) {
        if let Some(enabling) = &mut self.enable {
            enabling.echo.printed(byte);
        }
    }

    pub(super) fn ended(&mut self, dialect: &Dialect, screen: &Screen) {
        let line = screen.ended();
        self.recent.ended(screen);
        if !dialect.is_above_prompt(line) {
            self.proof.ended(line);
        }
        if let Some(enabling) = &mut self.enable {
            enabling.echo.ended(line, &enabling.from);
        }
    }

    pub(super) fn drawn(&mut self, dialect: &Dialect, screen: &Screen) -> Outcome {
        self.read += 1;
        if self.read > LONGEST_BANNER {
            let reason = "the router sends text without end and no prompt after login".to_owned();
            return failed(Kind::Shell, Stage::Prompt, reason);
        }
        if let (Some(enable), Some(_)) = (&dialect.enable, &self.enable) {
            return self.enabling(dialect, enable, screen);
        }
        if let Some(found) = self.recent.find(screen, dialect.dialogues.iter().map(|dialogue| &dialogue.when)) {
            self.recent = Recent::since(screen);
            self.proof = Proof::default();
            return match &dialect.dialogues[found].then {
                Then::Answer(bytes) => Outcome::Answer(bytes.clone()),
                Then::Fail(kind, reason) => failed(*kind, Stage::Login, reason.clone()),
            };
        }
        match self.proof.drawn(dialect, screen) {
            Step::Wait => Outcome::Wait,
            Step::Newline => Outcome::Newline,
            Step::Proven => self.proven(dialect, screen),
        }
    }

    /// A prompt is proven, and quiet will tell whether it is the last one.
    pub(super) fn is_settling(&self) -> bool {
        self.settling
    }

    pub(super) fn nudge(&mut self, dialect: &Dialect, screen: &Screen) -> Outcome {
        if self.settling {
            self.settling = false;
            if self.proof.drawn(dialect, screen) == Step::Proven {
                self.nudged = false;
                return self.proven(dialect, screen);
            }
        }
        if let (Some(enabling), Some(enable)) = (&self.enable, &dialect.enable)
            && !enabling.reached
        {
            // A newline at a question for the secret would be a wrong secret.
            let back = screen.number() > enabling.start && enabling.from.is(screen.line());
            return if back { unreached(enable) } else { Outcome::Wait };
        }
        self.nudged = true;
        self.proof.nudged();
        Outcome::Newline
    }

    fn proven(&mut self, dialect: &Dialect, screen: &Screen) -> Outcome {
        let Some(mode) = mode_of(dialect, screen.line()) else { return Outcome::Wait };
        if self.nudged {
            self.settling = true;
            return Outcome::Wait;
        }
        if let Some(enable) = &dialect.enable
            && self.enable.is_none()
            && mode.name == enable.from
            && self.secret.is_some()
        {
            if let Err(reason) = check(&enable.command) {
                return failed(Kind::Settings, Stage::Enable, format!("enable command {:?}: {reason}", enable.command));
            }
            self.recent = Recent::since(screen);
            self.proof = Proof::default();
            self.enable = Some(Enabling {
                from: Prompt::new(screen.line()),
                echo: Echo::new(&enable.command),
                start: screen.number(),
                asked: false,
                reached: false,
            });
            return Outcome::Enable(enable.command.clone());
        }
        if !mode.usable {
            let reason =
                format!("login ended in mode {}, where nothing may be sent; give this user a plain login", mode.name);
            return failed(Kind::Shell, Stage::Prompt, reason);
        }
        Outcome::Done(mode.name.clone())
    }

    fn enabling(&mut self, dialect: &Dialect, enable: &Enable, screen: &Screen) -> Outcome {
        let Some(enabling) = &mut self.enable else { return Outcome::Wait };
        if self.recent.find(screen, &enable.refused).is_some() {
            return failed(Kind::Auth, Stage::Enable, "the router refused the enable secret".to_owned());
        }
        let fresh = screen.number() > enabling.start && screen.is_whole();
        let asks = fresh && is_all(&enable.password, screen.line());
        if asks && enabling.asked {
            return failed(
                Kind::Auth,
                Stage::Enable,
                "the router asked for the enable secret again, it refused the first".to_owned(),
            );
        }
        if asks {
            enabling.asked = true;
            enabling.start = screen.number();
            self.recent = Recent::since(screen);
            return match self.secret.take() {
                Some(secret) if secret.expose().chars().any(char::is_control) => {
                    failed(Kind::Settings, Stage::Enable, "the enable secret holds a control character".to_owned())
                }
                Some(secret) => {
                    // Sized at once: a buffer that grows leaves a copy behind that nobody wipes.
                    let secret = secret.expose().as_bytes();
                    let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len() + dialect.newline.len()));
                    bytes.extend_from_slice(secret);
                    bytes.extend_from_slice(&dialect.newline);
                    Outcome::Secret(bytes)
                }
                None => Outcome::Wait,
            };
        }
        if fresh && (enabling.asked || enabling.echo.has_passed()) && enabling.from.is(screen.line()) {
            return unreached(enable);
        }
        if !fresh || !(enabling.reached || mode_of(dialect, screen.line()).is_some_and(|mode| mode.name == enable.to)) {
            return Outcome::Wait;
        }
        enabling.reached = true;
        match self.proof.drawn(dialect, screen) {
            Step::Wait => Outcome::Wait,
            Step::Newline => Outcome::Newline,
            Step::Proven => self.proven(dialect, screen),
        }
    }
}

/// The pattern ends where the line ends.
fn is_all(pattern: &Regex, line: &[u8]) -> bool {
    pattern.find_iter(line).last().is_some_and(|found| line[found.end()..].trim_ascii().is_empty())
}

fn unreached(enable: &Enable) -> Outcome {
    let reason =
        format!("{:?} did not lead to mode {}, the router is back in mode {}", enable.command, enable.to, enable.from);
    failed(Kind::Auth, Stage::Enable, reason)
}

fn failed(kind: Kind, stage: Stage, reason: String) -> Outcome {
    Outcome::Failed(Failure::new(kind, stage, reason))
}
