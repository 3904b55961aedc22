//! A real git client against it.

use std::path::Path;
use std::process::{Output, Stdio};

use greenline_fake_github::github::ProtectionRules;
use tokio::process::Command;

use crate::bed::Bed;

async fn git(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "ada").env(format!("GIT_{role}_EMAIL"), "ada@fake");
    }
    command.output().await.unwrap()
}

fn address(bed: &Bed, token: &str) -> String {
    let host = bed.github.url().trim_start_matches("http://");
    format!("http://x-access-token:{token}@{host}/acme/app.git")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_commits_and_pushes_and_its_pull_request_follows() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let folder = tempfile::tempdir().unwrap();
    let cloned =
        git(folder.path(), &["clone", "-q", "-b", "feature", &address(&bed, &bed.token), "w"])
            .await;
    assert!(cloned.status.success(), "{cloned:?}");
    let work = folder.path().join("w");
    std::fs::write(work.join("c.txt"), "three\n").unwrap();
    git(&work, &["add", "-A"]).await;
    git(&work, &["commit", "-q", "-m", "Three"]).await;
    let pushed = git(&work, &["push", "-q", "origin", "feature"]).await;
    assert!(pushed.status.success(), "{pushed:?}");
    let head = git(&work, &["rev-parse", "HEAD"]).await;
    let head = String::from_utf8(head.stdout).unwrap().trim().to_owned();
    assert_eq!(bed.repo.pull_head(pull.number), Some(head.clone()));
    let files = bed.get(&format!("/repos/acme/app/pulls/{}/files", pull.number)).await.body;
    assert_eq!(files.as_array().unwrap().len(), 2);
    let fetched = git(&work, &["fetch", "-q", "--depth=1", "origin", &pull.sha]).await;
    assert!(fetched.status.success(), "one commit alone can be fetched: {fetched:?}");
    let reference = format!("refs/pull/{}/head", pull.number);
    let listed = git(&work, &["ls-remote", "origin", &reference]).await;
    assert!(String::from_utf8(listed.stdout).unwrap().starts_with(&head));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_pushes_to_a_protected_branch_or_without_permission() {
    let bed = Bed::new().await;
    bed.repo.protect("main", ProtectionRules::default()).await.unwrap();
    let before = bed.repo.head("main");
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["clone", "-q", &address(&bed, &bed.token), "w"]).await;
    let work = folder.path().join("w");
    git(&work, &["commit", "-q", "--allow-empty", "-m", "x"]).await;
    let refused = git(&work, &["push", "-q", "origin", "main"]).await;
    assert!(String::from_utf8(refused.stderr).unwrap().contains("GH006"));
    assert_eq!(bed.repo.head("main"), before);
    let reader = bed.github.token("ada", greenline_fake_github::github::everything());
    let refused = git(&work, &["push", "-q", &address(&bed, &reader), "HEAD:other"]).await;
    assert!(!refused.status.success() && bed.repo.head("other").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_commit_is_fetched_without_a_token_in_the_second_protocol() {
    let bed = Bed::new().await;
    let pull = bed.pull().await;
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]).await;
    let url = format!("{}/acme/app.git", bed.github.url());
    let mut fetch = Command::new("git");
    fetch.current_dir(folder.path()).env("GIT_TRACE_PACKET", "1").stdin(Stdio::null());
    fetch.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    let fetched = fetch.args(["fetch", "--depth=1", &url, &pull.sha]).output().await.unwrap();
    let said = String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success() && said.contains("version 2"), "{said}");
    bed.repo.make_private();
    let refused = git(folder.path(), &["fetch", "-q", &url, "main"]).await;
    assert!(!refused.status.success(), "a private repository wants a token");
    let token = address(&bed, &bed.token);
    assert!(git(folder.path(), &["fetch", "-q", &token, "main"]).await.status.success());
}
