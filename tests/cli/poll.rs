//! `poll` against simulated routers: the right number, in time, and one clear line for every mistake.

use crate::support::monitor::Monitor;
use crate::support::sim::{Sim, SimRouter};
use crate::support::wait::{self, at_once};
use serde_json::{Value, json};

const UP: &str = "192.0.2.10";
const DEAD: &str = "192.0.2.66";

fn router(persona: &str) -> SimRouter {
    SimRouter::new(persona).with("dead", vec![DEAD])
}

fn address(sim: &Sim) -> String {
    sim.address("r1").to_string()
}

#[test]
fn a_poll_of_every_core_platform_gives_the_routers_own_counters() {
    for persona in ["cisco_iosxe", "cisco_iosxr", "cisco_nxos", "huawei_vrp", "h3c_comware", "linux"] {
        let sim = router(persona).with("lose", vec![2]).with("rtt", vec!["2ms", "4ms"]).with("syslog", true).start();
        let monitor = Monitor::new();
        let answer = monitor.poll(&address(&sim), persona, UP, &["--line", "L-1", "--timeout", "1s"]).json();
        assert_eq!(answer["line"], "L-1", "{persona}");
        assert_eq!(answer["state"], 0, "{persona}: {answer}");
        assert_eq!(answer["session"], "opened", "{persona}");
        let ping = &answer["ping"];
        assert_eq!(
            (&ping["sent"], &ping["received"], &ping["loss"]),
            (&json!(5), &json!(4), &json!(20.0)),
            "{persona}"
        );
        assert_eq!((&ping["up"], &ping["complete"]), (&json!(1), &json!(true)), "{persona}");
        assert!(ping["rtt_max"].as_f64().is_some_and(|s| (0.0..0.1).contains(&s)), "{persona}: {ping}");
        let again = monitor.poll(&address(&sim), persona, UP, &["--timeout", "1s"]).json();
        assert_eq!(again["session"], "reused", "{persona}");
        assert_eq!(again["ping"]["received"], 4, "{persona}");
        assert_eq!(sim.count("login"), 1, "{persona}");
    }
}

#[test]
fn frr_whose_ping_never_ends_is_aborted_and_its_counters_are_complete() {
    let sim = router("frr").start();
    let monitor = Monitor::new();
    let answer = monitor.poll(&address(&sim), "frr", UP, &["--count", "1", "--timeout", "1s"]).json();
    assert_eq!((&answer["state"], &answer["ping"]["up"]), (&json!(0), &json!(1)), "{answer}");
    assert_eq!(answer["ping"]["loss"], 0.0, "{answer}");
    assert_eq!(answer["ping"]["complete"], true, "{answer}");
}

/// Until its last ping is done.
fn idle(monitor: &Monitor) {
    wait::until("a master with nothing to do", || {
        let lanes = monitor.status()[0]["lanes"].as_array()?.clone();
        lanes.iter().all(|lane| lane["state"] == "idle").then_some(())
    });
}

#[test]
fn whole_ping_of_a_dead_line_is_the_next_polls_answer() {
    let personas = ["cisco_iosxe", "cisco_iosxr", "cisco_nxos", "huawei_vrp", "h3c_comware", "frr", "linux"];
    at_once(&personas, dead_line);
}

