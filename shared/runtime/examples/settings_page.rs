//! Writes docs/settings.md, from the table that the loader uses:
//! `cargo run -p greenline-runtime --example settings_page > docs/settings.md`
use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(greenline_runtime::settings::reference().as_bytes())
}
