//! Maven's Surefire and Failsafe while tests run, in every form since 2.x.
//!
//! ```text
//! [ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! -- in com.acme.StoreTest
//! [ERROR] com.acme.StoreTest.opens -- Time elapsed: 0.02 s <<< FAILURE!
//! org.opentest4j.AssertionFailedError: expected: <2> but was: <3>
//!     at com.acme.StoreTest.opens(StoreTest.java:41)
//! ```
//!
//! Before 3.0 a test was written `opens(com.acme.StoreTest)  Time elapsed: 0.02 sec  <<< FAILURE!`.

use std::ops::Range;

use super::exception::Exception;
use crate::contract::{Category, FailedTest, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "surefire",
    triggers: &["<<< FAILURE!", "<<< ERROR!", "The forked VM terminated without"],
    look,
};

pub(super) const TOOL: &str = "surefire";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.contains("Tests run: ") {
        found.push(Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content));
    } else if content.contains("The forked VM terminated without") {
        found.push(crashed(log, at));
    } else if let Some(test) = TestCase::of(content) {
        found.push(failed(log, at, &test.within(log, at)));
    }
}

/// A test in Surefire's notation.
#[derive(Debug, PartialEq)]
struct TestCase {
    class: String,
    method: String,
}

impl TestCase {
    fn of(content: &str) -> Option<Self> {
        let pattern = pattern!(
            r"^(?:\[(?:ERROR|WARNING|INFO)\] )?\s*(\S.*?)\s+(?:-- )?Time elapsed: [0-9.,]+ s(?:ec)?\s+<<< (?:FAILURE|ERROR)!"
        );
        let name = pattern.captures(content)?.get(1)?.as_str();
        let named = pattern!(
            r"^(.+?)\(((?:[a-z_][[:word:]$]*\.)+[A-Z][[:word:]$]*|[A-Z][[:word:]$]*)\)((?:\[.*\])?)$"
        );
        if let Some(hit) = named.captures(name) {
            return Some(Self {
                class: hit[2].to_owned(),
                method: format!("{}{}", &hit[1], &hit[3]),
            });
        }
        // `com.acme.StoreTest.opens(int)[1]`, `com.acme.StoreTest.opens when empty`, `com.acme.StoreTest`
        let split =
            pattern!(r"^((?:[a-z_][[:word:]$]*\.)*[A-Z][[:word:]$]*)\.(\S.*)$").captures(name);
        Some(match split {
            Some(hit) => Self { class: hit[1].to_owned(), method: hit[2].to_owned() },
            None => Self { class: name.to_owned(), method: String::new() },
        })
    }

    /// Between 2.22 and 3.0-M4, JUnit 5 tests are printed without their class, under the suite's
    /// count.
    fn within(self, log: &Log, at: usize) -> Self {
        if !self.method.is_empty()
            || pattern!(r"^(?:[a-z_][[:word:]]*\.)+[A-Z]").is_match(&self.class)
        {
            return self;
        }
        let suite = pattern!(r"Tests run: .*<<< (?:FAILURE|ERROR)! -+ in (\S+)$");
        let Some(count) = log.back(at, 200, |line| suite.is_match(line)) else { return self };
        let class =
            suite.captures(log.content(count)).map_or_else(String::new, |hit| hit[1].to_owned());
        let method = self.class.split('{').next().unwrap_or_default().to_owned();
        Self { class, method }
    }

    /// A nested class appears only in the stack: `at com.acme.WordsTest$Empty.refusesNull(…`.
    fn nested(&self, log: &Log, block: &Range<usize>) -> Self {
        let inner = |line: usize| {
            let rest =
                log.content(line).trim_start().strip_prefix("at ")?.strip_prefix(&*self.class)?;
            let (classes, _) = rest.split_once('(')?.0.rsplit_once('.')?;
            let is_this = rest[classes.len() + 1..].split('(').next() == Some(&self.method);
            (classes.starts_with('$') && is_this).then_some(classes)
        };
        let classes = block.clone().find_map(inner).unwrap_or_default();
        Self { class: format!("{}{classes}", self.class), method: self.method.clone() }
    }

    fn name(&self) -> String {
        if self.method.is_empty() {
            self.class.clone()
        } else {
            format!("{}.{}", self.class, self.method)
        }
    }
}

