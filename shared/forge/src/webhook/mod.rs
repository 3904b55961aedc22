//! Webhooks: whether one is from GitHub, and what it says. Nothing is received or answered here.

mod event;
mod signature;

pub use event::{
    BranchRef, Changes, CheckRunEvent, CheckSuiteEvent, Event, InstallationEvent, InstallationRef,
    InstallationRepositoriesEvent, IssueCommentEvent, PullRequestEvent, PushEvent, RepositoryEvent,
    StatusEvent, WorkflowJobEvent, WorkflowRunEvent,
};
pub use signature::{Secrets, Signature, SignatureError};
