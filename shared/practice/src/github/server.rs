//! Starting and stopping it, and what one asks of it as a whole.

use std::sync::Arc;

use axum::Router;
use greenline_runtime::clock::Clock;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::access::{App, Permissions, PublicKey, Token, TokenOwner};
use super::deeds::{Deed, Mark};
use super::journal::Call;
use super::limits::Budget;
use super::logs::{self, LogRequest};
use super::misbehave::{HookTrouble, Misbehaviour};
use super::script::{AppHandle, RepoHandle};
use super::state::{AccountKind, State};
use super::webhooks::{self, Delivery, Hook, HookOwner};
use super::world::World;
use super::{ACTIONS_APP, Change, GitError, PRIVATE_KEY, front, rest};

/// The start options.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its clock.
    pub clock: Clock,
    /// The limits of each caller.
    pub budget: Budget,
}

impl Default for Setup {
    fn default() -> Self {
        Self { clock: Clock::system(), budget: Budget::default() }
    }
}

/// The reason why the fake could not start.
#[derive(Debug, thiserror::Error)]
#[error("could not start the practice GitHub")]
pub struct StartError(#[from] std::io::Error);

/// A GitHub on loopback, gone with its handle.
pub struct GitHub {
    pub(crate) world: Arc<World>,
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
        let mut state = State::new(setup.clock, url.clone());
        state.limits.budget = setup.budget;
        add_actions(&mut state);
        let world = Arc::new(World::new(state, url, logs_url, folder.path().to_owned()));
        let tasks = vec![
            serve(api, front::guard(rest::router(), Arc::clone(&world))),
            serve(logs, logs::router(Arc::clone(&world))),
            tokio::spawn(webhooks::send_all(Arc::clone(&world))).abort_handle(),
        ];
        Ok(Self { world, tasks, _folder: folder })
    }

    /// Scheme, host and port: of the API as of git.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.world.url
    }

    /// The API as a GitHub Enterprise Server has it.
    #[must_use]
    pub fn enterprise_url(&self) -> String {
        format!("{}/api/v3", self.world.url)
    }

    /// A repository, made with one commit on `main` if it is not there yet.
    pub async fn repo(&self, full_name: &str) -> Result<RepoHandle, GitError> {
        self.repo_with(full_name, &[Change::write("README.md", "Practice.\n")]).await
    }

    /// The same with these files in its first commit.
    pub async fn repo_with(
        &self,
        full_name: &str,
        files: &[Change],
    ) -> Result<RepoHandle, GitError> {
        let known = self.world.state().repo_named(full_name).map(|repo| repo.id);
        match known {
            Some(id) => Ok(RepoHandle::of(Arc::clone(&self.world), id)),
            None => RepoHandle::create(Arc::clone(&self.world), full_name, files).await,
        }
    }

    /// A token of a person, with these permissions.
    #[must_use]
    pub fn token(&self, login: &str, permissions: Permissions) -> String {
        let mut state = self.world.state();
        state.account(login, AccountKind::User);
        let key = format!("ghp_{}", uuid::Uuid::now_v7().simple());
        let owner = TokenOwner::Person(login.to_owned());
        let token = Token { owner, permissions, repos: None, expires_ms: None };
        state.tokens.insert(key.clone(), token);
        key
    }

    /// An App with these permissions; its key is [`PRIVATE_KEY`].
    #[must_use]
    pub fn app(&self, slug: &str, permissions: Permissions) -> AppHandle {
        let mut state = self.world.state();
        let (id, created_ms) = (state.next_id(), state.now_ms());
        let (slug, owner) = (slug.to_owned(), "greenline-practice".to_owned());
        state.account(&owner, AccountKind::Organization);
        state.account(&format!("{slug}[bot]"), AccountKind::Bot);
        let key = PublicKey::of_pem(PRIVATE_KEY);
        state.apps.insert(id, App { id, slug, owner, permissions, created_ms, key });
        AppHandle { world: Arc::clone(&self.world), id }
    }

    /// Has a repository's webhooks sent to `url`, all events, signed with `secret`.
    pub fn hook(&self, repo: &RepoHandle, url: &str, secret: &str) {
        let mut state = self.world.state();
        let (id, created_ms) = (state.next_id(), state.now_ms());
        let hook = Hook {
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
    pub fn calls(&self) -> Vec<Call> {
        self.world.state().journal.clone()
    }

    /// The calls that changed something.
    #[must_use]
    pub fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::is_write).collect()
    }

    /// Now, to ask later what was [done since](Self::deeds_since).
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.world.state().journal.len())
    }

    /// Returns the changes since the mark, in order.
    #[must_use]
    pub fn deeds_since(&self, mark: Mark) -> Vec<Deed> {
        self.world.state().journal.iter().skip(mark.0).filter_map(Deed::of).collect()
    }

    /// Forgets the calls so far, and with them the deeds.
    pub fn forget_calls(&self) {
        self.world.state().journal.clear();
    }

    /// Returns the requests to the log host.
    #[must_use]
    pub fn log_requests(&self) -> Vec<LogRequest> {
        self.world.state().log_requests.clone()
    }

    /// Makes calls go wrong.
    pub fn misbehave(&self, how: Misbehaviour) {
        self.world.state().troubles.push(how);
    }

    /// Makes the next webhooks go wrong, one each.
    pub fn misdeliver(&self, how: impl IntoIterator<Item = HookTrouble>) {
        self.world.state().hook_troubles.extend(how);
    }

    /// Ends all misbehaviour.
    pub fn behave(&self) {
        let mut state = self.world.state();
        state.troubles.clear();
        state.hook_troubles.clear();
    }

    /// Every webhook so far.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.world.state().deliveries.values().cloned().collect()
    }

    /// Waits until every webhook that can be sent has been.
    pub async fn settle(&self) {
        loop {
            let sent = self.world.sent.notified();
            tokio::pin!(sent);
            sent.as_mut().enable();
            {
                let state = self.world.state();
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

fn add_actions(state: &mut State) {
    state.account("github", AccountKind::Organization);
    let (id, slug, owner) = (ACTIONS_APP, "github-actions".to_owned(), "github".to_owned());
    let (permissions, created_ms) = (Permissions::new(), state.now_ms());
    state.apps.insert(id, App { id, slug, owner, permissions, created_ms, key: None });
    state.account("github-actions[bot]", AccountKind::Bot);
}

fn serve(listener: TcpListener, router: Router) -> AbortHandle {
    let serving = async move {
        // It serves until its handle is gone; there is nobody to tell of an error.
        let _ended = axum::serve(listener, router).await;
    };
    tokio::spawn(serving).abort_handle()
}