fn dead_line(persona: &str) {
    let sim = router(persona).start();
    let monitor = Monitor::with("master.lanes = 1");
    // A cold one may be short of time; from then on every one is warm.
    monitor.poll(&address(&sim), persona, UP, &["--count", "1", "--deadline", "20s"]);
    let pings = || sim.commands().iter().filter(|line| line.contains(DEAD)).count();
    let dead = || monitor.poll(&address(&sim), persona, DEAD, &["--count", "3", "--deadline", "500ms"]).json();
    let answer = dead();
    assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("deadline"), None), "{persona}: {answer}");
    let message = answer["failure"]["message"].as_str().unwrap();
    assert!(message.contains("it goes on in the background"), "{persona}: {message}");
    idle(&monitor);
    assert_eq!(pings(), 1, "{persona}: it was the same ping that went on");
    let answer = dead();
    let ping = &answer["ping"];
    assert_eq!((&ping["up"], &ping["loss"], &ping["complete"]), (&json!(0), &json!(100.0), &json!(true)), "{answer}");
    assert_eq!(ping["received"], 0, "{persona}: {answer}");
    assert!(answer["age"].as_f64().is_some_and(|age| age > 1.0), "{persona}: {answer}");
    assert_eq!((&answer["session"], ping.get("rtt_avg")), (&json!("reused"), None), "{persona}: {answer}");
    // A ping of the dead line runs again; it gives way where there is one lane only, and the session is as good as before.
    let answer = monitor.poll(&address(&sim), persona, UP, &["--count", "1", "--deadline", "20s"]).json();
    assert_eq!((&answer["ping"]["up"], &answer["session"]), (&json!(1), &json!("reused")), "{persona}: {answer}");
    idle(&monitor);
    assert_eq!((pings(), sim.count("login")), (3, 1), "{persona}: what was stopped was run once more");
    assert_eq!(dead()["ping"]["loss"], 100.0, "{persona}");
}

#[test]
fn line_that_loses_its_first_packets_is_never_down() {
    let sim = SimRouter::new("cisco_iosxe").with("lose", vec![1, 2, 3]).start();
    let monitor = Monitor::new();
    monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--count", "4", "--deadline", "20s"]);
    let poll = |deadline| monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--deadline", deadline]).json();
    let answer = poll("2.5s");
    assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("deadline"), None), "{answer}");
    idle(&monitor);
    for (deadline, age) in [("2.5s", 3.0), ("20s", 0.0)] {
        let answer = poll(deadline);
        let ping = &answer["ping"];
        assert_eq!((&ping["up"], &ping["sent"], &ping["loss"]), (&json!(1), &json!(5), &json!(60.0)), "{answer}");
        assert!(answer["age"].as_f64().is_some_and(|seconds| seconds >= age), "{answer}");
        idle(&monitor);
    }
}

#[test]
fn reply_in_time_is_up_and_the_loss_comes_with_the_next_poll() {
    for persona in ["cisco_iosxe", "huawei_vrp", "linux"] {
        let sim = SimRouter::new(persona).with("lose", vec![3, 4, 5]).start();
        let monitor = Monitor::new();
        monitor.poll(&address(&sim), persona, UP, &["--count", "1", "--deadline", "20s"]);
        let poll = || monitor.poll(&address(&sim), persona, UP, &["--deadline", "800ms", "--timeout", "2s"]).json();
        let answer = poll();
        assert_eq!(answer["ping"], json!({ "up": 1, "complete": false }), "{persona}: {answer}");
        idle(&monitor);
        let answer = poll();
        assert_eq!(
            (&answer["ping"]["loss"], &answer["ping"]["sent"]),
            (&json!(60.0), &json!(5)),
            "{persona}: {answer}"
        );
    }
}

#[test]
fn second_poll_waits_for_the_ping_that_goes_on() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--count", "1", "--deadline", "20s"]);
    let poll = |deadline| monitor.poll(&address(&sim), "cisco_iosxe", DEAD, &["--deadline", deadline]).json();
    assert_eq!(poll("500ms")["failure"]["kind"], "deadline");
    assert_eq!(poll("300ms")["failure"]["kind"], "deadline");
    assert_eq!(poll("20s")["ping"]["loss"], 100.0);
    assert_eq!(sim.commands().iter().filter(|line| line.contains(DEAD)).count(), 1);
}

