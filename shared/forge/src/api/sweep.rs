//! All open pull requests with all their checks, fifty per page.
//!
//! One query replaces a hundred REST calls. By GitHub's formula a page costs about one point: the
//! pull requests, the last commit of each, the checks of each, and the default branch are 1 + 50 +
//! 50 + 1 requests, and a hundred requests are a point. Labels would add fifty more; they are read
//! with the pull request when a check fails.
//!
//! - A pull request with more than a hundred checks is read further, up to a bound; `complete` is
//!   `false` if some are missing.
//! - Entries that these credentials can't see are left out and named in `problems`; the rest of the
//!   page counts.
//! - A page that exceeds GitHub's time limit is requested again in a smaller size.

use std::fmt::Write;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::CallScope;
use crate::error::{ForgeError, Purpose};
use crate::forge::Forge;
use crate::graphql::{GraphQlError, GraphQlOperation};
use crate::model::{Conclusion, Progress, StatusState, list, or_default, or_none};
use crate::names::{CheckRunId, CheckSuiteId, PullNumber, RepoName, RunId, Sha};
use crate::time::Timestamp;

/// Pull requests per page. The smaller sizes are for pages that exceed GitHub's time limit.
const PAGE_SIZES: [usize; 3] = [50, 20, 5];

/// Pages of a hundred checks to read for one head after the first.
const MORE_CHECKS: usize = 9;

/// One page of open pull requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Oldest first.
    pub pulls: Vec<SweptPull>,
    /// `None` if the repository is empty.
    pub default_branch: Option<SweptHead>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// Points that this page cost, including additional pages of checks.
    pub cost: u64,
    /// Points that are left, if GitHub reports it.
    pub remaining: Option<u64>,
    /// Entries that could not be read.
    pub problems: Vec<String>,
}

/// An open pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweptPull {
    pub number: PullNumber,
    pub title: String,
    pub draft: bool,
    /// The head is in another repository.
    pub from_fork: bool,
    /// The target branch.
    pub base: String,
    /// Empty for a deleted account.
    pub author: String,
    pub updated_at: Option<Timestamp>,
    pub head: SweptHead,
}

/// The newest commit of a branch, with its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweptHead {
    pub branch: String,
    pub sha: Sha,
    /// The summary of all checks; `None` without checks.
    pub state: Option<StatusState>,
    /// The newest check of each name.
    pub checks: Vec<SweptCheck>,
    /// `checks` holds every check.
    pub complete: bool,
}

/// A check run or a commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweptCheck {
    Run {
        id: CheckRunId,
        name: String,
        status: Progress,
        conclusion: Option<Conclusion>,
        /// The page that its app links to.
        details_url: String,
        started_at: Option<Timestamp>,
        completed_at: Option<Timestamp>,
        /// The app that created it, such as `github-actions`.
        app: String,
        suite: Option<CheckSuiteId>,
        /// The workflow run, if the check is a job.
        run: Option<RunId>,
        /// The workflow's name.
        workflow: String,
    },
    Status {
        context: String,
        state: StatusState,
        target_url: String,
        description: String,
        created_at: Option<Timestamp>,
    },
}

