//! Any bytes as a zip: `cargo fuzz run archive`.

#![no_main]

use std::io::Cursor;

use greenline_diagnosis::archive::Archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut archive) = Archive::open(Cursor::new(bytes)) else { return };
    for job in archive.jobs().to_vec() {
        if let Ok(reader) = archive.read(&job) {
            drop(reader.finish());
        }
    }
});
