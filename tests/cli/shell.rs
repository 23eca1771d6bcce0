//! The conversation with a router's CLI, as a lane sees it.

mod conversation;
mod dialects;
mod router;

use ddl_monitor::failure::{Kind, Stage};
use ddl_monitor::inventory::secret::Secret;
use ddl_monitor::shell::{Event, Shell};
use dialects::dialect;
use proptest::prelude::*;
use router::Router;

fn events(shell: &mut Shell) -> Vec<Event> {
    std::iter::from_fn(|| shell.event()).collect()
}

/// A shell on an IOS-like router, ready for commands.
fn ready() -> Shell {
    let mut shell = Shell::new(dialect("ios"), None);
    shell.receive(b"\r\nR1#");
    shell.receive(b"\r\nR1#");
    shell.receive(b"terminal length 0\r\nR1#");
    shell.receive(b"terminal width 511\r\nR1#");
    assert_eq!(events(&mut shell).last(), Some(&Event::Ready { mode: "privileged".to_owned() }));
    shell
}

#[test]
fn every_conversation_gives_its_events_whole_byte_by_byte_and_in_small_pieces() {
    let conversations = conversation::all();
    assert!(conversations.len() > 20);
    for conversation in conversations {
        for size in [usize::MAX, 1, 2, 3, 7] {
            conversation.play(|| size).unwrap_or_else(|difference| panic!("pieces of {size}: {difference}"));
        }
    }
}

#[test]
fn stages_follow_each_other() {
    let mut shell = Shell::new(dialect("ios"), Some(Secret::new("s".to_owned())));
    let mut stages = vec![shell.stage()];
    let turns: [&[u8]; 7] = [
        b"\r\nR1>",
        b"\r\nR1>",
        b"enable\r\nPassword:",
        b"\r\nR1#",
        b"\r\nR1#",
        b"terminal length 0\r\nR1#",
        b"terminal width 511\r\nR1#",
    ];
    for turn in turns {
        shell.receive(turn);
        stages.push(shell.stage());
    }
    let (prompt, enable, set_up) = (Stage::Prompt, Stage::Enable, Stage::SetUp);
    assert_eq!(stages, [prompt, prompt, enable, enable, enable, set_up, set_up, Stage::Probe]);
    assert_eq!((shell.mode(), shell.is_idle()), ("privileged", true));
}

#[test]
fn a_refusal_names_the_mode_or_the_reason() {
    let mut shell = Shell::new(dialect("ios"), None);
    shell.receive(b"R1(config)#\r\nR1(config)#");
    let Some(Event::Failed(failure)) = events(&mut shell).pop() else { panic!("no failure") };
    assert!(failure.message.contains("mode configuration"), "{failure}");
    let mut shell = Shell::new(dialect("vrp"), None);
    shell.receive(b"Old password:");
    shell.nudge();
    let Some(Event::Failed(failure)) = events(&mut shell).pop() else { panic!("no failure") };
    assert_eq!((failure.kind, failure.stage), (Kind::Auth, Stage::Login));
    assert!(failure.message.contains("demands a new password"), "{failure}");
}

#[test]
fn a_secret_is_never_shown_by_debug() {
    let mut shell = Shell::new(dialect("ios"), Some(Secret::new("canary".to_owned())));
    shell.receive(b"R1>\r\nR1>enable\r\nPassword:");
    let events = events(&mut shell);
    assert!(events.iter().any(|event| matches!(event, Event::Send { bytes, secret: true } if **bytes == b"canary\n")));
    assert!(!format!("{events:?}").contains("canary"));
}

#[test]
fn a_secret_with_a_line_end_is_refused() {
    let mut shell = Shell::new(dialect("ios"), Some(Secret::new("a\nreload".to_owned())));
    shell.receive(b"R1>\r\nR1>enable\r\nPassword:");
    let events = events(&mut shell);
    assert!(matches!(events.last(), Some(Event::Failed(failure)) if failure.kind == Kind::Settings));
    assert!(!events.iter().any(|event| matches!(event, Event::Send { secret: true, .. })));
}

