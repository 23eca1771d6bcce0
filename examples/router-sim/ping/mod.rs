//! `ping` as each router's command line takes it, runs it and reports it.

mod answer;
mod grammar;
mod run;
mod tally;

pub(crate) use grammar::{Request, check, parse, starts_ping};
pub(crate) use run::run;
