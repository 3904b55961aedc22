//! PHPStan's table.
//!
//! ```text
//!  ------ -----------------------------------------------------------------
//!   LogLine   src/Sum.php
//!  ------ -----------------------------------------------------------------
//!   7      Method Acme\Sum::of() should return int but returns string.
//!          🪪  return.type
//!  ------ -----------------------------------------------------------------
//!
//!  [ERROR] Found 1 error
//! ```

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

/// The most rows to read of one file.
const MOST: usize = 200;

pub(super) fn table(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let head = pattern!(r"^  Line   (\S.*?)\s*$");
    let Some(hit) = head.captures(log.content(at)) else { return };
    let row = pattern!(r"^  ([0-9]+) +(\S.*?)\s*$");
    let end = log.block(at + 2, MOST, |line| line.starts_with(" ------")).end;
    for line in at + 2..end {
        let Some(complaint) = row.captures(log.content(line)) else { continue };
        found.push(
            Finding::new("phpstan", Category::TypeError, Strength::Cause, line, &complaint[2])
                .with_block(at..(line + 3).min(end))
                .at(Some(Location::new(&hit[1], Some(&complaint[1]), None))),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::recognize::findings_in;

    #[test]
    fn each_row_is_a_complaint() {
        let log = " ------ --------\n  Line   src/Sum.php\n ------ --------\n\
                   \u{20} 7      Method should return int but returns string.\n         return.type\n ------ --------\n";
        let found = findings_in(&crate::log_of(log));
        let place = found[0].location.as_ref().expect("a place");
        assert_eq!((place.file.as_str(), place.line), ("src/Sum.php", Some(7)));
        assert_eq!(found[0].message, "Method should return int but returns string.");
    }

    #[test]
    fn a_line_about_lines_is_none() {
        assert_eq!(findings_in(&crate::log_of("  Line   coverage: 80 %\n")), []);
    }
}
