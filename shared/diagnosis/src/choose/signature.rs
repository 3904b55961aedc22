//! A name for a failure that is the same on other runs.
//!
//! - What differs between runs of the same failure is taken out: numbers, times, addresses, hashes,
//!   random names, and the directories before a file's name.
//! - A message that many failures share (`assert False`, `exit code 1`) never stands alone: the test,
//!   the file or the step's command stands beside it.
//! - Everything at the chosen level counts, in no order: tests run in parallel fail in any order, and
//!   a run on which one more test fails is not the same failure.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::contract::Category;
use crate::template;

use super::ranking::Ranked;

/// The signature of the chosen findings; `step` is the heading of the step that failed.
pub(super) fn signature(chosen: &[Ranked<'_>], category: Category, step: &str) -> String {
    let causes: BTreeSet<String> = chosen.iter().map(|one| key(one, step)).collect();
    let mut hash = Sha256::new();
    hash.update(category.as_str());
    for cause in causes {
        hash.update([0]);
        hash.update(cause);
    }
    hash.finalize()[..10].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One finding without what differs between runs.
fn key(one: &Ranked<'_>, step: &str) -> String {
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
