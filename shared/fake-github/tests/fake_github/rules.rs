//! GitHub's rules: what is refused, what moves, what starts again.

use greenline_fake_github::github::{
    AccessLevel, AppPermission, AppPermissions, CallAuthor, GitChange, JobEnd, NewPull,
    ProtectionRules, RepoRole,
};
use serde_json::json;

use crate::bed::Bed;

#[tokio::test]
async fn a_merge_wants_the_head_that_was_seen() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let path = format!("/repos/acme/app/pulls/{}/merge", pull.number);
    bed.repo.commit("feature", "ada", "More", &[GitChange::write("b", "b")]).await.unwrap();
    let stale = bed.call("PUT", &path, Some(json!({"sha": pull.sha}))).await;
    assert_eq!(stale.status, 409);
    let head = bed.repo.pull_head(pull.number).unwrap();
    let merged = bed.call("PUT", &path, Some(json!({"sha": head, "merge_method": "squash"}))).await;
    assert_eq!(merged.status, 200, "{}", merged.text);
    assert_eq!(bed.repo.head("main").as_deref(), merged.body["sha"].as_str());
    let file = bed.get("/repos/acme/app/contents/b?ref=main").await;
    assert_eq!(file.status, 200);
    assert_eq!(
        bed.get(&format!("/repos/acme/app/pulls/{}", pull.number)).await.body["merged"],
        true
    );
}

#[tokio::test]
async fn a_required_check_blocks_a_merge_until_it_is_green() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let rules = ProtectionRules { required_checks: vec!["test".to_owned()], required_reviews: 0 };
    bed.repo.protect("main", rules).await.unwrap();
    let path = format!("/repos/acme/app/pulls/{}/merge", pull.number);
    assert_eq!(bed.call("PUT", &path, Some(json!({}))).await.status, 405);
    bed.repo.finish_run(&pull, &[("test", JobEnd::Success("fine\n".to_owned()))]);
    assert_eq!(bed.call("PUT", &path, Some(json!({}))).await.status, 200);
}

#[tokio::test]
async fn a_log_is_fetched_from_another_host_without_the_credential() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let run = bed.repo.fail_job(&pull, "test", "boom\n");
    let job = bed.repo.jobs(run)[0].0;
    let moved = bed.get(&format!("/repos/acme/app/actions/jobs/{job}/logs")).await;
    assert_eq!(moved.status, 302);
    let there = moved.header("location").to_owned();
    assert!(!there.starts_with(bed.github.url()));
    assert_eq!(bed.ask("GET", &there, &[], None).await.unwrap().text, "boom\n");
    assert_eq!(bed.get(&there).await.status, 403, "the credential must not go there");
    assert!(bed.github.log_requests()[1].authorization.is_some());
    bed.repo.expire_logs(run);
    assert_eq!(bed.get(&format!("/repos/acme/app/actions/jobs/{job}/logs")).await.status, 410);
}

#[tokio::test]
async fn failed_jobs_run_again_as_another_attempt() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let good = || JobEnd::Success(String::new());
    let run =
        bed.repo.finish_run(&pull, &[("lint", good()), ("test", JobEnd::Failure("no\n".into()))]);
    let path = format!("/repos/acme/app/actions/runs/{}", run.id);
    assert_eq!(bed.get(&path).await.body["conclusion"], "failure");
    bed.repo.next_attempt("test", good());
    assert_eq!(bed.call("POST", &format!("{path}/rerun-failed-jobs"), None).await.status, 201);
    let now = bed.get(&path).await.body;
    assert_eq!((&now["run_attempt"], &now["conclusion"]), (&json!(2), &json!("success")));
    let attempts: Vec<u64> = bed.repo.jobs(run).iter().map(|job| job.2).collect();
    assert_eq!(attempts, [1, 2], "only the failed job ran again");
    let first = bed.get(&format!("{path}/attempts/1")).await.body;
    assert_eq!(first["conclusion"], "failure");
}

#[tokio::test]
async fn attempts_end_as_they_were_told_to_one_after_the_other() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let run = bed.repo.fail_job(&pull, "test", "first\n");
    bed.repo.next_attempt("test", JobEnd::Failure("second\n".to_owned()));
    bed.repo.next_attempt("test", JobEnd::Success("third\n".to_owned()));
    let path = format!("/repos/acme/app/actions/runs/{}", run.id);
    for (attempt, conclusion) in [(2, "failure"), (3, "success")] {
        bed.call("POST", &format!("{path}/rerun-failed-jobs"), None).await;
        let now = bed.get(&path).await.body;
        let expected = (&json!(attempt), &json!(conclusion));
        assert_eq!((&now["run_attempt"], &now["conclusion"]), expected);
    }
    assert_eq!(bed.call("POST", &format!("{path}/rerun-failed-jobs"), None).await.status, 403);
}

