//! Bad days on request.

use greenline_fake_github::github::{ApiFault, FaultRule};
use serde_json::json;

use crate::bed::Bed;

#[tokio::test]
async fn a_call_fails_as_often_as_it_was_told_to() {
    let bed = Bed::new().await;
    bed.github.add_fault(FaultRule::times(2, "GET /repos", ApiFault::Status(502)));
    bed.github.add_fault(FaultRule::once("GET /repos", ApiFault::SecondaryLimit(30)));
    assert_eq!(bed.get("/repos/acme/app").await.status, 502);
    assert_eq!(bed.get("/repos/acme/app").await.status, 502);
    assert_eq!(bed.get("/repos/acme/app").await.header("retry-after"), "30");
    assert_eq!(bed.get("/repos/acme/app").await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_has_taken_effect() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    bed.github.add_fault(FaultRule::once("POST comments", ApiFault::AnswerLost));
    let path = format!("/repos/acme/app/issues/{}/comments", pull.number);
    assert_eq!(bed.call("POST", &path, Some(json!({"body": "once"}))).await.status, 502);
    assert_eq!(bed.repo.comments(pull.number), ["once"]);
}

#[tokio::test]
async fn a_truncated_answer_breaks_off() {
    let bed = Bed::new().await;
    bed.github.add_fault(FaultRule::once("GET /repos", ApiFault::Truncated(40)));
    let bearer = format!("Bearer {}", bed.token);
    let broken = bed.ask("GET", "/repos/acme/app", &[("authorization", &bearer)], None).await;
    assert!(broken.is_err());
    assert_eq!(bed.get("/repos/acme/app").await.status, 200);
}

#[tokio::test]
async fn a_head_moves_between_reading_and_writing() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let (repo, branch) = ("acme/app".to_owned(), "feature".to_owned());
    bed.github.add_fault(FaultRule::once("PUT merge", ApiFault::HeadMoves { repo, branch }));
    let path = format!("/repos/acme/app/pulls/{}/merge", pull.number);
    let refused = bed.call("PUT", &path, Some(json!({"sha": pull.sha}))).await;
    assert_eq!(refused.status, 409);
    assert_ne!(bed.repo.pull_head(pull.number), Some(pull.sha));
}

#[tokio::test]
async fn the_limit_can_run_out_at_once() {
    let bed = Bed::new().await;
    bed.github.add_fault(FaultRule::once("/repos", ApiFault::PrimaryLimit));
    assert_eq!(bed.get("/repos/acme/app").await.header("x-ratelimit-remaining"), "0");
    assert_eq!(bed.get("/repos/acme/app").await.status, 403, "until the hour is over");
}
