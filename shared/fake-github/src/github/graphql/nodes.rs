//! The nodes of the graph and their fields.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::limits::Resource;
use super::super::render::{maybe_time, node_id, read_node_id, time};
use super::super::state::{
    FakeCheckRun, FakeIssue, FakePull, FakeRepo, FakeStatus, FakeSuite, FakeWorkflowRun,
};
use super::executor::{Arguments, Graph};

/// Something that a query can look at, by its place.
#[derive(Debug, Clone)]
pub(crate) enum GraphNode {
    Query,
    RateLimit,
    Repository(u64),
    Pull(u64, u64),
    Issue(u64, u64),
    Comment(u64, u64),
    Account(String),
    Label(u64, String),
    File(u64, u64, usize),
    /// A commit of a pull request.
    PullCommit(u64, String),
    Commit(u64, String),
    Rollup(u64, String),
    CheckRun(u64, u64),
    Suite(u64, u64),
    App(u64),
    Run(u64, u64),
    Workflow(u64, String),
    Status(u64, usize),
    Ref(u64, String),
    AutoMerge(u64, u64),
    /// The page of a connection.
    Page {
        of: &'static str,
        nodes: Vec<GraphNode>,
        total: usize,
        end: usize,
        start: usize,
    },
    PageInfo {
        end: usize,
        start: usize,
        total: usize,
    },
    /// The result of a mutation.
    Payload {
        of: &'static str,
        fields: Vec<(&'static str, Option<GraphNode>)>,
        mark: Value,
    },
}

/// The value of a field.
pub(crate) enum FieldValue {
    Value(Value),
    Node(GraphNode),
    Nodes(Vec<GraphNode>),
    Missing(String),
    Unknown,
}

fn value(value: impl Into<Value>) -> FieldValue {
    FieldValue::Value(value.into())
}

fn maybe(node: Option<GraphNode>) -> FieldValue {
    node.map_or(FieldValue::Value(Value::Null), FieldValue::Node)
}

impl GraphNode {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::RateLimit => "RateLimit",
            Self::Repository(_) => "Repository",
            Self::Pull(..) => "PullRequest",
            Self::Issue(..) => "Issue",
            Self::Comment(..) => "IssueComment",
            Self::Account(login) if login.ends_with("[bot]") => "Bot",
            Self::Account(_) => "User",
            Self::Label(..) => "Label",
            Self::File(..) => "PullRequestChangedFile",
            Self::PullCommit(..) => "PullRequestCommit",
            Self::Commit(..) => "Commit",
            Self::Rollup(..) => "StatusCheckRollup",
            Self::CheckRun(..) => "CheckRun",
            Self::Suite(..) => "CheckSuite",
            Self::App(_) => "App",
            Self::Run(..) => "WorkflowRun",
            Self::Workflow(..) => "Workflow",
            Self::Status(..) => "StatusContext",
            Self::Ref(..) => "Ref",
            Self::AutoMerge(..) => "AutoMergeRequest",
            Self::Page { of, .. } | Self::Payload { of, .. } => of,
            Self::PageInfo { .. } => "PageInfo",
        }
    }

    /// Returns true if the node has this type or interface.
    pub(crate) fn is(&self, name: &str) -> bool {
        let interfaces: &[&str] = match self {
            Self::Account(_) => &["Actor", "Node", "RepositoryOwner"],
            Self::CheckRun(..) | Self::Status(..) => {
                &["RequirableByPullRequest", "StatusCheckRollupContext", "Node"]
            }
            Self::Commit(..) => &["GitObject", "Node"],
            _ => &["Node"],
        };
        self.type_name() == name || interfaces.contains(&name)
    }
}

fn upper(text: &str) -> String {
    text.to_uppercase()
}

