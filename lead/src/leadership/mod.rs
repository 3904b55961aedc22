//! Leadership: which lead may act outside, and until when this process may believe that it may.

pub(crate) mod election;
mod guard;
mod lease;

pub use guard::LeaderGuard;
pub(crate) use lease::LeaderLease;
pub use lease::LeaderStatus;
