//! pytest: its sections of failures and errors.
//!
//! ```text
//! =================================== FAILURES ===================================
//! __________________________ TestParse.test_empty[utf-8] _________________________
//!
//!     def test_empty(self):
//! >       assert parse("") == []
//! E       assert None == []
//!
//! tests/test_parse.py:5: AssertionError
//! ----------------------------- Captured stdout call -----------------------------
//! =========================== short test summary info ============================
//! FAILED tests/test_parse.py::TestParse::test_empty[utf-8] - assert None == []
//! ```
//!
//! - A block's heading holds the test's name without its file. The node id comes from the short
//!   summary if there is one, else from the first place in the block.
//! - The headline is the first of the last exception's `E` lines: the exception that was raised,
//!   not the one it replaced. An exception without a message gives way to its next line.
//! - A module that can't be collected is a finding, but no failed test.
//!
//! `pytest_lines` reads pytest's one-line messages.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::{Category, FailedTest, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "pytest", triggers: &["= FAILURES =", "= ERRORS ="], look: section };

/// Node ids of the short summary, by the name in a heading.
type Ids = HashMap<String, VecDeque<String>>;

fn section(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(title) = banner(log.content(at)).filter(|title| is_failures(title)) else { return };
    let end =
        (at + 1..log.len()).find(|&line| ends_section(log.content(line))).unwrap_or(log.len());
    let mut ids = ids_after(log, end, title);
    let headings: Vec<usize> =
        (at + 1..end).filter(|&line| heading(log.content(line)).is_some()).collect();
    for (nth, &start) in headings.iter().enumerate() {
        let stop = headings.get(nth + 1).copied().unwrap_or(end);
        found.extend(block(log, start..stop, &mut ids));
    }
    if headings.is_empty() {
        found.extend((at + 1..end).filter_map(|line| one_liner(log, line)));
    }
}

/// Returns the title in `==== title ====`.
pub(super) fn banner(line: &str) -> Option<&str> {
    let hit = pattern!(r"^={1,} (.+?) ={1,}$").captures(line)?;
    hit.get(1).map(|title| title.as_str())
}

fn is_failures(title: &str) -> bool {
    matches!(title, "FAILURES" | "ERRORS")
}

/// Matches pytest's own banners; captured output may print others.
fn ends_section(line: &str) -> bool {
    if line.starts_with("##[") || line.starts_with("!!!!!") {
        return line.starts_with("##[group]Run ")
            || line.starts_with("##[error]Process completed")
            || line.ends_with("!!!!!");
    }
    pattern!(
        r"^(?:={1,} (?:FAILURES|ERRORS|PASSES|XFAILURES|XPASSES|test session starts|warnings summary.*|short test summary info|rerun test summary info|slowest .*|tests coverage|(?:[0-9]+ [a-z]+,? ?)+ in [0-9.]+ ?s.*|no tests ran.*) ={1,}|-{3,} (?:coverage:|generated xml file|snapshot report summary|Docs:).*|_{3,} coverage: .*)$"
    )
    .is_match(line)
}

/// Returns the name in `____ name ____`; the `_ _ _` between two frames does not match.
fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix('_')?.strip_suffix('_')?.trim_matches('_');
    let name = name.strip_prefix(' ')?.strip_suffix(' ')?;
    let blank = name.bytes().all(|byte| byte == b'_' || byte == b' ');
    (!blank && !name.starts_with("coverage: ")).then_some(name)
}

/// Returns the ids in the short summary of the same session.
///
/// The search stops at the next section of the same kind, so that a log of nothing but sections is
/// read once, not once per section.
fn ids_after(log: &Log, from: usize, title: &str) -> Ids {
    let mut ids = Ids::new();
    for line in from..log.len() {
        let content = log.content(line);
        if let Some(id) = node_id(content).filter(|id| id.contains("::")) {
            ids.entry(dotted(id)).or_default().push_back(id.to_owned());
        } else if ends_session(content, title) {
            break;
        }
    }
    ids
}

