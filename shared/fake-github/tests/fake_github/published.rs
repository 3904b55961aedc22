//! What it says, held against what GitHub has published: the OpenAPI description, the GraphQL
//! schema, the schemas of webhooks. `published/fetch` gets them; without them this is skipped.

use std::path::Path;

use greenline_fake_github::github::{JobEnd, NewCheck, ProtectionRules, RepoRole, everything};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::bed::{Bed, Listener};
use crate::client::{Client, merge_by_itself, read_all, write_all};
use crate::graphql::{AUTO_MERGE, COMMIT, SWEEP, acme, commit_input};

/// All that was said.
#[derive(Default)]
struct Exchanges {
    rest: Vec<Value>,
    graphql: Vec<Value>,
}

impl Exchanges {
    async fn call(&mut self, bed: &Bed, token: &str, line: &str, body: Value) -> Value {
        let (method, path) = line.split_once(' ').unwrap();
        let path = match path.strip_prefix('~') {
            Some("") => "/repos/acme/app".to_owned(),
            Some(rest) => format!("/repos/acme/app/{rest}"),
            None => path.to_owned(),
        };
        let path = path.as_str();
        let body = Some(body).filter(|body| !body.is_null());
        let got = bed.as_token(token, method, path, body).await;
        let status = got.status.as_u16();
        assert!(status < 400, "{line}: {}", got.text);
        self.rest.push(json!({"method": method, "path": path, "status": status, "body": got.body}));
        got.body
    }

    async fn graphql(&mut self, bed: &Bed, query: &str, variables: Value) -> Value {
        let got = bed.graphql(query, variables).await.body;
        assert_eq!(got["errors"], json!(null), "{got}");
        self.graphql.push(json!({"query": query, "data": got["data"]}));
        got
    }
}

#[tokio::test]
async fn all_answers_and_webhooks_fit_what_github_has_published() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("published");
    if !folder.join("node_modules/.complete").exists() {
        eprintln!(
            "skipped: shared/fake-github/published/fetch has not fetched GitHub's descriptions"
        );
        return;
    }
    let bed = Bed::new().await;
    let listener = Listener::default();
    bed.github.hook(&bed.repo, &listener.listen().await, "secret");
    let mut all = Exchanges::default();
    read_and_write(&bed, &mut all).await;
    as_our_client_asks(&mut all).await;
    bed.github.settle().await;
    let hooks: Vec<Value> =
        listener.heard().iter().map(|it| json!({"event": it.event, "body": it.json()})).collect();
    let exchanges = tempfile::NamedTempFile::new().unwrap();
    let text = json!({"rest": all.rest, "graphql": all.graphql, "hooks": hooks}).to_string();
    std::fs::write(exchanges.path(), text).unwrap();
    let mut node = Command::new("node");
    node.arg(folder.join("check.mjs")).arg(exchanges.path());
    let checked = node.output().await.unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    println!("{said}");
}

