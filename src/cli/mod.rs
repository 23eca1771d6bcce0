//! The only place that knows clap and prints; one file per command.

pub mod config;
pub mod format;
