//! What GitHub answers, as far as Greenline reads it.
//!
//! - A field that the published description lets be null or missing never fails a parse: it is
//!   `None`, empty, or its type's default.
//! - A word that is not known yet is kept, as `Other`.
//! - Only what names a thing is asked for: without its id a check run is none.
//!
//! Fields that nobody reads are left out, and ignored when they come.

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
