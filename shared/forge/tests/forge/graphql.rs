//! Sweeps: many pull requests at once, partial answers, more checks than a page, other servers.

use greenline_forge::model::{Conclusion, StatusState};
use greenline_forge::{ApiBase, Forge, ForgeConfig, ForgeError, SweptCheck};
use serde_json::{Value, json};

use crate::scripted_server::{Double, OTHER_SHA, SHA, clock, json, repo, text};

fn check_run(id: u64, conclusion: &str) -> Value {
    json!({
        "__typename": "CheckRun", "databaseId": id, "name": format!("test ({id})"),
        "status": "COMPLETED", "conclusion": conclusion, "detailsUrl": null,
        "startedAt": null, "completedAt": "2023-11-14T22:13:20Z",
        "checkSuite": { "databaseId": 3, "app": { "slug": "github-actions" },
            "workflowRun": { "databaseId": 4, "workflow": { "name": "CI" } } },
    })
}

fn contexts(nodes: &[Value], next: Option<&str>) -> Value {
    json!({ "pageInfo": { "hasNextPage": next.is_some(), "endCursor": next }, "nodes": nodes })
}

fn pull(number: u64, head: &str, rollup: &Value) -> Value {
    json!({
        "number": number, "title": "A change", "isDraft": false, "isCrossRepository": true,
        "updatedAt": "2023-11-14T22:13:20Z", "author": null, "baseRefName": "main",
        "headRefName": "x", "headRefOid": head,
        "commits": { "nodes": [{ "commit": { "oid": SHA, "statusCheckRollup": rollup } }] },
    })
}

fn page(pulls: &[Value], next: Option<&str>) -> Value {
    json!({
        "rateLimit": { "cost": 1, "remaining": 4_999 },
        "repository": {
            "defaultBranchRef": { "name": "main", "target": { "oid": OTHER_SHA, "statusCheckRollup": null } },
            "pullRequests": { "pageInfo": { "hasNextPage": next.is_some(), "endCursor": next }, "nodes": pulls },
        },
    })
}

#[tokio::test]
async fn a_sweep_sees_every_kind_of_check() {
    let github = Double::new(|_, _| {
        let status =
            json!({ "__typename": "StatusContext", "context": "ci/other", "state": "ERROR" });
        let unknown = json!({ "__typename": "Horoscope" });
        let nodes =
            [check_run(1, "TIMED_OUT"), check_run(2, "SUCCESS"), status, unknown, Value::Null];
        let rollup = json!({ "id": "R", "state": "FAILURE", "contexts": contexts(&nodes, None) });
        json(200, &json!({ "data": page(&[pull(7, SHA, &rollup)], Some("c1")) }))
    })
    .await;
    let sweep = github.forge().sweep_pulls(&repo(), Some("c0")).await.unwrap();
    assert_eq!((sweep.cost, sweep.remaining, sweep.next.as_deref()), (1, Some(4_999), Some("c1")));
    assert_eq!(sweep.default_branch.unwrap().sha.as_str(), OTHER_SHA);
    let pull = &sweep.pulls[0];
    assert!(pull.from_fork && pull.head.complete && pull.author.is_empty());
    let red: Vec<&str> =
        pull.head.checks.iter().filter(|check| check.is_red()).map(SweptCheck::name).collect();
    assert_eq!(red, ["test (1)", "ci/other"]);
    assert!(matches!(
        &pull.head.checks[0],
        SweptCheck::Run { conclusion: Some(Conclusion::TimedOut), run: Some(run), app, .. }
            if run.0 == 4 && app == "github-actions"
    ));
    assert!(matches!(&pull.head.checks[2], SweptCheck::Status { state: StatusState::Error, .. }));
    let asked = github.asked()[0].json();
    assert_eq!(
        asked["variables"],
        json!({ "owner": "acme", "name": "app", "size": 50, "after": "c0" })
    );
}

