//! Issues, pull requests as threads, and comments.

use serde_json::{Value, json};

use super::super::render::extend;
use super::super::state::{FakeComment, FakeIssue, GitHubState};

/// An issue to be opened.
pub(crate) struct NewIssue<'a> {
    pub(crate) title: &'a str,
    pub(crate) body: Option<&'a str>,
    pub(crate) author: &'a str,
    pub(crate) labels: Vec<String>,
}

impl GitHubState {
    /// Opens an issue, or the issue side of a pull request; its number.
    pub(crate) fn add_issue(&mut self, repo: u64, new: NewIssue<'_>) -> u64 {
        let (id, now) = (self.next_id(), self.now_ms());
        self.account(new.author, super::super::state::AccountKind::User);
        for label in &new.labels {
            self.add_label(repo, label);
        }
        let Some(repo) = self.repos.get_mut(&repo) else { return 0 };
        let number = repo.next_number();
        let issue = FakeIssue {
            id,
            number,
            title: new.title.to_owned(),
            body: new.body.map(str::to_owned),
            author: new.author.to_owned(),
            open: true,
            labels: new.labels,
            assignees: Vec::new(),
            created_ms: now,
            updated_ms: now,
            closed_ms: None,
        };
        repo.issues.insert(number, issue);
        number
    }

    /// Makes sure that a repository has a label.
    pub(crate) fn add_label(&mut self, repo: u64, name: &str) {
        let id = self.next_id();
        if let Some(repo) = self.repos.get_mut(&repo) {
            repo.label(name, id);
        }
    }

    /// Puts labels on an issue or pull request, or takes them off.
    pub(crate) fn set_labels(&mut self, repo: u64, number: u64, labels: Vec<String>, by: &str) {
        for label in &labels {
            self.add_label(repo, label);
        }
        let now = self.now_ms();
        let Some(issue) = self.issue_mut(repo, number) else { return };
        let before = std::mem::replace(&mut issue.labels, labels.clone());
        issue.updated_ms = now;
        let changed = [
            ("labeled", difference(&labels, &before)),
            ("unlabeled", difference(&before, &labels)),
        ];
        for (action, names) in changed {
            for name in names {
                let label = self.repos.get(&repo).map(|it| self.render().labels(it, &[name]));
                let label = label.and_then(|mut all| all.pop());
                self.emit_thread(repo, number, action, by, json!({"label": label}));
            }
        }
    }

    pub(crate) fn issue_mut(&mut self, repo: u64, number: u64) -> Option<&mut FakeIssue> {
        self.repos.get_mut(&repo)?.issues.get_mut(&number)
    }

    /// Opens or closes an issue or pull request.
    pub(crate) fn set_open(&mut self, repo: u64, number: u64, open: bool, by: &str) {
        let now = self.now_ms();
        let Some(issue) = self.issue_mut(repo, number) else { return };
        if issue.open == open {
            return;
        }
        issue.open = open;
        issue.updated_ms = now;
        issue.closed_ms = (!open).then_some(now);
        let action = if open { "reopened" } else { "closed" };
        self.emit_thread(repo, number, action, by, json!({}));
    }

    pub(crate) fn emit_thread(
        &mut self,
        repo: u64,
        number: u64,
        action: &str,
        by: &str,
        more: Value,
    ) {
        let is_pull = self.repos.get(&repo).is_some_and(|it| it.pulls.contains_key(&number));
        if is_pull {
            return self.emit_pull(repo, number, action, by, more);
        }
        let Some(body) = self.issue_body(repo, number) else { return };
        let mut all = json!({"action": action, "issue": body});
        extend(&mut all, more);
        self.emit(repo, "issues", by, all);
    }

    pub(crate) fn emit_pull(
        &mut self,
        repo: u64,
        number: u64,
        action: &str,
        by: &str,
        more: Value,
    ) {
        let render = self.render();
        let Some(of) = self.repos.get(&repo) else { return };
        let Some(pull) = of.pulls.get(&number) else { return };
        let mut pull = render.pull(of, pull);
        for side in ["head", "base"] {
            if pull[side]["repo"].is_object() {
                pull[side]["repo"]["custom_properties"] = json!({});
            }
        }
        let mut all = json!({"action": action, "number": number, "pull_request": pull});
        extend(&mut all, more);
        self.emit(repo, "pull_request", by, all);
    }

    fn issue_body(&self, repo: u64, number: u64) -> Option<Value> {
        let repo = self.repos.get(&repo)?;
        Some(self.render().issue(repo, repo.issues.get(&number)?))
    }

    /// Writes a comment; its id.
    pub(crate) fn add_comment(
        &mut self,
        repo: u64,
        issue: u64,
        author: &str,
        body: &str,
        app: Option<u64>,
    ) -> u64 {
        self.account(author, super::super::state::AccountKind::User);
        let (id, now) = (self.next_id(), self.now_ms());
        let (author, body) = (author.to_owned(), body.to_owned());
        let comment = FakeComment {
            id,
            issue,
            author: author.clone(),
            body,
            created_ms: now,
            updated_ms: now,
            app,
        };
        if let Some(repo) = self.repos.get_mut(&repo) {
            repo.comments.insert(id, comment);
        }
        if let Some(issue) = self.issue_mut(repo, issue) {
            issue.updated_ms = now;
        }
        self.emit_comment(repo, id, "created", &author, json!({}));
        id
    }

    /// Changes a comment.
    pub(crate) fn edit_comment(&mut self, repo: u64, id: u64, body: &str, by: &str) {
        let now = self.now_ms();
        let found = self.repos.get_mut(&repo).and_then(|it| it.comments.get_mut(&id));
        let Some(comment) = found else { return };
        let before = std::mem::replace(&mut comment.body, body.to_owned());
        comment.updated_ms = now;
        self.emit_comment(repo, id, "edited", by, json!({"changes": {"body": {"from": before}}}));
    }

    /// Deletes a comment.
    pub(crate) fn delete_comment(&mut self, repo: u64, id: u64, by: &str) {
        self.emit_comment(repo, id, "deleted", by, json!({}));
        if let Some(repo) = self.repos.get_mut(&repo) {
            repo.comments.remove(&id);
        }
    }

    fn emit_comment(&mut self, repo: u64, id: u64, action: &str, by: &str, more: Value) {
        let Some(of) = self.repos.get(&repo) else { return };
        let Some(comment) = of.comments.get(&id) else { return };
        let Some(issue) = of.issues.get(&comment.issue) else { return };
        let render = self.render();
        let (comment, issue) = (render.comment(of, comment), render.issue(of, issue));
        let mut all = json!({"action": action, "comment": comment, "issue": issue});
        extend(&mut all, more);
        self.emit(repo, "issue_comment", by, all);
    }
}

/// Returns the entries of the first that are missing in the other.
pub(crate) fn difference(one: &[String], other: &[String]) -> Vec<String> {
    one.iter().filter(|name| !other.contains(name)).cloned().collect()
}
