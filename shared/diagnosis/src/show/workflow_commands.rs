//! Workflow commands: lines that GitHub's runner turns into annotations (`--format github`).
//!
//! `::error file=src/lib.rs,line=3,title=rustc::mismatched types`. The runner shows only the first
//! ten errors of a step, so the tenth states how many more there are. It reads commands in all
//! output of a step, so no text of a log begins or ends a line here.

use std::fmt::Write;

use super::{Diagnosed, ReportedProblem, problems, stripped};

/// The number of errors of one step that the runner shows.
const SHOWN: usize = 10;

/// Returns the commands for all problems of these logs, each log's headline first.
#[must_use]
pub fn workflow_commands(logs: &[Diagnosed]) -> String {
    let found: Vec<ReportedProblem> =
        logs.iter().flat_map(|log| problems(&log.diagnosis)).collect();
    let kept = if found.len() > SHOWN { SHOWN - 1 } else { found.len() };
    let mut commands: String = found[..kept].iter().map(command).collect();
    if found.len() > kept {
        let more = found.len() - kept;
        let _written =
            writeln!(commands, "::error title=Greenline::and {more} more: see the job's log");
    }
    if found.is_empty() {
        commands.push_str("::notice title=Greenline::nothing in the log looks like a failure\n");
    }
    commands
}

fn command(problem: &ReportedProblem) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &problem.place {
        properties.push(format!("file={}", property(&place.path)));
        properties.extend(place.line.map(|line| format!("line={line}")));
        properties.extend(place.column.map(|column| format!("col={column}")));
    }
    properties.push(format!("title={}", property(&problem.title)));
    format!("::error {}::{}\n", properties.join(","), data(&problem.message))
}

/// Escapes text after the second `::`.
fn data(text: &str) -> String {
    stripped(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Diagnosis;
    use crate::show::samples;

    fn commands(diagnosis: Diagnosis) -> String {
        workflow_commands(&[Diagnosed { log: "job.log".to_owned(), diagnosis }])
    }

    #[test]
    fn a_problem_with_a_place_is_an_annotation_there() {
        let expected = "::error file=tests/test_parse.py,line=41,\
             title=tests/test_parse.py%3A%3Atest_empty fails\
             ::assert None == []%0Aexpected: []%0Aactual: None\n";
        assert_eq!(commands(samples::failed_test()), expected);
        let error = "::error file=src/lib.rs,line=1,col=5,title=rustc::mismatched types\n";
        assert_eq!(commands(samples::compile_errors(1)), error);
    }

    #[test]
    fn the_tenth_says_how_many_there_are_more() {
        assert_eq!(commands(samples::compile_errors(10)).matches("::error file").count(), 10);
        let many = commands(samples::compile_errors(12));
        assert_eq!(many.lines().count(), 10);
        assert!(many.ends_with("::and 3 more: see the job's log\n"));
    }

    #[test]
    fn nothing_is_a_notice() {
        assert!(commands(samples::nothing()).starts_with("::notice "));
    }

    #[test]
    fn no_text_of_a_log_begins_or_ends_a_command() {
        let mut diagnosis = samples::hostile();
        diagnosis.failed_test_details[0].message =
            Some("50 %\r\n::set-output name=a::b".to_owned());
        let commands = commands(diagnosis);
        assert!(commands.lines().all(|line| line.starts_with("::error title=")), "{commands}");
        assert!(commands.contains("::50 %25%0A::set-output"), "{commands}");
        assert!(!commands.contains(|letter: char| letter.is_control() && letter != '\n'));
    }
}
