//! Pull requests.

use serde_json::{Value, json};

use super::super::state::{FakeFileChange, FakeIssue, FakePull, FakeRepo};
use super::{Render, extend, maybe_time, node_id, time};

impl Render<'_> {
    /// A pull request in a list.
    pub(crate) fn simple_pull(&self, repo: &FakeRepo, pull: &FakePull) -> Value {
        let issue = &repo.issues[&pull.number];
        let mut all = self.pull_state(repo, pull, issue);
        extend(&mut all, self.pull_links(repo, pull));
        all
    }

    fn pull_state(&self, repo: &FakeRepo, pull: &FakePull, issue: &FakeIssue) -> Value {
        let users = |logins: &[String]| logins.iter().map(|it| self.user(it)).collect::<Vec<_>>();
        let head = pull.head_repo.and_then(|id| self.state.repos.get(&id));
        let side = |owner: &str, branch: &str, sha: &str, repo: Option<&FakeRepo>| {
            json!({
                "label": format!("{owner}:{branch}"), "ref": branch, "sha": sha,
                "user": self.user(owner), "repo": repo.map(|repo| self.repo(repo)),
            })
        };
        json!({
            "id": pull.id,
            "node_id": node_id("PullRequest", pull.id),
            "number": pull.number,
            "state": if issue.open { "open" } else { "closed" },
            "locked": false,
            "active_lock_reason": null,
            "title": issue.title,
            "user": self.user(&issue.author),
            "body": issue.body,
            "created_at": time(issue.created_ms),
            "updated_at": time(issue.updated_ms),
            "closed_at": maybe_time(issue.closed_ms),
            "merged_at": maybe_time(pull.merged_ms),
            "merge_commit_sha": pull.merge_sha,
            "assignee": issue.assignees.first().map(|login| self.user(login)),
            "assignees": users(&issue.assignees),
            "requested_reviewers": users(&pull.reviewers),
            "requested_teams": [],
            "labels": self.labels(repo, &issue.labels),
            "milestone": null,
            "draft": pull.draft,
            "head": side(&pull.head_owner, &pull.head_branch, &pull.head_sha, head),
            "base": side(&repo.owner, &pull.base_branch, &pull.base_sha, Some(repo)),
            "author_association": self.association(repo, &issue.author),
            "auto_merge": pull.auto_merge.as_ref().map(|it| json!({
                "enabled_by": self.user(&it.by), "merge_method": it.method,
                "commit_title": issue.title, "commit_message": "",
            })),
        })
    }

    fn pull_links(&self, repo: &FakeRepo, pull: &FakePull) -> Value {
        let url = format!("{}/pulls/{}", self.repo_url(repo), pull.number);
        let issue = format!("{}/issues/{}", self.repo_url(repo), pull.number);
        let html = format!("{}/pull/{}", self.repo_html(repo), pull.number);
        let comment = format!("{}/pulls/comments{{/number}}", self.repo_url(repo));
        let statuses = format!("{}/statuses/{}", self.repo_url(repo), pull.head_sha);
        json!({
            "url": url, "html_url": html, "issue_url": issue,
            "diff_url": format!("{html}.diff"), "patch_url": format!("{html}.patch"),
            "commits_url": format!("{url}/commits"),
            "review_comments_url": format!("{url}/comments"),
            "review_comment_url": comment,
            "comments_url": format!("{issue}/comments"),
            "statuses_url": statuses,
            "_links": {
                "self": {"href": url}, "html": {"href": html}, "issue": {"href": issue},
                "comments": {"href": format!("{issue}/comments")},
                "review_comments": {"href": format!("{url}/comments")},
                "review_comment": {"href": comment},
                "commits": {"href": format!("{url}/commits")},
                "statuses": {"href": statuses},
            },
        })
    }

    /// A pull request as one asks for it by its number, and in webhooks.
    pub(crate) fn pull(&self, repo: &FakeRepo, pull: &FakePull) -> Value {
        let mut all = self.simple_pull(repo, pull);
        let comments = repo.comments.values().filter(|it| it.issue == pull.number).count();
        let state = self.mergeable_state(repo, pull);
        extend(
            &mut all,
            json!({
                "merged": pull.merged_ms.is_some(),
                "mergeable": pull.mergeable,
                "rebaseable": pull.mergeable,
                "mergeable_state": state,
                "merged_by": pull.merged_by.as_ref().map(|login| self.user(login)),
                "comments": comments,
                "review_comments": 0,
                "maintainer_can_modify": false,
                "commits": pull.commits,
                "additions": pull.files.iter().map(|file| file.additions).sum::<u64>(),
                "deletions": pull.files.iter().map(|file| file.deletions).sum::<u64>(),
                "changed_files": pull.files.len(),
            }),
        );
        all
    }

    pub(crate) fn mergeable_state(&self, repo: &FakeRepo, pull: &FakePull) -> &'static str {
        match pull.mergeable {
            None => "unknown",
            Some(false) => "dirty",
            Some(true) if pull.draft => "draft",
            Some(true) if repo.missing_checks(pull).is_empty() => "clean",
            Some(true) => "blocked",
        }
    }

    pub(crate) fn file(&self, repo: &FakeRepo, sha: &str, file: &FakeFileChange) -> Value {
        let place = format!("{sha}/{}", file.path);
        let mut all = json!({
            "sha": file.blob, "filename": file.path, "status": file.status,
            "additions": file.additions, "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": format!("{}/blob/{place}", self.repo_html(repo)),
            "raw_url": format!("{}/raw/{place}", self.repo_html(repo)),
            "contents_url": format!("{}/contents/{}?ref={sha}", self.repo_url(repo), file.path),
        });
        if let Some(patch) = &file.patch {
            all["patch"] = patch.as_str().into();
        }
        if let Some(before) = &file.before {
            all["previous_filename"] = before.as_str().into();
        }
        all
    }

    /// Renders the pull request inside a check or a run.
    pub(crate) fn minimal_pull(&self, repo: &FakeRepo, pull: &FakePull) -> Value {
        let short =
            |repo: &FakeRepo| json!({"id": repo.id, "url": self.repo_url(repo), "name": repo.name});
        json!({
            "id": pull.id, "number": pull.number,
            "url": format!("{}/pulls/{}", self.repo_url(repo), pull.number),
            "head": {"ref": pull.head_branch, "sha": pull.head_sha, "repo": short(repo)},
            "base": {"ref": pull.base_branch, "sha": pull.base_sha, "repo": short(repo)},
        })
    }

    pub(crate) fn pulls_at(&self, repo: &FakeRepo, sha: &str) -> Vec<Value> {
        repo.own_pulls_at(sha).into_iter().map(|pull| self.minimal_pull(repo, pull)).collect()
    }
}
