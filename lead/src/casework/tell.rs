//! From what is open to what people read: one comment and one check run on a pull request, one
//! issue about a default branch.

use greenline_forge::{PullNumber, RepoName};

use super::Casework;
use super::book::Stage;
use super::trouble::Trouble;
use super::words;
use crate::plan::Subject;
use crate::publish::{Action, CheckResult, Deed, IssueState, Occasion, Report};

impl Casework {
    /// Says how a subject stands; `occasion` is what made it worth saying.
    pub(super) async fn tell(
        &self,
        repo: &RepoName,
        subject: &Subject,
        occasion: &str,
    ) -> Result<(), Trouble> {
        let findings = self.book.read(repo, subject).await?;
        let Some(page) = words::whole_page(&findings) else { return Ok(()) };
        match subject {
            Subject::Pull(number) => {
                let comment = Deed::Comment { page: page.clone() };
                self.act(repo, Some(*number), occasion, comment).await?;
                let Some(first) = findings.first() else { return Ok(()) };
                let report = Report {
                    head: first.failure.head_sha.clone(),
                    result: result(first.stage),
                    title: words::title(&findings),
                    page,
                    remarks: findings.iter().flat_map(|it| it.remarks.clone()).collect(),
                };
                self.act(repo, Some(*number), occasion, Deed::CheckRun { report }).await
            }
            Subject::Branch(branch) => {
                let open = findings.iter().any(|finding| finding.stage == Stage::NeedsPerson);
                let state = if open { IssueState::Open } else { IssueState::Closed };
                let deed = Deed::Issue { branch: branch.clone(), page, state };
                self.act(repo, None, occasion, deed).await
            }
        }
    }

    /// Hands an outside action to the publisher.
    pub(super) async fn act(
        &self,
        repo: &RepoName,
        pull: Option<PullNumber>,
        occasion: &str,
        deed: Deed,
    ) -> Result<(), Trouble> {
        let occasion = Occasion::new(occasion);
        let action = Action { repo: repo.clone(), pull, occasion, deed };
        self.publisher.publish(&action).await?;
        Ok(())
    }
}

fn result(stage: Stage) -> CheckResult {
    match stage {
        Stage::NeedsPerson => CheckResult::ActionRequired,
        Stage::Working | Stage::Rerunning => CheckResult::Working,
        Stage::Waiting | Stage::Told => CheckResult::Neutral,
        Stage::Green => CheckResult::Success,
    }
}
