//! Qt Test.
//!
//! ```text
//! FAIL!  : StoreTest::opens(empty) Compared values are not the same
//!    Actual   (store.open()): 1
//!    Expected (2)           : 2
//!    Loc: [store_test.cpp(12)]
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "qtest", triggers: &["FAIL!  : "], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let Some(hit) =
        pattern!(r"^(?:[0-9]+: )?FAIL!  : (\S+::[[:word:]]+)\((.*?)\) (\S.*)$").captures(content)
    else {
        return;
    };
    let block = log.block(at, 8, |line| !line.starts_with("   "));
    let value = |name: &str| {
        block.clone().find_map(|line| {
            let content = log.content(line).trim_start();
            content.starts_with(name).then(|| content.rsplit_once("): ").map(|(_, value)| value))?
        })
    };
    let place = block.clone().find_map(|line| {
        let hit = pattern!(r"Loc: \[(\S.*?)\(([0-9]+)\)\]").captures(log.content(line))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    });
    let name =
        if hit[2].is_empty() { hit[1].to_owned() } else { format!("{}({})", &hit[1], &hit[2]) };
    let test = FailedTest::named(&name)
        .saying(&hit[3])
        .at(place.clone())
        .comparing(value("Expected"), value("Actual"));
    found.push(
        Finding::new("qtest", Category::TestAssertion, Strength::Cause, at, &hit[3])
            .with_block(block.clone())
            .at(place)
            .with_test(test),
    );
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_failure_has_its_values() {
        let text = "FAIL!  : StoreTest::opens() Compared values are not the same\n   Actual   (store.open()): 1\n   Expected (2): 2\n   Loc: [store_test.cpp(12)]\nPASS   : StoreTest::closes()\n";
        let found = found_by("qtest", text);
        assert_eq!(found[0].tests[0].actual.as_deref(), Some("1"));
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(12));
        assert_eq!(found.len(), 1);
    }
}
