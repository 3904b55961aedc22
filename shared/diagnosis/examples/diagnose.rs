//! Prints the diagnosis of a log as JSON: `cargo run -p greenline-diagnosis --example diagnose FILE`.

use std::io::Read;

use greenline_diagnosis::{DiagnosisOptions, LogReader, diagnose_read};

#[expect(clippy::print_stdout, reason = "an example that prints")]
fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).expect("the name of a log");
    let mut file = std::fs::File::open(path)?;
    let mut reader = LogReader::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => reader.push(&buffer[..read]),
        }
    }
    println!(
        "{}",
        serde_json::to_string_pretty(&diagnose_read(reader, &DiagnosisOptions::default()))?
    );
    Ok(())
}
