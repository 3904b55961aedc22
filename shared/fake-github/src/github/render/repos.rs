//! Repositories, branches and commits.

use serde_json::{Value, json};

use super::super::state::{CommitSignature, FakeBranch, FakeCommit, FakeRepo};
use super::{Render, extend, node_id, time};

impl Render<'_> {
    pub(crate) fn repo_url(&self, repo: &FakeRepo) -> String {
        format!("{}/repos/{}", self.api, repo.full_name())
    }

    pub(crate) fn repo_html(&self, repo: &FakeRepo) -> String {
        format!("{}/{}", self.web, repo.full_name())
    }

    /// Renders the fields that every repository has.
    pub(crate) fn minimal_repo(&self, repo: &FakeRepo) -> Value {
        let url = self.repo_url(repo);
        let mut all = json!({
            "id": repo.id,
            "node_id": node_id("Repository", repo.id),
            "name": repo.name,
            "full_name": repo.full_name(),
            "private": repo.private,
            "owner": self.user(&repo.owner),
            "html_url": self.repo_html(repo),
            "description": null,
            "fork": repo.fork_of.is_some(),
            "url": url,
        });
        for (name, path) in LINKS {
            all[name] = format!("{url}/{path}").into();
        }
        all
    }

    /// A repository in lists, in pull requests and in webhooks.
    pub(crate) fn repo(&self, repo: &FakeRepo) -> Value {
        let html = self.repo_html(repo);
        let times = time(repo.created_ms);
        let open = repo.issues.values().filter(|issue| issue.open).count();
        let mut all = self.minimal_repo(repo);
        extend(
            &mut all,
            json!({
                "created_at": times, "updated_at": times, "pushed_at": times,
                "git_url": html.replacen("http", "git", 1) + ".git",
                "ssh_url": format!("git@fake:{}.git", repo.full_name()),
                "clone_url": format!("{html}.git"),
                "svn_url": html,
                "homepage": null, "size": 1, "stargazers_count": 0, "watchers_count": 0,
                "language": "Shell", "has_issues": true, "has_projects": false,
                "has_downloads": true, "has_wiki": false, "has_pages": false,
                "has_discussions": false, "forks_count": 0, "mirror_url": null,
                "archived": false, "disabled": false, "open_issues_count": open,
                "license": null, "allow_forking": true, "is_template": false,
                "web_commit_signoff_required": false, "topics": [],
                "visibility": if repo.private { "private" } else { "public" },
                "forks": 0, "open_issues": open, "watchers": 0,
                "default_branch": repo.default_branch,
            }),
        );
        all
    }

    /// A repository as one asks for it by its name.
    pub(crate) fn full_repo(&self, repo: &FakeRepo) -> Value {
        let mut all = self.repo(repo);
        extend(
            &mut all,
            json!({
                "network_count": 0, "subscribers_count": 0,
                "allow_squash_merge": true, "allow_merge_commit": true, "allow_rebase_merge": true,
                "allow_auto_merge": repo.auto_merge_allowed, "delete_branch_on_merge": false,
            }),
        );
        all
    }

    /// Renders the repository inside a webhook, which includes the settings of its organisation.
    pub(crate) fn hook_repo(&self, repo: &FakeRepo) -> Value {
        let mut all = self.repo(repo);
        all["custom_properties"] = json!({});
        all
    }

    pub(crate) fn commit(&self, repo: &FakeRepo, commit: &FakeCommit) -> Value {
        let url = format!("{}/commits/{}", self.repo_url(repo), commit.sha);
        let git = format!("{}/git", self.repo_url(repo));
        let html = format!("{}/commit/{}", self.repo_html(repo), commit.sha);
        let parent = |sha: &String| {
            json!({
                "sha": sha,
                "url": format!("{}/commits/{sha}", self.repo_url(repo)),
                "html_url": format!("{}/commit/{sha}", self.repo_html(repo)),
            })
        };
        let author = |signature: &CommitSignature| match self.user(&signature.name) {
            Value::Null => json!({}),
            known => known,
        };
        json!({
            "sha": commit.sha,
            "node_id": node_id("Commit", u64::from_str_radix(&commit.sha[..12], 16).unwrap_or(0)),
            "commit": {
                "author": signature(&commit.author),
                "committer": signature(&commit.committer),
                "message": commit.message,
                "tree": {"sha": commit.tree, "url": format!("{git}/trees/{}", commit.tree)},
                "url": format!("{git}/commits/{}", commit.sha),
                "comment_count": 0,
                "verification": {"verified": false, "reason": "unsigned", "signature": null,
                    "payload": null, "verified_at": null},
            },
            "url": url, "html_url": html, "comments_url": format!("{url}/comments"),
            "author": author(&commit.author), "committer": author(&commit.committer),
            "parents": commit.parents.iter().map(parent).collect::<Vec<_>>(),
        })
    }

    /// A commit as it stands on runs and suites.
    pub(crate) fn simple_commit(&self, repo: &FakeRepo, sha: &str) -> Value {
        let Some(commit) = repo.commits.get(sha) else { return Value::Null };
        let author = |author: &CommitSignature| json!({"name": author.name, "email": author.email});
        json!({
            "id": commit.sha, "tree_id": commit.tree, "message": commit.message,
            "timestamp": time(commit.committer.when_ms),
            "author": author(&commit.author), "committer": author(&commit.committer),
        })
    }

    pub(crate) fn branch(&self, repo: &FakeRepo, name: &str, branch: &FakeBranch) -> Value {
        let url = format!("{}/branches/{name}", self.repo_url(repo));
        let commit = repo.commits.get(&branch.sha).map(|commit| self.commit(repo, commit));
        let protection = branch.protection.as_ref();
        let checks = protection.map(|it| it.required_checks.clone()).unwrap_or_default();
        let level = if checks.is_empty() { "off" } else { "non_admins" };
        json!({
            "name": name,
            "commit": commit,
            "_links": {"self": url, "html": format!("{}/tree/{name}", self.repo_html(repo))},
            "protected": protection.is_some(),
            "protection": {
                "enabled": protection.is_some(),
                "required_status_checks":
                    {"enforcement_level": level, "contexts": checks, "checks": []},
            },
            "protection_url": format!("{url}/protection"),
        })
    }

    pub(crate) fn short_branch(&self, repo: &FakeRepo, name: &str, branch: &FakeBranch) -> Value {
        let url = format!("{}/commits/{}", self.repo_url(repo), branch.sha);
        let protected = branch.protection.is_some();
        json!({"name": name, "commit": {"sha": branch.sha, "url": url}, "protected": protected})
    }

    pub(crate) fn protection(
        &self,
        repo: &FakeRepo,
        name: &str,
        rules: &super::super::ProtectionRules,
    ) -> Value {
        let url = format!("{}/branches/{name}/protection", self.repo_url(repo));
        let checks: Vec<Value> = rules
            .required_checks
            .iter()
            .map(|context| json!({"context": context, "app_id": null}))
            .collect();
        let mut all = json!({
            "url": url,
            "enforce_admins": {"url": format!("{url}/enforce_admins"), "enabled": false},
            "required_linear_history": {"enabled": false},
            "allow_force_pushes": {"enabled": false},
            "allow_deletions": {"enabled": false},
        });
        if !checks.is_empty() {
            all["required_status_checks"] = json!({
                "url": format!("{url}/required_status_checks"), "strict": false,
                "contexts": rules.required_checks, "checks": checks,
                "contexts_url": format!("{url}/required_status_checks/contexts"),
            });
        }
        if rules.required_reviews > 0 {
            all["required_pull_request_reviews"] = json!({
                "url": format!("{url}/required_pull_request_reviews"),
                "dismiss_stale_reviews": false, "require_code_owner_reviews": false,
                "required_approving_review_count": rules.required_reviews,
            });
        }
        all
    }
}

