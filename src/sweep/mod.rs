//! All lines that are due, measured and reported: when each is due, what becomes of the values, and which of them Zabbix has had.
//! Knows neither how a router is asked nor who asks.

mod books;
pub mod deliver;
mod entry;
mod slots;
pub mod spool;
pub mod suspects;
