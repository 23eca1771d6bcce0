//! A test program with this module needs root. For any other user it says so in one line and ends before its first test, so
//! that no test is reported as passed that did not run.

#[ctor::ctor(unsafe)]
#[expect(clippy::print_stderr, reason = "libtest has no word for tests that are skipped")]
fn skip_without_root() {
    if !rustix::process::geteuid().is_root() {
        let name = env!("CARGO_CRATE_NAME");
        eprintln!("tests/{name}: all tests skipped: they need root (scripts/test runs them, through sudo)");
        std::process::exit(0);
    }
}
