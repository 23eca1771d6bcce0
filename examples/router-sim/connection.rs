//! One SSH connection: who may log in, and which channel becomes a session.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::keys::PublicKey;
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session as Ssh, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use serde_json::json;

use crate::events::escaped;
use crate::options::{Method, VtyFull};
use crate::router::{Router, VtyLine};
use crate::session::Session;
use crate::terminal::{Gone, Terminal};
use crate::wire::Signal;

pub(crate) struct Connection {
    router: Arc<Router>,
    number: u64,
    cut: Signal,
    user: String,
    /// The line taken when the connection was accepted, for its first channel.
    line: Option<VtyLine>,
    /// The next keyboard-interactive answer is the one to "Token:".
    token_asked: bool,
    /// Open channels that are not sessions yet, each with its line; without one it is told that all are in use.
    waiting: HashMap<ChannelId, (Channel<Msg>, Option<VtyLine>)>,
    open: Arc<AtomicUsize>,
}

/// A channel in use; counted down when it is dropped.
struct OpenChannel(Arc<AtomicUsize>);

impl Drop for OpenChannel {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Connection {
    pub(crate) fn new(router: Arc<Router>, number: u64, cut: Signal, line: Option<VtyLine>) -> Self {
        Self {
            router,
            number,
            cut,
            user: String::new(),
            line,
            token_asked: false,
            waiting: HashMap::new(),
            open: Arc::default(),
        }
    }

    async fn decide(&mut self, user: &str, method: Method, accepted: bool) -> bool {
        let options = self.router.options();
        tokio::time::sleep(options.auth_delay.0).await;
        // russh lets a client try what was not offered to it.
        let accepted = accepted && options.auth.contains(&method) && !options.refuse_logins;
        let method = method.name();
        let event = if accepted { "login" } else { "refused" };
        self.router.log(event, self.number, json!({"user": user, "method": method, "accepted": accepted}));
        if accepted {
            user.clone_into(&mut self.user);
        }
        accepted
    }

    fn knows(&self, user: &str, password: &str) -> bool {
        let name = match self.router.persona.user_options {
            true => user.split('+').next().unwrap_or(user),
            false => user,
        };
        self.router.options().user.iter().any(|login| login.name == name && login.password == password)
    }

    fn accepts(&self, offered: &PublicKey) -> bool {
        let accepted = &self.router.options().authorized_key;
        accepted.iter().filter_map(|file| russh::keys::load_public_key(file).ok()).any(|key| {
            // Comments differ between a file and the wire.
            key.key_data() == offered.key_data()
        })
    }

    /// Takes the channel for a session. None: it has none left.
    fn begin(&mut self, id: ChannelId) -> Option<(Session, Option<VtyLine>, OpenChannel)> {
        let (channel, line) = self.waiting.remove(&id)?;
        let (input, output) = channel.split();
        let (router, number) = (Arc::clone(&self.router), self.number);
        let received = move |bytes: &[u8]| router.log("bytes", number, json!({"bytes": escaped(bytes)}));
        let terminal = Terminal::new(input, output, self.cut.clone(), received);
        let session = Session::new(Arc::clone(&self.router), self.number, self.user.clone(), terminal);
        self.open.fetch_add(1, Ordering::AcqRel);
        Some((session, line, OpenChannel(Arc::clone(&self.open))))
    }

