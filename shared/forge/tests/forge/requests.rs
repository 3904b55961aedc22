//! Reading: headers, nulls, pages, kept answers, redirects, tries.

use greenline_forge::model::{Conclusion, Permission, Progress};
use greenline_forge::{Forge, ForgeConfig, ForgeError, PullNumber, Sha};
use serde_json::{Value, json};

use crate::scripted_server::{Double, SHA, clock, cut, json, repo, stuck, text, with};

fn sha() -> Sha {
    SHA.parse().unwrap()
}

#[tokio::test]
async fn a_call_says_who_asks_and_for_which_version() {
    let github = Double::new(|_, _| json(200, &json!({ "id": 1, "full_name": "acme/app" }))).await;
    github.forge().repo(&repo()).await.unwrap();
    let asked = &github.asked()[0];
    assert_eq!(asked.line(), "GET /repos/acme/app");
    assert_eq!(asked.header("authorization"), Some("Bearer ghp_token"));
    assert_eq!(asked.header("user-agent"), Some(concat!("greenline/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(asked.header("x-github-api-version"), Some("2022-11-28"));
    assert_eq!(asked.header("accept"), Some("application/vnd.github+json, application/json;q=0.9"));
}

#[tokio::test]
async fn a_token_that_may_not_ask_who_it_is_is_told_by_graphql() {
    let github = Double::new(|asked, _| {
        let who = json!({ "data": { "viewer": { "login": "github-actions[bot]" } } });
        let no = json!({ "message": "Resource not accessible by integration" });
        if asked.target == "/user" { json(403, &no) } else { json(200, &who) }
    })
    .await;
    let user = github.forge().viewer().await.unwrap();
    assert_eq!(user.login, "github-actions[bot]");
}

#[tokio::test]
async fn a_file_is_read_raw_and_within_json() {
    let github = Double::new(|_, before| match before {
        0 => text(200, "a = 1\n"),
        1 => json(
            200,
            &json!({ "type": "file", "encoding": "base64", "content": "YSA9\nIDEK\n",
            "git_url": null }),
        ),
        _ => text(200, "{\"type\": \"file\"}"),
    })
    .await;
    let forge = github.forge();
    for expected in ["a = 1\n", "a = 1\n", "{\"type\": \"file\"}"] {
        let file = forge.file_at(&repo(), expected, "main", 100_000).await.unwrap().unwrap();
        assert_eq!(file, expected);
    }
}

#[tokio::test]
async fn nulls_missing_fields_and_new_words_are_read() {
    let github = Double::new(|_, _| {
        let bare = json!({ "id": 1, "head_sha": SHA });
        let odd = json!({
            "id": 2, "head_sha": SHA, "status": "levitating", "conclusion": null, "output": null,
            "app": null, "check_suite": null, "pull_requests": null, "external_id": null,
            "started_at": null, "details_url": null, "name": "test",
        });
        json(200, &json!({ "total_count": 2, "check_runs": [bare, null, odd] }))
    })
    .await;
    let runs = github.forge().check_runs_of(&repo(), &sha()).await.unwrap();
    assert!(runs.complete);
    assert_eq!(runs.items[1].status, Progress::Other("levitating".to_owned()));
    assert_eq!((runs.items[0].conclusion.as_ref(), runs.items.len()), (None::<&Conclusion>, 2));
}

#[tokio::test]
async fn every_page_is_asked_for_with_credentials() {
    let github = Double::new(|asked, before| {
        let host = asked.header("host").unwrap();
        let next = format!("<http://{host}/repositories/1/statuses?page=2>; rel=\"next\"");
        let page = json!([{ "context": format!("ci/{before}") }]);
        if before == 0 { with(json(200, &page), &[("link", &next)]) } else { json(200, &page) }
    })
    .await;
    let statuses = github.forge().statuses_of(&repo(), &sha()).await.unwrap();
    assert_eq!((statuses.items.len(), statuses.complete), (2, true));
    let asked = github.asked();
    assert_eq!(asked[1].target, "/repositories/1/statuses?page=2");
    assert_eq!(asked[1].header("authorization"), Some("Bearer ghp_token"));
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_asked_for() {
    let elsewhere = Double::new(|_, _| json(200, &json!([]))).await;
    let link = format!("<{}/page2>; rel=\"next\"", elsewhere.address);
    let github = Double::new(move |_, _| with(json(200, &json!([])), &[("link", &link)])).await;
    let error = github.forge().statuses_of(&repo(), &sha()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Redirected { .. }), "{error}");
    assert_eq!(elsewhere.lines(), [""; 0]);
}

#[tokio::test]
async fn what_is_not_modified_is_not_sent_again() {
    let github = Double::new(|asked, _| {
        let repository = json!({ "id": 1, "full_name": "acme/app", "default_branch": "main" });
        match asked.header("if-none-match") {
            Some("\"1\"") => text(304, ""),
            _ => with(json(200, &repository), &[("etag", "\"1\"")]),
        }
    })
    .await;
    let forge = github.forge();
    let first = forge.repo(&repo()).await.unwrap();
    assert_eq!(forge.repo(&repo()).await.unwrap(), first);
    assert_eq!(github.asked()[1].header("if-none-match"), Some("\"1\""));
}

#[tokio::test]
async fn a_kept_page_still_knows_the_next_one() {
    let github = Double::new(|asked, _| {
        let host = asked.header("host").unwrap();
        let next = format!("<http://{host}/next>; rel=\"next\"");
        match (asked.target.as_str(), asked.header("if-none-match")) {
            ("/next", _) => json(200, &json!([{ "context": "two" }])),
            (_, Some(_)) => text(304, ""),
            _ => with(
                json(200, &json!([{ "context": "one" }])),
                &[("etag", "\"1\""), ("link", &next)],
            ),
        }
    })
    .await;
    let forge = github.forge();
    for _ in 0..2 {
        assert_eq!(forge.statuses_of(&repo(), &sha()).await.unwrap().items.len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_and_not_kept() {
    let github = Double::new(|_, before| match before {
        0 => with(cut("{\"id\": 1, ", 200), &[("etag", "\"cut\"")]),
        _ => json(200, &json!({ "id": 1, "full_name": "acme/app" })),
    })
    .await;
    github.forge().repo(&repo()).await.unwrap();
    assert_eq!(github.asked()[1].header("if-none-match"), None);
}

#[tokio::test]
async fn an_answer_that_stands_still_is_an_error_in_bounded_time() {
    let github = Double::new(|_, _| stuck("{")).await;
    let mut config = github.config(&clock());
    config.retry_limits.silence = std::time::Duration::from_millis(20);
    let error = Forge::new(config).unwrap().repo(&repo()).await.unwrap_err();
    assert!(
        matches!(&error, ForgeError::Unreachable { why, .. } if why.contains("no bytes")),
        "{error}"
    );
    assert_eq!(github.asked().len(), 4);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    let github = Double::new(|_, _| text(200, vec![b'x'; 4_096])).await;
    let error = github.forge().file_at(&repo(), "big", "main", 1_000).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to read big of acme/app at main: the answer has more than 1000 bytes"
    );
    assert_eq!(github.asked().len(), 1);
}

#[tokio::test]
async fn a_file_is_named_safely_and_may_be_missing() {
    let github = Double::new(|asked, _| match asked.target.as_str() {
        "/repos/acme/app/contents/.greenline.toml?ref=feature%2Fa%20b" => text(200, "a = 1"),
        _ => json(404, &json!({ "message": "Not Found" })),
    })
    .await;
    let forge = github.forge();
    let file = forge.file_at(&repo(), ".greenline.toml", "feature/a b", 100).await.unwrap();
    assert_eq!(file.as_deref(), Some(b"a = 1".as_slice()));
    assert_eq!(
        github.asked()[0].header("accept"),
        Some("application/vnd.github.raw+json, application/json;q=0.1")
    );
    assert_eq!(forge.file_at(&repo(), "../../user", "main", 100).await.unwrap(), None);
    assert_eq!(github.asked()[1].target, "/repos/acme/app/contents/%2E%2E/%2E%2E/user?ref=main");
}

#[tokio::test]
async fn what_fails_is_tried_again_and_then_said() {
    let github = Double::new(|_, _| text(502, "<html>Bad gateway</html>")).await;
    let time = clock();
    let forge = Forge::new(github.config(&time)).unwrap();
    let error = forge.pull(&repo(), PullNumber(7)).await.unwrap_err();
    assert!(matches!(error, ForgeError::Failing { status: 502, .. }) && error.is_transient());
    assert_eq!(github.asked().len(), 4);
    assert!(time.clock().wall_ms() > 1_700_000_003_000, "pauses grow");
}

#[tokio::test]
async fn nobody_at_the_address_is_an_error_that_passes() {
    let github = Double::new(|_, _| text(200, "")).await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let config = ForgeConfig {
        api: greenline_forge::ApiBase::parse(&base).unwrap(),
        ..github.config(&clock())
    };
    let error = Forge::new(config).unwrap().repo(&repo()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Unreachable { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let refused = |status: u16, headers: &'static [(&'static str, &'static str)], body: Value| async move {
        let github = Double::new(move |_, _| with(json(status, &body), headers)).await;
        let error = github.forge().pull(&repo(), PullNumber(7)).await.unwrap_err();
        assert_eq!(github.asked().len(), 1, "{error}");
        error.to_string()
    };
    let purpose = "failed to read pull request acme/app#7";
    let needs = &[("x-accepted-github-permissions", "pull_requests=read")];
    assert_eq!(
        refused(403, needs, json!({ "message": "Resource not accessible by integration" })).await,
        format!(
            "{purpose}: not allowed: Resource not accessible by integration (needs pull_requests=read)"
        )
    );
    assert_eq!(
        refused(404, needs, json!({ "message": "Not Found" })).await,
        format!("{purpose}: not there, or not to be seen (needs pull_requests=read)")
    );
    assert_eq!(
        refused(401, &[], json!({ "message": "Bad credentials" })).await,
        format!("{purpose}: GitHub does not accept the credentials: Bad credentials")
    );
    let errors = json!([{ "resource": "Pull", "field": "head", "code": "invalid" }, "too late"]);
    assert_eq!(
        refused(422, &[], json!({ "message": "Validation Failed", "errors": errors })).await,
        format!("{purpose}: GitHub refuses it (422): Validation Failed (head: invalid; too late)")
    );
    assert!(
        refused(200, &[], json!("hello"))
            .await
            .starts_with(&format!("{purpose}: the answer can't be read"))
    );
}

#[tokio::test]
async fn a_renamed_repository_is_found_under_its_old_name() {
    let github = Double::new(|asked, before| {
        let location = format!("http://{}/repositories/1", asked.header("host").unwrap());
        match before {
            0 => with(json(301, &json!({})), &[("location", &location)]),
            _ => json(200, &json!({ "id": 1, "full_name": "acme/renamed" })),
        }
    })
    .await;
    let found = github.forge().repo(&repo()).await.unwrap();
    assert_eq!(found.renamed_from(&repo()).unwrap().as_str(), "acme/renamed");
    assert_eq!(github.asked()[1].header("authorization"), Some("Bearer ghp_token"));
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let elsewhere = Double::new(|_, _| json(200, &json!({ "id": 1 }))).await;
    let location = format!("{}/repositories/1", elsewhere.address);
    let github =
        Double::new(move |_, _| with(json(301, &json!({})), &[("location", &location)])).await;
    let error = github.forge().repo(&repo()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Redirected { .. }), "{error}");
    assert_eq!(elsewhere.lines(), [""; 0]);
}

#[tokio::test]
async fn permissions_are_those_that_count() {
    let github = Double::new(|asked, _| match asked.target.as_str() {
        "/repos/acme/app/collaborators/ada/permission" => {
            json(200, &json!({ "permission": "write", "role_name": "maintain" }))
        }
        "/repos/acme/app/collaborators/bob/permission" => {
            json(200, &json!({ "permission": "write", "role_name": "release captain" }))
        }
        _ => json(404, &json!({ "message": "Not Found" })),
    })
    .await;
    let forge = github.forge();
    let mut found = Vec::new();
    for login in ["ada", "bob", "../x"] {
        found.push(forge.permission_of(&repo(), login).await.unwrap());
    }
    assert_eq!(found, [Permission::Maintain, Permission::Write, Permission::None]);
}

#[tokio::test]
async fn protection_is_read_as_far_as_it_may_be() {
    let github = Double::new(|asked, _| match asked.target.contains("/rules/") {
        true => json(404, &json!({ "message": "Not Found" })),
        false => json(403, &json!({ "message": "Upgrade to GitHub Pro" })),
    })
    .await;
    let unknown = github.forge().protection(&repo(), "main").await.unwrap();
    assert_eq!((unknown.protected, unknown.required), (None, None));
}
