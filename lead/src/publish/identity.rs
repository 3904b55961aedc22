//! Greenline's own account on GitHub: its comments are edited and never read as commands.

use greenline_forge::model::{GitHubUser, IssueComment};
use greenline_forge::{Forge, ForgeError};

/// The account that Greenline writes as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    login: String,
}

impl Identity {
    /// Asks GitHub who we are: an app writes as `SLUG[bot]`, a token as its owner.
    ///
    /// # Errors
    ///
    /// When GitHub does not say.
    pub async fn fetch(forge: &Forge) -> Result<Self, ForgeError> {
        let login = if forge.is_app() {
            format!("{}[bot]", forge.app_slug().await?)
        } else {
            forge.viewer().await?.login
        };
        Ok(Self { login })
    }

    /// Somebody of this name, as GitHub writes it.
    #[must_use]
    pub fn named(login: &str) -> Self {
        Self { login: login.to_owned() }
    }

    /// Returns true if the account is Greenline's.
    #[must_use]
    pub fn is(&self, user: &GitHubUser) -> bool {
        !self.login.is_empty() && user.login.eq_ignore_ascii_case(&self.login)
    }

    /// Returns true if Greenline wrote the comment.
    #[must_use]
    pub fn wrote(&self, comment: &IssueComment) -> bool {
        self.is(&comment.user)
    }
}
