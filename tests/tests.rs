//! One test binary, so that OpenSSL is linked once; this is its table of contents.
#![expect(
    unreachable_pub,
    reason = "a test binary has no outside: `pub` marks what a support file offers to the tests"
)]

mod architecture;
mod lab;
mod platforms;
mod poll;
mod references;
mod router_sim;
mod settings;
mod shell;
mod ssh;
mod support;
