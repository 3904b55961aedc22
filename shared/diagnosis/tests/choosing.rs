//! Which of many errors in a log is the reason: each test is a log that misleads.

use greenline_diagnosis::{
    Category, Diagnosis, DiagnosisOptions, LogReader, PassingLines, Verdict, diagnose,
};

fn of(log: &str) -> Diagnosis {
    diagnose(log.as_bytes(), &DiagnosisOptions::default())
}

fn headline(diagnosis: &Diagnosis) -> &str {
    diagnosis.headline.as_ref().map_or("", |quote| quote.text.as_str())
}

fn step(run: &str, output: &str, exit: Option<u8>) -> String {
    let end = exit.map_or(String::new(), |code| {
        format!("##[error]Process completed with exit code {code}.\n")
    });
    format!(
        "##[group]Run {run}\n\x1b[36;1m{run}\x1b[0m\nshell: /usr/bin/bash -e {{0}}\n##[endgroup]\n{output}{end}"
    )
}

const PYTEST: &str = "\
============================= test session starts ==============================
collected 2 items

tests/test_parse.py .F                                                   [100%]

=================================== FAILURES ===================================
__________________________________ test_empty __________________________________

    def test_empty():
>       assert parse(\"\") == []
E       AssertionError: assert None == []
E        +  where None = parse('')

tests/test_parse.py:4: AssertionError
=========================== short test summary info ============================
FAILED tests/test_parse.py::test_empty - AssertionError: assert None == []
========================= 1 failed, 1 passed in 0.05s ==========================
";

#[test]
fn a_failed_test_is_named_with_its_assertion() {
    let diagnosis = of(&step("pytest", PYTEST, Some(1)));
    assert_eq!(diagnosis.category, Category::TestAssertion);
    assert_eq!(diagnosis.verdict, Verdict::Fixable);
    assert!(headline(&diagnosis).contains("assert None == []"));
    assert_eq!(diagnosis.failed_tests, ["tests/test_parse.py::test_empty"]);
    assert!(diagnosis.excerpt.text.contains("assert parse(\"\") == []"));
}

#[test]
fn an_error_in_a_passing_step_is_not_the_reason() {
    let noise = "src/old.c:3:5: error: expected ';' before '}' token\nerror: it went wrong, but nobody minds\n";
    let log = step("./legacy || true", noise, None) + &step("pytest", PYTEST, Some(1));
    assert!(headline(&of(&log)).contains("assert None == []"));
}

#[test]
fn what_runs_after_the_failure_is_not_the_reason() {
    let upload = "Error: No files were found with the provided path: report.xml\n";
    let log = step("pytest", PYTEST, Some(1))
        + &step("actions/upload-artifact@v4", upload, Some(1))
        + "Post job cleanup.\nError: fatal: not in a git directory\nCleaning up orphan processes\n";
    assert!(headline(&of(&log)).contains("assert None == []"));
}

#[test]
fn a_step_whose_failure_was_tolerated_is_not_the_reason() {
    let first = "error[E0308]: mismatched types\n --> src/lib.rs:1:1\n";
    let log = step("cargo build", first, Some(101)) + &step("pytest", PYTEST, Some(1));
    assert!(headline(&of(&log)).contains("assert None == []"));
}

#[test]
fn what_passing_tests_print_is_not_the_reason() {
    let chatty = PYTEST.replace(
        "collected 2 items\n",
        "collected 2 items\nerror[E0308]: mismatched types\n --> src/lib.rs:1:1\n  |\n1 | x\n  | ^\n\n",
    );
    assert!(headline(&of(&step("pytest -s", &chatty, Some(1)))).contains("assert None == []"));
}

#[test]
fn a_log_that_says_nothing_of_failure_has_no_headline() {
    let diagnosis =
        of(&step("cargo test", "test result: ok. 3 passed; 0 failed; 0 ignored\n0 errors\n", None));
    assert_eq!((diagnosis.headline.as_ref(), diagnosis.category), (None, Category::Unknown));
    assert_eq!(diagnosis.verdict, Verdict::Investigate);
    assert_eq!(diagnosis.signature, None);
}

#[test]
fn an_unknown_tool_is_looked_at_by_people() {
    let log = step("./frobnicate", "starting\nerror: the frobnicator is stuck\n", Some(3));
    let diagnosis = of(&log);
    assert!(headline(&diagnosis).contains("frobnicator is stuck"));
    assert_eq!(diagnosis.verdict, Verdict::Investigate);
    assert!(diagnosis.confidence < 0.5);
}

#[test]
fn an_excerpt_keeps_within_any_budget() {
    let many: String =
        (0..2_000).map(|n| format!("src/a.rs:{n}: error: thing {n} is wrong\n")).collect();
    let log = step("cargo build", &many, Some(1));
    for budget in [0, 1, 100, 1_000, 4_096, 16_384] {
        let diagnosis =
            diagnose(log.as_bytes(), &DiagnosisOptions { budget, ..DiagnosisOptions::default() });
        assert!(
            diagnosis.excerpt.text.len() <= budget,
            "{} of {budget}",
            diagnosis.excerpt.text.len()
        );
        assert!(diagnosis.excerpt.ranges.is_sorted());
    }
}

#[test]
fn an_excerpt_says_how_much_was_left_out() {
    let noise: String = (0..3_000).map(|n| format!("doing thing number {n}\n")).collect();
    let text = of(&(step("make", &noise, None) + &step("pytest", PYTEST, Some(1)))).excerpt.text;
    assert!(text.contains(" lines left out"), "{text}");
    assert!(text.contains("##[group]Run pytest") && text.contains("exit code 1"));
}

#[test]
fn the_same_failure_has_the_same_signature_and_another_has_not() {
    let signature = |log: &str| of(&step("pytest", log, Some(1))).signature.expect("a failure");
    let slower = PYTEST
        .replace("0.05s", "3.20s")
        .replace("test session starts", "test session starts (again)");
    assert_eq!(signature(PYTEST), signature(&slower));
    assert_ne!(signature(PYTEST), signature(&PYTEST.replace("test_empty", "test_full")));
    assert_ne!(
        signature(PYTEST),
        signature(&PYTEST.replace("assert None == []", "assert None == {}"))
    );
}

#[test]
fn one_more_failed_test_is_another_failure() {
    let two = PYTEST.replace(
        "=========================== short",
        "__________________________________ test_other __________________________________\n\n\
         >       assert 1 == two()\nE       assert 1 == 2\n\ntests/test_parse.py:9: AssertionError\n\
         =========================== short",
    );
    let signature = |log: &str| of(&step("pytest", log, Some(1))).signature.expect("a failure");
    assert_ne!(signature(PYTEST), signature(&two));
}

#[test]
fn lines_that_passing_runs_print_as_well_are_not_the_reason() {
    let always = "error: could not read the optional settings, using defaults\n";
    let passing_lines = step("./tool", &format!("{always}all is well\n"), None);
    let red = step(
        "./tool",
        &format!("ERROR: the widget is bent\n{}{always}", "working\n".repeat(20)),
        Some(1),
    );
    assert!(
        headline(&of(&red)).contains("optional settings"),
        "without teaching, the last words count"
    );

    let mut taught = PassingLines::new();
    let mut reader = LogReader::new();
    reader.push(passing_lines.as_bytes());
    taught.learn(reader);
    let diagnosis = diagnose(
        red.as_bytes(),
        &DiagnosisOptions { passing_lines: taught, ..DiagnosisOptions::default() },
    );
    assert!(headline(&diagnosis).contains("widget is bent"), "{:?}", diagnosis.headline);
}

#[test]
fn doubt_makes_less_sure_and_never_less_than_nothing() {
    let echoes = "make: *** [all] Error 2\nBUILD FAILED in 16s\nnpm ERR! code 1\n";
    let diagnosis = of(&step("./all", echoes, Some(2)));
    assert!((0.0..0.5).contains(&diagnosis.confidence), "{}", diagnosis.confidence);
}
