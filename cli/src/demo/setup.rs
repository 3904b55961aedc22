//! The stage: a fake GitHub, a Redis, a lead and a worker, connected to each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use greenline_fake_github::github::{APP_PRIVATE_KEY, GitHub, JournalMark, RepoHandle, everything};
use greenline_fake_github::project;
use greenline_forge::{PullNumber, RepoName};
use greenline_lead::plan::{DecisionRecord, PlanStore, Subject};
use greenline_queue::Queue;
use greenline_runtime::ProcessRole;
use greenline_runtime::settings::{SettingFlags, SettingSources, Settings, load};
use greenline_runtime::shutdown::Shutdown;
use greenline_store::{PrivateServer, PrivateServerConfig, ServerLogin, cmd};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::daemon::all_in_one::{AllInOne, RunningDaemons, wait_for_leadership};
use crate::daemon::{self, lead::TokenOrigin};
use crate::error::CliError;
use crate::{find_redis, state_dir};

/// The repository of all stories.
const REPO: &str = "acme/slug";

/// The time for the only lead to become the leader.
const ELECTION: Duration = Duration::from_secs(20);

/// All running parts.
pub(super) struct DemoEnvironment {
    pub(super) github: GitHub,
    pub(super) repo: RepoHandle,
    pub(super) name: RepoName,
    pub(super) queue: Queue,
    pub(super) sandbox: String,
    /// The position before any write on GitHub.
    pub(super) mark: JournalMark,
    plan_store: PlanStore,
    pub(super) lead: SocketAddr,
    token: String,
    redis: PrivateServer,
    daemons: RunningDaemons,
    stop: Shutdown,
}

impl DemoEnvironment {
    /// Sets everything up in a folder. The repository exists, and no CI has run in it yet.
    pub(super) async fn set(folder: &Path) -> anyhow::Result<Self> {
        let github = GitHub::start().await?;
        let mark = github.mark();
        let files = project::files();
        let login =
            ServerLogin { user: "greenline".to_owned(), password: state_dir::random_secret()? };
        let redis = redis_in(folder, login.clone());
        let (repo, redis) = tokio::join!(github.repo_with(REPO, &files), redis);
        let (repo, redis) = (repo.context("failed to make the fake repository")?, redis?);
        let secret = random_secret();
        let settings = settings(&github, folder, &secret)?;

        let url = redis.url();
        let config = find_redis::of_this_directory(&settings.redis, &url, Some(login))?;
        let stop = Shutdown::new();
        let queue = daemon::open_queue(config, &settings.queue, &stop, || {}).await?;
        let queue = queue.context("told to stop")?;
        let (all_in_one, _): (AllInOne, TokenOrigin) =
            AllInOne::build(&queue, &settings, 1).await?;
        let (lead, sandbox) = (all_in_one.address(), all_in_one.sandbox().to_owned());
        github.hook(&repo, &format!("http://{lead}/webhooks/github"), &secret);
        let mut leader_status = all_in_one.leader_status();
        let daemons = all_in_one.start(&stop);
        let leads = wait_for_leadership(&mut leader_status);
        tokio::time::timeout(ELECTION, leads).await.context("the lead did not begin to lead")?;
        let (plan_store, name) = (PlanStore::new(queue.clone()), REPO.parse()?);
        let token = secret;
        Ok(Self {
            github,
            repo,
            name,
            queue,
            sandbox,
            mark,
            plan_store,
            lead,
            token,
            redis,
            daemons,
            stop,
        })
    }

    /// Ends everything in order, so that no part calls one that is gone.
    pub(super) async fn tear_down(mut self) -> anyhow::Result<()> {
        self.stop.interrupt_now();
        let ended = self.daemons.ended(&self.stop).await;
        drop(self.github);
        drop(self.queue);
        let redis = self.redis;
        spawn_blocking(move || drop(redis)).await?;
        ended
    }

