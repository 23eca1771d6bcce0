//! The conversation of one login: greeting, questions, prompt, commands. It knows no SSH.

use std::sync::Arc;

use serde_json::json;

use crate::command::{self, Refusal};
use crate::interface::{self, Shown};
use crate::options::{Dialogue, Options, Pager, Silence};
use crate::persona::{Action, Persona, RefusalKind};
use crate::ping;
use crate::router::Router;
use crate::template::Facts;
use crate::terminal::{Gone, Line, Terminal, with_raw_bytes};
use crate::traceroute;

/// What the person at the other end did, or had done to them.
enum Next {
    Prompt,
    Leave,
}

pub(crate) struct Session {
    pub(crate) router: Arc<Router>,
    pub(crate) number: u64,
    pub(crate) user: String,
    pub(crate) terminal: Terminal,
    persona: &'static Persona,
    privileged: bool,
    paging: bool,
    stamps: bool,
    commands: u64,
    /// Options of ping that were set by commands of their own.
    ping_options: Vec<(String, String)>,
}

impl Session {
    pub(crate) fn new(router: Arc<Router>, number: u64, user: String, mut terminal: Terminal) -> Self {
        let options = router.options();
        let persona = router.persona;
        terminal.newline = options.newline.map_or(persona.newline.as_str(), |newline| newline.text()).to_owned();
        terminal.echo = !options.no_echo;
        terminal.chunk = options.chunk;
        terminal.idle = options.exec_timeout.map(|span| span.0);
        let privileged = persona.user_prompt.is_empty() || (options.enable_secret.is_none() && !options.user_mode);
        let paging = options.pager != Pager::Off && !persona.pager.mark.is_empty();
        Self {
            router,
            number,
            user,
            terminal,
            persona,
            privileged,
            paging,
            stamps: true,
            commands: 0,
            ping_options: Vec::new(),
        }
    }

