//! Signatures: names for failures that stay the same on other runs.
//!
//! - Parts that differ between runs of the same failure are removed: numbers, times, addresses,
//!   hashes, random names, and the directories before a file's name.
//! - A message that many failures share (`assert False`, `exit code 1`) is combined with the test,
//!   the file or the step's command.
//! - All findings at the chosen level count, in any order: parallel tests fail in any order, and a
//!   run with one more failed test is another failure.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::contract::Category;
use crate::template;

use super::ranking::RankedFinding;

/// Returns the signature of the chosen findings. `step` is the heading of the failed step.
pub(super) fn signature(chosen: &[RankedFinding<'_>], category: Category, step: &str) -> String {
    let causes: BTreeSet<String> = chosen.iter().map(|one| key(one, step)).collect();
    let mut hash = Sha256::new();
    hash.update(category.as_str());
    for cause in causes {
        hash.update([0]);
        hash.update(cause);
    }
    hash.finalize()[..10].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a finding without the parts that differ between runs.
fn key(one: &RankedFinding<'_>, step: &str) -> String {
    let finding = one.finding;
    let mut key = format!("{}\n{}", finding.tool, template::of(&finding.message));
    let mut places = 0;
    for test in &finding.tests {
        key.push_str(&format!("\n{}", template::of(&test.name)));
        places += 1;
    }
    if let Some(location) = &finding.location {
        key.push_str(&format!("\n{}", template::of(&location.file)));
        places += 1;
    }
    if places == 0 {
        key.push_str(&format!("\n{}", template::of(step)));
    }
    key
}
