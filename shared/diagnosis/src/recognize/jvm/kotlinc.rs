//! The Kotlin compiler.
//!
//! ```text
//! e: file:///work/src/main/kotlin/Store.kt:12:5 Unresolved reference 'open'.
//! ```
//!
//! Before Kotlin 1.8: `e: /work/src/main/kotlin/Store.kt: (12, 5): Unresolved reference: open`.

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "kotlinc", triggers: &["e: ", ".kt:"], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_start();
    let pattern = pattern!(
        r"^(?:e: |\[ERROR\] )(?:file://)?(\S.*?\.kts?):(?:([0-9]+):([0-9]+)| \(([0-9]+), ([0-9]+)\)|\[([0-9]+),([0-9]+)\]):? (\S.*)$|^(\S+\.kts?):([0-9]+):([0-9]+): error: (\S.*)$"
    );
    let Some(hit) = pattern.captures(content) else { return };
    let one_of =
        |groups: [usize; 4]| groups.iter().find_map(|&at| hit.get(at)).map(|it| it.as_str());
    let file = hit.get(1).or(hit.get(9)).map_or("", |it| it.as_str());
    let location = Location::new(file, one_of([2, 4, 6, 10]), one_of([3, 5, 7, 11]));
    let message = hit.get(8).or(hit.get(12)).map_or(content, |it| it.as_str());
    let block = log.block(at, 6, |line| !line.starts_with([' ', '\t', '^']));
    found.push(
        Finding::new("kotlinc", Category::CompileError, Strength::Cause, at, message)
            .with_block(block)
            .at(Some(location)),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn all_forms_have_a_place() {
        for line in [
            "e: file:///w/Store.kt:12:5 Unresolved reference 'open'.\n",
            "e: /w/Store.kt: (12, 5): Unresolved reference: open\n",
            "[ERROR] /w/Store.kt:[12,5] Unresolved reference: open\n",
            "Store.kt:12:5: error: unresolved reference: open\n",
        ] {
            let found = found_by("kotlinc", line);
            let place = found[0].location.as_ref().expect("a place");
            assert_eq!((place.line, place.column), (Some(12), Some(5)), "{line}");
        }
    }

    #[test]
    fn a_warning_is_none() {
        assert!(
            found_by("kotlinc", "w: file:///w/Store.kt:12:5 Unused\nsame: Store.kt:3\n").is_empty()
        );
    }
}
