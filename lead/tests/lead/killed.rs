//! A whole lead is killed at any point between a red check and what is done about it, while GitHub
//! has a bad day: in the end everything was done once, and nothing was forgotten.
//!
//! `GREENLINE_SEEDS=200` tries more than the usual few, `GREENLINE_SEED=7` only that one.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use futures_util::StreamExt;
use greenline_fake_github::github::{
    APP_PRIVATE_KEY, ApiFault, AppHandle, FaultRule, GitHub, RepoHandle, Setup, WebhookFault,
    WriteKind, everything,
};
use greenline_fake_github::project::{self, Story};
use greenline_forge::webhook::WebhookSecrets;
use greenline_forge::{ApiBase, AppKey, Forge, ForgeConfig, GitHubCredentials, PauseMode};
use greenline_lead::watch::WatchOptions;
use greenline_queue::Queue;
use greenline_runtime::clock::ManualClock;
use greenline_store::{StoreConfig, cmd};
use greenline_testbed::TestBed;

use crate::bed::{RunningLead, options_on, run};
use crate::redis_link::{CuttableLink, StableAddress};

const SECRET: &str = "what-github-signs-with";
const SEEDS: u64 = 16;

/// So many at once: most of their time they wait.
const AT_ONCE: usize = 8;

/// Longer than any test: the clock moves in leaps, and a lease that ends is another test's.
const LEASE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Pieces that a lead says in a whole story, about.
const WHOLE_STORY: usize = 220;

const STORIES: [Story; 4] =
    [Story::Assertion, Story::Infrastructure, Story::Fork, Story::BrokenBase];

/// A GitHub with a red pull request to come, a Redis, and a clock that the test moves.
struct LeadHarness<'a> {
    seed: u64,
    bed: &'a TestBed,
    queue: Queue,
    clock: ManualClock,
    github: GitHub,
    app: AppHandle,
    repo: RepoHandle,
    stable_address: StableAddress,
    finished: Arc<AtomicBool>,
}

/// A lead, and what it is plugged in with.
struct LinkedLead {
    lead: RunningLead,
    link: CuttableLink,
}

impl<'a> LeadHarness<'a> {
    async fn new(bed: &'a TestBed, seed: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let clock = ManualClock::at(u64::try_from(now).unwrap());
        let setup = Setup { clock: clock.clock(), ..Setup::default() };
        let github = GitHub::start_with(setup).await.unwrap();
        let repo = project::found(&github, "acme/slug").await.unwrap();
        let app = github.app("greenline", everything());
        let _installation = app.install("acme", None);
        let stable_address = StableAddress::new().await;
        app.hook(&format!("http://{}/webhooks/github", stable_address.address), SECRET);
        let queue = bed.queue_in(&space(seed)).await;
        let finished = Arc::default();
        Self { seed, bed, queue, clock, github, app, repo, stable_address, finished }
    }

    /// Lets the pull request come, and be red.
    fn tell(&self, story: Story) -> tokio::task::JoinHandle<u64> {
        let (repo, finished) = (self.repo.clone(), self.finished.clone());
        tokio::spawn(async move {
            let pull = story.open(&repo).await.unwrap();
            story.run(&repo, &pull).await.unwrap();
            finished.store(true, Ordering::SeqCst);
            pull.number
        })
    }

    async fn begin(&self, name: &str) -> LinkedLead {
        let link = CuttableLink::new();
        let url = link.to_redis(&self.bed.redis.url()).await;
        let namespace = space(self.seed).parse().unwrap();
        let queue = self.bed.queue_by(StoreConfig::at(&url).in_namespace(namespace)).await;
        let mut options = options_on(queue, name, LEASE);
        let key = AppKey::from_pem(APP_PRIVATE_KEY).unwrap();
        let credentials = GitHubCredentials::App { id: self.app.id().to_string(), key };
        let mut config = ForgeConfig::new(credentials, self.clock.clock());
        config.pause = PauseMode::Move(self.clock.clone());
        let github = ApiBase::parse(&link.to_github(self.github.url()).await).unwrap();
        options.clock = self.clock.clock();
        options.watch = Some(WatchOptions {
            forge: Forge::new(config.at(github)).unwrap(),
            repos: vec!["acme/slug".parse().unwrap()],
            poll_interval: Duration::from_secs(2),
            secrets: WebhookSecrets::new([SECRET.to_owned().into()]),
        });
        let lead = run(options).await;
        self.stable_address.leads_to(Some(lead.address));
        LinkedLead { lead, link }
    }