/// A router that asks its login server for every command begins late: the time of a packet begins with its first byte.
#[test]
fn router_that_begins_late_costs_no_packet_its_time() {
    let sim = SimRouter::new("cisco_iosxe").with("answer_delay", "2250ms").with("rtt", vec!["200ms"]).start();
    let monitor = Monitor::new();
    let poll = || monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--timeout", "2s", "--deadline", "2.5s"]).json();
    for _ in 0..3 {
        let answer = poll();
        assert_ne!(answer["ping"]["up"], 0, "{answer}");
        idle(&monitor);
    }
    assert_eq!(poll()["ping"]["loss"], 0.0);
    // One that runs until it is stopped has its whole time.
    let sim = SimRouter::new("frr").with("answer_delay", "2s").start();
    let monitor = Monitor::new();
    let answer = monitor.poll(&address(&sim), "frr", UP, &["--count", "2", "--deadline", "30s"]).json();
    let ping = &answer["ping"];
    assert_eq!((&ping["loss"], &ping["complete"]), (&json!(0.0), &json!(true)), "{answer}");
    assert!(ping["received"].as_u64().is_some_and(|received| received >= 2), "{answer}");
}

/// The command before does not stop: the prompt that the ping needs does not come back in time.
#[test]
fn prompt_that_does_not_come_back_is_a_deadline_of_the_poll() {
    let sim = router("cisco_iosxe").with("interface_hangs", vec!["Gi0/1"]).with("ignore_abort", true).start();
    let monitor = Monitor::new();
    monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--count", "1", "--deadline", "20s"]);
    let answer =
        monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--interface", "Gi0/1", "--deadline", "2.5s"]).json();
    assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(8), &json!("deadline")), "{answer}");
}

#[test]
fn no_route_is_an_answer_and_an_unknown_source_is_none() {
    let sim = SimRouter::new("cisco_nxos").with("no_route", vec!["192.0.2.77"]).with("source", vec!["Lo0"]).start();
    let monitor = Monitor::new();
    let answer = monitor
        .poll(&address(&sim), "cisco_nxos", "192.0.2.77", &["--count", "1", "--timeout", "1s", "--deadline", "9s"])
        .json();
    assert_eq!(
        (&answer["state"], &answer["ping"]["up"], &answer["ping"]["loss"]),
        (&json!(0), &json!(0), &json!(100.0))
    );
    assert_eq!(answer["ping"]["reason"], "no_route", "{answer}");
    let answer = monitor.poll(&address(&sim), "cisco_nxos", UP, &["--source", "192.0.2.99"]).json();
    assert_eq!((&answer["state"], &answer["failure"]["kind"]), (&json!(7), &json!("rejected")), "{answer}");
    assert_eq!(answer.get("ping"), None);
}

#[test]
fn a_router_that_is_out_of_reach_never_makes_a_line_look_down() {
    let monitor = Monitor::new();
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").to_string();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("its address").to_string();
    let hangs = SimRouter::new("cisco_iosxe").with("silence", "connect").start();
    for (router, kinds) in
        [(closed, &["connect"][..]), (silent, &["connect", "deadline"]), (address(&hangs), &["connect", "deadline"])]
    {
        let ran = monitor.poll(&router, "cisco_iosxe", UP, &["--deadline", "5s"]);
        let answer = ran.json();
        assert!(kinds.contains(&answer["failure"]["kind"].as_str().unwrap_or("")), "{answer}");
        assert_eq!(answer.get("ping"), None, "{answer}");
        assert_eq!(ran.code, Some(0));
    }
}

#[test]
fn a_router_out_of_reach_is_held_down_briefly_so_that_polls_answer_at_once() {
    let monitor = Monitor::new();
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").to_string();
    assert_eq!(monitor.poll(&closed, "cisco_iosxe", UP, &[]).kind(), "connect");
    let answer = monitor.poll(&closed, "cisco_iosxe", UP, &[]).json();
    assert_eq!(answer["failure"]["kind"], "connect", "{answer}");
    assert!(answer["failure"]["retry_in"].as_f64().is_some_and(|s| s > 0.0 && s <= 10.0), "{answer}");
}

#[test]
fn a_wrong_password_polled_a_hundred_times_is_one_attempt() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    let polls: Vec<_> = (0..100)
        .map(|_| monitor.start_poll(&address(&sim), "cisco_iosxe", UP, &["--password", "secret:bad"]))
        .collect();
    for poll in polls {
        let answer = poll.wait().json();
        assert_eq!((&answer["state"], answer.get("ping")), (&json!(3), None), "{answer}");
    }
    assert_eq!(sim.count("refused"), 1);
    // Another credential on the same router is not held.
    assert_eq!(monitor.poll(&address(&sim), "cisco_iosxe", UP, &[]).kind(), "measured");
    // A person can have it tried again.
    let stopped = monitor.run(&["stop", "--router", &address(&sim), "--forget"]).json();
    assert_eq!(stopped["forgotten"], json!([address(&sim)]));
    assert_eq!(monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--password", "secret:bad"]).kind(), "auth");
    assert_eq!(sim.count("refused"), 2);
}

