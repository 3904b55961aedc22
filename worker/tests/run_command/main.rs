//! Running commands for real: shells, signals, orphans, limits.
//!
//! Every run goes through [`bed::Bed`], which fails the test if any process of it is left.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod ending;
mod isolation;
mod limits;
mod output;
mod sequence;
mod setup;
