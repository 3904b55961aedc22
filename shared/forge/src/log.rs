//! Logs as streams.
//!
//! GitHub answers with an address on another host that is valid for a minute. That host gets no
//! credentials: the query authorizes the request. Bytes are passed on as they arrive, up to a cap,
//! and none are kept. A broken body resumes at the byte where it broke, from a fresh address. A
//! body that stalls or takes too long is an error.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::header::{CONTENT_RANGE, LOCATION, RANGE};
use http::{Request, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::call::{ApiCall, BodyMode};
use crate::client::{ApiClient, ResponseContent, page, refused_target};
use crate::error::ForgeError;
use crate::names::JobId;
use crate::retry::RetryBudget;
use crate::transport::{Body, TransportError, next};

/// The most redirects to follow for one log.
const HOPS: usize = 3;

/// The owner of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogSource {
    By(JobId),
    Together,
}

/// A log that is being read.
pub struct LogStream {
    core: Arc<ApiClient>,
    call: ApiCall,
    source: LogSource,
    body: Body,
    /// Bytes passed on so far.
    read: u64,
    /// Bytes at the start of the current body that were passed on before.
    again: u64,
    cap: u64,
    cut: bool,
    tries: RetryBudget,
    deadline: Instant,
}

impl LogStream {
    pub(crate) async fn open(
        core: Arc<ApiClient>,
        call: ApiCall,
        source: LogSource,
        cap: u64,
    ) -> Result<Self, ForgeError> {
        let call = call.taking(BodyMode::Flowing);
        let mut tries = core.tries();
        let deadline = Instant::now() + core.config.retry_limits.download;
        let (body, again) = reopen(&core, &call, source, 0, &mut tries).await?;
        Ok(Self { core, call, source, body, read: 0, again, cap, cut: false, tries, deadline })
    }

    /// Returns the next bytes, or `None` at the end of the log or at the cap.
    ///
    /// # Errors
    ///
    /// When the log breaks off and can't be resumed, or takes too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ForgeError> {
        while self.read < self.cap {
            match self.next().await {
                Ok(None) => return Ok(None),
                Ok(Some(bytes)) => {
                    if let Some(fresh) = self.take(bytes) {
                        return Ok(Some(fresh));
                    }
                }
                Err(error) => self.resume(error).await?,
            }
        }
        // Only another read shows whether more would have come.
        self.cut = self.cut || matches!(self.next().await, Ok(Some(_)) | Err(_));
        Ok(None)
    }

    /// Passes all bytes to `sink`, and returns their number.
    ///
    /// # Errors
    ///
    /// As [`LogStream::chunk`]. Bytes before the error were passed on.
    pub async fn each(&mut self, mut sink: impl FnMut(&[u8])) -> Result<u64, ForgeError> {
        while let Some(bytes) = self.chunk().await? {
            sink(&bytes);
        }
        Ok(self.read)
    }

    /// Returns all bytes, buffered up to the cap.
    ///
    /// # Errors
    ///
    /// As [`LogStream::chunk`].
    pub async fn whole(mut self) -> Result<Vec<u8>, ForgeError> {
        let mut whole = Vec::new();
        self.each(|bytes| whole.extend_from_slice(bytes)).await?;
        Ok(whole)
    }

    /// Returns `true` if the log is longer than the cap; known at the end.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ForgeError> {
        let reading = next(&mut self.body, self.core.config.retry_limits.silence);
        let late = Err(TransportError::Lost("it takes too long".to_owned()));
        let bytes = tokio::time::timeout_at(self.deadline, reading).await.unwrap_or(late);
        bytes.map_err(|error| lost(&self.call, error))
    }

    /// Returns the part of these bytes that is new and within the cap.
    fn take(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        let known = usize::try_from(self.again).unwrap_or(usize::MAX).min(bytes.len());
        bytes.advance(known);
        self.again -= known as u64;
        let room = usize::try_from(self.cap - self.read).unwrap_or(usize::MAX);
        self.cut = bytes.len() > room;
        bytes.truncate(room);
        self.read += bytes.len() as u64;
        (!bytes.is_empty()).then_some(bytes)
    }

    async fn resume(&mut self, error: ForgeError) -> Result<(), ForgeError> {
        if Instant::now() >= self.deadline {
            return Err(error);
        }
        self.core.pause(&mut self.tries, error).await?;
        let reopened =
            reopen(&self.core, &self.call, self.source, self.read, &mut self.tries).await?;
        (self.body, self.again) = reopened;
        Ok(())
    }
}