#[test]
fn a_changed_password_meets_a_new_master_and_never_rides_on_the_old_session() {
    let sim = SimRouter::new("cisco_iosxe").user("ddl", "new-password").start();
    let monitor = Monitor::new();
    assert_eq!(monitor.poll(&address(&sim), "cisco_iosxe", UP, &[]).kind(), "auth");
    monitor.write_credentials("[good]\nuser = \"ddl\"\npassword = \"new-password\"\n");
    assert_eq!(monitor.poll(&address(&sim), "cisco_iosxe", UP, &[]).kind(), "measured");
    monitor.write_credentials("[good]\nuser = \"ddl\"\npassword = \"wrong again\"\n");
    assert_eq!(monitor.poll(&address(&sim), "cisco_iosxe", UP, &[]).kind(), "auth");
}

#[test]
fn two_users_of_one_router_have_a_master_each() {
    let sim = SimRouter::new("cisco_iosxe").with("user", vec!["ddl:ddl", "noc:noc"]).start();
    let monitor = Monitor::new();
    monitor
        .write_credentials("[good]\nuser = \"ddl\"\npassword = \"ddl\"\n[noc]\nuser = \"noc\"\npassword = \"noc\"\n");
    monitor.poll(&address(&sim), "cisco_iosxe", UP, &[]).json();
    monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--password", "secret:noc"]).json();
    assert_eq!(monitor.pids().len(), 2);
    assert_eq!(sim.count("login"), 2);
}

#[test]
fn an_answer_for_another_target_is_asked_again_and_never_believed() {
    let once = router("cisco_iosxe").with("wrong_header", "once").start();
    let monitor = Monitor::new();
    let answer = monitor.poll(&address(&once), "cisco_iosxe", UP, &[]).json();
    assert_eq!((&answer["state"], &answer["ping"]["received"]), (&json!(0), &json!(5)), "{answer}");
    let always = router("cisco_iosxe").with("wrong_header", "always").start();
    let answer = monitor.poll(&address(&always), "cisco_iosxe", UP, &[]).json();
    assert_eq!((&answer["failure"]["kind"], answer.get("ping")), (&json!("reply"), None), "{answer}");
}

#[test]
fn an_enable_secret_opens_the_way_to_options_and_without_one_the_plain_form_is_used() {
    let sim = SimRouter::new("cisco_iosxe").with("enable_secret", "top").start();
    let monitor = Monitor::new();
    monitor.write_credentials(
        "[plain]\nuser = \"ddl\"\npassword = \"ddl\"\n[good]\nuser = \"ddl\"\npassword = \"ddl\"\nenable_password = \"top\"\n\
         [wrong]\nuser = \"ddl\"\npassword = \"ddl\"\nenable_password = \"bottom\"\n",
    );
    let answer = monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--count", "3"]).json();
    assert_eq!((&answer["ping"]["sent"], answer["ping"].get("plain")), (&json!(3), None), "{answer}");
    let answer =
        monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--count", "3", "--password", "secret:plain"]).json();
    assert_eq!((&answer["ping"]["sent"], &answer["ping"]["plain"]), (&json!(5), &json!(true)), "{answer}");
    let answer = monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--password", "secret:wrong"]).json();
    assert_eq!(
        (&answer["failure"]["kind"], &answer["failure"]["stage"]),
        (&json!("auth"), &json!("enable")),
        "{answer}"
    );
}