impl Graph<'_> {
    fn repo(&self, id: u64) -> Option<&FakeRepo> {
        self.state.repos.get(&id).filter(|repo| self.ctx.caller.sees(self.state, repo))
    }

    /// Cuts a page out of all.
    fn page(&self, of: &'static str, all: Vec<GraphNode>, arguments: &Arguments) -> FieldValue {
        let total = all.len();
        let cursor = |name: &str| {
            let text = arguments.text(name)?;
            read_node_id(text).and_then(|(_, at)| usize::try_from(at).ok())
        };
        let size = |name: &str| arguments.number(name).and_then(|it| usize::try_from(it).ok());
        let (mut start, mut end) = (cursor("after").unwrap_or(0).min(total), total);
        if let Some(before) = cursor("before") {
            end = before.saturating_sub(1).clamp(start, total);
        }
        if let Some(first) = size("first") {
            end = end.min(start + first);
        } else if let Some(last) = size("last") {
            start = start.max(end.saturating_sub(last));
        }
        let nodes = all.into_iter().take(end).skip(start).collect();
        FieldValue::Node(GraphNode::Page { of, nodes, total, end, start })
    }

    /// The value of a field.
    pub(crate) fn resolve(
        &self,
        node: &GraphNode,
        name: &str,
        arguments: &Arguments,
    ) -> FieldValue {
        self.find(node, name, arguments).unwrap_or(FieldValue::Value(Value::Null))
    }

    /// The same; nothing where its owner is gone.
    fn find(&self, node: &GraphNode, name: &str, arguments: &Arguments) -> Option<FieldValue> {
        Some(match node {
            GraphNode::Query => self.query(name, arguments),
            GraphNode::RateLimit => self.rate_limit(name),
            GraphNode::Repository(id) => self.repository(self.repo(*id)?, name, arguments),
            GraphNode::Pull(repo, number) => {
                let repo = self.repo(*repo)?;
                self.pull(repo, repo.pulls.get(number)?, name, arguments)
            }
            GraphNode::Issue(repo, number) => {
                let repo = self.repo(*repo)?;
                self.issue(repo, repo.issues.get(number)?, name, arguments)
            }
            GraphNode::Comment(repo, id) => self.comment(self.repo(*repo)?, *id, name)?,
            GraphNode::Account(login) => self.account(login, name)?,
            GraphNode::Label(repo, label) => {
                let id = self.repo(*repo)?.labels.get(label).copied().unwrap_or_default();
                match name {
                    "name" => value(label.as_str()),
                    "id" => value(node_id("Label", id)),
                    "color" => value("ededed"),
                    _ => FieldValue::Unknown,
                }
            }
            GraphNode::File(repo, number, at) => {
                let file = self.repo(*repo)?.pulls.get(number)?.files.get(*at)?;
                match name {
                    "path" => value(file.path.as_str()),
                    "additions" => value(file.additions),
                    "deletions" => value(file.deletions),
                    "changeType" => value(upper(file.status)),
                    _ => FieldValue::Unknown,
                }
            }
            GraphNode::PullCommit(repo, sha) => match name {
                "commit" => FieldValue::Node(GraphNode::Commit(*repo, sha.clone())),
                "id" => value(node_id("PullRequestCommit", *repo)),
                _ => FieldValue::Unknown,
            },
            GraphNode::Commit(repo, sha) => self.commit(self.repo(*repo)?, sha, name, arguments)?,
            GraphNode::Rollup(repo, sha) => self.rollup(self.repo(*repo)?, sha, name, arguments),
            GraphNode::CheckRun(repo, id) => {
                let repo = self.repo(*repo)?;
                self.check_run(repo, repo.check_runs.get(id)?, name, arguments)
            }
            GraphNode::Suite(repo, id) => {
                let repo = self.repo(*repo)?;
                self.suite(repo, repo.suites.get(id)?, name, arguments)
            }
            GraphNode::App(id) => {
                let app = self.state.apps.get(id)?;
                match name {
                    "databaseId" => value(app.id),
                    "id" => value(node_id("App", app.id)),
                    "slug" | "name" => value(app.slug.as_str()),
                    _ => FieldValue::Unknown,
                }
            }
            GraphNode::Run(repo, id) => {
                let repo = self.repo(*repo)?;
                self.run(repo, repo.runs.get(id)?, name)
            }
            GraphNode::Workflow(repo, workflow) => {
                let id = *self.repo(*repo)?.workflows.get(workflow)?;
                match name {
                    "name" => value(workflow.as_str()),
                    "databaseId" => value(id),
                    "id" => value(node_id("Workflow", id)),
                    _ => FieldValue::Unknown,
                }
            }
            GraphNode::Status(repo, at) => {
                let repo = self.repo(*repo)?;
                self.status(repo, repo.statuses.get(*at)?, name, arguments)
            }
            GraphNode::Ref(repo, branch) => self.reference(self.repo(*repo)?, branch, name)?,
            GraphNode::AutoMerge(repo, number) => {
                let auto = self.repo(*repo)?.pulls.get(number)?.auto_merge.clone()?;
                match name {
                    "enabledAt" => value(time(auto.enabled_ms)),
                    "mergeMethod" => value(upper(&auto.method)),
                    "enabledBy" => FieldValue::Node(GraphNode::Account(auto.by)),
                    _ => FieldValue::Unknown,
                }
            }
            GraphNode::Page { nodes, total, end, start, .. } => match name {
                "nodes" => FieldValue::Nodes(nodes.clone()),
                "totalCount" => value(*total),
                "pageInfo" => FieldValue::Node(GraphNode::PageInfo {
                    end: *end,
                    start: *start,
                    total: *total,
                }),
                "checkRunCount" => {
                    value(nodes.iter().filter(|it| matches!(it, GraphNode::CheckRun(..))).count())
                }
                _ => FieldValue::Unknown,
            },
            GraphNode::PageInfo { end, start, total } => match name {
                "hasNextPage" => value(end < total),
                "hasPreviousPage" => value(*start > 0),
                "endCursor" if end > start => value(node_id("cursor", *end as u64)),
                "startCursor" if end > start => value(node_id("cursor", *start as u64 + 1)),
                "endCursor" | "startCursor" => value(Value::Null),
                _ => FieldValue::Unknown,
            },
            GraphNode::Payload { fields, mark, .. } => {
                match fields.iter().find(|it| it.0 == name) {
                    _ if name == "clientMutationId" => value(mark.clone()),
                    Some((_, node)) => maybe(node.clone()),
                    None => FieldValue::Unknown,
                }
            }
        })
    }

    fn query(&self, name: &str, arguments: &Arguments) -> FieldValue {
        match name {
            "rateLimit" => FieldValue::Node(GraphNode::RateLimit),
            "viewer" => FieldValue::Node(GraphNode::Account(self.ctx.caller.login())),
            "repository" => {
                let owner = arguments.text("owner").unwrap_or_default();
                let full = format!("{owner}/{}", arguments.text("name").unwrap_or_default());
                let found = self.state.repo_named(&full).and_then(|repo| self.repo(repo.id));
                let text = format!("Could not resolve to a Repository with the name '{full}'.");
                found.map_or(FieldValue::Missing(text), |repo| {
                    FieldValue::Node(GraphNode::Repository(repo.id))
                })
            }
            "node" => maybe(arguments.text("id").and_then(|id| self.by_id(id))),
            "nodes" => {
                let ids = arguments.words("ids").unwrap_or_default();
                FieldValue::Nodes(ids.iter().filter_map(|id| self.by_id(id)).collect())
            }
            _ => FieldValue::Unknown,
        }
    }

    /// The node of an id.
    pub(crate) fn by_id(&self, id: &str) -> Option<GraphNode> {
        find_node(self.state, id)
    }

    fn rate_limit(&self, name: &str) -> FieldValue {
        let author = self.ctx.caller.account_key();
        let standing = self.state.limits.peek(&author, Resource::Graphql, self.state.now_ms());
        match name {
            "cost" => value(self.cost),
            "limit" => value(standing.limit),
            "remaining" => value(standing.remaining().saturating_sub(self.cost)),
            "used" => value(standing.used + self.cost),
            "nodeCount" => value(0),
            "resetAt" => value(time(standing.reset_s * 1000)),
            _ => FieldValue::Unknown,
        }
    }

    fn repository(&self, repo: &FakeRepo, name: &str, arguments: &Arguments) -> FieldValue {
        match name {
            "id" => value(node_id("Repository", repo.id)),
            "databaseId" => value(repo.id),
            "name" => value(repo.name.as_str()),
            "nameWithOwner" => value(repo.full_name()),
            "owner" => FieldValue::Node(GraphNode::Account(repo.owner.clone())),
            "url" => value(self.ctx.render(self.state).repo_html(repo)),
            "isPrivate" => value(repo.private),
            "isFork" => value(repo.fork_of.is_some()),
            "isArchived" | "isDisabled" | "isEmpty" => value(false),
            "autoMergeAllowed" => value(repo.auto_merge_allowed),
            "viewerPermission" => value("WRITE"),
            "defaultBranchRef" => {
                let branch = repo.default_branch.clone();
                maybe(
                    repo.branches.contains_key(&branch).then_some(GraphNode::Ref(repo.id, branch)),
                )
            }
            "ref" => {
                let wanted = arguments.text("qualifiedName").unwrap_or_default();
                let branch = wanted.strip_prefix("refs/heads/").unwrap_or(wanted).to_owned();
                maybe(
                    repo.branches.contains_key(&branch).then_some(GraphNode::Ref(repo.id, branch)),
                )
            }
            "object" => {
                let wanted = arguments.text("oid").or(arguments.text("expression"));
                let sha = wanted.and_then(|it| repo.resolve(it));
                maybe(sha.map(|sha| GraphNode::Commit(repo.id, sha)))
            }
            "pullRequest" => {
                let number = arguments.number("number").unwrap_or_default();
                let text =
                    format!("Could not resolve to a PullRequest with the number of {number}.");
                let there = repo.pulls.contains_key(&number);
                if there {
                    FieldValue::Node(GraphNode::Pull(repo.id, number))
                } else {
                    FieldValue::Missing(text)
                }
            }
            "issue" => {
                let number = arguments.number("number").unwrap_or_default();
                let text = format!("Could not resolve to an Issue with the number of {number}.");
                let there = repo.issues.contains_key(&number) && !repo.pulls.contains_key(&number);
                if there {
                    FieldValue::Node(GraphNode::Issue(repo.id, number))
                } else {
                    FieldValue::Missing(text)
                }
            }
            "pullRequests" => self.pulls(repo, arguments),
            "issues" => {
                let own = repo.issues.keys().filter(|it| !repo.pulls.contains_key(it));
                let all = own.map(|number| GraphNode::Issue(repo.id, *number)).collect();
                self.page("IssueConnection", all, arguments)
            }
            "refs" => {
                let all = repo
                    .branches
                    .keys()
                    .map(|name| GraphNode::Ref(repo.id, name.clone()))
                    .collect();
                self.page("RefConnection", all, arguments)
            }
            _ => FieldValue::Unknown,
        }
    }

    fn pulls(&self, repo: &FakeRepo, arguments: &Arguments) -> FieldValue {
        let states = arguments.words("states");
        let labels = arguments.words("labels");
        let fits = |pull: &&FakePull| {
            let issue = &repo.issues[&pull.number];
            let right =
                states.as_ref().is_none_or(|it| it.iter().any(|it| *it == pull_state(pull, issue)));
            let labelled =
                labels.as_ref().is_none_or(|it| it.iter().any(|it| issue.labels.contains(it)));
            let base = arguments.text("baseRefName").is_none_or(|it| it == pull.base_branch);
            let head = arguments.text("headRefName").is_none_or(|it| it == pull.head_branch);
            right && labelled && base && head
        };
        let mut all: Vec<&FakePull> = repo.pulls.values().filter(fits).collect();
        let order = arguments.get("orderBy");
        if order["field"] == "UPDATED_AT" {
            all.sort_by_key(|pull| repo.issues[&pull.number].updated_ms);
        }
        if order["direction"] == "DESC" {
            all.reverse();
        }
        let all = all.into_iter().map(|pull| GraphNode::Pull(repo.id, pull.number)).collect();
        self.page("PullRequestConnection", all, arguments)
    }

    fn pull(
        &self,
        repo: &FakeRepo,
        pull: &FakePull,
        name: &str,
        arguments: &Arguments,
    ) -> FieldValue {
        let issue = &repo.issues[&pull.number];
        match name {
            "id" => value(node_id("PullRequest", pull.id)),
            "databaseId" | "fullDatabaseId" => value(pull.id),
            "state" => value(pull_state(pull, issue)),
            "isDraft" => value(pull.draft),
            "isCrossRepository" => value(pull.head_repo != Some(repo.id)),
            "headRefName" => value(pull.head_branch.as_str()),
            "headRefOid" => value(pull.head_sha.as_str()),
            "baseRefName" => value(pull.base_branch.as_str()),
            "baseRefOid" => value(pull.base_sha.as_str()),
            "headRepository" => maybe(pull.head_repo.map(GraphNode::Repository)),
            "headRepositoryOwner" => FieldValue::Node(GraphNode::Account(pull.head_owner.clone())),
            "baseRepository" | "repository" => FieldValue::Node(GraphNode::Repository(repo.id)),
            "headRef" => {
                let at = pull.head_repo.filter(|id| self.state.repos.contains_key(id));
                maybe(at.map(|id| GraphNode::Ref(id, pull.head_branch.clone())))
            }
            "baseRef" => FieldValue::Node(GraphNode::Ref(repo.id, pull.base_branch.clone())),
            "merged" => value(pull.merged_ms.is_some()),
            "mergedAt" => value(maybe_time(pull.merged_ms)),
            "maintainerCanModify" => value(false),
            "mergeCommit" => {
                maybe(pull.merge_sha.clone().map(|sha| GraphNode::Commit(repo.id, sha)))
            }
            "mergeable" => value(match pull.mergeable {
                None => "UNKNOWN",
                Some(true) => "MERGEABLE",
                Some(false) => "CONFLICTING",
            }),
            "mergeStateStatus" => {
                value(upper(self.ctx.render(self.state).mergeable_state(repo, pull)))
            }
            "reviewDecision" => value(Value::Null),
            "autoMergeRequest" => {
                maybe(pull.auto_merge.as_ref().map(|_| GraphNode::AutoMerge(repo.id, pull.number)))
            }
            "additions" => value(pull.files.iter().map(|file| file.additions).sum::<u64>()),
            "deletions" => value(pull.files.iter().map(|file| file.deletions).sum::<u64>()),
            "changedFiles" => value(pull.files.len()),
            "files" => {
                let all = (0..pull.files.len()).map(|at| GraphNode::File(repo.id, pull.number, at));
                self.page("PullRequestChangedFileConnection", all.collect(), arguments)
            }
            "commits" => {
                self.page("PullRequestCommitConnection", self.commits_of(repo, pull), arguments)
            }
            "statusCheckRollup" => self.rollup_of(repo, &pull.head_sha),
            _ => self.issue(repo, issue, name, arguments),
        }
    }

    fn commits_of(&self, repo: &FakeRepo, pull: &FakePull) -> Vec<GraphNode> {
        let mut all = Vec::new();
        let mut next = Some(pull.head_sha.clone());
        while let Some(sha) = next.filter(|_| (all.len() as u64) < pull.commits) {
            all.push(GraphNode::PullCommit(repo.id, sha.clone()));
            next = repo.commits.get(&sha).and_then(|commit| commit.parents.first().cloned());
        }
        all.reverse();
        all
    }

    fn issue(
        &self,
        repo: &FakeRepo,
        issue: &FakeIssue,
        name: &str,
        arguments: &Arguments,
    ) -> FieldValue {
        let number = issue.number;
        match name {
            "id" => value(node_id("Issue", issue.id)),
            "databaseId" => value(issue.id),
            "number" => value(number),
            "title" => value(issue.title.as_str()),
            "body" | "bodyText" => value(issue.body.clone().unwrap_or_default()),
            "state" => value(if issue.open { "OPEN" } else { "CLOSED" }),
            "closed" => value(!issue.open),
            "locked" => value(false),
            "createdAt" => value(time(issue.created_ms)),
            "updatedAt" => value(time(issue.updated_ms)),
            "closedAt" => value(maybe_time(issue.closed_ms)),
            "url" => {
                let kind = if repo.pulls.contains_key(&number) { "pull" } else { "issues" };
                let html = self.ctx.render(self.state).repo_html(repo);
                value(format!("{html}/{kind}/{number}"))
            }
            "author" => FieldValue::Node(GraphNode::Account(issue.author.clone())),
            "authorAssociation" => {
                value(self.ctx.render(self.state).association(repo, &issue.author))
            }
            "repository" => FieldValue::Node(GraphNode::Repository(repo.id)),
            "labels" => {
                let all = issue.labels.iter().map(|label| GraphNode::Label(repo.id, label.clone()));
                self.page("LabelConnection", all.collect(), arguments)
            }
            "assignees" => {
                let all = issue.assignees.iter().cloned().map(GraphNode::Account);
                self.page("UserConnection", all.collect(), arguments)
            }
            "comments" => {
                let own = repo.comments.values().filter(|it| it.issue == number);
                let all = own.map(|it| GraphNode::Comment(repo.id, it.id)).collect();
                self.page("IssueCommentConnection", all, arguments)
            }
            _ => FieldValue::Unknown,
        }
    }

    fn comment(&self, repo: &FakeRepo, id: u64, name: &str) -> Option<FieldValue> {
        let comment = repo.comments.get(&id)?;
        Some(match name {
            "id" => value(node_id("IssueComment", id)),
            "databaseId" | "fullDatabaseId" => value(id),
            "body" => value(comment.body.as_str()),
            "author" => FieldValue::Node(GraphNode::Account(comment.author.clone())),
            "createdAt" => value(time(comment.created_ms)),
            "updatedAt" => value(time(comment.updated_ms)),
            "url" => value(self.ctx.render(self.state).comment(repo, comment)["html_url"].clone()),
            "viewerDidAuthor" => value(comment.author == self.ctx.caller.login()),
            _ => FieldValue::Unknown,
        })
    }

    fn account(&self, login: &str, name: &str) -> Option<FieldValue> {
        let user = self.state.users.get(login)?;
        Some(match name {
            "id" => value(node_id("User", user.id)),
            "databaseId" => value(user.id),
            // GraphQL leaves the brackets of a bot away.
            "login" => value(login.trim_end_matches("[bot]")),
            "url" => value(format!("{}/{login}", self.state.url)),
            "avatarUrl" => value(format!("{}/avatars/{}", self.state.url, user.id)),
            _ => FieldValue::Unknown,
        })
    }

    fn commit(
        &self,
        repo: &FakeRepo,
        sha: &str,
        name: &str,
        arguments: &Arguments,
    ) -> Option<FieldValue> {
        let commit = repo.commits.get(sha)?;
        let headline = commit.message.lines().next().unwrap_or_default();
        Some(match name {
            "oid" => value(sha),
            "abbreviatedOid" => value(&sha[..7]),
            "id" => value(node_id("Commit", u64::from_str_radix(&sha[..12], 16).unwrap_or(0))),
            "message" => value(commit.message.as_str()),
            "messageHeadline" => value(headline),
            "committedDate" | "pushedDate" => value(time(commit.committer.when_ms)),
            "authoredDate" => value(time(commit.author.when_ms)),
            "url" | "commitUrl" => {
                value(format!("{}/commit/{sha}", self.ctx.render(self.state).repo_html(repo)))
            }
            "statusCheckRollup" => self.rollup_of(repo, sha),
            "checkSuites" => {
                let all = repo.suites.values().filter(|suite| suite.head_sha == sha);
                let all = all.map(|suite| GraphNode::Suite(repo.id, suite.id)).collect();
                self.page("CheckSuiteConnection", all, arguments)
            }
            "associatedPullRequests" => {
                let all = repo.pulls.values().filter(|pull| pull.head_sha == sha);
                let all = all.map(|pull| GraphNode::Pull(repo.id, pull.number)).collect();
                self.page("PullRequestConnection", all, arguments)
            }
            "parents" => {
                let all = commit.parents.iter().map(|sha| GraphNode::Commit(repo.id, sha.clone()));
                self.page("CommitConnection", all.collect(), arguments)
            }
            _ => FieldValue::Unknown,
        })
    }

    fn rollup_of(&self, repo: &FakeRepo, sha: &str) -> FieldValue {
        let any = !self.contexts(repo, sha).is_empty();
        maybe(any.then(|| GraphNode::Rollup(repo.id, sha.to_owned())))
    }

    fn contexts(&self, repo: &FakeRepo, sha: &str) -> Vec<GraphNode> {
        let runs = repo.latest_check_runs(|run| run.head_sha == sha);
        let mut all: Vec<GraphNode> =
            runs.iter().map(|run| GraphNode::CheckRun(repo.id, run.id)).collect();
        for status in repo.latest_statuses(sha) {
            let at = repo.statuses.iter().position(|it| it.id == status.id);
            all.extend(at.map(|at| GraphNode::Status(repo.id, at)));
        }
        all
    }

    fn rollup(&self, repo: &FakeRepo, sha: &str, name: &str, arguments: &Arguments) -> FieldValue {
        match name {
            "id" => value(rollup_id(repo.id, sha)),
            "state" => value(rollup_state(repo, sha)),
            "commit" => FieldValue::Node(GraphNode::Commit(repo.id, sha.to_owned())),
            "contexts" => {
                self.page("StatusCheckRollupContextConnection", self.contexts(repo, sha), arguments)
            }
            _ => FieldValue::Unknown,
        }
    }

    fn check_run(
        &self,
        repo: &FakeRepo,
        run: &FakeCheckRun,
        name: &str,
        arguments: &Arguments,
    ) -> FieldValue {
        let shown = || self.ctx.render(self.state).check_run(repo, run);
        match name {
            "id" => value(node_id("CheckRun", run.id)),
            "databaseId" => value(run.id),
            "name" => value(run.name.as_str()),
            "status" => value(upper(&run.status)),
            "conclusion" => value(run.conclusion.as_deref().map(upper)),
            "detailsUrl" => value(shown()["details_url"].clone()),
            "url" | "permalink" => value(shown()["html_url"].clone()),
            "externalId" => value(run.external_id.as_str()),
            "startedAt" => value(maybe_time(run.started_ms)),
            "completedAt" => value(maybe_time(run.completed_ms)),
            "title" => value(run.title.clone()),
            "summary" => value(run.summary.clone()),
            "text" => value(run.text.clone()),
            "checkSuite" => FieldValue::Node(GraphNode::Suite(repo.id, run.suite)),
            "repository" => FieldValue::Node(GraphNode::Repository(repo.id)),
            "isRequired" => value(is_required(repo, &run.name, arguments)),
            _ => FieldValue::Unknown,
        }
    }

    fn suite(
        &self,
        repo: &FakeRepo,
        suite: &FakeSuite,
        name: &str,
        arguments: &Arguments,
    ) -> FieldValue {
        let (status, conclusion) = repo.suite_outcome(suite.id);
        match name {
            "id" => value(node_id("CheckSuite", suite.id)),
            "databaseId" => value(suite.id),
            "status" => value(upper(status)),
            "conclusion" => value(conclusion.map(upper)),
            "app" => FieldValue::Node(GraphNode::App(suite.app)),
            "commit" => FieldValue::Node(GraphNode::Commit(repo.id, suite.head_sha.clone())),
            "createdAt" => value(time(suite.created_ms)),
            "updatedAt" => value(time(suite.updated_ms)),
            "workflowRun" => {
                let run = repo.runs.values().find(|run| run.suite == suite.id);
                maybe(run.map(|run| GraphNode::Run(repo.id, run.id)))
            }
            "branch" => maybe(suite.head_branch.clone().map(|name| GraphNode::Ref(repo.id, name))),
            "checkRuns" => {
                let all = repo.latest_check_runs(|run| run.suite == suite.id);
                let all = all.iter().map(|run| GraphNode::CheckRun(repo.id, run.id)).collect();
                self.page("CheckRunConnection", all, arguments)
            }
            _ => FieldValue::Unknown,
        }
    }

    fn run(&self, repo: &FakeRepo, run: &FakeWorkflowRun, name: &str) -> FieldValue {
        match name {
            "id" => value(node_id("WorkflowRun", run.id)),
            "databaseId" => value(run.id),
            "runNumber" => value(run.run_number),
            "event" => value(run.event.as_str()),
            "createdAt" => value(time(run.created_ms)),
            "updatedAt" => value(time(run.updated_ms)),
            "url" => value(self.ctx.render(self.state).run(repo, run)["html_url"].clone()),
            "workflow" => FieldValue::Node(GraphNode::Workflow(repo.id, run.workflow.clone())),
            "checkSuite" => FieldValue::Node(GraphNode::Suite(repo.id, run.suite)),
            _ => FieldValue::Unknown,
        }
    }

    fn status(
        &self,
        repo: &FakeRepo,
        status: &FakeStatus,
        name: &str,
        arguments: &Arguments,
    ) -> FieldValue {
        match name {
            "id" => value(node_id("StatusContext", status.id)),
            "context" => value(status.context.as_str()),
            "state" => value(upper(&status.state)),
            "description" => value(status.description.clone()),
            "targetUrl" => value(status.target_url.clone()),
            "createdAt" => value(time(status.created_ms)),
            "creator" => FieldValue::Node(GraphNode::Account(status.creator.clone())),
            "commit" => FieldValue::Node(GraphNode::Commit(repo.id, status.sha.clone())),
            "isRequired" => value(is_required(repo, &status.context, arguments)),
            _ => FieldValue::Unknown,
        }
    }

    fn reference(&self, repo: &FakeRepo, branch: &str, name: &str) -> Option<FieldValue> {
        let at = repo.branches.get(branch)?;
        Some(match name {
            "id" => value(node_id("Ref", repo.id)),
            "name" => value(branch),
            "prefix" => value("refs/heads/"),
            "target" => FieldValue::Node(GraphNode::Commit(repo.id, at.sha.clone())),
            "repository" => FieldValue::Node(GraphNode::Repository(repo.id)),
            _ => FieldValue::Unknown,
        })
    }
}

