//! Who we are on GitHub: what is ours is edited, and what we say is no command.

use greenline_forge::model::{Comment, User};
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
    pub async fn learn(forge: &Forge) -> Result<Self, ForgeError> {
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

    /// Whether this account is ours.
    #[must_use]
    pub fn is(&self, user: &User) -> bool {
        !self.login.is_empty() && user.login.eq_ignore_ascii_case(&self.login)
    }

    /// Whether we wrote this.
    #[must_use]
    pub fn wrote(&self, comment: &Comment) -> bool {
        self.is(&comment.user)
    }
}
