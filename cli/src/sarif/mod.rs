//! `greenline sarif …`: SARIF files, as GitHub's code scanning reads them.

mod check;

use clap::Subcommand;

use crate::error::ExitStatus;
use crate::global::Global;

#[derive(Debug, Subcommand)]
pub(crate) enum SarifCommand {
    /// Report what GitHub would refuse or not show, and repair it
    Check(check::Args),
}

impl SarifCommand {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<ExitStatus> {
        match self {
            Self::Check(args) => check::run(global, &args),
        }
    }
}
