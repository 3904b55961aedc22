//! `greenline completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

use crate::error::ExitStatus;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline completions bash >~/.local/share/bash-completion/completions/greenline
  greenline completions zsh >~/.zfunc/_greenline
  greenline completions fish >~/.config/fish/completions/greenline.fish")]
pub(crate) struct Args {
    /// Shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitStatus> {
    // Written at once: the generator panics if a pipe closes early.
    let mut script = Vec::new();
    let mut command = crate::args::Args::command();
    clap_complete::generate(args.shell, &mut command, "greenline", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitStatus::Success)
}
