//! Holds the architecture: which module may know which, and what has only one place. The tables are the rule; a new module
//! needs a row. Unit tests inside `src/` are free.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Types that everybody shares.
const PURE: &[&str] = &["failure", "probe", "deadline", "duration", "quote", "inventory::secret"];

/// Who may know whom, besides the pure types and what lies below a module itself. A row counts for all below it that has no
/// row of its own. `a::b` is that part of `a` alone.
const LAYERS: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("main", &["cli"]),
    (
        "cli",
        &[
            "client",
            "clock",
            "descriptors",
            "detach",
            "identity",
            "inventory",
            "launch",
            "logging",
            "master",
            "plan",
            "platform",
            "redact",
            "settings",
            "small_file",
            "state",
            "sweep",
            "wire",
            "zabbix",
        ],
    ),
    ("plan", &[]),
    ("redact", &[]),
    ("client", &["clock", "launch", "record", "state", "wire"]),
    ("zabbix", &["inventory", "settings", "small_file", "state"]),
    ("sweep", &["clock", "inventory", "record", "settings", "small_file", "state", "wire", "zabbix"]),
    ("launch", &["descriptors", "inventory::router", "record", "settings"]),
    (
        "master",
        &[
            "clock",
            "descriptors",
            "inventory::router",
            "launch",
            "platform",
            "record",
            "settings",
            "shell",
            "small_file",
            "ssh",
            "state",
            "wire",
        ],
    ),
    ("master::hold_down", &["clock", "settings", "small_file", "state"]),
    ("ssh", &["descriptors", "inventory::command", "inventory::router", "small_file", "state"]),
    ("shell", &["platform::dialect", "platform::regex"]),
    ("platform", &["inventory::router", "settings::suggestion", "small_file"]),
    ("platform::dialect", &["platform::regex"]),
    ("inventory", &["descriptors", "settings", "small_file"]),
    ("inventory::import", &["inventory", "platform", "settings", "small_file"]),
    ("inventory::history", &["inventory", "state"]),
    ("inventory::keep", &["clock", "inventory", "state"]),
    ("inventory::router", &[]),
    ("inventory::secret", &[]),
    ("identity", &["inventory::router"]),
    ("wire", &[]),
    // The user's folders are found by `directories`, and that is in `state` only.
    ("settings", &["inventory::router", "small_file", "state"]),
    ("settings::suggestion", &[]),
    ("state", &["settings", "small_file"]),
    ("logging", &["settings", "state"]),
    ("clock", &[]),
    ("descriptors", &[]),
    ("detach", &["descriptors"]),
    ("record", &["state"]),
    ("small_file", &[]),
    // The pure types know only one another, downwards.
    ("probe", &["failure"]),
    ("failure", &[]),
    ("deadline", &[]),
    ("duration", &[]),
    ("quote", &[]),
];