async fn read_and_write(bed: &Bed, all: &mut Exchanges) {
    let app = bed.github.app("greenline", everything());
    let installation = app.install("acme", None);
    let jwt = app.jwt().unwrap();
    app.hook(&Listener::default().listen().await, "secret");
    bed.repo.collaborator("ada", RepoRole::Maintain);
    let minted = format!("POST /app/installations/{installation}/access_tokens");
    let bot = all.call(bed, &jwt, &minted, json!(null)).await["token"].as_str().unwrap().to_owned();
    let pull = bed.pull().await;
    let (number, sha) = (pull.number, pull.sha.as_str());
    let run = bed.repo.finish_run(
        &pull,
        &[("lint", JobEnd::Success("ok\n".into())), ("test", JobEnd::Failure("no\n".into()))],
    );
    bed.repo.status(sha, "other/ci", "failure", Some("http://ci.fake/1"));
    let other = bed.repo.check_run(
        sha,
        &NewCheck {
            name: "other",
            app: &app,
            conclusion: Some("failure"),
            output: Some(("t", "s")),
        },
    );
    let rules = ProtectionRules { required_checks: vec!["test".into()], required_reviews: 1 };
    bed.repo.protect("main", rules).await.unwrap();
    let (jobs, token) = (bed.repo.jobs(run), bed.token.clone());
    let (job, run) = (jobs[1].0, run.id);
    let issue =
        all.call(bed, &bot, "POST ~issues", json!({"title": "main is red", "labels": ["ci"]}));
    let issue = issue_number(issue.await);
    let comment = format!("POST ~issues/{number}/comments");
    let comment = all.call(bed, &bot, &comment, json!({"body": "hello"})).await["id"].clone();
    let check = json!({"name": "greenline", "head_sha": sha, "status": "in_progress"});
    let check = all.call(bed, &bot, "POST ~check-runs", check).await["id"].clone();
    let output = json!({"title": "t", "summary": "s", "annotations": [{"path": "a", "start_line": 1,
        "end_line": 1, "annotation_level": "failure", "message": "m"}]});
    let suite =
        bed.as_token(&bot, "GET", &format!("/repos/acme/app/check-runs/{check}"), None).await;
    let suite = suite.body["check_suite"]["id"].clone();
    let hook = json!({"config": {"url": "http://127.0.0.1:9/x", "content_type": "json"}, "events": ["push"]});
    let hook = all.call(bed, &token, "POST ~hooks", hook).await["id"].clone();
    let done = json!({"conclusion": "neutral", "output": output});
    let writes = [
        (format!("PATCH ~check-runs/{check}"), done),
        (format!("PATCH ~issues/comments/{comment}"), json!({"body": "edited"})),
        (format!("POST ~issues/comments/{comment}/reactions"), json!({"content": "eyes"})),
        (format!("POST ~issues/comments/{comment}/reactions"), json!({"content": "eyes"})),
        (format!("POST ~issues/{number}/reactions"), json!({"content": "+1"})),
        (format!("POST ~issues/{number}/labels"), json!({"labels": ["a b", "c"]})),
        (format!("PUT ~issues/{number}/labels"), json!({"labels": ["c", "d"]})),
        (format!("DELETE ~issues/{number}/labels/c"), json!(null)),
        (format!("PATCH ~issues/{issue}"), json!({"state": "closed"})),
        (format!("PATCH ~pulls/{number}"), json!({"title": "Add a, again"})),
        (format!("POST ~pulls/{number}/requested_reviewers"), json!({"reviewers": ["ada"]})),
        (format!("DELETE ~pulls/{number}/requested_reviewers"), json!({"reviewers": ["ada"]})),
        (format!("POST ~statuses/{sha}"), json!({"state": "success", "context": "x"})),
        (format!("POST ~check-runs/{other}/rerequest"), json!(null)),
        (format!("POST ~check-suites/{suite}/rerequest"), json!(null)),
        (format!("POST ~actions/runs/{run}/rerun-failed-jobs"), json!(null)),
        (format!("POST ~actions/runs/{run}/cancel"), json!(null)),
        (format!("POST ~actions/runs/{run}/rerun"), json!(null)),
    ];
    for (line, body) in writes {
        all.call(bed, &bot, &line, body).await;
    }
    let reads = [
        "",
        "branches",
        "branches/main",
        "branches/main/protection",
        "rules/branches/main",
        "commits",
        "commits?sha=feature",
        "compare/main...feature",
        "pulls?state=all",
        "issues?state=all",
        "collaborators/ada/permission",
        "contents/README.md",
        "contents/src?ref=feature",
        "git/ref/heads/main",
        "issues/comments",
        "hooks",
        "actions/workflows",
        "actions/runs?status=failure",
        "actions/runs",
    ];
    let mut reads: Vec<String> = reads.iter().map(|it| format!("GET ~{it}")).collect();
    for of in ["check-runs", "check-suites", "status", "statuses", "pulls"] {
        reads.push(format!("GET ~commits/{sha}/{of}"));
    }
    reads.extend([
        format!("GET ~commits/{sha}"),
        format!("GET ~pulls/{number}"),
        format!("GET ~pulls/{number}/files"),
        format!("GET ~pulls/{number}/commits"),
        format!("GET ~pulls/{number}/requested_reviewers"),
        format!("GET ~issues/{number}"),
        format!("GET ~issues/{number}/comments"),
        format!("GET ~issues/{number}/labels"),
        format!("GET ~issues/comments/{comment}"),
        format!("GET ~issues/comments/{comment}/reactions"),
        format!("GET ~check-runs/{check}"),
        format!("GET ~check-runs/{check}/annotations"),
        format!("GET ~check-suites/{suite}"),
        format!("GET ~check-suites/{suite}/check-runs"),
        format!("GET ~actions/runs/{run}"),
        format!("GET ~actions/runs/{run}/jobs"),
        format!("GET ~actions/runs/{run}/attempts/1"),
        format!("GET ~actions/runs/{run}/attempts/1/jobs"),
        format!("GET ~actions/jobs/{job}"),
        format!("GET ~actions/jobs/{job}/logs"),
        format!("GET ~hooks/{hook}"),
        format!("GET ~hooks/{hook}/deliveries"),
        format!("DELETE ~issues/comments/{comment}"),
        "GET /rate_limit".to_owned(),
        "GET /user".to_owned(),
        "GET /user/repos".to_owned(),
        "GET /users/ada".to_owned(),
    ]);
    for line in reads {
        all.call(bed, &token, &line, json!(null)).await;
    }
    bed.github.settle().await;
    let deliveries = all.call(bed, &jwt, "GET /app/hook/deliveries", json!(null)).await;
    let delivery = &deliveries[0]["id"];
    for line in [
        "GET /app".to_owned(),
        "GET /app/installations".to_owned(),
        format!("GET /app/installations/{installation}"),
        "GET /app/hook/config".to_owned(),
        format!("GET /app/hook/deliveries/{delivery}"),
        format!("POST /app/hook/deliveries/{delivery}/attempts"),
        "GET ~installation".to_owned(),
        "GET /orgs/acme/installation".to_owned(),
    ] {
        all.call(bed, &jwt, &line, json!(null)).await;
    }
    all.call(bed, &bot, "GET /installation/repositories", json!(null)).await;
    bed.repo.allow_auto_merge();
    all.graphql(bed, SWEEP, acme()).await;
    all.graphql(bed, COMMIT, commit_input("feature", sha)).await;
    let id = bed.get(&format!("/repos/acme/app/pulls/{number}")).await.body["node_id"].clone();
    all.graphql(bed, AUTO_MERGE, json!({"input": {"pullRequestId": id}})).await;
    let head = bed.repo.pull_head(number).unwrap();
    bed.repo.finish(
        bed.repo.start_run_at(&head, "pull_request", "feature"),
        &[("test", JobEnd::Success(String::new()))],
    );
    let merge = format!("PUT ~pulls/{}/merge", merged_by_hand(bed).await);
    all.call(bed, &token, &merge, json!({})).await;
}

