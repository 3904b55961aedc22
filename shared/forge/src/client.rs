//! Sends every call: credentials, limits, retries, cache, and the interpretation of the response.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use greenline_runtime::settings::Secret;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK, LOCATION,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::debug;
use url::Url;

use crate::account::{Account, CallScope};
use crate::cache::{CacheKey, CachedResponse, ResponseCache};
use crate::call::{ApiCall, BodyMode, CallTarget};
use crate::config::{ForgeConfig, GitHubCredentials};
use crate::error::{ForgeError, Purpose, RateLimitKind};
use crate::names::{InstallationId, RepoName};
use crate::rate_limit::{RateLimitTracker, count_call, count_wait, response_date, set_cache_gauge};
use crate::response::{ErrorBody, limited, read, refusal};
use crate::retry::RetryBudget;
use crate::time::Timestamp;
use crate::tokens::{AccessToken, TokenCache};
use crate::transport::{Body, Transport, TransportError};

const API_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));

/// The most bytes to read of an error response.
const ERROR_BODY_CAP: u64 = 64 << 10;

/// The most redirects within GitHub's API that one call follows.
const MOVES: usize = 3;

/// The lifetime of an installation's token if GitHub reports none.
const TOKEN_TIME: Duration = Duration::from_secs(3_600);

pub(crate) struct ApiClient {
    pub(crate) config: ForgeConfig,
    pub(crate) transport: Transport,
    pub(crate) rate_limits: RateLimitTracker,
    pub(crate) tokens: TokenCache,
    cache: ResponseCache,
    rng: Mutex<fastrand::Rng>,
}

/// A response that is neither an error nor a limit.
pub(crate) struct ApiResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: ResponseContent,
}

pub(crate) enum ResponseContent {
    Whole(Bytes),
    Flowing(Body),
}

/// The reason why an attempt failed.
enum CallError {
    /// No attempt can succeed.
    Final(ForgeError),
    /// A limit refused the call; the rate limit state knows the wait.
    Limited,
    /// The token is no longer valid.
    Expired(ForgeError),
    /// The request was never sent, so every call may be retried.
    NotSent(ForgeError),
    /// The call may have taken effect, so only repeatable calls are retried.
    Passing(ForgeError),
}

impl ApiClient {
    pub(crate) fn new(config: ForgeConfig) -> Result<Self, ForgeError> {
        Ok(Self {
            transport: Transport::new(config.retry_limits)?,
            rate_limits: RateLimitTracker::new(config.clock.clone()),
            tokens: TokenCache::new(config.clock.clone()),
            cache: ResponseCache::new(config.cache_bytes),
            rng: Mutex::new(fastrand::Rng::with_seed(config.seed)),
            config,
        })
    }