impl SweptCheck {
    /// Returns `true` if the check failed and Greenline should look at it.
    #[must_use]
    pub fn is_red(&self) -> bool {
        match self {
            Self::Run { conclusion, .. } => conclusion.as_ref().is_some_and(Conclusion::is_red),
            Self::Status { state, .. } => state.is_red(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Run { name, .. } => name,
            Self::Status { context, .. } => context,
        }
    }
}

const CONTEXTS: &str = "pageInfo { hasNextPage endCursor } nodes { __typename \
    ... on CheckRun { databaseId name status conclusion detailsUrl startedAt completedAt \
    checkSuite { databaseId app { slug } workflowRun { databaseId workflow { name } } } } \
    ... on StatusContext { context state targetUrl description createdAt } }";

fn page_query() -> String {
    format!(
        "query($owner: String!, $name: String!, $size: Int!, $after: String) {{ \
         rateLimit {{ cost remaining }} \
         repository(owner: $owner, name: $name) {{ \
         defaultBranchRef {{ name target {{ ... on Commit {{ oid ...rollup }} }} }} \
         pullRequests(states: OPEN, first: $size, after: $after, \
         orderBy: {{field: CREATED_AT, direction: ASC}}) {{ \
         pageInfo {{ hasNextPage endCursor }} nodes {{ \
         number title isDraft isCrossRepository updatedAt author {{ login }} \
         baseRefName headRefName headRefOid \
         commits(last: 1) {{ nodes {{ commit {{ oid ...rollup }} }} }} }} }} }} }} \
         fragment rollup on Commit {{ statusCheckRollup {{ id state \
         contexts(first: 100) {{ {CONTEXTS} }} }} }}"
    )
}

/// Builds the query for more checks of one commit.
fn more_query() -> String {
    format!(
        "query($id: ID!, $after: String) {{ rateLimit {{ cost remaining }} \
         node(id: $id) {{ ... on StatusCheckRollup {{ \
         contexts(first: 100, after: $after) {{ {CONTEXTS} }} }} }} }}"
    )
}

impl Forge {
    /// Returns a page of open pull requests with their checks, and the default branch with its
    /// checks. `after` is the [`Sweep::next`] of the previous page.
    ///
    /// GraphQL `repository.pullRequests`, `statusCheckRollup`
    pub async fn sweep_pulls(
        &self,
        repo: &RepoName,
        after: Option<&str>,
    ) -> Result<Sweep, ForgeError> {
        let purpose: Purpose = format!("sweep the pull requests of {repo}").into();
        let (page, faults) = self.page(repo, &purpose, after).await?;
        let Some(repository) = page.repository else {
            let permission = None;
            return Err(ForgeError::NotFound { purpose, permission });
        };
        let mut sweep = Sweep {
            pulls: Vec::new(),
            default_branch: None,
            next: repository.pull_requests.page_info.next(),
            cost: 0,
            remaining: None,
            problems: problems(faults),
        };
        sweep.charge(page.rate_limit);
        if let Some(branch) = repository.default_branch_ref {
            sweep.default_branch = self.branch_head(repo, branch, &mut sweep).await?;
        }
        for pull in repository.pull_requests.nodes {
            if let Some(pull) = self.swept(repo, pull, &mut sweep).await? {
                sweep.pulls.push(pull);
            }
        }
        Ok(sweep)
    }

    /// Requests a page in the largest size that GitHub answers in time.
    async fn page(
        &self,
        repo: &RepoName,
        purpose: &Purpose,
        after: Option<&str>,
    ) -> Result<(PageData, Vec<GraphQlError>), ForgeError> {
        let query = page_query();
        let mut sizes = PAGE_SIZES.iter();
        loop {
            let size = sizes.next().copied().unwrap_or(1);
            let variables =
                json!({ "owner": repo.owner(), "name": repo.name(), "size": size, "after": after });
            match self.ask::<PageData>(repo, purpose, (&query, variables)).await {
                Err(ForgeError::Failing { .. }) if sizes.len() > 0 => {}
                other => return other,
            }
        }
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        repo: &RepoName,
        purpose: &Purpose,
        asked: (&str, Value),
    ) -> Result<(T, Vec<GraphQlError>), ForgeError> {
        let about = CallScope::Repo(repo.clone());
        let received = self
            .core
            .graphql::<T>(about, Arc::clone(purpose), GraphQlOperation::Query, asked)
            .await?;
        received.data(purpose)
    }

    async fn swept(
        &self,
        repo: &RepoName,
        pull: PullNode,
        sweep: &mut Sweep,
    ) -> Result<Option<SweptPull>, ForgeError> {
        let Some(sha) = pull.head_ref_oid else { return Ok(None) };
        // The commit list may lag behind a push; checks of another commit don't belong to this
        // head.
        let commit = pull.commits.nodes.into_iter().map(|node| node.commit);
        let rollup = commit.filter(|commit| commit.oid == sha).find_map(|commit| commit.rollup);
        let head = self.head(repo, pull.head_ref_name, sha, rollup, sweep).await?;
        Ok(Some(SweptPull {
            number: pull.number,
            title: pull.title,
            draft: pull.is_draft,
            from_fork: pull.is_cross_repository,
            base: pull.base_ref_name,
            author: pull.author.login,
            updated_at: pull.updated_at,
            head,
        }))
    }

