//! An inventory for a test: routers and their lines as TOML, imported as a user does it.

use super::monitor::Monitor;
use std::fmt::Write as _;

/// Routers first, each with the lines that follow it.
#[derive(Default)]
pub struct Inventory(String);

impl Inventory {
    pub fn new() -> Self {
        Self::default()
    }

    /// A router with the login `secret:good`; `more` are further keys.
    pub fn router(mut self, name: &str, address: &str, platform: &str, more: &str) -> Self {
        let password = if more.contains("password") { "" } else { "password = \"secret:good\"\n" };
        let _ = write!(
            self.0,
            "[[router]]\nname = {name:?}\naddress = {address:?}\nplatform = {platform:?}\n{password}{more}\n"
        );
        self
    }

    pub fn line(mut self, id: &str, router: &str, target: &str, more: &str) -> Self {
        let _ = write!(self.0, "[[line]]\nid = {id:?}\nrouter = {router:?}\ntarget = {target:?}\n{more}\n");
        self
    }

    /// So many lines `L-1` … to 192.0.2.0/24 and on.
    pub fn lines(self, count: u32, router: &str, more: &str) -> Self {
        let target = |n: u32| std::net::Ipv4Addr::from(0x0A_00_00_00 + n).to_string();
        (1..=count).fold(self, |inventory, n| inventory.line(&format!("L-{n}"), router, &target(n), more))
    }

    /// As TOML.
    pub fn text(&self) -> &str {
        &self.0
    }

    #[track_caller]
    pub fn import(&self, monitor: &Monitor) {
        let file = monitor.path("inventory.toml");
        std::fs::write(&file, &self.0).expect("an inventory file");
        let ran = monitor.run(&["inventory", "import", file.to_str().expect("a path")]);
        assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
    }
}
