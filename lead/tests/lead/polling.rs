//! Polling a GitHub that keeps state: what is red is told once, cheaply, over restarts, and one
//! repository that is gone holds up no other.

use std::time::Duration;

use greenline_fake_github::github::{
    GitChange, GitHub, JobEnd, NewPull, PullHandle, RepoHandle, RepoRole, WebhookFault, everything,
};
use greenline_forge::webhook::WebhookSecrets;
use greenline_forge::{ApiBase, Forge, ForgeConfig, GitHubCredentials};
use greenline_lead::LeadOptions;
use greenline_lead::watch::WatchOptions;
use greenline_runtime::clock::Clock;
use greenline_testbed::TestBed;

use crate::bed::{RunningLead, eventually, options, run};

const SECRET: &str = "what-github-signs-with";

/// A lead that polls every second and takes webhooks.
async fn lead(bed: &TestBed, github: &GitHub, repos: &[&str], id: &str) -> RunningLead {
    run(options_every(Duration::from_secs(1), bed, github, repos, id).await).await
}

async fn options_every(
    poll_interval: Duration,
    bed: &TestBed,
    github: &GitHub,
    repos: &[&str],
    id: &str,
) -> LeadOptions {
    let mut options = options(bed, id, Duration::from_secs(10)).await;
    let token = github.token("greenline-bot", everything());
    let config = ForgeConfig::new(GitHubCredentials::Token(token.into()), Clock::system());
    let api = ApiBase::parse(github.url()).unwrap();
    options.watch = Some(WatchOptions {
        forge: Forge::new(config.at(api)).unwrap(),
        repos: repos.iter().map(|repo| repo.parse().unwrap()).collect(),
        poll_interval,
        secrets: WebhookSecrets::new([SECRET.to_owned().into()]),
    });
    options
}

async fn pull(repo: &RepoHandle, branch: &str) -> PullHandle {
    let change = GitChange::write("code.txt", branch);
    repo.open_pull(NewPull::new(branch, "Change something", vec![change])).await.unwrap()
}

/// The names of what was seen of a repository.
async fn seen(bed: &TestBed, repo: &str) -> Vec<String> {
    bed.redis(&format!("ZRANGE agent:lead:seen:{repo} 0 -1")).await
}

/// How many things were ever told.
async fn told(bed: &TestBed) -> u64 {
    if bed.keys("agent:lead:events").await.is_empty() {
        return 0;
    }
    let facts: std::collections::HashMap<String, greenline_store::Value> =
        bed.redis("XINFO STREAM agent:lead:events").await;
    greenline_store::from_redis_value(facts["entries-added"].clone()).unwrap()
}

/// Waits until everything that happened so far was swept.
async fn swept(bed: &TestBed, repo: &str) {
    let at = async || -> Option<u64> {
        bed.redis(&format!("HGET agent:lead:cursor:{repo} polled_at")).await
    };
    let mut last = at().await;
    for _ in 0..2 {
        eventually("another sweep", async || at().await > last).await;
        last = at().await;
    }
}

#[tokio::test]
async fn what_is_red_is_told_once_by_poll_and_webhook_and_over_a_restart() {
    let bed = TestBed::new().await;
    let github = GitHub::start().await.unwrap();
    let repo = github.repo("acme/app").await.unwrap();
    let opened = pull(&repo, "feat/x").await;
    repo.fail_job(&opened, "test", "boom\n");
    repo.status(&opened.sha, "ci/other", "failure", None);

    let first = lead(&bed, &github, &["acme/app"], "one").await;
    eventually("both failures", async || seen(&bed, "acme/app").await.len() == 2).await;
    swept(&bed, "acme/app").await;
    // Both checks, and a pull request that was new.
    assert_eq!(told(&bed).await, 3);
    first.kill().await;

    bed.redis::<()>("DEL agent:lead agent:lead:last_webhook").await;
    let second = lead(&bed, &github, &["acme/app"], "two").await;
    swept(&bed, "acme/app").await;
    assert_eq!(told(&bed).await, 3);

    github.hook(&repo, &format!("http://{}/webhooks/github", second.address), SECRET);
    let run = repo.fail_job(&opened, "lint", "boom\n");
    github.settle().await;
    let (job, ..) = repo.jobs(run)[0].clone();
    let key = format!("check-{job}");
    assert!(seen(&bed, "acme/app").await.contains(&key), "the webhook told it before any sweep");
    bed.redis::<u64>("DEL agent:lead:last_webhook").await;
    swept(&bed, "acme/app").await;
    let all = seen(&bed, "acme/app").await;
    assert_eq!(all.iter().filter(|one| **one == key).count(), 1);
}

