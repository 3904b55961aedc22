//! Webhooks: who is to be told of what, signed and sent in order, and the list of deliveries from
//! which one can ask for another try. Like GitHub, this one never tries again by itself.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::fake_server::FakeServer;
use super::faults::WebhookFault;
use super::render::{extend, node_id};
use super::state::{FakeRepo, GitHubState};

/// GitHub waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(crate) struct FakeHook {
    pub(crate) id: u64,
    pub(crate) of: HookOwner,
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) events: Vec<String>,
    pub(crate) created_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookOwner {
    App(u64),
    Repo(u64),
}

/// One webhook, sent or not.
#[derive(Debug, Clone)]
pub struct RecordedDelivery {
    /// Its number in the list of deliveries.
    pub id: u64,
    /// The `X-GitHub-RecordedDelivery` that it carries; another try carries the same.
    pub guid: String,
    /// The event.
    pub event: String,
    /// Its `action`, if it has one.
    pub action: Option<String>,
    pub payload: Arc<str>,
    /// 0 before an answer.
    pub status_code: u16,
    /// True if it was requested by hand.
    pub redelivery: bool,
    pub(crate) hook: u64,
    pub(crate) repo: Option<u64>,
    pub(crate) installation: Option<u64>,
    pub(crate) at_ms: u64,
}

impl RecordedDelivery {
    /// Parses the payload.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap_or_default()
    }
}

/// The value of `X-Hub-CommitSignature-256` for these bytes.
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

impl GitHubState {
    /// Tells everyone who listens that something happened in a repository.
    pub(crate) fn emit(&mut self, repo: u64, event: &str, sender: &str, body: Value) {
        for hook in self.listeners(repo, event) {
            self.queue_delivery(&hook, Some(repo), event, sender, body.clone());
        }
    }

    /// Tells an App of something that is no repository's.
    pub(crate) fn emit_to_app(&mut self, app: u64, event: &str, sender: &str, body: Value) {
        let of_app = |hook: &&FakeHook| hook.of == HookOwner::App(app);
        let hooks: Vec<FakeHook> = self.hooks.values().filter(of_app).cloned().collect();
        for hook in hooks {
            self.queue_delivery(&hook, None, event, sender, body.clone());
        }
    }

    fn listeners(&self, repo: u64, event: &str) -> Vec<FakeHook> {
        let listens = |hook: &&FakeHook| match hook.of {
            HookOwner::Repo(id) => {
                id == repo && hook.events.iter().any(|it| it == event || it == "*")
            }
            HookOwner::App(app) => self.installation_for(app, repo).is_some(),
        };
        self.hooks.values().filter(listens).cloned().collect()
    }

    pub(crate) fn installation_for(&self, app: u64, repo: u64) -> Option<u64> {
        let repo: &FakeRepo = self.repos.get(&repo)?;
        let of = |it: &&super::access::FakeInstallation| {
            it.app == app && it.holds(repo) && !it.suspended
        };
        self.installations.values().find(of).map(|it| it.id)
    }

    fn queue_delivery(
        &mut self,
        hook: &FakeHook,
        repo: Option<u64>,
        event: &str,
        sender: &str,
        mut body: Value,
    ) {
        let installation = match (hook.of, repo) {
            (HookOwner::App(app), Some(repo)) => self.installation_for(app, repo),
            _ => None,
        };
        extend(&mut body, self.surroundings(repo, installation, sender));
        let id = self.next_id();
        let delivery = RecordedDelivery {
            id,
            guid: uuid::Uuid::now_v7().to_string(),
            event: event.to_owned(),
            action: body["action"].as_str().map(str::to_owned),
            payload: body.to_string().into(),
            status_code: 0,
            redelivery: false,
            hook: hook.id,
            repo,
            installation,
            at_ms: self.now_ms(),
        };
        self.deliveries.insert(id, delivery);
        self.outgoing.push_back(id);
        self.wake_sender.notify_one();
    }