/// What only some modules may say. A word ends where an identifier does.
const ONLY: &[(&str, &[&str])] = &[
    ("ssh2", &["ssh"]),
    ("fs2", &["state"]),
    ("nix", &["state"]),
    ("directories", &["state"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("env_logger", &["logging"]),
    ("flate2", &["zabbix::frame", "sweep::slots"]),
    ("signal_hook", &["cli::sweep"]),
    ("ureq", &["zabbix::api"]),
    ("toml", &["settings", "inventory", "platform"]),
    ("println!", &["cli"]),
    ("print!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("eprint!", &["cli"]),
    ("env::var", &["settings::environment"]),
    ("env::var_os", &["settings::environment"]),
    ("env::vars", &["settings::environment"]),
    ("env::vars_os", &["settings::environment"]),
];

/// What a module may not say: a router's language is known without sockets, threads and clocks.
const NEVER: &[(&str, &[&str])] = &[
    ("shell", &["std::fs", "std::net", "std::os", "std::process", "std::thread", "Instant", "SystemTime", "rustix"]),
    (
        "platform",
        &["TcpStream", "UdpSocket", "UnixStream", "std::process", "std::thread", "Instant", "SystemTime", "rustix"],
    ),
    ("wire", &["std::net", "std::os", "std::thread", "Instant", "SystemTime", "rustix"]),
    ("ssh", &["regex"]),
];

/// Names that say nothing.
const NO_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "manager", "misc"];

#[test]
fn every_module_knows_only_what_it_may() {
    let found = violations(&sources());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Every file of `src/`: its path below it, and its text.
fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    assert!(found.len() > 20, "only {} files found", found.len());
    found
}

fn violations(sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in sources {
        let module = module(file);
        let code = code(text);
        let mut report = |what: String| found.push(format!("src/{file}: {what}"));
        if text.lines().count() > 3 && !text.starts_with("//!") {
            report("does not start with //!".into());
        }
        if module.split("::").any(|part| NO_NAMES.contains(&part)) {
            report("is named after nothing".into());
        }
        match row(&module) {
            None => report(format!("{module} has no row in LAYERS (tests/cli/architecture.rs)")),
            Some((layer, allowed)) => {
                for path in paths(&code, &module) {
                    let known = [PURE, allowed, &[layer][..]].concat();
                    // The pure types are listed for one another, too.
                    let known = if PURE.contains(&layer) { [allowed, &[layer][..]].concat() } else { known };
                    if is_module(&path, sources) && !known.iter().any(|may| is_below(&path, may)) {
                        report(format!("{layer} may not know {path}"));
                    }
                }
            }
        }
        for (word, places) in ONLY {
            if says(&code, word) && !places.iter().any(|place| is_below(&module, place)) {
                report(format!("only {} may say {word}", places.join(", ")));
            }
        }
        for (place, words) in NEVER.iter().filter(|(place, _)| is_below(&module, place)) {
            for word in words.iter().filter(|word| says(&code, word)) {
                report(format!("{place} may not say {word}"));
            }
        }
    }
    found
}

/// `settings/load.rs` → `settings::load`, `settings/mod.rs` → `settings`.
fn module(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    path.strip_suffix("/mod").unwrap_or(path).replace('/', "::")
}

/// The row that counts for a module: the longest that it is, or is below.
fn row(module: &str) -> Option<(&'static str, &'static [&'static str])> {
    LAYERS.iter().filter(|(layer, _)| is_below(module, layer)).max_by_key(|(layer, _)| layer.len()).copied()
}

fn is_below(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// A macro or item at the root of the crate is no module.
fn is_module(path: &str, sources: &[(String, String)]) -> bool {
    let root = path.split("::").next().unwrap_or(path);
    sources.iter().any(|(file, _)| is_below(&module(file), root))
}

/// A word of code, whole.
fn says(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(part) && (word.ends_with('!') || !code[at + word.len()..].starts_with(part))
    })
}

/// All paths into the crate: `crate::`, `ddl_monitor::`, and `super::` where it leads there. Groups are taken apart.
fn paths(code: &str, module: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let words: Vec<&str> = words(code);
    let mut at = 0;
    while at < words.len() {
        let after = |at: usize| words.get(at + 1) == Some(&"::");
        // `a::super` and `a::crate` are no paths, so the first word of one has no `::` before it.
        let first = at == 0 || words[at - 1] != "::";
        let mut base: Option<Vec<&str>> = match words[at] {
            "crate" | "ddl_monitor" if first && after(at) => Some(Vec::new()),
            "super" if first && after(at) => Some(module.split("::").collect()),
            _ => None,
        };
        if let Some(base) = &mut base {
            while words[at] == "super" {
                base.pop();
                if words.get(at + 2) != Some(&"super") {
                    break;
                }
                at += 2;
            }
            at = tree(&words, at + 2, base, &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// One use tree from `words[at]` on; returns where it ends.
fn tree<'a>(words: &[&'a str], mut at: usize, base: &[&'a str], found: &mut BTreeSet<String>) -> usize {
    let mut path = base.to_vec();
    loop {
        match words.get(at).copied() {
            Some("{") => {
                at += 1;
                while words.get(at).is_some_and(|word| *word != "}") {
                    at = tree(words, at, &path, found);
                    // `as name` and commas.
                    while words.get(at).is_some_and(|word| *word != "," && *word != "}") {
                        at += 1;
                    }
                    at += usize::from(words.get(at) == Some(&","));
                }
                return at + 1;
            }
            Some(word) if word.starts_with(|c: char| c.is_alphabetic() || c == '_') && word != "self" => {
                path.push(word)
            }
            _ => {}
        }
        if words.get(at + 1) != Some(&"::") {
            if !path.is_empty() {
                found.insert(path.join("::"));
            }
            return at + 1;
        }
        at += 2;
    }
}

/// Identifiers, `::` and single other characters.
fn words(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let length = if part(first) {
            rest.find(|c| !part(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            found.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    found
}

/// The text without comments, without what is in quotes, and without the unit tests at its end.
fn code(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            // A lifetime has no closing quote behind one character.
            let body = &rest[1..];
            match body.chars().next() {
                Some('\\') => quoted(rest, '\''),
                Some(c) if body[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
                _ => 1,
            }
        } else {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        kept.push(' ');
        rest = &rest[skipped..];
    }
    let tests = kept.find("#[cfg(test)]\nmod tests").unwrap_or(kept.len());
    kept.truncate(tests);
    kept
}

fn raw_string(text: &str) -> Option<usize> {
    let body = text.strip_prefix('r')?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(1 + hashes + 1 + inside.find(&end)? + end.len())
}

/// The length of a literal with `\` escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

mod the_checker_itself {
    use super::violations;

    /// What it says of some files, among modules that are there.
    fn check(files: &[(&str, &str)]) -> Vec<String> {
        let all =
            ["cli", "ssh", "state", "failure", "probe", "inventory/router", "settings/mod", "platform/dialect", "wire"];
        let mut sources: Vec<(String, String)> =
            all.iter().map(|m| (format!("{m}.rs"), "//! x\n".to_owned())).collect();
        for (file, text) in files {
            sources.retain(|(there, _)| there != file);
            sources.push(((*file).to_owned(), format!("//! x\n\n\n{text}\n")));
        }
        violations(&sources)
    }

    #[test]
    fn what_is_allowed_is_allowed() {
        let allowed =
            "use crate::{state::Lock, failure::Failure};\nuse crate::inventory::router::Address as A;\nfn f() {}";
        assert_eq!(
            check(&[("ssh/mod.rs", allowed), ("ssh/auth.rs", "use super::Session;\nuse ssh2::Channel;")]),
            [""; 0]
        );
        assert_eq!(check(&[("shell/mod.rs", "use crate::platform::dialect::{self, Dialect};")]), [""; 0]);
    }

    #[test]
    fn a_use_line_that_breaks_the_table_is_found() {
        assert_eq!(check(&[("wire.rs", "use crate::state::State;")]), ["src/wire.rs: wire may not know state::State"]);
        assert_eq!(
            check(&[("shell/mod.rs", "use crate::platform::{Platform, dialect::Dialect};")]),
            ["src/shell/mod.rs: shell may not know platform::Platform"]
        );
        assert_eq!(
            check(&[("settings/mod.rs", "use crate::{failure::{Failure, Kind as K}, cli::{format::Format}};")]),
            ["src/settings/mod.rs: settings may not know cli::format::Format"]
        );
    }

    #[test]
    fn a_path_in_the_middle_of_code_or_by_super_is_found_too() {
        assert_eq!(
            check(&[("probe.rs", "fn f() -> crate::wire::Reply { g::<crate::failure::Failure>() }")]),
            ["src/probe.rs: probe may not know wire::Reply"]
        );
        assert_eq!(check(&[("wire.rs", "use super::ssh::Session;")]), ["src/wire.rs: wire may not know ssh::Session"]);
        assert_eq!(
            check(&[("inventory/router.rs", "use super::super::settings::Log;\nuse super::line::Line;")]),
            [
                "src/inventory/router.rs: inventory::router may not know inventory::line::Line",
                "src/inventory/router.rs: inventory::router may not know settings::Log"
            ]
        );
        assert_eq!(
            check(&[("failure.rs", "use crate::probe::Ping;")]),
            ["src/failure.rs: failure may not know probe::Ping"]
        );
        assert_eq!(
            check(&[("main.rs", "use ddl_monitor::ssh::Session;")]),
            ["src/main.rs: main may not know ssh::Session"]
        );
    }

    #[test]
    fn comments_strings_and_unit_tests_are_free() {
        let text = "// crate::cli::x\n/* crate::cli::x */\nconst A: &str = \"crate::cli \\\" crate::cli::x\";\n\
                    const B: &str = r#\"\"crate::cli::x\"#;\nfn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' }\n\
                    #[cfg(test)]\nmod tests {\n    use crate::cli::x;\n}\n";
        assert_eq!(check(&[("wire.rs", text)]), [""; 0]);
        let after = "fn f<'a>(c: char) -> bool { c == '\"' }\nuse crate::cli::x;";
        assert_eq!(check(&[("wire.rs", after)]), ["src/wire.rs: wire may not know cli::x"]);
    }

    #[test]
    fn a_word_out_of_its_place_is_found() {
        assert_eq!(check(&[("wire.rs", "use ssh2::Session;")]), ["src/wire.rs: only ssh may say ssh2"]);
        assert_eq!(check(&[("state.rs", "fn f() { println!() }")]), ["src/state.rs: only cli may say println!"]);
        assert_eq!(
            check(&[("state.rs", "fn f() { std::env::var(\"X\") }")]),
            ["src/state.rs: only settings::environment may say env::var"]
        );
        assert_eq!(
            check(&[("shell/mod.rs", "use std::time::Instant;")]),
            ["src/shell/mod.rs: shell may not say Instant"]
        );
        assert_eq!(check(&[("state.rs", "fn f() { my_println!(); Instants; ssh2x() }")]), [""; 0]);
    }

    #[test]
    fn a_file_without_row_module_text_or_meaning_is_found() {
        assert_eq!(
            check(&[("novel.rs", "fn f() {}")]),
            ["src/novel.rs: novel has no row in LAYERS (tests/cli/architecture.rs)"]
        );
        assert_eq!(check(&[("cli/utils.rs", "fn f() {}")]), ["src/cli/utils.rs: is named after nothing"]);
        let bare = [("ssh.rs".to_owned(), "fn f() {\n\n\n}\n".to_owned())];
        assert_eq!(violations(&bare), ["src/ssh.rs: does not start with //!"]);
    }
}
