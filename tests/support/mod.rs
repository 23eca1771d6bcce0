//! What the tests are built from: real parts, simulated routers, a parent like Zabbix, and the means to look at them.

pub mod frr;
pub mod inventory;
pub mod leftover;
pub mod monitor;
pub mod netns;
pub mod parent;
pub mod process;
pub mod real_router;
pub mod responder;
pub mod sim;
pub mod sshd;
pub mod system_user;
pub mod trapper;
pub mod tun;
pub mod wait;
pub mod zabbix;
pub mod zabbix_api;
