//! Ant and its JUnit task.
//!
//! ```text
//!     [junit] Testsuite: com.acme.StoreTest
//!     [junit] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 sec
//!     [junit] Testcase: opens(com.acme.StoreTest):    FAILED
//!     [junit] expected:<1> but was:<2>
//!     [junit] junit.framework.AssertionFailedError: expected:<1> but was:<2>
//!     [junit] Test com.acme.StoreTest FAILED
//!
//! BUILD FAILED
//! /work/build.xml:91: One or more tests failed
//! ```
//!
//! The formatters write `Testcase: opens took 0.01 sec` and `FAILED` on the next line as well.

use super::exception::Exception;
use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "ant",
    triggers: &["Testcase: ", "[junit] Test", "[junit] TEST", "BUILD FAILED"],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_start();
    let bare = bare(content);
    if bare.starts_with("Testcase: ") {
        found.extend(test_case(log, at, bare));
    } else if let Some(hit) = pattern!(r"^(?:Test|TEST) (\S+) FAILED").captures(bare) {
        let summary = Finding::new("ant", Category::TestAssertion, Strength::Summary, at, &hit[1]);
        found.push(summary);
    } else if content == "BUILD FAILED" {
        found.extend(build_failed(log, at));
    }
}

fn bare(content: &str) -> &str {
    let content = content.trim_start();
    content.strip_prefix("[junit] ").or(content.strip_prefix("[junitlauncher] ")).unwrap_or(content)
}

fn test_case(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let pattern = pattern!(
        r"^Testcase: (\S.*?)(?:\(([[:word:].$]+)\))?(?::| took [0-9.,]+(?: s(?:ec)?)?)?\s*(FAILED|FAILURE|ERROR|Caused an ERROR)?(?:\s.*)?$"
    );
    let hit = pattern.captures(content)?;
    let verdict = |content: &str| {
        matches!(content.trim(), "FAILED" | "Caused an ERROR" | "ERROR" | "FAILURE")
    };
    if hit.get(3).is_none() && !verdict(bare(log.content(at + 1))) {
        return None;
    }
    let class = match hit.get(2) {
        Some(class) => class.as_str(),
        None => suite(log, at).unwrap_or(""),
    };
    let name = if class.is_empty() { hit[1].to_owned() } else { format!("{class}.{}", &hit[1]) };
    let block = log.block(at, 80, |line| {
        let bare = bare(line);
        bare.starts_with("Testcase: ")
            || bare.starts_with("Test ")
            || bare.starts_with("Testsuite: ")
            || !line.trim_start().starts_with('[') && line.trim().is_empty()
    });
    Some(failed(log, at, &name, class, block))
}

fn failed(log: &Log, at: usize, name: &str, class: &str, block: std::ops::Range<usize>) -> Finding {
    let exception = Exception::within(log, at + 1..block.end, class);
    let line = exception.as_ref().map_or(at, |exception| exception.line);
    let test = exception
        .as_ref()
        .map_or_else(|| FailedTest::named(name), |exception| exception.describes(name));
    Finding::new("ant", Category::TestAssertion, Strength::Cause, line, bare(log.content(line)))
        .with_block(block)
        .at(test.location.clone())
        .with_test(test)
}

/// Returns the suite whose heading precedes a test case.
fn suite(log: &Log, at: usize) -> Option<&str> {
    let heading = log.back(at, 300, |line| bare(line).starts_with("Testsuite: "))?;
    bare(log.content(heading)).strip_prefix("Testsuite: ").map(str::trim)
}

/// The line under `BUILD FAILED` names the failed task and its place in the build file.
fn build_failed(log: &Log, at: usize) -> Option<Finding> {
    let content = |line: usize| log.content(line);
    let line =
        (at + 1..at + 6).rfind(|&line| pattern!(r"\.xml:[0-9]+: \S").is_match(content(line)))?;
    let hit = pattern!(r"^(\S.*?\.xml):([0-9]+): (\S.*)$").captures(content(line))?;
    let echo = ["tests failed", "Compile failed", "Java returned", "exec returned", "Test "]
        .iter()
        .any(|word| hit[3].contains(word));
    let strength = if echo { Strength::Echo } else { Strength::Summary };
    Some(
        Finding::new("ant", Category::Unknown, strength, line, &hit[3])
            .with_block(log.block(at, 15, |line| line.starts_with("Total time")))
            .at(Some(Location::new(&hit[1], Some(&hit[2]), None))),
    )
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn both_formatters_name_the_test() {
        let plain = "    [junit] Testcase: opens(com.acme.StoreTest):\tFAILED\n    [junit] junit.framework.AssertionFailedError: no\n    [junit] \n    [junit] Test com.acme.StoreTest FAILED\n";
        let timed = "    [junit] Testsuite: com.acme.StoreTest\n    [junit] Testcase: opens took 0.01 sec\n    [junit] \tCaused an ERROR\n    [junit] java.lang.IllegalStateException: no\n";
        for text in [plain, timed] {
            let found = found_by("ant", text);
            assert_eq!(found[0].tests[0].name, "com.acme.StoreTest.opens");
        }
    }

    #[test]
    fn what_passes_is_silent() {
        let text = "    [junit] Testcase: opens took 0.01 sec\n    [junit] Testcase: FAILED_is_a_word took 0.1 sec\nTestcase: closes() took 0.2 SUCCESS\n";
        assert!(found_by("ant", text).is_empty());
    }
}
