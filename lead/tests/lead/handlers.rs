//! From a red check on a GitHub that keeps state to what is enqueued, done and said there.

use std::time::Duration;

use greenline_fake_github::github::{
    APP_PRIVATE_KEY, AppPermissions, GitChange, GitHub, JobEnd, NewPull, RepoHandle, RepoRole,
    Setup, everything,
};
use greenline_fake_github::project::{self, Story};
use greenline_forge::webhook::WebhookSecrets;
use greenline_forge::{
    ApiBase, AppKey, CommentId, Forge, ForgeConfig, GitHubCredentials, PullNumber,
};
use greenline_lead::watch::{Mention, RepoEvent, WatchOptions};
use greenline_runtime::clock::Clock;
use greenline_testbed::{ManualWorker, TestBed};

use crate::bed::{LONG, RunningLead, eventually, options, run};

const SECRET: &str = "what-github-signs-with";

/// A lead that hears of everything by webhook, and the repository that it watches.
pub(crate) struct LeadHarness {
    pub(crate) bed: TestBed,
    pub(crate) github: GitHub,
    pub(crate) repo: RepoHandle,
    pub(crate) lead: RunningLead,
}

impl LeadHarness {
    pub(crate) async fn new() -> Self {
        Self::with(&project::files(), everything(), Clock::system()).await
    }

    /// None named: the organisation's installation says which repositories there are.
    async fn by_installation() -> Self {
        Self::watching(&[], &project::files(), everything(), Clock::system()).await
    }

    /// A repository that begins with these files, an App with these permissions, and a clock.
    pub(crate) async fn with(
        files: &[GitChange],
        permissions: AppPermissions,
        clock: Clock,
    ) -> Self {
        Self::watching(&["acme/slug"], files, permissions, clock).await
    }

