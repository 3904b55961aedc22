//! Any bytes, in any pieces, through everything: `cargo fuzz run diagnose` (nightly, or
//! `RUSTC_BOOTSTRAP=1`). What must hold of a diagnosis is written in `../../tests/invariants/mod.rs`.

#![no_main]

#[path = "../../tests/holds/mod.rs"]
mod invariants;

use libfuzzer_sys::fuzz_target;

// The first bytes say where the pieces end.
fuzz_target!(|bytes: &[u8]| {
    let (cuts, log) = bytes.split_at(bytes.len().min(4));
    invariants::whatever_is_read(log, cuts);
});
