//! The lead against what prism makes of GitHub's own description: answers that nobody here wrote.
//! `shared/fake-github/published/fetch` gets both; without them this says so, and passes.
//!
//! What prism answers does not hang together: a list always has a next page, and that is on another
//! host, which the lead does not ask with its credentials. So this asks for little: the lead goes
//! its way up to looking for its comment, and stays well.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use greenline_forge::webhook::WebhookSecrets;
use greenline_forge::{ApiBase, Forge, ForgeConfig, GitHubCredentials};
use greenline_lead::watch::WatchOptions;
use greenline_runtime::clock::Clock;
use greenline_testbed::TestBed;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::bed::{options, run};
use crate::webhooks::{Hook, SECRET};

/// The commit of the pull request that the description has as its example.
const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

struct Prism {
    url: String,
    said: Lines<BufReader<ChildStdout>>,
    // Killed with this.
    _process: Child,
}

impl Prism {
    /// None where it was not fetched.
    async fn start() -> Option<Self> {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = modules.join("../shared/fake-github/published/node_modules");
        let description = modules.join("@octokit/openapi/generated/api.github.com.json");
        let program: PathBuf = modules.join("@stoplight/prism-cli/dist/index.js");
        if !description.is_file() || !program.is_file() {
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new("node")
            .arg(program)
            .args(["mock", "--errors", "false", "--port", &port.to_string()])
            .arg(description)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut prism = Self { url: format!("http://127.0.0.1:{port}"), said, _process: process };
        prism.says("Prism is listening").await;
        Some(prism)
    }

    async fn says(&mut self, words: &str) {
        let said = async {
            while let Some(line) = self.said.next_line().await.unwrap() {
                if line.contains(words) {
                    return;
                }
            }
            panic!("prism has ended");
        };
        let patience = Duration::from_secs(100);
        assert!(tokio::time::timeout(patience, said).await.is_ok(), "never said: {words}");
    }
}

#[tokio::test]
async fn what_the_description_allows_is_read_and_acted_on() {
    let Some(mut prism) = Prism::start().await else {
        eprintln!("skipped: prism is not there; run shared/fake-github/published/fetch");
        return;
    };
    let bed = TestBed::new().await;
    let mut options = options(&bed, "one", Duration::from_secs(10)).await;
    let config =
        ForgeConfig::new(GitHubCredentials::Token("ghp_x".to_owned().into()), Clock::system());
    options.watch = Some(WatchOptions {
        forge: Forge::new(config.at(ApiBase::parse(&prism.url).unwrap())).unwrap(),
        repos: vec!["octocat/Hello-World".parse().unwrap()],
        poll_interval: Duration::from_secs(600),
        secrets: WebhookSecrets::new([SECRET.to_owned().into()]),
    });
    let mut lead = run(options).await;
    lead.leads().await;
    let run = json!({
        "id": 4, "name": "mighty_readme", "head_sha": SHA, "status": "completed",
        "conclusion": "failure", "completed_at": "2026-01-01T00:00:00Z",
        "app": {"id": 1, "slug": "octoapp"},
    });
    let repository = json!({"id": 1_296_269, "full_name": "octocat/Hello-World",
        "default_branch": "master"});
    let event = json!({"action": "completed", "check_run": run, "repository": repository});
    let body = event.to_string().into_bytes();
    let answer = Hook::new("check_run", "a", &body).send(&lead).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    prism.says("get /repos/octocat/Hello-World/issues/1347/comments").await;
    // A part that panicked would have ended the lead.
    assert_eq!(lead.get("/health").await.status, 200);
    lead.drain().await;
}
