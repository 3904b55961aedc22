//! Webhooks as GitHub never sent them: seeded mutations of real shapes.

use greenline_forge::webhook::WebhookEvent;
use greenline_fuzzing::mutate_and_read;
use serde_json::json;

const EVENTS: [&str; 11] = [
    "check_run",
    "check_suite",
    "workflow_job",
    "workflow_run",
    "status",
    "pull_request",
    "issue_comment",
    "push",
    "installation",
    "installation_repositories",
    "repository",
];

/// One body with all that the events hold.
fn body() -> Vec<u8> {
    let repository = json!({"id": 1, "name": "app", "full_name": "acme/app", "private": false,
        "default_branch": "main", "fork": false, "owner": {"login": "acme", "id": 2}});
    let user = json!({"login": "ada", "id": 7, "type": "User"});
    let head = json!({"ref": "feature", "sha": "0123456789abcdef0123456789abcdef01234567",
        "repo": repository, "user": user});
    json!({
        "action": "completed", "repository": repository, "sender": user, "ref": "refs/heads/main",
        "before": "1".repeat(40), "after": "2".repeat(40), "forced": true, "deleted": false,
        "sha": "3".repeat(40), "state": "failure", "context": "ci/x", "target_url": "https://x.example",
        "branches": [{"name": "main", "commit": {"sha": "3".repeat(40)}}], "id": 5,
        "installation": {"id": 9, "account": user, "suspended_at": null},
        "repositories_added": [repository], "repositories_removed": [], "repositories": [repository],
        "changes": {"repository": {"name": {"from": "old"}}},
        "check_run": {"id": 11, "name": "test", "head_sha": "4".repeat(40), "status": "completed",
            "conclusion": "failure", "completed_at": "2026-01-01T00:00:00Z", "details_url": "https://x.example",
            "app": {"slug": "github-actions", "id": 3}, "pull_requests": [{"number": 7, "head": head, "base": head}],
            "check_suite": {"id": 12, "head_branch": "feature"}, "output": {"title": "x", "summary": null}},
        "check_suite": {"id": 12, "head_sha": "4".repeat(40), "head_branch": "feature", "status": "completed",
            "conclusion": "failure", "app": {"slug": "x"}, "pull_requests": []},
        "workflow_job": {"id": 13, "run_id": 14, "run_attempt": 1, "name": "test", "head_sha": "4".repeat(40),
            "head_branch": "feature", "status": "completed", "conclusion": "failure", "steps": []},
        "workflow_run": {"id": 14, "run_attempt": 1, "name": "ci", "event": "pull_request", "head_sha": "4".repeat(40),
            "head_branch": "feature", "status": "completed", "conclusion": "failure", "pull_requests": [],
            "head_repository": repository, "path": ".github/workflows/ci.yml"},
        "pull_request": {"number": 7, "state": "open", "title": "x", "draft": false, "merged": false, "head": head,
            "base": head, "user": user, "labels": [{"name": "x"}]},
        "issue": {"number": 7, "pull_request": {}, "state": "open", "user": user, "labels": []},
        "comment": {"id": 15, "body": "@greenline fix", "user": user, "author_association": "MEMBER",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"},
    })
    .to_string()
    .into_bytes()
}

#[test]
fn no_webhook_makes_its_reader_panic() {
    let whole = body();
    let readable = EVENTS.iter().filter(|name| WebhookEvent::read(name, &whole).is_ok()).count();
    assert!(readable >= 9, "the sample is no webhook any more: {readable} events read it");
    mutate_and_read("webhooks", &[whole], 20_000, |body| {
        for name in EVENTS {
            match WebhookEvent::read(name, body) {
                Ok(event) => drop(event.repository().cloned()),
                Err(why) => assert!(!why.contains('\u{1b}'), "{why:?}"),
            }
        }
    });
}
