//! The client of GitHub: what Greenline asks of it and does there, and nothing of why.
//!
//! A [`Forge`] is a cheap handle on one GitHub: github.com or an Enterprise Server; as an app,
//! with a token, or as nobody. Every method says which endpoint it calls.
//!
//! - This is the only crate that lists `octocrab`, which carries the requests.
//! - A [`ForgeError`] says what the caller can do: wait until when, grant which permission, look
//!   again, give up.
//! - What may be done twice is tried again when it fails on the way. A POST is not: whether it
//!   took effect is for the caller to look up. What a limit refused is tried again when the limit
//!   ends, if that is soon.
//! - Credentials go to the API's own address and nowhere else: not to the host of a log, not to
//!   a `Link` that points elsewhere.
//! - Answers are read up to a bound, in bounded time. [`model`] says how tolerantly.
//! - No webhook is answered here: [`webhook`] checks signatures and reads events.
//!
//! There is no memory here beyond tokens, limits and answers kept for their ETag.
//!
//! # Example
//!
//! ```no_run
//! use greenline_forge::{Credentials, Forge, ForgeConfig, RepoName};
//! use greenline_runtime::clock::Clock;
//!
//! # async fn example(token: String) -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::Token(token.into());
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
mod answer;
mod api;
mod cache;
mod call;
mod config;
mod core;
mod error;
mod flight;
mod forge;
mod graphql;
mod jwt;
mod log;
mod meter;
pub mod model;
mod names;
mod paging;
mod retry;
mod time;
mod tokens;
mod transport;
pub mod webhook;

pub use api::{FileEdit, Merged, NewCommit, Sweep, SweptCheck, SweptHead, SweptPull};
pub use config::{ApiBase, Credentials, ForgeConfig, Patience, Pause};
pub use error::{ForgeError, Limit, Purpose};
pub use forge::Forge;
pub use jwt::AppKey;
pub use log::LogStream;
pub use meter::{Reading, describe_metrics};
pub use names::{
    CheckRunId, CheckSuiteId, CommentId, DeliveryId, HookId, InstallationId, JobId, NameError,
    PullNumber, RepoId, RepoName, RunId, Sha, StatusId, UserId,
};
pub use time::Moment;