impl std::fmt::Debug for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("LogStream");
        shown.field("read", &self.read).field("cap", &self.cap).finish_non_exhaustive()
    }
}

/// Requests the log from byte `from`. The number with the body counts its bytes before that one,
/// for hosts that ignore ranges.
async fn reopen(
    core: &ApiClient,
    call: &ApiCall,
    source: LogSource,
    from: u64,
    tries: &mut RetryBudget,
) -> Result<(Body, u64), ForgeError> {
    loop {
        match request_log(core, call, source, from).await {
            Err(error @ (ForgeError::Unreachable { .. } | ForgeError::Failing { .. })) => {
                core.pause(tries, error).await?;
            }
            other => return other,
        }
    }
}

async fn request_log(
    core: &ApiClient,
    call: &ApiCall,
    source: LogSource,
    from: u64,
) -> Result<(Body, u64), ForgeError> {
    let answer = core.send(call).await?;
    let body = match answer.content {
        ResponseContent::Flowing(body) => body,
        ResponseContent::Whole(_) => return Err(refused_target(&call.purpose, "")),
    };
    if !answer.status.is_redirection() {
        return Ok((body, from));
    }
    let received = answer.headers.get(LOCATION).and_then(|received| received.to_str().ok());
    let api = core.config.api.rest("/");
    let target = Url::parse(&api).and_then(|api| api.join(received.unwrap_or_default()));
    let target = target.map_err(|_| refused_target(&call.purpose, received.unwrap_or_default()))?;
    fetch(core, call, source, target, from).await
}

/// Fetches from another host, without credentials.
async fn fetch(
    core: &ApiClient,
    call: &ApiCall,
    source: LogSource,
    mut target: Url,
    from: u64,
) -> Result<(Body, u64), ForgeError> {
    for _ in 0..HOPS {
        if !core.config.api.lets_fetch(&target) {
            break;
        }
        let request = unauthenticated_request(call, &target, from)?;
        let sent = core.transport.send(request).await;
        let response = sent.map_err(|error| lost(call, error))?;
        match redirect_target(&target, &response) {
            Some(next) => target = next,
            None => return opened(call, source, response, from),
        }
    }
    Err(refused_target(&call.purpose, target.as_str()))
}

fn unauthenticated_request(
    call: &ApiCall,
    target: &Url,
    from: u64,
) -> Result<Request<Bytes>, ForgeError> {
    let mut request = Request::get(target.as_str());
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
    }
    request.body(Bytes::new()).map_err(|_| refused_target(&call.purpose, target.as_str()))
}

fn redirect_target(from: &Url, response: &Response<Body>) -> Option<Url> {
    let target = response.headers().get(LOCATION)?.to_str().ok()?;
    response.status().is_redirection().then(|| from.join(target).ok()).flatten()
}

fn opened(
    call: &ApiCall,
    source: LogSource,
    response: Response<Body>,
    from: u64,
) -> Result<(Body, u64), ForgeError> {
    let purpose = Arc::clone(&call.purpose);
    let status = response.status();
    match (status, source) {
        (StatusCode::PARTIAL_CONTENT, _) if starts_at(&response, from) => {
            Ok((response.into_body(), 0))
        }
        (StatusCode::OK, _) => match page(call, status, response.headers()) {
            None => Ok((response.into_body(), from)),
            Some(error) => Err(error),
        },
        (StatusCode::NOT_FOUND | StatusCode::GONE, LogSource::By(job)) => {
            Err(ForgeError::LogGone(job))
        }
        (StatusCode::NOT_FOUND | StatusCode::GONE, LogSource::Together) => {
            Err(ForgeError::NotFound { purpose, permission: None })
        }
        // The host knows the log's end: there are no more bytes.
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => Ok((empty(), 0)),
        // An expired address is forbidden; a fresh one helps.
        _ => {
            let message = "from the host of the log".to_owned();
            Err(ForgeError::Failing { purpose, status: status.as_u16(), message })
        }
    }
}

fn starts_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let start = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    start.and_then(|start| start.parse().ok()) == Some(from)
}

fn empty() -> Body {
    use http_body_util::BodyExt;
    http_body_util::Empty::new().map_err(|never: std::convert::Infallible| match never {}).boxed()
}

fn lost(call: &ApiCall, error: TransportError) -> ForgeError {
    let purpose = Arc::clone(&call.purpose);
    match error {
        TransportError::NotSent(why) | TransportError::Lost(why) => {
            ForgeError::Unreachable { purpose, why }
        }
        TransportError::TooLarge => ForgeError::TooLarge { purpose, cap: 0 },
    }
}
