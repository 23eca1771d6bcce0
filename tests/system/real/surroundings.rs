//! What stands around the prompt in real life: banners, coloured prompts, slow logins, long names, and what a person sees.

use super::{Lab, SHELLS, counters, monitor_of, on_each_shell};
use crate::support::real_router::{HOST_NAME, RealRouter};
use crate::support::responder::Rule;
use crate::support::sshd::Options;
use serde_json::{Value, json};
use std::io::Write;

const TARGET: &str = "198.18.0.1";
const TWO: [&str; 4] = ["--count", "2", "--timeout", "500ms"];

#[track_caller]
fn assert_measured(answer: &Value) {
    assert_eq!((&answer["state"], counters(answer)), (&json!(0), (2, 2, 0)), "{answer}");
}

#[test]
fn exec_shows_what_the_router_says_and_refuses_what_changes_it() {
    for (shell, command, part) in [
        (SHELLS[0], "show interface brief", "uplink"),
        (SHELLS[1], "ip route show", "198.18.0.0/24 dev line0"),
        (SHELLS[2], "ip route show", "198.18.0.0/24 dev line0"),
    ] {
        let lab = Lab::new(shell, "");
        let at = lab.router.address().to_string();
        let exec = |command: &str| {
            let login = ["--router", &at, "--platform", lab.platform, "--password", "secret:good"];
            lab.monitor.run(&[&["exec", "--format", "text"], &login[..], &[command]].concat())
        };
        let ran = exec(command);
        assert!(ran.code == Some(0) && ran.stdout.contains(part), "{} {}", ran.stdout, ran.stderr);
        assert!(!ran.stdout.contains(HOST_NAME) && !ran.stdout.contains(command), "{}", ran.stdout);
        for command in ["configure terminal", "ip route add 192.0.2.0/24 dev lo", "reboot", "show version; reboot"] {
            let ran = exec(command);
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{command}: {}", ran.stderr);
        }
        // Refused before the router was asked: there is a prompt, and the same session.
        let answer = lab.poll(TARGET, &TWO);
        assert_measured(&answer);
        assert_eq!((&answer["session"], lab.router.logins()), (&json!("reused"), (1, 0)), "{answer}");
    }
}

#[test]
fn a_long_answer_is_whole_and_the_next_poll_is_right() {
    let lab = Lab::new(SHELLS[0], "");
    let routes: Vec<String> = (0..400).map(|n| format!("ip route 10.{}.{}.0/24 blackhole", n / 200, n % 200)).collect();
    lab.router.frr.vtysh(&format!("configure\n{}", routes.join("\n")));
    let at = lab.router.address().to_string();
    let login = ["--router", &at, "--platform", "frr", "--password", "secret:good"];
    let ran = lab.monitor.run(&[&["exec", "--format", "text"], &login[..], &["show running-config"]].concat());
    assert_eq!(ran.stdout.matches("ip route 10.").count(), 400, "{} {}", ran.stdout.len(), ran.stderr);
    assert_measured(&lab.poll(TARGET, &TWO));
}

#[test]
fn the_conversation_is_shown_on_request_without_the_password() {
    on_each_shell("", |lab| {
        let shell = lab.shell;
        let ran =
            lab.monitor.poll(&lab.router.address().to_string(), lab.platform, TARGET, &[&TWO[..], &["-v"]].concat());
        assert_measured(&ran.json());
        for part in ["ping", TARGET, "2 packets transmitted"] {
            assert!(ran.stderr.contains(part), "{shell:?}: {}", ran.stderr);
        }
        assert!(!ran.stderr.contains('\u{1b}') && !ran.stderr.contains(&lab.router.user.password), "{}", ran.stderr);
        assert_eq!(lab.monitor.poll(&lab.router.address().to_string(), lab.platform, TARGET, &TWO).stderr, "");
    });
}

/// Lines that look like prompts, questions and counters.
const BANNER: &str = "\
edge1#\r\nedge1>\r\n$\r\nuser@edge1:~$ \r\n[root@edge1 ~]# \r\nPassword:\r\n--More--\r\n<edge1>\r\n\
5 packets transmitted, 0 received, 100% packet loss\r\nAuthorized use only # do not press > or $\r\n# \r\n";