/// What Greenline's own client asks of GraphQL. What it reads is asked again to see the answer;
/// what it changes is held against the schema alone.
async fn as_our_client_asks(all: &mut Exchanges) {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let pull = bed.pull().await;
    bed.repo.fail_job(&pull, "test", "no\n");
    bed.repo.status(&pull.sha, "other/ci", "failure", None);
    read_all(&bed, &client, &pull).await;
    write_all(&bed, &client, &pull).await;
    merge_by_itself(&bed, &client).await;
    for call in bed.github.calls().into_iter().filter(|call| !call.graphql.is_empty()) {
        let body = call.body.unwrap();
        let query = body["query"].as_str().unwrap();
        if query.starts_with("mutation") {
            all.graphql.push(json!({"query": query}));
        } else {
            all.graphql(&bed, query, body["variables"].clone()).await;
        }
    }
}

fn issue_number(issue: Value) -> Value {
    issue["number"].clone()
}

/// A second pull request, green.
async fn merged_by_hand(bed: &Bed) -> u64 {
    use greenline_fake_github::github::{GitChange, NewPull};
    let changes = vec![GitChange::write("z", "z")];
    let pull = bed.repo.open_pull(NewPull::new("second", "Z", changes)).await.unwrap();
    bed.repo.finish_run(&pull, &[("test", JobEnd::Success(String::new()))]);
    pull.number
}
