//! Linters: ruff, flake8, pylint, and others that print a place, a code and a sentence.
//!
//! ```text
//! ./report.py:6:12: F821 undefined name 'titel'                      flake8
//! app.py:1:8: F401 [*] `os` imported but unused                      ruff, concise
//! F401 [*] `os` imported but unused                                  ruff, full
//!  --> app.py:1:8
//! src/a.py:12:0: C0114: Missing module docstring (missing-module-docstring)
//! ```
//!
//! ruff uses flake8's form and codes. It begins a sentence with a capital or with a name in
//! backticks; pycodestyle and pyflakes do not.

use super::super::{Recognizer, pattern};
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const COMPLAINTS: Recognizer =
    Recognizer { name: "flake8", triggers: &[".py:", ".pyi:", ".ipynb:"], look: complaint };

pub(super) const TOTALS: Recognizer = Recognizer {
    name: "ruff totals",
    triggers: &["Found ", "Your code has been rated at ", "fixable with the"],
    look: total,
};

fn complaint(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    found.extend(
        coded(log, at, content)
            .or_else(|| pylint(at, content))
            .or_else(|| framed(log, at, content)),
    );
}

/// flake8's form.
fn coded(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let form = pattern!(
        r"^\s*((?:[A-Za-z]:)?[^\s:][^:]*\.(?:pyi?|ipynb)(?::cell [0-9]+)?):([0-9]+):(?:([0-9]+):)? ([A-Z]{1,7}[0-9]{1,5}|invalid-syntax:?|SyntaxError:) (\[\*\] )?(.+)$"
    );
    let hit = form.captures(content)?;
    let tool = speaker(&hit[4], hit.get(5).is_some(), &hit[6]);
    let message = format!("{} {}", &hit[4], &hit[6]);
    let location = Location::new(&hit[1], Some(&hit[2]), hit.get(3).map(|it| it.as_str()));
    let frame = log.block(at, 15, |line| !is_frame(line));
    Some(
        Finding::new(tool, Category::LintError, Strength::Cause, at, &message)
            .with_block(frame)
            .at(Some(location)),
    )
}

fn speaker(code: &str, fixable: bool, sentence: &str) -> &'static str {
    let family = code.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let ruffs_own =
        fixable || sentence.contains('`') || !code.ends_with(|c: char| c.is_ascii_digit());
    let shared = matches!(family, "E" | "F" | "W" | "C")
        && sentence.starts_with(|c: char| c.is_ascii_uppercase());
    if ruffs_own || shared || family == "RUF" { "ruff" } else { "flake8" }
}

/// Matches a line of the code frame below a complaint.
fn is_frame(line: &str) -> bool {
    pattern!(r"^\s*(?:[0-9]+ )?\s*(?:\||= help:|help: )").is_match(line)
}

fn pylint(at: usize, content: &str) -> Option<Finding> {
    let now = pattern!(r"^\s*(\S[^:]*\.pyi?):([0-9]+):([0-9]+): ([CREFWI][0-9]{4}: .+)$");
    let once =
        pattern!(r"^\s*(\S[^:]*\.pyi?):([0-9]+):() (\[[CREFWI][0-9]{4}\([a-z-]+\), [^\]]*\] .+)$");
    let hit = now.captures(content).or_else(|| once.captures(content))?;
    let location = Location::new(&hit[1], Some(&hit[2]), Some(&hit[3]));
    let finding = Finding::new("pylint", Category::LintError, Strength::Cause, at, &hit[4]);
    Some(finding.at(Some(location)))
}

/// Reads ruff's full form: the complaint stands above its place.
fn framed(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let place = pattern!(r"^\s*--> (\S[^:]*\.(?:pyi?|ipynb)(?::cell [0-9]+)?):([0-9]+):([0-9]+)$");
    let place = place.captures(content)?;
    let above = at.checked_sub(1)?;
    let code =
        pattern!(r"^(?:[A-Z]{1,7}[0-9]{1,5}|invalid-syntax|[a-z]+(?:-[a-z]+)+:?) (?:\[\*\] )?\S");
    let message = log.content(above).strip_prefix("error: ").unwrap_or(log.content(above));
    code.is_match(message).then(|| {
        Finding::new("ruff", Category::LintError, Strength::Cause, above, message)
            .with_block(above..log.block(at, 20, |line| line.trim().is_empty()).end)
            .at(Some(Location::new(&place[1], Some(&place[2]), Some(&place[3]))))
    })
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_end();
    let ruff = pattern!(
        r"^(?:Found [1-9][0-9]* errors?(?: \([0-9]+ fixed, [1-9][0-9]* remaining\))?\.|\[\*\] [1-9][0-9]* fixable with the .+)$"
    );
    let pylint = pattern!(r"^Your code has been rated at -?[0-9.]+/10");
    if ruff.is_match(content) {
        found.push(Finding::new("ruff", Category::LintError, Strength::Summary, at, content));
    } else if pylint.is_match(content) && !content.contains("10.00/10") {
        found.push(Finding::new("pylint", Category::LintError, Strength::Echo, at, content));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            complaint(&log, at, &mut found);
            total(&log, at, &mut found);
        }
        found
    }

    #[test]
    fn the_form_of_a_sentence_tells_who_speaks() {
        let found = look(
            "\
./report.py:6:12: F821 undefined name 'titel'
app.py:1:8: F401 [*] `os` imported but unused
app.py:2:101: E501 Line too long (120 > 100)
src/a.py:12:0: C0114: Missing module docstring (missing-module-docstring)
F841 Local variable `x` is assigned to but never used
 --> b.py:3:5
  |
3 |     x = 1
  |     ^

Found 4 errors.
",
        );
        let tools: Vec<&str> = found.iter().map(|one| &*one.tool).collect();
        assert_eq!(tools, ["flake8", "ruff", "ruff", "pylint", "ruff", "ruff"]);
        assert_eq!((found[4].line, found[4].block.clone()), (4, 4..9));
    }

    #[test]
    fn tracebacks_tests_and_clean_runs_are_left() {
        let text = "\
tests/test_a.py:12: AssertionError
tests/test_a.py::test_b PASSED
a.py:3: UserWarning: x
Found 0 errors.
Your code has been rated at 10.00/10
All checks passed!
";
        assert!(look(text).is_empty());
    }
}