#[test]
fn a_command_with_a_control_character_is_refused_and_nothing_is_sent() {
    let mut shell = ready();
    for line in ["ping 10.0.0.1\nreload", "ping\r", "a\0", "\u{1b}[A", "x\u{85}y", "", "  "] {
        let failure = shell.command(line).unwrap_err();
        assert_eq!((failure.kind, shell.is_idle()), (Kind::Internal, true));
    }
    assert_eq!(events(&mut shell), []);
}

#[test]
fn one_command_is_in_flight_at_most() {
    let mut shell = Shell::new(dialect("ios"), None);
    assert_eq!(shell.command("show clock").unwrap_err().kind, Kind::Internal);
    let mut shell = ready();
    shell.command("show clock").unwrap();
    assert_eq!(shell.command("show clock").unwrap_err().kind, Kind::Internal);
    assert_eq!(events(&mut shell).len(), 1);
}

#[test]
fn an_abort_without_a_command_sends_nothing() {
    let mut shell = ready();
    shell.abort();
    shell.nudge();
    assert_eq!(events(&mut shell), []);
    assert!(shell.is_idle());
}

#[test]
fn a_late_answer_to_the_same_command_is_not_taken_for_the_next() {
    let mut shell = ready();
    shell.command("ping 10.1.1.2").unwrap();
    shell.abort();
    // A prompt from before: with the echo still to come, it ends nothing.
    shell.receive(b"\r\nR1#");
    assert!(!shell.is_idle());
    shell.receive(b"ping 10.1.1.2\r\nfirst\r\nR1#");
    shell.receive(b"\r\nR1#");
    assert_eq!(events(&mut shell).last(), Some(&Event::Idle));
    shell.command("ping 10.1.1.2").unwrap();
    shell.receive(b"\r\nR1#\r\nR1#ping 10.1.1.2\r\nsecond\r\nR1#");
    let answer = Event::Answer { text: "second".to_owned(), aborted: false, truncated: false };
    assert_eq!(events(&mut shell).pop(), Some(answer));
}

#[test]
fn a_flood_is_bounded_and_its_end_is_kept() {
    let mut shell = ready();
    shell.command("ping 10.1.1.2").unwrap();
    shell.receive(b"ping 10.1.1.2\r\nheader\r\n");
    let line = format!("{}\r\n", "on and on R1# ".repeat(20));
    for _ in 0..2 * 1024 * 1024 / line.len() {
        shell.receive(line.as_bytes());
    }
    shell.receive(b"statistics\r\nR1#");
    let Some(Event::Answer { text, aborted: false, truncated: true }) = events(&mut shell).pop() else {
        panic!("no answer")
    };
    assert!(text.starts_with("header\non and") && text.ends_with("\nstatistics") && text.len() <= 1024 * 1024);
}

#[test]
fn a_flood_before_a_prompt_fails_the_login() {
    let mut shell = Shell::new(dialect("ios"), None);
    for _ in 0..200_000 {
        shell.receive(b"no end\r\n");
    }
    assert!(matches!(events(&mut shell).as_slice(), [Event::Failed(failure)] if failure.kind == Kind::Shell));
}

