//! CMake's configuration errors.
//!
//! ```text
//! CMake Error at CMakeLists.txt:12 (find_package):
//!   Could not find a package configuration file provided by "Redis" with any of
//!   the following names:
//!
//! -- Configuring incomplete, errors occurred!
//! ```

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "cmake", triggers: &["CMake Error", "-- Configuring incomplete"], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.starts_with("-- Configuring incomplete") {
        found.push(Finding::new("cmake", Category::CompileError, Strength::Echo, at, content));
    } else if content.starts_with("CMake Error") {
        found.push(error(log, at));
    }
}

/// The message stands under the place, indented, with empty lines between.
fn error(log: &Log, at: usize) -> Finding {
    let block = log.block(at, 40, |line| !line.starts_with(' ') && !line.trim().is_empty());
    let reason_line = block.clone().skip(1).find(|&line| log.content(line).starts_with("  "));
    let line = reason_line.filter(|_| log.content(at).ends_with(':')).unwrap_or(at);
    let words: String =
        block.clone().map(|line| log.content(line).trim()).collect::<Vec<_>>().join(" ");
    let missing = pattern!(
        r"Could NOT find|Could not find a |not found|find_package|is required but|required packages were not found|could not find any|Failed to find|was not found"
    );
    let category =
        if missing.is_match(&words) { Category::DependencyInstall } else { Category::CompileError };
    let place = pattern!(r"^CMake Error (?:\(dev\) )?(?:at |in )?(\S+?):([0-9]+)")
        .captures(log.content(at));
    Finding::new("cmake", category, Strength::Cause, at, log.content(line))
        .with_block(block)
        .at(place.map(|hit| Location::new(&hit[1], Some(&hit[2]), None)))
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::recognize::found_by;

    #[test]
    fn a_missing_package_is_a_dependency() {
        let found = found_by(
            "cmake",
            "CMake Error at CMakeLists.txt:12 (find_package):\n  Could not find a package configuration file provided by \"Redis\"\n\n\n-- Configuring incomplete, errors occurred!\n",
        );
        assert_eq!((found[0].line, found[0].category), (0, Category::DependencyInstall));
    }

    #[test]
    fn a_warning_is_none() {
        assert!(found_by("cmake", "CMake Warning at CMakeLists.txt:3:\n  old\n").is_empty());
    }
}
