//! A pull request is merged, if its head is the one that was meant and GitHub calls it clean: no
//! conflict, all that is required is there, nothing is red; and if the base branch's settings allow
//! it, or a person has approved it.

use greenline_forge::Sha;
use greenline_forge::model::{MergeMethod, MergeState};

use super::super::action::Authorization;
use super::super::approval::Merge;
use super::super::approval_policy::for_merge;
use super::super::outcome::{ActionOutcome, RefusalReason};
use super::{ActionContext, ActionError, refused};

impl ActionContext<'_> {
    pub(super) async fn merge(
        &self,
        head: &Sha,
        method: MergeMethod,
        authorization: &Authorization,
    ) -> Result<ActionOutcome, ActionError> {
        let (repo, number) = (&self.action.repo, self.pull()?);
        let pull = self.forge.pull(repo, number).await?;
        if pull.head.sha != *head {
            return Err(refused(RefusalReason::HeadMoved, "the branch has moved on"));
        }
        if pull.merged || pull.merged_at.is_some() {
            let into = pull.merge_commit_sha.map(|sha| sha.to_string()).unwrap_or_default();
            return Ok(ActionOutcome::already_there(into));
        }
        if !pull.is_open() || pull.draft {
            return Err(refused(RefusalReason::Closed, "the pull request is closed or a draft"));
        }
        if !matches!(pull.mergeable_state, MergeState::Clean | MergeState::HasHooks) {
            let why = format!("GitHub calls it {}", pull.mergeable_state);
            return Err(refused(RefusalReason::NotGreen, &why));
        }
        let settings = self.settings_on(&pull.base.branch).await?;
        let merge = Merge { repo: repo.clone(), pull: number, head: head.clone(), method };
        let hash = merge.content_hash();
        self.is_authorized(authorization, for_merge(&settings), &hash).await?;
        self.permit(1).await?;
        let merged = self.forge.merge(repo, number, head, method).await?;
        Ok(ActionOutcome::done(merged.sha.map(|sha| sha.to_string()).unwrap_or_default()))
    }
}
