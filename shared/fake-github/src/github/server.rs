//! Starting and stopping it, and what one asks of it as a whole.

use std::sync::Arc;

use axum::Router;
use greenline_runtime::clock::Clock;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::access::{AppPermissions, FakeApp, FakeToken, PublicKey, TokenOwner};
use super::fake_server::FakeServer;
use super::faults::{FaultRule, WebhookFault};
use super::journal::RecordedCall;
use super::limits::RateBudget;
use super::logs::{self, LogRequest};
use super::scenario_api::{AppHandle, RepoHandle};
use super::state::{AccountKind, GitHubState};
use super::webhooks::{self, FakeHook, HookOwner, RecordedDelivery};
use super::writes::{JournalMark, RecordedWrite};
use super::{ACTIONS_APP, APP_PRIVATE_KEY, GitChange, GitError, middleware, rest};

/// The start options.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its clock.
    pub clock: Clock,
    /// The limits of each caller.
    pub budget: RateBudget,
}

impl Default for Setup {
    fn default() -> Self {
        Self { clock: Clock::system(), budget: RateBudget::default() }
    }
}

/// The reason why the fake could not start.
#[derive(Debug, thiserror::Error)]
#[error("could not start the fake GitHub")]
pub struct StartError(#[from] std::io::Error);

/// A GitHub on loopback, gone with its handle.
pub struct GitHub {
    pub(crate) server: Arc<FakeServer>,
    tasks: Vec<AbortHandle>,
    _folder: TempDir,
}

impl GitHub {
    /// One on the machine's clock with GitHub's own limits.
    pub async fn start() -> Result<Self, StartError> {
        Self::start_with(Setup::default()).await
    }

    /// One on another clock or with other limits.
    pub async fn start_with(setup: Setup) -> Result<Self, StartError> {
        let folder = tempfile::tempdir()?;
        let api = TcpListener::bind("127.0.0.1:0").await?;
        let logs = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", api.local_addr()?);
        // Another name as well as another port, so that nobody takes it for the same host.
        let logs_url = format!("http://localhost:{}", logs.local_addr()?.port());
        let mut state = GitHubState::new(setup.clock, url.clone());
        state.limits.budget = setup.budget;
        add_actions(&mut state);
        let server = Arc::new(FakeServer::new(state, url, logs_url, folder.path().to_owned()));
        let tasks = vec![
            serve(api, middleware::guard(rest::router(), Arc::clone(&server))),
            serve(logs, logs::router(Arc::clone(&server))),
            tokio::spawn(webhooks::send_all(Arc::clone(&server))).abort_handle(),
        ];
        Ok(Self { server, tasks, _folder: folder })
    }

    /// Scheme, host and port: of the API as of git.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The API as a GitHub Enterprise Server has it.
    #[must_use]
    pub fn enterprise_url(&self) -> String {
        format!("{}/api/v3", self.server.url)
    }

    /// A repository, made with one commit on `main` if it is not there yet.
    pub async fn repo(&self, full_name: &str) -> Result<RepoHandle, GitError> {
        self.repo_with(full_name, &[GitChange::write("README.md", "Practice.\n")]).await
    }

    /// The same with these files in its first commit.
    pub async fn repo_with(
        &self,
        full_name: &str,
        files: &[GitChange],
    ) -> Result<RepoHandle, GitError> {
        let known = self.server.state().repo_named(full_name).map(|repo| repo.id);
        match known {
            Some(id) => Ok(RepoHandle::of(Arc::clone(&self.server), id)),
            None => RepoHandle::create(Arc::clone(&self.server), full_name, files).await,
        }
    }

    /// A token of a person, with these permissions.
    #[must_use]
    pub fn token(&self, login: &str, permissions: AppPermissions) -> String {
        let mut state = self.server.state();
        state.account(login, AccountKind::User);
        let key = format!("ghp_{}", uuid::Uuid::now_v7().simple());
        let owner = TokenOwner::Person(login.to_owned());
        let token = FakeToken { owner, permissions, repos: None, expires_ms: None };
        state.tokens.insert(key.clone(), token);
        key
    }

    /// An App with these permissions; its key is [`APP_PRIVATE_KEY`].
    #[must_use]
    pub fn app(&self, slug: &str, permissions: AppPermissions) -> AppHandle {
        let mut state = self.server.state();
        let (id, created_ms) = (state.next_id(), state.now_ms());
        let (slug, owner) = (slug.to_owned(), "greenline-fake-github".to_owned());
        state.account(&owner, AccountKind::Organization);
        state.account(&format!("{slug}[bot]"), AccountKind::Bot);
        let key = PublicKey::of_pem(APP_PRIVATE_KEY);
        state.apps.insert(id, FakeApp { id, slug, owner, permissions, created_ms, key });
        AppHandle { server: Arc::clone(&self.server), id }
    }

    /// Has a repository's webhooks sent to `url`, all events, signed with `secret`.
    pub fn hook(&self, repo: &RepoHandle, url: &str, secret: &str) {
        let mut state = self.server.state();
        let (id, created_ms) = (state.next_id(), state.now_ms());
        let hook = FakeHook {
            id,
            of: HookOwner::Repo(repo.id()),
            url: url.to_owned(),
            secret: secret.to_owned(),
            events: vec!["*".to_owned()],
            created_ms,
        };
        state.hooks.insert(id, hook);
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.server.state().journal.clone()
    }

    /// The calls that changed something.
    #[must_use]
    pub fn writes(&self) -> Vec<RecordedCall> {
        self.calls().into_iter().filter(RecordedCall::is_write).collect()
    }

    /// Now, to ask later what was [done since](Self::writes_since).
    #[must_use]
    pub fn mark(&self) -> JournalMark {
        JournalMark(self.server.state().journal.len())
    }

    /// Returns the changes since the mark, in order.
    #[must_use]
    pub fn writes_since(&self, mark: JournalMark) -> Vec<RecordedWrite> {
        self.server.state().journal.iter().skip(mark.0).filter_map(RecordedWrite::of).collect()
    }

    /// Forgets the calls so far, and with them the deeds.
    pub fn forget_calls(&self) {
        self.server.state().journal.clear();
    }

    /// Returns the requests to the log host.
    #[must_use]
    pub fn log_requests(&self) -> Vec<LogRequest> {
        self.server.state().log_requests.clone()
    }

    /// Makes calls go wrong.
    pub fn add_fault(&self, how: FaultRule) {
        self.server.state().faults.push(how);
    }

    /// Makes the next webhooks go wrong, one each.
    pub fn add_webhook_faults(&self, how: impl IntoIterator<Item = WebhookFault>) {
        self.server.state().webhook_faults.extend(how);
    }

    /// Ends all misbehaviour.
    pub fn clear_faults(&self) {
        let mut state = self.server.state();
        state.faults.clear();
        state.webhook_faults.clear();
    }

    /// Every webhook so far.
    #[must_use]
    pub fn deliveries(&self) -> Vec<RecordedDelivery> {
        self.server.state().deliveries.values().cloned().collect()
    }

    /// Waits until every webhook that can be sent has been.
    pub async fn settle(&self) {
        loop {
            let sent = self.server.sent.notified();
            tokio::pin!(sent);
            sent.as_mut().enable();
            {
                let state = self.server.state();
                if state.outgoing.is_empty() && !state.sending {
                    return;
                }
            }
            sent.await;
        }
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn add_actions(state: &mut GitHubState) {
    state.account("github", AccountKind::Organization);
    let (id, slug, owner) = (ACTIONS_APP, "github-actions".to_owned(), "github".to_owned());
    let (permissions, created_ms) = (AppPermissions::new(), state.now_ms());
    state.apps.insert(id, FakeApp { id, slug, owner, permissions, created_ms, key: None });
    state.account("github-actions[bot]", AccountKind::Bot);
}

fn serve(listener: TcpListener, router: Router) -> AbortHandle {
    let serving = async move {
        // It serves until its handle is gone; there is nobody to tell of an error.
        let _ended = axum::serve(listener, router).await;
    };
    tokio::spawn(serving).abort_handle()
}
