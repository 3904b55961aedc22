//! The one issue about a branch that is broken: opened, rewritten while it stays so, closed when it
//! is green again. Found by its label and its hidden mark; one that people have closed stays closed
//! until the branch breaks anew.

use greenline_forge::model::Issue;
use serde::{Deserialize, Serialize};

use super::super::outcome::Outcome;
use super::super::page::Page;
use super::{Doing, Stop};

/// Label of Greenline's issues.
const LABEL: &str = "greenline";

/// The state of the issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The branch is broken.
    Open,
    /// It is green again.
    Closed,
}

impl Doing<'_> {
    pub(super) async fn issue(
        &self,
        branch: &str,
        page: &Page,
        state: State,
    ) -> Result<Outcome, Stop> {
        let repo = &self.action.repo;
        let mark = Page::mark_of_branch(branch);
        let body = page.markdown(&mark);
        match (self.open_issue(&mark).await?, state) {
            (None, State::Closed) => Ok(Outcome::found("no open issue")),
            (None, State::Open) => {
                self.permit(1).await?;
                let title = format!("{branch} is broken");
                let made = self.forge.create_issue(repo, &title, &body, &[LABEL]).await?;
                Ok(Outcome::done(format!("issue {}", made.number)))
            }
            (Some(issue), State::Open) if issue.body == body => {
                Ok(Outcome::found(format!("issue {}", issue.number)))
            }
            (Some(issue), state) => {
                self.permit(1).await?;
                let close = state == State::Closed;
                self.forge.update_issue(repo, issue.number, &body, close).await?;
                Ok(Outcome::done(format!("issue {}", issue.number)))
            }
        }
    }

    async fn open_issue(&self, mark: &str) -> Result<Option<Issue>, Stop> {
        let issues = self.forge.open_issues_labelled(&self.action.repo, LABEL).await?;
        let ours = |issue: &Issue| issue.body.starts_with(mark) && self.identity.is(&issue.user);
        Ok(issues.into_iter().find(ours))
    }
}
