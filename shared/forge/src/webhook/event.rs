//! What webhooks say, as far as Greenline reads it.
//!
//! An event that nobody reads is [`Event::Other`], and so is an action that is not known: it is
//! kept as text. Only a body that is no JSON, or lacks what names its thing, is an error.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::{
    CheckRun, CheckSuite, Comment, CommitStatus, Issue, Job, PullRequest, RepoRef, Repository, Run,
    StatusState, User, list, or_default, or_none,
};
use crate::names::{InstallationId, Sha, StatusId};
use crate::time::Moment;

/// A webhook, by its `X-GitHub-Event`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `check_run`
    CheckRun(Box<CheckRunEvent>),
    /// `check_suite`
    CheckSuite(Box<CheckSuiteEvent>),
    /// `workflow_job`
    WorkflowJob(Box<WorkflowJobEvent>),
    /// `workflow_run`
    WorkflowRun(Box<WorkflowRunEvent>),
    /// `status`
    Status(Box<StatusEvent>),
    /// `pull_request`
    PullRequest(Box<PullRequestEvent>),
    /// `issue_comment`
    IssueComment(Box<IssueCommentEvent>),
    /// `push`
    Push(Box<PushEvent>),
    /// `installation`
    Installation(Box<InstallationEvent>),
    /// `installation_repositories`
    InstallationRepositories(Box<InstallationRepositoriesEvent>),
    /// `repository`
    Repository(Box<RepositoryEvent>),
    /// `ping`: the webhook works.
    Ping,
    /// Any other.
    Other(String),
}

impl Event {
    /// Reads a body whose signature was checked; `name` is `X-GitHub-Event`.
    ///
    /// # Errors
    ///
    /// When the body of an event that we read is no JSON, or names nothing. The text says where.
    pub fn read(name: &str, body: &[u8]) -> Result<Self, String> {
        Ok(match name {
            "check_run" => Self::CheckRun(parse(body)?),
            "check_suite" => Self::CheckSuite(parse(body)?),
            "workflow_job" => Self::WorkflowJob(parse(body)?),
            "workflow_run" => Self::WorkflowRun(parse(body)?),
            "status" => Self::Status(parse(body)?),
            "pull_request" => Self::PullRequest(parse(body)?),
            "issue_comment" => Self::IssueComment(parse(body)?),
            "push" => Self::Push(parse(body)?),
            "installation" => Self::Installation(parse(body)?),
            "installation_repositories" => Self::InstallationRepositories(parse(body)?),
            "repository" => Self::Repository(parse(body)?),
            "ping" => Self::Ping,
            other => Self::Other(other.chars().take(100).collect()),
        })
    }

    /// The repository that it is about, if it is about one.
    #[must_use]
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::CheckRun(event) => Some(&event.repository),
            Self::CheckSuite(event) => Some(&event.repository),
            Self::WorkflowJob(event) => Some(&event.repository),
            Self::WorkflowRun(event) => Some(&event.repository),
            Self::Status(event) => Some(&event.repository),
            Self::PullRequest(event) => Some(&event.repository),
            Self::IssueComment(event) => Some(&event.repository),
            Self::Push(event) => Some(&event.repository),
            Self::Repository(event) => Some(&event.repository),
            Self::Installation(_) | Self::InstallationRepositories(_) => None,
            Self::Ping | Self::Other(_) => None,
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<Box<T>, String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut reader)
        .map(Box::new)
        .map_err(|error| format!("{}: {}", error.path(), error.inner()))
}

/// An event with its action, its repository, its sender and its installation.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        pub struct $name {
            /// What happened, in GitHub's word; empty where the event has no actions.
            #[serde(default, deserialize_with = "or_default")]
            pub action: String,
            $($(#[$attribute])* pub $field: $type,)*
            /// The repository.
            pub repository: Repository,
            /// Who did it.
            #[serde(default, deserialize_with = "or_default")]
            pub sender: User,
            /// The app's installation, where the webhook is an app's.
            #[serde(default, deserialize_with = "or_none")]
            pub installation: Option<InstallationRef>,
        }
    )+};
}

/// An installation, as an event mentions it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationRef {
    /// Its id.
    pub id: InstallationId,
    /// Its account, where it is said.
    #[serde(default, deserialize_with = "or_none")]
    pub account: Option<User>,
}

