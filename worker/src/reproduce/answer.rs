//! The result of a reproduction. Stored as the task's result: names here outlive a release.

use greenline_diagnosis::{Category, Diagnosis, Options, diagnose_read};
use serde::{Deserialize, Serialize};

use super::Heard;
use crate::command::{CommandRun, Outcome, Phase};

/// Whether the failure occurred here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reproduction {
    /// The same failure, by its signature.
    Reproduced,
    /// Another failure.
    Different,
    /// No failure, or nothing could be tried: the reason says which.
    NotReproduced,
}

/// The result of a reproduction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub outcome: Reproduction,
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

impl Answer {
    /// Builds the result when nothing ran.
    pub(super) fn not_reproduced(reason: &str, isolation: &str) -> Self {
        Self {
            outcome: Reproduction::NotReproduced,
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
        heard: Heard,
        how: &Options,
        cost: Option<&str>,
        isolation: &str,
    ) -> Self {
        let Heard { report, last_words } = heard;
        let said = report.to_string();
        let (outcome, commands) = (report.outcome, report.commands);
        let answer = Self { commands, ..Self::not_reproduced(&said, isolation) };
        let which = match outcome {
            Outcome::Passed => {
                return Self { reason: "all commands passed here".to_owned(), ..answer };
            }
            Outcome::Failed { which } => which,
            // A limit of this machine proves nothing about the commit.
            _ => return answer,
        };
        let diagnosis = diagnose_read(last_words, how);
        let phase = answer.commands.get(which).map_or(Phase::Validation, |run| run.phase);
        let (outcome, reason) = compare(expected, &diagnosis, phase);
        let cost = cost.filter(|_| outcome == Reproduction::Different);
        let hint =
            cost.map_or(String::new(), |cost| format!(" (in this worker's sandbox: {cost})"));
        Self {
            outcome,
            signature: diagnosis.signature,
            category: Some(diagnosis.category),
            headline: diagnosis.headline.map(|quote| quote.text),
            reason: format!("{said}: {reason}{hint}"),
            ..answer
        }
    }
}

fn compare(expected: Option<&str>, here: &Diagnosis, phase: Phase) -> (Reproduction, &'static str) {
    match (expected, here.signature.as_deref()) {
        (Some(expected), Some(here)) if expected == here => {
            (Reproduction::Reproduced, "the same failure as in CI")
        }
        _ if phase == Phase::Setup => {
            (Reproduction::NotReproduced, "the commands that show the failure were not reached")
        }
        (_, None) => (Reproduction::Different, "its output names no failure that is known"),
        (None, _) => (Reproduction::Different, "the task has no signature to compare with"),
        _ => (Reproduction::Different, "another failure than in CI"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_answers_keep_their_shape() {
        let answer = Answer::not_reproduced("no isolation: this kernel has no Landlock", "none");
        let stored = concat!(
            r#"{"outcome":"not_reproduced","signature":null,"category":null,"headline":null,"#,
            r#""reason":"no isolation: this kernel has no Landlock","commands":[],"#,
            r#""isolation":"none"}"#,
        );
        assert_eq!(serde_json::to_string(&answer).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Answer>(stored).unwrap(), answer);
    }
}
