//! Runners that only report which tool failed: tox, nox, pre-run scripts of hatch.
//!
//! ```text
//! ERROR:   py39: commands failed
//!   py311: FAIL code 1 (3.21=setup[1.10]+cmd[2.11] seconds)
//!   evaluation failed :( (3.30 seconds)
//! nox > Command pytest failed with exit code 1
//! ```

use super::super::{Recognizer, pattern};
use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "tox",
    triggers: &[
        ": commands failed",
        ": FAIL code ",
        "evaluation failed :(",
        "ERROR: InvocationError for command",
        "nox > ",
        "ERROR: could not install deps",
        "InterpreterNotFound: ",
    ],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    let echo = pattern!(
        r"^(?:ERROR: +\S+: (?:commands failed|InvocationError.*|parallel child exit code .*)|ERROR: InvocationError for command .*|\S+: FAIL code [0-9]+ \(.*|evaluation failed :\( .*|nox > (?:Command .* failed with exit code .*|Session \S+ failed\.))$"
    );
    let broken =
        pattern!(r"^ERROR: (?:\s*\S+: )?(?:could not install deps .*|InterpreterNotFound: .*)$");
    if echo.is_match(content) {
        let tool = if content.starts_with("nox") { "nox" } else { "tox" };
        found.push(Finding::new(tool, Category::Unknown, Strength::Echo, at, content));
    } else if broken.is_match(content) {
        let category = Category::DependencyInstall;
        found.push(Finding::new("tox", category, Strength::Summary, at, content));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    #[test]
    fn runners_echo_what_others_said() {
        let log = log_of(
            "ERROR:   py39: commands failed\n  py311: FAIL code 1 (3.21=setup[1.10] seconds)\nnox > Command pytest failed with exit code 1\nERROR:  py38: InterpreterNotFound: python3.8\n  py311: OK (2 seconds)\nnox > Session tests was successful.\n",
        );
        let mut found = Vec::new();
        (0..log.len()).for_each(|at| look(&log, at, &mut found));
        let got: Vec<Strength> = found.iter().map(|one| one.strength).collect();
        assert_eq!(got, [Strength::Echo, Strength::Echo, Strength::Echo, Strength::Summary]);
    }
}
