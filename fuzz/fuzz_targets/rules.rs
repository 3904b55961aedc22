//! Any text as rules: `cargo fuzz run rules`.

#![no_main]

use greenline_diagnosis::RuleSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _either = RuleSet::parse(text, "fuzzed");
});
