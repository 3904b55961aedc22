//! GitHub's responses, as far as Greenline reads them.
//!
//! - A field that the published description allows to be null or missing never fails a parse: it is
//!   `None`, empty, or its type's default.
//! - An unknown word of a list is kept as `Other`.
//! - Only a thing's identity is required: a check run without an id is an error.
//!
//! Fields that Greenline does not read are left out and ignored.

mod branches;
mod checks;
mod comments;
mod enums;
mod hooks;
mod pulls;
mod repositories;
mod runs;
mod tolerant;

pub use branches::{Commit, Comparison, FileChange, Listed, Person, Protection, RequiredCheck};
pub use checks::{
    AnnotationLevel, CheckApp, CheckOutput, CheckRun, CheckRunAnnotation, CheckRunDraft,
    CheckSuite, CommitStatus, SuiteRef,
};
pub use comments::{Issue, IssueComment, Reaction};
pub use enums::{
    Association, CompareState, Conclusion, FileState, MergeState, Permission, Progress, PullState,
    StatusState, UserKind,
};
pub use hooks::{Hook, HookConfig, HookDelivery, Installation};
pub use pulls::{Head, IssueLabel, MergeMethod, PullRef, PullRequest};
pub use repositories::{GitHubUser, RepoPermissions, RepoRef, Repository};
pub use runs::{JobStep, WorkflowJob, WorkflowRun};

pub(crate) use repositories::CollaboratorRole;
pub(crate) use tolerant::{list, or_default, or_none};
