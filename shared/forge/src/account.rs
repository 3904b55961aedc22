//! As whom a call is made: limits, tokens and kept answers are each one's own.

use crate::names::{InstallationId, RepoName};

/// Whom GitHub sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    Anonymous,
    Token,
    App,
    Installation(InstallationId),
}

impl Account {
    /// The account as a label: there are as many as there are installations.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Token => "token".to_owned(),
            Self::App => "app".to_owned(),
            Self::Installation(id) => format!("installation-{id}"),
        }
    }
}

/// What a call is about, which says whose credentials it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// A repository.
    Repo(RepoName),
    /// What one installation sees.
    Installation(InstallationId),
    /// The app itself.
    App,
    /// Whoever we are.
    Ourselves,
}
