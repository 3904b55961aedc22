//! Valgrind's memory checker.
//!
//! ```text
//! ==4711== Invalid read of size 4
//! ==4711==    at 0x1091F3: open (store.c:12)
//! ==4711== ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)
//! ```

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "valgrind",
    triggers: &[
        "== Invalid ",
        "== Conditional jump",
        "== Use of uninit",
        "== ERROR SUMMARY: ",
        "are definitely lost",
    ],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let Some(hit) = pattern!(r"^==[0-9]+== (\S.*)$").captures(content) else { return };
    if hit[1].starts_with("ERROR SUMMARY: ") {
        if !hit[1].starts_with("ERROR SUMMARY: 0 ") {
            found.push(Finding::new(
                "valgrind",
                Category::TestAssertion,
                Strength::Summary,
                at,
                content,
            ));
        }
        return;
    }
    let block =
        log.block(at, 30, |line| !line.starts_with("==") || line.trim_end().ends_with("=="));
    let place = block.clone().find_map(|line| {
        let pattern = pattern!(r"\(([A-Za-z0-9_.-]+\.(?:c|cc|cpp|cxx|h|hpp|rs)):([0-9]+)\)$");
        let hit = pattern.captures(log.content(line))?;
        let own = !hit[1].starts_with("vg_replace");
        own.then(|| Location::new(&hit[1], Some(&hit[2]), None))
    });
    found.push(
        Finding::new("valgrind", Category::TestAssertion, Strength::Cause, at, &hit[1])
            .with_block(block)
            .at(place),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn an_error_has_its_stack() {
        let text = "==9== Invalid read of size 4\n==9==    at 0x1: open (store.c:12)\n==9== \n==9== ERROR SUMMARY: 1 errors from 1 contexts\n";
        let found = found_by("valgrind", text);
        assert_eq!((found[0].block.clone(), found.len()), (0..2, 2));
        assert!(found_by("valgrind", "==9== ERROR SUMMARY: 0 errors from 0 contexts\n").is_empty());
    }
}
