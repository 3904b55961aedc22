//! Installations, webhooks and what became of their deliveries.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{User, list, or_default, or_none};
use crate::names::{DeliveryId, HookId, InstallationId, RepoId};
use crate::time::Moment;

/// An app's installation in an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// Its id.
    pub id: InstallationId,
    /// The account.
    #[serde(default, deserialize_with = "or_default")]
    pub account: User,
    /// What it may do: `checks` to `write`, say.
    #[serde(default, deserialize_with = "or_default")]
    pub permissions: BTreeMap<String, String>,
    /// When it was suspended, if it is.
    #[serde(default, deserialize_with = "or_none")]
    pub suspended_at: Option<Moment>,
}

/// A repository's webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// Whether it sends.
    #[serde(default, deserialize_with = "or_default")]
    pub active: bool,
    /// What it sends.
    #[serde(default, deserialize_with = "list")]
    pub events: Vec<String>,
    /// Where to.
    #[serde(default, deserialize_with = "or_default")]
    pub config: HookConfig,
}

/// Where a webhook sends to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct HookConfig {
    /// The address.
    #[serde(default, deserialize_with = "or_default")]
    pub url: String,
}

/// One attempt to deliver a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// The attempt.
    pub id: DeliveryId,
    /// The delivery, the same for all its attempts: `X-GitHub-Delivery`.
    #[serde(default, deserialize_with = "or_default")]
    pub guid: String,
    /// When it was tried.
    #[serde(default, deserialize_with = "or_none")]
    pub delivered_at: Option<Moment>,
    /// Whether somebody asked for it again.
    #[serde(default, deserialize_with = "or_default")]
    pub redelivery: bool,
    /// `OK`, or what went wrong.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// What we answered; 0 if we did not.
    #[serde(default, deserialize_with = "or_default")]
    pub status_code: u16,
    /// The event.
    #[serde(default, deserialize_with = "or_default")]
    pub event: String,
    /// What happened in it.
    #[serde(default, deserialize_with = "or_none")]
    pub action: Option<String>,
    /// The installation.
    #[serde(default, deserialize_with = "or_none")]
    pub installation_id: Option<InstallationId>,
    /// The repository.
    #[serde(default, deserialize_with = "or_none")]
    pub repository_id: Option<RepoId>,
}

impl Delivery {
    /// Whether it arrived.
    #[must_use]
    pub fn arrived(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}
