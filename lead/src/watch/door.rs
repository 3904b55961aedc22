//! Webhooks: believed by their signature, read, and kept before they are answered.
//!
//! - A webhook is answered with 2xx only once Redis has what it says, or it says nothing to us.
//!   GitHub counts everything else as not delivered, and it can be sent again.
//! - One that came before is known by its delivery id, and a copy under another id, which is not
//!   signed, by its signature.
//! - Any lead takes them in, also one that stands by: Redis decides what is new.
//! - Bodies in memory are bounded together: who is not GitHub can make the lead wait, not grow.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, StatusCode};
use greenline_forge::webhook::{Event, Secrets};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::funnel::{Delivery, Funnel, TakenIn};
use super::{numbers, reading};

/// GitHub sends nothing larger.
const LARGEST: usize = 25 << 20;

/// What all bodies that are being read may take together.
const ROOM: usize = 32 << 20;

/// Larger ones are read on a thread where that holds nobody up.
const QUICK: usize = 256 << 10;

/// GitHub gives up after 10 s.
const WITHIN: Duration = Duration::from_secs(8);

/// Where webhooks come in.
pub(crate) struct Door {
    funnel: Funnel,
    secrets: Option<Secrets>,
    room: Arc<Semaphore>,
}

/// What a webhook is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Redis has it.
    Stored,
    /// It came before.
    Known,
    /// It says nothing to us.
    Nothing,
    /// No secret is set, so nothing is believed.
    Closed,
    /// The signature is missing, unreadable or wrong.
    NotBelieved,
    /// It is signed, and no webhook.
    Unreadable,
    /// Larger than GitHub sends.
    TooLarge,
    /// Redis is away, or too much waits: to be sent again.
    NotNow,
}

impl Answer {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Stored => StatusCode::ACCEPTED,
            Self::Known | Self::Nothing => StatusCode::OK,
            Self::Closed | Self::NotNow => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotBelieved => StatusCode::UNAUTHORIZED,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Known => "known",
            Self::Nothing => "nothing to do",
            Self::Closed => "no webhook secret is set",
            Self::NotBelieved => "the signature is missing or wrong",
            Self::Unreadable => "the body can't be read",
            Self::TooLarge => "the body is larger than 25 MB",
            Self::NotNow => "it can't be kept now",
        }
    }

    pub(crate) fn mend(self) -> Option<&'static str> {
        match self {
            Self::Stored | Self::Known | Self::Nothing => None,
            Self::Closed => Some("set GITHUB_WEBHOOK_SECRET, here and on GitHub"),
            Self::NotBelieved => Some("set the same secret on GitHub and in GITHUB_WEBHOOK_SECRET"),
            Self::Unreadable => Some("choose application/json as the webhook's content type"),
            Self::TooLarge => Some("send at most 25 MB"),
            Self::NotNow => Some("send it again; the lead's log says what is wrong"),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Known => "known",
            Self::Nothing => "nothing",
            Self::Closed => "closed",
            Self::NotBelieved => "not_believed",
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::NotNow => "not_now",
        }
    }
}

/// The headers that count.
struct Envelope {
    event: String,
    id: String,
    signature: Option<String>,
}

impl Envelope {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let short = |name: &str| text(name).unwrap_or_default().chars().take(100).collect();
        Self {
            event: short("x-github-event"),
            id: short("x-github-delivery"),
            signature: text("x-hub-signature-256").map(str::to_owned),
        }
    }
}

impl Door {
    pub(crate) fn new(funnel: Funnel, secrets: Option<Secrets>) -> Self {
        Self { funnel, secrets, room: Arc::new(Semaphore::new(ROOM)) }
    }

    /// Takes one in, and says what to answer, in less time than GitHub grants.
    pub(crate) async fn receive(&self, headers: &HeaderMap, body: Body) -> Answer {
        let envelope = Envelope::of(headers);
        let taken = self.take(&envelope, body);
        let answer = tokio::time::timeout(WITHIN, taken).await.unwrap_or(Answer::NotNow);
        numbers::webhook(&envelope.event, answer.label());
        answer
    }

    async fn take(&self, envelope: &Envelope, body: Body) -> Answer {
        let Some(secrets) = &self.secrets else { return Answer::Closed };
        if envelope.signature.is_none() {
            return Answer::NotBelieved;
        }
        let size = body.size_hint();
        if size.lower() > LARGEST as u64 {
            return Answer::TooLarge;
        }
        let most = size.exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(LARGEST);
        let permits = u32::try_from(most.max(1)).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        let Ok(_room) = self.room.acquire_many(permits).await else { return Answer::NotNow };
        let Ok(body) = axum::body::to_bytes(body, LARGEST).await else {
            // Broken off, or it went on beyond what was allowed.
            return if size.exact().is_none() { Answer::TooLarge } else { Answer::Unreadable };
        };
        match believe(secrets, envelope, body).await {
            Ok(event) => self.keep(envelope, &event).await,
            Err(refused) => refused,
        }
    }

    async fn keep(&self, envelope: &Envelope, event: &Event) -> Answer {
        let news = reading::of_event(event);
        if news.is_empty() && reading::heard(event).is_none() {
            return Answer::Nothing;
        }
        let signature = envelope.signature.as_deref().unwrap_or_default();
        let delivery = Delivery { id: &envelope.id, signature, heard: reading::heard(event) };
        match self.funnel.receive(delivery, &news).await {
            Ok(TakenIn::Stored(new)) => {
                debug!(delivery = envelope.id, new, "Took in a webhook of {}", envelope.event);
                Answer::Stored
            }
            Ok(TakenIn::Known) => Answer::Known,
            Ok(TakenIn::Full) => {
                warn!("A webhook was refused: too much waits to be looked at");
                Answer::NotNow
            }
            Err(error) => {
                debug!(%error, "A webhook was refused, as Redis did not take it");
                Answer::NotNow
            }
        }
    }
}

/// Checks the signature of the body as it came, then reads it.
async fn believe(secrets: &Secrets, envelope: &Envelope, body: Bytes) -> Result<Event, Answer> {
    let signature = envelope.signature.clone();
    let (secrets, name) = (secrets.clone(), envelope.event.clone());
    let large = body.len() > QUICK;
    let read = move || {
        if let Err(error) = secrets.check(&body, signature.as_deref()) {
            debug!(%error, "A webhook was refused");
            return Err(Answer::NotBelieved);
        }
        Event::read(&name, &body).map_err(|error| {
            warn!(event = name, error, "A webhook is signed and can't be read");
            Answer::Unreadable
        })
    };
    match large {
        true => tokio::task::spawn_blocking(read).await.unwrap_or(Err(Answer::Unreadable)),
        false => read(),
    }
}
