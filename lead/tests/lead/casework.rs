//! From a red check on a GitHub that keeps state to what is enqueued, done and said there.

use std::time::Duration;

use greenline_forge::webhook::Secrets;
use greenline_forge::{ApiBase, AppKey, CommentId, Credentials, Forge, ForgeConfig, PullNumber};
use greenline_lead::watch::{Mention, Sighting, WatchOptions};
use greenline_practice::github::{
    Change, GitHub, JobEnd, NewPull, PRIVATE_KEY, Permissions, RepoHandle, Role, Setup, everything,
};
use greenline_practice::project::{self, Story};
use greenline_runtime::clock::Clock;
use greenline_testbed::{Hand, TestBed};

use crate::bed::{LONG, Running, eventually, options, run};

const SECRET: &str = "what-github-signs-with";

/// A lead that hears of everything by webhook, and the repository that it watches.
pub(crate) struct World {
    pub(crate) bed: TestBed,
    pub(crate) github: GitHub,
    pub(crate) repo: RepoHandle,
    pub(crate) lead: Running,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&project::files(), everything(), Clock::system()).await
    }

    /// None named: the organisation's installation says which repositories there are.
    async fn by_installation() -> Self {
        Self::watching(&[], &project::files(), everything(), Clock::system()).await
    }

    /// A repository that begins with these files, an App with these permissions, and a clock.
    pub(crate) async fn with(files: &[Change], permissions: Permissions, clock: Clock) -> Self {
        Self::watching(&["acme/slug"], files, permissions, clock).await
    }

    async fn watching(
        named: &[&str],
        files: &[Change],
        permissions: Permissions,
        clock: Clock,
    ) -> Self {
        let bed = TestBed::new().await;
        let setup = Setup { clock: clock.clone(), ..Setup::default() };
        let github = GitHub::start_with(setup).await.unwrap();
        let repo = github.repo_with("acme/slug", files).await.unwrap();
        let lead = lead(&bed, &github, named, permissions, clock).await;
        let url = format!("http://{}/webhooks/github", lead.address);
        github.hook(&repo, &url, SECRET);
        Self { bed, github, repo, lead }
    }

    pub(crate) fn comments(&self, number: u64) -> Vec<String> {
        self.repo.comments(number)
    }

    /// Waits until the one comment says something, and gives it.
    pub(crate) async fn says(&self, number: u64, words: &str) -> String {
        let says =
            async || self.comments(number).last().is_some_and(|comment| comment.contains(words));
        eventually(&format!("a comment on {number} that says {words:?}"), says).await;
        let comments = self.comments(number);
        assert_eq!(comments.len(), 1, "{comments:#?}");
        comments.into_iter().next().unwrap()
    }

    pub(crate) async fn tasks(&self) -> Vec<String> {
        let keys = self.bed.keys("agent:task:*").await;
        let ids = keys.iter().filter_map(|key| key.strip_prefix("agent:task:"));
        ids.filter(|id| !id.contains(':')).map(str::to_owned).collect()
    }

    pub(crate) fn writes(&self, word: &str) -> usize {
        self.github.writes().iter().filter(|call| call.line().contains(word)).count()
    }

    /// Waits until nothing waits to be dealt with or done.
    pub(crate) async fn is_quiet(&self) {
        let quiet = async || {
            let seen: u64 = self.bed.redis("XLEN agent:lead:sightings").await;
            let open: u64 = self.bed.redis("ZCARD agent:lead:intents").await;
            seen == 0 && open == 0
        };
        eventually("everything is dealt with", quiet).await;
    }
}

