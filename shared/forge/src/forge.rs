//! The client of one GitHub.

use std::fmt;
use std::sync::Arc;

use crate::client::ApiClient;
use crate::config::{ForgeConfig, GitHubCredentials};
use crate::error::ForgeError;
use crate::names::InstallationId;
use crate::rate_limit::RateLimitReading;

/// A client of one GitHub, as an app, with a token, or anonymous. Clones are cheap and share
/// connections, tokens, limits and the cache.
#[derive(Clone)]
pub struct Forge {
    pub(crate) core: Arc<ApiClient>,
}

impl Forge {
    /// Creates a client without calling GitHub.
    ///
    /// Call it inside a Tokio runtime, which owns the connections.
    ///
    /// # Errors
    ///
    /// When the machine has no trusted certificates.
    pub fn new(config: ForgeConfig) -> Result<Self, ForgeError> {
        Ok(Self { core: Arc::new(ApiClient::new(config)?) })
    }

    /// Returns `true` for an app, which can write check runs and list its own deliveries.
    #[must_use]
    pub fn is_app(&self) -> bool {
        matches!(self.core.config.credentials, GitHubCredentials::App { .. })
    }

    /// Returns the rest of each limit, as of the last response.
    #[must_use]
    pub fn rate_limits(&self) -> Vec<RateLimitReading> {
        self.core.rate_limits.rate_limit_readings()
    }

    /// Stores the installation of an owner, as reported by a webhook. This saves a lookup.
    pub async fn note_installation(&self, owner: &str, id: InstallationId) {
        self.core.tokens.note(owner, id).await;
    }

    /// Removes the installation of an owner, which a webhook reports as deleted.
    pub fn forget_installation(&self, owner: &str) {
        self.core.tokens.drop_owner(owner);
    }
}

impl fmt::Debug for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forge").field("api", &self.core.config.api).finish_non_exhaustive()
    }
}
