//! Table of contents of the tests with real parts. One binary: OpenSSL links once.

mod ssh;
mod support {
    pub(crate) mod sshd;
}
