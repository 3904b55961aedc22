//! Tests as Gradle reports them: JUnit 3 to 5, TestNG, Spock, Kotest, and the test-logger plugin.
//!
//! ```text
//! StoreTest > opens(int) > com.acme.StoreTest.opens(int)[2] FAILED
//!     java.lang.AssertionError at StoreTest.java:100
//!
//! com.acme.StoreTest
//!
//!   Test closes() FAILED
//!
//! 12 tests completed, 2 failed
//! ```

use super::exception::Exception;
use crate::contract::{Category, FailedTest};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "gradle test",
    triggers: &[" FAILED", " tests completed, ", " test completed, ", "  ✘ "],
    look,
};

const TOOL: &str = "gradle test";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if pattern!(r"^[0-9]+ tests? completed, [0-9]+ failed").is_match(content) {
        found.push(Finding::new(TOOL, Category::TestAssertion, Strength::Summary, at, content));
    } else if let Some(path) = reported(content) {
        found.push(failed(log, at, &name_of(path)));
    } else if let Some(test) = logged(content) {
        let Some(class) = heading(log, at) else { return };
        found.push(failed(log, at, &format!("{class}.{test}")));
    }
}

/// `Class > test() FAILED`, or a name with its package.
fn reported(content: &str) -> Option<&str> {
    let path = content.strip_suffix(" FAILED")?;
    let task = path.starts_with("> ") || path.starts_with(':') || path.starts_with('[');
    let nested = path.contains(" > ") && pattern!(r"^[[:word:]$]").is_match(path);
    let dotted =
        pattern!(r"^(?:[[:word:]$]+\.)+[A-Z][[:word:]$]*\.[[:word:]$]+(?:\(.*\))?(?:\[.*\])?$");
    (!task && (nested || dotted.is_match(path))).then_some(path)
}

/// Returns the test's name without the parts that Gradle adds for TestNG's suites: the last part
/// that names a method, with the class before it if it has none.
fn name_of(path: &str) -> String {
    let parts: Vec<&str> =
        path.split(" > ").filter(|part| !matches!(*part, "Gradle suite" | "Gradle test")).collect();
    let [class, rest @ ..] = parts.as_slice() else { return path.to_owned() };
    let Some(last) = rest.last() else { return (*class).to_owned() };
    let simple = class.rsplit('.').next().unwrap_or(class);
    if last.starts_with(class) && last.len() > class.len() || last.contains(&format!(".{simple}."))
    {
        return (*last).to_owned();
    }
    let case = pattern!(r"^\[?[0-9]+\]?(?::|$| )").is_match(last);
    match rest {
        [.., method, invocation] if case && method.ends_with(')') => {
            let index: String = invocation
                .chars()
                .filter(char::is_ascii_digit)
                .take_while(|_| true)
                .take(4)
                .collect();
            format!("{class}.{method}[{index}]")
        }
        [.., method] if !method.contains(' ') || method.ends_with(')') => {
            let nesting = rest[..rest.len() - 1].join(".");
            let dot = if nesting.is_empty() { "" } else { "." };
            format!("{class}.{nesting}{dot}{method}")
        }
        _ => parts.join(" > "),
    }
}

/// The test-logger plugin indents tests under their class.
fn logged(content: &str) -> Option<&str> {
    let pattern = pattern!(r"^ {2,6}(?:Test |✘ )(\S.*?)(?: FAILED)?(?: \([0-9.]+m?s\))?$");
    let test = pattern.captures(content)?.get(1)?.as_str();
    (content.contains(" FAILED") || content.trim_start().starts_with('✘')).then_some(test)
}

fn heading(log: &Log, at: usize) -> Option<&str> {
    let class =
        |line: &str| pattern!(r"^(?:[a-z_][[:word:]]*\.)*[A-Z][[:word:]$]*$").is_match(line);
    let line = log.back(at, 60, class)?;
    log.content(line).rsplit('.').next()
}

fn failed(log: &Log, at: usize, name: &str) -> Finding {
    let indented = |line: usize| log.content(line).starts_with([' ', '\t']);
    let first =
        if log.content(at + 1).trim().is_empty() && indented(at + 2) { at + 2 } else { at + 1 };
    let end = (first..first + 200)
        .find(|&line| {
            let content = log.content(line);
            content.trim().is_empty() && !indented(line + 1)
                || !content.trim().is_empty() && !indented(line)
                || line >= log.len()
        })
        .unwrap_or(first + 200)
        .min(log.len());
    let class = name.split(" > ").next().unwrap_or(name);
    let class = class.split(['(', '[']).next().unwrap_or(class);
    let class = class.rsplit_once('.').map_or(class, |(class, _)| class);
    let Some(exception) = Exception::within(log, first..end, class) else {
        return Finding::new(TOOL, Category::TestAssertion, Strength::Cause, at, log.content(at))
            .with_block(at..end)
            .with_test(FailedTest::named(name));
    };
    Finding::new(TOOL, Category::TestAssertion, Strength::Cause, exception.line, &exception.message)
        .with_block(at..end)
        .at(exception.location.clone())
        .with_test(exception.describes(name))
}

#[cfg(test)]
mod tests {
    use super::name_of;
    use crate::recognize::found_by;

    #[test]
    fn names_are_as_people_write_them() {
        for (path, name) in [
            ("StoreTest > opens()", "StoreTest.opens()"),
            (
                "StoreTest > opens(int) > com.acme.StoreTest.opens(int)[2]",
                "com.acme.StoreTest.opens(int)[2]",
            ),
            ("StoreTest > opens(int) > [2] 7", "StoreTest.opens(int)[27]"),
            ("Gradle suite > Gradle test > com.acme.StoreTest > opens", "com.acme.StoreTest.opens"),
            ("StoreTest > When empty > opens()", "StoreTest.When empty.opens()"),
            ("StoreSpec > opens when asked", "StoreSpec > opens when asked"),
        ] {
            assert_eq!(name_of(path), name);
        }
    }

    #[test]
    fn a_test_comes_with_its_exception() {
        let found = found_by(
            "gradle test",
            "StoreTest > opens() FAILED\n    java.lang.AssertionError: expected:<1> but was:<2>\n        at com.acme.StoreTest.opens(StoreTest.java:41)\n\n12 tests completed, 1 failed\n",
        );
        assert_eq!((found[0].line, found[0].block.clone()), (1, 0..3));
        assert_eq!(found[0].tests[0].name, "StoreTest.opens()");
    }

    #[test]
    fn the_plugins_form_has_its_class_above() {
        let text = "com.acme.StoreTest\n\n  Test opens() FAILED\n\n  java.lang.AssertionError: no\n      at com.acme.StoreTest.opens(StoreTest.java:41)\n\n";
        let found = found_by("gradle test", text);
        assert_eq!((found[0].tests[0].name.as_str(), found[0].line), ("StoreTest.opens()", 4));
    }

    #[test]
    fn tasks_and_builds_are_no_tests() {
        let text = "> Task :store:test FAILED\nBUILD FAILED\n:store:compileJava FAILED\n";
        assert!(found_by("gradle test", text).is_empty());
    }
}
