//! The lines and routers known, and the secrets that open them.

pub mod router;
pub mod secret;