async fn lead(
    bed: &TestBed,
    github: &GitHub,
    named: &[&str],
    permissions: Permissions,
    clock: Clock,
) -> Running {
    let mut options = options(bed, "one", LONG).await;
    let app = github.app("greenline", permissions);
    let _installation = app.install("acme", None);
    let key = AppKey::from_pem(PRIVATE_KEY).unwrap();
    let credentials = Credentials::App { id: app.id().to_string(), key };
    let config = ForgeConfig::new(credentials, clock.clone());
    options.clock = clock;
    options.watch = Some(WatchOptions {
        forge: Forge::new(config.at(ApiBase::parse(github.url()).unwrap())).unwrap(),
        repos: named.iter().map(|name| name.parse().unwrap()).collect(),
        poll_interval: Duration::from_secs(1),
        secrets: Secrets::new([SECRET.to_owned().into()]),
    });
    let mut lead = run(options).await;
    lead.leads().await;
    lead
}

#[tokio::test]
async fn a_red_pull_request_gets_its_comment_check_run_and_task() {
    let world = World::by_installation().await;
    let pull = Story::Assertion.open(&world.repo).await.unwrap();
    Story::Assertion.run(&world.repo, &pull).await.unwrap();

    let comment = world.says(pull.number, "A worker now runs the commands").await;
    assert!(comment.contains("`test` fails:"), "{comment}");
    assert!(comment.contains("dots go"), "{comment}");
    assert!(comment.contains("@greenline retry"), "{comment}");
    world.is_quiet().await;
    let tasks = world.tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let payload: String = world.bed.redis(&format!("HGET agent:task:{} payload", tasks[0])).await;
    let task: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(task["validation"], serde_json::json!(["sh ./test.sh"]), "{task:#}");
    assert_eq!(task["inputs"]["head_sha"], pull.sha);
    assert_eq!(task["inputs"]["fork"], false);
    assert!(task["inputs"]["signature"].is_string(), "{task:#}");
    assert_eq!(world.writes("/check-runs"), 1);
    world.lead.drain().await;
}

#[tokio::test]
async fn the_world_outside_is_nobodys_fault_and_the_job_runs_again_once() {
    let world = World::new().await;
    let story = Story::Infrastructure;
    let pull = story.open(&world.repo).await.unwrap();
    story.run(&world.repo, &pull).await.unwrap();
    let comment = world.says(pull.number, "green again").await;
    assert!(!comment.contains("A worker"), "{comment}");
    world.is_quiet().await;
    assert_eq!(world.writes("rerun-failed-jobs"), 1);
    assert_eq!(world.tasks().await, Vec::<String>::new());
    world.lead.drain().await;
}

#[tokio::test]
async fn what_passed_on_the_same_commit_runs_again_once() {
    let world = World::new().await;
    let story = Story::Flaky;
    let pull = story.open(&world.repo).await.unwrap();
    story.run(&world.repo, &pull).await.unwrap();
    world.says(pull.number, "green again").await;
    world.is_quiet().await;
    assert_eq!(world.writes("rerun-failed-jobs"), 1);
    assert_eq!(world.tasks().await, Vec::<String>::new());
    world.lead.drain().await;
}

#[tokio::test]
async fn a_fork_is_only_explained() {
    let world = World::new().await;
    let pull = Story::Fork.open(&world.repo).await.unwrap();
    Story::Fork.run(&world.repo, &pull).await.unwrap();
    world.says(pull.number, "comes from a fork").await;
    world.is_quiet().await;
    assert_eq!(world.tasks().await, Vec::<String>::new());
    world.lead.drain().await;
}

#[tokio::test]
async fn a_broken_default_branch_gets_one_issue_that_closes_when_it_is_green() {
    let world = World::new().await;
    let base = world.repo.head("main").unwrap();
    let run = world.repo.start_run_at(&base, "push", "main");
    let log = "FAILED tests/test_a.py::test_b - assert 1 == 2\n".to_owned();
    world.repo.finish(run, &[("test", JobEnd::Failure(log))]);
    eventually("an issue", async || world.writes("POST /repos/acme/slug/issues") == 1).await;
    world.is_quiet().await;
    let again = world.repo.start_run_at(&base, "push", "main");
    world.repo.finish(again, &[("test", JobEnd::Success("ok\n".to_owned()))]);
    eventually("it is closed", async || world.writes("PATCH /repos/acme/slug/issues") == 1).await;
    assert_eq!(world.tasks().await, Vec::<String>::new());
    world.lead.drain().await;
}

