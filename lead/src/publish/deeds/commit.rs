//! A patch becomes a commit on the pull request's branch, if the branch is still where the patch
//! was made for.
//!
//! Found again by its trailer, with the expected head as its only parent. Never on a fork, a
//! default or a protected branch; where nobody says whether a branch is protected, it is.

use greenline_forge::model::{Commit, PullRequest};

use super::super::approval::{Approvals, is_approved};
use super::super::outcome::{Outcome, Refusal};
use super::super::patch::{Patch, trailer};
use super::{Doing, Stop, refused};

/// How many commits are looked through for ours: more than people push while a lead is away.
const LOOKED_THROUGH: usize = 100;

impl Doing<'_> {
    pub(super) async fn commit(
        &self,
        patch: &Patch,
        approval: Option<&str>,
    ) -> Result<Outcome, Stop> {
        let repo = &self.action.repo;
        if *repo != patch.repo || self.action.pull != Some(patch.pull) {
            return Err(refused(Refusal::Patch, "the patch is for another pull request"));
        }
        let pull = self.forge.pull(repo, patch.pull).await?;
        if pull.is_from_fork() {
            return Err(refused(Refusal::Fork, "the branch is in a fork"));
        }
        if let Some(done) = self.committed(patch, &pull.head.branch).await? {
            return Ok(Outcome::found(done.sha));
        }
        self.may_commit(patch, &pull).await?;
        self.has_consent(patch, approval).await?;
        self.permit(1).await?;
        let commit = patch.commit(&pull.head.branch, self.id);
        Ok(Outcome::done(self.forge.create_commit_on_branch(repo, &commit).await?))
    }

    /// Our commit, if it is on the branch.
    async fn committed(&self, patch: &Patch, branch: &str) -> Result<Option<Commit>, Stop> {
        let listed = self.forge.commits_of(&self.action.repo, branch, LOOKED_THROUGH).await?;
        let line = trailer(self.id);
        Ok(listed.items.into_iter().find(|commit| {
            commit.parents == [patch.head.clone()] && commit.message.lines().any(|it| it == line)
        }))
    }

    async fn may_commit(&self, patch: &Patch, pull: &PullRequest) -> Result<(), Stop> {
        if let Err(error) = patch.check() {
            return Err(refused(Refusal::Patch, &error.to_string()));
        }
        if !pull.is_open() {
            return Err(refused(Refusal::Closed, "the pull request is closed"));
        }
        if pull.head.sha != patch.head {
            return Err(refused(Refusal::HeadMoved, "the branch has moved on"));
        }
        let (repo, branch) = (&self.action.repo, &pull.head.branch);
        if self.forge.repo(repo).await?.default_branch == *branch {
            return Err(refused(Refusal::ProtectedBranch, "it is the default branch"));
        }
        match self.forge.protection(repo, branch).await?.protected {
            Some(false) => Ok(()),
            Some(true) => Err(refused(Refusal::ProtectedBranch, "the branch is protected")),
            None => {
                let why = "GitHub does not say whether the branch is protected";
                Err(refused(Refusal::ProtectedBranch, why))
            }
        }
    }

    async fn has_consent(&self, patch: &Patch, approval: Option<&str>) -> Result<(), Stop> {
        let Some(id) = approval else { return Ok(()) };
        let asked = self.queue.approval(id).await?;
        let now = Approvals::now_ms(self.queue).await?;
        if asked.is_some_and(|asked| is_approved(&asked, &patch.content_hash(), now)) {
            return Ok(());
        }
        Err(refused(Refusal::NotApproved, "nobody said yes to this patch on this commit in time"))
    }
}