    async fn watching(
        named: &[&str],
        files: &[GitChange],
        permissions: AppPermissions,
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
            let seen: u64 = self.bed.redis("XLEN agent:lead:events").await;
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
    permissions: AppPermissions,
    clock: Clock,
) -> RunningLead {
    let mut options = options(bed, "one", LONG).await;
    let app = github.app("greenline", permissions);
    let _installation = app.install("acme", None);
    let key = AppKey::from_pem(APP_PRIVATE_KEY).unwrap();
    let credentials = GitHubCredentials::App { id: app.id().to_string(), key };
    let config = ForgeConfig::new(credentials, clock.clone());
    options.clock = clock;
    options.watch = Some(WatchOptions {
        forge: Forge::new(config.at(ApiBase::parse(github.url()).unwrap())).unwrap(),
        repos: named.iter().map(|name| name.parse().unwrap()).collect(),
        poll_interval: Duration::from_secs(1),
        secrets: WebhookSecrets::new([SECRET.to_owned().into()]),
    });
    let mut lead = run(options).await;
    lead.leads().await;
    lead
}

#[tokio::test]
async fn a_red_pull_request_gets_its_comment_check_run_and_task() {
    let harness = LeadHarness::by_installation().await;
    let pull = Story::Assertion.open(&harness.repo).await.unwrap();
    Story::Assertion.run(&harness.repo, &pull).await.unwrap();

    let comment = harness.says(pull.number, "A worker now runs the failing commands").await;
    assert!(comment.contains("`test` fails:"), "{comment}");
    assert!(comment.contains("dots go"), "{comment}");
    assert!(comment.contains("@greenline retry"), "{comment}");
    harness.is_quiet().await;
    let tasks = harness.tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let payload: String = harness.bed.redis(&format!("HGET agent:task:{} payload", tasks[0])).await;
    let task: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(task["validation"], serde_json::json!(["sh ./test.sh"]), "{task:#}");
    assert_eq!(task["inputs"]["head_sha"], pull.sha);
    assert_eq!(task["inputs"]["fork"], false);
    assert!(task["inputs"]["signature"].is_string(), "{task:#}");
    assert_eq!(harness.writes("/check-runs"), 1);
    harness.lead.drain().await;
}

#[tokio::test]
async fn the_world_outside_is_nobodys_fault_and_the_job_runs_again_once() {
    let harness = LeadHarness::new().await;
    let story = Story::Infrastructure;
    let pull = story.open(&harness.repo).await.unwrap();
    story.run(&harness.repo, &pull).await.unwrap();
    let comment = harness.says(pull.number, "green again").await;
    assert!(!comment.contains("A worker"), "{comment}");
    harness.is_quiet().await;
    assert_eq!(harness.writes("rerun-failed-jobs"), 1);
    assert_eq!(harness.tasks().await, Vec::<String>::new());
    harness.lead.drain().await;
}

#[tokio::test]
async fn what_passed_on_the_same_commit_runs_again_once() {
    let harness = LeadHarness::new().await;
    let story = Story::Flaky;
    let pull = story.open(&harness.repo).await.unwrap();
    story.run(&harness.repo, &pull).await.unwrap();
    harness.says(pull.number, "green again").await;
    harness.is_quiet().await;
    assert_eq!(harness.writes("rerun-failed-jobs"), 1);
    assert_eq!(harness.tasks().await, Vec::<String>::new());
    harness.lead.drain().await;
}

#[tokio::test]
async fn a_fork_is_only_explained() {
    let harness = LeadHarness::new().await;
    let pull = Story::Fork.open(&harness.repo).await.unwrap();
    Story::Fork.run(&harness.repo, &pull).await.unwrap();
    harness.says(pull.number, "comes from a fork").await;
    harness.is_quiet().await;
    assert_eq!(harness.tasks().await, Vec::<String>::new());
    harness.lead.drain().await;
}

#[tokio::test]
async fn a_broken_default_branch_gets_one_issue_that_closes_when_it_is_green() {
    let harness = LeadHarness::new().await;
    let base = harness.repo.head("main").unwrap();
    let run = harness.repo.start_run_at(&base, "push", "main");
    let log = "FAILED tests/test_a.py::test_b - assert 1 == 2\n".to_owned();
    harness.repo.finish(run, &[("test", JobEnd::Failure(log))]);
    eventually("an issue", async || harness.writes("POST /repos/acme/slug/issues") == 1).await;
    harness.is_quiet().await;
    let again = harness.repo.start_run_at(&base, "push", "main");
    harness.repo.finish(again, &[("test", JobEnd::Success("ok\n".to_owned()))]);
    eventually("it is closed", async || harness.writes("PATCH /repos/acme/slug/issues") == 1).await;
    assert_eq!(harness.tasks().await, Vec::<String>::new());
    harness.lead.drain().await;
}

#[tokio::test]
async fn people_say_what_to_do() {
    let harness = LeadHarness::new().await;
    let pull = Story::Assertion.open(&harness.repo).await.unwrap();
    Story::Assertion.run(&harness.repo, &pull).await.unwrap();
    harness.says(pull.number, "A worker now runs the failing commands").await;
    harness.is_quiet().await;
    harness.repo.collaborator("grace", RepoRole::Write);
    let ours = || harness.comments(pull.number).remove(0);

    harness.repo.comment(pull.number, "mallory", "@greenline stop");
    harness.repo.comment(pull.number, "grace", "@greenline stop");
    eventually("it stops", async || ours().contains("asked to stop")).await;
    let tasks = harness.tasks().await;
    let status: String = harness.bed.redis(&format!("HGET agent:task:{} status", tasks[0])).await;
    assert_eq!(status, "cancelled");

    harness.repo.comment(pull.number, "grace", "@greenline fix");
    eventually("another task", async || harness.tasks().await.len() == 2).await;
    harness.repo.comment(pull.number, "grace", "@greenline explain");
    eventually("why", async || ours().contains("Decisions and their reasons")).await;
    harness.repo.comment(pull.number, "grace", "@greenline help");
    eventually("help", async || ours().contains("`@greenline reject`")).await;
    harness.is_quiet().await;
    assert_eq!(harness.comments(pull.number).len(), 6, "one of ours, five of others");
    harness.lead.drain().await;
}

#[tokio::test]
async fn a_command_that_was_obeyed_is_not_obeyed_when_its_mention_comes_again() {
    let harness = LeadHarness::new().await;
    let pull = Story::Assertion.open(&harness.repo).await.unwrap();
    Story::Assertion.run(&harness.repo, &pull).await.unwrap();
    harness.says(pull.number, "A worker now runs the failing commands").await;
    harness.is_quiet().await;
    harness.repo.collaborator("grace", RepoRole::Write);
    let first = harness.repo.comment(pull.number, "grace", "@greenline stop");
    let ours = || harness.comments(pull.number).remove(0);
    eventually("it stops", async || ours().contains("asked to stop")).await;
    harness.repo.comment(pull.number, "grace", "@greenline fix");
    eventually("another task", async || harness.tasks().await.len() == 2).await;
    harness.is_quiet().await;

    // As a lead leaves it that dies after it has obeyed and before it is done with the mention.
    let mention = RepoEvent::Command(Mention {
        repo: "acme/slug".parse().unwrap(),
        number: PullNumber(pull.number),
        comment: CommentId(first),
        author: "grace".to_owned(),
        author_id: None,
        body: "@greenline stop".to_owned(),
        at: None,
    });
    let mention = serde_json::to_string(&mention).unwrap();
    let add = ["XADD", "agent:lead:events", "*", "event", &mention];
    let _id: String = harness.bed.redis_words(&add).await;
    harness.is_quiet().await;
    let mut cancelled = 0;
    for task in harness.tasks().await {
        let status: String = harness.bed.redis(&format!("HGET agent:task:{task} status")).await;
        cancelled += usize::from(status == "cancelled");
    }
    assert_eq!(cancelled, 1, "the task that `fix` began goes on");
    assert!(!ours().contains("asked to stop"), "{}", ours());
    harness.lead.drain().await;
}

#[tokio::test]
async fn a_wrong_settings_file_is_said_on_the_pull_request_that_brings_it() {
    let harness = LeadHarness::new().await;
    let wrong = GitChange::write(".greenline.toml", "[limits]\ntasks_per_dya = 3\n");
    let new = NewPull::new("settings", "Settings", vec![wrong]);
    let pull = harness.repo.open_pull(new).await.unwrap();
    let comment = harness.says(pull.number, "is not valid").await;
    assert!(comment.contains(".greenline.toml:2:1"), "{comment}");
    assert!(comment.contains("did you mean"), "{comment}");
    harness.lead.drain().await;
}

#[tokio::test]
async fn a_new_head_cancels_what_was_under_way() {
    let harness = LeadHarness::new().await;
    let pull = Story::Assertion.open(&harness.repo).await.unwrap();
    Story::Assertion.run(&harness.repo, &pull).await.unwrap();
    harness.says(pull.number, "A worker now runs the failing commands").await;
    harness.is_quiet().await;
    let change = vec![GitChange::write("new.txt", "x")];
    harness.repo.commit(&pull.branch, "ada", "More", &change).await.unwrap();
    let tasks = harness.tasks().await;
    let cancelled = async || {
        let status: String =
            harness.bed.redis(&format!("HGET agent:task:{} status", tasks[0])).await;
        status == "cancelled"
    };
    eventually("the task is cancelled", cancelled).await;
    harness.lead.drain().await;
}

#[tokio::test]
async fn what_a_worker_saw_is_said_in_the_comment_and_remembered() {
    let harness = LeadHarness::new().await;
    let pull = Story::Assertion.open(&harness.repo).await.unwrap();
    Story::Assertion.run(&harness.repo, &pull).await.unwrap();
    harness.says(pull.number, "A worker now runs the failing commands").await;
    let mut manual_worker = reproducer(&harness).await;
    let claim = manual_worker.claim_one().await;
    harness.bed.queue.complete(&manual_worker.id(), &claim, REPRODUCED.to_owned()).await.unwrap();
    let comment = harness.says(pull.number, "Reproduced: a worker saw the same failure").await;
    assert!(!comment.contains("A worker now"), "{comment}");
    harness.is_quiet().await;
    let tried: Vec<String> =
        harness.bed.redis("HVALS agent:lead:history:acme/slug:reproductions:test").await;
    assert_eq!(tried, ["reproduced"]);
    harness.lead.drain().await;
}

/// A worker's answer.
const REPRODUCED: &str = r#"{"outcome":"reproduced","signature":"s","category":"test_assertion",
    "headline":"not ok 3 - dots go","reason":"sh ./test.sh ended with 1: the same failure as in CI",
    "commands":[],"isolation":"landlock ABI 7"}"#;

