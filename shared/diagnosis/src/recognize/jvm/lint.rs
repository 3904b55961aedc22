//! The JVM's linters: Checkstyle, PMD, SpotBugs, Spotless, ktlint, detekt.
//!
//! ```text
//! [ant:checkstyle] [ERROR] /work/Store.java:12:5: Missing a Javadoc comment. [MissingJavadocMethod]
//! [ERROR] src/main/java/Store.java:[12,5] (whitespace) WhitespaceAround: '{' is not preceded.
//! [ERROR] PMD Failure: com.acme.Store:12 LogRule:UnusedLocalVariable Priority:3 Avoid unused …
//! [ERROR] High: Null pointer dereference of x [com.acme.Store] At Store.java:[line 12] NP_ALWAYS_NULL
//! /work/Store.kt:12:5: Unexpected blank line(s) (standard:no-consecutive-blank-lines)
//! ```

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "jvm lint",
    triggers: &[
        "checkstyle] [",
        ".java:[",
        ".java:",
        "PMD Failure: ",
        ".kt:",
        ".kts:",
        "format violations",
        "Checkstyle violations",
        "Checkstyle rule violations",
        "bugs. ",
    ],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if let Some((tool, location, message)) = complaint(content) {
        found.push(
            Finding::new(tool, Category::LintError, Strength::Cause, at, message)
                .at(Some(location)),
        );
    } else if content.contains("The following files had format violations") {
        let block = log.block(at, 60, |line| line.starts_with("* Try") || line.contains("Run '"));
        found.push(
            Finding::new("spotless", Category::LintError, Strength::Cause, at, content)
                .with_block(block),
        );
    } else if pattern!(r"[1-9][0-9]* Checkstyle violations?|Checkstyle rule violations were found")
        .is_match(content)
    {
        found.push(Finding::new("checkstyle", Category::LintError, Strength::Summary, at, content));
    }
}

fn complaint(content: &str) -> Option<(&'static str, Location, &str)> {
    let forms = [
        (
            "checkstyle",
            pattern!(
                r"^\s*(?:\[ant:checkstyle\]|\[checkstyle\]) \[ERROR\] (\S.*?):([0-9]+)(?::([0-9]+))?: (\S.*)$"
            ),
        ),
        (
            "checkstyle",
            pattern!(
                r"^\[ERROR\] (\S+\.[[:word:]]+):\[([0-9]+)(?:,([0-9]+))?\] (\([[:word:]]+\) [[:word:]]+: .*)$"
            ),
        ),
        (
            "checkstyle",
            pattern!(r"^\[ERROR\] (\S+\.java):([0-9]+)(?::([0-9]+))?: (\S.* \[[[:word:]]+\])$"),
        ),
        (
            "pmd",
            pattern!(
                r"^\[(?:ERROR|INFO|WARNING)\] PMD Failure: ([[:word:].$]+):([0-9]+)(x)? (Rule:\S.*)$"
            ),
        ),
        ("pmd", pattern!(r"^(\S+\.java):([0-9]+)(x)?:\t([[:word:]]+:\t\S.*)$")),
        (
            "spotbugs",
            pattern!(
                r"^\[ERROR\] (?:High|Medium|Low): .* At ([[:word:]]+\.(?:java|kt|scala)):\[lines? ([0-9]+)(?:-[0-9]+)?()\] ?(.*)$"
            ),
        ),
        (
            "ktlint",
            pattern!(
                r"^(?:\[ERROR\] )?(\S+\.kts?):([0-9]+):([0-9]+):? ((?:Lint error > \[|.*\((?:standard:|custom:)?[a-z][a-z-]+\)$).*)$"
            ),
        ),
        ("detekt", pattern!(r"^(\S+\.kts?):([0-9]+):([0-9]+): (\S.* \[[A-Z][[:word:]]+\])$")),
    ];
    forms.into_iter().find_map(|(tool, form)| {
        let hit = form.captures(content)?;
        let column = hit.get(3).map(|it| it.as_str());
        Some((tool, Location::new(&hit[1], Some(&hit[2]), column), hit.get(4)?.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn each_linter_points_to_a_line() {
        for (tool, line) in [
            (
                "checkstyle",
                "[ant:checkstyle] [ERROR] /w/Store.java:12:5: Missing. [MissingJavadoc]\n",
            ),
            ("checkstyle", "[ERROR] src/Store.java:[12,5] (whitespace) WhitespaceAround: no.\n"),
            (
                "pmd",
                "[ERROR] PMD Failure: com.acme.Store:12 Rule:UnusedLocalVariable Priority:3 no.\n",
            ),
            (
                "spotbugs",
                "[ERROR] High: Null pointer [com.acme.Store] At Store.java:[line 12] NP_ALWAYS_NULL\n",
            ),
            ("ktlint", "/w/Store.kt:12:5: Unexpected blank line(s) (standard:no-blank)\n"),
            ("detekt", "/w/Store.kt:12:5: Too long. [LongMethod]\n"),
        ] {
            let found = found_by(tool, line);
            assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(12), "{line}");
        }
    }

    #[test]
    fn a_compiler_is_no_linter() {
        let text = "/w/Store.java:12: error: cannot find symbol\n[WARN] You have 0 Checkstyle violations\n";
        assert!(found_by("checkstyle", text).is_empty());
    }
}