    async fn branch_head(
        &self,
        repo: &RepoName,
        branch: BranchNode,
        sweep: &mut Sweep,
    ) -> Result<Option<SweptHead>, ForgeError> {
        let Some(commit) = branch.target else { return Ok(None) };
        self.head(repo, branch.name, commit.oid, commit.rollup, sweep).await.map(Some)
    }

    /// Returns a head with all its checks, reading further pages if there are more than a hundred.
    async fn head(
        &self,
        repo: &RepoName,
        branch: String,
        sha: Sha,
        rollup: Option<RollupNode>,
        sweep: &mut Sweep,
    ) -> Result<SweptHead, ForgeError> {
        let mut head = SweptHead { branch, sha, state: None, checks: Vec::new(), complete: true };
        let Some(rollup) = rollup else { return Ok(head) };
        head.state = rollup.state;
        let mut next = rollup.contexts.page_info.next();
        head.checks.extend(rollup.contexts.nodes.into_iter().filter_map(ContextNode::check));
        for _ in 0..MORE_CHECKS {
            let Some(after) = next else { return Ok(head) };
            let more = self.more(repo, &rollup.id, &after, sweep).await?;
            next = more.page_info.next();
            head.checks.extend(more.nodes.into_iter().filter_map(ContextNode::check));
        }
        head.complete = next.is_none();
        Ok(head)
    }

