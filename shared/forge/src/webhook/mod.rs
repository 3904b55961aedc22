//! Webhooks: signature check and event parsing. Receiving them is not done here.

mod event;
mod signature;

pub use event::{
    BranchRef, Changes, CheckRunEvent, CheckSuiteEvent, InstallationEvent, InstallationRef,
    InstallationRepositoriesEvent, IssueCommentEvent, PullRequestEvent, PushEvent, RepositoryEvent,
    StatusEvent, WebhookEvent, WorkflowJobEvent, WorkflowRunEvent,
};
pub use signature::{Signature, SignatureError, WebhookSecrets};
