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

use crate::account::{About, Account};
use crate::answer::{Complaint, limited, read, refusal};
use crate::cache::{Cache, Kept, Key};
use crate::call::{Call, Place, Take};
use crate::config::{Credentials, ForgeConfig};
use crate::error::{ForgeError, Limit, Purpose};
use crate::meter::{Meter, count_call, count_wait, said_date, show_kept};
use crate::names::{InstallationId, RepoName};
use crate::retry::Tries;
use crate::time::Moment;
use crate::tokens::{Token, Tokens};
use crate::transport::{Body, Transport, Trouble};

const API_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));

/// The most bytes to read of an error response.
const COMPLAINT_CAP: u64 = 64 << 10;

/// The most redirects within GitHub's API that one call follows.
const MOVES: usize = 3;

/// The lifetime of an installation's token if GitHub reports none.
const TOKEN_TIME: Duration = Duration::from_secs(3_600);

pub(crate) struct Core {
    pub(crate) config: ForgeConfig,
    pub(crate) transport: Transport,
    pub(crate) meter: Meter,
    pub(crate) tokens: Tokens,
    cache: Cache,
    dice: Mutex<fastrand::Rng>,
}

/// A response that is neither an error nor a limit.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Whole(Bytes),
    Flowing(Body),
}

/// The reason why an attempt failed.
enum Setback {
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

impl Core {
    pub(crate) fn new(config: ForgeConfig) -> Result<Self, ForgeError> {
        Ok(Self {
            transport: Transport::new(config.patience)?,
            meter: Meter::new(config.clock.clone()),
            tokens: Tokens::new(config.clock.clone()),
            cache: Cache::new(config.cache_bytes),
            dice: Mutex::new(fastrand::Rng::with_seed(config.seed)),
            config,
        })
    }

    /// Sends a call and parses its response.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ForgeError> {
        read(&call.purpose, &self.bytes(call).await?)
    }

    /// Sends a call and ignores the body of its response.
    pub(crate) async fn done(&self, call: &Call) -> Result<(), ForgeError> {
        self.send(call).await.map(drop)
    }

    /// Sends a call and returns the body of its response.
    pub(crate) async fn bytes(&self, call: &Call) -> Result<Bytes, ForgeError> {
        Ok(self.send(call).await?.whole())
    }

