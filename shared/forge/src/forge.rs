//! The handle on one GitHub.

use std::fmt;
use std::sync::Arc;

use crate::config::{Credentials, ForgeConfig};
use crate::core::Core;
use crate::error::ForgeError;
use crate::meter::Reading;
use crate::names::InstallationId;

/// A handle on one GitHub, as one app, with one token or as nobody. Cheap to clone: clones share
/// connections, tokens, limits and kept answers.
#[derive(Clone)]
pub struct Forge {
    pub(crate) core: Arc<Core>,
}

impl Forge {
    /// Makes a client. Nothing is asked yet.
    ///
    /// To be called inside a Tokio runtime, which keeps the connections.
    ///
    /// # Errors
    ///
    /// When the machine has no certificates to trust.
    pub fn new(config: ForgeConfig) -> Result<Self, ForgeError> {
        Ok(Self { core: Arc::new(Core::new(config)?) })
    }

    /// Whether this is an app, which can write check runs and sees its own deliveries.
    #[must_use]
    pub fn is_app(&self) -> bool {
        matches!(self.core.config.credentials, Credentials::App { .. })
    }

    /// What is left of each limit, as far as answers have said.
    #[must_use]
    pub fn meter(&self) -> Vec<Reading> {
        self.core.meter.readings()
    }

    /// Takes note of the installation of an owner, which webhooks say: one look-up less.
    pub async fn note_installation(&self, owner: &str, id: InstallationId) {
        self.core.tokens.note(owner, id).await;
    }

    /// Forgets the installation of an owner, which a webhook says is gone.
    pub fn forget_installation(&self, owner: &str) {
        self.core.tokens.drop_owner(owner);
    }
}

impl fmt::Debug for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forge").field("api", &self.core.config.api).finish_non_exhaustive()
    }
}
