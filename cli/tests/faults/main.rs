//! What may go wrong while people work, done to real processes and a real Redis.
//!
//! Each story has a [`cluster::TestCluster`] of its own, and ends with the same oracle: every task has
//! ended in one state, each attempt was settled at most once, and nothing is left over.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it as the test would")]

mod broken_connections;
mod by_hand;
mod cluster;
mod dying_workers;
mod first_day;
mod idle_workers;
mod leads;
mod oracle;
mod redis_trouble;
