//! `generate`: completions and man pages, from the same definitions as `--help`.

use super::{Cli, output, tell};
use clap::CommandFactory;
use clap_complete::Shell;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Completions for a shell, on stdout
    Completions {
        /// Shell that reads them
        shell: Shell,
    },
    /// Man pages, one per command, into a directory
    Man {
        /// Directory, made if it is not there
        directory: PathBuf,
    },
}

pub(super) fn run(args: &Args) -> io::Result<ExitCode> {
    let mut command = Cli::command();
    match &args.what {
        What::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command, "ddl-monitor", &mut script);
            output::print(&String::from_utf8_lossy(&script))?;
        }
        What::Man { directory } => {
            let written =
                std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
            if let Err(e) = written {
                return Ok(tell(&format!("writing man pages to {}: {e}", directory.display())));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
