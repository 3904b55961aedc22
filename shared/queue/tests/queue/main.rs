//! The queue, proved at the level of its API against a real Redis.
//!
//! One file for each theme. A story is a function that takes the bed it is told
//! on; [`on_a_fresh_bed`] makes a test of it, and `mutants` tells the same story
//! on a bed whose scripts are broken on purpose, where it has to fail. Stories
//! move the bed's clock instead of waiting.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's panic is its result, and what it prints is read when it fails"
)]

/// Makes a test of each story: told on a bed of its own, with nothing broken.
macro_rules! on_a_fresh_bed {
    ($($story:ident)*) => {
        mod on_a_fresh_bed {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story(greenline_testbed::TestBed::new().await).await;
                }
            )*
        }
    };
}

mod access;
mod approvals;
mod bad_input;
mod broken_keys;
mod flow;
mod fuzzed;
mod keys;
mod leader;
mod leases;
mod life_cycle;
mod lost_calls;
mod model;
mod mutants;
mod names;
mod operator;
mod oracle;
mod outages;
mod parents;
mod recorded;
mod repair;
mod replicas;
mod retention;
mod tasks;
mod tls;