#[tokio::test]
async fn what_can_not_be_seen_costs_one_entry_and_not_the_page() {
    let github = Double::new(|_, _| {
        let rollup = json!({ "id": "R", "state": null, "contexts": contexts(&[Value::Null, check_run(2, "FAILURE")], None) });
        let fault = json!({ "type": "FORBIDDEN", "message": "Resource not accessible by integration" });
        json(200, &json!({ "data": page(&[pull(7, SHA, &rollup)], None), "errors": [fault, fault] }))
    })
    .await;
    let sweep = github.forge().sweep_pulls(&repo(), None).await.unwrap();
    assert_eq!(sweep.pulls[0].head.checks.len(), 1);
    assert_eq!(sweep.problems, ["Resource not accessible by integration (FORBIDDEN)"]);
}

#[tokio::test]
async fn more_than_a_hundred_checks_are_read_on() {
    let github = Double::new(|asked, _| {
        let more = asked.json()["variables"]["after"] == "more";
        let body = if more {
            json!({ "rateLimit": { "cost": 1, "remaining": 10 }, "node": { "contexts": contexts(&[check_run(101, "FAILURE")], None) } })
        } else {
            let nodes: Vec<Value> = (1..=100).map(|id| check_run(id, "SUCCESS")).collect();
            let rollup = json!({ "id": "R", "state": "FAILURE", "contexts": contexts(&nodes, Some("more")) });
            page(&[pull(7, SHA, &rollup)], None)
        };
        json(200, &json!({ "data": body }))
    })
    .await;
    let sweep = github.forge().sweep_pulls(&repo(), None).await.unwrap();
    let head = &sweep.pulls[0].head;
    assert_eq!((head.checks.len(), head.complete, sweep.cost), (101, true, 2));
    assert!(head.checks[100].is_red());
}

#[tokio::test]
async fn checks_of_a_commit_that_is_no_longer_the_head_are_not_its_own() {
    let github = Double::new(|_, _| {
        let rollup = json!({ "id": "R", "state": "FAILURE", "contexts": contexts(&[check_run(1, "FAILURE")], None) });
        json(200, &json!({ "data": page(&[pull(7, OTHER_SHA, &rollup)], None) }))
    })
    .await;
    let sweep = github.forge().sweep_pulls(&repo(), None).await.unwrap();
    assert_eq!(sweep.pulls[0].head.checks, []);
}

#[tokio::test]
async fn a_page_that_is_too_much_is_asked_for_smaller() {
    let github = Double::new(|asked, _| match asked.json()["variables"]["size"].as_u64() {
        Some(20) => json(200, &json!({ "data": page(&[], None) })),
        _ => text(502, ""),
    })
    .await;
    github.forge().sweep_pulls(&repo(), None).await.unwrap();
    assert_eq!(github.asked().len(), 5);
}

#[tokio::test]
async fn an_enterprise_server_has_graphql_beside_rest() {
    let github = Double::new(|_, _| json(200, &json!({ "data": page(&[], None) }))).await;
    let api = ApiBase::parse(&format!("{}/api/v3", github.address)).unwrap();
    let forge = Forge::new(ForgeConfig { api, ..github.config(&clock()) }).unwrap();
    forge.sweep_pulls(&repo(), None).await.unwrap();
    forge.repo(&repo()).await.unwrap_err();
    assert_eq!(github.lines(), ["POST /api/graphql", "GET /api/v3/repos/acme/app"]);
}

#[tokio::test]
async fn errors_say_what_to_do_here_too() {
    let kind = |kind: &'static str| async move {
        let github = Double::new(move |_, _| {
            json(200, &json!({ "data": { "repository": null }, "errors": [{ "type": kind, "message": "no" }] }))
        })
        .await;
        github.forge().sweep_pulls(&repo(), None).await.unwrap_err()
    };
    assert!(matches!(kind("NOT_FOUND").await, ForgeError::NotFound { .. }));
    assert!(matches!(kind("RATE_LIMITED").await, ForgeError::RateLimited { .. }));
}
