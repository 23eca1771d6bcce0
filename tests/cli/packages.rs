//! Every program that a test, an example or a script starts comes from a Debian package that `scripts/packages` names. A
//! program that is missing there fails on the first machine that does not happen to have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the reader of README.md brings along.
const GIVEN: [&str; 3] = ["cargo", "cargo-nextest", "sudo"];
/// What is built here.
const OWN: [&str; 2] = ["ddl-monitor", "router-sim"];

/// Part of every Debian: no set of packages installs these.
const EVERYWHERE: [&str; 15] = [
    "apt",
    "bash",
    "coreutils",
    "dash",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "ncurses-bin",
    "sed",
    "tar",
    "util-linux",
];

/// Words of the shell itself, and those that are followed by a command.
const BUILTIN: [&str; 42] = [
    ":", ".", "[", "alias", "break", "builtin", "cd", "compgen", "continue", "declare", "disown", "echo", "eval",
    "exit", "export", "false", "getopts", "hash", "jobs", "kill", "let", "local", "mapfile", "printf", "pwd", "read",
    "readonly", "return", "set", "shift", "shopt", "source", "test", "trap", "true", "type", "ulimit", "umask",
    "unset", "wait", "fi", "done",
];
const PREFIX: [&str; 14] =
    ["if", "then", "else", "elif", "while", "until", "do", "!", "{", "}", "exec", "command", "esac", "builtin"];

/// Functions of the scripts that are followed by a command, and how many words stand before it.
const HELPERS: [(&str, usize); 5] = [("as", 1), ("as_root", 0), ("await", 1), ("do_", 1), ("start", 2)];

/// The programs at the places of commands in a text of the shell. It knows quotes, comments, substitutions, arrays, `case`
/// and here-documents as these scripts use them.
fn commands(text: &str) -> BTreeSet<String> {
    let mut shell =
        Shell { rest: text.chars().collect(), at: 0, found: BTreeSet::new(), here: Vec::new(), cases: Vec::new() };
    shell.list(None);
    shell.found.retain(|name| !BUILTIN.contains(&name.as_str()));
    shell.found
}

/// The name of a function that is defined on this line.
fn function(line: &str) -> Option<String> {
    let name = line.trim_start().split_once("()")?.0;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| name.to_owned())
}

struct Shell {
    rest: Vec<char>,
    at: usize,
    found: BTreeSet<String>,
    /// Ends of here-documents that begin on the next line.
    here: Vec<String>,
    /// For each open `case`, whether a pattern is next.
    cases: Vec<bool>,
}

impl Shell {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    fn skip_past(&mut self, end: &str) {
        let end: Vec<char> = end.chars().collect();
        while self.at < self.rest.len() && !self.rest[self.at..].starts_with(&end) {
            self.at += 1;
        }
        self.at = (self.at + end.len()).min(self.rest.len());
    }

    /// Commands up to the parenthesis that closes them, or to the end.
    fn list(&mut self, close: Option<char>) {
        let depth = self.cases.len();
        let (mut first, mut in_case, mut skip) = (true, false, 0);
        while let Some(c) = self.peek(0) {
            let pattern = self.cases.len() > depth && self.cases.last() == Some(&true);
            match c {
                '\n' => {
                    self.at += 1;
                    for end in std::mem::take(&mut self.here) {
                        self.skip_past(&format!("\n{end}\n"));
                    }
                    first = true;
                }
                ' ' | '\t' => self.at += 1,
                '#' => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                ')' if pattern => {
                    self.at += 1;
                    *self.cases.last_mut().expect("a case") = false;
                    first = true;
                }
                ')' if close == Some(')') => {
                    self.at += 1;
                    self.cases.truncate(depth);
                    return;
                }
                ';' if self.peek(1) == Some(';') => {
                    self.at += 2;
                    if let Some(case) = self.cases.last_mut() {
                        *case = true;
                    }
                }
                '(' if self.peek(1) == Some('(') => self.skip_past("))"),
                ';' | '&' | '|' | '(' | ')' | '`' => {
                    self.at += 1;
                    first = true;
                }
                '<' | '>' => {
                    self.redirection();
                }
                _ => {
                    let begin = self.at;
                    let word = self.word();
                    let written: String = self.rest[begin..self.at.min(self.rest.len())].iter().collect();
                    if skip > 0 {
                        skip -= 1;
                        continue;
                    }
                    match word.as_deref() {
                        Some("case") if first => in_case = true,
                        Some("in") if in_case => {
                            in_case = false;
                            self.cases.push(true);
                        }
                        Some("esac") => {
                            self.cases.pop();
                            first = false;
                        }
                        Some("[[") if first => {
                            self.skip_past("]]");
                            first = false;
                        }
                        Some("for" | "select") if first => first = false,
                        Some(word) if first && !pattern && HELPERS.iter().any(|(name, _)| *name == word) => {
                            skip = HELPERS.iter().find(|(name, _)| *name == word).map_or(0, |(_, words)| *words);
                        }
                        Some(word) if first && !pattern => first = self.command(word),
                        // A prefix that is empty for root.
                        None if first && written.trim_end_matches('"').ends_with("[@]}") => {}
                        _ if pattern || in_case => {}
                        _ => first = false,
                    }
                }
            }
        }
    }

