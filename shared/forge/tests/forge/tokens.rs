//! An app's tokens: one for all who ask, renewed in time, replaced when they are revoked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenline_forge::{ForgeError, InstallationId};
use serde_json::json;

use crate::scripted_server::{ApiResponse, Asked, DATE, Double, clock, json, repo, text, with};

/// Mints `ghs_0`, `ghs_1`, …, each good for an hour.
fn minted(asked: &Asked, mints: &AtomicUsize) -> Option<ApiResponse> {
    let answer = match asked.line().as_str() {
        "GET /repos/acme/app/installation" => json(200, &json!({ "id": 5 })),
        "POST /app/installations/5/access_tokens" => {
            let token = format!("ghs_{}", mints.fetch_add(1, Ordering::SeqCst));
            json(201, &json!({ "token": token, "expires_at": "2023-11-14T23:13:20Z" }))
        }
        _ => return None,
    };
    Some(with(answer, &[("date", DATE)]))
}

async fn github() -> Double {
    let mints = AtomicUsize::new(0);
    Double::new(move |asked, _| {
        minted(asked, &mints)
            .unwrap_or_else(|| json(200, &json!({ "id": 1, "full_name": "acme/app" })))
    })
    .await
}

fn count(github: &Double, part: &str) -> usize {
    github.lines().iter().filter(|line| line.contains(part)).count()
}

#[tokio::test]
async fn twenty_first_calls_mint_one_token() {
    let github = github().await;
    let forge = github.app(&clock());
    let calls = (0..20).map(|_| {
        let forge = forge.clone();
        tokio::spawn(async move { forge.repo(&repo()).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!((count(&github, "access_tokens"), count(&github, "/installation")), (1, 2));
    let last = github.asked().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer ghs_0"));
    let jwt = github.asked()[0].header("authorization").unwrap().to_owned();
    assert_eq!(jwt.split('.').count(), 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let github = github().await;
    let time = clock();
    let forge = github.app(&time);
    forge.repo(&repo()).await.unwrap();
    time.advance(Duration::from_secs(54 * 60));
    forge.repo(&repo()).await.unwrap();
    assert_eq!(count(&github, "access_tokens"), 1);
    time.advance(Duration::from_secs(90));
    forge.repo(&repo()).await.unwrap();
    assert_eq!(count(&github, "access_tokens"), 2);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let mints = AtomicUsize::new(0);
    let github = Double::new(move |asked, _| {
        minted(asked, &mints).unwrap_or_else(|| match asked.header("authorization") {
            Some("Bearer ghs_0") => json(401, &json!({ "message": "Bad credentials" })),
            _ => json(201, &json!({ "id": 1 })),
        })
    })
    .await;
    let forge = github.app(&clock());
    // Nothing was done by the first, so even this may go on.
    forge.create_comment(&repo(), greenline_forge::PullNumber(7), "hello").await.unwrap();
    assert_eq!((count(&github, "access_tokens"), count(&github, "comments")), (2, 2));
}

#[tokio::test]
async fn those_who_wait_for_a_failing_token_fail_together() {
    let github = Double::new(|asked, _| match asked.line().as_str() {
        "GET /repos/acme/app/installation" => json(200, &json!({ "id": 5 })),
        _ => json(403, &json!({ "message": "This installation has been suspended" })),
    })
    .await;
    let forge = github.app(&clock());
    forge.note_installation("acme", InstallationId(5)).await;
    let gate = Arc::new(tokio::sync::Barrier::new(10));
    let calls = (0..10).map(|_| {
        let (forge, gate) = (forge.clone(), Arc::clone(&gate));
        tokio::spawn(async move {
            gate.wait().await;
            forge.repo(&repo()).await
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, ForgeError::Forbidden { .. }), "{error}");
    }
    assert!(count(&github, "access_tokens") < 10, "{:?}", github.lines());
}

#[tokio::test]
async fn minting_is_tried_again() {
    let mints = AtomicUsize::new(0);
    let github = Double::new(move |asked, before| match before {
        1 => text(502, ""),
        _ => minted(asked, &mints)
            .unwrap_or_else(|| json(200, &json!({ "id": 1, "full_name": "acme/app" }))),
    })
    .await;
    github.app(&clock()).repo(&repo()).await.unwrap();
    assert_eq!(count(&github, "access_tokens"), 2);
}

#[tokio::test]
async fn an_app_that_is_not_installed_says_so() {
    let github = Double::new(|_, _| json(404, &json!({ "message": "Not Found" }))).await;
    let error = github.app(&clock()).repo(&repo()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("failed to find the app's installation for acme/app"),
        "{error}"
    );
}

#[tokio::test]
async fn an_app_that_was_installed_anew_is_found_again() {
    let github = Double::new(|asked, before| match (asked.target.as_str(), before) {
        ("/repos/acme/app/installation", 0) => json(200, &json!({ "id": 4 })),
        ("/repos/acme/app/installation", _) => json(200, &json!({ "id": 5 })),
        ("/app/installations/5/access_tokens", _) => json(201, &json!({ "token": "ghs_5" })),
        ("/repos/acme/app", _) => json(200, &json!({ "id": 1, "full_name": "acme/app" })),
        _ => json(404, &json!({ "message": "Not Found" })),
    })
    .await;
    let forge = github.app(&clock());
    let error = forge.repo(&repo()).await.unwrap_err();
    assert!(error.to_string().starts_with("failed to get a token for installation 4"), "{error}");
    forge.repo(&repo()).await.unwrap();
}

#[tokio::test]
async fn one_installations_kept_answer_is_not_shown_to_another() {
    let github = Double::new(|asked, _| {
        let token = asked.header("authorization").unwrap_or_default().to_owned();
        let repos = |name: &str| {
            let all = json!({ "total_count": 1, "repositories": [{ "id": 1, "full_name": name }] });
            with(json(200, &all), &[("etag", "\"the same\"")])
        };
        match asked.line().as_str() {
            "POST /app/installations/1/access_tokens" => json(201, &json!({ "token": "ghs_one" })),
            "POST /app/installations/2/access_tokens" => json(201, &json!({ "token": "ghs_two" })),
            _ if asked.header("if-none-match").is_some() => text(304, ""),
            _ if token == "Bearer ghs_one" => repos("one/private"),
            _ => repos("two/private"),
        }
    })
    .await;
    let forge = github.app(&clock());
    let names = async |id: u64| -> Vec<String> {
        let listed = forge.repos_of_installation(InstallationId(id)).await.unwrap();
        listed.items.into_iter().map(|repo| repo.full_name.to_string()).collect()
    };
    assert_eq!(names(1).await, ["one/private"]);
    assert_eq!(names(2).await, ["two/private"], "the same URL, asked as somebody else");
    assert_eq!(names(1).await, ["one/private"]);
    assert_eq!(names(2).await, ["two/private"]);
    let kept = github.asked().iter().filter(|it| it.header("if-none-match").is_some()).count();
    assert_eq!(kept, 2, "each is kept for itself");
}