    /// Sends a call and parses its response.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &ApiCall) -> Result<T, ForgeError> {
        read(&call.purpose, &self.bytes(call).await?)
    }

    /// Sends a call and ignores the body of its response.
    pub(crate) async fn done(&self, call: &ApiCall) -> Result<(), ForgeError> {
        self.send(call).await.map(drop)
    }

    /// Sends a call and returns the body of its response.
    pub(crate) async fn bytes(&self, call: &ApiCall) -> Result<Bytes, ForgeError> {
        Ok(self.send(call).await?.whole())
    }

    /// Sends a call, retrying within the configured attempts and total wait.
    pub(crate) async fn send(&self, call: &ApiCall) -> Result<ApiResponse, ForgeError> {
        let mut tries = self.tries();
        let mut renewed = false;
        loop {
            let account = self.account(&call.about).await?;
            self.wait_for_limit(call, account, &mut tries).await?;
            match self.once(call, account).await {
                Ok(answer) => return Ok(answer),
                Err(CallError::Final(error)) => return Err(error),
                Err(CallError::Limited) => {
                    if !tries.refused() {
                        return Err(self.limit(call, account));
                    }
                }
                Err(CallError::Expired(error)) => match account {
                    Account::Installation(id) if !renewed => {
                        renewed = true;
                        self.tokens.drop_token(id);
                    }
                    _ => return Err(error),
                },
                Err(CallError::Passing(error)) if !call.repeatable => return Err(error),
                Err(CallError::NotSent(error) | CallError::Passing(error)) => {
                    self.pause(&mut tries, error).await?;
                }
            }
        }
    }

    pub(crate) fn tries(&self) -> RetryBudget {
        let seed = self.rng.lock().unwrap_or_else(PoisonError::into_inner).u64(..);
        RetryBudget::new(&self.config.retry_limits, seed)
    }

    /// Waits before the next attempt, or returns the error if there is none.
    pub(crate) async fn pause(
        &self,
        tries: &mut RetryBudget,
        error: ForgeError,
    ) -> Result<(), ForgeError> {
        let Some(pause) = tries.again() else { return Err(error) };
        debug!(pause_ms = pause.as_millis(), "Trying again: {error}");
        count_wait("again");
        self.config.pause.wait(pause).await;
        Ok(())
    }

    /// Waits until no known limit refuses the call, if that is soon.
    async fn wait_for_limit(
        &self,
        call: &ApiCall,
        account: Account,
        tries: &mut RetryBudget,
    ) -> Result<(), ForgeError> {
        while let Some((limit, wait)) = self.rate_limits.wait(account, call.place.resource()) {
            if !tries.wait(wait) {
                return Err(self.limit(call, account));
            }
            debug!(wait_ms = wait.as_millis(), "Waiting for GitHub's {limit} limit");
            count_wait("limit");
            self.config.pause.wait(wait).await;
        }
        Ok(())
    }

    fn limit(&self, call: &ApiCall, account: Account) -> ForgeError {
        let known = self.rate_limits.wait(account, call.place.resource());
        let (limit, wait) = known.unwrap_or((RateLimitKind::Secondary, Duration::ZERO));
        let until = self.rate_limits.in_time(wait);
        ForgeError::RateLimited { purpose: Arc::clone(&call.purpose), limit, until }
    }

    /// Makes one attempt, following redirects within GitHub's API.
    async fn once(&self, call: &ApiCall, account: Account) -> Result<ApiResponse, CallError> {
        let mut url = self.address(call)?;
        let secret = self.secret(account).await;
        let secret = secret.map_err(|error| self.without_token(call, error))?;
        for _ in 0..=MOVES {
            let key = CacheKey { account, accept: call.accept, url: url.clone() };
            let cached = if call.is_cacheable() { self.cache.get(&key) } else { None };
            let request = request(call, &url, secret.as_ref(), cached.as_ref());
            let response = self.exchange(call, request).await?;
            self.rate_limits.read(account, response.headers());
            match self.moved(&url, &response) {
                Some(next) => url = next,
                None => return self.classify(call, account, response, key, cached).await,
            }
        }
        Err(CallError::Final(redirected(call, &url)))
    }

    /// A reinstalled app has a new installation id, so the next call looks it up again.
    fn without_token(&self, call: &ApiCall, error: ForgeError) -> CallError {
        if let (CallScope::Repo(repo), ForgeError::NotFound { .. }) = (&call.about, &error) {
            self.tokens.drop_owner(repo.owner());
        }
        CallError::Final(error)
    }

    async fn exchange(
        &self,
        call: &ApiCall,
        request: Result<Request<Bytes>, ForgeError>,
    ) -> Result<Response<Body>, CallError> {
        let answer = self.transport.send(request.map_err(CallError::Final)?).await;
        let ended = answer.as_ref().map_or("lost", |response| ending(response.status()));
        count_call(call.place.resource(), ended);
        answer.map_err(|transport_error| call_error(call, transport_error))
    }

    /// Returns the target of a redirect within GitHub's API.
    fn moved(&self, from: &str, response: &Response<Body>) -> Option<String> {
        if !response.status().is_redirection() {
            return None;
        }
        let target = response.headers().get(LOCATION)?.to_str().ok()?;
        let target = Url::parse(from).ok()?.join(target).ok()?;
        self.config.api.covers(&target).then(|| target.into())
    }

    /// Interprets a response and reads as much of it as that takes.
    async fn classify(
        &self,
        call: &ApiCall,
        account: Account,
        response: Response<Body>,
        key: CacheKey,
        cached: Option<CachedResponse>,
    ) -> Result<ApiResponse, CallError> {
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status, parts.headers);
        if let Some(error) = page(call, status, &headers) {
            return Err(CallError::Passing(error));
        }
        match (cached, call.take) {
            (Some(cached), _) if status == StatusCode::NOT_MODIFIED => Ok(cached.into()),
            (_, BodyMode::Flowing) if status.is_success() || status.is_redirection() => {
                Ok(ApiResponse { status, headers, content: ResponseContent::Flowing(body) })
            }
            (_, BodyMode::Whole(cap)) if status.is_success() => {
                let whole = self.transport.whole(body, cap).await;
                let whole = whole.map_err(|transport_error| call_error(call, transport_error))?;
                self.keep(call, key, &headers, &whole);
                Ok(ApiResponse { status, headers, content: ResponseContent::Whole(whole) })
            }
            _ if status.is_redirection() => {
                let target = headers.get(LOCATION).and_then(|received| received.to_str().ok());
                Err(CallError::Final(redirected(call, target.unwrap_or_default())))
            }
            _ => {
                // The body of an error helps, but failing to read it is no further error.
                let received = self.transport.whole(body, ERROR_BODY_CAP).await.unwrap_or_default();
                Err(self.refused(call, account, status, &headers, &ErrorBody::read(&received)))
            }
        }
    }

    fn refused(
        &self,
        call: &ApiCall,
        account: Account,
        status: StatusCode,
        headers: &HeaderMap,
        error_body: &ErrorBody,
    ) -> CallError {
        match limited(status, headers, error_body, &self.rate_limits) {
            Some((RateLimitKind::Primary, time)) => {
                // One second more, so that the hour has ended by GitHub's clock.
                let time = time + Duration::from_secs(1);
                self.rate_limits.exhaust(account, call.place.resource(), time);
                return CallError::Limited;
            }
            Some((RateLimitKind::Secondary, time)) => {
                self.rate_limits.pause(account, time);
                return CallError::Limited;
            }
            None => {}
        }
        match refusal(&call.purpose, status, headers, error_body) {
            error @ ForgeError::Unauthorized { .. } => CallError::Expired(error),
            error @ ForgeError::Failing { .. } => CallError::Passing(error),
            error => CallError::Final(error),
        }
    }

    fn keep(&self, call: &ApiCall, key: CacheKey, headers: &HeaderMap, body: &Bytes) {
        let (true, Some(etag)) = (call.is_cacheable(), headers.get(ETAG)) else { return };
        let link = headers.get(LINK).cloned();
        self.cache.put(key, CachedResponse { etag: etag.clone(), link, body: body.clone() });
        set_cache_gauge(self.cache.bytes());
    }

    fn address(&self, call: &ApiCall) -> Result<String, CallError> {
        match &call.place {
            CallTarget::Rest(path) => Ok(self.config.api.rest(path)),
            CallTarget::Graphql => Ok(self.config.api.graphql().to_owned()),
            CallTarget::Next(url) => match Url::parse(url) {
                Ok(next) if self.config.api.covers(&next) => Ok(next.into()),
                _ => Err(CallError::Final(redirected(call, url))),
            },
        }
    }
}

