//! Exceptions as the JVM prints them: the part that all of its test runners share.
//!
//! ```text
//! org.opentest4j.AssertionFailedError: expected: <2> but was: <3>
//!     at org.junit.jupiter.api.AssertEquals.assertEquals(AssertEquals.java:150)
//!     at com.acme.ThemeTest.installs(ThemeTest.java:174)
//! Caused by: java.lang.IllegalStateException: no theme
//! ```

use std::ops::Range;

use crate::contract::{FailedTest, Location};
use crate::log::Log;
use crate::recognize::pattern;

/// An exception under a failed test.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exception {
    /// The most informative line.
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) location: Option<Location>,
    pub(super) expected: Option<String>,
    pub(super) actual: Option<String>,
}

impl Exception {
    /// Returns the first exception within these lines. `class` is the test's, to find its frame.
    pub(super) fn within(log: &Log, lines: Range<usize>, class: &str) -> Option<Self> {
        let line = lines.clone().find(|&line| names_exception(log.content(line)))?;
        let message = words(log, line, lines.end);
        let (expected, actual) = compared(log, line..lines.end.min(line + 12));
        let location = frame(log, &lines, class);
        Some(Self { line, message, location, expected, actual })
    }

    /// Describes the test by this exception.
    pub(super) fn describes(&self, name: &str) -> FailedTest {
        FailedTest::named(name)
            .saying(&self.message)
            .at(self.location.clone())
            .comparing(self.expected.as_deref(), self.actual.as_deref())
    }
}

/// Removes the prefix that Maven and Ant put before each line of a test's report.
fn bare(content: &str) -> &str {
    let content = content.trim_start();
    let content = ["[junit]", "[java]", "[testng]", "[ERROR]", "[error]", "[info]", "=>"]
        .iter()
        .fold(content, |content, mark| content.strip_prefix(mark).map_or(content, str::trim_start));
    content.strip_prefix("Condition not satisfied:").map_or(content, |_| "Condition not satisfied:")
}

fn names_exception(content: &str) -> bool {
    pattern!(
        r"^(?:Exception in thread \S+ )?(?:[a-z_$][[:word:]$]*\.)+[A-Z][[:word:]$]*(?:Error|Exception|Failure|Failed|Throwable|Timeout|[A-Z][[:word:]]+)(?:: .*|:| at \S+:[0-9]+|)$|^(?:Condition not satisfied:|Assertion failed:|groovy\.lang\.\S+|[A-Z][[:word:]]+(?:Error|Exception)(?:: .*|:| at \S+:[0-9]+|))$"
    )
    .is_match(bare(content))
}

/// Returns the exception's message, with the next line if the message begins there.
fn words(log: &Log, line: usize, end: usize) -> String {
    let first = bare(log.content(line));
    let next = bare(log.content(line + 1));
    if line + 1 < end && first.ends_with(':') && !is_frame(next) && !next.is_empty() {
        format!("{first} {next}")
    } else {
        first.to_owned()
    }
}

fn is_frame(content: &str) -> bool {
    let content = content.trim_start();
    content.starts_with("at ") || content.starts_with("... ") || content.starts_with("Caused by: ")
}

/// Returns the frame in the test's own class, or the first that is not a library's.
fn frame(log: &Log, lines: &Range<usize>, class: &str) -> Option<Location> {
    let simple = class.rsplit(['.', '$']).next().unwrap_or(class);
    let mut own = None;
    for line in lines.clone() {
        let content = bare(log.content(line));
        let pattern = pattern!(
            r"^(?:at )?(?:[[:word:].@-]*/+)?([[:word:].$]+)\(([[:word:]$-]+\.(?:java|kt|kts|scala|groovy)):([0-9]+)\)$|^\S+ at ([[:word:]$-]+\.(?:java|kt|scala|groovy)):([0-9]+)$"
        );
        let Some(hit) = pattern.captures(content) else { continue };
        if let (Some(file), Some(number)) = (hit.get(4), hit.get(5)) {
            return Some(Location::new(file.as_str(), Some(number.as_str()), None));
        }
        let place = || Location::new(&hit[2], Some(&hit[3]), None);
        let file = hit[2].split('.').next().unwrap_or_default();
        if !simple.is_empty() && file == simple {
            return Some(place());
        }
        if own.is_none() && !is_library(&hit[1]) {
            own = Some(place());
        }
    }
    own
}

fn is_library(method: &str) -> bool {
    let known = [
        "java.",
        "javax.",
        "jdk.",
        "sun.",
        "org.junit.",
        "junit.",
        "org.testng.",
        "org.hamcrest.",
        "org.assertj.",
        "org.mockito.",
        "org.gradle.",
        "org.apache.maven.",
        "org.spockframework.",
        "kotlin.",
        "kotlinx.",
        "io.kotest.",
        "scala.",
        "org.scalatest.",
        "groovy.",
        "org.codehaus.",
        "org.opentest4j.",
        "com.google.common.truth.",
        "org.springframework.",
        "com.sun.",
    ];
    known.iter().any(|start| method.starts_with(start))
}

/// Returns the expected and actual value, in the notation of JUnit, TestNG, AssertJ and Hamcrest.
fn compared(log: &Log, lines: Range<usize>) -> (Option<String>, Option<String>) {
    let content: Vec<&str> = lines.map(|line| bare(log.content(line))).collect();
    let text = content.join("\n");
    let forms = [
        pattern!(r"expected:? ?(?:same:)?<((?s:.*?))> (?:but was|was not):? ?<((?s:.*?))>"),
        pattern!(r"expected \[(.*?)\] but found \[(.*?)\]"),
        pattern!(r"(?m)^Expected: (.+)\n *but: was (.*)$"),
        pattern!(r"(?m)expected: (.+)\n *but was: ?(.*)$"),
        pattern!(
            r#"Expecting(?: actual)?:\n *(?P<b>.+)\n *to be (?:equal to|same as):?\n *(?P<a>.+)"#
        ),
    ];
    for (at, form) in forms.iter().enumerate() {
        if let Some(hit) = form.captures(&text) {
            let (one, other) = (hit[1].to_owned(), hit[2].to_owned());
            return if at == 4 { (Some(other), Some(one)) } else { (Some(one), Some(other)) };
        }
    }
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::Exception;

    #[test]
    fn the_tests_own_frame_is_the_place() {
        let log = crate::log_of(
            "org.opentest4j.AssertionFailedError: expected: <2> but was: <3>\n\tat org.junit.jupiter.api.AssertEquals.assertEquals(AssertEquals.java:150)\n\tat app//com.acme.ThemeTest.installs(ThemeTest.java:174)\n",
        );
        let exception = Exception::within(&log, 0..3, "com.acme.ThemeTest").expect("an exception");
        assert_eq!(exception.location.and_then(|place| place.line), Some(174));
        assert_eq!(exception.expected.as_deref(), Some("2"));
        assert_eq!(exception.actual.as_deref(), Some("3"));
    }

    #[test]
    fn a_short_report_has_a_place_too() {
        let log = crate::log_of("    java.lang.ArithmeticException at TestMathX.java:981\n");
        let exception = Exception::within(&log, 0..1, "TestMathX").expect("an exception");
        assert_eq!(exception.location.and_then(|place| place.line), Some(981));
    }

    #[test]
    fn prose_is_no_exception() {
        let log = crate::log_of("com.acme.Server started\nA sentence. With Words\n");
        assert_eq!(Exception::within(&log, 0..2, "x"), None);
    }
}
