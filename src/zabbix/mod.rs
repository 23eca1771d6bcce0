//! What Zabbix reads and says, in its own forms, and the inventory that comes from its API. Knows nothing of routers' sessions.

mod answer;
pub mod api;
mod credential;
pub mod discovery;
mod field;
pub mod frame;
mod host;
mod line_of_host;
pub mod macros;
pub mod outcome;
pub mod reading;
mod rights;
mod select;
pub mod sender;
pub mod servers;
mod template;
mod together;
