//! `traceroute` as each router's command line begins it: which target is meant, and a hop every so often until the target, the
//! last hop or an abort key. Options are taken as they come.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::command::{means, words};
use crate::options::Options;
use crate::persona::Persona;
use crate::template::Facts;
use crate::terminal::{Gone, Terminal, Wake};

/// The command's words before the target and options, and the texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traceroute {
    command: String,
    header: String,
    hop: String,
    silent: String,
    /// Said in place of the hops.
    no_route: String,
    #[serde(default)]
    end: String,
}

/// Longer than anybody waits.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// Hops that are tried before the router gives up.
const MOST: u64 = 15;

/// The target, if the line asks for a traceroute.
pub(crate) fn target(persona: &Persona, line: &str) -> Option<IpAddr> {
    let form = persona.traceroute.as_ref()?;
    let typed = words(line);
    let asked: Vec<&str> = form.command.split(' ').collect();
    let begins = asked
        .iter()
        .enumerate()
        .all(|(place, word)| typed.get(place).is_some_and(|typed| means(persona, word, typed.text)));
    let mut addresses = typed.iter().skip(asked.len()).filter_map(|word| word.text.parse().ok());
    // Options with a dash stand before the target, words behind it.
    let has_options = typed.iter().any(|word| word.text.starts_with('-'));
    begins.then(|| if has_options { addresses.next_back() } else { addresses.next() }).flatten()
}

pub(crate) async fn run(
    terminal: &mut Terminal,
    options: &Options,
    persona: &Persona,
    target: IpAddr,
    mut facts: Facts,
) -> Result<(), Gone> {
    let Some(form) = &persona.traceroute else { return Ok(()) };
    facts.set("target", target);
    terminal.write(&facts.fill(&form.header));
    if options.no_route.contains(&target) {
        terminal.write(&facts.fill(&form.no_route));
        return Ok(());
    }
    let dead = options.dead.contains(&target);
    for number in 1..=MOST {
        let is_target = number >= options.traceroute_hops;
        let stalls = options.traceroute_stalls == Some(number);
        let until = Instant::now() + if stalls { FOR_EVER } else { options.traceroute_pace.0 };
        let abort: &[u8] = if options.ignore_abort { &[] } else { &persona.abort };
        if terminal.wait_until(until, abort, persona.type_ahead).await? == Wake::Aborted {
            terminal.write(&format!("{}\n", persona.break_mark));
            return Ok(());
        }
        facts.set("hop", number);
        facts.set("hop_padded", format!("{number:2}"));
        let address = match (is_target, target) {
            (true, target) => target.to_string(),
            (false, IpAddr::V4(_)) => format!("10.255.0.{number}"),
            (false, IpAddr::V6(_)) => format!("2001:db8:ffff::{number}"),
        };
        facts.set("address", address);
        facts.set("rtt", number);
        terminal.write(&facts.fill(if dead && is_target { &form.silent } else { &form.hop }));
        terminal.flush().await?;
        if is_target && !dead {
            break;
        }
    }
    terminal.write(&facts.fill(&form.end));
    Ok(())
}