#[test]
fn a_young_result_is_served_again_without_asking_the_router() {
    let sim = router("linux").start();
    let monitor = Monitor::new();
    let poll = |more: &[&str]| monitor.poll(&address(&sim), "linux", UP, &[&["--count", "1"], more].concat()).json();
    let first = poll(&[]);
    let cached = poll(&["--max-age", "1m"]);
    assert_eq!((&cached["session"], &cached["time"]), (&json!("cached"), &first["time"]), "{cached}");
    assert!(cached["age"].as_f64().is_some_and(|age| age >= 0.0), "{cached}");
    assert_eq!(poll(&["--max-age", "0"])["session"], "reused");
    assert_eq!(sim.commands().iter().filter(|line| line.contains("ping")).count(), 2);
}

#[test]
fn one_value_is_printed_bare_and_a_missing_one_says_why() {
    let sim = router("cisco_iosxe").with("lose", vec![1]).start();
    let monitor = Monitor::new();
    let item = |target, path| monitor.poll(&address(&sim), "cisco_iosxe", target, &["--timeout", "1s", "--item", path]);
    let loss = item(UP, "ping.loss");
    assert_eq!((loss.stdout.as_str(), loss.code), ("20.0\n", Some(0)));
    assert_eq!(item(UP, "session").stdout, "reused\n");
    let none = item(UP, "ping.nothing");
    assert_eq!((none.stdout.matches('\n').count(), none.code), (1, Some(1)), "{}", none.stdout);
    let dead = item(DEAD, "ping.rtt_avg");
    assert_eq!(dead.code, Some(1), "{}", dead.stdout);
    let refused = monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--password", "secret:bad", "--item", "ping.loss"]);
    assert!(refused.stdout.starts_with("auth: ") && refused.code == Some(1), "{}", refused.stdout);
}

#[test]
fn every_mistake_in_an_argument_is_a_settings_document_that_names_it() {
    let sim = router("cisco_iosxe").start();
    let at = address(&sim);
    let monitor = Monitor::new();
    let long = "x".repeat(64 << 10);
    let cases: &[(&[&str], &str)] = &[
        (&["--target", "{$LINE_TARGET}"], "{$LINE_TARGET}"),
        (&["--target", "10.0.0.1\nreload"], "--target"),
        (&["--target", "10.0.0.1;reload"], "--target"),
        (&["--target", "$(reload)"], "--target"),
        (&["--target", "::1|x"], "--target"),
        (&["--target", "224.0.0.5"], "--target"),
        (&["--target", &long], "--target"),
        (&["--target", "10.0.0.1", "--vrf", "A\nreload"], "--vrf"),
        (&["--target", "10.0.0.1", "--source", "Gi0/0 ; reload"], "--source"),
        (&["--target", "10.0.0.1", "--count", "0"], "--count"),
        (&["--target", "10.0.0.1", "--timeout", "-1"], "--timeout"),
        (&["--target", "10.0.0.1", "--timeout", "2h"], "--timeout"),
        (&["--target", "10.0.0.1", "--size", "1"], "--size"),
        (&["--target", "10.0.0.1", "--vrf", "{$LINE_VRF}"], "{$LINE_VRF}"),
        (&["--target", ""], "--target"),
    ];
    for (arguments, named) in cases {
        let ran = monitor.run(
            &[&["poll", "--router", &at, "--platform", "cisco_iosxe", "--password", "secret:good"], *arguments]
                .concat(),
        );
        let answer = ran.json();
        assert_eq!((&answer["state"], ran.code), (&json!(1), Some(0)), "{arguments:?}");
        let message = answer["failure"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(named) && message.len() < 500, "{message}");
        assert_eq!(answer.get("ping"), None);
        assert_eq!(ran.stderr, "");
    }
    for (arguments, named) in [
        (
            ["--platform", "cisco", "--password", "secret:good", "--router", at.as_str()],
            "{$LINE_ROUTER_PLATFORM}): platform cisco is",
        ),
        (["--platform", "cisco_iosxe", "--password", "secret:nobody", "--router", at.as_str()], "nobody"),
        (["--platform", "cisco_iosxe", "--password", "secret:good", "--router", "-oProxyCommand=x"], "--router"),
        (["--platform", "cisco_iosxe", "--password", "", "--router", at.as_str()], "--password"),
        (["--platform", "", "--password", "secret:good", "--router", at.as_str()], "--platform"),
        (
            ["--platform", "cisco_iosxe", "--password", "{$LINE_ROUTER_PASSWORD}", "--router", at.as_str()],
            "{$LINE_ROUTER_PASSWORD}",
        ),
    ] {
        let ran = monitor.run(&[&["poll", "--target", UP], &arguments[..]].concat());
        let answer = ran.json();
        assert_eq!(answer["state"], 1, "{answer}");
        assert!(answer["failure"]["message"].as_str().unwrap_or_default().contains(named), "{answer}");
    }
    // Nothing of all this reached the router but, perhaps, a login for a range that only the platform knows.
    assert!(
        sim.commands().iter().all(|line| !line.contains("reload") && !line.starts_with("ping")),
        "{:?}",
        sim.commands()
    );
}

