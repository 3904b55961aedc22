//! GitHub's limits: waited for where that is soon, said where it is not, and never tried early.

use std::time::Duration;

use greenline_forge::{Forge, ForgeError, PullNumber, RateLimitKind, Timestamp};
use serde_json::json;

use crate::scripted_server::{ApiResponse, DATE, Double, clock, json, repo, with};

fn repository() -> ApiResponse {
    json(200, &json!({ "id": 1, "full_name": "acme/app" }))
}

fn refused(message: &str, headers: &[(&'static str, &str)]) -> ApiResponse {
    with(with(json(403, &json!({ "message": message })), headers), &[("date", DATE)])
}

const SECONDARY: &str = "You have exceeded a secondary rate limit.";

#[tokio::test]
async fn a_secondary_limit_is_waited_for_as_long_as_it_says() {
    let github = Double::new(|_, before| match before {
        0 => refused(SECONDARY, &[("retry-after", "30"), ("x-ratelimit-remaining", "4000")]),
        _ => repository(),
    })
    .await;
    let time = clock();
    Forge::new(github.config(&time)).unwrap().repo(&repo()).await.unwrap();
    assert_eq!(time.clock().steady(), Duration::from_secs(30));
}

#[tokio::test]
async fn what_a_limit_refused_was_not_done_so_even_a_post_goes_on() {
    let github = Double::new(|_, before| match before {
        0 => refused(SECONDARY, &[("retry-after", "1")]),
        _ => json(201, &json!({ "id": 1 })),
    })
    .await;
    github.forge().create_comment(&repo(), PullNumber(7), "hello").await.unwrap();
    assert_eq!(github.asked().len(), 2);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_said_at_once_and_kept_to() {
    let github = Double::new(|_, _| refused(SECONDARY, &[("retry-after", "120")])).await;
    let time = clock();
    let forge = Forge::new(github.config(&time)).unwrap();
    for _ in 0..3 {
        let error = forge.repo(&repo()).await.unwrap_err();
        let until = Some(Timestamp(1_700_000_120_000));
        assert_eq!((error.kind(), error.retry_at()), ("rate_limited", until));
    }
    assert_eq!((github.asked().len(), time.clock().steady()), (1, Duration::ZERO));
    time.advance(Duration::from_secs(120));
    forge.repo(&repo()).await.unwrap_err();
    assert_eq!(github.asked().len(), 2);
}

#[tokio::test]
async fn a_secondary_limit_that_says_nothing_is_a_minute() {
    let github = Double::new(|_, before| match before {
        0 => refused(SECONDARY, &[]),
        _ => repository(),
    })
    .await;
    let time = clock();
    Forge::new(github.config(&time)).unwrap().repo(&repo()).await.unwrap();
    assert_eq!(time.clock().steady(), Duration::from_secs(60));
}

#[tokio::test]
async fn a_limit_that_does_not_end_is_given_up() {
    let github = Double::new(|_, _| refused(SECONDARY, &[("retry-after", "1")])).await;
    let error = github.forge().repo(&repo()).await.unwrap_err();
    assert!(matches!(error, ForgeError::RateLimited { limit: RateLimitKind::Secondary, .. }));
    assert_eq!(github.asked().len(), 4);
}

#[tokio::test]
async fn a_primary_limit_ends_when_githubs_clock_says_so() {
    let used_up = [
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1700000020"),
    ];
    let github = Double::new(move |_, before| match before {
        0 => refused("API rate limit exceeded for user ID 1.", &used_up),
        _ => repository(),
    })
    .await;
    let time = clock();
    // A machine whose clock is a day late waits no longer for that.
    time.set_wall(1_700_000_000_000 - 86_400_000);
    Forge::new(github.config(&time)).unwrap().repo(&repo()).await.unwrap();
    assert_eq!(time.clock().steady(), Duration::from_secs(21));
}

#[tokio::test]
async fn the_last_call_of_an_hour_is_the_last() {
    let github = Double::new(|_, _| {
        let left = [
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700003000"),
            ("x-ratelimit-resource", "core"),
            ("date", DATE),
        ];
        with(repository(), &left)
    })
    .await;
    let forge = github.forge();
    forge.repo(&repo()).await.unwrap();
    let error = forge.repo(&repo()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to read repository acme/app: GitHub's primary limit is reached until 2023-11-14T23:03:20Z"
    );
    assert_eq!(github.asked().len(), 1);
    let reading = &forge.rate_limits()[0];
    assert_eq!((reading.account.as_str(), reading.limit, reading.remaining), ("token", 5_000, 0));
}

#[tokio::test]
async fn a_missing_permission_is_no_limit() {
    let github = Double::new(|_, _| {
        refused("Resource not accessible by integration", &[("x-ratelimit-remaining", "0")])
    })
    .await;
    let error = github.forge().repo(&repo()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Forbidden { .. }), "{error}");
}