/// A worker for tasks about failures that does what the test says.
async fn reproducer(harness: &LeadHarness) -> ManualWorker {
    let knows = |profile: &mut greenline_queue::WorkerProfile| {
        let types = ["fix_test_failure", "investigate_failure"];
        profile.types = types.iter().map(|name| name.parse().unwrap()).collect();
    };
    harness.bed.manual_worker_with("w", knows).await
}

#[tokio::test]
async fn a_second_failure_is_looked_at_after_the_first() {
    let harness = LeadHarness::new().await;
    let pull = Story::Assertion.open(&harness.repo).await.unwrap();
    let failed = |test: &str| {
        let log = format!("FAILED tests/test_{test}.py::test_{test} - assert 1 == 2\n");
        JobEnd::Failure(log)
    };
    harness.repo.finish_run(&pull, &[("one", failed("one")), ("two", failed("two"))]);
    harness.says(pull.number, "1 other check fails").await;
    harness.is_quiet().await;
    let waits = "another task works on this pull request";
    assert!(harness.comments(pull.number)[0].contains(waits));
    let mut manual_worker = reproducer(&harness).await;
    let first = manual_worker.claim_one().await;
    assert_eq!(harness.tasks().await.len(), 1);
    harness.bed.queue.complete(&manual_worker.id(), &first, REPRODUCED.to_owned()).await.unwrap();

    eventually("a second task", async || harness.tasks().await.len() == 2).await;
    let second = manual_worker.claim_one().await;
    assert_ne!(first.id, second.id);
    harness.is_quiet().await;
    let comment = harness.comments(pull.number).remove(0);
    assert!(comment.contains("Reproduced") && !comment.contains(waits), "{comment}");
    harness.bed.queue.complete(&manual_worker.id(), &second, REPRODUCED.to_owned()).await.unwrap();
    let both = async || harness.comments(pull.number)[0].matches("Reproduced").count() == 2;
    eventually("both are said", both).await;
    harness.lead.drain().await;
}
