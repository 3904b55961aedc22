//! Heads that move: commits, pushes, and the pull requests that hang on them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::fake_server::FakeServer;
use super::super::git::{self, CommitContent, GitChange, GitError};
use super::super::render::time;
use super::super::state::{
    FakeBranch, FakeCommit, FakeFileChange, FakePull, FakeRepo, GitHubState,
};

const ZEROS: &str = "0000000000000000000000000000000000000000";

/// A branch that is no longer where it was.
#[derive(Debug, Clone)]
pub(crate) struct RefMove {
    pub(crate) repo: u64,
    pub(crate) branch: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) by: String,
    pub(crate) forced: bool,
}

/// A commit that someone makes on a branch.
pub(crate) struct NewPush<'a> {
    pub(crate) repo: u64,
    pub(crate) branch: &'a str,
    pub(crate) parent: Option<String>,
    pub(crate) by: &'a str,
    pub(crate) message: &'a str,
    pub(crate) changes: &'a [GitChange],
    pub(crate) force: bool,
}

impl FakeServer {
    pub(crate) fn git_of(&self, repo: u64) -> PathBuf {
        self.state().repos.get(&repo).map(|repo| repo.git.clone()).unwrap_or_default()
    }

    /// Makes a commit on a branch, unless its head is no longer the parent.
    pub(crate) async fn push(&self, pushing: NewPush<'_>) -> Result<String, GitError> {
        let git = self.git_of(pushing.repo);
        let when_ms = self.state().now_ms();
        let email = format!("{}@users.noreply.fake", pushing.by);
        let reference = format!("refs/heads/{}", pushing.branch);
        let draft = CommitContent {
            reference: &reference,
            parent: pushing.parent.as_deref(),
            author: pushing.by,
            email: &email,
            when_ms,
            message: pushing.message,
            changes: pushing.changes,
            force: pushing.force,
        };
        let sha = git::commit(&git, &draft).await?;
        let before =
            self.state().repos.get(&pushing.repo).and_then(|repo| {
                repo.branches.get(pushing.branch).map(|branch| branch.sha.clone())
            });
        let branch = pushing.branch.to_owned();
        let (after, by) = (Some(sha.clone()), pushing.by.to_owned());
        let repo = pushing.repo;
        self.moved(RefMove { repo, branch, before, after, by, forced: pushing.force }).await?;
        Ok(sha)
    }

    /// Takes note of what a git client has pushed.
    pub(crate) async fn look_at_branches(&self, repo: u64, by: &str) -> Result<(), GitError> {
        let git = self.git_of(repo);
        let now = git::branches(&git).await?;
        let differences = self.state().differences(repo, &now);
        for (branch, before, after) in differences {
            let forced = match (&before, &after) {
                (Some(before), Some(after)) => !git::is_ancestor(&git, before, after).await,
                _ => false,
            };
            let by = by.to_owned();
            self.moved(RefMove { repo, branch, before, after, by, forced }).await?;
        }
        Ok(())
    }

    /// Brings state and pull requests to where git is, and tells of it.
    pub(crate) async fn moved(&self, moved: RefMove) -> Result<(), GitError> {
        let git = self.git_of(moved.repo);
        let mut commits = Vec::new();
        if let Some(after) = &moved.after {
            let before = moved.before.as_deref().unwrap_or(ZEROS);
            for sha in git::between(&git, before, after).await? {
                commits.push(git::read_commit(&git, &sha).await?);
            }
            if commits.is_empty() {
                commits.push(git::read_commit(&git, after).await?);
            }
        }
        let body = self.state().move_branch(&moved, &commits);
        let pulls = self.state().pulls_from(moved.repo, &moved.branch);
        self.state().emit(moved.repo, "push", &moved.by, body);
        if let Some(after) = &moved.after {
            for (base, number) in pulls {
                self.follow_head(base, number, after, &moved.by).await?;
            }
        }
        Ok(())
    }

    /// Lets a pull request follow its branch.
    async fn follow_head(
        &self,
        base: u64,
        number: u64,
        after: &str,
        by: &str,
    ) -> Result<(), GitError> {
        let Some((before, head_repo)) = self.state().open_head(base, number) else { return Ok(()) };
        let base_sha = self.state().current_base(base, number);
        let contents = self.pull_contents(base, head_repo, number, (&base_sha, after)).await?;
        self.state().set_head(base, number, &before, after, contents, by);
        Ok(())
    }

    /// Returns the commits and files of a pull request; also writes its `refs/pull/N/head`.
    pub(crate) async fn pull_contents(
        &self,
        base: u64,
        head_repo: u64,
        number: u64,
        (base_sha, head): (&str, &str),
    ) -> Result<PullContents, GitError> {
        let (git, from) = (self.git_of(base), self.git_of(head_repo));
        let reference = format!("refs/pull/{number}/head");
        if base == head_repo {
            git::set_ref(&git, &reference, head).await?;
        } else {
            git::fetch(&git, &from, head, &reference).await?;
        }
        if let Some(known) = self.state().known_contents(base, number, (base_sha, head)) {
            return Ok(known);
        }
        let fork_point = git::merge_base(&git, base_sha, head).await?;
        let files = git::changed_files(&git, &fork_point, head).await?;
        let mut commits = Vec::new();
        for sha in git::between(&git, &fork_point, head).await? {
            commits.push(git::read_commit(&git, &sha).await?);
        }
        let count = commits.len() as u64;
        Ok(PullContents { files, commits, count })
    }
}

