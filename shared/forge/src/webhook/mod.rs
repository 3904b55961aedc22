//! Webhooks: signature check and event parsing. Receiving them is not done here.

mod event;
mod signature;

pub use event::{
    BranchRef, Changes, CheckRunEvent, CheckSuiteEvent, Event, InstallationEvent, InstallationRef,
    InstallationRepositoriesEvent, IssueCommentEvent, PullRequestEvent, PushEvent, RepositoryEvent,
    StatusEvent, WorkflowJobEvent, WorkflowRunEvent,
};
pub use signature::{Secrets, Signature, SignatureError};
