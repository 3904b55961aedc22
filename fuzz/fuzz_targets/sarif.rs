//! Any bytes as SARIF: `cargo fuzz run sarif`.

#![no_main]

use greenline_diagnosis::sarif;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _complaints = sarif::check(bytes);
    let _repaired = sarif::repair(bytes);
});
