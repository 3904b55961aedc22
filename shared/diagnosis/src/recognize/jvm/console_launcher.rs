//! JUnit's own console launcher, by itself or under Ant.
//!
//! ```text
//! Failures (1):
//!   JUnit Jupiter:StoreTest:opens()
//!     MethodSource [className = 'com.acme.StoreTest', methodName = 'opens', methodParameterTypes = '']
//!     => org.opentest4j.AssertionFailedError: expected: <2> but was: <3>
//!        com.acme.StoreTest.opens(StoreTest.java:41)
//!        [...]
//!
//! [         1 tests failed          ]
//! ```

use super::exception::Exception;
use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "junit",
    triggers: &["MethodSource [className", "tests failed", "ClassSource [className"],
    look,
};

const TOOL: &str = "junit";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let method = pattern!(r"MethodSource \[className = '([^']+)', methodName = '([^']+)'");
    let class = pattern!(r"ClassSource \[className = '([^']+)'");
    if let Some(hit) = method.captures(content) {
        found.push(failed(log, at, &hit[1], &format!("{}.{}", &hit[1], &hit[2])));
    } else if let Some(hit) = class.captures(content) {
        found.push(failed(log, at, &hit[1], &hit[1]));
    } else if pattern!(r"^\s*(?:\[[[:word:]]+\] )?\[ *[1-9][0-9]* tests failed *\]$")
        .is_match(content)
    {
        found.push(Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content));
    }
}

fn failed(log: &Log, at: usize, class: &str, name: &str) -> Finding {
    let ends = |line: &str| {
        line.contains("MethodSource [")
            || line.contains("Test run finished after")
            || pattern!(r"^\s*(?:\[[[:word:]]+\] +)?JUnit (?:Jupiter|Vintage|Platform)[ :]")
                .is_match(line)
    };
    let block = log.block(at, 60, ends);
    let start = at.saturating_sub(1);
    let arrow = block.clone().find(|&line| log.content(line).contains("=> "));
    let exception = Exception::within(log, at..block.end, class);
    let line = arrow.or(exception.as_ref().map(|it| it.line)).unwrap_or(at);
    let test = exception.as_ref().map_or_else(
        || FailedTest::named(name).saying(log.content(line)),
        |exception| exception.describes(name),
    );
    Finding::new(TOOL, Category::TestAssertion, Strength::Cause, line, log.content(line))
        .with_block(start..block.end)
        .at(test.location.clone())
        .with_test(test)
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn a_failure_names_class_and_method() {
        let found = found_by(
            "junit",
            "    [junit]   JUnit Jupiter:StoreTest:opens()\n    [junit]     MethodSource [className = 'com.acme.StoreTest', methodName = 'opens', methodParameterTypes = '']\n    [junit]     => java.lang.RuntimeException: closed\n    [junit]        com.acme.StoreTest.opens(StoreTest.java:41)\n    [junit] [         1 tests failed          ]\n",
        );
        assert_eq!(
            (found[0].line, found[0].tests[0].name.as_str()),
            (2, "com.acme.StoreTest.opens")
        );
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn none_failed_is_silent() {
        assert!(found_by("junit", "[         0 tests failed          ]\n").is_empty());
    }
}
