//! Webhooks, whole and broken.

use greenline_fake_github::github::{WebhookFault, everything, sign};
use greenline_forge::webhook::WebhookEvent;
use serde_json::json;

use crate::bed::{Bed, Listener};

#[tokio::test]
async fn a_failed_job_is_told_in_order_and_signed() {
    let bed = Bed::new().await;
    let listener = Listener::default();
    bed.github.hook(&bed.repo, &listener.listen().await, "secret");
    let pull = bed.pull().await;
    bed.repo.fail_job(&pull, "test", "no\n");
    bed.github.settle().await;
    let expected = [
        "push",
        "pull_request.opened",
        "workflow_run.requested",
        "check_run.created",
        "workflow_job.in_progress",
        "check_run.completed",
        "check_suite.completed",
        "workflow_job.completed",
        "workflow_run.completed",
    ];
    assert_eq!(listener.names(), expected);
    for heard in listener.heard() {
        assert_eq!(heard.signature, sign("secret", &heard.bytes));
        assert_eq!(heard.json()["repository"]["full_name"], "acme/app");
    }
    assert_eq!(listener.heard()[7].json()["workflow_job"]["conclusion"], "failure");
}

#[tokio::test]
async fn our_client_reads_them_all() {
    let bed = Bed::new().await;
    let listener = Listener::default();
    bed.github.hook(&bed.repo, &listener.listen().await, "secret");
    let pull = bed.pull().await;
    bed.repo.fail_job(&pull, "test", "no\n");
    bed.repo.status(&pull.sha, "other/ci", "failure", None);
    bed.repo.comment(pull.number, "ada", "@greenline help");
    bed.repo.label(pull.number, &["greenline:off"], "ada");
    bed.repo.close(pull.number, "ada");
    bed.repo.rename("renamed");
    bed.github.settle().await;
    let heard = listener.heard();
    for it in &heard {
        let read = WebhookEvent::read(&it.event, &it.bytes).unwrap();
        assert!(!matches!(read, WebhookEvent::Other(_)), "{}", it.name());
    }
    assert_eq!(heard.len(), 14, "{:?}", listener.names());
}

#[test]
fn a_signature_is_what_github_documents() {
    // The example of GitHub's page about validating deliveries.
    let signature = sign("It's a Secret to Everybody", b"Hello, World!");
    let documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(signature, documented);
}

#[tokio::test]
async fn a_lost_one_is_found_in_the_list_and_sent_again_by_hand_alone() {
    let bed = Bed::new().await;
    let app = bed.github.app("greenline", everything());
    let listener = Listener::default();
    app.hook(&listener.listen().await, "secret");
    let _installation = app.install("acme", None);
    bed.github.settle().await;
    bed.github.add_webhook_faults([WebhookFault::Lost]);
    bed.repo.comment(bed.pull_number().await, "ada", "hello");
    bed.github.settle().await;
    assert!(!listener.names().contains(&"push".to_owned()), "lost, and not tried again");
    let list = bed.as_token(&app.jwt().unwrap(), "GET", "/app/hook/deliveries", None).await.body;
    let failed: Vec<_> =
        list.as_array().unwrap().iter().filter(|it| it["status_code"] == 502).collect();
    assert_eq!((failed.len(), &failed[0]["event"]), (1, &json!("push")));
    let again = format!("/app/hook/deliveries/{}/attempts", failed[0]["id"]);
    assert_eq!(bed.as_token(&app.jwt().unwrap(), "POST", &again, None).await.status, 202);
    bed.github.settle().await;
    let last = listener.heard().pop().unwrap();
    assert_eq!(
        (last.event.as_str(), last.delivery.as_str()),
        ("push", failed[0]["guid"].as_str().unwrap())
    );
    assert!(last.json()["installation"]["id"].is_u64());
}

#[tokio::test]
async fn they_come_twice_late_and_forged_when_told_to() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let listener = Listener::default();
    bed.github.hook(&bed.repo, &listener.listen().await, "secret");
    bed.github.add_webhook_faults([WebhookFault::Twice, WebhookFault::Late, WebhookFault::Forged]);
    for text in ["one", "two", "three"] {
        bed.repo.comment(pull.number, "ada", text);
    }
    bed.github.settle().await;
    let heard = listener.heard();
    let texts: Vec<_> = heard.iter().map(|it| it.json()["comment"]["body"].clone()).collect();
    assert_eq!(texts, ["one", "one", "three", "two"]);
    assert_eq!(heard[0].delivery, heard[1].delivery);
    assert_ne!(heard[2].signature, sign("secret", &heard[2].bytes));
}

impl Bed {
    async fn pull_number(&self) -> u64 {
        self.pull().await.number
    }
}
