//! AddressSanitizer and its family: address, undefined behaviour, thread, memory, leak.
//!
//! ```text
//! ==4711==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 …
//!     #0 0x55d in Store::open() /work/store.cc:12:5
//! SUMMARY: AddressSanitizer: heap-use-after-free /work/store.cc:12:5 in Store::open()
//! store.cc:41:9: runtime error: signed integer overflow: …
//! ```

use std::ops::Range;

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "sanitizer", triggers: &["Sanitizer: ", ": runtime error: "], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let report = pattern!(
        r"(?:==[0-9]+==)?(?:ERROR|WARNING): ((?:Hw|HW)?(?:Address|Thread|Memory|Leak|UndefinedBehavior|DataFlow)Sanitizer): (\S.*)$"
    );
    let undefined = pattern!(r"^\s*(\S.*?):([0-9]+):([0-9]*):? runtime error: (\S.*)$");
    if content.contains("SUMMARY: ") && content.contains("Sanitizer: ") {
        found.push(Finding::new(
            "sanitizer",
            Category::TestAssertion,
            Strength::Summary,
            at,
            content,
        ));
    } else if let Some(hit) = report.captures(content) {
        let block =
            log.block(at, 120, |line| line.contains("SUMMARY: ") || line.contains("==ERROR: "));
        let location = frame(log, &block);
        let mut finding =
            Finding::new("sanitizer", Category::TestAssertion, Strength::Cause, at, &hit[2])
                .with_block(block)
                .at(location);
        finding.tool = hit[1].to_owned().into();
        found.push(finding);
    } else if let Some(hit) = undefined.captures(content) {
        let block = log.block(at, 30, |line| line.trim().is_empty());
        found.push(
            Finding::new(
                "UndefinedBehaviorSanitizer",
                Category::TestAssertion,
                Strength::Cause,
                at,
                &hit[4],
            )
            .with_block(block)
            .at(Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])))),
        );
    }
}

/// Returns the first frame in a source file that belongs neither to the sanitizer nor to the
/// system.
fn frame(log: &Log, block: &Range<usize>) -> Option<Location> {
    block.clone().find_map(|line| {
        let pattern = pattern!(r"^\s*#[0-9]+ .* (\S+?):([0-9]+)(?::([0-9]+))?$");
        let hit = pattern.captures(log.content(line))?;
        let foreign =
            ["compiler-rt", "sanitizer", "/usr/include", "/usr/lib", "../sysdeps", "/rustc/"];
        let own = !foreign.iter().any(|part| hit[1].contains(part));
        own.then(|| Location::new(&hit[1], Some(&hit[2]), hit.get(3).map(|it| it.as_str())))
    })
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_report_points_to_the_projects_frame() {
        let found = found_by(
            "AddressSanitizer",
            "==9==ERROR: AddressSanitizer: heap-use-after-free on address 0x1\n    #0 0x5 in free /build/compiler-rt/lib/asan.cpp:3:3\n    #1 0x5 in open /work/store.cc:12:5\nSUMMARY: AddressSanitizer: heap-use-after-free\n",
        );
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(12));
        assert_eq!(found[0].block, 0..3);
    }

    #[test]
    fn undefined_behaviour_has_its_place() {
        let text = "store.cc:41:9: runtime error: signed integer overflow: 1 + 2\n";
        assert_eq!(found_by("UndefinedBehaviorSanitizer", text).len(), 1);
        assert!(found_by("sanitizer", "panic: runtime error: index out of range\n").is_empty());
    }
}
