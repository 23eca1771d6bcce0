//! What Zabbix reads and says, in its own forms. Knows nothing of routers' sessions.

pub mod discovery;
