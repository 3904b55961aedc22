//! Any bytes as greenline.toml: `cargo fuzz run settings`.

#![no_main]

use std::num::NonZeroUsize;

use greenline_runtime::ProcessRole;
use greenline_runtime::settings::{SettingFlags, SettingSources, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("greenline.toml"), bytes).expect("a file");
    let _either = load(&SettingSources {
        role: ProcessRole::Up,
        flags: SettingFlags::none(),
        environment: Default::default(),
        directory: directory.path().to_owned(),
        cores: NonZeroUsize::MIN,
        user: 1000,
    });
});