    fn surroundings(&self, repo: Option<u64>, installation: Option<u64>, sender: &str) -> Value {
        let render = self.render();
        let mut all = json!({"sender": render.user(sender)});
        if let Some(repo) = repo.and_then(|repo| self.repos.get(&repo)) {
            all["repository"] = render.hook_repo(repo);
        }
        if let Some(id) = installation {
            all["installation"] = json!({"id": id, "node_id": node_id("Installation", id)});
        }
        all
    }

    /// Asks for another try; the id of the new delivery.
    pub(crate) fn redeliver(&mut self, id: u64) -> Option<u64> {
        let mut again = self.deliveries.get(&id)?.clone();
        again.id = self.next_id();
        again.redelivery = true;
        again.status_code = 0;
        again.at_ms = self.now_ms();
        let new = again.id;
        self.deliveries.insert(new, again);
        self.outgoing.push_back(new);
        self.wake_sender.notify_one();
        Some(new)
    }
}

/// Sends what there is to send, for as long as the world stands.
pub(crate) async fn send_all(server: Arc<FakeServer>) {
    let wake_sender = Arc::clone(&server.state().wake_sender);
    // In a program that also speaks TLS, the client wants to know by which cryptography.
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    let client =
        reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap_or_default();
    loop {
        while let Some(parcel) = next(&server) {
            let status_code = parcel.send(&client).await;
            arrived(&server, parcel.id, status_code);
        }
        server.sent.notify_waiters();
        wake_sender.notified().await;
    }
}

struct OutgoingDelivery {
    id: u64,
    url: String,
    guid: String,
    event: String,
    hook: u64,
    signature: String,
    payload: Arc<str>,
    times: usize,
}

/// The next one that is to go, troubles considered.
fn next(server: &FakeServer) -> Option<OutgoingDelivery> {
    let mut state = server.state();
    state.sending = false;
    loop {
        let id = state.outgoing.pop_front()?;
        let fault = state.webhook_faults.pop_front();
        let Some(delivery) = state.deliveries.get(&id).cloned() else { continue };
        let Some(hook) = state.hooks.get(&delivery.hook).cloned() else { continue };
        match fault {
            Some(WebhookFault::Lost) => set_status(&mut state, id, 502),
            Some(WebhookFault::Late) => state.held.push(id),
            _ => {
                state.sending = true;
                return Some(OutgoingDelivery::of(&delivery, &hook, fault));
            }
        }
    }
}

fn set_status(state: &mut GitHubState, id: u64, status_code: u16) {
    if let Some(delivery) = state.deliveries.get_mut(&id) {
        delivery.status_code = status_code;
    }
}

fn arrived(server: &FakeServer, id: u64, status_code: u16) {
    let mut state = server.state();
    set_status(&mut state, id, status_code);
    state.sending = false;
    let held = std::mem::take(&mut state.held);
    for id in held.into_iter().rev() {
        state.outgoing.push_front(id);
    }
}

impl OutgoingDelivery {
    fn of(delivery: &RecordedDelivery, hook: &FakeHook, fault: Option<WebhookFault>) -> Self {
        let forged = fault == Some(WebhookFault::Forged);
        let secret = if forged { "somebody else's" } else { &hook.secret };
        Self {
            id: delivery.id,
            url: hook.url.clone(),
            guid: delivery.guid.clone(),
            event: delivery.event.clone(),
            hook: hook.id,
            signature: sign(secret, delivery.payload.as_bytes()),
            payload: Arc::clone(&delivery.payload),
            times: if fault == Some(WebhookFault::Twice) { 2 } else { 1 },
        }
    }

    /// Sends it; the status that GitHub would list.
    async fn send(&self, client: &reqwest::Client) -> u16 {
        let mut status_code = 0;
        for _ in 0..self.times {
            let request = client
                .post(&self.url)
                .header("content-type", "application/json")
                .header("user-agent", "GitHub-Hookshot/fake")
                .header("x-github-event", &self.event)
                .header("x-github-delivery", &self.guid)
                .header("x-github-hook-id", self.hook.to_string())
                .header("x-hub-signature-256", &self.signature)
                .body(self.payload.to_string());
            status_code = match request.send().await {
                Ok(response) => response.status().as_u16(),
                Err(error) if error.is_timeout() => 504,
                Err(_) => 502,
            };
        }
        status_code
    }
}
