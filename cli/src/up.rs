//! `greenline up`: everything in one process, and a Redis of its own if none is set.
//!
//! Redis starts first and stops last. Nothing else is left behind: what runs finishes within the
//! grace, or goes back to the queue.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::Context;
use greenline_lead::{Lead, Standing};
use greenline_queue::Queue;
use greenline_runtime::settings::{
    Flags, GitHubLogin, GitHubSettings, Place, RedisSource, Settings, Sources, load,
};
use greenline_runtime::stopping::Stop;
use greenline_runtime::{Role, say};
use greenline_store::{Persistence, PrivateServer, PrivateServerConfig, StoreConfig};
use greenline_worker::WorkerDaemon;
use tokio::task::{JoinSet, spawn_blocking};

use crate::args::Global;
use crate::daemon::lead::Token;
use crate::ending::{Complaint, Ended};
use crate::home::{self, Home};
use crate::print::style::{BOLD, DIM};
use crate::print::{Output, when};
use crate::session::Session;
use crate::{connection, daemon};

/// What is logged unless log.level says otherwise: what goes wrong, and what becomes of tasks.
const USUAL_LOG: &str = "warn,greenline_worker=info";

/// How long the lead may take to lead before that is said.
const ELECTION: Duration = Duration::from_secs(3);

/// Run everything on this machine: a Redis if none is set, one lead, workers
///
/// Ctrl-C stops everything: running tasks finish within worker.grace or go back to the queue, a
/// second Ctrl-C gives them back at once. Redis, if it was started here, stops last and keeps its
/// data in .greenline/redis.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline up
  greenline up --workers 2 --slots 4
  REDIS_URL=redis://localhost greenline up

Other commands in the same directory find the Redis that was started here.")]
pub(crate) struct Args {
    /// How many workers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// How many tasks each runs at once, instead of worker.slots
    #[arg(long, value_name = "N")]
    slots: Option<String>,
    /// Answer HTTP here instead of lead.listen
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
    daemon::run(global, Role::Up, flags, async |session, stop| {
        let redis = Redis::ready(&session.settings).await?;
        let lived = live(&session, args, &redis, stop).await;
        // Everyone who spoke to Redis is gone by now.
        spawn_blocking(move || redis.stop()).await?;
        lived?;
        session.out.note("Stopped.");
        Ok(())
    })
}

/// A quieter log than a daemon's, unless somebody chose one.
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

/// The Redis of this house.
enum Redis {
    /// Somebody else's.
    Theirs(StoreConfig),
    /// Started by us, or taken over from one like us that was killed.
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
        let mut config = PrivateServerConfig::new(folder);
        config.persistence = Persistence::EverySecond;
        let server = spawn_blocking(|| PrivateServer::start(config)).await?.map_err(|error| {
            Complaint::outside(error.to_string()).mend("its log is .greenline/redis/redis.log")
        })?;
        home.publish_redis(&server.url())?;
        let mut config = connection::at(&settings.redis, &server.url())?;
        config.credentials = greenline_store::Credentials::default();
        Ok(Self::Ours { server, home, config, taken_over })
    }

    fn config(&self) -> &StoreConfig {
        match self {
            Self::Theirs(config) | Self::Ours { config, .. } => config,
        }
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

/// From the open queue to the end of everyone who uses it.
async fn live(session: &Session, args: &Args, redis: &Redis, stop: Stop) -> anyhow::Result<()> {
    let settings = &session.settings;
    let config = redis.config().clone();
    let queue = daemon::open_queue(config, &settings.queue, &stop, || {}).await?;
    let Some(queue) = queue else { return Ok(()) };
    let (lead, token) = daemon::lead::bind(queue.clone(), settings, Role::Up).await?;
    let Crew { workers, sandbox } = crew(&queue, settings, args.workers).await?;
    let standing = lead.standing();
    let address = lead.address();
    let mut parts = start(lead, workers, &stop);
    let news = async {
        let leads = leading(standing).await;
        let lead = format!("{leads} · http://{address}");
        let redis = redis.describe(&queue).await;
        announce(session, args, &News { redis, lead, sandbox }, &token)
    };
    if let Some(told) = stop.drain.run_until_cancelled(news).await {
        // A reader that is gone is no reason to stop.
        let _told = told;
    }
    all_ended(&mut parts, &stop).await
}

/// The workers, and what keeps in what they run of other people's.
struct Crew {
    workers: Vec<WorkerDaemon>,
    sandbox: String,
}

async fn crew(queue: &Queue, settings: &Settings, count: u8) -> anyhow::Result<Crew> {
    let (queue, settings) = (queue.clone(), settings.clone());
    let build = move || {
        let safety = daemon::sandbox::safety(&settings.worker);
        let id = daemon::fresh_id();
        let one = |number| {
            daemon::worker::build(
                queue.clone(),
                &settings,
                &format!("{id}-{number}"),
                safety.clone(),
            )
        };
        let workers = (1..=count).map(one).collect::<anyhow::Result<_>>()?;
        Ok(Crew { workers, sandbox: daemon::sandbox::in_short(&safety) })
    };
    spawn_blocking(build).await?
}

type Parts = JoinSet<anyhow::Result<()>>;

fn start(lead: Lead, workers: Vec<WorkerDaemon>, stop: &Stop) -> Parts {
    let mut parts = Parts::new();
    for worker in workers {
        parts.spawn(worker.run(stop.clone()));
    }
    let stop = stop.clone();
    parts.spawn(async move { lead.run(stop).await.context("the lead ended") });
    parts
}

/// Waits for all parts. If one ends, all do; the first error is what it was about.
async fn all_ended(parts: &mut Parts, stop: &Stop) -> anyhow::Result<()> {
    let mut first = Ok(());
    while let Some(ended) = parts.join_next().await {
        let ended = ended.context("a part of it broke").and_then(|ended| ended);
        if first.is_ok() && ended.is_err() {
            first = ended;
        }
        stop.drain.cancel();
    }
    first
}

async fn leading(mut standing: tokio::sync::watch::Receiver<Standing>) -> String {
    {
        let leads = standing.wait_for(|standing| matches!(standing, Standing::Leading { .. }));
        let _in_time = tokio::time::timeout(ELECTION, leads).await;
    }
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

/// What is known once everything runs.
struct News {
    redis: String,
    lead: String,
    sandbox: String,
}

/// Says what runs where.
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
            None => "no key: repairs are off",
        },
    )?;
    let file = home::operator_token_file();
    match token {
        Token::Set => {}
        Token::Kept => row(out, "operator", &format!("token in {file}"))?,
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

fn github(settings: &GitHubSettings) -> String {
    let count = u64::try_from(settings.repos.len()).unwrap_or(u64::MAX);
    let repos = say::count(count, "repository", "repositories");
    match settings.login {
        None => "no token yet: set GITHUB_TOKEN".to_owned(),
        Some(GitHubLogin::Token(_)) if count == 0 => {
            "token is set; name what to watch in GREENLINE_REPOS".to_owned()
        }
        Some(GitHubLogin::App { .. }) if count == 0 => {
            "watching what the app is installed in".to_owned()
        }
        Some(_) => format!("watching {repos}"),
    }
}

fn row(out: Output, name: &str, says: &str) -> std::io::Result<()> {
    out.line(format_args!("{BOLD}{name:<9}{BOLD:#}  {says}"))
}
