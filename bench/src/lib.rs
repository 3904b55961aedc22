//! The benchmark: what the queue does on this machine, and what its Redis could.
//!
//! Producers are in this process, workers are processes of their own, and Redis
//! is started for the run (or named by the caller, to stand beside peers on the
//! same server). The contract is kept whole: locks, leases, fences, events,
//! outbox. What each part of it costs is measured by leaving it out.
//!
//! Figures of one run belong together; the machine may be shared, so compare
//! medians and ratios, and nothing across runs.

mod clock;
mod contract;
mod drain;
mod pickup;
mod produce;
mod recovery;
mod report;
mod run;
mod server;
pub mod worker;
mod yardstick;

pub use contract::Part;
pub use report::Report;
pub use run::{BenchOptions, run};
