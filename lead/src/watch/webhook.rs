//! Webhooks: believed by their signature, read, and kept before they are answered.
//!
//! - A webhook is answered with 2xx only once Redis has what it says, or it says nothing to us.
//!   GitHub counts everything else as not delivered, and it can be sent again.
//! - One that came before is known by its delivery id, and a copy under another id, which is not
//!   signed, by its signature.
//! - Any lead takes them in, also one that stands by: Redis decides what is new.
//! - What can't be a signature is refused before any of the body is read.
//! - Small bodies wait for nothing. Large ones are read a few at a time, of each client at most two,
//!   and only from those who send in earnest; bodies in memory are so bounded together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode};
use greenline_forge::webhook::{Signature, SignatureError, WebhookEvent, WebhookSecrets};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::body::{Incoming, Shares};
use super::event_store::{EventStore, Inserted, WebhookDelivery};
use super::{metrics, parse};
use crate::http::Client;

/// GitHub sends nothing larger.
const LARGEST: usize = 25 << 20;

/// What all large bodies that are being read may take together.
const MEMORY: usize = 32 << 20;

/// Larger bodies wait for room, and are read on a thread where that holds nobody up. A connection
/// holds at most this much of a body that did not wait.
const SMALL: usize = 256 << 10;

/// AckKind many large bodies of one client are read or wait.
const SHARE: usize = 2;

/// GitHub gives up after 10 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// Receives webhooks.
pub(crate) struct WebhookReceiver {
    event_store: EventStore,
    secrets: Option<WebhookSecrets>,
    memory: Arc<Semaphore>,
    shares: Shares,
}

/// The answer to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebhookResponse {
    /// Redis has it.
    Stored,
    /// It came before.
    Duplicate,
    /// It says nothing to us.
    Ignored,
    /// No secret is set, so nothing is believed.
    NoSecret,
    /// The signature is missing, unreadable or wrong.
    BadSignature,
    /// It is signed, and no webhook.
    Unreadable,
    /// Larger than GitHub sends.
    TooLarge,
    /// Its body does not come.
    TooSlow,
    /// Redis is away, or too much waits: to be sent again.
    Unavailable,
}

impl WebhookResponse {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Stored => StatusCode::ACCEPTED,
            Self::Duplicate | Self::Ignored => StatusCode::OK,
            Self::NoSecret | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Ignored => "nothing to do",
            Self::NoSecret => "no webhook secret is set",
            Self::BadSignature => "the signature is missing or wrong",
            Self::Unreadable => "the body can't be read",
            Self::TooLarge => "the body is larger than 25 MB",
            Self::TooSlow => "the body comes too slowly",
            Self::Unavailable => "it can't be kept now",
        }
    }

    pub(crate) fn hint(self) -> Option<&'static str> {
        match self {
            Self::Stored | Self::Duplicate | Self::Ignored => None,
            Self::NoSecret => Some("set GITHUB_WEBHOOK_SECRET, here and on GitHub"),
            Self::BadSignature => {
                Some("set the same secret on GitHub and in GITHUB_WEBHOOK_SECRET")
            }
            Self::Unreadable => Some("choose application/json as the webhook's content type"),
            Self::TooLarge => Some("send at most 25 MB"),
            Self::TooSlow => Some("send 64 KiB within 2 s, and all of it within 8 s"),
            Self::Unavailable => Some("send it again; the lead's log says what is wrong"),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::NoSecret => "no_secret",
            Self::BadSignature => "bad_signature",
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The headers that count.
struct WebhookHeaders {
    event: String,
    id: String,
    signature: Result<Signature, SignatureError>,
}

impl WebhookHeaders {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let short = |name: &str| text(name).unwrap_or_default().chars().take(100).collect();
        Self {
            event: short("x-github-event"),
            id: short("x-github-delivery"),
            signature: Signature::read(text("x-hub-signature-256")),
        }
    }
}

impl WebhookReceiver {
    pub(crate) fn new(event_store: EventStore, secrets: Option<WebhookSecrets>) -> Self {
        let memory = Arc::new(Semaphore::new(MEMORY));
        Self { event_store, secrets, memory, shares: Shares::new(SHARE) }
    }

