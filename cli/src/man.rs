//! `greenline man`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;

use crate::error::ExitStatus;

/// Print the manual, or write all of its pages
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline man | man -l -
  greenline man --out ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitStatus> {
    let command = crate::args::Args::command();
    match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder))
                .with_context(|| format!("failed to write pages into {}", folder.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            std::io::stdout().write_all(&page)?;
        }
    }
    Ok(ExitStatus::Success)
}
