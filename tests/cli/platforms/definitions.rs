//! Definitions: the built-in ones prove themselves, a user's file adds a platform without a rebuild, and a mistake is shown
//! with file, line and what to write instead.

use super::{PLATFORMS, platform, probe};
use ddl_monitor::failure::Kind;
use ddl_monitor::platform::dialect::Then;
use ddl_monitor::platform::{Ending, Platform, find, from_file, list};
use ddl_monitor::probe::{Measurement, Name, Probe};
use std::path::Path;

/// A whole platform that no built-in one resembles: a table for an answer, a line end of two characters.
const ACME: &str = r##"
title = "Acme Router OS"
crypto = "legacy"
terminal = "dumb"
newline = "\r\n"
abort = ["\u0003"]
set_up = ["set paging off"]
tear_down = ["logout"]
read_only = ["print", "echo test"]

[[mode]]
name = "operator"
prompt = '^\[[\w.-]+\] >\s*$'

[[failure_indicator]]
pattern = '^bad command'
kind = "rejected"
says = "the command was not understood"

[probe.ping]
before = ["echo test options timeout={timeout}"]
command = "echo test address={target} count={count}[ bytes={size}][ table={vrf}]"
count = { min = 1, max = 100 }
timeout = { unit = "100ms", min = 1, max = 50 }
size = { min = 28, max = 1500, add_ipv4 = 28, add_ipv6 = 48 }
pacing = "one_outstanding"
gap = "1s"
time_unit = "1us"
header = ['echo test of (?P<target>\S+) begins']
times = ['shortest (?P<min>\d+) mean (?P<avg>\d+) longest (?P<max>\d+) usec']

[[probe.ping.statistics]]
parts = ['went out: (?P<sent>\d+)', 'came back: (?P<received>\d+)']

[[sample]]
name = "one lost"
target = "192.0.2.1"
text = """
echo test of 192.0.2.1 begins
went out: 4
came back: 3
shortest 1200 mean 1500 longest 2400 usec
"""
expect = { up = 1, sent = 4, received = 3, loss = 25, rtt_min = 0.0012, rtt_avg = 0.0015, rtt_max = 0.0024 }
"##;

fn written(dir: &Path, text: &str) -> Result<Platform, String> {
    let file = dir.join("acme_os.toml");
    std::fs::write(&file, text).unwrap();
    let compiled = from_file(&file).and_then(|definition| Platform::compile(&definition));
    compiled.map_err(|failure| {
        assert_eq!(failure.kind, Kind::Settings);
        failure.message.strip_prefix(&format!("{}:", file.display())).expect(&failure.message).to_owned()
    })
}

#[test]
fn every_built_in_platform_compiles_and_its_samples_read_as_they_say() {
    let names: Vec<String> = list(None).into_iter().map(|listed| listed.name).collect();
    assert_eq!(names, PLATFORMS);
    for name in PLATFORMS {
        let results = platform(name).check_samples();
        assert!(results.len() >= 3, "{name} has too few samples");
        for result in results {
            assert_eq!(result.difference, None, "{name}: {}", result.name);
        }
    }
}

#[test]
fn a_users_file_adds_a_platform_without_a_line_of_rust() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("acme_os.toml"), ACME).unwrap();
    let listed = list(Some(dir.path()));
    let acme = listed.iter().find(|listed| listed.name == "acme_os").unwrap();
    assert_eq!((acme.title.as_str(), acme.error.is_none()), ("Acme Router OS", true));
    let platform = Platform::compile(&find("acme_os", Some(dir.path())).unwrap()).unwrap();
    assert!(platform.check_samples().iter().all(|result| result.difference.is_none()));
    let probe = probe("192.0.2.1", 4, 250);
    let run = platform.run(&probe, "operator").unwrap();
    assert_eq!(run.before, ["echo test options timeout=3"]);
    assert_eq!(run.command, "echo test address=192.0.2.1 count=4");
    let text = "echo test of 192.0.2.1 begins\nwent out: 4\ncame back: 4\nshortest 5 mean 6 longest 7 usec\n";
    let Measurement::Ping(ping) = platform.read(&probe, &run, text, Ending::Complete).unwrap() else { panic!() };
    assert_eq!((ping.received, ping.rtt_max), (Some(4), Some(0.000_007)));
    let refused = platform.read(&probe, &run, "bad command name\n", Ending::Complete).unwrap_err();
    assert_eq!(refused.failure.kind, Kind::Rejected);
}