    fn spawn(&mut self, id: ChannelId, command: Option<String>) {
        let Some((mut session, line, open)) = self.begin(id) else { return };
        let (router, cut, number) = (Arc::clone(&self.router), self.cut.clone(), self.number);
        tokio::spawn(async move {
            let outcome = match &command {
                _ if line.is_none() => {
                    session.say_busy();
                    Ok(())
                }
                Some(command) => session.run_one(command).await,
                None => session.converse().await,
            };
            if outcome == Err(Gone::Idle) {
                session.say_idle();
            }
            let reason = match outcome {
                _ if line.is_none() => "busy",
                Ok(()) => "left",
                Err(Gone::Idle) => "idle",
                Err(Gone::Closed) => "lost",
            };
            // The line is free before the client can see the end of its session.
            drop((line, open));
            router.log("logout", number, json!({"reason": reason}));
            session.terminal.close(0).await;
            if !router.persona.keeps_connection && command.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                cut.raise();
            }
        });
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let known = self.knows(user, password);
        Ok(if self.decide(user, Method::Password, known).await { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let ask = |prompt: &'static str| Auth::Partial {
            name: "".into(),
            instructions: "".into(),
            prompts: vec![(prompt.into(), false)].into(),
        };
        let Some(mut response) = response else {
            self.token_asked = false;
            return Ok(ask("Password: "));
        };
        let answer = response.next().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        // No token is the right one.
        let known = self.knows(user, &answer) && !std::mem::take(&mut self.token_asked);
        if known && self.router.options().token {
            self.router.log("token_asked", self.number, json!({"user": user}));
            self.token_asked = true;
            return Ok(ask("Token: "));
        }
        Ok(if self.decide(user, Method::KeyboardInteractive, known).await { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        if self.accepts(offer.public_key) {
            return Ok(Auth::Accept);
        }
        self.decide(user, Method::PublicKey, false).await;
        Ok(Auth::reject())
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = self.accepts(key.public_key);
        Ok(if self.decide(user, Method::PublicKey, known).await { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _ssh: &mut Ssh,
    ) -> Result<(), Self::Error> {
        let options = self.router.options();
        let limit = options.channels.unwrap_or(if self.router.persona.keeps_connection { 10 } else { 1 });
        if self.open.load(Ordering::Acquire) + self.waiting.len() >= limit {
            self.router.log("channel_refused", self.number, json!({"limit": limit}));
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        let line = self.line.take().or_else(|| self.router.take_line());
        if line.is_none() && options.vty_full == VtyFull::Channel {
            self.router.log("busy", self.number, json!({"how": "channel"}));
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        if line.is_none() {
            self.router.log("busy", self.number, json!({"how": "text"}));
        }
        self.waiting.insert(channel.id(), (channel, line));
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _ssh: &mut Ssh) -> Result<(), Self::Error> {
        self.waiting.remove(&channel);
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _modes: &[(Pty, u32)],
        ssh: &mut Ssh,
    ) -> Result<(), Self::Error> {
        self.router.log("pty", self.number, json!({"term": term, "columns": columns, "rows": rows}));
        ssh.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, ssh: &mut Ssh) -> Result<(), Self::Error> {
        if !self.waiting.contains_key(&channel) {
            return ssh.channel_failure(channel);
        }
        ssh.channel_success(channel)?;
        self.spawn(channel, None);
        Ok(())
    }

    async fn exec_request(&mut self, channel: ChannelId, data: &[u8], ssh: &mut Ssh) -> Result<(), Self::Error> {
        let line = String::from_utf8_lossy(data).into_owned();
        let persona = self.router.persona;
        self.router.log("exec", self.number, json!({"line": line}));
        if persona.keeps_connection || self.router.options().allow_exec {
            ssh.channel_success(channel)?;
            self.spawn(channel, Some(line));
        } else if persona.exec_refusal.is_empty() {
            ssh.channel_failure(channel)?;
        } else {
            // IOS calls it a success and says the opposite.
            ssh.channel_success(channel)?;
            ssh.data(channel, persona.exec_refusal.replace("{line}", &line).into_bytes())?;
            ssh.exit_status_request(channel, 0)?;
            ssh.eof(channel)?;
            ssh.close(channel)?;
            self.waiting.remove(&channel);
        }
        Ok(())
    }

    async fn env_request(&mut self, channel: ChannelId, _: &str, _: &str, ssh: &mut Ssh) -> Result<(), Self::Error> {
        ssh.channel_failure(channel)
    }

    async fn subsystem_request(&mut self, channel: ChannelId, _: &str, ssh: &mut Ssh) -> Result<(), Self::Error> {
        ssh.channel_failure(channel)
    }
}
