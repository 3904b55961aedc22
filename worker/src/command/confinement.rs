//! The isolation of a run's commands: none, or a sandbox.

use super::command_list::Phase;
use crate::sandbox::{Outbound, Sandbox};

/// The isolation of commands.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are a few in a process, and most are large")]
pub enum Confinement {
    /// No isolation, as the worker's user: for the operator's own commands.
    Open,
    /// In a sandbox: for other people's commands.
    Sandboxed {
        sandbox: Sandbox,
        /// The network of `setup`. `validation` has none.
        during_setup: Outbound,
    },
}

impl Confinement {
    /// In this sandbox, with its own hosts during `setup`.
    #[must_use]
    pub fn in_sandbox(sandbox: &Sandbox) -> Self {
        Self::Sandboxed { sandbox: sandbox.clone(), during_setup: sandbox.outbound() }
    }

    pub(super) fn sandbox(&self) -> Option<&Sandbox> {
        match self {
            Self::Open => None,
            Self::Sandboxed { sandbox, .. } => Some(sandbox),
        }
    }

    pub(super) fn during(&self, phase: Phase) -> Option<(&Sandbox, &Outbound)> {
        match (self, phase) {
            (Self::Open, _) => None,
            (Self::Sandboxed { sandbox, during_setup }, Phase::Setup) => {
                Some((sandbox, during_setup))
            }
            (Self::Sandboxed { sandbox, .. }, Phase::Validation) => {
                Some((sandbox, &Outbound::Nothing))
            }
        }
    }
}
