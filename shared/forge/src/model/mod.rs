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
mod hooks;
mod pulls;
mod repositories;
mod runs;
mod tolerant;
mod words;

pub use branches::{Commit, Comparison, FileChange, Listed, Person, Protection, RequiredCheck};
pub use checks::{
    Annotation, AnnotationLevel, App, CheckOutput, CheckRun, CheckRunDraft, CheckSuite,
    CommitStatus, SuiteRef,
};
pub use comments::{Comment, Issue, Reaction};
pub use hooks::{Delivery, Hook, HookConfig, Installation};
pub use pulls::{Head, Label, MergeMethod, PullRef, PullRequest};
pub use repositories::{Access, RepoRef, Repository, User};
pub use runs::{Job, Run, Step};
pub use words::{
    Association, CompareState, Conclusion, FileState, MergeState, Permission, Progress, PullState,
    StatusState, UserKind,
};

pub(crate) use repositories::Role;
pub(crate) use tolerant::{list, or_default, or_none};