/// Credentials of a call.
impl ApiClient {
    pub(crate) async fn account(&self, about: &CallScope) -> Result<Account, ForgeError> {
        match (&self.config.credentials, about) {
            (GitHubCredentials::Anonymous, _) => Ok(Account::Anonymous),
            (GitHubCredentials::Token(_), _) => Ok(Account::Token),
            (GitHubCredentials::App { .. }, CallScope::App | CallScope::Ourselves) => {
                Ok(Account::App)
            }
            (GitHubCredentials::App { .. }, CallScope::Installation(id)) => {
                Ok(Account::Installation(*id))
            }
            (GitHubCredentials::App { .. }, CallScope::Repo(repo)) => {
                // Boxed, because the lookup is itself a call.
                let look_up = Box::pin(self.look_up(repo));
                self.tokens.installation(repo.owner(), look_up).await.map(Account::Installation)
            }
        }
    }

    /// `GET /repos/{owner}/{repo}/installation`
    async fn look_up(&self, repo: &RepoName) -> Result<InstallationId, ForgeError> {
        #[derive(Deserialize)]
        struct FoundInstallation {
            id: InstallationId,
        }
        let purpose = format!("find the app's installation for {repo}");
        let path = format!("/repos/{repo}/installation");
        let call = ApiCall::new(Method::GET, CallScope::App, path, purpose);
        self.json::<FoundInstallation>(&call).await.map(|found| found.id)
    }

    async fn secret(&self, account: Account) -> Result<Option<Secret>, ForgeError> {
        match (&self.config.credentials, account) {
            (GitHubCredentials::Token(token), _) => Ok(Some(token.clone())),
            (GitHubCredentials::App { .. }, Account::Installation(installation)) => {
                let mint = Box::pin(self.mint(installation));
                self.tokens.token(installation, mint).await.map(Some)
            }
            (GitHubCredentials::App { id, key }, _) => {
                key.token(id, self.config.clock.wall_ms()).map(|token| Some(token.into()))
            }
            (GitHubCredentials::Anonymous, _) => Ok(None),
        }
    }

