//! From what is open to what people read: one comment and one check run on a pull request, one
//! issue about a default branch.

use greenline_forge::{PullNumber, RepoName};

use super::Handlers;
use super::comment_text;
use super::error::HandlerError;
use super::open_failures::FailureStage;
use crate::plan::Subject;
use crate::publish::{
    ActionKind, CheckReport, CheckResult, IdempotencyKey, IssueState, OutsideAction,
};

impl Handlers {
    /// Says how a subject stands; `key` is what made it worth saying.
    pub(super) async fn report(
        &self,
        repo: &RepoName,
        subject: &Subject,
        key: &str,
    ) -> Result<(), HandlerError> {
        let open_failures = self.open_failures.read(repo, subject).await?;
        let Some(body) = comment_text::combined_comment(&open_failures) else { return Ok(()) };
        match subject {
            Subject::Pull(number) => {
                let comment = ActionKind::Comment { body: body.clone() };
                self.publish_action(repo, Some(*number), key, comment).await?;
                let Some(first) = open_failures.first() else { return Ok(()) };
                let report = CheckReport {
                    head: first.failure.head_sha.clone(),
                    result: result(first.stage),
                    title: comment_text::title(&open_failures),
                    body,
                    annotations: open_failures
                        .iter()
                        .flat_map(|it| it.annotations.clone())
                        .collect(),
                };
                self.publish_action(repo, Some(*number), key, ActionKind::CheckRun { report }).await
            }
            Subject::Branch(branch) => {
                let open = open_failures
                    .iter()
                    .any(|open_failure| open_failure.stage == FailureStage::NeedsPerson);
                let state = if open { IssueState::Open } else { IssueState::Closed };
                let kind = ActionKind::Issue { branch: branch.clone(), body, state };
                self.publish_action(repo, None, key, kind).await
            }
        }
    }

    /// Hands an outside action to the publisher.
    pub(super) async fn publish_action(
        &self,
        repo: &RepoName,
        pull: Option<PullNumber>,
        key: &str,
        kind: ActionKind,
    ) -> Result<(), HandlerError> {
        let key = IdempotencyKey::new(key);
        let action = OutsideAction { repo: repo.clone(), pull, key, kind };
        self.publisher.publish(&action).await?;
        Ok(())
    }
}

fn result(stage: FailureStage) -> CheckResult {
    match stage {
        FailureStage::NeedsPerson => CheckResult::ActionRequired,
        FailureStage::Working | FailureStage::Rerunning => CheckResult::Working,
        FailureStage::Waiting | FailureStage::Reported => CheckResult::Neutral,
        FailureStage::Green => CheckResult::Success,
    }
}
