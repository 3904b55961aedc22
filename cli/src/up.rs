//! `greenline up`: everything in one process, with its own Redis if none is set.
//!
//! Redis starts first and stops last; if it ends before, it is started again. Nothing else is left behind: running tasks finish within the
//! grace period, or go back to the queue.

use std::io::IsTerminal;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use greenline_lead::LeaderStatus;
use greenline_queue::Queue;
use greenline_runtime::settings::{
    GitHubLogin, GitHubSettings, RedisSource, RepoPath, SettingFlags, SettingSource,
    SettingSources, Settings, UnsignedTasks, load,
};
use greenline_runtime::shutdown::Shutdown;
use greenline_runtime::{ProcessRole, human};
use greenline_store::{Persistence, PrivateServer, PrivateServerConfig, StoreConfig};
use tokio::sync::watch::Receiver;
use tokio::task::spawn_blocking;

use crate::daemon::all_in_one::{AllInOne, wait_for_leadership};
use crate::daemon::lead::TokenOrigin;
use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::style::{BOLD, DIM};
use crate::print::{Output, when};
use crate::redis_supervisor::RedisSupervisor;
use crate::session::Session;
use crate::state_dir::{self, StateDir};
use crate::{connection, daemon, find_redis};

/// The default of log.level: problems, and the results of tasks.
const USUAL_LOG: &str = "warn,greenline_worker=info";

/// The time for the lead to become the leader before a message is shown.
const ELECTION: Duration = Duration::from_secs(3);

/// Run everything on this machine: a Redis if none is set, one lead, workers
///
/// Ctrl-C stops everything: running tasks finish within worker.grace or go back to the queue; a
/// second Ctrl-C returns them at once. Redis, if it was started here, stops last and keeps its data
/// in .greenline/redis.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline up
  greenline up --workers 2 --slots 4
  REDIS_URL=redis://localhost greenline up

Other commands in the same directory find the Redis that was started here.")]
pub(crate) struct Args {
    /// Number of workers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// Tasks that each runs at once, instead of worker.slots
    #[arg(long, value_name = "N")]
    slots: Option<String>,
    /// Address for HTTP, instead of lead.listen
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let flags = global.flags().with("worker.slots", "--slots", args.slots.clone()).with(
        "lead.listen",
        "--listen",
        args.listen.clone(),
    );
    let flags = with_usual_log(flags)?;
    daemon::run(global, ProcessRole::Up, flags, async |mut session, stop| {
        let redis = RedisInUse::ready(&session.settings).await?;
        let lived = match redis.add_task_key(&mut session.settings) {
            Ok(()) => live(&session, args, &redis, stop).await,
            Err(error) => Err(error),
        };
        // All users of Redis have ended by now.
        let stopped = redis.stop().await;
        lived?;
        stopped?;
        session.out.note("Stopped.");
        Ok(())
    })
}

/// Sets a quieter log than a daemon's, unless one is configured.
fn with_usual_log(flags: SettingFlags) -> anyhow::Result<SettingFlags> {
    let loaded = load(&SettingSources::of_process(ProcessRole::Up, flags.clone()))?;
    let chosen = |name| {
        let found = loaded.effective.iter().find(|one| one.setting.name == name);
        found.is_some_and(|one| one.from != SettingSource::Default)
    };
    Ok(match chosen("log.level") {
        true => flags,
        false => flags.with("log.level", "greenline up", Some(USUAL_LOG.to_owned())),
    })
}

/// The Redis of this process.
enum RedisInUse {
    /// A configured one.
    External(StoreConfig),
    /// Started by this process, or taken over from a killed one.
    Embedded {
        server: RedisSupervisor,
        home: StateDir,
        config: StoreConfig,
        taken_over: bool,
        /// It was started in this directory before.
        has_history: bool,
    },
}