#[tokio::test]
async fn a_run_that_still_runs_is_not_started_again() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let run = bed.repo.start_run(&pull);
    let job = bed.repo.start_job(run, "test");
    let path = format!("/repos/acme/app/actions/runs/{}/rerun-failed-jobs", run.id);
    assert_eq!(bed.call("POST", &path, None).await.status, 403);
    bed.repo.end_job(job, &JobEnd::Failure("no\n".to_owned()));
    assert_eq!(bed.call("POST", &path, None).await.status, 201);
    assert_eq!(bed.repo.jobs(run)[0].2, 2);
}

#[tokio::test]
async fn a_token_without_a_permission_is_told_which() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let read: AppPermissions = [
        (AppPermission::Issues, AccessLevel::Read),
        (AppPermission::PullRequests, AccessLevel::Read),
    ]
    .into();
    let token = bed.github.token("acme", read);
    let path = format!("/repos/acme/app/issues/{}/comments", pull.number);
    let refused = bed.as_token(&token, "POST", &path, Some(json!({"body": "hello"}))).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["message"], "Resource not accessible by personal access token");
    assert_eq!(refused.header("x-accepted-github-permissions"), "pull_requests=write");
    let check = json!({"name": "greenline", "head_sha": pull.sha});
    let refused = bed.call("POST", "/repos/acme/app/check-runs", Some(check)).await;
    assert_eq!(refused.body["message"], "You must authenticate via a GitHub App.");
}

#[tokio::test]
async fn a_repository_that_moved_sends_its_callers_on() {
    let bed = Bed::new().await;
    bed.repo.rename("application");
    let moved = bed.get("/repos/acme/app/pulls?state=all").await;
    assert_eq!(moved.status, 301);
    let there = moved.header("location").to_owned();
    assert!(there.contains("/repositories/") && there.ends_with("/pulls?state=all"), "{there}");
    assert_eq!(bed.get(&there).await.status, 200);
    assert_eq!(bed.get("/repos/acme/application").await.body["full_name"], "acme/application");
}

#[tokio::test]
async fn what_is_private_or_gone_is_not_there() {
    let bed = Bed::new().await;
    bed.repo.make_private();
    let stranger = bed.github.token("mallory", greenline_fake_github::github::everything());
    assert_eq!(bed.as_token(&stranger, "GET", "/repos/acme/app", None).await.status, 404);
    assert_eq!(bed.get("/repos/acme/app").await.status, 200);
    bed.repo.delete();
    assert_eq!(bed.get("/repos/acme/app").await.status, 404);
}

#[tokio::test]
async fn comments_are_edited_in_place_and_listed_in_pages() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let path = format!("/repos/acme/app/issues/{}/comments", pull.number);
    for number in 0..5 {
        bed.repo.comment(pull.number, "ada", &format!("comment {number}"));
    }
    let made = bed.call("POST", &path, Some(json!({"body": "mine"}))).await;
    assert_eq!(made.status, 201);
    let own = made.body["url"].as_str().unwrap().to_owned();
    assert_eq!(bed.call("PATCH", &own, Some(json!({"body": "mine, edited"}))).await.status, 200);
    assert_eq!(bed.call("POST", &own, Some(json!({"body": "no"}))).await.status, 405);
    let first = bed.get(&format!("{path}?per_page=4")).await;
    let next = first.header("link").split(';').next().unwrap().trim_matches(['<', '>']).to_owned();
    assert_eq!(bed.get(&next).await.body[1]["body"], "mine, edited");
    assert_eq!(bed.repo.comments(pull.number).len(), 6);
}

#[tokio::test]
async fn a_fork_is_named_on_the_pull_request_and_not_on_its_checks() {
    let bed = Bed::new().await;
    let mut new = NewPull::new("patch", "From outside", vec![GitChange::write("x", "x")]);
    (new.fork, new.author) = (Some("mallory"), "mallory");
    let pull = bed.repo.open_pull(new).await.unwrap();
    bed.repo.fail_job(&pull, "test", "no\n");
    let shown = bed.get(&format!("/repos/acme/app/pulls/{}", pull.number)).await.body;
    assert_eq!(shown["head"]["repo"]["full_name"], "mallory/app");
    let runs = bed.get(&format!("/repos/acme/app/commits/{}/check-runs", pull.sha)).await.body;
    assert_eq!(runs["check_runs"][0]["pull_requests"], json!([]));
    bed.github.repo("mallory/app").await.unwrap().delete();
    let shown = bed.get(&format!("/repos/acme/app/pulls/{}", pull.number)).await.body;
    assert_eq!(shown["head"]["repo"], json!(null));
}

#[tokio::test]
async fn the_journal_tells_who_asked_what() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    bed.repo.collaborator("ada", RepoRole::Write);
    let token = bed.github.token("ada", greenline_fake_github::github::everything());
    bed.get("/repos/acme/app").await;
    let path = format!("/repos/acme/app/issues/{}/labels", pull.number);
    bed.as_token(&token, "POST", &path, Some(json!({"labels": ["greenline:off"]}))).await;
    let writes = bed.github.writes();
    assert_eq!(bed.github.calls().len(), 2);
    assert_eq!((writes.len(), &writes[0].author), (1, &CallAuthor::Person("ada".to_owned())));
    assert_eq!(writes[0].body, Some(json!({"labels": ["greenline:off"]})));
}
