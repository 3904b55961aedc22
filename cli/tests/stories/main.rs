//! The real program, a real Redis, and what people type.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of a test fail it as the test would"
)]

mod changing;
mod daemons;
mod demo;
mod diagnosing;
mod doctor;
mod enqueueing;
mod grounds;
mod looking;
mod manners;
mod remembering;
mod reproducing;
mod snapshots;
mod terminal;
mod up;
