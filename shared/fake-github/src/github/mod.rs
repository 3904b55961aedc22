//! A GitHub that keeps state, for tests and for the demo.
//!
//! It answers REST, GraphQL and git over HTTP on a loopback port, and hands out logs on another.
//! Repositories are real git repositories; checks, comments, tokens, limits and webhooks follow
//! GitHub's rules as far as Greenline meets them. What it does not know it answers with 404, or
//! in GraphQL with an undefined field, so that nobody builds on something that is not there.
//!
//! A test scripts it ([`GitHub::repo`], [`RepoHandle::open_pull`], [`RepoHandle::fail_job`]), makes
//! it misbehave ([`GitHub::add_fault`]), and asks what was done to it ([`GitHub::writes_since`]) and
//! what it was asked ([`GitHub::calls`]).
//!
//! It leaves out on purpose: teams, milestones, reviews, releases, organisations' rules, and
//! rebasing merges, which it carries out as squashes.

mod access;
mod changes;
mod fake_server;
mod faults;
mod git;
mod graphql;
mod journal;
mod limits;
mod logs;
mod middleware;
mod render;
mod response;
mod rest;
mod scenario_api;
mod server;
mod state;
mod webhooks;
mod writes;

pub use access::{AccessLevel, AppPermission, AppPermissions, RepoRole, everything};
pub use faults::{ApiFault, FaultRule, WebhookFault};
pub use git::{GitChange, GitError};
pub use journal::{CallAuthor, RecordedCall};
pub use limits::RateBudget;
pub use logs::LogRequest;
pub use scenario_api::{AppHandle, NewCheck, NewPull, PullHandle, RepoHandle, RunHandle};
pub use server::{GitHub, Setup, StartError};
pub use webhooks::{RecordedDelivery, sign};
pub use writes::{JournalMark, RecordedWrite, WriteKind};

/// The id of the App behind workflow runs, the same as GitHub's own.
pub const ACTIONS_APP: u64 = 15_368;

/// The private key of every fake App. It opens nothing but this.
pub const APP_PRIVATE_KEY: &str = include_str!("fake-app.pem");

/// The protection rules of a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProtectionRules {
    /// The checks that have to be green.
    pub required_checks: Vec<String>,
    pub required_reviews: u64,
}

/// The end of a job, and its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// It went well.
    Success(String),
    /// It did not.
    Failure(String),
    /// It took too long.
    TimedOut(String),
    /// Someone stopped it.
    Cancelled,
}

impl JobEnd {
    fn conclusion(&self) -> &'static str {
        match self {
            Self::Success(_) => "success",
            Self::Failure(_) => "failure",
            // What GitHub says of a job that ran over its time.
            Self::TimedOut(_) | Self::Cancelled => "cancelled",
        }
    }

    fn log(&self) -> &str {
        match self {
            Self::Success(log) | Self::Failure(log) | Self::TimedOut(log) => log,
            Self::Cancelled => "##[error]The operation was canceled.\n",
        }
    }
}
