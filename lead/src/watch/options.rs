//! From settings to what is watched.

use std::time::Duration;

use greenline_forge::webhook::Secrets;
use greenline_forge::{Forge, ForgeConfig, ForgeError, NameError, RepoName};
use greenline_runtime::clock::Clock;
use greenline_runtime::settings::GitHubSettings;

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// The client of GitHub.
    pub forge: Forge,
    /// The repositories; with an app, none means all that it is installed in.
    pub repos: Vec<RepoName>,
    /// How often each is swept.
    pub poll_interval: Duration,
    /// What webhooks are signed with; without, none is believed.
    pub secrets: Option<Secrets>,
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// GitHub's address or the app's key.
    #[error("GITHUB_API_URL or GITHUB_APP_PRIVATE_KEY can't be used: {0}")]
    Forge(#[from] ForgeError),
    /// A repository's name.
    #[error("GREENLINE_REPOS can't be used: {0}")]
    Name(#[from] NameError),
}

impl WatchOptions {
    /// What the settings say; none if they say nothing of who we are.
    ///
    /// To be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When they can't work. GitHub is not asked.
    pub fn of(settings: &GitHubSettings, clock: &Clock) -> Result<Option<Self>, WatchError> {
        if settings.login.is_none() {
            return Ok(None);
        }
        let forge = Forge::new(ForgeConfig::of(settings, clock.clone())?)?;
        let repos = settings.repos.iter().map(|repo| repo.as_str().parse());
        Ok(Some(Self {
            forge,
            repos: repos.collect::<Result<_, NameError>>()?,
            poll_interval: settings.poll_interval,
            secrets: Secrets::new(settings.webhook_secrets.iter().cloned()),
        }))
    }
}
