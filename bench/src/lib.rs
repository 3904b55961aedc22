//! The benchmark.

mod clock;
pub mod worker;