    /// `POST /app/installations/{installation_id}/access_tokens`
    ///
    /// Retried, because an additional token does no harm.
    async fn mint(&self, installation: InstallationId) -> Result<AccessToken, ForgeError> {
        #[derive(Deserialize)]
        struct Minted {
            token: String,
            #[serde(default)]
            expires_at: Option<Timestamp>,
        }
        let purpose = format!("get a token for installation {installation}");
        let path = format!("/app/installations/{installation}/access_tokens");
        let mut call = ApiCall::new(Method::POST, CallScope::App, path, purpose);
        call.repeatable = true;
        let answer = self.send(&call).await?;
        let now_ms = response_date(&answer.headers).unwrap_or_else(|| self.config.clock.wall_ms());
        let minted: Minted = read(&call.purpose, &answer.whole())?;
        let time = minted
            .expires_at
            .map_or(TOKEN_TIME, |until| Duration::from_millis(until.0.saturating_sub(now_ms)));
        Ok(AccessToken {
            secret: minted.token.into(),
            good_until: self.config.clock.steady() + time,
        })
    }
}

impl ApiCall {
    /// Returns `true` if the response may be cached.
    fn is_cacheable(&self) -> bool {
        self.method == Method::GET && self.take != BodyMode::Flowing
    }
}

impl ApiResponse {
    /// Returns the body; empty for a streamed response.
    pub(crate) fn whole(self) -> Bytes {
        match self.content {
            ResponseContent::Whole(bytes) => bytes,
            ResponseContent::Flowing(_) => Bytes::new(),
        }
    }
}

impl From<CachedResponse> for ApiResponse {
    fn from(cached: CachedResponse) -> Self {
        let link = cached.link.map(|link| (LINK, link));
        let headers = link.into_iter().collect();
        Self { status: StatusCode::OK, headers, content: ResponseContent::Whole(cached.body) }
    }
}

fn request(
    call: &ApiCall,
    url: &str,
    secret: Option<&Secret>,
    cached: Option<&CachedResponse>,
) -> Result<Request<Bytes>, ForgeError> {
    let body = call.body.clone().unwrap_or_default();
    let mut builder = Request::builder().method(call.method.clone()).uri(url);
    builder = builder.header(ACCEPT, call.accept).header(API_VERSION.0, API_VERSION.1);
    if let Some(secret) = secret {
        builder = builder.header(AUTHORIZATION, bearer(secret)?);
    }
    if let Some(cached) = cached {
        builder = builder.header(IF_NONE_MATCH, cached.etag.clone());
    }
    if call.method != Method::GET {
        builder = builder.header(CONTENT_LENGTH, body.len());
    }
    if call.body.is_some() {
        builder = builder.header(CONTENT_TYPE, "application/json");
    }
    builder.body(body).map_err(|error| ForgeError::Invalid {
        purpose: Arc::clone(&call.purpose),
        status: 400,
        message: error.to_string(),
    })
}

fn bearer(secret: &Secret) -> Result<HeaderValue, ForgeError> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", secret.expose().trim()))
        .map_err(|_| ForgeError::Settings("the token holds more than a token".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn call_error(call: &ApiCall, transport_error: TransportError) -> CallError {
    let purpose = Arc::clone(&call.purpose);
    match (transport_error, call.take) {
        (TransportError::NotSent(why), _) => {
            CallError::NotSent(ForgeError::Unreachable { purpose, why })
        }
        (TransportError::Lost(why), _) => {
            CallError::Passing(ForgeError::Unreachable { purpose, why })
        }
        (TransportError::TooLarge, BodyMode::Whole(cap)) => {
            CallError::Final(ForgeError::TooLarge { purpose, cap })
        }
        (TransportError::TooLarge, BodyMode::Flowing) => {
            CallError::Final(ForgeError::TooLarge { purpose, cap: 0 })
        }
    }
}

pub(crate) fn redirected(call: &ApiCall, target: &str) -> ForgeError {
    refused_target(&call.purpose, target)
}

/// Builds the error for a redirect that is not followed, without the query, which may hold a
/// signature.
pub(crate) fn refused_target(purpose: &Purpose, target: &str) -> ForgeError {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    let target = target.chars().take(200).collect();
    ForgeError::Redirected { purpose: Arc::clone(purpose), target }
}

/// Returns an error if the response is an HTML page. GitHub's API never sends one, so a proxy
/// answered and nothing took effect. Treating the page as success would lose a re-run, or store the
/// page as a log.
pub(crate) fn page(call: &ApiCall, status: StatusCode, headers: &HeaderMap) -> Option<ForgeError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    (status.is_success() && kind.starts_with("text/html")).then(|| ForgeError::Failing {
        purpose: Arc::clone(&call.purpose),
        status: status.as_u16(),
        message: "a page came in place of an answer".to_owned(),
    })
}

fn ending(status: StatusCode) -> &'static str {
    match status.as_u16() {
        304 => "not_modified",
        200..400 => "ok",
        403 | 429 => "refused_or_limited",
        400..500 => "refused",
        _ => "failing",
    }
}
