//! One binary for all tests: OpenSSL links once.

mod shell;