events! {
    /// A check run was made, ended, or should run again.
    CheckRunEvent {
        /// The check run.
        check_run: CheckRun,
    }

    /// A suite ended, or should run (again).
    CheckSuiteEvent {
        /// The suite.
        check_suite: CheckSuite,
    }

    /// A job is queued, runs, or ended.
    WorkflowJobEvent {
        /// The job.
        workflow_job: Job,
    }

    /// A run is asked for, runs, or ended.
    WorkflowRunEvent {
        /// The run.
        workflow_run: Run,
    }

    /// A pull request was opened, changed, closed.
    PullRequestEvent {
        /// The pull request.
        pull_request: PullRequest,
        /// Where its head was before, for `synchronize`.
        #[serde(default, deserialize_with = "or_none")]
        before: Option<Sha>,
    }

    /// A comment was written, changed or deleted.
    IssueCommentEvent {
        /// The comment.
        comment: Comment,
        /// What it is on.
        issue: Issue,
    }

    /// A branch or tag was pushed.
    PushEvent {
        /// It, as `refs/heads/main`.
        #[serde(rename = "ref", default, deserialize_with = "or_default")]
        reference: String,
        /// Where it was; all zeros if it is new.
        #[serde(default, deserialize_with = "or_none")]
        before: Option<Sha>,
        /// Where it is; all zeros if it is gone.
        #[serde(default, deserialize_with = "or_none")]
        after: Option<Sha>,
        /// Whether what was there is no longer part of it.
        #[serde(default, deserialize_with = "or_default")]
        forced: bool,
        /// Whether it is gone.
        #[serde(default, deserialize_with = "or_default")]
        deleted: bool,
    }

    /// A repository was made, renamed, archived, made private, deleted.
    RepositoryEvent {
        /// What it was before, for `renamed` and others.
        #[serde(default, deserialize_with = "or_default")]
        changes: Changes,
    }

    /// A commit status was set.
    StatusEvent {
        /// The status's id.
        #[serde(default, deserialize_with = "or_none")]
        id: Option<StatusId>,
        /// The commit.
        sha: Sha,
        /// What it says.
        #[serde(default, deserialize_with = "or_default")]
        state: StatusState,
        /// What it is about.
        #[serde(default, deserialize_with = "or_default")]
        context: String,
        /// One line.
        #[serde(default, deserialize_with = "or_default")]
        description: String,
        /// Where more is to be seen.
        #[serde(default, deserialize_with = "or_default")]
        target_url: String,
        /// The branches whose head this commit is; at most ten.
        #[serde(default, deserialize_with = "list")]
        branches: Vec<BranchRef>,
        /// When it was set.
        #[serde(default, deserialize_with = "or_none")]
        created_at: Option<Moment>,
        /// When it last changed.
        #[serde(default, deserialize_with = "or_none")]
        updated_at: Option<Moment>,
    }
}

impl PushEvent {
    /// The branch, if it is one.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }
}

impl StatusEvent {
    /// The status itself, as lists have it.
    #[must_use]
    pub fn status(&self) -> CommitStatus {
        CommitStatus {
            id: self.id,
            state: self.state.clone(),
            context: self.context.clone(),
            description: self.description.clone(),
            target_url: self.target_url.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            creator: Some(self.sender.clone()),
        }
    }
}

/// A branch, as a status mentions it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BranchRef {
    /// The branch.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

/// What a repository was before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Changes {
    /// Its names.
    #[serde(default, deserialize_with = "or_default")]
    repository: NameChange,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct NameChange {
    #[serde(default, deserialize_with = "or_default")]
    name: Before,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Before {
    #[serde(default, deserialize_with = "or_none")]
    from: Option<String>,
}

impl Changes {
    /// The name within the account that it had before.
    #[must_use]
    pub fn former_name(&self) -> Option<&str> {
        self.repository.name.from.as_deref()
    }
}

/// The app was installed, removed, suspended, given other permissions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationEvent {
    /// What happened, in GitHub's word.
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    /// The installation.
    pub installation: InstallationRef,
    /// What it sees now, for `created`.
    #[serde(default, deserialize_with = "list")]
    pub repositories: Vec<RepoRef>,
}

/// Repositories were added to an installation, or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationRepositoriesEvent {
    /// `added` or `removed`.
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    /// The installation.
    pub installation: InstallationRef,
    /// What it sees now in addition.
    #[serde(default, deserialize_with = "list")]
    pub repositories_added: Vec<RepoRef>,
    /// What it sees no longer.
    #[serde(default, deserialize_with = "list")]
    pub repositories_removed: Vec<RepoRef>,
}
