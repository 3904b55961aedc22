//! Changes in a repository, by an API call, a push or a script. Each keeps the state consistent and
//! sends its webhooks.

pub(crate) mod checks;
pub(crate) mod merging;
pub(crate) mod refs;
pub(crate) mod runs;
pub(crate) mod threads;