#[tokio::test]
async fn people_say_what_to_do() {
    let world = World::new().await;
    let pull = Story::Assertion.open(&world.repo).await.unwrap();
    Story::Assertion.run(&world.repo, &pull).await.unwrap();
    world.says(pull.number, "A worker now runs the commands").await;
    world.is_quiet().await;
    world.repo.collaborator("grace", Role::Write);
    let ours = || world.comments(pull.number).remove(0);

    world.repo.comment(pull.number, "mallory", "@greenline stop");
    world.repo.comment(pull.number, "grace", "@greenline stop");
    eventually("it stops", async || ours().contains("said stop")).await;
    let tasks = world.tasks().await;
    let status: String = world.bed.redis(&format!("HGET agent:task:{} status", tasks[0])).await;
    assert_eq!(status, "cancelled");

    world.repo.comment(pull.number, "grace", "@greenline fix");
    eventually("another task", async || world.tasks().await.len() == 2).await;
    world.repo.comment(pull.number, "grace", "@greenline explain");
    eventually("why", async || ours().contains("What was decided here")).await;
    world.repo.comment(pull.number, "grace", "@greenline help");
    eventually("help", async || ours().contains("`@greenline reject`")).await;
    world.is_quiet().await;
    assert_eq!(world.comments(pull.number).len(), 6, "one of ours, five of others");
    world.lead.drain().await;
}

#[tokio::test]
async fn a_command_that_was_obeyed_is_not_obeyed_when_its_mention_comes_again() {
    let world = World::new().await;
    let pull = Story::Assertion.open(&world.repo).await.unwrap();
    Story::Assertion.run(&world.repo, &pull).await.unwrap();
    world.says(pull.number, "A worker now runs the commands").await;
    world.is_quiet().await;
    world.repo.collaborator("grace", Role::Write);
    let first = world.repo.comment(pull.number, "grace", "@greenline stop");
    let ours = || world.comments(pull.number).remove(0);
    eventually("it stops", async || ours().contains("said stop")).await;
    world.repo.comment(pull.number, "grace", "@greenline fix");
    eventually("another task", async || world.tasks().await.len() == 2).await;
    world.is_quiet().await;

    // As a lead leaves it that dies after it has obeyed and before it is done with the mention.
    let mention = Sighting::Command(Mention {
        repo: "acme/slug".parse().unwrap(),
        number: PullNumber(pull.number),
        comment: CommentId(first),
        author: "grace".to_owned(),
        author_id: None,
        body: "@greenline stop".to_owned(),
        at: None,
    });
    let mention = serde_json::to_string(&mention).unwrap();
    let add = ["XADD", "agent:lead:sightings", "*", "sighting", &mention];
    let _id: String = world.bed.redis_words(&add).await;
    world.is_quiet().await;
    let mut cancelled = 0;
    for task in world.tasks().await {
        let status: String = world.bed.redis(&format!("HGET agent:task:{task} status")).await;
        cancelled += usize::from(status == "cancelled");
    }
    assert_eq!(cancelled, 1, "the task that `fix` began goes on");
    assert!(!ours().contains("said stop"), "{}", ours());
    world.lead.drain().await;
}

#[tokio::test]
async fn a_wrong_settings_file_is_said_on_the_pull_request_that_brings_it() {
    let world = World::new().await;
    let wrong = Change::write(".greenline.toml", "[limits]\ntasks_per_dya = 3\n");
    let new = NewPull::new("settings", "Settings", vec![wrong]);
    let pull = world.repo.open_pull(new).await.unwrap();
    let comment = world.says(pull.number, "is not valid").await;
    assert!(comment.contains(".greenline.toml:2:1"), "{comment}");
    assert!(comment.contains("did you mean"), "{comment}");
    world.lead.drain().await;
}

