//! Every fixture's diagnosis: what its case expects, the same signature for both failures and for no
//! other, nothing found in the passing log, and what was recognised is what was reviewed.
//!
//! When a change here is meant, `cargo run -p greenline-diagnosis --example fixtures -- check` shows
//! the whole, and `-- mark` takes it down.

mod cases;

use std::collections::BTreeSet;

use cases::{Case, Report};

#[test]
fn every_case_is_diagnosed_as_it_expects() {
    let cases = Case::all(&[]).unwrap_or_else(|error| panic!("{error}"));
    let report = Report::of(&cases);
    assert!(report.is_clean(), "{report}");
    let ecosystems: BTreeSet<&str> = cases.iter().map(Case::ecosystem).collect();
    assert!(cases.len() >= 60 && ecosystems.len() >= 8, "{} cases of {ecosystems:?}", cases.len());
}