#[test]
fn a_banner_and_a_message_of_the_day_full_of_prompts_change_nothing() {
    let mut banner = tempfile::NamedTempFile::new().expect("a banner");
    banner.write_all(BANNER.as_bytes()).expect("a banner");
    let lines = vec![format!("Banner {}", banner.path().display())];
    let router = RealRouter::with(HOST_NAME, Options { lines, ..Options::default() });
    let motd = |shell: &str| router.script_user(&format!("#!/bin/sh\ncat {}\nexec {shell}\n", banner.path().display()));
    std::fs::set_permissions(banner.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("its mode");
    router.responder.rule("198.18.0.3", Rule::drop_every(2));
    for (user, platform) in [(None, "frr"), (Some(motd("bash -i")), "linux"), (Some(motd("dash -i")), "linux")] {
        let monitor = monitor_of(user.as_ref().unwrap_or(&router.user), "");
        for round in 0..3 {
            let answer = monitor.poll(&router.address().to_string(), platform, "198.18.0.3", &TWO).json();
            assert_eq!(counters(&answer), (2, 1, 0), "{platform} {round}: {answer}");
        }
    }
}

/// A login script whose bash reads this at its start.
fn bash(rc: &str) -> String {
    format!("#!/bin/bash\nexec bash --rcfile <(cat <<'RC'\n{rc}\nRC\n) -i\n")
}

#[test]
fn a_prompt_that_is_never_twice_the_same_fails_with_its_text_and_is_no_loss() {
    let router = RealRouter::start();
    let at = router.address().to_string();
    for rc in [r"PS1='\!:\u@\h \$ '", r"PS1='[$(date +%N)] \h:\w\$ '"] {
        let user = router.script_user(&bash(rc));
        let monitor = monitor_of(&user, "login.timeout = \"10s\"");
        let answer = monitor.poll(&at, "linux", TARGET, &TWO).json();
        assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("shell"), None), "{rc}: {answer}");
        let message = answer["failure"]["message"].as_str().expect("a message");
        assert!(message.contains("the last it said: ") && message.contains(HOST_NAME), "{rc}: {message}");
    }
}

#[test]
fn prompts_of_every_taste_are_found_and_no_loss_is_invented() {
    let router = RealRouter::start();
    let at = router.address().to_string();
    for (taste, script) in [
        ("coloured", bash(r"PS1='\[\e]0;\u@\h: \w\a\]\[\e[01;32m\]\u@\h\[\e[00m\]:\[\e[01;34m\]\w\[\e[00m\]\$ '")),
        ("no blank", bash(r"PS1='\h\$'")),
        ("of two lines", bash(r"PS1='\n\w\n\h \$ '")),
        ("bracketed paste, xterm", bash("export TERM=xterm; bind 'set enable-bracketed-paste on'; PS1='\\u@\\h:\\w\\$ '")),
        ("printed in pieces", "#!/bin/bash\nfor n in 1 2 3 4 5 6; do printf 'Loading #%s ' $n; sleep 0.2; done\necho\nprintf 'edge1$ '; sleep 0.5; echo; exec bash -i\n".to_owned()),
        ("typed-ahead newline eaten", "#!/bin/bash\nread -t 0.3 x; echo 'Welcome, #1!'; exec dash -i\n".to_owned()),
    ] {
        let user = router.script_user(&script);
        let monitor = monitor_of(&user, "");
        for round in 0..3 {
            let answer = monitor.poll(&at, "linux", TARGET, &TWO).json();
            assert_eq!(counters(&answer), (2, 2, 0), "{taste} {round}: {answer}");
        }
    }
}

#[test]
fn a_router_with_the_longest_name_is_polled_like_any_other() {
    let name = "edge-".to_owned() + &"x".repeat(59);
    let router = RealRouter::with(&name, Options::default());
    let at = router.address().to_string();
    let bash = router.shell_user("/bin/bash");
    for (user, platform) in [(&router.user, "frr"), (&bash, "linux")] {
        let monitor = monitor_of(user, "");
        for _ in 0..2 {
            assert_measured(&monitor.poll(&at, platform, TARGET, &TWO).json());
        }
    }
}
