//! What to do about a failure, how sure that is, and why.

use crate::contract::{Category, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;

use super::step::Scene;

/// The judgement on a log.
pub(super) struct Judged {
    pub(super) category: Category,
    pub(super) verdict: Verdict,
    pub(super) confidence: f64,
    pub(super) reason: String,
}

/// Judges by the chosen finding.
pub(super) fn judge(
    _log: &Log,
    chosen: Option<&Finding>,
    _ranked: &[&Finding],
    _scene: &Scene,
) -> Judged {
    let Some(chosen) = chosen else {
        return Judged {
            category: Category::Unknown,
            verdict: Verdict::Investigate,
            confidence: 0.0,
            reason: "nothing in the log looks like a failure".to_owned(),
        };
    };
    let verdict = chosen.verdict.unwrap_or_else(|| usual(chosen.category));
    let confidence = match chosen.strength {
        Strength::Root | Strength::Cause => 0.9,
        Strength::Summary => 0.7,
        Strength::Suspicion => 0.4,
        Strength::Echo => 0.2,
    };
    Judged {
        category: chosen.category,
        verdict,
        confidence,
        reason: format!("{} says so", chosen.tool),
    }
}

fn usual(category: Category) -> Verdict {
    match category {
        Category::CompileError
        | Category::TypeError
        | Category::LintError
        | Category::TestAssertion
        | Category::SnapshotDiff
        | Category::DependencyInstall => Verdict::Fixable,
        Category::DockerBuild | Category::TimeoutOrOom | Category::Unknown => Verdict::Investigate,
        Category::GithubActionsConfig | Category::PermissionOrSecret => Verdict::Escalate,
        Category::NetworkOrFlaky => Verdict::Rerun,
    }
}
