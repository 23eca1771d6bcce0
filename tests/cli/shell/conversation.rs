//! Conversations as files: what the router sends, what the lane does, and every event that must come of it.
//!
//! One word per line, then text, or bytes in quotes (`\r \n \t \b \e \0 \" \\ \xNN`); `+ "…"` continues the bytes of the line before.
//! * first `dialect NAME`, perhaps `enable SECRET`
//! * done: `router "…"`, `command …`, `abort`, `pause`, `nudge`, `resync`, `leave`, `closed` (by the router)
//! * expected, before anything more is done: `send "…"`, `secret "…"`, `ready MODE`, `set_up COMMAND "…"`, `answer "…"`,
//!   `aborted answer "…"`, `idle`, `failed KIND STAGE`; and of the shell then: `partial "…"`

use super::dialects::dialect;
use ddl_monitor::inventory::secret::Secret;
use ddl_monitor::shell::{Event, Shell};
use std::fs;
use std::path::Path;

pub(super) struct Conversation {
    pub(super) name: String,
    dialect: String,
    enable: Option<String>,
    turns: Vec<Turn>,
}

struct Turn {
    act: Act,
    expected: Vec<String>,
}

enum Act {
    Router(Vec<u8>),
    Command(String),
    Abort,
    Pause,
    Nudge,
    Closed,
    Resync,
    Leave,
}

/// All of the folder `tests/conversations`, sorted.
pub(super) fn all() -> Vec<Conversation> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| parse(&file.file_stem().unwrap().to_string_lossy(), &fs::read_to_string(file).unwrap()))
        .collect()
}

fn parse(name: &str, text: &str) -> Conversation {
    let mut conversation =
        Conversation { name: name.to_owned(), dialect: String::new(), enable: None, turns: Vec::new() };
    let mut joined: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("+ \""), joined.last_mut()) {
            (Some(more), Some(last)) => {
                assert_eq!(last.pop(), Some('"'), "{name}: {line}");
                last.push_str(more);
            }
            _ => joined.push(line.to_owned()),
        }
    }
    for line in joined {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let act = match word {
            "dialect" => {
                rest.clone_into(&mut conversation.dialect);
                continue;
            }
            "enable" => {
                conversation.enable = Some(rest.to_owned());
                continue;
            }
            "router" => Act::Router(bytes(rest)),
            "command" => Act::Command(rest.to_owned()),
            "abort" => Act::Abort,
            "pause" => Act::Pause,
            "nudge" => Act::Nudge,
            "closed" => Act::Closed,
            "resync" => Act::Resync,
            "leave" => Act::Leave,
            _ => {
                let expected = match line.find('"') {
                    Some(quote) => format!("{}{}", &line[..quote], quoted(&bytes(&line[quote..]))),
                    None => line.clone(),
                };
                conversation.turns.last_mut().unwrap().expected.push(expected);
                continue;
            }
        };
        conversation.turns.push(Turn { act, expected: Vec::new() });
    }
    conversation
}

fn bytes(quoted: &str) -> Vec<u8> {
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_else(|| panic!("{quoted}"));
    let mut bytes = Vec::new();
    let mut rest = inner.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next().unwrap() {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'b' => 0x08,
            b'e' => 0x1b,
            b'0' => 0,
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    bytes
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

fn render(event: &Event) -> String {
    match event {
        Event::Send { bytes, secret } => format!("{} {}", if *secret { "secret" } else { "send" }, quoted(bytes)),
        Event::Ready { mode } => format!("ready {mode}"),
        Event::Answer { text, aborted, truncated } => {
            assert!(!truncated);
            format!("{}answer {}", if *aborted { "aborted " } else { "" }, quoted(text.as_bytes()))
        }
        Event::SetUp { command, text } => format!("set_up {command} {}", quoted(text.as_bytes())),
        Event::Idle => "idle".to_owned(),
        Event::Failed(failure) => {
            let stage = serde_json::to_string(&failure.stage).unwrap();
            format!("failed {} {}", failure.kind.name(), stage.trim_matches('"'))
        }
    }
}

impl Conversation {
    /// Plays it; the router's bytes come in pieces of the sizes that `piece` says. The first difference, if there is one.
    pub(super) fn play(&self, mut piece: impl FnMut() -> usize) -> Result<(), String> {
        let secret = self.enable.clone().map(Secret::new);
        let mut shell = Shell::new(dialect(&self.dialect), secret);
        for (number, turn) in self.turns.iter().enumerate() {
            let mut events = Vec::new();
            let mut drain = |shell: &mut Shell| {
                while let Some(event) = shell.event() {
                    events.push(render(&event));
                }
            };
            match &turn.act {
                Act::Router(bytes) => {
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
                        shell.receive(now);
                        drain(&mut shell);
                        rest = later;
                    }
                }
                Act::Command(line) => shell.command(line).map_err(|failure| format!("{}: {failure}", self.name))?,
                Act::Abort => shell.abort(),
                Act::Pause => shell.pause(),
                Act::Nudge => shell.nudge(),
                Act::Closed => {}
                Act::Resync => shell.resync(),
                Act::Leave => shell.leave(),
            }
            drain(&mut shell);
            if let (Act::Closed, Some(failure)) = (&turn.act, shell.refusal()) {
                events.push(render(&Event::Failed(failure)));
            }
            if turn.expected.last().is_some_and(|last| last.starts_with("partial")) {
                events.push(format!("partial {}", quoted(shell.partial().as_bytes())));
            }
            if events != turn.expected {
                let (expected, events) = (turn.expected.join("\n  "), events.join("\n  "));
                return Err(format!("{}, turn {}: expected\n  {expected}\ngot\n  {events}", self.name, number + 1));
            }
        }
        Ok(())
    }

    /// The router's bytes of the whole conversation.
    pub(super) fn router(&self) -> Vec<u8> {
        let turns = self.turns.iter();
        turns
            .filter_map(|turn| if let Act::Router(bytes) = &turn.act { Some(bytes.as_slice()) } else { None })
            .flatten()
            .copied()
            .collect()
    }
}
