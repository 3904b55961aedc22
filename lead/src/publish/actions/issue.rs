//! The one issue about a branch that is broken: opened, rewritten while it stays so, closed when it
//! is green again. Found by its label and its hidden mark; one that people have closed stays closed
//! until the branch breaks anew.

use greenline_forge::model::Issue;
use serde::{Deserialize, Serialize};

use super::super::comment_body::CommentBody;
use super::super::outcome::ActionOutcome;
use super::{ActionContext, ActionError};

/// Label of Greenline's issues.
const LABEL: &str = "greenline";

/// The state of the issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueState {
    /// The branch is broken.
    Open,
    /// It is green again.
    Closed,
}

impl ActionContext<'_> {
    pub(super) async fn issue(
        &self,
        branch: &str,
        body: &CommentBody,
        state: IssueState,
    ) -> Result<ActionOutcome, ActionError> {
        let repo = &self.action.repo;
        let marker = CommentBody::branch_marker(branch);
        let text = body.markdown(&marker);
        match (self.open_issue(&marker).await?, state) {
            (None, IssueState::Closed) => Ok(ActionOutcome::already_there("no open issue")),
            (None, IssueState::Open) => {
                self.permit(1).await?;
                let title = format!("{branch} is broken");
                let made = self.forge.create_issue(repo, &title, &text, &[LABEL]).await?;
                Ok(ActionOutcome::done(format!("issue {}", made.number)))
            }
            (Some(issue), IssueState::Open) if issue.body == text => {
                Ok(ActionOutcome::already_there(format!("issue {}", issue.number)))
            }
            (Some(issue), state) => {
                self.permit(1).await?;
                let close = state == IssueState::Closed;
                self.forge.update_issue(repo, issue.number, &text, close).await?;
                Ok(ActionOutcome::done(format!("issue {}", issue.number)))
            }
        }
    }

    async fn open_issue(&self, marker: &str) -> Result<Option<Issue>, ActionError> {
        let issues = self.forge.open_issues_labelled(&self.action.repo, LABEL).await?;
        let ours = |issue: &Issue| issue.body.starts_with(marker) && self.identity.is(&issue.user);
        Ok(issues.into_iter().find(ours))
    }
}
