//! The fake GitHub: what Greenline trains and is tested on, and what `greenline demo` shows.
//!
//! - [`github`] is a GitHub that keeps state: real git repositories, pull requests, checks, logs,
//!   comments, Apps, limits, webhooks. It misbehaves when it is told to.
//! - [`project`] is a tiny repository whose pull request is red for one of several reasons.
//!
//! Everything listens on loopback and is gone with its handle. It knows nothing of Greenline's
//! own crates but the clock, so that what is tested here was not written to please itself.
//!
//! ```
//! use greenline_fake_github::github::{GitChange, WriteKind, GitHub, NewPull, everything};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let github = GitHub::start().await?;
//! let repo = github.repo("acme/app").await?;
//! let token = github.token("acme", everything());
//! let changes = vec![GitChange::write("src/lib.rs", "fn main() {}\n")];
//! let pull = repo.open_pull(NewPull::new("feature", "Add a main", changes)).await?;
//! repo.fail_job(&pull, "test", "error[E0601]: `main` function not found\n");
//!
//! // Here the client is at work, at `github.url()`. This one only says hello.
//! let before = github.mark();
//! let url = format!("{}/repos/acme/app/issues/{}/comments", github.url(), pull.number);
//! let comment = serde_json::json!({"body": "It is red."});
//! let client = reqwest::Client::builder().no_proxy().build()?;
//! client.post(url).bearer_auth(token).json(&comment).send().await?;
//!
//! let done: Vec<WriteKind> = github.writes_since(before).iter().map(|deed| deed.kind).collect();
//! assert_eq!(done, [WriteKind::Comment]);
//! assert_eq!(repo.comments(pull.number), ["It is red."]);
//! # Ok(())
//! # }
//! ```

pub mod github;
pub mod project;
