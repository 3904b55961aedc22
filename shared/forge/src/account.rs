//! The identity under which a call is made. Limits, tokens and cached responses are kept for each
//! identity.

use crate::names::{InstallationId, RepoName};

/// The account that GitHub sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    Anonymous,
    Token,
    App,
    Installation(InstallationId),
}

impl Account {
    /// Returns the account as a metric label. There are as many labels as installations.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Token => "token".to_owned(),
            Self::App => "app".to_owned(),
            Self::Installation(id) => format!("installation-{id}"),
        }
    }
}

/// The subject of a call, which decides whose credentials it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallScope {
    Repo(RepoName),
    /// Everything that one installation can see.
    Installation(InstallationId),
    /// The app itself.
    App,
    /// The account of the current credentials.
    Ourselves,
}