#[tokio::test]
async fn a_new_head_cancels_what_was_under_way() {
    let world = World::new().await;
    let pull = Story::Assertion.open(&world.repo).await.unwrap();
    Story::Assertion.run(&world.repo, &pull).await.unwrap();
    world.says(pull.number, "A worker now runs the commands").await;
    world.is_quiet().await;
    let change = vec![Change::write("new.txt", "x")];
    world.repo.commit(&pull.branch, "ada", "More", &change).await.unwrap();
    let tasks = world.tasks().await;
    let cancelled = async || {
        let status: String = world.bed.redis(&format!("HGET agent:task:{} status", tasks[0])).await;
        status == "cancelled"
    };
    eventually("the task is cancelled", cancelled).await;
    world.lead.drain().await;
}

#[tokio::test]
async fn what_a_worker_saw_is_said_in_the_comment_and_remembered() {
    let world = World::new().await;
    let pull = Story::Assertion.open(&world.repo).await.unwrap();
    Story::Assertion.run(&world.repo, &pull).await.unwrap();
    world.says(pull.number, "A worker now runs the commands").await;
    let mut hand = reproducer(&world).await;
    let claim = hand.claim_one().await;
    world.bed.queue.complete(&hand.id(), &claim, REPRODUCED.to_owned()).await.unwrap();
    let comment = world.says(pull.number, "Reproduced: a worker saw the same failure").await;
    assert!(!comment.contains("A worker now"), "{comment}");
    world.is_quiet().await;
    let tried: Vec<String> = world.bed.redis("HVALS agent:lead:history:acme/slug:tried:test").await;
    assert_eq!(tried, ["reproduced"]);
    world.lead.drain().await;
}

/// A worker's answer.
const REPRODUCED: &str = r#"{"outcome":"reproduced","signature":"s","category":"test_assertion",
    "headline":"not ok 3 - dots go","reason":"sh ./test.sh ended with 1: the same failure as in CI",
    "commands":[],"isolation":"landlock ABI 7"}"#;

/// A worker for tasks about failures that does what the test says.
async fn reproducer(world: &World) -> Hand {
    let knows = |profile: &mut greenline_queue::WorkerProfile| {
        let types = ["fix_test_failure", "investigate_failure"];
        profile.types = types.iter().map(|name| name.parse().unwrap()).collect();
    };
    world.bed.hand_with("w", knows).await
}

#[tokio::test]
async fn a_second_failure_is_looked_at_after_the_first() {
    let world = World::new().await;
    let pull = Story::Assertion.open(&world.repo).await.unwrap();
    let failed = |test: &str| {
        let log = format!("FAILED tests/test_{test}.py::test_{test} - assert 1 == 2\n");
        JobEnd::Failure(log)
    };
    world.repo.finish_run(&pull, &[("one", failed("one")), ("two", failed("two"))]);
    world.says(pull.number, "1 other check fails").await;
    world.is_quiet().await;
    let waits = "another task works on this pull request";
    assert!(world.comments(pull.number)[0].contains(waits));
    let mut hand = reproducer(&world).await;
    let first = hand.claim_one().await;
    assert_eq!(world.tasks().await.len(), 1);
    world.bed.queue.complete(&hand.id(), &first, REPRODUCED.to_owned()).await.unwrap();

    eventually("a second task", async || world.tasks().await.len() == 2).await;
    let second = hand.claim_one().await;
    assert_ne!(first.id, second.id);
    world.is_quiet().await;
    let comment = world.comments(pull.number).remove(0);
    assert!(comment.contains("Reproduced") && !comment.contains(waits), "{comment}");
    world.bed.queue.complete(&hand.id(), &second, REPRODUCED.to_owned()).await.unwrap();
    let both = async || world.comments(pull.number)[0].matches("Reproduced").count() == 2;
    eventually("both are said", both).await;
    world.lead.drain().await;
}