    /// From the greeting to the last word. Whatever ends it, the channel is closed afterwards by the caller.
    pub(crate) async fn converse(&mut self) -> Result<(), Gone> {
        let options = self.router.options();
        if options.silence == Some(Silence::Shell) {
            return Err(self.terminal.be_silent().await);
        }
        self.terminal.pause(options.login_delay.0).await?;
        if let Some(motd) = &options.motd {
            self.terminal.write(&format!("\n{}\n", motd.replace("\\n", "\n")));
        }
        self.terminal
            .write(&format!("{:-<78}\n", "| Unauthorized access is prohibited # 7 ").repeat(options.motd_lines));
        for dialogue in &options.dialogue {
            if let Next::Leave = self.ask(*dialogue).await? {
                return Ok(());
            }
        }
        self.terminal.pause(options.prompt_delay.0).await?;
        self.say(&self.persona.greeting);
        loop {
            let prompt = self.prompt();
            self.terminal.write(&prompt);
            let early = format!("\n{prompt}");
            let early = self.router.options().prompt_early.then_some(early.as_str());
            match self.terminal.line(true, early).await? {
                Line::Cancelled => self.terminal.write(&format!("{}\n", self.persona.break_mark)),
                Line::EndOfFile if self.persona.ctrl_d_leaves => return Ok(()),
                Line::EndOfFile => {}
                Line::Typed(line) if line.trim().is_empty() => {}
                Line::Typed(line) => {
                    if let Next::Leave = self.obey(&line).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// One command of `ssh HOST COMMAND`: no greeting, echo, prompt or pager.
    pub(crate) async fn run_one(&mut self, line: &str) -> Result<(), Gone> {
        self.paging = false;
        self.obey(line).await.map(|_| ())
    }

    pub(crate) fn say_busy(&mut self) {
        match &self.router.options().busy_text {
            Some(text) => self.terminal.write(&text.replace("\\n", "\n")),
            None => self.say(&self.persona.busy),
        }
    }

    pub(crate) fn say_idle(&mut self) {
        self.say(&self.persona.exec_timeout);
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        facts.set("hostname", self.router.options().hostname());
        let user = if self.persona.user_options { self.user.split('+').next() } else { None };
        facts.set("user", user.unwrap_or(&self.user));
        facts.set("privilege", if self.privileged { 15 } else { 1 });
        facts.set_clock();
        facts
    }

    fn say(&mut self, text: &str) {
        let text = self.facts().fill(text);
        self.terminal.write(&text);
    }

    fn prompt(&self) -> String {
        let text = match &self.router.options().prompt {
            Some(prompt) => with_raw_bytes(prompt),
            None if self.privileged => self.facts().fill(&self.persona.prompt),
            None => self.facts().fill(&self.persona.user_prompt),
        };
        match self.persona.user_options && !self.user.contains('+') {
            true => format!("\x1b[9999B\x1b[36m{text}\x1b[m"),
            false => text,
        }
    }

    async fn ask(&mut self, dialogue: Dialogue) -> Result<Next, Gone> {
        let texts = &self.persona.dialogues;
        match dialogue {
            Dialogue::PressEnter => {
                self.say(&texts.press_enter);
                if let Some(key) = texts.key.bytes().next() {
                    while self.terminal.key().await? != key {}
                    self.terminal.write("\n");
                    return Ok(Next::Prompt);
                }
                match self.terminal.line(true, None).await? {
                    Line::Typed(answer) if answer.eq_ignore_ascii_case("n") => Ok(Next::Leave),
                    Line::Typed(_) => Ok(Next::Prompt),
                    Line::Cancelled | Line::EndOfFile => Ok(Next::Leave),
                }
            }
            Dialogue::ChangeNow => loop {
                self.say(&texts.change_now);
                match self.terminal.line(true, None).await? {
                    Line::Typed(answer) if answer.eq_ignore_ascii_case("n") => return Ok(Next::Prompt),
                    Line::Typed(answer) if answer.eq_ignore_ascii_case("y") => return self.change_password().await,
                    Line::Typed(_) => {}
                    Line::Cancelled | Line::EndOfFile => return Ok(Next::Leave),
                }
            },
            Dialogue::ForcedChange => self.change_password().await,
        }
    }

    /// No simulated router lets its password be changed: whoever answers here is told so and thrown out.
    async fn change_password(&mut self) -> Result<Next, Gone> {
        self.say(&self.persona.dialogues.forced_change);
        let answer = self.terminal.line(false, None).await?;
        self.router.log("password_change", self.number, json!({"answered": answer != Line::Typed(String::new())}));
        self.say("\nThe password was not changed.\n");
        Ok(Next::Leave)
    }

    async fn obey(&mut self, line: &str) -> Result<Next, Gone> {
        let options = self.router.options();
        self.router.log("command", self.number, json!({"line": line, "user": self.user}));
        self.commands += 1;
        if options.stop_after.is_some_and(|after| self.commands > after) {
            return Err(self.terminal.be_silent().await);
        }
        self.terminal.pause(options.answer_delay.0).await?;
        if self.stamps && !self.persona.stamp.is_empty() {
            self.say(&self.persona.stamp);
        }
        if let Some(answer) = options.answers.get(line.trim()) {
            self.page(&options, answer).await?;
            return Ok(Next::Prompt);
        }
        if options.no_text && ping::starts_ping(self.persona, line) {
            return Err(self.terminal.send_no_text().await);
        }
        if ping::starts_ping(self.persona, line) {
            match ping::parse(self.persona, &options, self.privileged, &self.ping_options, line) {
                Ok(request) => {
                    let facts = self.facts();
                    ping::run(&mut self.terminal, &self.router, self.number, &options, &request, facts).await?;
                }
                Err(refusal) => self.refuse(line, &refusal),
            }
            return Ok(Next::Prompt);
        }
        if let Some(shown) = interface::show(self.persona, &options, line, self.facts()) {
            match shown {
                Ok(Shown::Text(text)) => self.page(&options, &text).await?,
                Ok(Shown::Unknown(text)) => self.terminal.write(&text),
                Ok(Shown::Nothing) => self.wait_for_abort(&options).await?,
                Err(refusal) => self.refuse(line, &refusal),
            }
            return Ok(Next::Prompt);
        }
        if let Some(target) = traceroute::target(self.persona, line) {
            let facts = self.facts();
            traceroute::run(&mut self.terminal, &options, self.persona, target, facts).await?;
            return Ok(Next::Prompt);
        }
        match command::find(self.persona, line, self.privileged) {
            Ok(command) => {
                let answer = self.facts().fill(&command.answer);
                match command.action {
                    Action::Leave if options.user_mode && self.privileged && self.persona.cli_in_shell => {
                        self.privileged = false;
                    }
                    Action::Leave => return Ok(Next::Leave),
                    Action::Cli => self.privileged = true,
                    Action::Enable => self.enable(&options).await?,
                    Action::Disable => self.privileged = self.persona.user_prompt.is_empty(),
                    Action::Page | Action::PageOff if options.pager == Pager::Stuck => {}
                    Action::Page => self.paging = !line.split_ascii_whitespace().any(|word| word == "0"),
                    Action::PageOff => self.paging = false,
                    Action::StampOn => self.stamps = true,
                    Action::StampOff => self.stamps = false,
                    Action::PingOption => {
                        let words: Vec<&str> = line.split_ascii_whitespace().collect();
                        if let [.., name, value] = words[..] {
                            let set = (name.to_owned(), value.to_owned());
                            self.ping_options.retain(|(known, _)| known != name);
                            // Tried at once, so that a bad value is refused where it is typed.
                            let tried = [self.ping_options.as_slice(), std::slice::from_ref(&set)].concat();
                            match ping::check(self.persona, &tried) {
                                Ok(()) => self.ping_options = tried,
                                Err(refusal) => self.refuse(line, &refusal),
                            }
                        }
                    }
                    Action::Stty if line.contains("-echo") => self.terminal.echo = false,
                    Action::Stty => self.terminal.echo = !options.no_echo,
                    Action::Say => {}
                }
                self.page(&options, &answer).await?;
            }
            Err(refusal) => self.refuse(line, &refusal),
        }
        Ok(Next::Prompt)
    }

    fn refuse(&mut self, line: &str, refusal: &Refusal) {
        let texts = &self.persona.refusals;
        let text = texts.get(&refusal.kind).or_else(|| texts.get(&RefusalKind::Input)).map_or("", String::as_str);
        let mut facts = self.facts();
        let before = self.prompt().lines().last().map_or(0, str::len);
        facts.set("caret", format!("{}^", " ".repeat(before + refusal.at)));
        facts.set("line", line);
        facts.set("word", &refusal.word);
        facts.set("vrf", &refusal.word);
        facts.set("source", &refusal.word);
        self.terminal.write(&facts.fill(text));
    }

    async fn wait_for_abort(&mut self, options: &Options) -> Result<(), Gone> {
        loop {
            let key = self.terminal.key().await?;
            if self.persona.abort.contains(&key) && !options.ignore_abort {
                self.terminal.write(&format!("{}\n", self.persona.break_mark));
                return Ok(());
            }
        }
    }

    async fn enable(&mut self, options: &Options) -> Result<(), Gone> {
        const TRIES: usize = 3;
        if self.privileged {
            return Ok(());
        }
        let Some(secret) = &options.enable_secret else {
            self.terminal.write("% No password set\n");
            return Ok(());
        };
        for _ in 0..TRIES {
            self.terminal.write("Password: ");
            match self.terminal.line(options.echo_secret, None).await? {
                Line::Typed(_) if options.echo_secret => return Err(self.terminal.be_silent().await),
                Line::Typed(typed) => {
                    self.privileged = typed == *secret;
                    self.router.log("enable", self.number, json!({"accepted": self.privileged}));
                    if self.privileged {
                        return Ok(());
                    }
                }
                Line::Cancelled | Line::EndOfFile => {
                    self.terminal.write("\n");
                    return Ok(());
                }
            }
        }
        self.terminal.write("% Bad secrets\n\n");
        Ok(())
    }

    /// Shows `text`, a page at a time while the pager is on.
    async fn page(&mut self, options: &Options, text: &str) -> Result<(), Gone> {
        let mut room = options.page_lines;
        for line in text.split_inclusive('\n') {
            if self.paging && room == 0 {
                let texts = &self.persona.pager;
                self.terminal.write(&texts.mark);
                let key = self.terminal.key().await?;
                self.terminal.write(&texts.erase);
                room = match key {
                    b' ' => options.page_lines,
                    b'\r' | b'\n' => 1,
                    _ => return Ok(()),
                };
            }
            self.terminal.write(line);
            room = room.saturating_sub(1);
        }
        Ok(())
    }
}
