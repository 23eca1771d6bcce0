//! All lines that are due, measured and reported: when each is due, what becomes of the values, and which of them Zabbix has had.
//! Knows neither how a router is asked nor who asks.

pub mod books;
mod damaged;
pub mod deliver;
pub mod engine;
mod entry;
mod jobs;
pub mod notify;
mod outbox;
pub mod report;
pub mod schedule;
mod slots;
pub mod spool;
pub mod stop;
pub mod summary;
pub mod suspects;
pub mod table;
