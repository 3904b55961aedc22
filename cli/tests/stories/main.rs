//! The real program, a real Redis, and what people type.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of a test fail it as the test would"
)]

mod changing;
mod daemons;
mod diagnosing;
mod doctor;
mod enqueueing;
mod looking;
mod manners;
mod remembering;
mod terminal;
mod up;
