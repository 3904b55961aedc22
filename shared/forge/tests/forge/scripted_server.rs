//! A server that answers what a test tells it, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use futures_util::StreamExt;
use greenline_forge::{
    ApiBase, AppKey, Forge, ForgeConfig, GitHubCredentials, PauseMode, RepoName, RetryLimits,
};
use greenline_runtime::clock::ManualClock;
use serde_json::Value;

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Method and target, as in `GET /user`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// An answer.
pub(crate) type ApiResponse = Response<Body>;

pub(crate) fn json(status: u16, body: &Value) -> ApiResponse {
    text(status, body.to_string())
}

pub(crate) fn text(status: u16, body: impl Into<Body>) -> ApiResponse {
    let mut answer = ApiResponse::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

pub(crate) fn with(mut answer: ApiResponse, headers: &[(&'static str, &str)]) -> ApiResponse {
    for (name, value) in headers {
        answer.headers_mut().insert(*name, value.parse().unwrap());
    }
    answer
}

/// A body that says how long it is, and ends after `sent`.
pub(crate) fn cut(sent: &'static str, length: usize) -> ApiResponse {
    let first = futures_util::stream::iter([Ok(Bytes::from(sent))]);
    let end = futures_util::stream::once(async {
        // What was said so far leaves the machine while nothing more is ready.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut"))
    });
    let body = Body::from_stream(first.chain(end));
    with(text(200, body), &[("content-length", &length.to_string())])
}

/// A body that begins and never ends.
pub(crate) fn stuck(sent: &'static str) -> ApiResponse {
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(sent))]);
    text(200, Body::from_stream(first.chain(futures_util::stream::pending())))
}

/// The server.
pub(crate) struct Double {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Double {
    /// Answers with what `script` makes of a request and of how many came before it.
    pub(crate) async fn new(
        script: impl Fn(&Asked, usize) -> ApiResponse + Send + Sync + 'static,
    ) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (noted, script) = (Arc::clone(&asked), Arc::new(script));
        let app = Router::new().fallback(move |request: Request<Body>| {
            let (noted, script) = (Arc::clone(&noted), Arc::clone(&script));
            async move {
                let request = read(request).await;
                let before = {
                    let mut asked = noted.lock().unwrap();
                    asked.push(request.clone());
                    asked.len() - 1
                };
                script(&request, before)
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, asked }
    }

    /// Everything that it was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    /// A client of it, with a token.
    pub(crate) fn forge(&self) -> Forge {
        Forge::new(self.config(&clock())).unwrap()
    }

    /// A client of it, as an app.
    pub(crate) fn app(&self, clock: &ManualClock) -> Forge {
        let key = AppKey::from_pem(include_str!("../app-key-for-tests.pem")).unwrap();
        let credentials = GitHubCredentials::App { id: "4711".to_owned(), key };
        Forge::new(ForgeConfig { credentials, ..self.config(clock) }).unwrap()
    }

    /// The settings of a client of it, which moves `clock` instead of waiting.
    pub(crate) fn config(&self, clock: &ManualClock) -> ForgeConfig {
        let credentials = GitHubCredentials::Token("ghp_token".to_owned().into());
        ForgeConfig {
            retry_limits: RetryLimits::default(),
            pause: PauseMode::Move(clock.clone()),
            seed: 7,
            ..ForgeConfig::new(credentials, clock.clock())
        }
        .at(ApiBase::parse(&self.address).unwrap())
    }
}

async fn read(request: Request<Body>) -> Asked {
    let (parts, body) = request.into_parts();
    Asked {
        method: parts.method,
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: axum::body::to_bytes(body, 64 << 20).await.unwrap(),
    }
}

/// 14 November 2023, 22:13:20: what `DATE` says, too.
pub(crate) fn clock() -> ManualClock {
    ManualClock::at(1_700_000_000_000)
}

pub(crate) const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

pub(crate) fn repo() -> RepoName {
    "acme/app".parse().unwrap()
}

pub(crate) const SHA: &str = "3f2a91c000000000000000000000000000000001";
pub(crate) const OTHER_SHA: &str = "3f2a91c000000000000000000000000000000002";
