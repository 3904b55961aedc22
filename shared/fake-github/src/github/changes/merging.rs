//! Merging a pull request, at once or when its checks are green.

use super::super::fake_server::FakeServer;
use super::super::git::{self, MergeKind};
use super::super::state::GitHubState;
use super::refs::RefMove;

/// The reason why a pull request is not merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotMerged {
    Missing,
    HeadMoved,
    NotMergeable,
    Draft,
    Blocked,
}

struct Ready {
    base_branch: String,
    base: String,
    head: String,
    title: String,
}

impl FakeServer {
    /// Merges, if the head is the expected one; the merge's commit.
    pub(crate) async fn merge(
        &self,
        repo: u64,
        number: u64,
        expected: Option<&str>,
        kind: MergeKind,
        by: &str,
    ) -> Result<String, NotMerged> {
        let ready = self.state().ready(repo, number, expected)?;
        let (git, now) = (self.git_of(repo), self.state().now_ms());
        let message = format!("{} (#{number})", ready.title);
        let heads = (ready.base.as_str(), ready.head.as_str());
        let merged = git::merge(&git, kind, heads, &message, (by, now)).await;
        let sha = merged.map_err(|_| NotMerged::NotMergeable)?;
        let reference = format!("refs/heads/{}", ready.base_branch);
        let moving = git::move_ref(&git, &reference, &sha, &ready.base).await;
        moving.map_err(|_| NotMerged::HeadMoved)?;
        self.state().set_merged(repo, number, &sha, by);
        let (before, after) = (Some(ready.base), Some(sha.clone()));
        let (branch, by) = (ready.base_branch, by.to_owned());
        let moved = RefMove { repo, branch, before, after, by, forced: false };
        self.moved(moved).await.map_err(|_| NotMerged::NotMergeable)?;
        Ok(sha)
    }

    /// Merges what was only waiting for its checks.
    pub(crate) async fn merge_waiting(&self) {
        let waiting = std::mem::take(&mut self.state().merges_due);
        for (repo, number, by) in waiting {
            // A head that moved in between waits for its own checks.
            let _not_now = self.merge(repo, number, None, MergeKind::Squash, &by).await;
        }
    }
}

impl GitHubState {
    fn ready(&self, repo: u64, number: u64, expected: Option<&str>) -> Result<Ready, NotMerged> {
        let repo = self.repos.get(&repo).ok_or(NotMerged::Missing)?;
        let pull = repo.pulls.get(&number).ok_or(NotMerged::Missing)?;
        let issue = repo.issues.get(&number).ok_or(NotMerged::Missing)?;
        if expected.is_some_and(|expected| expected != pull.head_sha) {
            return Err(NotMerged::HeadMoved);
        }
        if !issue.open || pull.mergeable == Some(false) {
            return Err(NotMerged::NotMergeable);
        }
        if pull.draft {
            return Err(NotMerged::Draft);
        }
        if !repo.missing_checks(pull).is_empty() {
            return Err(NotMerged::Blocked);
        }
        let base = repo.branches.get(&pull.base_branch).ok_or(NotMerged::Missing)?;
        Ok(Ready {
            base_branch: pull.base_branch.clone(),
            base: base.sha.clone(),
            head: pull.head_sha.clone(),
            title: issue.title.clone(),
        })
    }

    fn set_merged(&mut self, repo: u64, number: u64, sha: &str, by: &str) {
        let now = self.now_ms();
        let found = self.repos.get_mut(&repo).and_then(|repo| repo.pulls.get_mut(&number));
        if let Some(pull) = found {
            pull.merged_ms = Some(now);
            pull.merged_by = Some(by.to_owned());
            pull.merge_sha = Some(sha.to_owned());
            pull.auto_merge = None;
        }
        self.set_open(repo, number, false, by);
    }

    /// Notes the pull requests that wait to be merged and now can be.
    pub(crate) fn merge_waiting_pulls(&mut self, repo: u64) {
        let Some(of) = self.repos.get(&repo) else { return };
        let mut due = Vec::new();
        for pull in of.pulls.values() {
            let Some(auto) = &pull.auto_merge else { continue };
            if of.issues[&pull.number].open && of.missing_checks(pull).is_empty() {
                due.push((repo, pull.number, auto.by.clone()));
            }
        }
        self.merges_due.extend(due);
    }
}