    /// A word where a command is; whether the next one is at such a place, too.
    fn command(&mut self, word: &str) -> bool {
        let name = word.split(['=', '+', '[']).next().unwrap_or_default();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if word.chars().all(|c| c.is_ascii_digit())
            || PREFIX.contains(&word)
            || (word.contains('=') && is_name)
            || word.starts_with('-')
        {
            return true;
        }
        // A path of the project's own is no program of a package.
        let program = if word.starts_with('/') { word.rsplit('/').next().unwrap_or_default() } else { word };
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.+-[:".contains(c);
        if !program.is_empty() && program.chars().all(fits) {
            self.found.insert(program.to_owned());
        }
        ["env", "sudo", "nohup", "setsid", "nice"].contains(&program)
    }

    fn redirection(&mut self) {
        let begin = self.at;
        while self.peek(0).is_some_and(|c| "<>&".contains(c)) {
            self.at += 1;
        }
        let sign: String = self.rest[begin..self.at].iter().collect();
        if self.peek(0) == Some('(') {
            self.at += 1;
            return self.list(Some(')'));
        }
        if self.peek(0) == Some('-') {
            self.at += 1;
        }
        while self.peek(0) == Some(' ') {
            self.at += 1;
        }
        let begin = self.at;
        self.word();
        if sign == "<<" {
            let end: String = self.rest[begin..self.at].iter().filter(|c| !"'\"".contains(**c)).collect();
            self.here.push(end);
        }
    }

    /// One word; none when it is not known before the script runs. Commands in its substitutions are found, too.
    fn word(&mut self) -> Option<String> {
        let (mut word, mut known) = (String::new(), true);
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | ')' | '`' => break,
                '(' if word.ends_with('=') => {
                    self.at += 1;
                    self.array();
                }
                '(' => break,
                '\\' => {
                    self.at += 2;
                    known &= self.rest.get(self.at - 1) == Some(&'\n');
                }
                '\'' => {
                    self.at += 1;
                    self.skip_past("'");
                    known &= word.contains('=');
                }
                '"' => {
                    self.at += 1;
                    while let Some(c) = self.peek(0).filter(|c| *c != '"') {
                        match c {
                            '\\' => self.at += 2,
                            '$' => self.dollar(),
                            _ => self.at += 1,
                        }
                    }
                    self.at += 1;
                    known &= word.contains('=');
                }
                '$' => {
                    self.dollar();
                    known &= word.contains('=');
                }
                _ => {
                    self.at += 1;
                    word.push(c);
                }
            }
        }
        known.then_some(word)
    }

    fn array(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                ')' => {
                    self.at += 1;
                    return;
                }
                ' ' | '\t' | '\n' | ';' | '&' | '|' => self.at += 1,
                '#' => self.skip_past("\n"),
                '<' | '>' => self.redirection(),
                _ => {
                    let before = self.at;
                    self.word();
                    self.at = self.at.max(before + 1);
                }
            }
        }
    }

    fn dollar(&mut self) {
        self.at += 1;
        match (self.peek(0), self.peek(1)) {
            (Some('('), Some('(')) => self.skip_past("))"),
            (Some('('), _) => {
                self.at += 1;
                self.list(Some(')'));
            }
            (Some('{'), _) => {
                let mut depth = 0;
                while let Some(c) = self.peek(0) {
                    self.at += 1;
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
}

/// The programs that a Rust source starts: by name, and in the texts of the shell that it hands on.
fn started_by_rust(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in ["Command::new(\"", "netns.command(\"", "far.command(\"", "inside.command(\""] {
        found.extend(source.split(part).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    for text in literals(source) {
        if let Some(script) = text.strip_prefix("exec:").or_else(|| Some(text.split_once("proxy_command = '")?.1)) {
            found.extend(commands(script.split('\'').next().unwrap_or_default()));
        }
        if let Some((shell, rest)) = text.split_once("sh -c '") {
            found.insert(if shell.ends_with("ba") { "bash".into() } else { "sh".into() });
            found.extend(commands(rest.rsplit_once('\'').map_or(rest, |(script, _)| script)));
        }
        if text.starts_with("#!") {
            found.extend(commands(&text));
        }
    }
    let scripts = source.split("\"-c\", ").skip(1).filter(|rest| rest.starts_with('"'));
    found.extend(scripts.flat_map(|rest| literals(rest).into_iter().next()).flat_map(|script| commands(&script)));
    found.into_iter().map(|name| name.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

/// The text of each string literal.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = source.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let opens = c == '"' && before != '\'' && before != '\\';
        before = c;
        if !opens {
            continue;
        }
        let mut text = String::new();
        while let Some(c) = chars.next().filter(|c| *c != '"') {
            match (c, chars.peek()) {
                ('\\', Some('n')) => text.push('\n'),
                ('\\', Some(other)) => text.push(*other),
                _ => {
                    text.push(c);
                    continue;
                }
            }
            chars.next();
        }
        found.push(text);
    }
    found
}

/// The programs that `scripts/bench`, in Python, starts.
fn started_by_python(source: &str) -> BTreeSet<String> {
    let lists = source.split(['[', '(']).filter_map(|rest| rest.strip_prefix('"')?.split_once("\", \"-"));
    let names = lists.map(|(name, _)| name.to_owned()).filter(|name| name.chars().all(|c| c.is_ascii_lowercase()));
    names.collect()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Program and the file that starts it.
fn started() -> BTreeMap<String, PathBuf> {
    let (mut found, mut functions) = (BTreeMap::new(), BTreeSet::new());
    let all = ["tests/cli", "tests/system", "tests/zabbix", "tests/support", "examples", "scripts"]
        .map(|f| files(&top().join(f)));
    for path in all.into_iter().flatten() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let first = text.lines().next().unwrap_or_default();
        let names = match path.extension().and_then(|ending| ending.to_str()) {
            Some("rs") if path.ends_with("cli/packages.rs") => BTreeSet::new(),
            Some("rs") => started_by_rust(&text),
            Some("sh") => commands(&text),
            _ if first.ends_with("bash") => commands(&text),
            _ if first.ends_with("python3") => started_by_python(&text),
            _ => BTreeSet::new(),
        };
        let interpreter =
            first.strip_prefix("#!").map(|line| line.rsplit(['/', ' ']).next().unwrap_or_default().to_owned());
        found.extend(names.into_iter().chain(interpreter).map(|name| (name, path.clone())));
        if path.starts_with(top().join("scripts")) {
            functions.extend(text.lines().filter_map(function));
        }
    }
    found.retain(|name, _| !functions.contains(name));
    found
}

/// A table of `scripts/packages`: the words of each key.
fn table(name: &str) -> BTreeMap<String, Vec<String>> {
    let script = fs::read_to_string(top().join("scripts/packages")).expect("scripts/packages");
    let (_, rest) = script.split_once(&format!("declare -A {name}=(\n")).expect("a table");
    let (rows, _) = rest.split_once("\n)").expect("its end");
    let row = |line: &str| {
        let (key, words) = line.trim().strip_prefix('[')?.strip_suffix('"')?.split_once("]=\"")?;
        Some((key.to_owned(), words.split(' ').map(str::to_owned).collect()))
    };
    rows.lines().map(|line| row(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

#[test]
fn every_program_started_comes_from_a_listed_package() {
    let (programs, sets) = (table("programs"), table("sets"));
    let installed: BTreeSet<&String> = sets.values().flatten().collect();
    for package in programs.keys() {
        assert!(
            installed.contains(package) || EVERYWHERE.contains(&package.as_str()),
            "scripts/packages: {package} has programs and is in no set"
        );
    }
    let listed: BTreeSet<&String> = programs.values().flatten().collect();
    let started = started();
    let missing: Vec<_> = started
        .iter()
        .filter(|(name, _)| !listed.contains(name) && !GIVEN.contains(&name.as_str()) && !OWN.contains(&name.as_str()))
        .map(|(name, path)| format!("{name} ({})", path.strip_prefix(top()).unwrap_or(path).display()))
        .collect();
    assert!(missing.is_empty(), "started, and of no package that scripts/packages names: {missing:#?}");
}

#[test]
fn programs_are_found_where_commands_stand() {
    let found = |text: &str| commands(text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(found("nc -l 1"), "nc");
    assert_eq!(found("A=1 B=\"$(nc x)\" env C=2 socat y | tee z >&2 && ! jq . <in"), "env jq nc socat tee");
    assert_eq!(found("if nc; then socat; else tee; fi; while read -r x; do jq; done < <(yq)"), "jq nc socat tee yq");
    assert_eq!(found("# nc\necho 'nc' \"nc\" nc\ncat <<'END' >x\nsocat y\nEND\njq"), "cat jq");
    assert_eq!(found("case $x in\nnc | socat) jq ;;\n*) (yq) ;;\nesac\ntee"), "jq tee yq");
    assert_eq!(found("f() { nc; }\nlist=(socat jq \"$(yq)\")\n/usr/bin/tee ./own scripts/own"), "f nc tee yq");
    assert_eq!(function("f() { nc; }").as_deref(), Some("f"));
    assert_eq!(found("\"${root[@]}\" as zabbix X=1 nc; for ((i = 0; i < 1; i++)); do jq 2>&1; done"), "jq nc");
    assert_eq!(found("[[ nc == socat ]] && exec {lock}<x; exec sudo -n jq"), "jq sudo");
    let rust = r#"Command::new("nc"); netns.command("/sbin/socat"); run("sh", &["-c", "sleep 1 & jq"]);
        "proxy_command = 'yq %h'"; "exec:tee x"; "echo; bash -c 'nl'"; "\#!/bin/sh\ntac""#;
    let found: Vec<String> = started_by_rust(&rust.replace("\\#", "#")).into_iter().collect();
    assert_eq!(found.join(" "), "bash jq nc nl sleep socat tac tee yq");
}