    /// Sends a call, retrying within the configured attempts and total wait.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, ForgeError> {
        let mut tries = self.tries();
        let mut renewed = false;
        loop {
            let account = self.account(&call.about).await?;
            self.sit_out(call, account, &mut tries).await?;
            match self.once(call, account).await {
                Ok(answer) => return Ok(answer),
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Limited) => {
                    if !tries.refused() {
                        return Err(self.limit(call, account));
                    }
                }
                Err(Setback::Expired(error)) => match account {
                    Account::Installation(id) if !renewed => {
                        renewed = true;
                        self.tokens.drop_token(id);
                    }
                    _ => return Err(error),
                },
                Err(Setback::Passing(error)) if !call.repeatable => return Err(error),
                Err(Setback::NotSent(error) | Setback::Passing(error)) => {
                    self.pause(&mut tries, error).await?;
                }
            }
        }
    }

    pub(crate) fn tries(&self) -> Tries {
        let seed = self.dice.lock().unwrap_or_else(PoisonError::into_inner).u64(..);
        Tries::new(&self.config.patience, seed)
    }

    /// Waits before the next attempt, or returns the error if there is none.
    pub(crate) async fn pause(
        &self,
        tries: &mut Tries,
        error: ForgeError,
    ) -> Result<(), ForgeError> {
        let Some(pause) = tries.again() else { return Err(error) };
        debug!(pause_ms = pause.as_millis(), "Trying again: {error}");
        count_wait("again");
        self.config.pause.wait(pause).await;
        Ok(())
    }

    /// Waits until no known limit refuses the call, if that is soon.
    async fn sit_out(
        &self,
        call: &Call,
        account: Account,
        tries: &mut Tries,
    ) -> Result<(), ForgeError> {
        while let Some((limit, wait)) = self.meter.wait(account, call.place.resource()) {
            if !tries.wait(wait) {
                return Err(self.limit(call, account));
            }
            debug!(wait_ms = wait.as_millis(), "Waiting for GitHub's {limit} limit");
            count_wait("limit");
            self.config.pause.wait(wait).await;
        }
        Ok(())
    }

    fn limit(&self, call: &Call, account: Account) -> ForgeError {
        let known = self.meter.wait(account, call.place.resource());
        let (limit, wait) = known.unwrap_or((Limit::Secondary, Duration::ZERO));
        let until = self.meter.in_time(wait);
        ForgeError::RateLimited { purpose: Arc::clone(&call.purpose), limit, until }
    }

    /// Makes one attempt, following redirects within GitHub's API.
    async fn once(&self, call: &Call, account: Account) -> Result<Answer, Setback> {
        let mut url = self.address(call)?;
        let secret = self.secret(account).await;
        let secret = secret.map_err(|error| self.without_token(call, error))?;
        for _ in 0..=MOVES {
            let key = Key { account, accept: call.accept, url: url.clone() };
            let kept = if call.is_kept() { self.cache.get(&key) } else { None };
            let request = request(call, &url, secret.as_ref(), kept.as_ref());
            let response = self.exchange(call, request).await?;
            self.meter.read(account, response.headers());
            match self.moved(&url, &response) {
                Some(next) => url = next,
                None => return self.sort(call, account, response, key, kept).await,
            }
        }
        Err(Setback::Final(redirected(call, &url)))
    }

    /// A reinstalled app has a new installation id, so the next call looks it up again.
    fn without_token(&self, call: &Call, error: ForgeError) -> Setback {
        if let (About::Repo(repo), ForgeError::NotFound { .. }) = (&call.about, &error) {
            self.tokens.drop_owner(repo.owner());
        }
        Setback::Final(error)
    }

    async fn exchange(
        &self,
        call: &Call,
        request: Result<Request<Bytes>, ForgeError>,
    ) -> Result<Response<Body>, Setback> {
        let answer = self.transport.send(request.map_err(Setback::Final)?).await;
        let ended = answer.as_ref().map_or("lost", |response| ending(response.status()));
        count_call(call.place.resource(), ended);
        answer.map_err(|trouble| setback(call, trouble))
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
    async fn sort(
        &self,
        call: &Call,
        account: Account,
        response: Response<Body>,
        key: Key,
        kept: Option<Kept>,
    ) -> Result<Answer, Setback> {
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status, parts.headers);
        if let Some(error) = page(call, status, &headers) {
            return Err(Setback::Passing(error));
        }
        match (kept, call.take) {
            (Some(kept), _) if status == StatusCode::NOT_MODIFIED => Ok(kept.into()),
            (_, Take::Flowing) if status.is_success() || status.is_redirection() => {
                Ok(Answer { status, headers, content: Content::Flowing(body) })
            }
            (_, Take::Whole(cap)) if status.is_success() => {
                let whole = self.transport.whole(body, cap).await;
                let whole = whole.map_err(|trouble| setback(call, trouble))?;
                self.keep(call, key, &headers, &whole);
                Ok(Answer { status, headers, content: Content::Whole(whole) })
            }
            _ if status.is_redirection() => {
                let target = headers.get(LOCATION).and_then(|said| said.to_str().ok());
                Err(Setback::Final(redirected(call, target.unwrap_or_default())))
            }
            _ => {
                // The body of an error helps, but failing to read it is no further error.
                let said = self.transport.whole(body, COMPLAINT_CAP).await.unwrap_or_default();
                Err(self.refused(call, account, status, &headers, &Complaint::read(&said)))
            }
        }
    }

    fn refused(
        &self,
        call: &Call,
        account: Account,
        status: StatusCode,
        headers: &HeaderMap,
        complaint: &Complaint,
    ) -> Setback {
        match limited(status, headers, complaint, &self.meter) {
            Some((Limit::Primary, time)) => {
                // One second more, so that the hour has ended by GitHub's clock.
                let time = time + Duration::from_secs(1);
                self.meter.exhaust(account, call.place.resource(), time);
                return Setback::Limited;
            }
            Some((Limit::Secondary, time)) => {
                self.meter.pause(account, time);
                return Setback::Limited;
            }
            None => {}
        }
        match refusal(&call.purpose, status, headers, complaint) {
            error @ ForgeError::Unauthorized { .. } => Setback::Expired(error),
            error @ ForgeError::Failing { .. } => Setback::Passing(error),
            error => Setback::Final(error),
        }
    }

    fn keep(&self, call: &Call, key: Key, headers: &HeaderMap, body: &Bytes) {
        let (true, Some(etag)) = (call.is_kept(), headers.get(ETAG)) else { return };
        let link = headers.get(LINK).cloned();
        self.cache.put(key, Kept { etag: etag.clone(), link, body: body.clone() });
        show_kept(self.cache.bytes());
    }

    fn address(&self, call: &Call) -> Result<String, Setback> {
        match &call.place {
            Place::Rest(path) => Ok(self.config.api.rest(path)),
            Place::Graphql => Ok(self.config.api.graphql().to_owned()),
            Place::Next(url) => match Url::parse(url) {
                Ok(next) if self.config.api.covers(&next) => Ok(next.into()),
                _ => Err(Setback::Final(redirected(call, url))),
            },
        }
    }
}