#[test]
fn a_mistake_is_shown_with_file_line_and_what_to_write_instead() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), ACME).unwrap();
    for (right, wrong, says) in [
        ("terminal =", "terminall =", "4: unknown field `terminall`, expected one of `title`, "),
        (
            "pacing = \"one_outstanding\"",
            "pacing = \"none\"",
            "26: unknown variant `none`, expected one of `one_outstanding`",
        ),
        ("title = \"Acme Router OS\"\n", "", ": missing field `title`"),
        (
            "\"set paging off\"",
            "\"set paging off\", \"Write memory\"",
            "7: the word \"Write\" changes the router or ends it",
        ),
        ("\"logout\"", "\"reload\"", "8: the word \"reload\" changes the router or ends it"),
        (
            r"'^bad command'",
            r"'^(bad command'",
            "16: pattern \"^(bad command\" does not compile: unclosed group; write",
        ),
        (
            r"(?P<target>\S+)",
            r"(\S+)",
            "29: pattern \"echo test of (\\\\S+) begins\" names no capture \"target\"; write (?P<target>…)",
        ),
        (r"(?P<target>\S+)", r"(?P<tarjet>\S+)", "29: capture \"tarjet\" is not known here; known here: (?P<target>…)"),
        (r"'^\[[\w.-]+\] >\s*$'", r"'(?P<host>.+)>'", "13: capture \"host\" is not known here; write (?:…)"),
        (r"(?P<received>\d+)", r"\d+", "33: the parts of a statistics block must name capture \"received\" once"),
        ("{vrf}", "{wrf}", "22: slot {wrf} is not known; known are {target}, "),
        ("[ bytes={size}]", " bytes={size}", "22: {size} may be absent; put it in a group, e.g. [ size {size}]"),
        (" count={count}", "", "22: the command has no count; write {count}, or endless = true"),
        (" address={target}", "", "22: the command has no target; write {target}"),
        (
            r#"abort = ["\u0003"]"#,
            r#"abort = ["q"]"#,
            "6: an abort key is 1 to 8 control characters without line ends; write e.g.",
        ),
        (r#"abort = ["\u0003"]"#, r#"abort = ["\n"]"#, "6: an abort key is"),
        (r#"abort = ["\u0003"]"#, "abort = []", "6: no abort key; write e.g."),
        (
            "[ table={vrf}]",
            "[ table={vrf}|main{vrf}]",
            "22: behind the | of a group stands plain text; write e.g. [{size}|56]",
        ),
        (
            "[ table={vrf}]",
            " whole={df}",
            "22: {df} is a switch; put it in a group with the words to send, e.g. [ df-bit{df}]",
        ),
        (
            "timeout={timeout}\"]",
            "x\"]",
            "22: the command has no time-out; write {timeout}, or no_timeout = true, or endless = true",
        ),
        (
            "pacing =",
            "no_timeout = true\npacing =",
            "22: the command has a time-out; remove no_timeout = true, or {timeout}",
        ),
        ("gap = \"1s\"", "gap = \"soon\"", "27: \"soon\" is no time; write e.g."),
        (
            "pacing =",
            "modes = [\"operator\"]\nvariant = [{ modes = [\"operator\"], command = \"echo test {target} {count} {timeout}\" }]\npacing =",
            "27: mode \"operator\" has two commands; name it in modes or in one variant",
        ),
        (
            "pacing =",
            "variant = [{ modes = [\"root\"], command = \"echo test {target} {count} {timeout}\" }]\npacing =",
            "26: mode \"root\" is not defined; defined are operator",
        ),
        (
            "pacing =",
            "variant = [{ modes = [], command = \"echo test {target} {count} {timeout}\" }]\npacing =",
            "26: no mode takes this command; name one of operator",
        ),
        (
            "[ table={vrf}]",
            "[ table={vrf}; reboot]",
            "22: probe command \"echo test address=192.0.2.1 count=1 bytes=1 table=name1; reboot\" contains ';'",
        ),
        ("[ table={vrf}]", "[ table={vrf}| > file]", "22: probe command \"echo test address=192.0.2.1 count=1 > file"),
        ("title = \"Acme Router OS\"", "title = \"Acme\\u001b[2J\"", "2: not a line of text; write vendor and system"),
        (
            "header = ['echo test of (?P<target>\\S+) begins']",
            "",
            "22: nothing in an answer names its target; write header = ['… (?P<target>\\S+) …'], or row",
        ),
        (
            "header = ['echo test of (?P<target>\\S+) begins']",
            "row = ['^(?P<target>\\S+) ms']",
            "29: pattern \"^(?P<target>\\\\S+) ms\" names no capture \"seq\"; write (?P<seq>…)",
        ),
        (
            "[[mode]]",
            "above_prompt = ['.*']\n[[mode]]",
            "11: the pattern matches too much; write the whole line, from ^ to $",
        ),
        ("newline =", "user_suffix = \"; reload\"\nnewline =", "5: not a suffix of a user's name; write"),
        ("name = \"operator\"", "name = \"operator\"\nset_up = [\"a\\nb\"]", "13: not one command line"),
        ("tear_down =", "forbidden = [\"\"]\ntear_down =", "8: an empty text is in every command"),
        (
            "kind = \"rejected\"",
            "kind = \"no_route\"\nover_counters = true",
            "17: no_route is said beside counters anyway; remove over_counters",
        ),
        ("expect = { up = 1,", "expect = { upp = 1,", "36: expect: a ping has no \"upp\"; it has up, sent, received, "),
        (r#"newline = "\r\n""#, r#"newline = "x""#, "5: a line ends with"),
        ("set paging off", "set paging off\\nreload", "7: not one command line"),
        (
            "\"echo test\"",
            "\"echo tests\"",
            "22: probe command \"echo test options timeout=1\" is not on the read-only list",
        ),
        (
            "kind = \"rejected\"",
            "kind = \"reject\"",
            "17: kind \"reject\" is not for an indicator; write rejected, auth",
        ),
        ("unit = \"100ms\"", "unit = \"100\"", "24: \"100\" is no time; write e.g. \"200ms\" or \"2s\""),
        ("timeout = { unit = \"100ms\", min = 1", "timeout = { unit = \"100ms\", min = 0", "24: a time-out of 0"),
        ("expect = {", "fails = \"reply\"\nexpect = {", "35: a sample has expect or fails"),
        ("name = \"operator\"", "name = \"operator\"\nusable = false", "11: no usable mode"),
        (r"'^\[[\w.-]+\] >\s*$'", r"'\s*$'", "13: the prompt matches an empty line"),
        ("\"print\"", "\"\"", "9: an empty entry would allow every command"),
        (
            r"'^bad command'",
            r"'(?:bad{1,1000}){1,1000}'",
            "16: pattern \"(?:bad{1,1000}){1,1000}\" does not compile: it is too big; write smaller repetitions",
        ),
    ] {
        assert!(ACME.contains(right), "{right}");
        let error = written(dir.path(), &ACME.replacen(right, wrong, 1)).expect_err(wrong);
        assert!(error.contains(says), "{wrong}\n  says   {error}\n  not    {says}");
    }
}

#[test]
fn a_sample_that_reads_otherwise_shows_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let platform = written(dir.path(), &ACME.replace("received = 3, loss = 25", "received = 2, loss = 50")).unwrap();
    let difference = platform.check_samples().remove(0).difference.unwrap();
    assert_eq!(difference, "loss: expected 50, got 25\nreceived: expected 2, got 3");
}

/// The mode that a last line proves, as the shell decides it.
fn proven(platform: &Platform, line: &str) -> Option<String> {
    let mode = platform.dialect.modes.iter().find(|mode| {
        mode.prompt.is_match(line.as_bytes()) && !mode.not_prompt.iter().any(|not| not.is_match(line.as_bytes()))
    })?;
    Some(format!("{}{}", mode.name, if mode.usable { "" } else { " (unusable)" }))
}

#[test]
fn prompts_prove_their_mode() {
    for (name, line, mode) in [
        ("cisco_iosxe", "edge1#", Some("privileged")),
        ("cisco_iosxe", "ZZA0000_17_PRO_CS05-192.0.2.28#", Some("privileged")),
        ("cisco_iosxe", "edge1>", Some("user")),
        ("cisco_iosxe", "edge1(config)#", Some("configuration (unusable)")),
        ("cisco_iosxe", "edge1(config-if)#", Some("configuration (unusable)")),
        ("cisco_iosxe", "Köln-PE1(config)#", Some("configuration (unusable)")),
        ("cisco_iosxe", "edge1-stby#", Some("standby (unusable)")),
        ("cisco_iosxe", "rommon 1 >", Some("rommon (unusable)")),
        ("cisco_iosxe", "Password:", None),
        ("cisco_iosxe", "*** Authorised users only! ***", None),
        ("cisco_iosxe", "", None),
        ("cisco_iosxr", "RP/0/RSP0/CPU0:core1#", Some("exec")),
        ("cisco_iosxr", "RP/0/RP0/CPU0:core1-192.0.2.6#", Some("exec")),
        ("cisco_iosxr", "RP/0/RP0/CPU0:core1(config)#", Some("configuration (unusable)")),
        ("cisco_iosxr", "RP/0/RP0/CPU0:core1(admin)#", Some("admin (unusable)")),
        ("cisco_iosxr", "sysadmin-vm:0_RP0#", Some("admin (unusable)")),
        ("cisco_iosxr", "RP/0/RSP0/CPU0:Jul 30 14:04:59.000 UTC: ifmgr[265]: %LINK-3-UPDOWN: down", None),
        ("cisco_nxos", "leaf1# ", Some("exec")),
        ("cisco_nxos", "leaf1(maint-mode)# ", Some("exec")),
        ("cisco_nxos", "leaf1(config-if)# ", Some("configuration (unusable)")),
        ("huawei_vrp", "<edge1>", Some("user_view")),
        ("huawei_vrp", "HRP_M<edge1>", Some("user_view")),
        ("huawei_vrp", "<~edge1>", Some("user_view")),
        ("huawei_vrp", "[edge1]", Some("system_view (unusable)")),
        ("huawei_vrp", "[*edge1-GigabitEthernet0/0/1]", Some("system_view (unusable)")),
        ("huawei_vrp", "[V200R009C00SPC500]", None),
        ("h3c_comware", "<edge1>", Some("user_view")),
        ("h3c_comware", "RBM_P<edge1>", Some("user_view")),
        ("h3c_comware", "(M)<test-test>", Some("user_view")),
        ("h3c_comware", "(M)[edge1]", Some("system_view (unusable)")),
        ("h3c_comware", "<北京-出口-01>", Some("user_view")),
        ("h3c_comware", "[edge1-GigabitEthernet1/0/1]", Some("system_view (unusable)")),
        ("h3c_comware", "* no decompiling or reverse-engineering shall be allowed.  *", None),
        ("frr", "edge1# ", Some("privileged")),
        ("frr", "edge1(config)# ", Some("configuration (unusable)")),
        ("linux", "monitor@host:~$ ", Some("shell")),
        ("linux", "[root@host ~]# ", Some("shell")),
        ("linux", "$ ", Some("shell")),
        ("linux", "host ~ % ", Some("shell")),
        ("arista_eos", "leaf1#", Some("privileged")),
        ("arista_eos", "leaf1.10:05:33>", Some("user")),
        ("arista_eos", "leaf1(s1)#", Some("privileged")),
        ("arista_eos", "leaf1(config-if-Et1)#", Some("configuration (unusable)")),
        ("arista_eos", "leaf1(s1)(config)#", Some("configuration (unusable)")),
        ("arista_eos", "[admin@leaf1 ~]$ ", Some("shell (unusable)")),
        ("cisco_asa", "fw1> ", Some("user")),
        ("cisco_asa", "fw1/pri/act# ", Some("privileged")),
        ("cisco_asa", "fw1/admin(config)# ", Some("configuration (unusable)")),
        ("cisco_asa", "rommon #0> ", Some("rommon (unusable)")),
        ("fortinet_fortios", "FGT60F # ", Some("exec")),
        ("fortinet_fortios", "FGT60F (root) $ ", Some("exec")),
        ("fortinet_fortios", "fw1(Primary) # ", Some("exec")),
        ("fortinet_fortios", "FGT-BRANCH-OFFI~ # ", Some("exec")),
        ("juniper_junos", "monitor@edge1> ", Some("operational")),
        ("juniper_junos", "monitor@edge1-re0> ", Some("operational")),
        ("juniper_junos", "monitor@edge1# ", Some("configuration (unusable)")),
        ("juniper_junos", "root@vMX1_RE:~ # ", Some("shell (unusable)")),
        ("juniper_junos", "root> ", Some("operational")),
        ("juniper_junos", "oxidized> ", Some("operational")),
        ("juniper_junos", "user@edge1:LS1> ", Some("operational")),
        ("juniper_junos", "root@edge1% ", Some("shell (unusable)")),
        ("juniper_junos", "{master:0}", None),
        ("mikrotik_routeros", "[monitor@edge1] > ", Some("root")),
        ("mikrotik_routeros", "[monitor@edge 1] > ", Some("root")),
        ("mikrotik_routeros", "[monitor@edge1] /ip/address> ", Some("menu (unusable)")),
        ("mikrotik_routeros", "[monitor@edge1] <SAFE> ", Some("safe_mode (unusable)")),
        ("mikrotik_routeros", "new password> ", None),
        ("nokia_sros", "*A:edge1# ", Some("classic")),
        ("nokia_sros", "B:edge1# ", Some("classic")),
        ("nokia_sros", "A:monitor@edge1# ", Some("md_cli")),
        ("nokia_sros", "*A:edge1>config>router# ", Some("configuration (unusable)")),
        ("nokia_sros", "[/]", None),
        ("ruijie_os", "edge1#", Some("privileged")),
        ("ruijie_os", "edge1(config)#", Some("configuration (unusable)")),
        ("vyos", "monitor@edge1:~$ ", Some("operational")),
        ("vyos", "user@fw1> ", Some("operational")),
        ("vyos", "monitor@edge1# ", Some("configuration (unusable)")),
        ("zte_zxros", "MER1#", Some("privileged")),
        ("zte_zxros", "MER1>", Some("user")),
        ("zte_zxros", "MER1(config)#", Some("configuration (unusable)")),
    ] {
        assert_eq!(proven(&platform(name), line).as_deref(), mode, "{name}: {line:?}");
    }
}

#[test]
fn what_stands_above_a_prompt_is_no_answer() {
    for (name, above, answer) in [
        ("juniper_junos", "{master:0}", "{master:0} is up"),
        ("juniper_junos", "{primary:node0}", "64 bytes from 192.0.2.1: icmp_seq=0 ttl=62 time=2.261 ms"),
        ("juniper_junos", "[edit interfaces]", "--- 192.0.2.1 ping statistics ---"),
        ("nokia_sros", "[/]", "---- 192.0.2.1 PING Statistics ----"),
        ("nokia_sros", "(ro)[/]", "[/] and more"),
        ("nokia_sros", "*(ex)[/configure router \"Base\"]", "PING 192.0.2.1 56 data bytes"),
    ] {
        let dialect = platform(name).dialect;
        assert!(dialect.is_above_prompt(above.as_bytes()), "{above}");
        assert!(!dialect.is_above_prompt(answer.as_bytes()), "{answer}");
    }
    for name in PLATFORMS {
        assert!(!platform(name).dialect.is_above_prompt(b""), "{name}");
    }
}

#[test]
fn login_questions_are_answered_with_no_or_end_the_login_and_never_save_or_invent_anything() {
    for (name, text, expected) in [
        (
            "huawei_vrp",
            "Warning: The initial password poses security risks.\nThe password needs to be changed. Change now? [Y/N]:",
            "N\\n",
        ),
        ("huawei_vrp", "Info: There are security risks in the configuration file. Save now? [Y/N]:", "N\\n"),
        ("huawei_vrp", "Please configure the login password (8-128)\nEnter Password:", "auth"),
        ("huawei_vrp", "All user interfaces are used, please try later!", "busy"),
        ("h3c_comware", "Press Y or ENTER to continue, N to exit.", "\\n"),
        ("h3c_comware", "Your password has expired.\nOld password:", "auth"),
        ("h3c_comware", "All user lines are used, please try later!", "busy"),
        ("cisco_iosxr", "This (D)RP Node is not ready or active for login /configuration", "shell"),
        ("cisco_iosxe", "Password required, but none set", "auth"),
        ("linux", "WARNING: Your password has expired.\nYou must change your password now and login again!", "auth"),
        ("fortinet_fortios", "Authorised users only.\n(Press 'a' to accept):", "a"),
        ("fortinet_fortios", "You are forced to change your password. Please input a new password.", "auth"),
        ("mikrotik_routeros", "Do you want to see the software license? [Y/n]: ", "n"),
        ("mikrotik_routeros", "Please press \"Enter\" to continue!", "\\r\\n"),
        ("mikrotik_routeros", "Change your password (Ctrl-C to skip)\n\nnew password> ", "auth"),
        ("ruijie_os", "The password is too simple. Do you want to change the password? [Y/N]:", "n\\n"),
        ("vyos", "There were too many logins for 'monitor'.", "busy"),
        ("nokia_sros", "Maximum number of ssh sessions reached", "busy"),
        ("cisco_asa", "Enter new password: ", "auth"),
    ] {
        let platform = platform(name);
        let dialogue = platform.dialect.dialogues.iter().find(|dialogue| dialogue.when.is_match(text.as_bytes()));
        let then = match &dialogue.unwrap_or_else(|| panic!("{name}: {text:?} is no dialogue")).then {
            Then::Answer(keys) => String::from_utf8_lossy(keys).escape_default().to_string(),
            Then::Fail(kind, reason) => {
                assert!(!reason.is_empty());
                kind.name().to_owned()
            }
        };
        assert_eq!(then, expected, "{name}: {text:?}");
    }
}

#[test]
fn ordinary_greetings_start_no_dialogue() {
    for name in PLATFORMS {
        for text in [
            "Info: The max number of VTY users is 20, the number of current VTY users online is 1, and total number of terminal users online is 1.\n\
             The current login time is 2024-06-29 12:56:14+05:30.\nThe last login time is 2024-06-28 from 192.0.2.9 through SSH.\n<edge1>",
            "******\n* Copyright (c) 2004-2024 New H3C Technologies Co., Ltd. All rights reserved.*\n* Without the owner's prior written consent, *\n******\n<edge1>",
            "Last login: Tue Mar  3 10:17:58 2026 from 192.0.2.9\nmonitor@host:~$ ",
            "Authorised users only. All sessions are logged.\nedge1#",
            "User Access Verification\n\nPassword: \nedge1>",
            "% Can't open configuration file /etc/frr/vtysh.conf due to 'Permission denied'.\nHello, this is FRRouting (version 8.4.4).\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\n\nedge1# ",
        ] {
            let platform = platform(name);
            let started = platform.dialect.dialogues.iter().find(|dialogue| dialogue.when.is_match(text.as_bytes()));
            assert!(started.is_none(), "{name}: {started:?} by {text:?}");
        }
    }
}

#[test]
fn enable_secrets_that_are_refused_are_recognised() {
    let ios = platform("cisco_iosxe");
    let enable = ios.dialect.changes.iter().find_map(|change| change.question.as_ref()).unwrap();
    assert!(enable.password.is_match(b"Password: "));
    for text in
        ["% Access denied", "% Bad secrets", "% Error in authentication.", "% No password set", "% Bad passwords"]
    {
        assert!(enable.refused.iter().any(|refused| refused.is_match(text.as_bytes())), "{text}");
    }
    assert!(!enable.refused.iter().any(|refused| refused.is_match(b"edge1#")));
}

#[test]
fn pager_marks_are_known() {
    for (name, mark) in [
        ("cisco_iosxe", " --More-- "),
        ("cisco_iosxr", " --More-- "),
        ("cisco_nxos", "--More--"),
        ("huawei_vrp", "  ---- More ----"),
        ("h3c_comware", "---- More ----"),
        ("frr", "--More--"),
        ("arista_eos", " --More-- "),
        ("cisco_asa", "<--- More --->"),
        ("fortinet_fortios", "--More-- "),
        ("juniper_junos", "---(more)---"),
        ("juniper_junos", "---(more 42%)---"),
        ("nokia_sros", "Press any key to continue (Q to quit)"),
        ("ruijie_os", " --More-- "),
        ("zte_zxros", "--More--"),
    ] {
        let platform = platform(name);
        assert!(platform.dialect.pager.iter().any(|pager| pager.mark.is_match(mark.as_bytes())), "{name}");
    }
}

/// The same router shows its interfaces, in yet another form.
const ACME_INTERFACE: &str = r##"
[probe.interface]
command = "print port {interface}"
name = { max = 8, digit = false, slash = false, exact = true }
description = ['^note: (?P<text>[^\n]*)$']
header = ['^port (?P<name>\S+):$']
end = ['^-- history']
admin = [{ down = '^shut$' }, { up = '^open$' }]
oper = [{ up = '^light on$', unless = '^remote fault$' }, { down = '^light' }]
in_errors = [{ from = '^in:$', to = '^out:$', line = '^bad (?P<number>\d+)$' }]
out_errors = [{ from = '^out:$', line = '^bad (?P<number>\d+)$' }]
crc = [{ head = '^damage: (?P<columns>[^\n]*)$', column = "checksum" }]
in_rate = [{ line = '^takes (?P<byte>[\d.]+) B/s$' }]
bandwidth = [{ line = '^line (?:(?P<gbit>\d+)G|(?P<mbit>\d+)M)$' }]
last_change = ['^changed (?P<at>\S+ \S+)$', '^changed (?P<ago>[^\n]+) ago$']
now = '^clock (?P<at>\S+ \S+)$'

[[probe.interface.failure_indicator]]
pattern = '^no port'
kind = "rejected"
says = "there is no such port"

[[sample]]
name = "a port"
probe = "interface"
interface = "wan1"
text = """
port wan1:
note: shut, light off
open
light on
clock 2024-03-01 00:00:10
changed 2024-02-29 23:59:50
line 2G
takes 12.5 B/s
in:
bad 3
out:
bad 4
damage: length checksum
5 6
-- history
bad 9
"""
expect = { name = "wan1", admin = 1, oper = 1, description = "shut, light off", in_errors = 3, out_errors = 4, crc = 6, in_rate = 100, bandwidth = 2000000000, last_change = 20 }
"##;

fn acme_with_interface() -> String {
    let (before, behind) = ACME.split_once("[[sample]]").unwrap();
    let (probe, sample) = ACME_INTERFACE.split_once("[[sample]]").unwrap();
    format!("{before}{probe}[[sample]]{behind}\n[[sample]]{sample}")
}

#[test]
fn a_users_file_shows_interfaces_without_a_line_of_rust() {
    let dir = tempfile::tempdir().unwrap();
    let platform = written(dir.path(), &acme_with_interface()).unwrap();
    let samples = platform.check_samples();
    assert_eq!((samples.len(), samples.iter().find_map(|sample| sample.difference.clone())), (2, None));
    let name = |text: &str| Probe::Interface { name: Name::try_from(text.to_owned()).unwrap() };
    let run = platform.run(&name("wan1"), "operator").unwrap();
    assert_eq!((run.command.as_str(), run.before.len()), ("print port wan1", 0));
    let text = "port wan1:\nopen\nlight on\nremote fault\n";
    let Measurement::Interface(found) = platform.read(&name("wan1"), &run, text, Ending::Complete).unwrap() else {
        panic!()
    };
    assert_eq!((found.admin, found.oper, found.in_errors), (Some(1), Some(0), None));
    // Of another port, and nothing at all: perhaps the answer to something else.
    assert!(platform.read(&name("wan2"), &run, text, Ending::Complete).unwrap_err().not_ours);
    assert!(platform.read(&name("wan1"), &run, "", Ending::Complete).unwrap_err().not_ours);
    let refused = platform.read(&name("wan1"), &run, "no port wan1", Ending::Complete).unwrap_err();
    assert_eq!((refused.failure.kind, refused.not_ours), (Kind::Rejected, false));
    let after = std::time::Duration::from_millis(700);
    let late = platform.read(&name("wan1"), &run, text, Ending::Aborted { after, planned: false }).unwrap_err();
    assert_eq!(late.failure.kind, Kind::Deadline);
    for (asked, says) in [("wan1/2", "without /"), ("wan123456", "1 to 8 characters"), ("a@b", "no @")] {
        let failure = platform.check(&name(asked)).unwrap_err();
        assert!(failure.kind == Kind::Settings && failure.message.contains(says), "{failure}");
    }
}

#[test]
fn a_mistake_in_an_interface_probe_is_shown_with_what_to_write_instead() {
    let dir = tempfile::tempdir().unwrap();
    let right_file = acme_with_interface();
    for (right, wrong, says) in [
        ("print port {interface}", "print port", "the command has no interface; write {interface}"),
        ("print port {interface}", "print port {interface} [{x}]", "one slot; write {interface} once"),
        ("print port {interface}", "print port {interface}\\nreload", "printable ASCII on one line"),
        (
            "print port {interface}",
            "reset port {interface}",
            "probe command \"reset port Ethernet0\" is not on the read-only list",
        ),
        (r"(?P<name>\S+)", r"(\S+)", "names no capture \"name\"; write (?P<name>…)"),
        (r"header = ['^port (?P<name>\S+):$']", "header = []", "no header; write"),
        ("admin = [{ down = '^shut$' }, { up = '^open$' }]", "admin = []", "no rule; write [{ up = '…' }"),
        ("{ down = '^shut$' }", "{ down = '^shut$', up = 'x' }", "a state is up or down; write { up"),
        ("{ down = '^shut$' }", "{ dwn = '^shut$' }", "unknown field `dwn`, expected one of `up`, `down`, `unless`"),
        (
            r"to = '^out:$', line = '^bad (?P<number>",
            r"to = '^out:$', line = '^bad (?P<bit>",
            "capture \"bit\" is not known here; known here: (?P<number>…)",
        ),
        (r"(?P<byte>[\d.]+)", r"[\d.]+", "the line names no number; write one of (?P<bit>…), (?P<kbit>…)"),
        ("from = '^in:$', to = '^out:$',", "to = '^out:$',", "a part needs its begin; write from = '…' as well"),
        ("column = \"checksum\"", "", "a value is a line, from and to around it or not, or a column"),
        (r"(?P<columns>[^\n]*)", r"[^\n]*", "names no capture \"columns\""),
        (r"(?P<ago>[^\n]+) ago", "ago", "write (?P<ago>…) around a duration"),
        ("name = { max = 8,", "name = { maximum = 8,", "unknown field `maximum`"),
        ("'^light on$'", "'^light (on$'", "does not compile: unclosed group"),
        (
            "interface = \"wan1\"",
            "target = \"192.0.2.1\"",
            "target is for a ping or a traceroute, interface for probe = \"interface\"",
        ),
        ("probe = \"interface\"", "", "expect: a ping has no \"admin\"; it has up, sent"),
        ("expect = { name =", "expect = { nam =", "expect: an interface has no \"nam\"; it has name, admin"),
        (
            "probe = \"interface\"",
            "probe = \"interfaces\"",
            "unknown variant `interfaces`, expected one of `interface`, `ping`, `traceroute`",
        ),
        (
            "[probe.interface]",
            "[probe.interface]\nmodes = [\"root\"]",
            "mode \"root\" is not defined; defined are operator",
        ),
    ] {
        assert!(right_file.contains(right), "{right}");
        let error = written(dir.path(), &right_file.replacen(right, wrong, 1)).expect_err(wrong);
        assert!(error.contains(says), "{wrong}\n  says   {error}\n  not    {says}");
    }
}

/// And it traces, with words for each mode.
const ACME_TRACEROUTE: &str = r##"
[probe.traceroute]
command = "echo path to={target} hops=9[ table={vrf}]"
header = ['^path to (?P<target>\S+)']
hop = ['^(?P<hop>\d+): (?P<replies>.+)$']
time = ' (?P<time>\d+)us'
time_unit = "1us"
noise = ['^-- half way']

[[sample]]
name = "a path"
probe = "traceroute"
target = "192.0.2.1"
text = """
path to 192.0.2.1
1: 192.0.2.9 120us
-- half way
2: 192.0.2.1 340us
"""
expect = { reached = 1, hops = [{ hop = 1, address = "192.0.2.9", rtt = 0.00012 }, { hop = 2, address = "192.0.2.1", rtt = 0.00034 }] }
"##;

#[test]
fn a_mistake_in_a_traceroute_probe_is_shown_with_what_to_write_instead() {
    let dir = tempfile::tempdir().unwrap();
    let right_file = ACME.replace("\"echo test\"]", "\"echo test\", \"echo path\"]") + ACME_TRACEROUTE;
    let platform = written(dir.path(), &right_file).unwrap();
    assert!(platform.check_samples().iter().all(|result| result.difference.is_none()));
    for (right, wrong, says) in [
        ("hops=9", "hops={count}", "{count} is of a ping; write the bounds of a traceroute as plain text"),
        ("to={target}", "to=it", "the command has no target; write {target}"),
        ("hops=9", "hops={hops}", "slot {hops} is not known; known are {target}"),
        ("hops=9", "hops=9\\u0007", "a command may not contain '\\u{7}'"),
        (
            "echo path to",
            "reset path to",
            "probe command \"reset path to=192.0.2.1 hops=9\" is not on the read-only list",
        ),
        (
            "hops=9[ table={vrf}]",
            "hops=9[; reset {vrf}]",
            "probe command \"echo path to=192.0.2.1 hops=9; reset name1\" contains ';'",
        ),
        ("hops=9", "hops=9\"\ncommand_ipv6 = \"reset {target}", "probe command \"reset 192.0.2.1\" is not"),
        (
            "hop = ['^(?P<hop>",
            "hop = ['^(?P<hopp>",
            "capture \"hopp\" is not known here; known here: (?P<hop>…), (?P<replies>…)",
        ),
        ("hop = ['^(?P<hop>\\d+)", "hop = ['^\\d+", "no line names a hop; write"),
        ("(?P<replies>.+)", ".+", "names no capture \"replies\"; write (?P<replies>…)"),
        ("header = ['^path to (?P<target>\\S+)']", "header = []", "no header; write"),
        ("time = ' (?P<time>\\d+)us'\n", "", "hop, time and time_unit go together; write all three, or none"),
        ("(?P<time>\\d+)", "\\d+", "names no capture \"time\"; write (?P<time>…)"),
        (
            "time = ' (?P<time>\\d+)us'\ntime_unit = \"1us\"",
            "time = ' (?P<time>\\d+)us'\ntime_unit = \"0us\"",
            "a unit of 0; write",
        ),
        ("-- half way']", "(half way']", "does not compile: unclosed group"),
        ("noise =", "modes = []\nnoise =", "no mode takes this command; name one of operator"),
        ("noise =", "modes = [\"root\"]\nnoise =", "mode \"root\" is not defined; defined are operator"),
        ("noise =", "max_hops = 9\nnoise =", "unknown field `max_hops`, expected one of `modes`, `command`"),
        ("expect = { reached", "expect = { reachd", "expect: a traceroute has no \"reachd\"; it has reached, hops"),
    ] {
        assert!(right_file.contains(right), "{right}");
        let error = written(dir.path(), &right_file.replacen(right, wrong, 1)).expect_err(wrong);
        assert!(error.contains(says), "{wrong}\n  says   {error}\n  not    {says}");
    }
}
