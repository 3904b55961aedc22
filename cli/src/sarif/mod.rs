//! `greenline sarif …`: SARIF files, as GitHub's code scanning will see them.

mod check;

use clap::Subcommand;

use crate::args::Global;
use crate::ending::Ended;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what GitHub would refuse or not show, and mend it
    Check(check::Args),
}

impl Command {
    /// Runs it.
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<Ended> {
        match self {
            Self::Check(args) => check::run(global, &args),
        }
    }
}
