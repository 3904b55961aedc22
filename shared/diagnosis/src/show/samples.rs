//! Sample diagnoses for tests.

use super::Diagnosed;
use crate::contract::{
    Annotation, Category, Diagnosis, Excerpt, FailedTest, Location, Quote, Verdict,
};

/// Returns a typical failed test.
pub(crate) fn diagnosed() -> Diagnosed {
    Diagnosed { log: "job.log".to_owned(), diagnosis: failed_test() }
}

pub(crate) fn quote(line: u32, text: &str) -> Quote {
    Quote { line, text: text.to_owned() }
}

pub(crate) fn failed_test() -> Diagnosis {
    let test = FailedTest::named("tests/test_parse.py::test_empty")
        .saying("assert None == []")
        .at(Some(Location::new("tests/test_parse.py", Some("41"), None)))
        .comparing(Some("[]"), Some("None"));
    Diagnosis {
        category: Category::TestAssertion,
        verdict: Verdict::Fixable,
        confidence: 0.9,
        reason: "pytest names the assertion that failed".to_owned(),
        headline: Some(quote(812, "E       assert None == []")),
        evidence: vec![
            quote(812, "E       assert None == []"),
            quote(840, "FAILED tests/test_parse.py::test_empty - assert None == []"),
        ],
        excerpt: Excerpt {
            ranges: vec![(810, 812), (840, 840)],
            text: "810 | def test_empty():\n811 | >       assert parse(\"\") == []\n812 | E       assert None == []\n… 27 lines left out\n840 | FAILED tests/test_parse.py::test_empty - assert None == []\n".to_owned(),
        },
        failed_tests: vec![test.name.clone()],
        failed_test_details: vec![test],
        annotations: vec![Annotation {
            tool: "pytest".to_owned(),
            location: Location::new("tests/test_parse.py", Some("41"), None),
            message: "assert None == []".to_owned(),
            log_line: 812,
        }],
        signature: Some("00112233aabbccdd".to_owned()),
        framework: Some("pytest".to_owned()),
        job: Some("test (3.12)".to_owned()),
        step: Some(quote(700, "##[group]Run pytest")),
    }
}

/// Compilers complain about many places at once.
pub(crate) fn compile_errors(count: u32) -> Diagnosis {
    let annotation = |at: u32| Annotation {
        tool: "rustc".to_owned(),
        location: Location {
            file: "/home/runner/work/app/app/src/lib.rs".to_owned(),
            line: Some(at),
            column: Some(5),
        },
        message: "mismatched types".to_owned(),
        log_line: 10 * at,
    };
    Diagnosis {
        category: Category::CompileError,
        headline: Some(quote(10, "error[E0308]: mismatched types")),
        annotations: (1..=count).map(annotation).collect(),
        failed_tests: Vec::new(),
        failed_test_details: Vec::new(),
        framework: Some("rustc".to_owned()),
        ..failed_test()
    }
}

/// Returns the diagnosis of a log in which nothing looks like a failure.
pub(crate) fn nothing() -> Diagnosis {
    Diagnosis {
        category: Category::Unknown,
        verdict: Verdict::Investigate,
        confidence: 0.0,
        reason: "nothing in the log looks like a failure".to_owned(),
        headline: None,
        evidence: Vec::new(),
        excerpt: Excerpt::default(),
        failed_tests: Vec::new(),
        failed_test_details: Vec::new(),
        annotations: Vec::new(),
        signature: None,
        framework: None,
        job: None,
        step: None,
    }
}

/// Text that an attacker would print to reach a reader of the diagnosis.
pub(crate) const HOSTILE: &str = "\x1b[2J@acme/owners ``` <script>alert(1)</script> \u{202e}evil\u{2069} | [x](http://a.b) ::error::%0A <!-- ~~~~ </details>";

/// Returns a diagnosis whose texts are all hostile.
pub(crate) fn hostile() -> Diagnosis {
    let mut it = failed_test();
    it.headline = Some(quote(1, HOSTILE));
    it.evidence = vec![quote(1, HOSTILE)];
    it.reason = HOSTILE.to_owned();
    it.job = Some(HOSTILE.to_owned());
    it.framework = Some(HOSTILE.to_owned());
    it.excerpt.text = format!("1 | {HOSTILE}\n2 | ~~~~\n3 | ``````\n");
    let test = FailedTest::named(HOSTILE)
        .saying(&format!("{HOSTILE}\n{HOSTILE}"))
        .at(Some(Location::new(HOSTILE, Some("1"), None)))
        .comparing(Some(HOSTILE), Some(HOSTILE));
    it.failed_tests = vec![HOSTILE.to_owned()];
    it.failed_test_details = vec![test];
    it.annotations = vec![Annotation {
        tool: HOSTILE.to_owned(),
        location: Location::new(HOSTILE, Some("1"), None),
        message: HOSTILE.to_owned(),
        log_line: 1,
    }];
    it
}
