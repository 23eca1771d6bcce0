//! What Zabbix reads and what is read from Zabbix: the API and the inventory that comes from it.

pub mod api;
pub mod macros;
