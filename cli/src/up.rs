//! `greenline up`: everything in one process, with its own Redis if none is set.
//!
//! Redis starts first and stops last. Nothing else is left behind: running tasks finish within the
//! grace period, or go back to the queue.

use std::io::IsTerminal;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use greenline_lead::Standing;
use greenline_queue::Queue;
use greenline_runtime::settings::{
    Flags, GitHubLogin, GitHubSettings, Place, RedisSource, RepoPath, Settings, Sources,
    UnsignedTasks, load,
};
use greenline_runtime::stopping::Stop;
use greenline_runtime::{Role, say};
use greenline_store::{Persistence, PrivateServer, PrivateServerConfig, StoreConfig};
use tokio::sync::watch::Receiver;
use tokio::task::spawn_blocking;

use crate::args::Global;
use crate::daemon::house::{House, wait_until_it_leads};
use crate::daemon::lead::Token;
use crate::ending::{Complaint, Ended};
use crate::home::{self, Home};
use crate::print::style::{BOLD, DIM};
use crate::print::{Output, when};
use crate::session::Session;
use crate::{connection, daemon, redis_here};

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

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<Ended> {
    let flags = global.flags().with("worker.slots", "--slots", args.slots.clone()).with(
        "lead.listen",
        "--listen",
        args.listen.clone(),
    );
    let flags = with_usual_log(flags)?;
    daemon::run(global, Role::Up, flags, async |mut session, stop| {
        let redis = Redis::ready(&session.settings).await?;
        let lived = match redis.add_task_key(&mut session.settings) {
            Ok(()) => live(&session, args, &redis, stop).await,
            Err(error) => Err(error),
        };
        // All users of Redis have ended by now.
        spawn_blocking(move || redis.stop()).await?;
        lived?;
        session.out.note("Stopped.");
        Ok(())
    })
}

/// Sets a quieter log than a daemon's, unless one is configured.
fn with_usual_log(flags: Flags) -> anyhow::Result<Flags> {
    let loaded = load(&Sources::of_process(Role::Up, flags.clone()))?;
    let chosen = |name| {
        let found = loaded.effective.iter().find(|one| one.setting.name == name);
        found.is_some_and(|one| one.from != Place::Default)
    };
    Ok(match chosen("log.level") {
        true => flags,
        false => flags.with("log.level", "greenline up", Some(USUAL_LOG.to_owned())),
    })
}

/// The Redis of this process.
enum Redis {
    /// A configured one.
    Theirs(StoreConfig),
    /// Started by this process, or taken over from a killed one.
    Ours { server: PrivateServer, home: Home, config: StoreConfig, taken_over: bool },
}

impl Redis {
    async fn ready(settings: &Settings) -> anyhow::Result<Self> {
        if let Some(config) = connection::store_config(&settings.redis)? {
            return Ok(Self::Theirs(config));
        }
        debug_assert!(matches!(settings.redis.source, RedisSource::Embedded));
        let home = Home::hold()?;
        let folder = home.redis();
        let taken_over = UnixStream::connect(folder.join("redis.sock")).is_ok();
        let login = home.redis_login()?;
        let mut config = PrivateServerConfig::new(folder);
        config.persistence = Persistence::EverySecond;
        config.login = Some(login.clone());
        let server = spawn_blocking(|| PrivateServer::start(config)).await?.map_err(|error| {
            Complaint::outside(error.to_string()).mend("its log is .greenline/redis/redis.log")
        })?;
        home.publish_redis(&server.url())?;
        let config = redis_here::of_this_directory(&settings.redis, &server.url(), Some(login))?;
        Ok(Self::Ours { server, home, config, taken_over })
    }

    fn config(&self) -> &StoreConfig {
        match self {
            Self::Theirs(config) | Self::Ours { config, .. } => config,
        }
    }

    /// Has tasks signed where nobody set keys. In a Redis of somebody else's another key may be in
    /// use: there it is left to the operator.
    fn add_task_key(&self, settings: &mut Settings) -> anyhow::Result<()> {
        let queue = &mut settings.queue;
        let no_key = queue.task_key.is_none() && queue.task_public_keys.is_empty();
        if let (true, Self::Ours { home, .. }) = (no_key, self) {
            queue.task_key = Some(home.task_key()?);
        }
        if queue.task_key.is_none() && queue.unsigned == UnsignedTasks::Quarantine {
            let says = "queue.unsigned is quarantine, and this lead has no key to sign with";
            return Err(Complaint::wrong(says).mend("set GREENLINE_TASK_KEY").into());
        }
        Ok(())
    }

