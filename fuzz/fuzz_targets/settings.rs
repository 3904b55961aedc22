//! Any bytes as greenline.toml: `cargo fuzz run settings`.

#![no_main]

use std::num::NonZeroUsize;

use greenline_runtime::Role;
use greenline_runtime::settings::{Flags, Sources, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("greenline.toml"), bytes).expect("a file");
    let _either = load(&Sources {
        role: Role::Up,
        flags: Flags::none(),
        environment: Default::default(),
        directory: directory.path().to_owned(),
        cores: NonZeroUsize::MIN,
        user: 1000,
    });
});