fn signature(author: &CommitSignature) -> Value {
    json!({"name": author.name, "email": author.email, "date": time(author.when_ms)})
}

/// The links of a repository, below its own.
const LINKS: [(&str, &str); 36] = [
    ("forks_url", "forks"),
    ("keys_url", "keys{/key_id}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("teams_url", "teams"),
    ("hooks_url", "hooks"),
    ("issue_events_url", "issues/events{/number}"),
    ("events_url", "events"),
    ("assignees_url", "assignees{/user}"),
    ("branches_url", "branches{/branch}"),
    ("tags_url", "tags"),
    ("blobs_url", "git/blobs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("trees_url", "git/trees{/sha}"),
    ("statuses_url", "statuses/{sha}"),
    ("languages_url", "languages"),
    ("stargazers_url", "stargazers"),
    ("contributors_url", "contributors"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("commits_url", "commits{/sha}"),
    ("git_commits_url", "git/commits{/sha}"),
    ("comments_url", "comments{/number}"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("contents_url", "contents/{+path}"),
    ("compare_url", "compare/{base}...{head}"),
    ("merges_url", "merges"),
    ("archive_url", "{archive_format}{/ref}"),
    ("downloads_url", "downloads"),
    ("issues_url", "issues{/number}"),
    ("pulls_url", "pulls{/number}"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("labels_url", "labels{/name}"),
    ("releases_url", "releases{/id}"),
    ("deployments_url", "deployments"),
];
