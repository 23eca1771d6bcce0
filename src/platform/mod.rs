//! A router OS as data: one TOML file per platform says how its prompt looks, what to send, and how its answers read.
//! Knows no sockets, threads or clocks.

pub mod dialect;

use dialect::Dialect;
use std::sync::Arc;

/// Which algorithms are offered to a router of this platform.
pub use crate::inventory::router::Crypto;

/// A definition with its patterns compiled; what a master works with. The client needs only the text of the definition.
#[derive(Debug)]
pub struct Platform {
    pub name: String,
    pub crypto: Crypto,
    /// `TERM` of the pseudo-terminal.
    pub terminal: String,
    pub dialect: Arc<Dialect>,
}
