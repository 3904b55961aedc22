//! Any text as a comment: `cargo fuzz run comment`.

#![no_main]

use greenline_lead::commands::{MOST_WORDS, words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    assert!(words(text).len() <= MOST_WORDS);
});
