//! The calls to GitHub, one module per subject. Every method names its endpoint.

mod actions;
mod checks;
mod comments;
mod commits;
mod committing;
mod contents;
mod hooks;
mod merging;
mod pulls;
mod repositories;
mod sweep;

pub use committing::{FileEdit, NewCommit};
pub use merging::Merged;
pub use sweep::{Sweep, SweptCheck, SweptHead, SweptPull};
