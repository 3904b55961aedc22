//! SARIF 2.1.0: written for our own problems, checked and mended for everybody's.
//!
//! What counts is what GitHub's code scanning makes of a file. It refuses a whole upload for one
//! result without a place, and shows only a part of what is over its [`limits`]: see [`check`],
//! and [`repair`] for what can be mended without asking anybody.
//!
//! Left out on purpose: the whole JSON schema. What is checked here are the parts of it that files
//! get wrong, and what the schema does not say.

mod check;
mod complaint;
pub mod limits;
#[cfg(test)]
mod noise;
mod repair;
mod weight;
mod whereabouts;
mod write;

pub use check::{check, missing};
pub use complaint::{Complaint, Kind, Weight};
pub use repair::{Repaired, empty, repair};
pub use weight::weight;
pub use write::{Sarif, category, sarif};
