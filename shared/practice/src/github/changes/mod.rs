//! What can happen in a repository, whoever makes it happen: an API call, a push, or a script.
//! Each change keeps the state whole and tells those who listen.

pub(crate) mod checks;
pub(crate) mod heads;
pub(crate) mod merging;
pub(crate) mod runs;
pub(crate) mod threads;
