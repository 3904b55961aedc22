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
use greenline_forge::webhook::{Event, Secrets, Signature, SignatureError};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::body::{Incoming, Shares};
use super::funnel::{Delivery, Funnel, TakenIn};
use super::{numbers, reading};
use crate::http::Client;

/// GitHub sends nothing larger.
const LARGEST: usize = 25 << 20;

/// What all large bodies that are being read may take together.
const ROOM: usize = 32 << 20;

/// Larger bodies wait for room, and are read on a thread where that holds nobody up. A connection
/// holds at most this much of a body that did not wait.
const SMALL: usize = 256 << 10;

/// How many large bodies of one client are read or wait.
const SHARE: usize = 2;

/// GitHub gives up after 10 s.
const WITHIN: Duration = Duration::from_secs(8);

/// Receives webhooks.
pub(crate) struct Door {
    funnel: Funnel,
    secrets: Option<Secrets>,
    room: Arc<Semaphore>,
    shares: Shares,
}

/// The answer to a webhook.
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
    /// Its body does not come.
    TooSlow,
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
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
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
            Self::TooSlow => "the body comes too slowly",
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
            Self::TooSlow => Some("send 64 KiB within 2 s, and all of it within 8 s"),
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
            Self::TooSlow => "too_slow",
            Self::NotNow => "not_now",
        }
    }
}

/// The headers that count.
struct Envelope {
    event: String,
    id: String,
    signature: Result<Signature, SignatureError>,
}

impl Envelope {
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

impl Door {
    pub(crate) fn new(funnel: Funnel, secrets: Option<Secrets>) -> Self {
        let room = Arc::new(Semaphore::new(ROOM));
        Self { funnel, secrets, room, shares: Shares::new(SHARE) }
    }

    /// Takes one in, and says what to answer, in less time than GitHub grants.
    pub(crate) async fn receive(&self, headers: &HeaderMap, body: Body, client: Client) -> Answer {
        let envelope = Envelope::of(headers);
        let taken = self.take(&envelope, body, client);
        let answer = tokio::time::timeout(WITHIN, taken).await.unwrap_or(Answer::NotNow);
        numbers::webhook(&envelope.event, answer.label());
        answer
    }

    async fn take(&self, envelope: &Envelope, body: Body, client: Client) -> Answer {
        let Some(secrets) = &self.secrets else { return Answer::Closed };
        let signature = match envelope.signature {
            Ok(signature) => signature,
            Err(error) => {
                debug!(%error, "A webhook was refused");
                return Answer::NotBelieved;
            }
        };
        if body.size_hint().lower() > LARGEST as u64 {
            return Answer::TooLarge;
        }
        let taken = async {
            let mut body = Incoming::new(body, LARGEST);
            body.begin().await?;
            // Held until the event is read: the body is in memory until then.
            let _place = match body.is_larger_than(SMALL) {
                true => Some(self.place(client, body.expected()).await?),
                false => None,
            };
            believe(secrets, signature, &envelope.event, body.rest().await?).await
        };
        match taken.await {
            Ok(event) => self.keep(envelope, signature, &event).await,
            Err(refused) => refused,
        }
    }

    /// Waits for room for a large body, unless its client has its share.
    async fn place(&self, client: Client, size: usize) -> Result<impl Sized, Answer> {
        let share = self.shares.take(client).ok_or(Answer::NotNow)?;
        let permits = u32::try_from(size.max(1)).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        let room = self.room.clone().acquire_many_owned(permits).await;
        Ok((share, room.map_err(|_| Answer::NotNow)?))
    }

    async fn keep(&self, envelope: &Envelope, signature: Signature, event: &Event) -> Answer {
        let news = reading::of_event(event);
        if news.is_empty() && reading::heard(event).is_none() {
            return Answer::Nothing;
        }
        let heard = reading::heard(event);
        let delivery = Delivery { id: &envelope.id, signature: &signature, heard };
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
async fn believe(
    secrets: &Secrets,
    signature: Signature,
    event: &str,
    body: Vec<u8>,
) -> Result<Event, Answer> {
    let (secrets, name) = (secrets.clone(), event.to_owned());
    let large = body.len() > SMALL;
    let read = move || {
        if let Err(error) = secrets.check(&body, &signature) {
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
