//! A GitHub, a client, and someone who listens to webhooks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use greenline_fake_github::github::{
    GitChange, GitHub, NewPull, PullHandle, RateBudget, RepoHandle, Setup, everything,
};
use greenline_runtime::clock::ManualClock;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// 2026-01-05T09:00:00Z.
pub(crate) const NOW_MS: u64 = 1_767_603_600_000;

pub(crate) struct Bed {
    pub(crate) github: GitHub,
    pub(crate) clock: ManualClock,
    pub(crate) repo: RepoHandle,
    pub(crate) token: String,
    client: Client,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(RateBudget::default()).await
    }

    pub(crate) async fn with(budget: RateBudget) -> Self {
        let clock = ManualClock::at(NOW_MS);
        let github = GitHub::start_with(Setup { clock: clock.clock(), budget }).await.unwrap();
        let repo = github.repo("acme/app").await.unwrap();
        let token = github.token("acme", everything());
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { github, clock, repo, token, client }
    }

    pub(crate) async fn pull(&self) -> PullHandle {
        let changes = vec![GitChange::write("src/a.txt", "one\ntwo\n")];
        self.repo.open_pull(NewPull::new("feature", "Add a", changes)).await.unwrap()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> reqwest::Result<Got> {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.github.url())
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Got { status, headers, body, text })
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Got {
        let bearer = format!("Bearer {}", self.token);
        self.ask(method, path, &[("authorization", &bearer)], body.as_ref()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.call("GET", path, None).await
    }

    pub(crate) async fn as_token(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Got {
        let bearer = format!("Bearer {token}");
        self.ask(method, path, &[("authorization", &bearer)], body.as_ref()).await.unwrap()
    }

    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> Got {
        self.call("POST", "/graphql", Some(json!({"query": query, "variables": variables}))).await
    }
}

/// Someone who listens, and answers 200.
#[derive(Clone, Default)]
pub(crate) struct Listener {
    heard: Arc<Mutex<Vec<Heard>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) event: String,
    pub(crate) delivery: String,
    pub(crate) signature: String,
    pub(crate) bytes: Bytes,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// Event and action, as `check_run.completed`.
    pub(crate) fn name(&self) -> String {
        match self.json()["action"].as_str() {
            Some(action) => format!("{}.{action}", self.event),
            None => self.event.clone(),
        }
    }
}

impl Listener {
    /// Listens; its address.
    pub(crate) async fn listen(&self) -> String {
        let heard = Arc::clone(&self.heard);
        let hear = move |headers: HeaderMap, bytes: Bytes| async move {
            let text = |name: &str| headers[name].to_str().unwrap().to_owned();
            let (event, delivery) = (text("x-github-event"), text("x-github-delivery"));
            let signature = text("x-hub-signature-256");
            heard.lock().unwrap().push(Heard { event, delivery, signature, bytes });
        };
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", socket.local_addr().unwrap());
        let router = Router::new().route("/hook", post(hear));
        tokio::spawn(async move { axum::serve(socket, router).await });
        url
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.heard().iter().map(Heard::name).collect()
    }
}
