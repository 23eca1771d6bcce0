//! One test binary, so that OpenSSL is linked once; this is its table of contents.

mod architecture;
mod references;
mod settings;