fn failed(log: &Log, at: usize, test: &TestCase) -> Finding {
    let block = log.block(at, 200, |line| {
        line.trim().is_empty()
            || line.starts_with("[INFO] ")
            || line.starts_with("[ERROR] ")
            || line.starts_with("Tests run: ")
            || line.starts_with("Running ")
            || line.contains(" <<< ")
    });
    let test = &test.nested(log, &block);
    let exception = Exception::within(log, at + 1..block.end, &test.class);
    let finding = |line| {
        Finding::new(TOOL, Category::TestAssertion, Strength::Cause, line, log.content(line))
            .with_block(block.clone())
    };
    let Some(exception) = exception else {
        return finding(at).with_test(FailedTest::named(&test.name()).saying(log.content(at + 1)));
    };
    let mut found = finding(exception.line)
        .at(exception.location.clone())
        .with_test(exception.describes(&test.name()));
    found.message.clone_from(&exception.message);
    found
}

fn crashed(log: &Log, at: usize) -> Finding {
    let block = log.block(at, 20, |line| line == "[ERROR]" || line.contains("[Help 1]"));
    Finding::new(TOOL, Category::TestAssertion, Strength::Cause, at, log.content(at))
        .with_block(block)
        .with_verdict(Verdict::Investigate)
}

#[cfg(test)]
mod tests {
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn each_version_names_the_test() {
        for (line, name) in [
            (
                "[ERROR] com.acme.StoreTest.opens -- Time elapsed: 0.02 s <<< FAILURE!",
                "com.acme.StoreTest.opens",
            ),
            (
                "[ERROR] com.acme.StoreTest.opens(int)[2]  Time elapsed: 0.02 s  <<< ERROR!",
                "com.acme.StoreTest.opens(int)[2]",
            ),
            (
                "[ERROR] opens(com.acme.StoreTest)  Time elapsed: 0.02 s  <<< ERROR!",
                "com.acme.StoreTest.opens",
            ),
            (
                "opens(com.acme.StoreTest)  Time elapsed: 0.02 sec  <<< FAILURE!",
                "com.acme.StoreTest.opens",
            ),
            (
                "opens[1](com.acme.StoreTest)  Time elapsed: 0 sec  <<< FAILURE!",
                "com.acme.StoreTest.opens[1]",
            ),
        ] {
            let text = format!(
                "{line}\njava.lang.AssertionError: expected:<1> but was:<2>\n\tat com.acme.StoreTest.opens(StoreTest.java:41)\n\n"
            );
            let found = found_by("surefire", &text);
            assert_eq!((found[0].line, found[0].tests[0].name.as_str()), (1, name), "{line}");
            assert_eq!(found[0].tests[0].actual.as_deref(), Some("2"));
        }
    }

    #[test]
    fn a_test_without_a_class_has_its_suites() {
        let text = "[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.09 s <<< FAILURE! - in com.acme.WordsTest\n[ERROR] counts{String, int}[3]  Time elapsed: 0.006 s  <<< FAILURE!\n";
        assert_eq!(found_by("surefire", text)[1].tests[0].name, "com.acme.WordsTest.counts");
    }

    #[test]
    fn a_nested_class_is_read_from_the_stack() {
        let text = "[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.09 s <<< FAILURE! - in com.acme.WordsTest\n[ERROR] refuses  Time elapsed: 0.006 s  <<< FAILURE!\norg.opentest4j.AssertionFailedError: nothing was thrown.\n\tat com.acme.WordsTest$Empty.refuses(WordsTest.java:22)\n\n";
        assert_eq!(found_by("surefire", text)[1].tests[0].name, "com.acme.WordsTest$Empty.refuses");
    }

    #[test]
    fn a_suites_count_is_a_summary() {
        let text = "Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 sec <<< FAILURE! - in com.acme.StoreTest\n";
        assert_eq!(found_by("surefire", text)[0].strength, Strength::Summary);
    }

    #[test]
    fn what_passes_is_silent() {
        let text = "[INFO] com.acme.StoreTest.opens -- Time elapsed: 0.02 s\n[INFO] <<< source:3.2.1:jar < generate-sources <<<\n";
        assert!(found_by("surefire", text).is_empty());
    }
}
