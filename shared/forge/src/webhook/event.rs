//! Webhook events, as far as Greenline reads them.
//!
//! An unknown event is [`WebhookEvent::Other`], and an unknown action is kept as text. Only a body that is
//! not JSON, or lacks the identity of its subject, is an error.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::{
    CheckRun, CheckSuite, CommitStatus, GitHubUser, Issue, IssueComment, PullRequest, RepoRef,
    Repository, StatusState, WorkflowJob, WorkflowRun, list, or_default, or_none,
};
use crate::names::{InstallationId, Sha, StatusId};
use crate::time::Timestamp;

/// A webhook by its `X-GitHub-Event`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookEvent {
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
    /// `ping`: the webhook is set up.
    Ping,
    /// Any other event.
    Other(String),
}

impl WebhookEvent {
    /// Parses a body whose signature was checked; `name` is `X-GitHub-Event`.
    ///
    /// # Errors
    ///
    /// When the body of a known event is not JSON, or lacks an identity. The text names the place.
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

    /// Returns the event's repository, if it has one.
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

/// Defines an event with its action, repository, sender and installation.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        pub struct $name {
            /// GitHub's word for the action; empty for an event without actions.
            #[serde(default, deserialize_with = "or_default")]
            pub action: String,
            $($(#[$attribute])* pub $field: $type,)*
            /// The repository of the event.
            pub repository: Repository,
            /// The account that caused the event.
            #[serde(default, deserialize_with = "or_default")]
            pub sender: GitHubUser,
            /// The app's installation, for an app's webhook.
            #[serde(default, deserialize_with = "or_none")]
            pub installation: Option<InstallationRef>,
        }
    )+};
}

/// An installation, as an event refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationRef {
    pub id: InstallationId,
    /// The account, if GitHub reports it.
    #[serde(default, deserialize_with = "or_none")]
    pub account: Option<GitHubUser>,
}

events! {
    /// A check run was created, completed, or requested again.
    CheckRunEvent {
        /// The check run.
        check_run: CheckRun,
    }

    /// A suite completed, or was requested.
    CheckSuiteEvent {
        /// The suite.
        check_suite: CheckSuite,
    }

    /// A job was queued, started, or completed.
    WorkflowJobEvent {
        /// The job.
        workflow_job: WorkflowJob,
    }

    /// A run was requested, started, or completed.
    WorkflowRunEvent {
        /// The run.
        workflow_run: WorkflowRun,
    }

    /// A pull request was opened, changed, or closed.
    PullRequestEvent {
        /// The pull request.
        pull_request: PullRequest,
        /// The previous head, for `synchronize`.
        #[serde(default, deserialize_with = "or_none")]
        before: Option<Sha>,
    }

    /// A comment was written, changed or deleted.
    IssueCommentEvent {
        /// The comment.
        comment: IssueComment,
        /// The issue or pull request of the comment.
        issue: Issue,
    }

    /// A branch or tag was pushed.
    PushEvent {
        /// The reference, such as `refs/heads/main`.
        #[serde(rename = "ref", default, deserialize_with = "or_default")]
        reference: String,
        /// The previous commit; all zeros for a new reference.
        #[serde(default, deserialize_with = "or_none")]
        before: Option<Sha>,
        /// The new commit; all zeros for a deleted reference.
        #[serde(default, deserialize_with = "or_none")]
        after: Option<Sha>,
        /// A force push dropped commits.
        #[serde(default, deserialize_with = "or_default")]
        forced: bool,
        /// The reference was deleted.
        #[serde(default, deserialize_with = "or_default")]
        deleted: bool,
    }

    /// A repository was created, renamed, archived, made private, or deleted.
    RepositoryEvent {
        /// The values before the change, for `renamed` and others.
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
        /// The state of the status.
        #[serde(default, deserialize_with = "or_default")]
        state: StatusState,
        /// The name of the status.
        #[serde(default, deserialize_with = "or_default")]
        context: String,
        /// A description in one line.
        #[serde(default, deserialize_with = "or_default")]
        description: String,
        /// The page that the status links to.
        #[serde(default, deserialize_with = "or_default")]
        target_url: String,
        /// The branches whose head is this commit; at most ten.
        #[serde(default, deserialize_with = "list")]
        branches: Vec<BranchRef>,
        /// The time of its creation.
        #[serde(default, deserialize_with = "or_none")]
        created_at: Option<Timestamp>,
        /// The time of its last change.
        #[serde(default, deserialize_with = "or_none")]
        updated_at: Option<Timestamp>,
    }
}

impl PushEvent {
    /// Returns the branch, or `None` for a tag.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }
}

impl StatusEvent {
    /// Returns the status in the form that lists use.
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

/// A branch, as a status refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BranchRef {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

/// The former values of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Changes {
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
    /// Returns the former name within the account.
    #[must_use]
    pub fn former_name(&self) -> Option<&str> {
        self.repository.name.from.as_deref()
    }
}

/// The app was installed, removed or suspended, or its permissions changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationEvent {
    /// GitHub's word for the action.
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    pub installation: InstallationRef,
    /// The visible repositories, for `created`.
    #[serde(default, deserialize_with = "list")]
    pub repositories: Vec<RepoRef>,
}

/// Repositories were added to an installation or removed from it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationRepositoriesEvent {
    /// `added` or `removed`.
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    pub installation: InstallationRef,
    #[serde(default, deserialize_with = "list")]
    pub repositories_added: Vec<RepoRef>,
    #[serde(default, deserialize_with = "list")]
    pub repositories_removed: Vec<RepoRef>,
}
