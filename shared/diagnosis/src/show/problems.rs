//! A diagnosis as a list of problems, each with its place if known, for SARIF, a pull request's
//! diff and an editor.

use crate::contract::{Annotation, Diagnosis, FailedTest, Location, Quote};

use super::in_repository;

/// One problem to fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedProblem {
    /// The kind of complaint, the same on every run: `rustc`, `pytest/failed-test`.
    pub rule: String,
    /// The subject in a few words.
    pub title: String,
    /// May have several lines.
    pub message: String,
    /// `None` outside of the repository, or if the log names no place.
    pub place: Option<RepoLocation>,
    /// The headline reports this problem.
    pub is_headline: bool,
}

/// A place in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoLocation {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// Counted from 1.
    pub line: Option<u32>,
    /// Counted from 1; only with a line.
    pub column: Option<u32>,
}

impl RepoLocation {
    /// Returns the place of a location, if it is in the repository.
    #[must_use]
    pub fn of(location: &Location) -> Option<Self> {
        let line = location.line.filter(|line| *line > 0);
        let column = location.column.filter(|column| *column > 0 && line.is_some());
        Some(Self { path: in_repository(&location.file)?, line, column })
    }
}

/// Returns the problems, the headline's first. A test and a complaint about the same line are one
/// problem. If there is only a headline, it is the problem; without one there is none.
#[must_use]
pub fn problems(diagnosis: &Diagnosis) -> Vec<ReportedProblem> {
    let framework = diagnosis.framework.as_deref();
    let mut found: Vec<ReportedProblem> = diagnosis
        .failed_test_details
        .iter()
        .map(|test| of_test(test, framework, diagnosis.headline.as_ref()))
        .collect();
    let of_tests: Vec<RepoLocation> =
        found.iter().filter_map(|problem| problem.place.clone()).collect();
    let others = diagnosis
        .annotations
        .iter()
        .map(|annotation| of_annotation(annotation, diagnosis.headline.as_ref()));
    found.extend(others.filter(|other| !of_tests.iter().any(|place| is_same(place, other))));
    if let (true, Some(headline)) = (found.is_empty(), &diagnosis.headline) {
        found.push(of_headline(headline, diagnosis));
    }
    found.sort_by_key(|problem| !problem.is_headline);
    found
}

fn is_same(place: &RepoLocation, other: &ReportedProblem) -> bool {
    other.place.as_ref().is_some_and(|it| it.path == place.path && it.line == place.line)
}

fn of_test(
    test: &FailedTest,
    framework: Option<&str>,
    headline: Option<&Quote>,
) -> ReportedProblem {
    let test_message = test.message.as_deref().filter(|message| !message.trim().is_empty());
    let is_headline = headline.is_some_and(|headline| {
        headline.text.contains(&test.name)
            || test_message.is_some_and(|test_message| headline.text.contains(test_message))
    });
    let mut message = test_message.unwrap_or("The test fails.").to_owned();
    for (what, value) in [("expected", &test.expected), ("actual", &test.actual)] {
        if let Some(value) = value {
            message.push_str(&format!("\n{what}: {value}"));
        }
    }
    ReportedProblem {
        rule: format!("{}/failed-test", framework.unwrap_or("tests")),
        title: format!("{} fails", test.name),
        message,
        place: test.location.as_ref().and_then(RepoLocation::of),
        is_headline,
    }
}

fn of_annotation(annotation: &Annotation, headline: Option<&Quote>) -> ReportedProblem {
    ReportedProblem {
        rule: annotation.tool.clone(),
        title: annotation.tool.clone(),
        message: annotation.message.clone(),
        place: RepoLocation::of(&annotation.location),
        is_headline: headline.is_some_and(|headline| headline.line == annotation.log_line),
    }
}

fn of_headline(headline: &Quote, diagnosis: &Diagnosis) -> ReportedProblem {
    ReportedProblem {
        rule: diagnosis.framework.clone().unwrap_or_else(|| diagnosis.category.to_string()),
        title: diagnosis.category.words().to_owned(),
        message: headline.text.trim().to_owned(),
        place: None,
        is_headline: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::samples;

    #[test]
    fn a_failed_test_is_one_problem_though_its_tool_annotates_it_too() {
        let found = problems(&samples::failed_test());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rule, "pytest/failed-test");
        assert_eq!(found[0].message, "assert None == []\nexpected: []\nactual: None");
        assert!(found[0].is_headline);
    }

    #[test]
    fn what_the_headline_says_comes_first() {
        let mut diagnosis = samples::compile_errors(3);
        diagnosis.headline = Some(samples::quote(30, "error"));
        let lines: Vec<_> =
            problems(&diagnosis).into_iter().map(|it| it.place.and_then(|at| at.line)).collect();
        assert_eq!(lines, [Some(3), Some(1), Some(2)]);
    }

    #[test]
    fn a_headline_alone_is_a_problem_and_nothing_is_none() {
        let mut diagnosis = samples::compile_errors(0);
        diagnosis.framework = None;
        let found = problems(&diagnosis);
        assert_eq!((found.len(), found[0].rule.as_str()), (1, "compile_error"));
        assert_eq!(problems(&samples::nothing()), []);
    }
}
