//! A name for a failure that is the same on other runs.

use sha2::{Digest, Sha256};

use crate::contract::Category;
use crate::finding::Finding;

/// The signature of a failure.
pub(super) fn signature(chosen: &Finding, category: Category) -> String {
    let mut hash = Sha256::new();
    hash.update(category.as_str());
    hash.update(&chosen.message);
    let digest = hash.finalize();
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
