//! The result of a reproduction. Stored as the task's result: names here outlive a release.

use greenline_diagnosis::{Category, Diagnosis, DiagnosisOptions, diagnose_read};
use serde::{Deserialize, Serialize};

use super::CapturedRun;
use crate::command::{CommandRun, Phase, RunOutcome};

/// Whether the failure occurred here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReproductionOutcome {
    /// The same failure, by its signature.
    Reproduced,
    /// Another failure.
    Different,
    /// No failure, or nothing could be tried: the reason says which.
    NotReproduced,
}

/// The result of a reproduction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReproductionResult {
    pub outcome: ReproductionOutcome,
    /// The signature of the failure here.
    pub signature: Option<String>,
    /// The category of the failure here.
    pub category: Option<Category>,
    /// The line that explains the failure here best.
    pub headline: Option<String>,
    /// One sentence for people.
    pub reason: String,
    /// The commands that ran, in order.
    pub commands: Vec<CommandRun>,
    /// The isolation of the commands.
    pub isolation: String,
}

impl ReproductionResult {
    /// Builds the result when nothing ran.
    pub(super) fn not_reproduced(reason: &str, isolation: &str) -> Self {
        Self {
            outcome: ReproductionOutcome::NotReproduced,
            signature: None,
            category: None,
            headline: None,
            reason: reason.to_owned(),
            commands: Vec::new(),
            isolation: isolation.to_owned(),
        }
    }

    /// Compares the failure with the `expected` one. `cost` describes what the sandbox withholds
    /// from tests.
    pub(super) fn judge(
        expected: Option<&str>,
        captured: CapturedRun,
        how: &DiagnosisOptions,
        cost: Option<&str>,
        isolation: &str,
    ) -> Self {
        let CapturedRun { report, last_words } = captured;
        let summary = report.to_string();
        let (outcome, commands) = (report.outcome, report.commands);
        let result = Self { commands, ..Self::not_reproduced(&summary, isolation) };
        let which = match outcome {
            RunOutcome::Passed => {
                return Self { reason: "all commands passed here".to_owned(), ..result };
            }
            RunOutcome::Failed { which } => which,
            // A limit of this machine proves nothing about the commit.
            _ => return result,
        };
        let diagnosis = diagnose_read(last_words, how);
        let phase = result.commands.get(which).map_or(Phase::Validation, |run| run.phase);
        let (outcome, reason) = compare(expected, &diagnosis, phase);
        let cost = cost.filter(|_| outcome == ReproductionOutcome::Different);
        let hint =
            cost.map_or(String::new(), |cost| format!(" (in this worker's sandbox: {cost})"));
        Self {
            outcome,
            signature: diagnosis.signature,
            category: Some(diagnosis.category),
            headline: diagnosis.headline.map(|quote| quote.text),
            reason: format!("{summary}: {reason}{hint}"),
            ..result
        }
    }
}

fn compare(
    expected: Option<&str>,
    here: &Diagnosis,
    phase: Phase,
) -> (ReproductionOutcome, &'static str) {
    match (expected, here.signature.as_deref()) {
        (Some(expected), Some(here)) if expected == here => {
            (ReproductionOutcome::Reproduced, "the same failure as in CI")
        }
        _ if phase == Phase::Setup => (
            ReproductionOutcome::NotReproduced,
            "the commands that show the failure were not reached",
        ),
        (_, None) => (ReproductionOutcome::Different, "its output names no failure that is known"),
        (None, _) => (ReproductionOutcome::Different, "the task has no signature to compare with"),
        _ => (ReproductionOutcome::Different, "another failure than in CI"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_answers_keep_their_shape() {
        let result =
            ReproductionResult::not_reproduced("no isolation: this kernel has no Landlock", "none");
        let stored = concat!(
            r#"{"outcome":"not_reproduced","signature":null,"category":null,"headline":null,"#,
            r#""reason":"no isolation: this kernel has no Landlock","commands":[],"#,
            r#""isolation":"none"}"#,
        );
        assert_eq!(serde_json::to_string(&result).unwrap(), stored);
        assert_eq!(serde_json::from_str::<ReproductionResult>(stored).unwrap(), result);
    }
}
