//! Gates: jobs that only check the results of other jobs, and fail if one of them failed.
//!
//! ```text
//! ##[group]Run if [[ "failure" == "success" || "failure" == "skipped" ]]; then
//! if [[ "failure" == "success" || "failure" == "skipped" ]]; then
//!   exit 0
//! fi
//! exit 1
//! ##[endgroup]
//! ##[error]Process completed with exit code 1.
//! ```
//!
//! Nothing is wrong in this job: the log of the failed job explains more. A gate is recognized by a
//! result that the runner put into the script or that the script printed, and by little other
//! output.

use std::ops::Range;

use crate::contract::{Category, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

/// A step with more output does work of its own.
const LONGEST_OUTPUT: usize = 30;
/// A step with a longer script does work of its own.
const LONGEST_SCRIPT: usize = 80;

pub(super) fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(step) = log.step_of(at).map(|step| &log.steps()[step]) else { return };
    let output = step.script.end..at;
    if output.len() > LONGEST_OUTPUT || step.script.len() > LONGEST_SCRIPT {
        return;
    }
    let Some(line) =
        printed(log, output.clone()).or_else(|| asked(log, step.script.clone(), output))
    else {
        return;
    };
    found.push(
        Finding::new(
            "gate",
            Category::GithubActionsConfig,
            Strength::Cause,
            line,
            log.content(line),
        )
        .with_block(step.lines.start..at + 1)
        .with_verdict(Verdict::Investigate),
    );
}

/// Returns another job's result in the step's output: `test: failure`, `"result": "cancelled"`.
fn printed(log: &Log, mut output: Range<usize>) -> Option<usize> {
    let result = pattern!(
        r#"^[^:=#]+(?:: | ?= ?|=> ?|\()['"]?(?:failure|cancelled)['"]?\)?,?$|"result": ?"(?:failure|cancelled)""#
    );
    output.find(|&at| result.is_match(log.content(at).trim()))
}

/// Returns another job's result in the script, if the step itself printed no reason. The value
/// stands on the left (`"failure" == "success"`): on the right it is the value to compare with.
fn asked(log: &Log, mut script: Range<usize>, mut output: Range<usize>) -> Option<usize> {
    let result = pattern!(
        r#"(?:\[|test|\(|&&|\|\||^|if)\s*['"]?(?:failure|cancelled)['"]? *[!=]=? |"result": ?"(?:failure|cancelled)"|^\s+[[:word:]]+: ?(?:\S+=[[:word:]]+ )*(?:\S+=)?(?:failure|cancelled)(?-u:\b)"#
    );
    if output.any(|at| speaks(log.content(at))) {
        return None;
    }
    script.find(|&at| result.is_match(log.text(at)))
}

/// Returns `true` if a line of output is a reason of its own.
fn speaks(content: &str) -> bool {
    pattern!(r"(?i-u)^(?:error|fatal)\b|: (?:error|fatal)\b|\bpanic|Traceback|not found")
        .is_match(content)
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::recognize::found_by;

    fn gates(text: &str) -> Vec<Finding> {
        found_by("gate", text)
    }

    #[test]
    fn a_result_in_the_script_is_the_headline() {
        let found = gates(
            "##[group]Run if [[ \"failure\" == \"success\" ]]; then\nif [[ \"failure\" == \"success\" ]]; then\n  exit 0\nfi\n\
             exit 1\nshell: bash\n##[endgroup]\n##[error]Process completed with exit code 1.\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 0);
    }

    #[test]
    fn a_result_that_is_printed_is_the_headline() {
        let found = gates(
            "##[group]Run ./gate.sh\n./gate.sh\nshell: bash\n##[endgroup]\nlint: success\ntest: failure\n\
             ##[error]Process completed with exit code 1.\n",
        );
        assert_eq!(found[0].message, "test: failure");
    }

    #[test]
    fn a_script_that_handles_failures_of_its_own_is_no_gate() {
        let log = "##[group]Run make || status=failure\nmake || status=failure\n\
                   [ \"$status\" = \"failure\" ] && exit 1\nshell: bash\n##[endgroup]\nerror: no rule\n\
                   ##[error]Process completed with exit code 1.\n";
        assert_eq!(gates(log), []);
    }
}
