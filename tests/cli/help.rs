//! What the program says about itself: help of every command, completions, man pages; and colours on a terminal only.

use crate::support::monitor::{BINARY, Monitor};
use clap::{Command, CommandFactory};
use ddl_monitor::cli::Cli;
use ddl_monitor::inventory::arguments;
use std::fs;
use std::process::Command as Program;

/// Every command with the words that call it, hidden ones too.
fn commands(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let path: Vec<String> = [path, &[below.get_name().to_owned()]].concat();
        found.push((path.clone(), below.clone()));
        commands(below, &path, found);
    }
}

fn all() -> Vec<(Vec<String>, Command)> {
    let mut found = Vec::new();
    commands(&Cli::command(), &[], &mut found);
    found
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Program::new(BINARY).args(arguments).output().expect("ddl-monitor runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_command_and_every_argument_has_a_help_text() {
    let all = all();
    let names: Vec<String> = all.iter().map(|(path, _)| path.join(" ")).collect();
    for name in [
        "poll",
        "exec",
        "status",
        "stop",
        "parse",
        "platform list",
        "platform show",
        "config check",
        "discover lines",
        "inventory import",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    for (path, command) in &all {
        let name = path.join(" ");
        assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{name} says nothing");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name}: {} says nothing", argument.get_id());
        }
    }
}

#[test]
fn help_is_printed_with_examples_that_are_understood() {
    for name in [
        "",
        "poll",
        "exec",
        "stop",
        "parse",
        "platform",
        "config",
        "discover",
        "inventory",
        "inventory import",
        "sweep",
    ] {
        let words: Vec<&str> = name.split_whitespace().chain(["--help"]).collect();
        let (code, help, errors) = run(&words);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{name}");
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{name} has no examples:\n{help}"));
        let joined = examples.replace("\\\n      ", "");
        let lines: Vec<&str> = joined.lines().map(str::trim).filter(|line| line.starts_with("ddl-monitor ")).collect();
        assert!(!lines.is_empty(), "{name}: {examples}");
        for line in lines {
            let line = line.split("     ").next().unwrap_or(line);
            let line = line.split(' ').take_while(|word| !["<", ">"].contains(word)).collect::<Vec<_>>().join(" ");
            let words = line.split('"').enumerate().flat_map(|(at, piece)| match at % 2 {
                0 => piece.split_whitespace().collect(),
                _ => vec![piece],
            });
            if let Err(e) = Cli::command().try_get_matches_from(words)
                && e.use_stderr()
            {
                panic!("{name}: {line}\n{e}");
            }
        }
    }
}

#[test]
fn the_help_of_a_poll_names_each_macro_beside_its_flag() {
    let cli = Cli::command();
    let poll = cli.find_subcommand("poll").expect("poll");
    for argument in [
        arguments::LINE,
        arguments::TARGET,
        arguments::ROUTER,
        arguments::USER,
        arguments::PASSWORD,
        arguments::KEY,
        arguments::PASSPHRASE,
        arguments::ENABLE_PASSWORD,
        arguments::PLATFORM,
        arguments::COUNT,
        arguments::TIMEOUT,
        arguments::SIZE,
        arguments::VRF,
        arguments::SOURCE,
        arguments::DEADLINE,
        arguments::MAX_AGE,
    ] {
        let name = argument.flag.trim_start_matches("--");
        let found = poll.get_arguments().find(|known| known.get_long() == Some(name));
        let help = found.and_then(|found| found.get_help()).unwrap_or_else(|| panic!("no {}", argument.flag));
        assert!(help.to_string().contains(argument.macro_name), "{}: {help}", argument.flag);
    }
}

#[test]
fn version_is_one_line() {
    assert_eq!(run(&["-V"]), (Some(0), format!("ddl-monitor {}\n", env!("CARGO_PKG_VERSION")), String::new()));
}

