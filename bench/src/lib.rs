//! The benchmark: the queue's throughput on this machine, and its Redis's limit.
//!
//! Producers run in this process, workers in separate processes. Redis is started for the run, or
//! given by the caller, to stand beside peers on the same server. The contract is complete: locks,
//! leases, fences, events, outbox. Removing a part measures its cost.
//!
//! Figures of one run belong together. The machine may be shared, so compare medians and ratios,
//! and nothing across runs.

mod baseline;
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

pub use contract::ContractPart;
pub use report::BenchReport;
pub use run::{BenchOptions, run};
