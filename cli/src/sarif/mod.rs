//! `greenline sarif …`: SARIF files, as GitHub's code scanning reads them.

mod check;

use clap::Subcommand;

use crate::args::Global;
use crate::ending::Ended;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report what GitHub would refuse or not show, and repair it
    Check(check::Args),
}

impl Command {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<Ended> {
        match self {
            Self::Check(args) => check::run(global, &args),
        }
    }
}