#[test]
fn completions_and_man_pages_are_generated() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, errors) = run(&["generate", "completions", shell]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{shell}");
        assert!(script.contains("ddl-monitor") && script.contains("enable-password"), "{shell}: {script}");
    }
    let dir = tempfile::tempdir().unwrap();
    let man = dir.path().join("share/man1");
    assert_eq!(run(&["generate", "man", man.to_str().unwrap()]), (Some(0), String::new(), String::new()));
    let page = fs::read_to_string(man.join("ddl-monitor-poll.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("LINE_TARGET"), "{page}");
    for (path, command) in all() {
        let hidden = path.iter().any(|name| ["generate", "master"].contains(&name.as_str()));
        let file = man.join(format!("ddl-monitor-{}.1", path.join("-")));
        assert_eq!(file.exists(), !hidden, "{}: {:?}", command.get_name(), file);
    }
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, said, errors) = run(&["generate", "man", file.to_str().unwrap()]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(errors.contains(file.to_str().unwrap()) && errors.lines().count() == 1, "{errors}");
}

/// On a pseudo-terminal, as a person sees it.
fn on_a_terminal(monitor: &Monitor, environment: &[(&str, &str)]) -> String {
    let command =
        format!("{BINARY} poll --target 192.0.2.1 --password secret:good --router 127.0.0.1:1 --platform linux");
    let mut script = Program::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    script.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm");
    script.env("DDL_MONITOR_CONFIG", monitor.path("ddl-monitor.toml")).envs(environment.iter().copied());
    let output = script.stdin(std::process::Stdio::null()).output().expect("script of bsdutils");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn colours_are_for_terminals_and_no_color_is_obeyed() {
    let monitor = Monitor::new();
    let coloured = on_a_terminal(&monitor, &[]);
    assert!(coloured.contains("\u{1b}[1m\u{1b}[33mnot measured\u{1b}[0m"), "{coloured:?}");
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = on_a_terminal(&monitor, &[environment]);
        assert!(plain.contains("not measured") && !plain.contains('\u{1b}'), "{environment:?}: {plain:?}");
    }
    let arguments = ["--target", "192.0.2.1", "--password", "secret:good", "--router", "127.0.0.1:1"];
    let piped = monitor.run(&[&["poll", "--platform", "linux", "--format", "text"], &arguments[..]].concat());
    assert!(piped.stdout.contains("not measured") && !piped.stdout.contains('\u{1b}'), "{:?}", piped.stdout);
}

#[test]
fn a_broken_platform_file_is_named_by_the_poll_that_needs_it() {
    let monitor = Monitor::new();
    fs::create_dir(monitor.path("platforms.d")).unwrap();
    let file = monitor.path("platforms.d/linux.toml");
    fs::write(&file, "title = \"Mine\"\nabort = 5\n").unwrap();
    let arguments = ["poll", "--target", "192.0.2.1", "--password", "secret:good", "--router", "127.0.0.1:1"];
    let ran = monitor.run(&[&arguments[..], &["--platform", "linux"]].concat());
    let message = ran.json()["failure"]["message"].to_string();
    assert!(message.contains(&format!("{}:2: ", file.display())), "{message}");
    assert_eq!(ran.kind(), "settings");
    let other = monitor.run(&[&arguments[..], &["--platform", "frr"]].concat());
    assert_eq!(other.kind(), "connect");
}

#[test]
fn recorded_text_is_read_from_a_file_or_from_stdin() {
    let recorded = "PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.\n\n--- 192.0.2.1 ping statistics ---\n\
                    3 packets transmitted, 0 received, 100% packet loss, time 2055ms\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("answer.txt");
    fs::write(&file, recorded).unwrap();
    let parse = ["parse", "--platform", "linux", "--target", "192.0.2.1", "--item", "ping.loss"];
    let from_stdin = |more: &[&str]| {
        let input = fs::File::open(&file).unwrap();
        let output = Program::new(BINARY).args(parse).args(more).stdin(input).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(from_stdin(&[]), "100.0\n");
    assert_eq!(from_stdin(&["-"]), "100.0\n");
    assert_eq!(run(&[&parse[..], &[file.to_str().unwrap()]].concat()).1, "100.0\n");
}

#[test]
fn what_can_not_be_printed_is_told_and_a_reader_that_left_is_no_mistake() {
    let monitor = Monitor::new();
    for arguments in [&["config", "show"][..], &["status"], &["platform", "list"], &["platform", "show", "linux"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = monitor.command(arguments).stdout(full).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(errors, "ddl-monitor: writing to stdout: No space left on device (os error 28)\n");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = monitor.command(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}