    /// Returns the decision about a check of a pull request or branch, if there is one.
    pub(super) async fn decided(
        &self,
        subject: &Subject,
        check: &str,
    ) -> anyhow::Result<Option<DecisionRecord>> {
        let story = self.plan_store.decisions(&self.name, subject).await?;
        Ok(story.into_iter().find(|record| record.check == check))
    }

    /// Returns `true` if no event waits to be read, handled or done. Checked in the order in which
    /// one becomes the other, so that nothing slips through.
    pub(super) async fn is_quiet(&self) -> anyhow::Result<bool> {
        self.github.settle().await;
        if self.queue.outbox_len().await? > 0 {
            return Ok(false);
        }
        let waiting: u64 = self.queue.store().command(cmd("XLEN").arg(self.key("events"))).await?;
        Ok(waiting == 0 && self.queue.open_intents().await?.is_empty())
    }

    /// Returns the keys that change whenever a step of a story happens.
    pub(super) fn changing_keys(&self) -> Vec<String> {
        vec![self.key("events"), self.key("intents"), self.tasks("events"), self.tasks("outbox")]
    }

    /// Returns the address of a page of the fake GitHub, such as `pull/1`.
    pub(super) fn page(&self, path: &str) -> String {
        format!("{}/{REPO}/{path}", self.github.url())
    }

    /// Returns the lead's status of itself, the queue and the workers.
    pub(super) async fn status(&self) -> anyhow::Result<Value> {
        // The fake GitHub has chosen a cryptography provider for this process, which this client
        // does not use.
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://{}/api/v1/status", self.lead);
        let answer = client.get(url).bearer_auth(&self.token).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    fn key(&self, name: &str) -> String {
        format!("{}agent:lead:{name}", self.queue.store().namespace().prefix())
    }

    fn tasks(&self, name: &str) -> String {
        format!("{}agent:tasks:{name}", self.queue.store().namespace().prefix())
    }
}

/// Returns the subject of a story on GitHub.
pub(super) fn subject_of(pull: u64) -> Subject {
    Subject::Pull(PullNumber(pull))
}

async fn redis_in(folder: &Path, login: ServerLogin) -> anyhow::Result<PrivateServer> {
    // The follower of a story receives the names of changed keys.
    let mut config =
        PrivateServerConfig::new(folder.join("redis")).set("notify-keyspace-events", "KA");
    config.login = Some(login);
    let started = spawn_blocking(|| PrivateServer::start(config)).await?;
    Ok(started.map_err(|error| CliError::external(error.to_string()))?)
}

/// Returns settings as a user without any others would give them in the environment.
fn settings(github: &GitHub, folder: &Path, secret: &str) -> anyhow::Result<Settings> {
    let app = github.app("greenline", everything());
    let _installation = app.install("acme", None);
    let place = |name: &str| folder.join(name).into_os_string();
    let environment: [(&str, OsString); 10] = [
        ("GITHUB_API_URL", github.url().into()),
        ("GITHUB_APP_ID", app.id().to_string().into()),
        ("GITHUB_APP_PRIVATE_KEY", APP_PRIVATE_KEY.into()),
        ("GITHUB_WEBHOOK_SECRET", secret.into()),
        ("GREENLINE_REPOS", REPO.into()),
        ("GREENLINE_LISTEN", "127.0.0.1:0".into()),
        ("GREENLINE_OPERATOR_TOKEN", secret.into()),
        ("GREENLINE_INTENT_KEY", random_secret().into()),
        ("GREENLINE_WORKSPACE", place("work")),
        ("GREENLINE_STATE_DIR", place("state")),
    ];
    let named = environment.map(|(name, value)| (name.to_owned(), value));
    let sources = SettingSources {
        environment: BTreeMap::from(named),
        directory: folder.to_owned(),
        ..SettingSources::of_process(ProcessRole::Up, SettingFlags::none())
    };
    Ok(load(&sources)?.settings)
}

fn random_secret() -> String {
    (0..32).map(|_| fastrand::alphanumeric()).collect()
}