#[test]
fn arguments_may_be_kept_from_naming_commands() {
    let monitor = Monitor::with("secrets.allow_commands = false");
    let ran_file = monitor.path("ran");
    let command = format!("exec:touch {}", ran_file.display());
    let proxy = format!("touch {}", ran_file.display());
    for (more, name) in [
        (["--password", &command], "--password ({$LINE_ROUTER_PASSWORD})"),
        (["--enable-password", &command], "--enable-password ({$LINE_ROUTER_ENABLE_PASSWORD})"),
        (["--passphrase", &command], "--passphrase ({$LINE_ROUTER_PASSPHRASE})"),
        (["--proxy-command", &proxy], "--proxy-command"),
    ] {
        let answer = monitor.run(&[&["poll", "--target", UP, "--router", "127.0.0.1:1"][..], &more].concat()).json();
        let message = answer["failure"]["message"].as_str().expect("a message");
        assert!(answer["state"] == 1 && message.starts_with(name), "{answer}");
        assert!(message.contains("secrets.allow_commands = false"), "{answer}");
    }
    assert!(!ran_file.exists());
}

#[test]
fn an_unresolved_macro_is_refused_by_name_in_every_argument_and_leaves_nothing_behind() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    for flag in ["--proxy-command", "--host-keys", "--crypto", "--config", "--state-dir"] {
        let answer = monitor.poll(&address(&sim), "cisco_iosxe", UP, &[flag, "{$LINE_X}"]).json();
        let message = answer["failure"]["message"].as_str().unwrap_or_default();
        assert_eq!(message, format!("{flag}: macro {{$LINE_X}} has no value; set it on the host or its template"));
        assert!(!std::path::Path::new("{$LINE_X}").exists(), "{flag}");
    }
    let ran = monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--item", "{$LINE_X}"]);
    assert!(ran.stdout.starts_with("settings: --item: macro {$LINE_X} has no value"), "{}", ran.stdout);
    assert_eq!((ran.code, sim.count("connect")), (Some(1), 0));
}

#[test]
fn an_empty_argument_is_none_in_every_place() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    let empty = ["--item", "", "--config", "", "--state-dir", "", "--crypto", "", "--proxy-command", "", "--vrf", ""];
    let answer = monitor.poll(&address(&sim), "cisco_iosxe", UP, &empty).json();
    assert_eq!(answer["ping"]["received"], 5, "{answer}");
}

#[test]
fn what_clap_refuses_is_usage_on_stderr_and_exit_2() {
    let monitor = Monitor::new();
    for arguments in [&["poll", "--nonsense"][..], &["poll", "--target"], &["nothing"], &["stop"]] {
        let ran = monitor.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.contains("--help"), "{}", ran.stderr);
    }
}

#[test]
fn in_text_form_a_mistake_is_one_line_on_stderr_and_exit_1() {
    let ran = Monitor::new().poll("192.0.2.1", "cisco_iosxe", "nonsense", &["--format", "text"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.matches('\n').count()), (Some(1), "", 1), "{}", ran.stderr);
}

