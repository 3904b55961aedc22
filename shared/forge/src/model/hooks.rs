//! Installations, webhooks and deliveries.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{GitHubUser, list, or_default, or_none};
use crate::names::{DeliveryId, HookId, InstallationId, RepoId};
use crate::time::Timestamp;

/// An installation of the app in an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    pub id: InstallationId,
    #[serde(default, deserialize_with = "or_default")]
    pub account: GitHubUser,
    /// For example `checks` to `write`.
    #[serde(default, deserialize_with = "or_default")]
    pub permissions: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_none")]
    pub suspended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hook {
    pub id: HookId,
    #[serde(default, deserialize_with = "or_default")]
    pub active: bool,
    #[serde(default, deserialize_with = "list")]
    pub events: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub config: HookConfig,
}

/// The target of a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct HookConfig {
    #[serde(default, deserialize_with = "or_default")]
    pub url: String,
}

/// One attempt to deliver a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HookDelivery {
    /// Identifies the attempt.
    pub id: DeliveryId,
    /// Identifies the delivery, the same for all its attempts: `X-GitHub-Delivery`.
    #[serde(default, deserialize_with = "or_default")]
    pub guid: String,
    #[serde(default, deserialize_with = "or_none")]
    pub delivered_at: Option<Timestamp>,
    /// The attempt was requested again.
    #[serde(default, deserialize_with = "or_default")]
    pub redelivery: bool,
    /// `OK`, or the error.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// The receiver's status; 0 without a response.
    #[serde(default, deserialize_with = "or_default")]
    pub status_code: u16,
    #[serde(default, deserialize_with = "or_default")]
    pub event: String,
    #[serde(default, deserialize_with = "or_none")]
    pub action: Option<String>,
    #[serde(default, deserialize_with = "or_none")]
    pub installation_id: Option<InstallationId>,
    #[serde(default, deserialize_with = "or_none")]
    pub repository_id: Option<RepoId>,
}

impl HookDelivery {
    /// Returns `true` if the receiver accepted it.
    #[must_use]
    pub fn arrived(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}
