//! The one test binary: OpenSSL links once.
#![expect(
    unreachable_pub,
    reason = "a test binary has no outside: `pub` marks what a support file offers to the tests"
)]

mod lab;
mod support;
