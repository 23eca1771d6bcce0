//! Table of contents of the tests that use the library from outside; one binary, since OpenSSL links slowly.

mod platforms;