impl RedisInUse {
    async fn ready(settings: &Settings) -> anyhow::Result<Self> {
        if let Some(config) = connection::store_config(&settings.redis)? {
            return Ok(Self::External(config));
        }
        debug_assert!(matches!(settings.redis.source, RedisSource::Embedded));
        let home = StateDir::hold()?;
        let folder = home.redis();
        let has_history = folder.exists();
        let taken_over = UnixStream::connect(folder.join("redis.sock")).is_ok();
        let login = home.redis_login()?;
        let mut config = PrivateServerConfig::new(folder);
        config.persistence = Persistence::EverySecond;
        config.login = Some(login.clone());
        let server = spawn_blocking(|| PrivateServer::start(config)).await?.map_err(|error| {
            CliError::external(error.to_string()).hint("its log is .greenline/redis/redis.log")
        })?;
        home.publish_redis(&server.url())?;
        let config = find_redis::of_this_directory(&settings.redis, &server.url(), Some(login))?;
        let server = RedisSupervisor::watch(server);
        Ok(Self::Embedded { server, home, config, taken_over, has_history })
    }

    fn config(&self) -> &StoreConfig {
        match self {
            Self::External(config) | Self::Embedded { config, .. } => config,
        }
    }

    /// Has tasks signed where nobody set keys. In a Redis of somebody else's another key may be in
    /// use: there it is left to the operator.
    fn add_task_key(&self, settings: &mut Settings) -> anyhow::Result<()> {
        let queue = &mut settings.queue;
        let no_key = queue.task_key.is_none() && queue.task_public_keys.is_empty();
        if let (true, Self::Embedded { home, has_history, .. }) = (no_key, self) {
            let (key, is_new) = home.task_key()?;
            if is_new && *has_history {
                let file = state_dir::task_key_file();
                tracing::warn!(
                    "{file} was missing, and a new key is there now: tasks that were signed with \
                     another key go to quarantine"
                );
            }
            queue.task_key = Some(key);
        }
        if queue.task_key.is_none() && queue.unsigned == UnsignedTasks::Quarantine {
            let message = "queue.unsigned is quarantine, and this lead has no key to sign with";
            return Err(CliError::usage(message).hint("set GREENLINE_TASK_KEY").into());
        }
        Ok(())
    }

    async fn stop(self) -> anyhow::Result<()> {
        if let Self::Embedded { server, home, .. } = self {
            let stopped = server.stop().await;
            home.forget_redis();
            return stopped;
        }
        Ok(())
    }

    async fn describe(&self, queue: &Queue) -> String {
        let version = queue.store().facts().await.map_or(String::new(), |facts| facts.version);
        match self {
            Self::External(config) => format!(
                "{version} at {}, database {}",
                config.address(),
                config.effective_database()
            ),
            Self::Embedded { taken_over: false, .. } => {
                format!("started for you on a private socket (data in .greenline/redis, {version})")
            }
            Self::Embedded { taken_over: true, .. } => format!(
                "taken over from a `greenline up` that was killed (data in .greenline/redis, {version})"
            ),
        }
    }
}

/// Runs from the opened queue to the end of all its users.
async fn live(
    session: &Session,
    args: &Args,
    redis: &RedisInUse,
    stop: Shutdown,
) -> anyhow::Result<()> {
    let settings = &session.settings;
    let config = redis.config().clone();
    let queue = daemon::open_queue(config, &settings.queue, &stop, || {}).await?;
    let Some(queue) = queue else { return Ok(()) };
    let (all_in_one, token) = AllInOne::build(&queue, settings, args.workers).await?;
    let (address, sandbox) = (all_in_one.address(), all_in_one.sandbox().to_owned());
    let mut leader_status = all_in_one.leader_status();
    let mut daemons = all_in_one.start(&stop);
    let summary = async {
        let leads = leading(&mut leader_status).await;
        let watching = watching(&settings.github);
        let lead = format!("{leads}{watching} · http://{address}");
        let redis = redis.describe(&queue).await;
        announce(session, args, &StartupSummary { redis, lead, sandbox }, &token)
    };
    if let Some(written) = stop.drain.run_until_cancelled(summary).await {
        // A closed output is no reason to stop.
        let _ignored = written;
    }
    daemons.ended(&stop).await
}

async fn leading(leader_status: &mut Receiver<LeaderStatus>) -> String {
    let led = wait_for_leadership(leader_status);
    let _in_time = tokio::time::timeout(ELECTION, led).await;
    let now = leader_status.borrow().clone();
    match now {
        LeaderStatus::Leading { since_ms, .. } => {
            let since = i64::try_from(since_ms).unwrap_or(0);
            format!("leading since {}", when::clock(since, when::now_ms()))
        }
        LeaderStatus::Standby { leader: Some(leader), .. } => {
            format!("standing by, {leader} leads")
        }
        LeaderStatus::Standby { leader: None, .. } => "standing by".to_owned(),
    }
}

