//! A patch becomes a commit on the pull request's branch, if the branch is still where the patch
//! was made for.
//!
//! Found again by its trailer, with the expected head as its only parent. Never on a fork, a
//! default or a protected branch; where nobody says whether a branch is protected, it is. Only if
//! the base branch's settings ask nobody, or a person has approved exactly this patch on this head.

use greenline_forge::model::{Commit, PullRequest};

use super::super::action::Authorization;
use super::super::approval_policy::for_commit;
use super::super::outcome::{ActionOutcome, RefusalReason};
use super::super::patch::{Patch, PatchError, trailer};
use super::{ActionContext, ActionError, refused};
use crate::repo_settings::ChangeKind;

/// Number of commits searched for Greenline's own: more than people push while a lead is away.
const LOOKED_THROUGH: usize = 100;

impl ActionContext<'_> {
    pub(super) async fn commit(
        &self,
        patch: &Patch,
        kinds: &[ChangeKind],
        authorization: &Authorization,
    ) -> Result<ActionOutcome, ActionError> {
        let repo = &self.action.repo;
        if *repo != patch.repo || self.action.pull != Some(patch.pull) {
            return Err(refused(RefusalReason::Patch, "the patch is for another pull request"));
        }
        let pull = self.forge.pull(repo, patch.pull).await?;
        if pull.is_from_fork() {
            return Err(refused(RefusalReason::Fork, "the branch is in a fork"));
        }
        if let Some(done) = self.committed(patch, &pull.head.branch).await? {
            return Ok(ActionOutcome::already_there(done.sha));
        }
        self.may_commit(patch, &pull).await?;
        let settings = self.settings_on(&pull.base.branch).await?;
        let consent = for_commit(&settings, kinds);
        self.is_authorized(authorization, consent, &patch.content_hash()).await?;
        self.permit(1).await?;
        let commit = patch.commit(&pull.head.branch, self.id);
        Ok(ActionOutcome::done(self.forge.create_commit_on_branch(repo, &commit).await?))
    }

    /// Our commit, if it is on the branch.
    async fn committed(&self, patch: &Patch, branch: &str) -> Result<Option<Commit>, ActionError> {
        let listed = self.forge.commits_of(&self.action.repo, branch, LOOKED_THROUGH).await?;
        let line = trailer(self.id);
        Ok(listed.items.into_iter().find(|commit| {
            commit.parents == [patch.head.clone()] && commit.message.lines().any(|it| it == line)
        }))
    }

    async fn may_commit(&self, patch: &Patch, pull: &PullRequest) -> Result<(), ActionError> {
        if !pull.is_open() {
            return Err(refused(RefusalReason::Closed, "the pull request is closed"));
        }
        if pull.head.sha != patch.head {
            return Err(refused(RefusalReason::HeadMoved, "the branch has moved on"));
        }
        patch.check().map_err(|error| {
            let by_hand = matches!(error, PatchError::Guarded(_));
            let reason = if by_hand { RefusalReason::ByHand } else { RefusalReason::Patch };
            refused(reason, &error.to_string())
        })?;
        let (repo, branch) = (&self.action.repo, &pull.head.branch);
        if self.forge.repo(repo).await?.default_branch == *branch {
            return Err(refused(RefusalReason::ProtectedBranch, "it is the default branch"));
        }
        match self.forge.protection(repo, branch).await?.protected {
            Some(false) => Ok(()),
            Some(true) => Err(refused(RefusalReason::ProtectedBranch, "the branch is protected")),
            None => {
                let why = "GitHub does not say whether the branch is protected";
                Err(refused(RefusalReason::ProtectedBranch, why))
            }
        }
    }
}
