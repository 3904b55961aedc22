//! Issues, comments, labels, reactions.

use serde_json::{Value, json};

use super::super::access::{RepoRole, role};
use super::super::state::{FakeComment, FakeIssue, FakeReaction, FakeRepo, ReactionSubject};
use super::{Render, extend, maybe_time, node_id, time};

impl Render<'_> {
    pub(crate) fn issue(&self, repo: &FakeRepo, issue: &FakeIssue) -> Value {
        let url = format!("{}/issues/{}", self.repo_url(repo), issue.number);
        let kind = if repo.pulls.contains_key(&issue.number) { "pull" } else { "issues" };
        let html = format!("{}/{kind}/{}", self.repo_html(repo), issue.number);
        let assignees = issue.assignees.iter().map(|login| self.user(login)).collect::<Vec<_>>();
        let comments = repo.comments.values().filter(|it| it.issue == issue.number).count();
        let mut all = json!({
            "id": issue.id, "node_id": node_id("Issue", issue.id), "number": issue.number,
            "url": url, "html_url": html, "repository_url": self.repo_url(repo),
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
            "timeline_url": format!("{url}/timeline"),
            "title": issue.title, "body": issue.body, "user": self.user(&issue.author),
            "labels": self.labels(repo, &issue.labels),
            "state": if issue.open { "open" } else { "closed" },
            "state_reason": if issue.open { None } else { Some("completed") },
            "locked": false, "active_lock_reason": null,
            "assignee": issue.assignees.first().map(|login| self.user(login)),
            "assignees": assignees, "milestone": null, "comments": comments,
            "created_at": time(issue.created_ms), "updated_at": time(issue.updated_ms),
            "closed_at": maybe_time(issue.closed_ms), "closed_by": null,
            "author_association": self.association(repo, &issue.author),
            "performed_via_github_app": null,
            "reactions": self.reaction_counts(repo, ReactionSubject::Issue(issue.number), &url),
        });
        if let Some(pull) = repo.pulls.get(&issue.number) {
            all["draft"] = pull.draft.into();
            all["pull_request"] = json!({
                "url": format!("{}/pulls/{}", self.repo_url(repo), issue.number),
                "html_url": html, "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"), "merged_at": maybe_time(pull.merged_ms),
            });
        }
        all
    }

    pub(crate) fn comment(&self, repo: &FakeRepo, comment: &FakeComment) -> Value {
        let url = format!("{}/issues/comments/{}", self.repo_url(repo), comment.id);
        let kind = if repo.pulls.contains_key(&comment.issue) { "pull" } else { "issues" };
        let page = format!("{}/{kind}/{}", self.repo_html(repo), comment.issue);
        json!({
            "id": comment.id, "node_id": node_id("IssueComment", comment.id),
            "url": url, "html_url": format!("{page}#issuecomment-{}", comment.id),
            "issue_url": format!("{}/issues/{}", self.repo_url(repo), comment.issue),
            "user": self.user(&comment.author), "body": comment.body,
            "created_at": time(comment.created_ms), "updated_at": time(comment.updated_ms),
            "author_association": self.association(repo, &comment.author),
            "performed_via_github_app": comment.app.map(|app| self.app(app)),
            "reactions": self.reaction_counts(repo, ReactionSubject::Comment(comment.id), &url),
        })
    }

    fn reaction_counts(&self, repo: &FakeRepo, on: ReactionSubject, url: &str) -> Value {
        let mut all = json!({"url": format!("{url}/reactions")});
        let mut total = 0;
        for content in REACTIONS {
            let made = |it: &&FakeReaction| it.on == on && it.content == content;
            let count = repo.reactions.iter().filter(made).count();
            all[content] = count.into();
            total += count;
        }
        all["total_count"] = total.into();
        all
    }

    pub(crate) fn reaction(&self, reaction: &FakeReaction) -> Value {
        json!({
            "id": reaction.id, "node_id": node_id("Reaction", reaction.id),
            "user": self.user(&reaction.author), "content": reaction.content,
            "created_at": time(reaction.created_ms),
        })
    }

    pub(crate) fn labels(&self, repo: &FakeRepo, names: &[String]) -> Vec<Value> {
        names.iter().map(|name| self.label(repo, name)).collect()
    }

    fn label(&self, repo: &FakeRepo, name: &str) -> Value {
        let id = repo.labels.get(name).copied().unwrap_or_default();
        let mut all = json!({"id": id, "node_id": node_id("Label", id), "name": name});
        let url =
            format!("{}/labels/{}", self.repo_url(repo), super::super::response::escape(name));
        extend(
            &mut all,
            json!({"url": url, "color": "ededed", "default": false, "description": ""}),
        );
        all
    }

    pub(crate) fn association(&self, repo: &FakeRepo, login: &str) -> &'static str {
        if repo.owner == login {
            return "OWNER";
        }
        let known = repo.collaborators.contains_key(login);
        if known && role(repo, login) > RepoRole::Read { "COLLABORATOR" } else { "NONE" }
    }
}

/// The reactions that GitHub accepts.
pub(crate) const REACTIONS: [&str; 8] =
    ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"];
