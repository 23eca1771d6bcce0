//! The program: all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::panic::catch_unwind(ddl_monitor::cli::run) {
        Ok(Ok(code)) => code,
        // What was to be printed could not be.
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(_) => ddl_monitor::cli::panicked(),
    }
}
