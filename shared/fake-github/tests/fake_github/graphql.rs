//! GraphQL: the sweep, its points, and a commit on a head that moved.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use greenline_fake_github::github::{
    ApiFault, FaultRule, GitChange, JobEnd, NewPull, ProtectionRules,
};
use serde_json::{Value, json};

use crate::bed::Bed;

pub(crate) const SWEEP: &str = r"
query Sweep($owner: String!, $name: String!, $after: String) {
  rateLimit { cost remaining resetAt limit used }
  repository(owner: $owner, name: $name) {
    nameWithOwner
    defaultBranchRef { name target { ... on Commit { oid statusCheckRollup { ...Rollup } } } }
    pullRequests(first: 50, after: $after, states: OPEN, orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id number title isDraft isCrossRepository headRefName headRefOid baseRefName updatedAt state
        mergeable mergeStateStatus author { login __typename }
        headRepository { nameWithOwner }
        labels(first: 10) { nodes { name } }
        commits(last: 1) { nodes { commit { oid statusCheckRollup { ...Rollup } } } }
      }
    }
  }
}
fragment Rollup on StatusCheckRollup {
  state
  contexts(first: 100) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      __typename
      ... on CheckRun {
        databaseId name status conclusion detailsUrl startedAt completedAt
        checkSuite { databaseId conclusion app { slug databaseId }
          workflowRun { databaseId runNumber event workflow { name } } }
      }
      ... on StatusContext { context state targetUrl description createdAt isRequired(pullRequestNumber: 1) }
    }
  }
}";

pub(crate) const COMMIT: &str = r"
mutation Commit($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { clientMutationId commit { oid url } ref { name target { oid } } }
}";

pub(crate) const AUTO_MERGE: &str = r"
mutation Auto($input: EnablePullRequestAutoMergeInput!) {
  enablePullRequestAutoMerge(input: $input) {
    pullRequest { number autoMergeRequest { enabledAt mergeMethod enabledBy { login } } }
  }
}";

pub(crate) fn acme() -> Value {
    json!({"owner": "acme", "name": "app"})
}

pub(crate) fn commit_input(branch: &str, head: &str) -> Value {
    json!({"input": {
        "branch": {"repositoryNameWithOwner": "acme/app", "branchName": branch},
        "message": {"headline": "Repair", "body": "Why."},
        "expectedHeadOid": head,
        "fileChanges": {"additions": [{"path": "src/a.txt", "contents": STANDARD.encode("two\n")}]},
    }})
}

#[tokio::test]
async fn a_sweep_finds_every_failed_check_page_by_page() {
    let bed = Bed::new().await;
    for number in 0..55 {
        let branch = format!("b{number}");
        let changes = vec![GitChange::write("x", &branch)];
        let pull = bed.repo.open_pull(NewPull::new(&branch, "x", changes)).await.unwrap();
        bed.repo.fail_job(&pull, "test", "no\n");
        bed.repo.status(&pull.sha, "other/ci", "error", None);
    }
    let first = bed.graphql(SWEEP, acme()).await.body;
    assert_eq!(first["errors"], json!(null), "{first}");
    let pulls = &first["data"]["repository"]["pullRequests"];
    assert_eq!(
        (pulls["totalCount"].as_u64(), pulls["nodes"].as_array().unwrap().len()),
        (Some(55), 50)
    );
    let contexts =
        &pulls["nodes"][0]["commits"]["nodes"][0]["commit"]["statusCheckRollup"]["contexts"];
    assert_eq!(contexts["nodes"][0]["conclusion"], "FAILURE");
    assert_eq!(contexts["nodes"][1]["state"], "ERROR");
    assert_eq!(first["data"]["rateLimit"]["cost"], 2, "152 connections to fill");
    let mut next = acme();
    next["after"] = pulls["pageInfo"]["endCursor"].clone();
    let second = bed.graphql(SWEEP, next).await;
    let pulls = &second.body["data"]["repository"]["pullRequests"];
    assert_eq!(
        (pulls["nodes"].as_array().unwrap().len(), &pulls["pageInfo"]["hasNextPage"]),
        (5, &json!(false))
    );
    assert_eq!(second.header("x-ratelimit-used"), "4");
}

#[tokio::test]
async fn a_commit_lands_only_on_the_head_that_was_expected() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let (repo, branch) = ("acme/app".to_owned(), "feature".to_owned());
    bed.github
        .add_fault(FaultRule::once("createCommitOnBranch", ApiFault::HeadMoves { repo, branch }));
    let stale = bed.graphql(COMMIT, commit_input("feature", &pull.sha)).await.body;
    assert_eq!(stale["data"]["createCommitOnBranch"], json!(null));
    assert_eq!(stale["errors"][0]["type"], "STALE_DATA");
    let head = bed.repo.pull_head(pull.number).unwrap();
    let done = bed.graphql(COMMIT, commit_input("feature", &head)).await.body;
    let oid = done["data"]["createCommitOnBranch"]["commit"]["oid"].as_str();
    assert_eq!(oid, bed.repo.pull_head(pull.number).as_deref(), "{done}");
    bed.repo.protect("main", ProtectionRules::default()).await.unwrap();
    let main = bed.repo.head("main").unwrap();
    let refused = bed.graphql(COMMIT, commit_input("main", &main)).await.body;
    assert_eq!(refused["errors"][0]["type"], "BRANCH_PROTECTION_RULE_VIOLATION");
}

#[tokio::test]
async fn a_pull_request_merges_itself_when_its_check_is_green() {
    let bed = Bed::new().await;
    bed.repo.allow_auto_merge();
    let pull = bed.pull().await;
    let rules = ProtectionRules { required_checks: vec!["test".to_owned()], required_reviews: 0 };
    bed.repo.protect("main", rules).await.unwrap();
    let path = format!("/repos/acme/app/pulls/{}", pull.number);
    let id = bed.get(&path).await.body["node_id"].clone();
    let input = json!({"input": {"pullRequestId": id, "expectedHeadOid": pull.sha, "mergeMethod": "SQUASH"}});
    let on = bed.graphql(AUTO_MERGE, input).await.body;
    assert_eq!(on["errors"], json!(null), "{on}");
    bed.repo.finish_run(&pull, &[("test", JobEnd::Success(String::new()))]);
    // The merge happens with the next call that anyone makes.
    bed.get("/rate_limit").await;
    assert_eq!(bed.get(&path).await.body["merged"], true);
}

#[tokio::test]
async fn what_github_would_refuse_is_refused() {
    let bed = Bed::new().await;
    let unknown = bed.graphql("{ viewer { login shoeSize } }", json!({})).await.body;
    assert_eq!(unknown["errors"][0]["extensions"]["code"], "undefinedField");
    let unbound = r#"{ repository(owner: "acme", name: "app") { pullRequests { totalCount } } }"#;
    let unbound = bed.graphql(unbound, json!({})).await.body;
    assert_eq!(unbound["errors"][0]["type"], "MISSING_PAGINATION_BOUNDARIES");
    let gone = bed.graphql(SWEEP, json!({"owner": "acme", "name": "gone"})).await.body;
    assert_eq!(
        (&gone["errors"][0]["type"], &gone["data"]["repository"]),
        (&json!("NOT_FOUND"), &json!(null))
    );
}
