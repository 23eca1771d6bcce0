//! Text for people or JSON for programs.

use clap::ValueEnum;

/// `--format`; without it a terminal gets text, and everything else JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Json,
    Text,
}

impl Format {
    pub fn chosen(format: Option<Self>, stdout_is_terminal: bool) -> Self {
        format.unwrap_or(if stdout_is_terminal { Self::Text } else { Self::Json })
    }
}