/// The commits and files of a pull request.
pub(crate) struct PullContents {
    pub(crate) files: Vec<FakeFileChange>,
    /// Those that are not known yet.
    pub(crate) commits: Vec<FakeCommit>,
    /// The number of all of them.
    pub(crate) count: u64,
}

type Difference = (String, Option<String>, Option<String>);

impl GitHubState {
    /// Returns the contents of another pull request with the same commits, which saves a call to
    /// git.
    fn known_contents(
        &self,
        base: u64,
        number: u64,
        (base_sha, head): (&str, &str),
    ) -> Option<PullContents> {
        let same = |pull: &&FakePull| {
            pull.number != number && pull.head_sha == head && pull.base_sha == base_sha
        };
        let other = self.repos.get(&base)?.pulls.values().find(same)?;
        let (files, count) = (other.files.clone(), other.commits);
        Some(PullContents { files, commits: Vec::new(), count })
    }

    fn differences(&self, repo: u64, now: &[(String, String)]) -> Vec<Difference> {
        let Some(repo) = self.repos.get(&repo) else { return Vec::new() };
        let mut all = Vec::new();
        for (name, sha) in now {
            let known = repo.branches.get(name).map(|branch| branch.sha.clone());
            if known.as_ref() != Some(sha) {
                all.push((name.clone(), known, Some(sha.clone())));
            }
        }
        for (name, branch) in &repo.branches {
            if !now.iter().any(|(there, _)| there == name) {
                all.push((name.clone(), Some(branch.sha.clone()), None));
            }
        }
        all
    }

    /// Moves a branch; the body of the `push` event.
    fn move_branch(&mut self, moved: &RefMove, commits: &[FakeCommit]) -> Value {
        self.account(&moved.by, super::super::state::AccountKind::User);
        let Some(repo) = self.repos.get_mut(&moved.repo) else { return Value::Null };
        for commit in commits {
            repo.commits.insert(commit.sha.clone(), commit.clone());
        }
        match &moved.after {
            Some(after) => {
                let new = || FakeBranch { sha: String::new(), protection: None };
                repo.branches.entry(moved.branch.clone()).or_insert_with(new).sha.clone_from(after);
            }
            None => drop(repo.branches.remove(&moved.branch)),
        }
        let repo = &self.repos[&moved.repo];
        self.push_body(repo, moved, commits)
    }

    fn push_body(&self, repo: &FakeRepo, moved: &RefMove, commits: &[FakeCommit]) -> Value {
        let html = self.render().repo_html(repo);
        let before = moved.before.as_deref().unwrap_or(ZEROS);
        let after = moved.after.as_deref().unwrap_or(ZEROS);
        let listed: Vec<Value> = commits.iter().rev().map(|it| push_commit(&html, it)).collect();
        json!({
            "ref": format!("refs/heads/{}", moved.branch), "before": before, "after": after,
            "created": moved.before.is_none(), "deleted": moved.after.is_none(),
            "forced": moved.forced, "base_ref": null,
            "compare": format!("{html}/compare/{before}...{after}"),
            "head_commit": listed.last(), "commits": listed,
            "pusher": {"name": moved.by, "email": format!("{}@users.noreply.fake", moved.by)},
        })
    }

    /// Returns the head branch of an open pull request and its repository.
    fn open_head(&self, base: u64, number: u64) -> Option<(String, u64)> {
        let repo = self.repos.get(&base)?;
        let pull = repo.pulls.get(&number)?;
        let open = repo.issues.get(&number)?.open;
        Some((pull.head_sha.clone(), pull.head_repo.filter(|_| open)?))
    }

    fn current_base(&self, base: u64, number: u64) -> String {
        let Some(repo) = self.repos.get(&base) else { return String::new() };
        let Some(pull) = repo.pulls.get(&number) else { return String::new() };
        let branch = repo.branches.get(&pull.base_branch);
        branch.map_or_else(|| pull.base_sha.clone(), |branch| branch.sha.clone())
    }

    fn set_head(
        &mut self,
        base: u64,
        number: u64,
        before: &str,
        after: &str,
        contents: PullContents,
        by: &str,
    ) {
        let (now, base_sha) = (self.now_ms(), self.current_base(base, number));
        let Some(repo) = self.repos.get_mut(&base) else { return };
        repo.take_contents(number, after, contents);
        if let Some(pull) = repo.pulls.get_mut(&number) {
            pull.base_sha = base_sha;
        }
        if let Some(issue) = repo.issues.get_mut(&number) {
            issue.updated_ms = now;
        }
        let more = json!({"before": before, "after": after});
        self.emit_pull(base, number, "synchronize", by, more);
    }
}

impl FakeRepo {
    /// Takes over what a pull request's head brings.
    pub(crate) fn take_contents(&mut self, number: u64, head: &str, contents: PullContents) {
        for commit in contents.commits {
            self.commits.insert(commit.sha.clone(), commit);
        }
        if let Some(pull) = self.pulls.get_mut(&number) {
            head.clone_into(&mut pull.head_sha);
            pull.files = contents.files;
            pull.commits = contents.count;
        }
    }
}

fn push_commit(html: &str, commit: &FakeCommit) -> Value {
    let author = |author: &super::super::state::CommitSignature| json!({"name": author.name, "email": author.email, "username": author.name, "date": time(author.when_ms)});
    json!({
        "id": commit.sha, "tree_id": commit.tree, "distinct": true, "message": commit.message,
        "timestamp": time(commit.committer.when_ms),
        "url": format!("{html}/commit/{}", commit.sha),
        "author": author(&commit.author), "committer": author(&commit.committer),
        "added": [], "removed": [], "modified": [],
    })
}
