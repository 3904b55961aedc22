//! Surefire's list at the end of a module.
//!
//! ```text
//! [ERROR] Failures:
//! [ERROR]   StoreTest.opens:41 expected: <2> but was: <3>
//! [ERROR] Errors:
//! [ERROR]   StoreTest>BaseTest.setUp:12->connect:30 » IllegalState
//! [WARNING] Flakes:
//! [WARNING] com.acme.StoreTest.closes
//! [ERROR]   Run 1: StoreTest.closes:50 expected: <1> but was: <2>
//! [INFO]   Run 2: PASS
//! ```
//!
//! Old versions wrote `Failed tests:` and `Tests in error:`, with the first name on the same line.
//! A flake failed first and passed when retried: earlier findings about it are withdrawn.

use super::surefire::TOOL;
use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "surefire summary",
    triggers: &["Failures:", "Errors:", "Failed tests:", "Tests in error:", "Flakes:"],
    look,
};

/// Longer lists add nothing.
const LONGEST: usize = 400;

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = without_markers(log.content(at)).trim();
    match content {
        "Flakes:" => withdraw(log, at, found),
        "Failures:" | "Errors:" if log.content(at).starts_with("[ERROR]") => {
            list(log, at, at + 1, found);
        }
        _ if content.starts_with("Failed tests:") || content.starts_with("Tests in error:") => {
            list(log, at, at, found);
        }
        _ => {}
    }
}

fn without_markers(content: &str) -> &str {
    ["[ERROR] ", "[WARNING] ", "[INFO] "]
        .iter()
        .find_map(|mark| content.strip_prefix(mark))
        .unwrap_or(content)
}

fn list(log: &Log, heading: usize, first: usize, found: &mut Vec<Finding>) {
    let end = log.block(heading, LONGEST, ends_list).end;
    let mut listed = Vec::new();
    for line in first..end {
        let entry = without_markers(log.content(line)).trim();
        let entry = entry
            .split_once("tests: ")
            .or(entry.split_once("error: "))
            .map_or(entry, |(title, rest)| if title.len() < 10 { rest.trim() } else { entry });
        if let Some((name, location)) = entry_of(entry) {
            let test = FailedTest::named(&fuller(&name, found)).saying(entry).at(location);
            listed.push(
                Finding::new(TOOL, Category::TestAssertion, Strength::Summary, line, entry)
                    .with_test(test),
            );
        }
    }
    found.append(&mut listed);
}

fn ends_list(line: &str) -> bool {
    let bare = without_markers(line).trim();
    bare.is_empty()
        || line.starts_with("[INFO]") && !bare.starts_with("Run ")
        || bare.starts_with("Tests run: ")
        || matches!(bare, "Failures:" | "Errors:" | "Flakes:")
        || bare.starts_with("Tests in error:")
}

/// Returns the test of an entry, and its place if the entry has a line number.
fn entry_of(entry: &str) -> Option<(String, Option<Location>)> {
    let old = pattern!(
        r"^([[:word:]$][^\s(]*(?:\[.*?\])?)\(((?:[a-z_][[:word:]$]*\.)+[A-Z][[:word:]$]*)\)(?::|$)"
    );
    if let Some(hit) = old.captures(entry) {
        return Some((format!("{}.{}", &hit[2], &hit[1]), None));
    }
    let new = pattern!(
        r"^((?:[a-z_][[:word:]$]*\.)*[A-Z][[:word:]$]*)(?:>[[:word:]$]+)?\.([[:word:]$]+(?:\(.*?\))?(?:\{.*?\})?(?:\[.*?\])?)(?::([0-9]+))?(?:->\S+)*(?: .*|)$"
    );
    let hit = new.captures(entry)?;
    if hit.get(3).is_none()
        && entry.contains(' ')
        && !entry.contains(" » ")
        && !entry.contains("->")
    {
        return None;
    }
    let class = hit[1].rsplit('.').next().unwrap_or_default();
    let file = format!("{}.java", class.split('$').next().unwrap_or(class));
    let place = hit.get(3).map(|line| Location::new(&file, Some(line.as_str()), None));
    Some((format!("{}.{}", &hit[1], &hit[2]), place))
}

/// Returns the name with its package, if the test failed earlier in the log.
fn fuller(name: &str, found: &[Finding]) -> String {
    const RECENT: usize = 500;
    let suffix = format!(".{name}");
    found
        .iter()
        .rev()
        .take(RECENT)
        .filter(|finding| finding.tool == TOOL)
        .flat_map(|finding| &finding.tests)
        .find(|test| test.name.ends_with(&suffix))
        .map_or_else(|| name.to_owned(), |test| test.name.clone())
}

fn withdraw(log: &Log, at: usize, found: &mut Vec<Finding>) {
    for line in log.block(at, LONGEST, ends_flakes).skip(1) {
        let name = without_markers(log.content(line)).trim();
        if !pattern!(r"^(?:[a-z_][[:word:]$]*\.)+[A-Z][[:word:]$]*\.\S+$|^\S+\(\S+\)$")
            .is_match(name)
        {
            continue;
        }
        let name = entry_of(name).map_or_else(|| name.to_owned(), |(name, _)| name);
        let named = |finding: &Finding| finding.tests.iter().any(|test| test.name == name);
        found.retain(|finding| finding.tool != TOOL || !named(finding));
    }
}

fn ends_flakes(line: &str) -> bool {
    let bare = without_markers(line).trim();
    bare.starts_with("Tests run: ") || matches!(bare, "Failures:" | "Errors:" | "Flakes:")
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    fn names(text: &str) -> Vec<String> {
        let found = found_by("surefire", text);
        found.iter().flat_map(|one| &one.tests).map(|test| test.name.clone()).collect()
    }

    #[test]
    fn new_lists_name_class_and_method() {
        let text = "[ERROR] Failures: \n[ERROR]   StoreTest.opens:41 expected: <2> but was: <3>\n[ERROR] Errors: \n[ERROR]   StoreTest>BaseTest.sets:12->connect:30 » IllegalState\n[INFO] \n";
        assert_eq!(names(text), ["StoreTest.opens", "StoreTest.sets"]);
    }

    #[test]
    fn old_lists_begin_on_the_headings_line() {
        let text = "Failed tests:   opens(com.acme.StoreTest): expected:<1> but was:<2>\n  closes(com.acme.StoreTest)\n\nTests run: 2, Failures: 2\n";
        assert_eq!(names(text), ["com.acme.StoreTest.opens", "com.acme.StoreTest.closes"]);
    }

    #[test]
    fn a_test_seen_before_keeps_its_name() {
        let text = "[ERROR] com.acme.StoreTest.opens -- Time elapsed: 0.02 s <<< FAILURE!\njava.lang.AssertionError\n\n[ERROR] Failures: \n[ERROR]   StoreTest.opens:41\n[INFO] \n";
        assert_eq!(names(text), ["com.acme.StoreTest.opens", "com.acme.StoreTest.opens"]);
    }

    #[test]
    fn a_flake_is_withdrawn() {
        let text = "[ERROR] com.acme.StoreTest.opens -- Time elapsed: 0.02 s <<< FAILURE!\njava.lang.AssertionError\n\n[WARNING] Flakes: \n[WARNING] com.acme.StoreTest.opens\n[ERROR]   Run 1: StoreTest.opens:41\n[INFO]   Run 2: PASS\n[INFO] \n";
        assert!(names(text).is_empty());
        assert!(found_by("surefire", text).is_empty());
    }

    #[test]
    fn others_have_such_words_too() {
        assert!(names("Errors: 0\nFailures: none\n[INFO] Failures: 3\n").is_empty());
    }
}
