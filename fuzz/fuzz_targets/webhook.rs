//! Any bytes as each webhook: `cargo fuzz run webhook`.

#![no_main]

use greenline_forge::webhook::WebhookEvent;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for name in ["check_run", "check_suite", "workflow_job", "workflow_run", "status", "pull_request",
                 "issue_comment", "push", "installation", "installation_repositories", "repository"] {
        let _either = WebhookEvent::read(name, bytes);
    }
});