    /// Takes one in, and says what to answer, in less time than GitHub grants.
    pub(crate) async fn receive(
        &self,
        headers: &HeaderMap,
        body: Body,
        client: Client,
    ) -> WebhookResponse {
        let webhook_headers = WebhookHeaders::of(headers);
        let taken = self.read_and_store(&webhook_headers, body, client);
        let response = tokio::time::timeout(ANSWER_WITHIN, taken)
            .await
            .unwrap_or(WebhookResponse::Unavailable);
        metrics::webhook(&webhook_headers.event, response.label());
        response
    }

    async fn read_and_store(
        &self,
        webhook_headers: &WebhookHeaders,
        body: Body,
        client: Client,
    ) -> WebhookResponse {
        let Some(secrets) = &self.secrets else { return WebhookResponse::NoSecret };
        let signature = match webhook_headers.signature {
            Ok(signature) => signature,
            Err(error) => {
                debug!(%error, "A webhook was refused");
                return WebhookResponse::BadSignature;
            }
        };
        if body.size_hint().lower() > LARGEST as u64 {
            return WebhookResponse::TooLarge;
        }
        let taken = async {
            let mut body = Incoming::new(body, LARGEST);
            body.begin().await?;
            // Held until the event is read: the body is in memory until then.
            let _place = match body.is_larger_than(SMALL) {
                true => Some(self.place(client, body.expected()).await?),
                false => None,
            };
            verify(secrets, signature, &webhook_headers.event, body.rest().await?).await
        };
        match taken.await {
            Ok(event) => self.store_updates(webhook_headers, signature, &event).await,
            Err(rejected) => rejected,
        }
    }

    /// Waits for room for a large body, unless its client has its share.
    async fn place(&self, client: Client, size: usize) -> Result<impl Sized, WebhookResponse> {
        let share = self.shares.take(client).ok_or(WebhookResponse::Unavailable)?;
        let permits = u32::try_from(size.max(1)).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        let memory = self.memory.clone().acquire_many_owned(permits).await;
        Ok((share, memory.map_err(|_| WebhookResponse::Unavailable)?))
    }

    async fn store_updates(
        &self,
        webhook_headers: &WebhookHeaders,
        signature: Signature,
        event: &WebhookEvent,
    ) -> WebhookResponse {
        let updates = parse::updates_of_event(event);
        if updates.is_empty() && parse::checked_repo(event).is_none() {
            return WebhookResponse::Ignored;
        }
        let checked_repo = parse::checked_repo(event);
        let delivery =
            WebhookDelivery { id: &webhook_headers.id, signature: &signature, checked_repo };
        match self.event_store.insert_delivery(delivery, &updates).await {
            Ok(Inserted::Stored(new)) => {
                debug!(
                    delivery = webhook_headers.id,
                    new, "Took in a webhook of {}", webhook_headers.event
                );
                WebhookResponse::Stored
            }
            Ok(Inserted::Known) => WebhookResponse::Duplicate,
            Ok(Inserted::Full) => {
                warn!("A webhook was refused: too much waits to be looked at");
                WebhookResponse::Unavailable
            }
            Err(error) => {
                debug!(%error, "A webhook was refused, as Redis did not take it");
                WebhookResponse::Unavailable
            }
        }
    }
}

/// Checks the signature of the body as it came, then reads it.
async fn verify(
    secrets: &WebhookSecrets,
    signature: Signature,
    event: &str,
    body: Vec<u8>,
) -> Result<WebhookEvent, WebhookResponse> {
    let (secrets, name) = (secrets.clone(), event.to_owned());
    let large = body.len() > SMALL;
    let read = move || {
        if let Err(error) = secrets.check(&body, &signature) {
            debug!(%error, "A webhook was refused");
            return Err(WebhookResponse::BadSignature);
        }
        WebhookEvent::read(&name, &body).map_err(|error| {
            warn!(event = name, error, "A webhook is signed and can't be read");
            WebhookResponse::Unreadable
        })
    };
    match large {
        true => tokio::task::spawn_blocking(read).await.unwrap_or(Err(WebhookResponse::Unreadable)),
        false => read(),
    }
}