/// A rollup has no number: it is of a commit.
fn rollup_id(repo: u64, sha: &str) -> String {
    STANDARD.encode(format!("StatusCheckRollup:{repo}:{sha}"))
}

fn read_rollup_id(id: &str) -> Option<(u64, String)> {
    let text = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    let (repo, sha) = text.strip_prefix("StatusCheckRollup:")?.split_once(':')?;
    Some((repo.parse().ok()?, sha.to_owned()))
}

/// The node of an id, as far as mutations take it.
pub(crate) fn find_node(state: &super::super::state::GitHubState, id: &str) -> Option<GraphNode> {
    if let Some((repo, sha)) = read_rollup_id(id) {
        return state.repos.contains_key(&repo).then_some(GraphNode::Rollup(repo, sha));
    }
    let (kind, number) = read_node_id(id)?;
    if kind == "Repository" {
        return state.repos.contains_key(&number).then_some(GraphNode::Repository(number));
    }
    state.repos.values().find_map(|repo| match kind.as_str() {
        "PullRequest" => {
            let pull = repo.pulls.values().find(|pull| pull.id == number)?;
            Some(GraphNode::Pull(repo.id, pull.number))
        }
        "Issue" => {
            let issue = repo.issues.values().find(|issue| issue.id == number)?;
            let pull = repo.pulls.contains_key(&issue.number);
            Some(if pull {
                GraphNode::Pull(repo.id, issue.number)
            } else {
                GraphNode::Issue(repo.id, issue.number)
            })
        }
        "CheckRun" => repo.check_runs.get(&number).map(|run| GraphNode::CheckRun(repo.id, run.id)),
        "CheckSuite" => repo.suites.get(&number).map(|it| GraphNode::Suite(repo.id, it.id)),
        "IssueComment" => repo.comments.get(&number).map(|it| GraphNode::Comment(repo.id, it.id)),
        _ => None,
    })
}

