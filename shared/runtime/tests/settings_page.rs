//! docs/settings.md says what the loader does.

use greenline_runtime::settings::reference;

#[test]
fn the_page_of_settings_is_current() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        written == reference(),
        "docs/settings.md is out of date; write it anew with:\n\
         cargo run -p greenline-runtime --example settings_page > docs/settings.md"
    );
}
