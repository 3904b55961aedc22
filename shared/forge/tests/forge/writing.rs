//! Writing: once, by the right method, and never over something newer.

use greenline_forge::model::{CheckRunAnnotation, CheckRunDraft, Conclusion, MergeMethod};
use greenline_forge::{CommentId, FileEdit, ForgeError, NewCommit, PullNumber, RunId, Sha};
use serde_json::json;

use crate::scripted_server::{Double, OTHER_SHA, SHA, cut, json, repo, text};

fn sha() -> Sha {
    SHA.parse().unwrap()
}

#[tokio::test]
async fn a_post_is_not_sent_twice() {
    for broken in [502, 503, 0] {
        let github = Double::new(move |_, _| match broken {
            0 => cut("{", 100),
            status => text(status, ""),
        })
        .await;
        let forge = github.forge();
        let error = forge.create_comment(&repo(), PullNumber(7), "hello").await.unwrap_err();
        assert!(error.may_have_happened(), "{error}");
        assert_eq!(github.lines(), ["POST /repos/acme/app/issues/7/comments"]);
    }
}

#[tokio::test]
async fn a_rerun_is_asked_for_once() {
    let github = Double::new(|_, _| text(500, "")).await;
    github.forge().rerun_failed_jobs(&repo(), RunId(9)).await.unwrap_err();
    assert_eq!(github.lines(), ["POST /repos/acme/app/actions/runs/9/rerun-failed-jobs"]);
}

#[tokio::test]
async fn a_comment_is_updated_by_patch_and_that_may_be_repeated() {
    let github = Double::new(|_, before| match before {
        0 => text(502, ""),
        _ => json(200, &json!({ "id": 3, "body": "new", "user": null })),
    })
    .await;
    let comment = github.forge().update_comment(&repo(), CommentId(3), "new").await.unwrap();
    assert_eq!(comment.body, "new");
    assert_eq!(github.lines(), ["PATCH /repos/acme/app/issues/comments/3"; 2]);
    assert_eq!(github.asked()[1].json(), json!({ "body": "new" }));
}

#[tokio::test]
async fn our_comment_is_found_by_its_mark_and_its_author() {
    let github = Double::new(|_, _| {
        let by = |id: u64, login: &str, body: &str| {
            json!({ "id": id, "user": { "login": login }, "body": body })
        };
        json(200, &json!([
            by(1, "mallory", "<!-- greenline pr=7 --> fake"),
            by(2, "greenline[bot]", "quoting <!-- greenline pr=7 -->"),
            by(3, "greenline[bot]", "<!-- greenline pr=7 -->\nreal"),
        ]))
    })
    .await;
    let forge = github.forge();
    let ours =
        |comment: &greenline_forge::model::IssueComment| comment.user.login == "greenline[bot]";
    let mark = "<!-- greenline pr=7 -->";
    let found = forge.comment_marked(&repo(), PullNumber(7), mark, ours).await.unwrap();
    assert_eq!(found.map(|comment| comment.id), Some(CommentId(3)));
}

#[tokio::test]
async fn a_check_run_takes_fifty_annotations_at_a_time() {
    let github = Double::new(|_, _| json(200, &json!({ "id": 5, "head_sha": SHA }))).await;
    let draft = CheckRunDraft {
        name: "greenline".to_owned(),
        conclusion: Some(Conclusion::Neutral),
        summary: "x".repeat(70_000),
        annotations: vec![
            CheckRunAnnotation {
                path: "a.py".to_owned(),
                ..CheckRunAnnotation::default()
            };
            120
        ],
        ..CheckRunDraft::default()
    };
    github.forge().create_check_run(&repo(), &sha(), &draft).await.unwrap();
    let sent: Vec<(String, usize)> = github
        .asked()
        .iter()
        .map(|asked| {
            (asked.line(), asked.json()["output"]["annotations"].as_array().unwrap().len())
        })
        .collect();
    let patch = "PATCH /repos/acme/app/check-runs/5".to_owned();
    let post = "POST /repos/acme/app/check-runs".to_owned();
    assert_eq!(sent, [(post, 50), (patch.clone(), 50), (patch, 20)]);
    let first = github.asked()[0].json();
    assert_eq!(
        (first["status"].as_str(), first["conclusion"].as_str()),
        (Some("completed"), Some("neutral"))
    );
    assert_eq!(first["output"]["summary"].as_str().unwrap().len(), 65_535);
}