#[test]
fn the_secret_appears_nowhere() {
    let sim = router("cisco_iosxe").with("enable_secret", "canary-enable-5120").start();
    let monitor = Monitor::with("log.level = \"trace\"");
    monitor.write_credentials(
        "[good]\nuser = \"ddl\"\npassword = \"ddl\"\nenable_password = \"canary-enable-5120\"\n\
         [bad]\nuser = \"ddl\"\npassword = \"wrong-canary-7431\"\n",
    );
    let seen = monitor.poll(&address(&sim), "cisco_iosxe", UP, &["-vvv"]);
    let refused = monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--password", "secret:bad", "-vvv"]);
    assert!(seen.stderr.contains("ping 192.0.2.10"), "the conversation is shown: {}", seen.stderr);
    assert!(seen.stderr.contains("<secret>"), "{}", seen.stderr);
    let pid = monitor.pids()[0];
    let shown = [
        seen.stdout,
        seen.stderr,
        refused.stdout,
        refused.stderr,
        monitor.run(&["status"]).stdout,
        monitor.run(&["config", "show"]).stdout,
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).expect("its command line")).into_owned(),
        // Closed to all but root.
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()).into_owned(),
    ];
    for text in shown {
        assert!(!text.contains("canary"), "{text}");
    }
    let kept = monitor.kept();
    assert!(kept.iter().any(|(path, _)| path.ends_with("ddl-monitor.log")), "there is a log");
    for (path, bytes) in kept {
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{}", path.display());
    }
}

#[test]
fn exec_runs_what_is_read_only_and_nothing_else() {
    let sim = router("cisco_iosxe").start();
    let monitor = Monitor::new();
    let at = address(&sim);
    let exec = |command: &str| {
        monitor.run(&[
            "exec",
            "--router",
            &at,
            "--platform",
            "cisco_iosxe",
            "--password",
            "secret:good",
            "--format",
            "text",
            command,
        ])
    };
    let clock = exec("show clock");
    assert_eq!(clock.code, Some(0), "{}", clock.stderr);
    assert!(clock.stdout.contains("UTC"), "{}", clock.stdout);
    for command in ["reload", "configure terminal", "show clock\nreload", "show run | redirect flash:x", "write"] {
        let ran = exec(command);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.matches('\n').count()),
            (Some(1), "", 1),
            "{command}: {}",
            ran.stderr
        );
    }
    assert!(sim.commands().iter().all(|line| !line.contains("reload") && !line.contains("configure")));
}

#[test]
fn every_failure_document_has_the_same_members() {
    let answer = Monitor::new().poll("192.0.2.1", "cisco_iosxe", "nonsense", &["--line", "L-9"]).json();
    let names: Vec<&str> = answer.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = vec!["line", "target", "router", "platform", "state", "time", "age", "elapsed", "failure"];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(answer["line"], Value::from("L-9"));
}

#[test]
fn a_command_that_prints_another_password_is_not_held_down_for_the_old_one() {
    let sim = SimRouter::new("cisco_iosxe").user("ddl", "new-password").start();
    let monitor = Monitor::new();
    let vault = monitor.path("vault");
    std::fs::write(&vault, "old-password\n").expect("a file");
    let reference = format!("exec:cat {}", vault.display());
    let poll = || monitor.poll(&address(&sim), "cisco_iosxe", UP, &["--user", "ddl", "--password", &reference]);
    assert_eq!(poll().kind(), "auth");
    let held = poll().json();
    assert!(held["failure"]["retry_in"].as_f64().is_some(), "{held}");
    assert_eq!(sim.count("refused"), 1);
    std::fs::write(&vault, "new-password\n").expect("a file");
    assert_eq!(poll().kind(), "measured");
}

#[test]
fn parse_refuses_a_text_that_it_would_read_only_in_part() {
    let monitor = Monitor::new();
    let path = monitor.path("long.txt");
    std::fs::File::create(&path).and_then(|file| file.set_len((16 << 20) + 1)).expect("a long file");
    let ran = monitor.run(&["parse", "--platform", "linux", path.to_str().expect("a path")]);
    assert_eq!((ran.json()["state"].clone(), ran.kind()), (json!(1), "settings".to_owned()), "{}", ran.stdout);
}
