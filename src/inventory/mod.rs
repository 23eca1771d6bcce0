//! The lines and routers known, and the secrets that open them.

pub mod access;
pub mod address;
pub mod arguments;
pub mod command;
pub mod credentials;
pub mod line;
mod private_file;
pub mod reference;
pub mod router;
pub mod secret;
