//! One request and its response: octocrab's client with limits on time and size.
//!
//! octocrab receives the connections and returns responses. Its retries, redirects, cache and
//! tokens are switched off: modules of this crate do that work.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};

use crate::config::RetryLimits;
use crate::error::ForgeError;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("greenline/", env!("CARGO_PKG_VERSION")));

pub(crate) type Body = BoxBody<Bytes, octocrab::Error>;

/// A failure on the network.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TransportError {
    /// The request was never sent.
    NotSent(String),
    /// The request may have been sent; no complete response came.
    Lost(String),
    /// The response exceeds the limit.
    TooLarge,
}

#[derive(Clone)]
pub(crate) struct Transport {
    client: Octocrab,
    retry_limits: RetryLimits,
}

impl Transport {
    pub(crate) fn new(retry_limits: RetryLimits) -> Result<Self, ForgeError> {
        let connections: Client<_, OctoBody> =
            Client::builder(TokioExecutor::new()).build(connector(retry_limits.silence)?);
        let client = OctocrabBuilder::new_empty()
            .with_service(connections)
            .with_auth(AuthState::None)
            .build()
            .unwrap_or_else(|never| match never {});
        Ok(Self { client, retry_limits })
    }

    /// Sends a request and returns the response as soon as its headers are there.
    pub(crate) async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Body>, TransportError> {
        request.headers_mut().insert(USER_AGENT, AGENT);
        let answer = tokio::time::timeout(self.retry_limits.answer, self.client.execute(request));
        match answer.await {
            Err(_) => {
                Err(TransportError::Lost(format!("no answer in {:?}", self.retry_limits.answer)))
            }
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if is_connecting(&error) => {
                Err(TransportError::NotSent(deepest(&error)))
            }
            Ok(Err(error)) => Err(TransportError::Lost(deepest(&error))),
        }
    }

    /// Reads a body to its end, up to `cap` bytes.
    pub(crate) async fn whole(&self, body: Body, cap: u64) -> Result<Bytes, TransportError> {
        let reading =
            read(body, usize::try_from(cap).unwrap_or(usize::MAX), self.retry_limits.silence);
        let late = || TransportError::Lost(format!("no end in {:?}", self.retry_limits.answer));
        tokio::time::timeout(self.retry_limits.answer, reading).await.map_err(|_| late())?
    }
}

/// Builds TLS connections with the machine's certificates, and plain ones for a GitHub on this
/// machine.
fn connector(retry_limits: Duration) -> Result<HttpsConnector<HttpConnector>, ForgeError> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(retry_limits));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls =
        HttpsConnectorBuilder::new().with_provider_and_native_roots(ring).map_err(|error| {
            ForgeError::Settings(format!("found no certificates to trust: {error}"))
        })?;
    Ok(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

async fn read(mut body: Body, cap: usize, silence: Duration) -> Result<Bytes, TransportError> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = next(&mut body, silence).await? {
        if whole.len() + chunk.len() > cap {
            return Err(TransportError::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Returns the next bytes of a body, or `None` at its end.
pub(crate) async fn next(
    body: &mut Body,
    silence: Duration,
) -> Result<Option<Bytes>, TransportError> {
    loop {
        let frame = tokio::time::timeout(silence, body.frame()).await;
        match frame.map_err(|_| TransportError::Lost(format!("no bytes for {silence:?}")))? {
            None => return Ok(None),
            Some(Err(error)) => return Err(TransportError::Lost(deepest(&error))),
            // Trailers are ignored.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                _ => {}
            },
        }
    }
}

/// Returns the causes of an error, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let step = |error: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> {
        (*error).source()
    };
    std::iter::successors(Some(error), step)
}

/// Returns the innermost cause, which describes the event; the outer ones describe places in the
/// client.
fn deepest(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

fn is_connecting(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<legacy::Error>())
        .any(legacy::Error::is_connect)
}
