//! What every Greenline process needs, and nothing about what it does.

pub mod clock;
pub mod say;
pub mod stopping;

mod role;

pub use role::Role;
