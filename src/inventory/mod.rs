//! The lines and routers known, and the secrets that open them.

pub mod access;
pub mod address;
pub mod arguments;
pub mod command;
pub mod compiled;
pub mod credentials;
pub mod difference;
pub mod history;
pub mod import;
pub mod keep;
pub mod line;
pub mod line_record;
pub mod name;
mod private_file;
pub mod reference;
pub mod router;
pub mod router_record;
pub mod secret;
