//! One request, one answer: octocrab's client, with a limit on time and on size.
//!
//! The client is used for connections, TLS and headers. Its retries, its following of redirects,
//! its cache and its tokens are left off: what they do wrong for us is in each module's place.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::USER_AGENT;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use octocrab::{Octocrab, OctocrabBuilder};

use crate::config::Patience;
use crate::error::ForgeError;

pub(crate) type Body = BoxBody<Bytes, octocrab::Error>;

/// What went wrong on the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The request was never sent.
    NotSent(String),
    /// It may have been sent; an answer did not come, or not whole.
    Lost(String),
    /// The answer is larger than it may be.
    TooLarge,
}

#[derive(Clone)]
pub(crate) struct Transport {
    client: Octocrab,
    patience: Patience,
}

impl Transport {
    pub(crate) fn new(patience: Patience) -> Result<Self, ForgeError> {
        let agent = concat!("greenline/", env!("CARGO_PKG_VERSION"));
        let client = OctocrabBuilder::new()
            .set_connect_timeout(Some(patience.silence))
            .set_read_timeout(Some(patience.answer))
            .set_write_timeout(Some(patience.silence))
            .add_header(USER_AGENT, agent.to_owned())
            .build()
            .map_err(|error| ForgeError::Settings(format!("no TLS: {}", deepest(&error))))?;
        Ok(Self { client, patience })
    }

    /// Sends a request, and gives its answer as soon as its headers are there.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, Trouble> {
        let answer = tokio::time::timeout(self.patience.answer, self.client.execute(request));
        match answer.await {
            Err(_) => Err(Trouble::Lost(format!("no answer in {:?}", self.patience.answer))),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if is_connecting(&error) => Err(Trouble::NotSent(deepest(&error))),
            Ok(Err(error)) => Err(Trouble::Lost(deepest(&error))),
        }
    }

    /// Reads a body to its end, up to `cap` bytes.
    pub(crate) async fn whole(&self, body: Body, cap: u64) -> Result<Bytes, Trouble> {
        let reading = read(body, usize::try_from(cap).unwrap_or(usize::MAX), self.patience.silence);
        let late = || Trouble::Lost(format!("no end in {:?}", self.patience.answer));
        tokio::time::timeout(self.patience.answer, reading).await.map_err(|_| late())?
    }
}

async fn read(mut body: Body, cap: usize, silence: Duration) -> Result<Bytes, Trouble> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = next(&mut body, silence).await? {
        if whole.len() + chunk.len() > cap {
            return Err(Trouble::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// The next bytes of a body; none at its end.
pub(crate) async fn next(body: &mut Body, silence: Duration) -> Result<Option<Bytes>, Trouble> {
    loop {
        let frame = tokio::time::timeout(silence, body.frame()).await;
        match frame.map_err(|_| Trouble::Lost(format!("no bytes for {silence:?}")))? {
            None => return Ok(None),
            Some(Err(error)) => return Err(Trouble::Lost(deepest(&error))),
            // Trailers are of no interest.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                _ => {}
            },
        }
    }
}

/// The causes of an error, last to first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let step = |error: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> {
        (*error).source()
    };
    std::iter::successors(Some(error), step)
}

/// The first cause, which says what happened; those above it say where in the client.
fn deepest(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

fn is_connecting(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}