    async fn more(
        &self,
        repo: &RepoName,
        id: &str,
        after: &str,
        sweep: &mut Sweep,
    ) -> Result<Nodes<ContextNode>, ForgeError> {
        let purpose: Purpose = format!("read more checks of {repo}").into();
        let variables = json!({ "id": id, "after": after });
        let asked = (more_query(), variables);
        let (more, faults) =
            self.ask::<MoreData>(repo, &purpose, (asked.0.as_str(), asked.1)).await?;
        sweep.charge(more.rate_limit);
        sweep.problems.extend(problems(faults));
        Ok(more.node.map(|node| node.contexts).unwrap_or_default())
    }
}

impl Sweep {
    fn charge(&mut self, limit: Option<PointsNode>) {
        if let Some(points) = limit {
            self.cost += points.cost;
            self.remaining = Some(points.remaining);
        }
    }
}

/// Keeps at most ten: one missing permission repeats the same problem for every check.
fn problems(faults: Vec<GraphQlError>) -> Vec<String> {
    let mut problems: Vec<String> = faults.into_iter().map(line).collect();
    problems.sort();
    problems.dedup();
    problems.truncate(10);
    problems
}

fn line(fault: GraphQlError) -> String {
    let mut line = fault.message;
    if !fault.kind.is_empty() {
        // Writing to a `String` can't fail.
        let _ = write!(line, " ({})", fault.kind);
    }
    line
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageData {
    #[serde(default, deserialize_with = "or_none")]
    rate_limit: Option<PointsNode>,
    repository: Option<RepositoryNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MoreData {
    #[serde(default, deserialize_with = "or_none")]
    rate_limit: Option<PointsNode>,
    #[serde(default)]
    node: Option<MoreNode>,
}

#[derive(Deserialize)]
struct MoreNode {
    #[serde(default, deserialize_with = "or_default")]
    contexts: Nodes<ContextNode>,
}

#[derive(Deserialize)]
struct PointsNode {
    #[serde(default, deserialize_with = "or_default")]
    cost: u64,
    #[serde(default, deserialize_with = "or_default")]
    remaining: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryNode {
    #[serde(default)]
    default_branch_ref: Option<BranchNode>,
    #[serde(default, deserialize_with = "or_default")]
    pull_requests: Nodes<PullNode>,
}

#[derive(Deserialize)]
struct BranchNode {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default)]
    target: Option<CommitNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullNode {
    number: PullNumber,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    is_draft: bool,
    #[serde(default, deserialize_with = "or_default")]
    is_cross_repository: bool,
    #[serde(default, deserialize_with = "or_none")]
    updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    author: AuthorNode,
    #[serde(default, deserialize_with = "or_default")]
    base_ref_name: String,
    #[serde(default, deserialize_with = "or_default")]
    head_ref_name: String,
    #[serde(default, deserialize_with = "or_none")]
    head_ref_oid: Option<Sha>,
    #[serde(default, deserialize_with = "or_default")]
    commits: Nodes<PullCommit>,
}

#[derive(Default, Deserialize)]
struct AuthorNode {
    #[serde(default, deserialize_with = "or_default")]
    login: String,
}

#[derive(Deserialize)]
struct PullCommit {
    commit: CommitNode,
}

#[derive(Deserialize)]
struct CommitNode {
    oid: Sha,
    #[serde(rename = "statusCheckRollup", default)]
    rollup: Option<RollupNode>,
}

#[derive(Deserialize)]
struct RollupNode {
    #[serde(default, deserialize_with = "or_default")]
    id: String,
    #[serde(default, deserialize_with = "or_none")]
    state: Option<StatusState>,
    #[serde(default, deserialize_with = "or_default")]
    contexts: Nodes<ContextNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: serde::de::DeserializeOwned")]
struct Nodes<T> {
    #[serde(default, deserialize_with = "or_default")]
    page_info: PageInfo,
    #[serde(default = "Vec::new", deserialize_with = "list")]
    nodes: Vec<T>,
}

impl<T> Default for Nodes<T> {
    fn default() -> Self {
        Self { page_info: PageInfo::default(), nodes: Vec::new() }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    #[serde(default, deserialize_with = "or_default")]
    has_next_page: bool,
    #[serde(default, deserialize_with = "or_none")]
    end_cursor: Option<String>,
}

impl PageInfo {
    fn next(self) -> Option<String> {
        self.end_cursor.filter(|_| self.has_next_page)
    }
}

/// A check run or a status, as `typename` says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextNode {
    #[serde(rename = "__typename", default, deserialize_with = "or_default")]
    typename: String,
    #[serde(default, deserialize_with = "or_none")]
    database_id: Option<CheckRunId>,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    status: Progress,
    #[serde(default, deserialize_with = "or_none")]
    conclusion: Option<Conclusion>,
    #[serde(default, deserialize_with = "or_default")]
    details_url: String,
    #[serde(default, deserialize_with = "or_none")]
    started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_none")]
    completed_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    check_suite: CheckSuiteNode,
    #[serde(default, deserialize_with = "or_default")]
    context: String,
    #[serde(default, deserialize_with = "or_default")]
    state: StatusState,
    #[serde(default, deserialize_with = "or_default")]
    target_url: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_none")]
    created_at: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckSuiteNode {
    #[serde(default, deserialize_with = "or_none")]
    database_id: Option<CheckSuiteId>,
    #[serde(default, deserialize_with = "or_default")]
    app: crate::model::CheckApp,
    #[serde(default, deserialize_with = "or_default")]
    workflow_run: WorkflowRunNode,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowRunNode {
    #[serde(default, deserialize_with = "or_none")]
    database_id: Option<RunId>,
    #[serde(default, deserialize_with = "or_default")]
    workflow: WorkflowNode,
}

#[derive(Default, Deserialize)]
struct WorkflowNode {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

impl ContextNode {
    /// Returns the check, or `None` for an unknown kind.
    fn check(self) -> Option<SweptCheck> {
        match self.typename.as_str() {
            "CheckRun" => Some(SweptCheck::Run {
                id: self.database_id?,
                name: self.name,
                status: self.status,
                conclusion: self.conclusion,
                details_url: self.details_url,
                started_at: self.started_at,
                completed_at: self.completed_at,
                app: self.check_suite.app.slug,
                suite: self.check_suite.database_id,
                run: self.check_suite.workflow_run.database_id,
                workflow: self.check_suite.workflow_run.workflow.name,
            }),
            "StatusContext" => Some(SweptCheck::Status {
                context: self.context,
                state: self.state,
                target_url: self.target_url,
                description: self.description,
                created_at: self.created_at,
            }),
            _ => None,
        }
    }
}
