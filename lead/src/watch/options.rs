//! From settings to what is watched.

use std::time::Duration;

use greenline_forge::webhook::WebhookSecrets;
use greenline_forge::{Forge, ForgeConfig, ForgeError, GitHubNameError, RepoName};
use greenline_runtime::clock::Clock;
use greenline_runtime::settings::GitHubSettings;

/// The settings of watching.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// The client of GitHub.
    pub forge: Forge,
    /// The repositories; with an app, none means all that it is installed in.
    pub repos: Vec<RepoName>,
    /// Interval between sweeps of a repository.
    pub poll_interval: Duration,
    /// Secrets of webhook signatures. Without one, every webhook is refused.
    pub secrets: Option<WebhookSecrets>,
}

/// The reason why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// GitHub's address or the app's key.
    #[error("GITHUB_API_URL or GITHUB_APP_PRIVATE_KEY can't be used: {0}")]
    Forge(#[from] ForgeError),
    /// A repository's name.
    #[error("GREENLINE_REPOS can't be used: {0}")]
    Name(#[from] GitHubNameError),
}

impl WatchOptions {
    /// Builds the options from the settings, or `None` if no credentials are set.
    ///
    /// Call it inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the settings can't work. GitHub is not asked.
    pub fn of(settings: &GitHubSettings, clock: &Clock) -> Result<Option<Self>, WatchError> {
        if settings.login.is_none() {
            return Ok(None);
        }
        let forge = Forge::new(ForgeConfig::of(settings, clock.clone())?)?;
        let repos = settings.repos.iter().map(|repo| repo.as_str().parse());
        Ok(Some(Self {
            forge,
            repos: repos.collect::<Result<_, GitHubNameError>>()?,
            poll_interval: settings.poll_interval,
            secrets: WebhookSecrets::new(settings.webhook_secrets.iter().cloned()),
        }))
    }
}