#[tokio::test]
async fn labels_are_taken_away_even_if_they_are_not_there() {
    let github = Double::new(|_, _| json(404, &json!({ "message": "Label does not exist" }))).await;
    github.forge().remove_label(&repo(), PullNumber(7), "needs help/now").await.unwrap();
    assert_eq!(github.lines(), ["DELETE /repos/acme/app/issues/7/labels/needs%20help%2Fnow"]);
}

#[tokio::test]
async fn a_merge_of_a_head_that_moved_is_not_one_that_conflicts() {
    let answer = |status: u16, message: &'static str| async move {
        let github = Double::new(move |_, _| json(status, &json!({ "message": message }))).await;
        let merged =
            github.forge().merge(&repo(), PullNumber(7), &sha(), MergeMethod::Squash).await;
        assert_eq!(github.asked()[0].json(), json!({ "sha": SHA, "merge_method": "squash" }));
        merged
    };
    let moved = answer(409, "Head branch was modified. Review and try the merge again.").await;
    assert!(matches!(moved, Err(ForgeError::HeadMoved { .. })));
    let blocked = answer(405, "Pull Request is not mergeable").await;
    assert!(matches!(blocked, Err(ForgeError::Conflict { .. })));
}

fn commit() -> NewCommit {
    let write = FileEdit::Write { path: "src/lib.rs".to_owned(), content: b"\0ok".to_vec() };
    NewCommit {
        branch: "feature/x".to_owned(),
        expected_head: sha(),
        headline: "Mend".to_owned(),
        body: String::new(),
        edits: vec![write, FileEdit::Delete { path: "old.rs".to_owned() }],
    }
}

#[tokio::test]
async fn a_commit_names_the_head_that_it_expects() {
    let github = Double::new(|_, _| {
        json(
            200,
            &json!({ "data": { "createCommitOnBranch": { "commit": { "oid": OTHER_SHA } } } }),
        )
    })
    .await;
    let made = github.forge().create_commit_on_branch(&repo(), &commit()).await.unwrap();
    assert_eq!(made.as_str(), OTHER_SHA);
    let input = &github.asked()[0].json()["variables"]["input"];
    assert_eq!(input["expectedHeadOid"], SHA);
    assert_eq!(
        input["branch"],
        json!({ "repositoryNameWithOwner": "acme/app", "branchName": "feature/x" })
    );
    assert_eq!(
        input["fileChanges"],
        json!({ "additions": [{ "path": "src/lib.rs", "contents": "AG9r" }], "deletions": [{ "path": "old.rs" }] })
    );
}

#[tokio::test]
async fn a_branch_that_moved_is_left_alone_and_said_so() {
    let github = Double::new(|_, _| {
        let message =
            format!("Expected branch to point to \"{SHA}\" but it did not.  Pull and try again.");
        let fault =
            json!({ "type": "STALE_DATA", "path": ["createCommitOnBranch"], "message": message });
        json(200, &json!({ "data": { "createCommitOnBranch": null }, "errors": [fault] }))
    })
    .await;
    let error = github.forge().create_commit_on_branch(&repo(), &commit()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to commit to feature/x of acme/app: the branch is no longer at 3f2a91c"
    );
    assert_eq!(error.kind(), "head_moved");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_made_twice() {
    let github = Double::new(|_, _| text(502, "")).await;
    let error = github.forge().create_commit_on_branch(&repo(), &commit()).await.unwrap_err();
    assert!(error.may_have_happened());
    assert_eq!(github.lines(), ["POST /graphql"]);
}
