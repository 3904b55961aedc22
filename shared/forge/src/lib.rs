//! The client of GitHub: the calls that Greenline makes, without the reasons for them.
//!
//! A [`Forge`] is a cheap handle on one GitHub: github.com or an Enterprise Server; as an app, with
//! a token, or anonymous. Every method names its endpoint.
//!
//! - This is the only crate that lists `octocrab`, which carries the requests.
//! - A [`ForgeError`] states what the caller can do: wait until a time, grant a permission, look
//!   again, give up.
//! - A repeatable call is retried after a failure on the network. A POST is not: the caller looks
//!   up whether it took effect. A call that a limit refused is retried when the limit ends, if that
//!   is soon.
//! - Credentials go to the API's own address and nowhere else: not to the host of a log, not to a
//!   `Link` that points elsewhere.
//! - Responses are bounded in size and time. [`model`] describes how tolerantly they are parsed.
//! - Webhooks are not received here: [`webhook`] checks signatures and parses events.
//!
//! The only state is tokens, limits and the ETag cache.
//!
//! # Example
//!
//! ```no_run
//! use greenline_forge::{GitHubCredentials, Forge, ForgeConfig, RepoName};
//! use greenline_runtime::clock::Clock;
//!
//! # async fn example(token: String) -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = GitHubCredentials::Token(token.into());
//! let forge = Forge::new(ForgeConfig::new(credentials, Clock::system()))?;
//! let repo: RepoName = "acme/app".parse()?;
//! let page = forge.sweep_pulls(&repo, None).await?;
//! for pull in &page.pulls {
//!     let red = pull.head.checks.iter().filter(|check| check.is_red()).count();
//!     println!("#{} {}: {red} red", pull.number, pull.title);
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod api;
mod cache;
mod call;
mod client;
mod config;
mod error;
mod forge;
mod graphql;
mod jwt;
mod log;
pub mod model;
mod names;
mod paging;
mod rate_limit;
mod response;
mod retry;
mod single_flight;
mod time;
mod tokens;
mod transport;
pub mod webhook;

pub use api::{FileEdit, Merged, NewCommit, Sweep, SweptCheck, SweptHead, SweptPull};
pub use config::{ApiBase, ForgeConfig, GitHubCredentials, PauseMode, RetryLimits};
pub use error::{ForgeError, Purpose, RateLimitKind};
pub use forge::Forge;
pub use jwt::AppKey;
pub use log::LogStream;
pub use names::{
    CheckRunId, CheckSuiteId, CommentId, DeliveryId, GitHubNameError, HookId, InstallationId,
    JobId, PullNumber, RepoId, RepoName, RunId, Sha, StatusId, UserId,
};
pub use rate_limit::{RateLimitReading, describe_metrics};
pub use time::Timestamp;
