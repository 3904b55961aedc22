//! testify's blocks inside a failed test.
//!
//! ```text
//!             Error Trace:    /work/a_test.go:12
//!             Error:          Not equal:
//!                             expected: 1
//!                             actual  : 2
//!             Test:           TestAdds
//! ```

use std::ops::Range;

use crate::contract::Location;
use crate::log::Log;
use crate::recognize::pattern;

/// The content of a testify assertion.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Assertion {
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) location: Option<Location>,
    pub(super) expected: Option<String>,
    pub(super) actual: Option<String>,
}

/// Returns the first assertion within a test's lines.
pub(super) fn assertion(log: &Log, lines: Range<usize>) -> Option<Assertion> {
    let trace = lines.clone().find(|&line| log.content(line).contains("Error Trace:"))?;
    let end = lines.end.min(trace + 60);
    let line = (trace..end).find(|&line| log.content(line).trim_start().starts_with("Error:"))?;
    let message = log.content(line).trim_start().trim_start_matches("Error:").trim().to_owned();
    let value = |name: &str| {
        (line..end.min(line + 8)).find_map(|line| {
            let content = log.content(line).trim_start().strip_prefix(name)?;
            content.trim_start().strip_prefix(':').map(|value| value.trim().to_owned())
        })
    };
    Some(Assertion {
        line,
        location: place(log.content(trace)),
        expected: value("expected"),
        actual: value("actual"),
        message: with_next(log, line, message),
    })
}

fn place(content: &str) -> Option<Location> {
    let hit = pattern!(r"(\S+\.go):([0-9]+)").captures(content)?;
    Some(Location::new(&hit[1], Some(&hit[2]), None))
}

/// Adds the next line to messages such as `Received unexpected error:` that continue there.
fn with_next(log: &Log, line: usize, message: String) -> String {
    if message.ends_with(':') {
        format!("{message} {}", log.content(line + 1).trim())
    } else {
        message
    }
}