#[tokio::test]
async fn a_green_run_a_closed_pull_and_a_mention_are_seen_too() {
    let bed = TestBed::new().await;
    let github = GitHub::start().await.unwrap();
    let repo = github.repo("acme/app").await.unwrap();
    let opened = pull(&repo, "feat/x").await;
    repo.finish_run(&opened, &[("test", JobEnd::Success("fine\n".to_owned()))]);
    let _lead = lead(&bed, &github, &["acme/app"], "one").await;
    eventually("the green job", async || !seen(&bed, "acme/app").await.is_empty()).await;
    swept(&bed, "acme/app").await;
    let comment = repo.comment(opened.number, "ada", "@greenline explain");
    let mentioned = format!("comment-{comment}");
    eventually("the mention", async || seen(&bed, "acme/app").await.contains(&mentioned)).await;
    repo.close(opened.number, "ada");
    let closed = format!("closed-{}-{}", opened.number, opened.sha);
    eventually("the end", async || seen(&bed, "acme/app").await.contains(&closed)).await;
}

#[tokio::test]
async fn a_webhook_that_was_lost_is_asked_for_again() {
    const SELDOM: Duration = Duration::from_secs(600);
    let bed = TestBed::new().await;
    let github = GitHub::start().await.unwrap();
    let repo = github.repo("acme/app").await.unwrap();
    repo.collaborator("greenline-bot", RepoRole::Admin);
    let opened = pull(&repo, "feat/x").await;
    let first = run(options_every(SELDOM, &bed, &github, &["acme/app"], "one").await).await;
    let address = first.address;
    github.hook(&repo, &format!("http://{address}/webhooks/github"), SECRET);
    let swept = async || !bed.keys("agent:lead:cursor:acme/app").await.is_empty();
    eventually("the first sweep", swept).await;
    github.add_webhook_faults(vec![WebhookFault::Lost; 20]);
    repo.fail_job(&opened, "test", "boom\n");
    github.settle().await;
    github.clear_faults();
    let is_check = |key: &String| key.starts_with("check-");
    assert!(!seen(&bed, "acme/app").await.iter().any(is_check), "it was lost");
    first.drain().await;

    // The next sweep is ten minutes away: what is seen now came by webhook.
    let mut options = options_every(SELDOM, &bed, &github, &["acme/app"], "two").await;
    options.listen = address;
    let _second = run(options).await;
    let there = async || seen(&bed, "acme/app").await.iter().any(is_check);
    eventually("the lost webhook", there).await;
}

#[tokio::test]
async fn one_repository_that_is_gone_or_renamed_stops_no_other() {
    let bed = TestBed::new().await;
    let github = GitHub::start().await.unwrap();
    let gone = github.repo("acme/gone").await.unwrap();
    let old = github.repo("acme/old").await.unwrap();
    let app = github.repo("acme/app").await.unwrap();
    let _lead = lead(&bed, &github, &["acme/gone", "acme/old", "acme/app"], "one").await;
    for repo in ["acme/gone", "acme/old", "acme/app"] {
        swept(&bed, repo).await;
    }
    gone.delete();
    old.rename("new");
    let opened = pull(&app, "feat/x").await;
    app.fail_job(&opened, "test", "boom\n");
    let renamed = pull(&old, "feat/y").await;
    old.fail_job(&renamed, "test", "boom\n");
    eventually("the healthy one", async || !seen(&bed, "acme/app").await.is_empty()).await;
    eventually("the renamed one, under one of its names", async || {
        !(seen(&bed, "acme/new").await.is_empty() && seen(&bed, "acme/old").await.is_empty())
    })
    .await;
}

#[tokio::test]
async fn five_hundred_pulls_cost_fifteen_points_at_most() {
    let bed = TestBed::new().await;
    let github = GitHub::start().await.unwrap();
    let repo = github.repo("acme/app").await.unwrap();
    // One commit in all of them: what a sweep costs depends on their number.
    let first = pull(&repo, "feat/0").await;
    for number in 1..20 {
        repo.status(&first.sha, &format!("ci/{number}"), "failure", None);
    }
    for number in 1..500 {
        let same = NewPull::new(&first.branch, "Change something", Vec::new());
        let title = format!("Change {number}");
        repo.open_pull(NewPull { title: &title, ..same }).await.unwrap();
    }
    github.forget_calls();
    let _lead = lead(&bed, &github, &["acme/app"], "one").await;
    let key = "HGET agent:lead:cursor:acme/app polled_at";
    eventually("a sweep", async || bed.redis::<Option<u64>>(key).await.is_some()).await;
    let sweep: u64 = github
        .calls()
        .iter()
        .filter(|call| !call.graphql.is_empty())
        .take(10)
        .map(|call| call.points)
        .sum();
    assert!((1..=15).contains(&sweep), "{sweep} points");
}
