//! Routers that answer late, in pieces, twice or not at all: each result is what the router printed for that very ping, or a
//! failure. Every ping prints times that no other ping of its router prints, and two lines, one alive and one dead, take turns on
//! one session: a number of the other line would show.

use crate::support::monitor::Monitor;
use crate::support::process::rounds;
use crate::support::sim::{Sim, SimRouter};
use serde_json::Value;

const PERSONAS: [&str; 5] = ["cisco_iosxe", "cisco_iosxr", "cisco_nxos", "huawei_vrp", "h3c_comware"];
const ROUTERS_PER_PERSONA: usize = 4;

const ALIVE: &str = "10.0.0.1";
const DEAD: &str = "10.0.0.2";
/// Loses half of its packets.
const LOSSY: &str = "10.0.0.3";
const TARGETS: [&str; 5] = [ALIVE, DEAD, ALIVE, DEAD, LOSSY];

/// Too short for some of the pings and some of the delays. Their number has no divisor in common with that of the targets.
const DEADLINES: [&str; 4] = ["900ms", "4s", "1600ms", "6s"];

const FAULTS: [&str; 9] = [
    "none",
    "late-start",
    "late-statistics",
    "statistics-in-next",
    "redrawn-prompt",
    "log-line",
    "cut",
    "deaf",
    "slow-abort",
];

const SETTINGS: &str = r#"
master.lanes = 1
login.per_router = "burst 9000, every 1ms"
login.all_routers = "burst 9000, every 1ms"
login.hold_down = "1s"
login.hold_down_max = "1s"
"#;

fn router(persona: &str, name: &str) -> SimRouter {
    SimRouter::new(persona)
        .name(name)
        .with("dead", vec![DEAD])
        .with("lose_random", vec![format!("{LOSSY}=0.5")])
        .with("unique_times", true)
        .with("fault", FAULTS.to_vec())
        .with("fault_time", "1500ms")
}

/// The answers to `polls` polls of the lines of one router, in turns.
fn poll_router(monitor: &Monitor, address: &str, persona: &str, polls: usize) -> Vec<Value> {
    let poll = |number: usize| {
        let deadline = DEADLINES[number % DEADLINES.len()];
        let arguments = ["--count", "3", "--timeout", "1s", "--deadline", deadline];
        monitor.poll(address, persona, TARGETS[number % TARGETS.len()], &arguments).json()
    };
    (0..polls).map(poll).collect()
}

#[test]
fn late_answers_lend_no_number_to_another_ping() {
    let polls = rounds(300, 2000) / PERSONAS.len() / ROUTERS_PER_PERSONA;
    let names: Vec<(&str, String)> = PERSONAS
        .iter()
        .flat_map(|persona| (1..=ROUTERS_PER_PERSONA).map(move |number| (*persona, format!("{persona}-{number}"))))
        .collect();
    let sim = Sim::start(names.iter().map(|(persona, name)| router(persona, name)));
    let monitor = Monitor::with(SETTINGS);
    let answers: Vec<Vec<Value>> = std::thread::scope(|scope| {
        let polls: Vec<_> = names
            .iter()
            .map(|(persona, name)| {
                let address = sim.address(name).to_string();
                let monitor = &monitor;
                scope.spawn(move || poll_router(monitor, &address, persona, polls))
            })
            .collect();
        polls.into_iter().map(|polls| polls.join().expect("polls of one router")).collect()
    });
    drop(monitor);
    sim.wait_for_end_of_sessions();
    let events = sim.events();
    let mut wrong = Vec::new();
    for (persona, of_persona) in PERSONAS.iter().zip(answers.chunks(ROUTERS_PER_PERSONA)) {
        let mut measured = 0;
        for (number, answers) in of_persona.iter().enumerate() {
            let name = format!("{persona}-{}", number + 1);
            let pings: Vec<&Value> =
                events.iter().filter(|event| event["event"] == "ping" && event["router"] == *name).collect();
            let mut delivered = Vec::new();
            for answer in answers.iter().filter(|answer| !answer["ping"].is_null()) {
                measured += 1;
                if let Err(why) = printed(answer, &pings, &mut delivered) {
                    wrong.push(format!("{name}: {why}\n  said {answer}"));
                }
            }
        }
        report(persona, of_persona, measured);
        // Enough to see the faults at work.
        assert!(measured * 8 >= polls * ROUTERS_PER_PERSONA, "{persona}: only {measured} polls measured something");
    }
    assert!(wrong.is_empty(), "{} wrong numbers:\n{}", wrong.len(), wrong.join("\n"));
}