/// Names in three encodings, of 1 to 64 characters, and of each printable character of ASCII.
fn names() -> impl Strategy<Value = Vec<u8>> {
    let ascii = prop::collection::vec(b' '..=b'~', 1..=64);
    let utf8 = prop::collection::vec("[^\\x00-\\x20\\x7f-\\u{9f}]", 1..=64).prop_map(|name| name.concat().into_bytes());
    let gbk = prop::collection::vec((0x81_u8..=0xfe, prop_oneof![0x40_u8..=0x7e, 0x80_u8..=0xfe]), 1..=64)
        .prop_map(|name| name.into_iter().flat_map(|(lead, trail)| [lead, trail]).collect());
    let latin1 = prop::collection::vec(prop_oneof![b'!'..=b'~', 0xa0_u8..=0xff], 1..=64);
    let each =
        (b'!'..=b'~', any::<bool>()).prop_map(|(byte, alone)| if alone { vec![byte] } else { vec![b'R', byte, b'1'] });
    // A name that means another mode is not meant, nor one that the pager's mark ends.
    prop_oneof![ascii, utf8, gbk, latin1, each].prop_filter("a name of this mode", |name| {
        let name = String::from_utf8_lossy(name);
        !name.trim().is_empty() && !name.contains("(config") && !name.contains("More") && !name.starts_with('[')
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the name: one newline proves the prompt, at once or after a moment of quiet, and a command gets its answer.
    #[test]
    fn any_host_name_makes_a_prompt(
        name in names(),
        (dialect_name, before, after) in prop::sample::select(vec![("ios", "", "#"), ("ios", "", "> "), ("vrp", "<", ">"), ("junos", "user@", "> ")]),
        size in 1_usize..40,
    ) {
        let prompt = [before.as_bytes(), name.as_slice(), after.as_bytes()].concat();
        let mut shell = Shell::new(dialect(dialect_name), None);
        let mut router = Router::new(prompt, true);
        router.show(b"\r\nWelcome to this router at site # 7 >\r\n");
        router.prompt();
        let (mut newlines, mut lines, mut mode) = (0, Vec::new(), None);
        while mode.is_none() {
            while !router.is_quiet() {
                shell.receive(&router.send(size));
                for event in events(&mut shell) {
                    match event {
                        Event::Send { bytes, .. } => {
                            newlines += usize::from(*bytes == b"\n");
                            lines.push(bytes.escape_ascii().to_string());
                            router.press(&bytes);
                        }
                        Event::Ready { mode: found } => mode = Some(found),
                        Event::SetUp { text, .. } => prop_assert_eq!(text, ""),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
            }
            if mode.is_none() {
                prop_assert!(shell.needs_pause(), "stuck after {lines:?}");
                shell.pause();
                prop_assert!(shell.has_event(), "nothing comes of a pause after {lines:?}");
                for event in events(&mut shell) {
                    let Event::Send { bytes, .. } = event else { continue };
                    newlines += usize::from(*bytes == b"\n");
                    router.press(&bytes);
                }
            }
        }
        prop_assert_eq!(newlines, 1, "{:?}", lines);
        shell.command("line 1").unwrap();
        router.press(b"line 1\n");
        events(&mut shell);
        while !router.is_quiet() {
            shell.receive(&router.send(size));
        }
        let answer = Event::Answer { text: "result of line 1".to_owned(), aborted: false, truncated: false };
        prop_assert_eq!(events(&mut shell), [answer]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_any_conversation_gives_the_same_events(sizes in prop::collection::vec(1_usize..80, 1..40)) {
        for conversation in conversation::all() {
            let mut sizes = sizes.iter().cycle();
            let played = conversation.play(|| sizes.next().copied().unwrap_or(1));
            prop_assert!(played.is_ok(), "{}", played.unwrap_err());
        }
    }

    /// Not only where the router waits for us: everything at once, commands as soon as they may be sent.
    #[test]
    fn any_split_of_a_router_that_does_not_wait_gives_the_same_events(
        which in any::<prop::sample::Index>(), sizes in prop::collection::vec(1_usize..200, 1..40),
    ) {
        let conversations = conversation::all();
        let bytes = which.get(&conversations).router();
        for name in ["ios", "vrp", "comware", "xr", "nxos", "linux"] {
            let mut whole = Shell::new(dialect(name), Some(Secret::new("s".to_owned())));
            let mut split = Shell::new(dialect(name), Some(Secret::new("s".to_owned())));
            whole.receive(&bytes);
            let (mut rest, mut sizes) = (bytes.as_slice(), sizes.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(sizes.next().copied().unwrap_or(1).min(rest.len()));
                split.receive(now);
                rest = later;
            }
            prop_assert_eq!(events(&mut whole), events(&mut split));
            prop_assert_eq!((whole.mode(), whole.stage(), whole.partial()), (split.mode(), split.stage(), split.partial()));
        }
    }

    #[test]
    fn any_bytes_and_any_calls_never_panic_nor_send_a_foreign_control_character(
        name in prop::sample::select(vec!["ios", "vrp", "comware", "xr", "nxos", "linux"]),
        turns in prop::collection::vec((any::<u8>(), prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            prop::sample::select(vec!["R1#", "\r\nR1#", "\r\nR1>", "\r\n<SW>", "\x1b[42D", "Password: ", " --More-- ", "show x\r\n"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ]), 0..60),
        line in any::<String>(),
    ) {
        let mut shell = Shell::new(dialect(name), Some(Secret::new("s".to_owned())));
        for (call, bytes) in turns {
            shell.receive(&bytes);
            match call % 8 {
                0 => shell.abort(),
                1 => shell.nudge(),
                2 => shell.resync(),
                3 => { let _ = shell.command("show x"); }
                4 => { let _ = shell.command(&line); }
                5 if call > 240 => shell.leave(),
                _ => { shell.partial(); }
            }
            for event in events(&mut shell) {
                let Event::Send { bytes, .. } = event else { continue };
                let known: [&[u8]; 3] = [b"\x03", b"\x1e", b"\n"];
                let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                prop_assert!(known.contains(&bytes.as_slice()) || !text.iter().any(u8::is_ascii_control), "{}", bytes.escape_ascii());
            }
        }
    }

    /// A router with late prompts and log lines, chopped, aborted and nudged at any moment: what is called the answer of a
    /// line is that line's, or nothing.
    #[test]
    fn no_line_ever_gets_the_result_of_another(steps in prop::collection::vec((any::<u8>(), 1_usize..40), 50..400)) {
        let mut shell = ready();
        let mut router = Router::new("R1#".into(), true);
        let mut asked = 0;
        for (what, size) in steps {
            match what % 16 {
                0 => router.log(),
                1 => router.press(b""),
                2 => shell.abort(),
                3 => shell.nudge(),
                4 if what > 200 => shell.resync(),
                _ => shell.receive(&router.send(size)),
            }
            for event in events(&mut shell) {
                match event {
                    Event::Send { bytes, .. } => router.press(&bytes),
                    Event::Answer { text, aborted, .. } => {
                        let own = text.lines().filter(|line| line.starts_with("result")).all(|line| line == format!("result of line {asked}"));
                        prop_assert!(own && (aborted || text.contains("result")), "line {asked} got {text:?}");
                    }
                    Event::Idle => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            if shell.is_idle() {
                asked += 1;
                shell.command(&format!("line {asked}")).unwrap();
            }
        }
        prop_assert!(asked > 0);
    }

    /// The same of a router that does not echo; late prompts only, and a nudge is what it says: nothing more is on its way.
    #[test]
    fn without_an_echo_late_prompts_mislead_nobody(steps in prop::collection::vec((any::<u8>(), 1_usize..40), 50..400)) {
        let mut shell = Shell::new(dialect("comware"), None);
        let mut router = Router::new("<SW>".into(), false);
        shell.receive(b"<SW>");
        let mut asked = 0;
        for (what, size) in steps {
            match what % 16 {
                0 if shell.is_idle() => router.press(b""),
                1 => shell.abort(),
                2 | 3 if router.is_quiet() => shell.nudge(),
                _ => shell.receive(&router.send(size)),
            }
            for event in events(&mut shell) {
                match event {
                    Event::Send { bytes, .. } => router.press(&bytes),
                    Event::Answer { text, aborted, .. } => {
                        prop_assert!(text == format!("result of line {asked}") || aborted && text.is_empty(), "line {asked} got {text:?}");
                    }
                    Event::SetUp { .. } | Event::Ready { .. } | Event::Idle => {}
                    other @ Event::Failed(_) => prop_assert!(false, "{other:?}"),
                }
            }
            if shell.is_idle() {
                asked += 1;
                shell.command(&format!("line {asked}")).unwrap();
            }
        }
    }
}
