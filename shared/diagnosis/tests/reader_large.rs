//! A log too large to be kept says the same as the small one in it.

use greenline_diagnosis::{DiagnosisOptions, LogReader, diagnose_read};

const FAILURE: &str = "\
==================================== FAILURES ====================================
___________________________________ test_total ___________________________________

    def test_total():
>       assert total([1, 2]) == 4
E       assert 3 == 4

tests/test_sums.py:7: AssertionError
============================ short test summary info =============================
FAILED tests/test_sums.py::test_total - assert 3 == 4
";

/// The failure after some noise and before more, in a step of its own.
fn read(before: usize, after: usize) -> LogReader {
    let mut reader = LogReader::new();
    let mut line =
        |text: &str| reader.push(format!("2026-05-07T11:59:42.4565285Z {text}\n").as_bytes());
    for heading in ["##[group]Run pytest", "shell: /usr/bin/bash -e {0}", "##[endgroup]"] {
        line(heading);
    }
    (0..before).for_each(|at| line(&format!("tests/test_{at}.py::test_it PASSED and all is well")));
    FAILURE.lines().for_each(&mut line);
    (0..after).for_each(|at| line(&format!("removing what was made for case {at} of many")));
    line("##[error]Process completed with exit code 1.");
    reader
}

#[test]
fn the_failure_is_found_wherever_it_stands() {
    const MANY: usize = 300_000;
    let small = diagnose_read(read(10, 10), &DiagnosisOptions::default());
    let headline = small.headline.as_ref().map(|quote| &quote.text);
    for (before, after) in [(MANY, 10), (10, MANY), (MANY, MANY)] {
        let log = read(before, after).finish();
        assert!(log.len() < log.total_lines() as usize * 3 / 4, "{} lines were kept", log.len());
        let large = diagnose_read(read(before, after), &DiagnosisOptions::default());
        let found = large.headline.as_ref().expect("a headline");
        assert_eq!(Some(&found.text), headline);
        assert!((before + 4..before + 15).contains(&(found.line as usize)), "{}", found.line);
        assert_eq!(large.failed_tests, small.failed_tests);
        assert_eq!(large.signature, small.signature);
        assert_eq!(large.step.map(|step| step.line), Some(1));
    }
}

#[test]
fn the_last_lines_are_never_lost() {
    let log = read(10, 500_000).finish();
    let last = log.len() - 1;
    assert_eq!(u64::from(log.number(last)), log.total_lines());
    for back in 0..10_000 {
        assert_eq!(log.number(last - back), log.number(last) - back as u32);
    }
    assert_eq!((log.number(0), log.text(0)), (1, "##[group]Run pytest"));
}
