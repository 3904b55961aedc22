//! The body of a webhook, read from senders who may be slow on purpose.
//!
//! A sender has to bring 64 KiB within 2 s before it may wait for anything, and then a sixteenth of
//! the whole in each second. GitHub sends all of 25 MB in less than ten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::webhook::WebhookResponse;
use crate::http::Client;

/// AckKind much has to come first, and in which time.
const FIRST: usize = 64 << 10;
const FIRST_WITHIN: Duration = Duration::from_secs(2);

/// Which part of the whole has to come in each further step.
const PART: usize = 16;
const PART_WITHIN: Duration = Duration::from_secs(1);

/// A body on its way.
pub(super) struct Incoming {
    body: Body,
    bytes: Vec<u8>,
    /// Its length, if the head says it.
    declared: Option<usize>,
    largest: usize,
    ended: bool,
}

impl Incoming {
    pub(super) fn new(body: Body, largest: usize) -> Self {
        let declared = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
        Self { body, bytes: Vec::new(), declared, largest, ended: declared == Some(0) }
    }

    /// The size that it has, or may have.
    pub(super) fn expected(&self) -> usize {
        self.declared.unwrap_or(self.largest)
    }

    /// Returns whether it is, or may become, larger than this.
    pub(super) fn is_larger_than(&self, size: usize) -> bool {
        if self.ended { self.bytes.len() > size } else { self.expected() > size }
    }

    /// Reads its beginning.
    pub(super) async fn begin(&mut self) -> Result<(), WebhookResponse> {
        let first = FIRST.min(self.expected());
        timeout(FIRST_WITHIN, self.until(first)).await.unwrap_or(Err(WebhookResponse::TooSlow))
    }

    /// Reads the rest, and gives all of it.
    pub(super) async fn rest(mut self) -> Result<Vec<u8>, WebhookResponse> {
        let part = FIRST.max(self.expected() / PART);
        while !self.ended {
            let enough = self.bytes.len() + part;
            timeout(PART_WITHIN, self.until(enough))
                .await
                .unwrap_or(Err(WebhookResponse::TooSlow))?;
        }
        Ok(self.bytes)
    }

    /// Reads until so much is there, or it ends.
    async fn until(&mut self, enough: usize) -> Result<(), WebhookResponse> {
        while !self.ended && self.bytes.len() < enough {
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    if self.bytes.len() + data.len() > self.largest {
                        return Err(WebhookResponse::TooLarge);
                    }
                    self.bytes.extend_from_slice(&data);
                    self.ended = self.declared == Some(self.bytes.len());
                }
                // Broken off.
                Some(Err(_)) => return Err(WebhookResponse::Unreadable),
                None => self.ended = true,
            }
        }
        Ok(())
    }
}

/// AckKind many of something each client has at once. Cheap to clone.
#[derive(Clone)]
pub(super) struct Shares {
    most: usize,
    taken: Arc<Mutex<HashMap<Client, usize>>>,
}

/// One of a client's, given back when it is dropped.
pub(super) struct Share {
    client: Client,
    shares: Shares,
}

impl Shares {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// One more for this client, if it has fewer than its share.
    pub(super) fn take(&self, client: Client) -> Option<Share> {
        let mut taken = self.taken();
        let count = taken.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share { client, shares: self.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        // Whole after every step.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}
