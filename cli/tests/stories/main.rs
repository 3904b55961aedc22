//! The real program, a real Redis, and what people type.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of a test fail it as the test would"
)]

mod conventions;
mod daemons;
mod demo;
mod diagnosing;
mod doctor;
mod enqueueing;
mod history;
mod inspecting;
mod kernel_limits;
mod operating;
mod reproducing;
mod snapshots;
mod terminal;
mod up;
