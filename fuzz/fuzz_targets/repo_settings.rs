//! Any text as a repository's `.greenline.toml`: `cargo fuzz run repo_settings`.

#![no_main]

use greenline_lead::repo_settings::RepoSettings;
use greenline_lead::repo_settings::guess::ProjectFiles;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _either = RepoSettings::parse(text);
    ProjectFiles::default().add_workflow(".github/workflows/ci.yml", text);
});