/// The facts that are known once everything runs.
struct StartupSummary {
    redis: String,
    lead: String,
    sandbox: String,
}

/// Prints what runs where.
fn announce(
    session: &Session,
    args: &Args,
    summary: &StartupSummary,
    token: &TokenOrigin,
) -> anyhow::Result<()> {
    let StartupSummary { redis, lead, sandbox } = summary;
    let out = session.out;
    let settings = &session.settings;
    let slots = settings.worker.slots;
    if out.json {
        return out.object(&serde_json::json!({
            "redis": redis, "lead": lead, "workers": args.workers, "slots": slots,
            "sandbox": sandbox,
        }));
    }
    row(out, "Redis", redis)?;
    row(out, "lead", lead)?;
    row(out, "workers", &format!("{} × {slots} slots · sandbox: {sandbox}", args.workers))?;
    row(out, "GitHub", &github(&settings.github))?;
    row(
        out,
        "model",
        match settings.keys.models.first() {
            Some(model) => model.env,
            None => "no key: failures are explained and flaky jobs re-run; repairs are off",
        },
    )?;
    let file = state_dir::operator_token_file();
    match token {
        TokenOrigin::Set => {}
        TokenOrigin::Kept => row(out, "operator", &format!("token in {file}"))?,
        // What is no terminal may be a journal, which keeps what it is given.
        TokenOrigin::New(_) if !std::io::stdout().is_terminal() => {
            row(out, "operator", &format!("token in {file}"))?;
        }
        TokenOrigin::New(secret) => {
            row(out, "operator", &format!("token {}", secret.expose()))?;
            row(out, "", &format!("shown this once, kept in {file}"))?;
        }
    }
    row(out, "try", "greenline queue enqueue --command 'echo hello'")?;
    out.line(format_args!(
        "{DIM}Ctrl-C stops everything; running tasks go back to the queue.{DIM:#}"
    ))?;
    Ok(())
}

/// Describes what the lead watches, as a part of its line.
fn watching(settings: &GitHubSettings) -> String {
    let count = u64::try_from(settings.repos.len()).unwrap_or(u64::MAX);
    match settings.login {
        Some(GitHubLogin::App { .. }) if count == 0 => " · watching what the app sees".to_owned(),
        Some(_) if count > 0 => {
            format!(" · watching {}", human::count(count, "repository", "repositories"))
        }
        _ => String::new(),
    }
}

/// Describes how GitHub is reached, and how its events arrive.
fn github(settings: &GitHubSettings) -> String {
    let who = match settings.login {
        None => {
            return "no token: set GITHUB_TOKEN, or see it all work with `greenline demo`"
                .to_owned();
        }
        Some(GitHubLogin::Token(_)) if settings.repos.is_empty() => {
            return "token is set; name what to watch in GREENLINE_REPOS".to_owned();
        }
        Some(GitHubLogin::Token(_)) => "by token",
        Some(GitHubLogin::App { .. }) => "as an app",
    };
    let summary = match settings.webhook_secrets.is_empty() {
        true => "webhooks are off: GITHUB_WEBHOOK_SECRET is not set",
        false => "webhooks are taken at /webhooks/github",
    };
    format!(
        "{who}{}, asked every {}; {summary}",
        names(settings),
        human::duration(settings.poll_interval)
    )
}

/// Returns the first few repositories by name.
fn names(settings: &GitHubSettings) -> String {
    const MOST: usize = 3;
    let shown: Vec<&str> = settings.repos.iter().take(MOST).map(RepoPath::as_str).collect();
    let dots = if settings.repos.len() > MOST { ", …" } else { "" };
    if shown.is_empty() { String::new() } else { format!(": {}{dots}", shown.join(", ")) }
}

fn row(out: Output, name: &str, message: &str) -> std::io::Result<()> {
    out.line(format_args!("{BOLD}{name:<9}{BOLD:#}  {message}"))
}
