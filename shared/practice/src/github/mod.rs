//! A GitHub that keeps state, for tests and for the demo.
//!
//! It answers REST, GraphQL and git over HTTP on a loopback port, and hands out logs on another.
//! Repositories are real git repositories; checks, comments, tokens, limits and webhooks follow
//! GitHub's rules as far as Greenline meets them. What it does not know it answers with 404, or
//! in GraphQL with an undefined field, so that nobody builds on something that is not there.
//!
//! A test scripts it ([`GitHub::repo`], [`RepoHandle::open_pull`], [`RepoHandle::fail_job`]), makes
//! it misbehave ([`GitHub::misbehave`]), and asks what was done to it ([`GitHub::deeds_since`]) and
//! what it was asked ([`GitHub::calls`]).
//!
//! It leaves out on purpose: teams, milestones, reviews, releases, organisations' rules, and
//! rebasing merges, which it carries out as squashes.

mod access;
mod answer;
mod changes;
mod deeds;
mod front;
mod git;
mod graphql;
mod journal;
mod limits;
mod logs;
mod misbehave;
mod render;
mod rest;
mod script;
mod server;
mod state;
mod webhooks;
mod world;

pub use access::{Access, Permission, Permissions, Role, everything};
pub use deeds::{Deed, DeedKind, Mark};
pub use git::{Change, GitError};
pub use journal::{Call, Who};
pub use limits::Budget;
pub use logs::LogRequest;
pub use misbehave::{HookTrouble, Misbehaviour, Trouble};
pub use script::{AppHandle, NewCheck, NewPull, PullHandle, RepoHandle, RunHandle};
pub use server::{GitHub, Setup, StartError};
pub use webhooks::{Delivery, sign};

/// The id of the App behind workflow runs, the same as GitHub's own.
pub const ACTIONS_APP: u64 = 15_368;

/// The private key of every practice App. It opens nothing but this.
pub const PRIVATE_KEY: &str = include_str!("practice-app.pem");

/// The protection rules of a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protection {
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
