//! SARIF 2.1.0: written for Greenline's own problems, checked and repaired for any tool's.
//!
//! GitHub's code scanning is the reference. It refuses a whole upload for one result without a
//! location, and shows only a part of a file that exceeds its [`limits`]: see [`check`], and
//! [`repair`] for errors that can be fixed automatically.
//!
//! The complete JSON schema is not checked: only the parts that files often get wrong, and rules
//! beyond the schema.

mod check;
mod json_location;
pub mod limits;
mod problem;
mod repair;
#[cfg(test)]
mod test_noise;
mod weight;
mod write;

pub use check::{check, missing};
pub use problem::{SarifProblem, SarifProblemKind, SarifSeverity};
pub use repair::{RepairedSarif, empty, repair};
pub use weight::weight;
pub use write::{Sarif, category, sarif};
