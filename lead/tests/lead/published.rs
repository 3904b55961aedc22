//! Every example webhook that GitHub publishes, sent to the lead as GitHub would.
//! `shared/fake-github/published/fetch` gets them; without them this says so, and passes.

use std::path::Path;

use greenline_testbed::TestBed;
use serde_json::Value;

use crate::webhooks::{Hook, lead, told};

#[tokio::test]
async fn every_example_webhook_is_taken() {
    let modules = "../shared/fake-github/published/node_modules/@octokit";
    let name = "webhooks-examples/api.github.com/index.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(modules).join(name);
    let Ok(text) = std::fs::read(path) else {
        eprintln!("skipped: {name} is not there; run shared/fake-github/published/fetch");
        return;
    };
    let events: Value = serde_json::from_slice(&text).unwrap();
    let bed = TestBed::new().await;
    let lead = lead(&bed).await;
    let mut sent = 0;
    for event in events.as_array().unwrap() {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            sent += 1;
            let (id, body) = (format!("example-{sent}"), example.to_string());
            let answer = Hook::new(name, &id, body.as_bytes()).send(&lead).await;
            assert!([200, 202].contains(&answer.status), "{name}: {answer:?}\n{example:#}");
        }
    }
    let told = told(&bed).await;
    assert!(sent > 250 && told > 5, "{sent} sent, {told} told");
    // A part that panicked would have ended the lead.
    assert_eq!(lead.get("/health").await.status, 200);
    println!("{sent} sent, {told} told");
}
