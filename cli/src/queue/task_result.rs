//! A task's result, for people.
//!
//! Results of commands and reproductions are formatted; any other result is shown as it is.

use std::fmt::{self, Write};
use std::time::Duration;

use greenline_runtime::human;
use serde::Deserialize;

use crate::print::style::{BAD, BOLD, DIM, GOOD};
use crate::print::text;

/// The number of output lines to show per command.
const TAIL_LINES: usize = 12;

/// The worker's report of a reproduction.
#[derive(Debug, Deserialize)]
struct ReproductionView {
    outcome: String,
    category: Option<String>,
    headline: Option<String>,
    reason: String,
    isolation: String,
}

/// The worker's report of commands.
#[derive(Debug, Deserialize)]
struct CommandReportView {
    commands: Vec<CommandRunView>,
}

#[derive(Debug, Deserialize)]
struct CommandRunView {
    command: String,
    phase: String,
    exit_code: Option<i32>,
    signal: Option<i32>,
    duration_ms: u64,
    tail: String,
}

/// Writes a result: the conclusion, then command by command.
pub(super) fn write(page: &mut String, result: &str) {
    if let Ok(answer) = serde_json::from_str::<ReproductionView>(result) {
        let _infallible = write!(page, "{answer}");
    }
    match serde_json::from_str::<CommandReportView>(result) {
        Ok(report) => {
            for run in &report.commands {
                // Writing to a `String` can't fail.
                let _infallible = write!(page, "{run}");
            }
        }
        Err(_) => page.extend(["  ", &text::sanitize(result), "\n"]),
    }
}

impl fmt::Display for ReproductionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outcome, reason) = (text::one_line(&self.outcome), text::one_line(&self.reason));
        writeln!(f, "  {BOLD}{outcome}{BOLD:#}: {reason}")?;
        if let (Some(category), Some(headline)) = (&self.category, &self.headline) {
            writeln!(f, "  {}: {}", text::one_line(category), text::one_line(headline))?;
        }
        writeln!(f, "  {DIM}sandbox: {}{DIM:#}", text::one_line(&self.isolation))
    }
}

impl fmt::Display for CommandRunView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (style, ended) = match (self.exit_code, self.signal) {
            (Some(0), _) => (GOOD, "exit code 0".to_owned()),
            (Some(code), _) => (BAD, format!("exit code {code}")),
            (None, Some(signal)) => (BAD, format!("killed by signal {signal}")),
            (None, None) => (DIM, "no end".to_owned()),
        };
        let took = human::duration(Duration::from_millis(self.duration_ms));
        let command = text::one_line(&self.command);
        writeln!(f, "  {} `{command}`: {style}{ended}{style:#} after {took}", self.phase)?;
        let tail = text::sanitize(&self.tail);
        let lines: Vec<&str> = tail.lines().collect();
        let before = lines.len().saturating_sub(TAIL_LINES);
        if before > 0 {
            let count = human::count(before as u64, "line", "lines");
            writeln!(f, "    {DIM}… {count} before{DIM:#}")?;
        }
        for line in &lines[before..] {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(result: &str) -> String {
        let mut page = String::new();
        write(&mut page, result);
        anstream::adapter::strip_str(&page).to_string()
    }

    #[test]
    fn each_command_has_its_exit_code_its_time_and_its_end() {
        let result = r#"{"commands":[
            {"command":"cargo test","phase":"validation","exit_code":101,"duration_ms":1200,
             "tail":"one\ntwo\n","truncated_bytes":0},
            {"command":"x","phase":"setup","signal":9,"duration_ms":5,"tail":"","truncated_bytes":0}],
            "outcome":{"kind":"failed","which":1}}"#;
        let expected = "  validation `cargo test`: exit code 101 after 1.2 s\n    one\n    two\n  \
                        setup `x`: killed by signal 9 after 5 ms\n";
        assert_eq!(page(result), expected);
    }

    #[test]
    fn what_was_found_out_comes_before_what_was_run() {
        let result = r#"{"outcome":"reproduced","signature":"s","category":"compile_error",
            "headline":"error[E0308]: mismatched types","reason":"the same failure as in CI",
            "commands":[{"command":"x","phase":"validation","exit_code":1,"duration_ms":5,"tail":""}],
            "isolation":"landlock ABI 7 + namespaces"}"#;
        let expected = "  reproduced: the same failure as in CI\n  compile_error: error[E0308]: \
                        mismatched types\n  sandbox: landlock ABI 7 + namespaces\n  validation \
                        `x`: exit code 1 after 5 ms\n";
        assert_eq!(page(result), expected);
    }

    #[test]
    fn only_the_end_of_much_output_is_shown() {
        let tail: String = (1..=20).map(|n| format!("line {n}\\n")).collect();
        let result = format!(
            r#"{{"commands":[{{"command":"x","phase":"setup","exit_code":0,"duration_ms":5,"tail":"{tail}"}}]}}"#
        );
        let page = page(&result);
        assert!(page.contains("… 8 lines before") && page.contains("line 9\n"), "{page}");
        assert!(!page.contains("line 8\n"));
    }

    #[test]
    fn another_result_is_shown_as_it_is() {
        assert_eq!(page(r#"{"ok":true}"#), "  {\"ok\":true}\n");
    }
}