fn ends_session(line: &str, title: &str) -> bool {
    line.starts_with("##[group]Run ")
        || line.starts_with("##[error]Process completed")
        || banner(line).is_some_and(|banner| {
            banner == title
                || banner == "test session starts"
                || (title == "FAILURES" && banner == "ERRORS")
        })
}

/// Returns the node id in a line of the short summary: `FAILED tests/a.py::test_b[x - y] -
/// message`.
pub(super) fn node_id(line: &str) -> Option<&str> {
    let rest = ["FAILED ", "ERROR ", "SUBFAIL ", "SUBFAILED ", "SUBFAILED"]
        .iter()
        .find_map(|word| line.strip_prefix(word))?;
    let rest = rest.trim_start();
    let whole = |id: &&str| id.matches('[').count() == id.matches(']').count();
    let ends = rest.match_indices(" - ").map(|(end, _)| &rest[..end]).chain([rest]);
    let id = ends.clone().take(20).find(whole).or_else(|| ends.clone().next())?.trim_end();
    let path = id.split("::").next().unwrap_or(id);
    let is_path = !path.contains(' ') && (path.contains('/') || path.contains('.'));
    (is_path && !path.ends_with(':')).then_some(id)
}

/// Returns a node id in the notation of headings: `TestA.test_b[x]`.
fn dotted(id: &str) -> String {
    let name = id.split_once("::").map_or(id, |(_, name)| name);
    let (name, parameters) = name.split_at(name.find('[').unwrap_or(name.len()));
    format!("{}{parameters}", name.replace("::", "."))
}

