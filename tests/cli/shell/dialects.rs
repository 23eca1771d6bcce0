//! Dialects written by hand: the shell is tried without the platform files.

use ddl_monitor::failure::Kind;
use ddl_monitor::platform::dialect::{Change, Dialect, Dialogue, Mode, Pager, SecretQuestion, Then};
use ddl_monitor::platform::regex::Regex;
use std::sync::Arc;

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?-u){text}")).unwrap()
}

fn mode(name: &str, prompt: &str, usable: bool) -> Mode {
    Mode { name: name.to_owned(), prompt: pattern(prompt), not_prompt: Vec::new(), usable, set_up: None }
}

fn fail(when: &str, kind: Kind, reason: &str) -> Dialogue {
    Dialogue { when: pattern(when), then: Then::Fail(kind, reason.to_owned()) }
}

fn answer(when: &str, bytes: &[u8]) -> Dialogue {
    Dialogue { when: pattern(when), then: Then::Answer(bytes.to_vec()) }
}

fn pager(mark: &str) -> Vec<Pager> {
    vec![Pager { mark: pattern(mark), answer: b" ".to_vec() }]
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

pub(super) fn dialect(name: &str) -> Arc<Dialect> {
    Arc::new(match name {
        "ios" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![
                mode("configuration", r"\(config[^)\n]*\)#\s*$", false),
                mode("privileged", r"#\s*$", true),
                mode("user", r">\s*$", true),
            ],
            dialogues: vec![
                fail(r"(?i)password[^\n]*[:>]\s*\z|password has expired", Kind::Auth, "change the password by hand"),
                fail("(?i)too many sessions", Kind::Busy, "all lines are in use"),
            ],
            pager: pager("--More--"),
            changes: vec![Change {
                from: "user".to_owned(),
                to: "privileged".to_owned(),
                command: "enable".to_owned(),
                question: Some(SecretQuestion {
                    password: pattern("[Pp]assword:"),
                    refused: vec![pattern("% (Access denied|Bad secrets|Error in authentication|No password set)")],
                }),
            }],
            set_up: lines(&["terminal length 0", "terminal width 511"]),
            tear_down: lines(&["exit"]),
            above_prompt: Vec::new(),
            abort: vec![vec![0x1e], vec![0x03]],
        },
        "vrp" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![
                mode("user", r"<[^\n]+>\s*$", true),
                Mode {
                    not_prompt: vec![pattern(r"^\[V\d+R\d+")],
                    ..mode("system", r"^(?:HRP_[AMS])?\[[^\n]+\]$", false)
                },
            ],
            dialogues: vec![
                answer(r"Change now\? \[Y/N\]:?", b"N\n"),
                fail(
                    "(?i)(old|new|original) password:",
                    Kind::Auth,
                    "the router demands a new password: set one by hand",
                ),
                fail("All user interfaces are used", Kind::Busy, "all lines of the router are in use"),
            ],
            pager: pager("---- More ----"),
            changes: Vec::new(),
            set_up: lines(&["screen-length 0 temporary", "undo terminal monitor"]),
            tear_down: lines(&["quit"]),
            above_prompt: Vec::new(),
            abort: vec![vec![0x03]],
        },
        "comware" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![
                mode("user", r"^(?:RBM_[PS])?<[\w.\-@()/:]{1,64}>\s*$", true),
                mode("system", r"^(?:RBM_[PS])?\[[^\]]{1,64}\]$", false),
            ],
            dialogues: vec![answer("Press Y or ENTER to continue, N to exit.", b"\n")],
            pager: pager("---- More ----"),
            changes: Vec::new(),
            set_up: lines(&["screen-length disable"]),
            tear_down: lines(&["quit"]),
            above_prompt: Vec::new(),
            abort: vec![vec![0x03]],
        },
        "xr" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![
                mode("configuration", r"^RP/\d+/(RP|RSP|\d)\w*/CPU\d+:[^\s#]+\(config[^)]*\)#\s*$", false),
                mode("exec", r"^RP/\d+/(RP|RSP|\d)\w*/CPU\d+:[^\s#]+#\s*$", true),
            ],
            dialogues: vec![fail("This \\(D\\)RP Node is not ready", Kind::Shell, "this is the standby processor")],
            pager: pager("--More--"),
            changes: Vec::new(),
            set_up: lines(&["terminal length 0"]),
            tear_down: lines(&["exit"]),
            above_prompt: Vec::new(),
            abort: vec![vec![0x03], vec![0x1e]],
        },
        "nxos" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![
                mode("configuration", r"^[\w.\-]{1,63}\(conf[^)]*\)#\s*$", false),
                mode("exec", r"^[\w.\-]{1,63}(\(maint-mode\))?[#>]\s*$", true),
            ],
            dialogues: Vec::new(),
            pager: pager("--More--"),
            changes: Vec::new(),
            set_up: lines(&["terminal length 0"]),
            tear_down: lines(&["exit"]),
            above_prompt: Vec::new(),
            abort: vec![vec![0x03]],
        },
        "junos" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![mode("shell", r"(?:%| #)\s*$", false), mode("operational", r">\s*$", true)],
            dialogues: Vec::new(),
            pager: pager(r"---\(more(?: \d+%)?\)---"),
            changes: vec![Change {
                from: "shell".to_owned(),
                to: "operational".to_owned(),
                command: "cli".to_owned(),
                question: None,
            }],
            set_up: lines(&["set cli screen-length 0"]),
            tear_down: lines(&["exit"]),
            above_prompt: vec![pattern(r"^\{\w+:\w+\}$")],
            abort: vec![vec![0x03]],
        },
        // Two modes with set-ups of their own.
        "sros" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![
                Mode {
                    set_up: Some(lines(&["environment more false"])),
                    ..mode("md_cli", r"^[A-D]:[\w.\-]+@[\w.\-]+#\s*$", true)
                },
                Mode {
                    set_up: Some(lines(&["environment no more"])),
                    ..mode("classic", r"^\*?[A-D]:[\w.\-]+#\s*$", true)
                },
            ],
            dialogues: Vec::new(),
            pager: Vec::new(),
            changes: Vec::new(),
            set_up: lines(&["never sent"]),
            tear_down: lines(&["logout"]),
            above_prompt: vec![pattern(r"^[!*]?(?:\(\w+\))?\[[^\]\n]*\]$")],
            abort: vec![vec![0x03]],
        },
        "linux" => Dialect {
            newline: b"\n".to_vec(),
            modes: vec![mode("shell", r"^\S+@\S+:\S+[$#] $", true)],
            dialogues: Vec::new(),
            pager: Vec::new(),
            changes: Vec::new(),
            set_up: Vec::new(),
            tear_down: lines(&["exit"]),
            above_prompt: Vec::new(),
            abort: vec![vec![0x03]],
        },
        other => panic!("no dialect {other}"),
    })
}