    fn stop(self) {
        if let Self::Ours { server, home, .. } = self {
            drop(server);
            home.forget_redis();
        }
    }

    async fn describe(&self, queue: &Queue) -> String {
        let version = queue.store().facts().await.map_or(String::new(), |facts| facts.version);
        match self {
            Self::Theirs(config) => format!(
                "{version} at {}, database {}",
                config.address(),
                config.effective_database()
            ),
            Self::Ours { taken_over: false, .. } => {
                format!("started for you on a private socket (data in .greenline/redis, {version})")
            }
            Self::Ours { taken_over: true, .. } => format!(
                "taken over from a `greenline up` that was killed (data in .greenline/redis, {version})"
            ),
        }
    }
}

/// Runs from the opened queue to the end of all its users.
async fn live(session: &Session, args: &Args, redis: &Redis, stop: Stop) -> anyhow::Result<()> {
    let settings = &session.settings;
    let config = redis.config().clone();
    let queue = daemon::open_queue(config, &settings.queue, &stop, || {}).await?;
    let Some(queue) = queue else { return Ok(()) };
    let (house, token) = House::build(&queue, settings, args.workers).await?;
    let (address, sandbox) = (house.address(), house.sandbox().to_owned());
    let mut standing = house.standing();
    let mut parts = house.start(&stop);
    let news = async {
        let leads = leading(&mut standing).await;
        let watching = watching(&settings.github);
        let lead = format!("{leads}{watching} · http://{address}");
        let redis = redis.describe(&queue).await;
        announce(session, args, &News { redis, lead, sandbox }, &token)
    };
    if let Some(told) = stop.drain.run_until_cancelled(news).await {
        // A closed output is no reason to stop.
        let _told = told;
    }
    parts.ended(&stop).await
}

async fn leading(standing: &mut Receiver<Standing>) -> String {
    let led = wait_until_it_leads(standing);
    let _in_time = tokio::time::timeout(ELECTION, led).await;
    let now = standing.borrow().clone();
    match now {
        Standing::Leading { since_ms, .. } => {
            let since = i64::try_from(since_ms).unwrap_or(0);
            format!("leading since {}", when::clock(since, when::now_ms()))
        }
        Standing::Standby { leader: Some(leader), .. } => format!("standing by, {leader} leads"),
        Standing::Standby { leader: None, .. } => "standing by".to_owned(),
    }
}

/// The facts that are known once everything runs.
struct News {
    redis: String,
    lead: String,
    sandbox: String,
}

/// Prints what runs where.
fn announce(session: &Session, args: &Args, news: &News, token: &Token) -> anyhow::Result<()> {
    let News { redis, lead, sandbox } = news;
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
    let file = home::operator_token_file();
    match token {
        Token::Set => {}
        Token::Kept => row(out, "operator", &format!("token in {file}"))?,
        // What is no terminal may be a journal, which keeps what it is given.
        Token::New(_) if !std::io::stdout().is_terminal() => {
            row(out, "operator", &format!("token in {file}"))?;
        }
        Token::New(secret) => {
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
            format!(" · watching {}", say::count(count, "repository", "repositories"))
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
    let news = match settings.webhook_secrets.is_empty() {
        true => "webhooks are off: GITHUB_WEBHOOK_SECRET is not set",
        false => "webhooks are taken at /webhooks/github",
    };
    format!(
        "{who}{}, asked every {}; {news}",
        names(settings),
        say::duration(settings.poll_interval)
    )
}

/// Returns the first few repositories by name.
fn names(settings: &GitHubSettings) -> String {
    const MOST: usize = 3;
    let shown: Vec<&str> = settings.repos.iter().take(MOST).map(RepoPath::as_str).collect();
    let dots = if settings.repos.len() > MOST { ", …" } else { "" };
    if shown.is_empty() { String::new() } else { format!(": {}{dots}", shown.join(", ")) }
}

fn row(out: Output, name: &str, says: &str) -> std::io::Result<()> {
    out.line(format_args!("{BOLD}{name:<9}{BOLD:#}  {says}"))
}
