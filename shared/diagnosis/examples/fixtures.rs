//! Checks the diagnosis of every fixture, and marks in each what was recognised.
//!
//! ```sh
//! cargo run -p greenline-diagnosis --example fixtures -- check            # all
//! cargo run -p greenline-diagnosis --example fixtures -- mark shell/oom   # one, after a change
//! ```
//!
//! `mark` writes `marked.txt` into the case: its excerpt with `=> tool` or `=> tool/rule` before the
//! headline and `‹›` around what the rule captured, so that a match that moved shows in review.

use std::fs;
use std::process::ExitCode;

#[path = "../tests/cases/mod.rs"]
mod cases;

use cases::{Case, Report};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let wanted: Vec<String> = arguments.collect();
    let cases = match Case::all(&wanted) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match command.as_str() {
        "check" => {
            let report = Report::of(&cases);
            print!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        "mark" => match cases.iter().try_for_each(mark) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: fixtures check|mark [ECOSYSTEM/CASE…]");
            ExitCode::FAILURE
        }
    }
}

fn mark(case: &Case) -> Result<(), String> {
    let path = case.marked_path();
    fs::write(&path, case.marks()).map_err(|error| format!("{}: {error}", path.display()))
}
