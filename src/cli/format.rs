//! Text for people or JSON for programs.

use clap::ValueEnum;

/// `--format`; without it a terminal gets text, and everything else JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line of JSON.
    Json,
    /// For people.
    Text,
}
