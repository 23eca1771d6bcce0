//! Tests that need root: real SSH servers, FRR, network name spaces, mounted file systems, other users.
#![expect(
    unreachable_pub,
    reason = "a test binary has no outside: `pub` marks what a support file offers to the tests"
)]
#![expect(clippy::disallowed_methods, reason = "clippy.toml holds the architecture of src/; a test has an environment")]

mod disks;
mod lab;
mod other_user;
mod real;
mod ssh;
mod state_owner;

#[path = "../support"]
#[allow(dead_code, reason = "each test program uses its own part of the support")]
mod support {
    pub mod disk;
    pub mod frr;
    pub mod inventory;
    pub mod leftover;
    pub mod lossy;
    pub mod monitor;
    pub mod netns;
    pub mod parent;
    pub mod process;
    pub mod real_router;
    pub mod responder;
    pub mod root;
    pub mod sim;
    pub mod sshd;
    pub mod system_user;
    pub mod trapper;
    pub mod tun;
    pub mod wait;
}
