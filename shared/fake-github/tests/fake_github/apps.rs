//! Apps prove themselves, and their tokens end.

use std::time::Duration;

use greenline_fake_github::github::{AccessLevel, AppPermission, everything};
use serde_json::json;

use crate::bed::Bed;

#[tokio::test]
async fn an_app_gets_a_token_that_ends_within_the_hour() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let app = bed.github.app("greenline", everything());
    let installation = app.install("acme", None);
    let path = format!("/app/installations/{installation}/access_tokens");
    let minted = bed.as_token(&app.jwt().unwrap(), "POST", &path, None).await;
    assert_eq!(minted.status, 201, "{}", minted.text);
    let token = minted.body["token"].as_str().unwrap().to_owned();
    let check = json!({"name": "greenline", "head_sha": pull.sha, "conclusion": "neutral"});
    let made = bed.as_token(&token, "POST", "/repos/acme/app/check-runs", Some(check)).await;
    assert_eq!((made.status.as_u16(), &made.body["app"]["slug"]), (201, &json!("greenline")));
    bed.pass(Duration::from_secs(3_600));
    let late = bed.as_token(&token, "GET", "/repos/acme/app", None).await;
    assert_eq!((late.status.as_u16(), &late.body["message"]), (401, &json!("Bad credentials")));
}

#[tokio::test]
async fn a_jwt_is_checked_by_its_signature_and_its_times() {
    let bed = Bed::new().await;
    let app = bed.github.app("greenline", everything());
    let good = app.jwt().unwrap();
    assert_eq!(bed.as_token(&good, "GET", "/app", None).await.status, 200);
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{rest}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(bed.as_token(&forged, "GET", "/app", None).await.status, 401);
    bed.pass(Duration::from_secs(600));
    assert_eq!(bed.as_token(&good, "GET", "/app", None).await.status, 401);
}

#[tokio::test]
async fn a_token_holds_no_more_than_it_was_asked_for() {
    let bed = Bed::new().await;
    let other = bed.github.repo("acme/other").await.unwrap();
    other.make_private();
    let app = bed.github.app("greenline", [(AppPermission::Contents, AccessLevel::Read)].into());
    let installation = app.install("acme", None);
    let path = format!("/app/installations/{installation}/access_tokens");
    let jwt = app.jwt().unwrap();
    let more = json!({"permissions": {"contents": "write"}});
    assert_eq!(bed.as_token(&jwt, "POST", &path, Some(more)).await.status, 422);
    let minted = bed.as_token(&jwt, "POST", &path, Some(json!({"repositories": ["app"]}))).await;
    let token = minted.body["token"].as_str().unwrap().to_owned();
    assert_eq!(bed.as_token(&token, "GET", "/repos/acme/other", None).await.status, 404);
    let issue =
        bed.as_token(&token, "POST", "/repos/acme/app/issues", Some(json!({"title": "x"}))).await;
    assert_eq!(issue.body["message"], "Resource not accessible by integration");
    app.suspend(installation, true);
    assert_eq!(bed.as_token(&token, "GET", "/repos/acme/app", None).await.status, 401);
}