/// The subject of a block.
enum PytestSubject<'a> {
    /// A test by the name in its heading.
    Test(&'a str),
    /// An example in a document or docstring.
    Doctest(&'a str),
    /// A file that could not be imported.
    Module(&'a str),
}

fn subject(name: &str) -> PytestSubject<'_> {
    if let Some(file) = name.strip_prefix("ERROR collecting ") {
        return PytestSubject::Module(file);
    }
    if let Some(name) = name.strip_prefix("[doctest] ") {
        return PytestSubject::Doctest(name);
    }
    let stages = ["ERROR at setup of ", "ERROR at teardown of "];
    PytestSubject::Test(stages.iter().find_map(|stage| name.strip_prefix(stage)).unwrap_or(name))
}

fn block(log: &Log, lines: Range<usize>, ids: &mut Ids) -> Option<Finding> {
    let title = heading(log.content(lines.start))?;
    // A fixture may need something that the machine lacks, not the code.
    let in_fixture = title.starts_with("ERROR at ");
    let subject = subject(title);
    let own = lines.start..captured_from(log, &lines);
    let line = telling(log, &own)?;
    let message = words(log.content(line));
    let places: Vec<Location> = own.clone().filter_map(|at| place(log.content(at))).collect();
    let location = places.iter().rev().find(|place| !trace::is_library(&place.file)).cloned();
    let location = location.or_else(|| trace::innermost(own.clone().map(|at| log.content(at))));
    let location = location.or_else(|| match subject {
        PytestSubject::Module(file) => Some(Location::new(file, None, None)),
        PytestSubject::Test(_) | PytestSubject::Doctest(_) => None,
    });
    let category = category(log, &own, message, &subject);
    let finding = Finding::new("pytest", category, Strength::Cause, line, message)
        .with_block(without_blank_end(log, lines))
        .at(location.clone());
    let finding = if in_fixture { finding.with_verdict(Verdict::Investigate) } else { finding };
    let test = match subject {
        PytestSubject::Module(_) => return Some(finding),
        PytestSubject::Test(name) => id_of(name, ids)
            .unwrap_or_else(|| built_id(name, places.first(), |name| name.replace('.', "::"))),
        PytestSubject::Doctest(name) => {
            id_of(name, ids).unwrap_or_else(|| built_id(name, places.last(), str::to_owned))
        }
    };
    let (actual, expected) = compared(message);
    Some(finding.with_test(
        FailedTest::named(&test).saying(message).at(location).comparing(expected, actual),
    ))
}

fn without_blank_end(log: &Log, lines: Range<usize>) -> Range<usize> {
    let last = lines.clone().rev().find(|&at| !log.content(at).trim().is_empty());
    lines.start..last.map_or(lines.end, |last| last + 1)
}

fn id_of(name: &str, ids: &mut Ids) -> Option<String> {
    if let Some(id) = ids.get_mut(name).and_then(VecDeque::pop_front) {
        return Some(id);
    }
    // A subtest's heading holds its values after the name.
    let test = name.split([' ', '(']).next().unwrap_or(name);
    ids.get(test).and_then(|same| same.front()).cloned()
}

fn built_id(name: &str, place: Option<&Location>, path: impl Fn(&str) -> String) -> String {
    let (name, parameters) = name.split_at(name.find('[').unwrap_or(name.len()));
    let name = format!("{}{parameters}", path(name));
    match place.filter(|place| !trace::is_library(&place.file)) {
        Some(place) => format!("{}::{name}", place.file),
        None => name,
    }
}

/// Returns the start of the captured output, which may hold unrelated tracebacks.
fn captured_from(log: &Log, lines: &Range<usize>) -> usize {
    let captured = |&at: &usize| {
        pattern!(r"^-{2,} ?(?:Captured|live) [a-z]+ ?[a-z]* ?-{2,}$").is_match(log.content(at))
    };
    lines.clone().find(captured).unwrap_or(lines.end)
}

/// Returns the text of an `E` line without the mark.
fn after_mark(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('E')?;
    (rest.is_empty() || rest.starts_with("  ")).then(|| rest.trim_start())
}

fn words(line: &str) -> &str {
    after_mark(line).unwrap_or(line)
}

/// Returns the most informative line of a block.
fn telling(log: &Log, own: &Range<usize>) -> Option<usize> {
    let marked: Vec<usize> =
        own.clone().filter(|&at| after_mark(log.content(at)).is_some()).collect();
    if !marked.is_empty() {
        return raised(log, last_run(&marked));
    }
    let ends = pattern!(r"^(?:UNEXPECTED EXCEPTION: |.+:[0-9]+: DocTestFailure$)");
    own.clone().find(|&at| ends.is_match(log.content(at))).or_else(|| {
        let traceback = own.clone().rev().find(|&at| log.content(at).starts_with("Traceback "))?;
        (traceback..own.end).find(|&at| trace::is_exception(log.content(at)))
    })
}

/// Returns the longest run of consecutive numbers at the end.
fn last_run(marked: &[usize]) -> &[usize] {
    let breaks = marked.windows(2).rposition(|pair| pair[0] + 1 != pair[1]);
    &marked[breaks.map_or(0, |at| at + 1)..]
}

fn raised(log: &Log, run: &[usize]) -> Option<usize> {
    let words = |at: usize| words(log.content(at));
    let starts = |&at: &usize| trace::is_exception(words(at)) || words(at).starts_with("assert ");
    let has_words = |&at: &usize| !words(at).is_empty();
    let first = run.iter().position(starts).or(run.iter().position(has_words))?;
    let content =
        run[first..].iter().copied().find(|at| has_words(at) && !trace::is_bare(words(*at)));
    content.or(Some(run[first]))
}

fn category(log: &Log, own: &Range<usize>, message: &str, subject: &PytestSubject<'_>) -> Category {
    const SNAPSHOTS: [&str; 5] =
        ["[- snapshot]", "[+ received]", "in snapshot ", "FILES DIFFER", "images not close"];
    let timeout = pattern!(r"^Failed: Timeout (?:>|\(>)");
    let shows_snapshot = |at: usize| {
        let content = log.content(at);
        after_mark(content).is_some() && SNAPSHOTS.iter().any(|sign| content.contains(sign))
    };
    if timeout.is_match(message) || trace::category(message) == Some(Category::TimeoutOrOom) {
        Category::TimeoutOrOom
    } else if matches!(subject, PytestSubject::Module(_)) && lacks_package(log, own, message) {
        Category::DependencyInstall
    } else if matches!(subject, PytestSubject::Module(_)) && trace::is_unloadable(message) {
        Category::CompileError
    } else if own.clone().any(shows_snapshot) {
        Category::SnapshotDiff
    } else {
        Category::TestAssertion
    }
}

/// Returns `true` if a module can't be collected because a package is missing. A missing part of an
/// installed package, or a name from the project's own paths, is a defect of the code.
fn lacks_package(log: &Log, own: &Range<usize>, message: &str) -> bool {
    let form = pattern!(r"^ModuleNotFoundError: No module named '([A-Za-z0-9_]+)'");
    let Some(hit) = form.captures(message) else { return false };
    let name = &hit[1];
    let is_path = |place: Location| place.file.split(['/', '\\', '.']).any(|part| part == name);
    !own.clone().filter_map(|at| place(log.content(at))).any(is_path)
}

/// Parses `tests/a.py:12: AssertionError` and `tests/a.py:12: in test_b`.
fn place(line: &str) -> Option<Location> {
    let hit = pattern!(r"^(\S[^:]*(?::[\\/][^:]*)?\.(?:pyx?|rst|txt|md|ipynb)):([0-9]+):(?: |$)")
        .captures(line)?;
    Some(Location::new(&hit[1], Some(&hit[2]), None))
}

/// Returns both sides of `assert a == b`: pytest shows the left one first, and most people write
/// the actual value on the left.
pub(super) fn compared(message: &str) -> (Option<&str>, Option<&str>) {
    let message = message.strip_prefix("AssertionError: ").unwrap_or(message);
    let sides = message.strip_prefix("assert ").and_then(|sides| sides.split_once(" == "));
    match sides {
        Some((left, right)) if !right.contains(" == ") => (Some(left), Some(right)),
        _ => (None, None),
    }
}

/// Reads a failure under `--tb=line`: place and message.
fn one_liner(log: &Log, at: usize) -> Option<Finding> {
    let content = log.content(at);
    let location = place(content)?;
    let message = content.split_once(": ")?.1;
    let finding = Finding::new("pytest", Category::TestAssertion, Strength::Cause, at, message);
    Some(finding.at(Some(location)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            section(&log, at, &mut found);
        }
        found
    }

    const FAILED: &str = "\
============================= test session starts ==============================
tests/test_parse.py F                                                    [100%]

=================================== FAILURES ===================================
________________________ TestParse.test_empty[a - b.c] _________________________
[gw0] linux -- Python 3.12.1 /usr/bin/python

self = <TestParse>

    def test_empty(self, sep):
>       assert parse(\"\") == []
E       AssertionError: assert None == []
E        +  where None = parse('')

tests/test_parse.py:5: AssertionError
----------------------------- Captured stdout call -----------------------------
E   KeyError: 'not this'
=========================== short test summary info ============================
FAILED tests/test_parse.py::TestParse::test_empty[a - b.c] - AssertionError: assert None == []
========================= 1 failed, 2 passed in 0.02s ==========================
";

    #[test]
    fn a_failure_has_its_message_place_and_node_id() {
        let found = look(FAILED);
        assert_eq!(found.len(), 1);
        let failure = &found[0];
        assert_eq!(failure.message, "AssertionError: assert None == []");
        assert_eq!((failure.line, failure.block.clone()), (11, 4..17));
        let test = &failure.tests[0];
        assert_eq!(test.name, "tests/test_parse.py::TestParse::test_empty[a - b.c]");
        assert_eq!(test.location.as_ref().and_then(|place| place.line), Some(5));
        assert_eq!((test.actual.as_deref(), test.expected.as_deref()), (Some("None"), Some("[]")));
    }

    #[test]
    fn without_a_summary_the_place_completes_the_name() {
        let text = FAILED.split("=========================== short").next().unwrap_or_default();
        let name = &look(text)[0].tests[0].name;
        assert_eq!(name, "tests/test_parse.py::TestParse::test_empty[a - b.c]");
    }

    #[test]
    fn the_exception_that_was_raised_explains_and_not_the_one_it_came_from() {
        let found = look(
            "\
= FAILURES =
_ test_a _
E       KeyError: 'x'

a.py:3: KeyError

During handling of the above exception, another exception occurred:
_ _ _ _ _ _ _ _ _
E       AssertionError: 
E       Not equal to tolerance rtol=1e-05
E       
E       Mismatched elements: 1 / 1

test_a.py:9: AssertionError
",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "Not equal to tolerance rtol=1e-05");
    }

    #[test]
    fn modules_that_cannot_be_collected_are_no_tests() {
        let found = look(
            "\
==================================== ERRORS ====================================
____________________ ERROR collecting tests/test_a.py _____________________
tests/test_a.py:1: in <module>
    import a
E     File \"/w/a.py\", line 1
E       x = when
E           ^
E   SyntaxError: invalid syntax
____________________ ERROR collecting tests/test_b.py _____________________
E   ModuleNotFoundError: No module named 'b.c'
____________________ ERROR collecting tests/test_c.py _____________________
tests/test_c.py:1: in <module>
E   ModuleNotFoundError: No module named 'dateutil'
!!!!!!!!!!!!!!!!!!! Interrupted: 2 errors during collection !!!!!!!!!!!!!!!!!!!!
",
        );
        let kinds: Vec<Category> = found.iter().map(|finding| finding.category).collect();
        assert_eq!(
            kinds,
            [Category::CompileError, Category::CompileError, Category::DependencyInstall]
        );
        assert!(found.iter().all(|finding| finding.tests.is_empty()));
        assert_eq!(found[0].message, "SyntaxError: invalid syntax");
    }

    #[test]
    fn setup_errors_doctests_timeouts_and_snapshots() {
        let found = look(
            "\
= ERRORS =
_ ERROR at setup of test_orders _
test_orders.py:3: in db
E   sqlite3.OperationalError: unable to open database file
= FAILURES =
_ [doctest] usage.rst _
003     >>> f(1)
Expected:
    2
Got:
    3

/w/doc/usage.rst:3: DocTestFailure
_ test_slow _
E       Failed: Timeout >1.0s
test_slow.py:4: Failed
_ test_card _
E       AssertionError: assert [+ received] == [- snapshot]
test_card.py:4: AssertionError
= short test summary info =
FAILED doc/usage.rst::usage.rst
ERROR test_orders.py::test_orders - sqlite3.OperationalError: unable to...
",
        );
        let got: Vec<(&str, Category)> =
            found.iter().map(|one| (one.tests[0].name.as_str(), one.category)).collect();
        assert_eq!(
            got,
            [
                ("test_orders.py::test_orders", Category::TestAssertion),
                ("doc/usage.rst::usage.rst", Category::TestAssertion),
                ("test_slow.py::test_slow", Category::TimeoutOrOom),
                ("test_card.py::test_card", Category::SnapshotDiff),
            ]
        );
    }

    #[test]
    fn a_banner_of_another_program_is_no_section() {
        assert!(look("== FAILURES ==x\n== ERRORS: 0 ==\nnothing = FAILURES = here\n").is_empty());
        assert!(look("=== FAILURES ===\n_ _ _ _\n==== 3 passed in 0.1s ====\n").is_empty());
    }
}
