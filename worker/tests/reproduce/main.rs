//! Failures of CI, looked for again: real git over HTTP, a real Redis, a real worker and sandbox.

// The whole worker is one future.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails fails its test")]

mod checkout;
mod life;
mod setup;
mod stories;
