//! Limits, and what is free.

use std::time::Duration;

use greenline_fake_github::github::RateBudget;
use serde_json::json;

use crate::bed::Bed;

#[tokio::test]
async fn an_answer_that_has_not_changed_costs_nothing() {
    let bed = Bed::new().await;
    let first = bed.get("/repos/acme/app").await;
    let (etag, left) =
        (first.header("etag").to_owned(), first.header("x-ratelimit-remaining").to_owned());
    let bearer = format!("Bearer {}", bed.token);
    let headers = [("authorization", bearer.as_str()), ("if-none-match", etag.as_str())];
    let again = bed.ask("GET", "/repos/acme/app", &headers, None).await.unwrap();
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    assert_eq!(again.header("x-ratelimit-remaining"), left);
    bed.repo.make_private();
    assert_eq!(bed.ask("GET", "/repos/acme/app", &headers, None).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_hourly_limit_ends_with_the_hour() {
    let bed = Bed::with(RateBudget { core: 2, ..RateBudget::default() }).await;
    bed.get("/repos/acme/app").await;
    assert_eq!(bed.get("/repos/acme/app").await.header("x-ratelimit-remaining"), "0");
    let refused = bed.get("/repos/acme/app").await;
    assert_eq!((refused.status.as_u16(), refused.header("x-ratelimit-remaining")), (403, "0"));
    assert!(refused.body["message"].as_str().unwrap().starts_with("API rate limit exceeded"));
    assert_eq!(bed.get("/rate_limit").await.body["rate"]["remaining"], 0, "asking is free");
    bed.pass(Duration::from_secs(3_600));
    assert_eq!(bed.get("/repos/acme/app").await.status, 200);
}

#[tokio::test]
async fn writing_too_fast_meets_the_secondary_limit() {
    let bed = Bed::with(RateBudget { content_a_minute: 3, ..RateBudget::default() }).await;
    let pull = bed.pull().await;
    let path = format!("/repos/acme/app/issues/{}/comments", pull.number);
    for _ in 0..3 {
        assert_eq!(bed.call("POST", &path, Some(json!({"body": "x"}))).await.status, 201);
    }
    let refused = bed.call("POST", &path, Some(json!({"body": "x"}))).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (403, "60"));
    assert_eq!(bed.repo.comments(pull.number).len(), 3);
    bed.pass(Duration::from_secs(60));
    assert_eq!(bed.call("POST", &path, Some(json!({"body": "x"}))).await.status, 201);
}
