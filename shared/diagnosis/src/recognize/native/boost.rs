//! Boost.Test.
//!
//! ```text
//! store_test.cpp(12): error: in "suite/opens": check store.open() == 2 has failed [1 != 2]
//! *** 1 failure is detected in the test module "store"
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "boost.test",
    triggers: &["error: in \"", "detected in the test module"],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let pattern =
        pattern!(r#"^(\S.*?)(?:\(([0-9]+)\)|:([0-9]+)): (?:fatal )?error: in "([^"]+)": (\S.*)$"#);
    if let Some(hit) = pattern.captures(content) {
        let line = hit.get(2).or(hit.get(3)).map(|it| it.as_str());
        let place = Location::new(&hit[1], line, None);
        let test = FailedTest::named(&hit[4]).saying(&hit[5]).at(Some(place.clone()));
        found.push(
            Finding::new("boost.test", Category::TestAssertion, Strength::Cause, at, &hit[5])
                .at(Some(place))
                .with_test(test),
        );
    } else if pattern!(r"^\*\*\* [1-9][0-9]* failures? (?:is|are) detected").is_match(content) {
        found.push(Finding::new(
            "boost.test",
            Category::TestAssertion,
            Strength::Summary,
            at,
            content,
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_check_names_its_test() {
        let text = "store_test.cpp(12): error: in \"suite/opens\": check open() == 2 has failed [1 != 2]\n";
        assert_eq!(found_by("boost.test", text)[0].tests[0].name, "suite/opens");
        assert!(found_by("boost.test", "*** No errors detected in the test module\n").is_empty());
    }
}