/// Finds the ping of which an answer tells and says what of it the router did not print.
fn printed(answer: &Value, pings: &[&Value], delivered: &mut Vec<u64>) -> Result<(), String> {
    let ping = &answer["ping"];
    let number = |name: &str| ping[name].as_u64().unwrap_or(0);
    let (sent, received) = (number("sent") + number("pending"), number("received"));
    let is_complete = ping["complete"] == true;
    let time = answer["time"].as_f64().ok_or("no time")? - 0.002;
    let of_line: Vec<&&Value> = pings.iter().filter(|ping| ping["target"] == answer["target"]).collect();
    // An answer that was not ours is asked for once more.
    let mut latest = of_line.iter().filter(|ping| ping["begun"].as_f64().is_some_and(|begun| begun >= time)).take(2);
    let answered = |ping: &Value| ping["answered"].as_array().map_or(0, Vec::len) as u64;
    if ping["sent"].is_null() && ping["up"] == 1 && !is_complete && ping["loss"].is_null() {
        // The ping goes on; one reply is all that is certain.
        return match latest.any(|run| answered(run) > 0) {
            true => Ok(()),
            false => Err("nothing came back from this line since then".to_owned()),
        };
    }
    if (ping["up"] == 1) != (received > 0) {
        return Err(format!("up {} with {received} received", ping["up"]));
    }
    let Some(least) = ping["rtt_min"].as_f64() else {
        // Marks have no times, and nothing that came back has none either.
        return match latest
            .find(|run| is_prefix(run, sent, received) || (run["sent"] == sent && answered(run) == received))
        {
            Some(_) if received == 0 || !is_complete => Ok(()),
            Some(run) => Err(format!("no times; the router printed {run}")),
            None => Err(format!("no ping of this line since then had {received} of {sent}")),
        };
    };
    let most = ping["rtt_max"].as_f64().unwrap_or(0.0);
    let Some(run) = of_line.iter().find(|run| {
        let replies = run["replies"].as_array().into_iter().flatten().filter_map(Value::as_f64);
        let replies: Vec<f64> = replies.take(received as usize).map(|reply| reply / 1000.0).collect();
        let is = |bound: f64, reply: f64| (bound - reply).abs() < 0.000_1;
        replies.len() as u64 == received
            && is(least, replies.iter().copied().fold(f64::INFINITY, f64::min))
            && is(most, replies.iter().copied().fold(0.0, f64::max))
    }) else {
        let owner = pings.iter().find(|run| run.to_string().contains(&format!("\"{}\"", least * 1000.0)));
        return Err(format!("no ping of this line had these times; one of another: {owner:?}"));
    };
    if is_complete {
        let average = run["times"][1].as_str().and_then(|average| average.parse::<f64>().ok()).unwrap_or(0.0) / 1000.0;
        if run["sent"] != sent || answered(run) != received {
            return Err(format!("{received} of {sent}; the router printed {run}"));
        }
        if run["ending"] == "cut" || ping["rtt_avg"].as_f64().is_none_or(|said| (said - average).abs() > 0.000_1) {
            return Err(format!("the router printed {run}"));
        }
        let run = run["ping"].as_u64().ok_or("a ping without a number")?;
        if delivered.contains(&run) {
            return Err(format!("ping {run} was delivered before"));
        }
        delivered.push(run);
    } else if !is_prefix(run, sent, received) && (run["sent"] != sent || answered(run) != received) {
        return Err(format!("{received} of {sent}; the router printed {run}"));
    }
    Ok(())
}

/// Whether `received` of the first `sent` packets of a ping came back, as a poll sees it whose deadline comes in mid-ping.
fn is_prefix(run: &Value, sent: u64, received: u64) -> bool {
    let answered = run["answered"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    run["sent"].as_u64().is_some_and(|all| sent <= all)
        && answered.filter(|packet| *packet <= sent).count() as u64 == received
}

/// Shown by `--nocapture`, and where the test fails.
#[expect(clippy::print_stdout, reason = "figures of a long run")]
fn report(persona: &str, answers: &[Vec<Value>], measured: usize) {
    let polls: usize = answers.iter().map(Vec::len).sum();
    let mut kinds = std::collections::BTreeMap::new();
    for kind in answers.iter().flatten().filter_map(|answer| answer["failure"]["kind"].as_str()) {
        *kinds.entry(kind).or_insert(0) += 1;
    }
    println!("{persona}: {polls} polls, {measured} measured, failures {kinds:?}");
}