fn pull_state(pull: &FakePull, issue: &FakeIssue) -> &'static str {
    match (pull.merged_ms, issue.open) {
        (Some(_), _) => "MERGED",
        (None, true) => "OPEN",
        (None, false) => "CLOSED",
    }
}

fn is_required(repo: &FakeRepo, check: &str, arguments: &Arguments) -> bool {
    let number = arguments.number("pullRequestNumber");
    let pull = number.and_then(|number| repo.pulls.get(&number));
    let base = pull.map_or(&repo.default_branch, |pull| &pull.base_branch);
    let rules = repo.branches.get(base).and_then(|branch| branch.protection.as_ref());
    rules.is_some_and(|rules| rules.required_checks.iter().any(|name| name == check))
}

fn rollup_state(repo: &FakeRepo, sha: &str) -> &'static str {
    let runs = repo.latest_check_runs(|run| run.head_sha == sha);
    let statuses = repo.latest_statuses(sha);
    let bad = |end: Option<&str>| {
        end.is_some_and(|end| !matches!(end, "success" | "neutral" | "skipped"))
    };
    if runs.iter().any(|run| bad(run.conclusion.as_deref()))
        || statuses.iter().any(|it| it.state == "failure")
    {
        "FAILURE"
    } else if statuses.iter().any(|it| it.state == "error") {
        "ERROR"
    } else if runs.iter().any(|run| run.status != "completed")
        || statuses.iter().any(|it| it.state == "pending")
    {
        "PENDING"
    } else {
        "SUCCESS"
    }
}

/// Returns the result of a mutation with the caller's `clientMutationId`.
pub(crate) fn payload(
    of: &'static str,
    fields: Vec<(&'static str, Option<GraphNode>)>,
    input: &Value,
) -> GraphNode {
    let mark = input.get("clientMutationId").cloned().unwrap_or(json!(null));
    GraphNode::Payload { of, fields, mark }
}
