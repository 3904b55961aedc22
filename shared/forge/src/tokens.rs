//! An app's tokens: one for each account that installed it, valid for an hour.
//!
//! Concurrent callers share one request. A token is replaced before it expires, so that none
//! expires during a call, and when GitHub rejects it.

use std::time::Duration;

use greenline_runtime::clock::Clock;
use greenline_runtime::settings::Secret;

use crate::error::ForgeError;
use crate::names::InstallationId;
use crate::single_flight::SingleFlight;

/// The last minutes in which a token is not used: a call may take some of them, and clocks differ.
const SPARE: Duration = Duration::from_secs(5 * 60);

/// An installation's token with its expiry on the local monotonic clock.
#[derive(Debug, Clone)]
pub(crate) struct AccessToken {
    pub(crate) secret: Secret,
    pub(crate) good_until: Duration,
}

#[derive(Debug)]
pub(crate) struct TokenCache {
    clock: Clock,
    tokens: SingleFlight<InstallationId, AccessToken>,
    /// The key is the owner in lower case.
    installations: SingleFlight<String, InstallationId>,
}

impl TokenCache {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, tokens: SingleFlight::new(), installations: SingleFlight::new() }
    }

    pub(crate) async fn token(
        &self,
        id: InstallationId,
        mint: impl Future<Output = Result<AccessToken, ForgeError>>,
    ) -> Result<Secret, ForgeError> {
        let good = |token: &AccessToken| token.good_until > self.clock.steady() + SPARE;
        Ok(self.tokens.get(&id, good, mint).await?.secret)
    }

    pub(crate) async fn installation(
        &self,
        owner: &str,
        look_up: impl Future<Output = Result<InstallationId, ForgeError>>,
    ) -> Result<InstallationId, ForgeError> {
        self.installations.get(&owner.to_ascii_lowercase(), |_| true, look_up).await
    }

    /// Stores an installation that a webhook reported.
    pub(crate) async fn note(&self, owner: &str, id: InstallationId) {
        self.installations.put(&owner.to_ascii_lowercase(), id).await;
    }

    /// Drops a token that GitHub rejects.
    pub(crate) fn drop_token(&self, id: InstallationId) {
        self.tokens.forget(&id);
    }

    /// Drops the installation of an owner.
    pub(crate) fn drop_owner(&self, owner: &str) {
        self.installations.forget(&owner.to_ascii_lowercase());
    }
}