    async fn end(&self, life: LinkedLead, name: &str) {
        self.stable_address.leads_to(None);
        life.lead.kill().await;
        life.link.end().await;
        // Its lease would end by itself.
        self.queue.resign(name).await.unwrap();
    }

    async fn count(&self, command: &str, key: &str) -> u64 {
        let key = format!("{}{key}", self.queue.store().namespace().prefix());
        self.queue.store().command(cmd(command).arg(key)).await.unwrap()
    }

    /// Waits until nothing is to be sent, dealt with or done. Time passes meanwhile.
    async fn is_quiet(&self) {
        let mut calm = 0;
        for _ in 0..3_000 {
            if self.is_calm().await {
                calm += 1;
            } else {
                calm = 0;
            }
            if calm == 2 {
                return;
            }
            self.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let open = self.queue.open_intents().await.unwrap();
        let writes: Vec<_> = self.github.writes().iter().map(|call| call.line()).collect();
        panic!("seed {}: it never gets quiet: {open:#?} {writes:#?}", self.seed);
    }

    async fn is_calm(&self) -> bool {
        self.finished.load(Ordering::SeqCst)
            && self.count("ZCARD", "agent:lead:intents").await == 0
            && {
                self.github.settle().await;
                self.count("XLEN", "agent:lead:events").await == 0
            }
            && self.count("ZCARD", "agent:lead:intents").await == 0
    }

    /// Waits until the lead has looked for webhooks that did not arrive, and has swept after that.
    /// GitHub's bad day is over by then.
    async fn has_looked(&self) {
        self.github.clear_faults();
        self.clock.advance(Duration::from_secs(700));
        let begun = self.clock.clock().wall_ms();
        let prefix = self.queue.store().namespace().prefix().to_owned();
        let swept = async || {
            self.clock.advance(Duration::from_secs(1));
            let line = format!("HGET {prefix}agent:lead:cursor:acme/slug polled_at");
            self.bed.redis::<Option<u64>>(&line).await.is_some_and(|at| at >= begun)
        };
        crate::bed::eventually(&format!("seed {}: a look", self.seed), swept).await;
    }

    async fn check(&self, story: Story, number: u64) {
        let writes =
            self.github.writes_since(greenline_fake_github::github::JournalMark::default());
        let of = |kind| writes.iter().filter(|write| write.kind == kind).count();
        let tasks = self.tasks().await;
        let comments = self.repo.comments(number);
        let summary =
            format!("seed {} ({}): {writes:#?}\n{tasks:?}\n{comments:#?}", self.seed, story.name());
        let fix = usize::from(story == Story::Assertion);
        let rerun = usize::from(story == Story::Infrastructure);
        let issue = usize::from(story == Story::BrokenBase);
        assert_eq!(comments.len(), 1, "{summary}");
        assert_eq!(of(WriteKind::Comment), 1, "{summary}");
        assert_eq!(of(WriteKind::CheckRun), 1, "{summary}");
        assert_eq!(of(WriteKind::Rerun), rerun, "{summary}");
        assert_eq!(of(WriteKind::Issue), issue, "{summary}");
        if story == Story::BrokenBase {
            // What was known of the base when the pull request was looked at depends on the kills.
            assert!(tasks.len() <= 1, "{summary}");
        } else {
            assert_eq!(tasks.len(), fix, "{summary}");
        }
        let says = match story {
            Story::Infrastructure => "is green at",
            Story::Fork => "comes from a fork",
            Story::BrokenBase => "`test` fails",
            _ => "A worker now runs the failing commands",
        };
        assert!(comments[0].contains(says), "{summary}");
        let left = self.count("HLEN", "agent:lead:events:attempts").await;
        assert_eq!(left, 0, "{summary}");
    }

    async fn tasks(&self) -> Vec<String> {
        let prefix = format!("{}agent:task:", self.queue.store().namespace().prefix());
        let keys = self.bed.keys(&format!("{prefix}*")).await;
        let ids = keys.iter().filter_map(|key| key.strip_prefix(&prefix));
        ids.filter(|id| !id.contains(':')).map(str::to_owned).collect()
    }
}

fn space(seed: u64) -> String {
    format!("seed-{seed}")
}

/// What goes wrong on GitHub, one time each.
fn bad_day(rng: &mut Rng, github: &GitHub) {
    let places = [
        "GET",
        "POST",
        "PATCH",
        "POST comments",
        "POST check-runs",
        "POST rerun",
        "POST issues",
        "GET logs",
    ];
    for _ in 0..rng.usize(1..4) {
        let trouble = match rng.usize(..6) {
            0 => ApiFault::Status(502),
            1 => ApiFault::SecondaryLimit(rng.u64(1..50)),
            2 => ApiFault::Truncated(rng.usize(..200)),
            3 => ApiFault::Page,
            _ => ApiFault::AnswerLost,
        };
        github.add_fault(FaultRule::once(places[rng.usize(..places.len())], trouble));
    }
}

/// What goes wrong with the next webhooks.
fn bad_post(rng: &mut Rng) -> Vec<WebhookFault> {
    let all = [WebhookFault::Lost, WebhookFault::Twice, WebhookFault::Late, WebhookFault::Forged];
    (0..rng.usize(1..6)).map(|_| all[rng.usize(..all.len())]).collect()
}

/// One story with several lives of a lead in it; how many.
async fn round(bed: &TestBed, seed: u64) -> usize {
    let mut rng = Rng::with_seed(seed);
    let story = STORIES[rng.usize(..STORIES.len())];
    let harness = LeadHarness::new(bed, seed).await;
    let mut telling = rng.bool().then(|| harness.tell(story));
    let kills = rng.usize(1..5);
    for life in 1..=kills {
        let name = format!("lead-{life}");
        let alive = harness.begin(&name).await;
        if rng.bool() {
            bad_day(&mut rng, &harness.github);
        }
        if rng.bool() {
            harness.github.add_webhook_faults(bad_post(&mut rng));
        }
        alive.link.arm(rng.usize(1..WHOLE_STORY), rng.bool());
        telling.get_or_insert_with(|| harness.tell(story));
        tokio::select! {
            () = alive.link.pulled() => {}
            () = harness.is_quiet() => {}
        }
        harness.end(alive, &name).await;
    }
    let last = harness.begin("last").await;
    harness.is_quiet().await;
    harness.has_looked().await;
    harness.is_quiet().await;
    harness.end(last, "last").await;
    let number = telling.expect("it was told").await.unwrap();
    harness.check(story, number).await;
    kills + 1
}

#[tokio::test]
async fn whenever_a_lead_is_killed_everything_is_done_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("GREENLINE_SEED") {
        Some(one) => one..one + 1,
        None => 0..number("GREENLINE_SEEDS").unwrap_or(SEEDS),
    };
    let bed = Rc::new(TestBed::new().await);
    let rounds = seeds.map(|seed| {
        let bed = bed.clone();
        async move { tokio::task::spawn_local(async move { round(&bed, seed).await }).await }
    });
    let rounds = futures_util::stream::iter(rounds).buffer_unordered(AT_ONCE).collect();
    let ended: Vec<_> = tokio::task::LocalSet::new().run_until(rounds).await;
    let failed = ended.iter().filter(|ended| ended.is_err()).count();
    assert_eq!(failed, 0, "of {} rounds", ended.len());
    let lives: usize = ended.into_iter().map(Result::unwrap).sum();
    println!("{lives} lives");
}
