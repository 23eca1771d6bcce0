//! What is said of the way to a line's far end, for people.

use super::output::{Paint, one_line};
use crate::probe::{Hop, TracerouteResult};
use std::fmt::Write as _;

pub(super) fn summarize(text: &mut String, traceroute: &TracerouteResult, paint: &Paint) {
    let word = if traceroute.reached == 1 { paint.good("reached") } else { paint.bad("not reached") };
    let _ = write!(text, "  {word}");
    match traceroute.hops.last() {
        Some(last) if traceroute.reached == 1 => {
            let _ = write!(text, " at hop {}", last.hop);
        }
        Some(_) => match traceroute.hops.iter().rev().find_map(|hop| Some((hop.hop, hop.address?))) {
            Some((hop, address)) => {
                let _ = write!(text, ", the last answer came from {address} at hop {hop}");
            }
            None => text.push_str(", no hop answered"),
        },
        // The router's own words say why.
        None => {
            let _ = write!(text, ", no hops: {}", one_line(traceroute.text.trim()));
        }
    }
    if !traceroute.complete {
        text.push_str(", cut short");
    }
    text.push('\n');
    traceroute.hops.iter().for_each(|hop| line(text, hop));
}

fn line(text: &mut String, hop: &Hop) {
    let address = hop.address.map_or_else(|| "*".to_owned(), |address| address.to_string());
    let _ = write!(text, "  {:>4}  {address}", hop.hop);
    if let Some(rtt) = hop.rtt {
        let _ = write!(text, "  {} ms", (rtt * 1_000_000.0).round() / 1000.0);
    }
    text.push('\n');
}