/// Credentials of a call.
impl Core {
    pub(crate) async fn account(&self, about: &About) -> Result<Account, ForgeError> {
        match (&self.config.credentials, about) {
            (Credentials::Anonymous, _) => Ok(Account::Anonymous),
            (Credentials::Token(_), _) => Ok(Account::Token),
            (Credentials::App { .. }, About::App | About::Ourselves) => Ok(Account::App),
            (Credentials::App { .. }, About::Installation(id)) => Ok(Account::Installation(*id)),
            (Credentials::App { .. }, About::Repo(repo)) => {
                // Boxed, because the lookup is itself a call.
                let look_up = Box::pin(self.look_up(repo));
                self.tokens.installation(repo.owner(), look_up).await.map(Account::Installation)
            }
        }
    }

    /// `GET /repos/{owner}/{repo}/installation`
    async fn look_up(&self, repo: &RepoName) -> Result<InstallationId, ForgeError> {
        #[derive(Deserialize)]
        struct Found {
            id: InstallationId,
        }
        let purpose = format!("find the app's installation for {repo}");
        let path = format!("/repos/{repo}/installation");
        let call = Call::new(Method::GET, About::App, path, purpose);
        self.json::<Found>(&call).await.map(|found| found.id)
    }

    async fn secret(&self, account: Account) -> Result<Option<Secret>, ForgeError> {
        match (&self.config.credentials, account) {
            (Credentials::Token(token), _) => Ok(Some(token.clone())),
            (Credentials::App { .. }, Account::Installation(installation)) => {
                let mint = Box::pin(self.mint(installation));
                self.tokens.token(installation, mint).await.map(Some)
            }
            (Credentials::App { id, key }, _) => {
                key.token(id, self.config.clock.wall_ms()).map(|token| Some(token.into()))
            }
            (Credentials::Anonymous, _) => Ok(None),
        }
    }

    /// `POST /app/installations/{installation_id}/access_tokens`
    ///
    /// Retried, because an additional token does no harm.
    async fn mint(&self, installation: InstallationId) -> Result<Token, ForgeError> {
        #[derive(Deserialize)]
        struct Minted {
            token: String,
            #[serde(default)]
            expires_at: Option<Moment>,
        }
        let purpose = format!("get a token for installation {installation}");
        let path = format!("/app/installations/{installation}/access_tokens");
        let mut call = Call::new(Method::POST, About::App, path, purpose);
        call.repeatable = true;
        let answer = self.send(&call).await?;
        let now_ms = said_date(&answer.headers).unwrap_or_else(|| self.config.clock.wall_ms());
        let minted: Minted = read(&call.purpose, &answer.whole())?;
        let time = minted
            .expires_at
            .map_or(TOKEN_TIME, |until| Duration::from_millis(until.0.saturating_sub(now_ms)));
        Ok(Token { secret: minted.token.into(), good_until: self.config.clock.steady() + time })
    }
}

impl Call {
    /// Returns `true` if the response may be cached.
    fn is_kept(&self) -> bool {
        self.method == Method::GET && self.take != Take::Flowing
    }
}

impl Answer {
    /// Returns the body; empty for a streamed response.
    pub(crate) fn whole(self) -> Bytes {
        match self.content {
            Content::Whole(bytes) => bytes,
            Content::Flowing(_) => Bytes::new(),
        }
    }
}

impl From<Kept> for Answer {
    fn from(kept: Kept) -> Self {
        let link = kept.link.map(|link| (LINK, link));
        let headers = link.into_iter().collect();
        Self { status: StatusCode::OK, headers, content: Content::Whole(kept.body) }
    }
}

fn request(
    call: &Call,
    url: &str,
    secret: Option<&Secret>,
    kept: Option<&Kept>,
) -> Result<Request<Bytes>, ForgeError> {
    let body = call.body.clone().unwrap_or_default();
    let mut builder = Request::builder().method(call.method.clone()).uri(url);
    builder = builder.header(ACCEPT, call.accept).header(API_VERSION.0, API_VERSION.1);
    if let Some(secret) = secret {
        builder = builder.header(AUTHORIZATION, bearer(secret)?);
    }
    if let Some(kept) = kept {
        builder = builder.header(IF_NONE_MATCH, kept.etag.clone());
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

fn setback(call: &Call, trouble: Trouble) -> Setback {
    let purpose = Arc::clone(&call.purpose);
    match (trouble, call.take) {
        (Trouble::NotSent(why), _) => Setback::NotSent(ForgeError::Unreachable { purpose, why }),
        (Trouble::Lost(why), _) => Setback::Passing(ForgeError::Unreachable { purpose, why }),
        (Trouble::TooLarge, Take::Whole(cap)) => {
            Setback::Final(ForgeError::TooLarge { purpose, cap })
        }
        (Trouble::TooLarge, Take::Flowing) => {
            Setback::Final(ForgeError::TooLarge { purpose, cap: 0 })
        }
    }
}

pub(crate) fn redirected(call: &Call, target: &str) -> ForgeError {
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
pub(crate) fn page(call: &Call, status: StatusCode, headers: &HeaderMap) -> Option<ForgeError> {
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
